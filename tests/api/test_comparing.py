import numpy as np
import pandas as pd
import pytest
from lxml import html

from analysis import SurveyDesign, mean, rake
from analysis.errors import WeightingError
from api import comparing
from api.comparing import compare_data
from surveys import Release

POPULATION = pd.DataFrame(
    {
        "country": ["CN", "CN", "DE", "DE"],
        "sex": ["f", "m"] * 2,
        "population": [52, 48, 50, 50],
        "source": "An office",
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    draw = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "country": ["CN", "DE", "FR"] * 40,
            "sex": draw.choice(["f", "m"], 120, p=[0.3, 0.7]),
            "view": draw.choice(["for", "rather for", "against"], 120),
            "trust": draw.integers(0, 11, 120),
        }
    )
    frame.loc[0, "sex"] = None
    path = tmp_path_factory.mktemp("data")
    frame.to_csv(path / "answers.csv", index=False)
    POPULATION.to_csv(path / "population.csv", index=False)
    return path


def test_a_file_is_weighted_to_its_margins(folder):
    result = compare_data(
        folder / "answers.csv",
        outcome="trust",
        by="country",
        strata=["country"],
        margins=folder / "population.csv",
    )
    frame = pd.read_csv(folder / "answers.csv")
    # France has no margins and is not compared.
    design = SurveyDesign(frame[frame["country"] != "FR"], strata="country")
    raked = rake(design, POPULATION, missing="keep", variance="jackknife")
    expected = mean(raked, "trust", by="country")
    pd.testing.assert_frame_equal(result.estimate.to_frame(), expected.to_frame())
    assert str(result).startswith("raked to sex within each country")
    assert list(result.comparison.values.index) == [("DE", "CN")]


def test_margins_that_do_not_fit_are_an_error(folder, tmp_path):
    POPULATION.assign(sex="x").drop_duplicates("country").to_csv(tmp_path / "wrong.csv")
    with pytest.raises(WeightingError, match="margin 'sex'"):
        compare_data(
            folder / "answers.csv",
            outcome="trust",
            by="country",
            margins=tmp_path / "wrong.csv",
        )


@pytest.mark.parametrize(
    ("share_of", "rows"),
    [
        (None, [("CN", "against"), ("CN", "for"), ("CN", "rather for")]),
        (["for", "rather for"], ["CN", "DE", "FR"]),
    ],
)
def test_shares_are_of_each_answer_or_of_some_together(folder, share_of, rows):
    result = compare_data(
        folder / "answers.csv", outcome="view", by="country", share_of=share_of
    )
    assert list(result.estimate.values.index[:3]) == rows
    assert result.estimate.interval == "logit"
    page = html.fromstring(result.to_html())
    title = f"{result.outcome} by country (answers.csv)"
    assert page.findtext(".//h1") == title
    assert "Not a probability sample" not in str(result) + page.text_content()
    assert len([*page.iter("figure")]) == (share_of is not None)
    if share_of:
        assert "Share of view: for or rather for" in str(result)
        view = pd.read_csv(folder / "answers.csv")
        expected = view["view"].ne("against").groupby(view["country"]).mean()
        assert result.estimate.values.to_numpy() == pytest.approx(expected.to_numpy())


@pytest.mark.parametrize("is_drawn", [True, False])
def test_a_release_brings_its_margins_strata_and_cautions(
    folder, monkeypatch, is_drawn
):
    frame = pd.read_csv(folder / "answers.csv")
    # As in a release: all countries of the questionnaire are categories.
    countries = pd.Categorical(frame["country"], ["CN", "DE", "FR", "other"])
    facts = {
        "synthetic": True,
        "margins": [["sex"]],
        "disclosure": {"probability_sample": is_drawn},
    }
    release = Release({"parallax": facts}, frame, POPULATION, ())
    monkeypatch.setattr(Release, "frame", lambda _: frame.assign(country=countries))
    monkeypatch.setattr(comparing, "read_release", lambda _: release)
    result = compare_data(folder, outcome="trust", by="country")
    assert list(result.estimate.values.index) == ["CN", "DE"]
    assert "clusters in 2 strata" in result.estimate.method
    assert "calibrated weights" in result.estimate.method
    assert result.to_dict()["self_selected"] == (not is_drawn)
    for text in (str(result), result.to_html()):
        assert "Synthetic data" in text
        assert ("Not a probability sample" in text) == (not is_drawn)


@pytest.mark.parametrize("has_margins", [True, False])
def test_a_release_without_its_margins_brings_weights(folder, monkeypatch, has_margins):
    frame = pd.read_csv(folder / "answers.csv")
    frame["calibrated_weight"] = np.linspace(0.5, 1.5, len(frame))
    frame.loc[5, "country"] = None
    weights = {"variable": "calibrated_weight", "method": "raked to sex and age"}
    facts = {
        "synthetic": True,
        "margins": [["sex"]] if has_margins else [],
        "margins_left_out": [["age"]],
        "weights": weights | {"countries": ["CN", "DE"]},
        "disclosure": {"probability_sample": True},
    }
    population = POPULATION if has_margins else POPULATION[:0]
    release = Release({"parallax": facts}, frame, population, ())
    monkeypatch.setattr(Release, "frame", lambda _: frame)
    monkeypatch.setattr(comparing, "read_release", lambda _: release)
    result = compare_data(folder, outcome="trust", by="country")
    design = SurveyDesign(
        frame[frame["country"].isin(["CN", "DE"])],
        weights="calibrated_weight",
        strata="country",
    )
    if has_margins:
        design = rake(design, POPULATION, missing="keep", variance="jackknife")
    expected = mean(design, "trust", by="country")
    pd.testing.assert_frame_equal(result.estimate.to_frame(), expected.to_frame())
    assert "Weights of the release: raked to sex and age." in str(result)
    assert ("raked to sex within each country" in result.weighting) == has_margins
    plain = compare_data(folder, outcome="trust", by="country", weighted=False)
    assert plain.weighting == ""
    unweighted = frame.groupby("country")["trust"].mean()
    assert plain.estimate.values.to_numpy() == pytest.approx(unweighted.to_numpy())


@pytest.mark.parametrize("kind", ["number", "text", "category"])
def test_codes_that_stand_for_no_answer_are_missing(tmp_path, kind):
    answers = {
        "number": [1, 2, -99, 4],
        "text": ["1", "2", "dont_know", "4"],
        "category": ["yes", "no", "dont_know", "yes"],
    }[kind]
    frame = pd.DataFrame({"country": list("aabb"), "view": answers})
    if kind == "category":
        frame["view"] = pd.Categorical(answers, ["yes", "no", "dont_know"])
    frame.to_parquet(tmp_path / "answers.parquet")
    result = compare_data(
        tmp_path / "answers.parquet",
        outcome="view",
        by="country",
        missing=["dont_know", "-99"],
    )
    assert int(result.estimate.n_respondents.groupby("country").max().sum()) == 3
    if kind == "category":
        assert {answer for _, answer in result.estimate.values.index} == {"yes", "no"}
    else:
        assert result.estimate.values.to_list() == [1.5, 4]
