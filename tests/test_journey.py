import pytest

from analysis import SurveyDesign, compare, proportion, rake
from api.datasets import release
from api.robots import interview
from api.synthetic import synthetic_respondents
from surveys import read_release


def test_an_answer_travels_from_the_form_to_the_comparison(
    service, visitor, shipped, tmp_path
):
    survey = "social_credit"
    people = synthetic_respondents(shipped, 75, seed=7)
    for person in people:
        url = f"{service.url}/s/{survey}"
        interview(visitor.client, url, person.choose, language=person.language)
    assert len(service.stored(survey)) == 75
    release(service.engine, survey, tmp_path / "release")
    data = read_release(tmp_path / "release")
    frame = data.frame()
    assert set(frame["country"]) == {"CN", "DE", "GB", "IT", "US"}
    cells = data.population.dropna(subset=["gender"])
    margins = cells.groupby(["country", "gender"], as_index=False)["population"].sum()
    design = SurveyDesign(frame, strata="country")
    design = rake(design, margins, by="country", missing="keep")
    raked = design.frame.groupby(["country", "gender"])["calibrated_weight"].sum()
    known = raked / raked.groupby("country").transform("sum")
    targets = margins.set_index(["country", "gender"])["population"]
    targets = targets / targets.groupby("country").transform("sum")
    for cell, share in known.items():
        assert share == pytest.approx(targets[cell], rel=1e-9)
    table = compare(proportion(design, "side", by="country"), reference="CN").to_frame()
    assert table["estimate"].notna().all()
    assert table["p_value"].between(0, 1).all()


@pytest.mark.parametrize("profile", ["scientific", "open"])
def test_a_protected_release_reaches_its_k(
    service, visitor, shipped, tmp_path, profile
):
    for person in synthetic_respondents(shipped, 20, seed=8):
        interview(visitor.client, f"{service.url}/s/social_credit", person.choose)
    assert service.stored("social_credit")
    package = release(service.engine, "social_credit", tmp_path / "data", profile)
    facts = package["parallax"]
    frame = read_release(tmp_path / "data").responses
    sizes = frame.groupby(facts["quasi_identifiers"]).size()
    assert sizes.min() == facts["k"] >= {"scientific": 5, "open": 10}[profile]
    assert set(frame["consent_publication"]) == {"yes"}
    assert sum(facts["suppressed_cells"].values()) > 0
