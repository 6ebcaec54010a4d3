"""Several stages, strata of one cluster and rows that count, against R and by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import SurveyDesign, mean, poststratify, proportion, total
from analysis.totals import Influence
from analysis.variance import linearized_covariance

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "variance.json").read_text()
)
RTOL = 1e-9  # closed forms
ESTIMATES = {
    "mean": lambda design: mean(design, "trust"),
    "total": lambda design: total(design, "trust"),
    "domain": lambda design: mean(design, "trust", where="urban_first"),
    "first": lambda design: mean(design, "trust", where=design.frame["psu"] == 1),
    "shares": lambda design: proportion(design, "approval"),
    "by": lambda design: mean(design, "trust", by="country"),
    "by_age": lambda design: mean(design, "trust", by="age_group"),
}
STAGES = {
    "two_stages": {
        "strata": "stratum",
        "clusters": "cluster",
        "population_sizes": ["n_psu", "n_adults"],
    },
    "three_stages": {
        "strata": "stratum",
        "clusters": ["psu", "street"],
        "nest": True,
        "population_sizes": ["n_psu", "n_streets", "n_people"],
    },
    "no_strata": {
        "clusters": ["cluster", "person"],
        "population_sizes": ["n_all", "n_adults"],
    },
}
LONELY = {
    "single": {"clusters": "cluster"},
    "single_finite": {"clusters": "cluster", "population_sizes": "n_apart"},
    "single_below": {
        "clusters": ["cluster", "street"],
        "population_sizes": ["n_apart", "n_streets", "n_more_people"],
    },
}


@pytest.fixture
def staged(survey):
    """Streets of up to four in each cluster, with numbers of the population."""
    number = survey.groupby("cluster").cumcount()
    street = number // 4
    streets = survey.assign(street=street).groupby("cluster")["street"]
    n_streets = streets.transform("max") + 1
    on_street = survey.groupby([survey["cluster"], street])["psu"].transform("size")
    all_drawn = (on_street == 1) | ((survey["psu"] == 3) & (street == n_streets - 1))
    named = {"CN-1-1": "apart", "DE-2-1": "sure"}
    apart = survey["cluster"].map(named).fillna(survey["stratum"])
    n_apart = apart.map({"apart": 5, "sure": 1}).fillna(survey["n_psu"])
    return survey.assign(
        urban_first=survey["urban"] & (survey["psu"] < 3),
        street=street,
        person=range(len(survey)),
        n_all=70,
        n_streets=n_streets * np.where(survey["psu"] == 2, 1, 3),
        n_people=np.where(all_drawn, on_street, on_street + survey["psu"]),
        n_more_people=on_street + 1,
        n_adults=survey.groupby("cluster")["psu"].transform("size") * 2,
        apart=apart,
        n_apart=n_apart,
    )


def check(result, expected):
    covariance = np.array(expected.get("covariance", np.nan), dtype=float)
    assert_allclose(result.values, np.ravel(expected["estimate"]), rtol=RTOL)
    found = {
        "std_error": result.std_errors,
        "covariance": result.covariance,
        "deff": result.design_effects_without_replacement,
        "df": result.df,
    }
    for key in expected.keys() & found.keys():
        wanted = np.array(expected[key], dtype=float)
        if key == "deff" and wanted.ndim == 2:
            wanted = np.diag(wanted)
        assert_allclose(
            np.ravel(found[key]),
            np.ravel(wanted),
            rtol=RTOL,
            atol=RTOL * np.abs(np.nan_to_num(covariance)).max() * (key != "df"),
        )


@pytest.mark.parametrize("case", ESTIMATES)
@pytest.mark.parametrize("name", STAGES)
def test_several_stages_agree_with_r(staged, name, case):
    design = SurveyDesign(staged, weights="design_weight", **STAGES[name])
    check(ESTIMATES[case](design), REFERENCE["stages"][name][case])
    assert "several stages" in ESTIMATES[case](design).method


@pytest.mark.parametrize("case", ESTIMATES)
@pytest.mark.parametrize(
    ("rule", "name"),
    [(rule, name) for rule, d in REFERENCE["lonely"].items() for name in d],
)
def test_strata_with_one_cluster_agree_with_r(staged, rule, name, case):
    design = SurveyDesign(
        staged,
        weights="design_weight",
        strata="apart",
        single_cluster=rule,
        **LONELY[name],
    )
    check(ESTIMATES[case](design), REFERENCE["lonely"][rule][name][case])


@pytest.mark.parametrize("case", ["mean", "first"])
@pytest.mark.parametrize("name", REFERENCE["calibrated"])
def test_fitted_weights_agree_with_r_in_such_designs(staged, name, case):
    average = {"strata": "apart", "clusters": "cluster", "single_cluster": "average"}
    options = STAGES.get(name, average)
    margin = pd.DataFrame({"gender": ["female", "male"], "population": [52, 48]})
    design = SurveyDesign(staged, weights="design_weight", **options)
    design = poststratify(design, margin)
    check(ESTIMATES[case](design), REFERENCE["calibrated"][name][case])


def test_an_average_over_no_other_strata_is_no_variance(staged):
    """R gives NaN as well."""
    design = SurveyDesign(
        staged, strata="apart", clusters="cluster", single_cluster="average"
    )
    here = mean(design, "trust", where=staged["apart"].isin(["apart", "sure"]))
    assert np.isfinite(here.values["trust"])
    assert np.isnan(here.std_errors["trust"])
    assert here.to_frame()["note"].tolist() == ["no interval: no degrees of freedom"]


def test_weights_that_count_no_persons_give_no_effect_without_replacement(staged):
    small = staged.assign(weight=staged["design_weight"] / 1e6)
    effects = mean(SurveyDesign(small, weights="weight"), "trust")
    assert np.isnan(effects.design_effects_without_replacement["trust"])
    assert effects.design_effects["trust"] > 1
    assert effects.n_effective["trust"] < effects.n_respondents["trust"]


def test_stages_without_population_sizes_are_not_needed(staged):
    options = {"weights": "design_weight", "strata": "stratum"}
    one = SurveyDesign(staged, clusters="cluster", **options)
    several = SurveyDesign(staged, clusters=["cluster", "street", "person"], **options)
    assert len(several.sample.stages) == 1
    assert_allclose(
        mean(several, "trust").covariance, mean(one, "trust").covariance, rtol=RTOL
    )


def test_a_census_of_clusters_leaves_the_variance_within_them(staged):
    """All clusters drawn: what is left is a stratified sample of people."""
    n_clusters = staged.groupby("stratum")["cluster"].transform("nunique")
    census = SurveyDesign(
        staged.assign(n_psu=n_clusters),
        weights="design_weight",
        strata="stratum",
        clusters="cluster",
        population_sizes=["n_psu", "n_adults"],
    )
    people = SurveyDesign(
        staged, weights="design_weight", strata="cluster", population_sizes="n_adults"
    )
    for estimate in (ESTIMATES["mean"], ESTIMATES["shares"]):
        assert_allclose(
            estimate(census).covariance,
            estimate(people).covariance,
            rtol=RTOL,
            atol=1e-15,
        )


def many_rows(n=60_000, seed=3):
    random = np.random.default_rng(seed)
    cluster = random.integers(0, 120, n)
    answers = ["yes", "perhaps", "no"]
    return pd.DataFrame(
        {
            "cluster": cluster,
            "stratum": cluster % 7,
            "country": pd.Categorical.from_codes(cluster % 4, list("ABCD")),
            "weight": random.choice([0.5, 1.0, 2.5], n),
            "urban": random.random(n) < 0.4,
            "age": random.integers(18, 90, n).astype(float),
            "answer": pd.Categorical.from_codes(random.integers(-1, 3, n), answers),
        }
    )


DESIGNS = {
    "clusters": {"weights": "weight", "strata": "stratum", "clusters": "cluster"},
    "unclustered": {"weights": "weight", "strata": "stratum"},
    "simple": {},
}


def counted(frame, options):
    """Rows of respondents alike in everything."""
    keys = ["cluster", "stratum", "country", "urban", "answer", "age", "weight"]
    groups = frame.assign(one=1.0, weight_sum=frame["weight"]).groupby(
        keys, observed=True, dropna=False, as_index=False
    )
    cells = groups.agg(n=("one", "sum"), weight_sum=("weight_sum", "sum"))
    weights = {"weights": "weight_sum"} if "weights" in options else {}
    return SurveyDesign(cells, counts="n", **(options | weights))


@pytest.mark.parametrize("options", DESIGNS.values(), ids=DESIGNS)
@pytest.mark.parametrize(
    "estimate",
    [
        lambda d: proportion(d, "answer", by="country"),
        lambda d: proportion(
            d, "answer", by=["country", "urban"], where=d.frame["age"] < 40
        ),
        lambda d: mean(d, "age", by="country", where="urban"),
        lambda d: total(d, "age", by="urban"),
    ],
)
def test_rows_that_count_respondents_are_those_respondents(options, estimate):
    frame = many_rows()
    one, other = (
        estimate(counted(frame, options)),
        estimate(SurveyDesign(frame, **options)),
    )
    assert_allclose(one.values, other.values, rtol=RTOL)
    assert_allclose(one.covariance, other.covariance, rtol=RTOL, atol=1e-15)
    assert_allclose(one.srs_variances, other.srs_variances, rtol=RTOL)
    assert_allclose(one.conf_int(), other.conf_int(), rtol=RTOL)
    assert one.n_respondents.tolist() == other.n_respondents.tolist()
    assert one.group_df.tolist() == other.group_df.tolist()
    assert one.method == other.method


def test_collapsing_changes_no_number_and_keeps_empty_clusters():
    frame = many_rows().assign(rare=lambda d: d["cluster"] < 5)
    design = SurveyDesign(frame, **DESIGNS["clusters"])
    small, where = design.collapsed(["answer", "country"], "rare")
    assert len(small.frame) < len(frame) / 20
    assert (small.n_respondents, small.n_clusters) == (len(frame), 120)
    one = proportion(small, "answer", by="country", where=where)
    piece = design.domain("rare")
    assert_allclose(
        one.values, proportion(design, "answer", by="country", where=piece).values
    )
    # By hand, through a mean of an indicator, which is not collapsed.
    yes = (frame["answer"] == "yes").astype(float).where(frame["answer"].notna())
    direct = SurveyDesign(frame.assign(yes=yes), **DESIGNS["clusters"])
    direct = mean(direct, "yes", by="country", where="rare")
    shares = one.values.xs("yes", level="answer")
    assert_allclose(shares, direct.values, rtol=RTOL)
    errors = one.std_errors.xs("yes", level="answer")
    assert_allclose(errors, direct.std_errors, rtol=RTOL, atol=1e-15)
    assert one.group_df.xs("yes", level="answer").tolist() == direct.group_df.tolist()


@pytest.mark.parametrize("counts", [False, True])
def test_sums_by_code_give_what_all_rows_give(monkeypatch, counts):
    """Unclustered samples take a short cut; in blocks, clusters do."""
    random = np.random.default_rng(5)
    n = 500
    frame = pd.DataFrame(
        {"stratum": random.integers(0, 3, n), "n": 1.0 + np.arange(n) % 3}
    )
    design = SurveyDesign(frame, strata="stratum", counts="n" if counts else None)
    codes = random.integers(-1, 4, n)
    values, coefficients = random.normal(2, 1, n), random.normal(size=(4, 2))
    part = Influence(codes, values, coefficients)
    quick = linearized_covariance([part], design.sample)
    halves = [part._replace(values=values / 2)] * 2
    assert_allclose(linearized_covariance(halves, design.sample), quick, rtol=1e-12)
    monkeypatch.setattr("analysis.variance.BLOCK_CELLS", 64)
    assert_allclose(linearized_covariance(halves, design.sample), quick, rtol=1e-12)
    rows = np.where(codes[:, None] < 0, 0, values[:, None] * coefficients[codes])
    expected = np.zeros((2, 2))
    size = frame["n"].to_numpy() if counts else np.ones(n)
    for h in range(3):
        here = frame["stratum"].to_numpy() == h
        each = np.repeat(rows[here] / size[here, None], size[here].astype(int), axis=0)
        expected += len(each) * np.cov(each.T)
    assert_allclose(quick, expected, rtol=1e-12)
