import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from analysis import mean, poststratify, rake, total
from analysis.nonresponse import adjust_nonresponse
from analysis.replicates import replicate
from analysis.trimming import trim
from analysis.weighting import calibrate

REFERENCE = json.loads(
    (Path(__file__).parent / "references" / "weighting_calibration.json").read_text()
)
# R's Newton steps stop at a miss of 1e-12 of the totals, ours at the same; what is
# closed form agrees to 1e-12.
RTOL = 1e-9


def numbers(frame, weight, by=None, **factors):
    """Totals of numbers: what the sample says, times a factor."""
    parts = [("all", frame)] if by is None else frame.groupby(by)
    return pd.DataFrame(
        {
            "country": group,
            "population": part[weight].sum(),
            **{n: (part[weight] * part[n]).sum() * f for n, f in factors.items()},
        }
        for group, part in parts
    )


def to_margins(design, margins, **options):
    return calibrate(design, margins, by="country", **options)


def to_numbers(design, _, **options):
    targets = numbers(design.frame, "design_weight", psu=1.03, long_list=0.96)
    return calibrate(design, totals=targets.iloc[0].drop("country"), **options)


def to_both(design, margins, **options):
    ages = margins.dropna(subset="age_group")
    sexes = ages.groupby(["country", "gender"], as_index=False)["population"].sum()
    targets = numbers(design.frame, "design_weight", "country", psu=1.03)
    return calibrate(design, sexes, targets, by="country", **options)


def per_cluster(design, margins, **options):
    size = design.frame.groupby("country")["design_weight"].sum()
    schools = margins.dropna(subset="education")
    of = schools["country"]
    share = schools["population"] / schools.groupby(of)["population"].transform("sum")
    schools = schools.assign(population=share * of.map(size))
    schools = schools.groupby("education", as_index=False)["population"].sum()
    targets = numbers(design.frame, "n_psu", long_list=0.96).iloc[0].drop("country")
    return calibrate(
        replace(design, weights="n_psu"), schools, targets, per_cluster=True, **options
    )


def jackknife(fit, **options):
    return lambda design, margins: fit(replicate(design), margins, **options)


def only_ages(design, margins):
    return poststratify(design, margins.dropna(subset="age_group"), by="country")


WEIGHTED = {
    "linear": to_margins,
    "linear_finite": lambda design, margins: to_margins(
        replace(design, population_sizes="n_psu"), margins
    ),
    "raking": lambda *known: to_margins(*known, method="raking"),
    "logit": lambda *known: to_margins(*known, method="logit", bounds=(0.4, 2.2)),
    "linear_bounded": lambda *known: to_margins(*known, bounds=(0.65, 1.6)),
    "raking_bounded": lambda *known: to_margins(
        *known, method="raking", bounds=(0.65, 1.6)
    ),
    "numbers": to_numbers,
    "numbers_raking": lambda *known: to_numbers(*known, method="raking"),
    "mixed": to_both,
    "mixed_raking": lambda *known: to_both(*known, method="raking"),
    "mixed_logit": lambda *known: to_both(*known, method="logit", bounds=(0.5, 2)),
    "clusters": per_cluster,
    "clusters_raking": lambda *known: per_cluster(*known, method="raking"),
    "trim": lambda design, _: trim(design, lower=150, upper=700),
    "trim_once": lambda design, _: trim(design, lower=150, upper=700, strict=False),
    "trim_raked": lambda *known: trim(rake(*known), lower=150, upper=700),
    "jackknife_rake": jackknife(rake),
    "jackknife_poststratify": jackknife(only_ages),
    "jackknife_linear": jackknife(to_margins),
    "jackknife_raking": jackknife(to_margins, method="raking"),
    "jackknife_logit": jackknife(to_margins, method="logit", bounds=(0.4, 2.2)),
    "jackknife_numbers": jackknife(to_numbers),
    "nonresponse": lambda design, _: adjust_nonresponse(
        design, design.frame["education_asked"].notna(), ["country", "urban"]
    ),
}
CASES = {
    "mean": lambda design: mean(design, "trust"),
    "total": lambda design: total(design, "aware"),
    "domain": lambda design: mean(design, "trust", where="urban"),
    "by_age": lambda design: mean(design, "trust", by="age_group"),
}


def test_every_way_of_weighting_has_its_reference():
    assert set(WEIGHTED) == set(REFERENCE["cases"])


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_and_estimates_agree_with_r(name, design, population):
    weighted, expected = WEIGHTED[name](design, population), REFERENCE["cases"][name]
    weights = weighted.frame[weighted.weights]
    assert_allclose(weights.iloc[::7], expected["weights"], rtol=RTOL)
    for case, estimate in CASES.items():
        found = estimate(weighted)
        both = [*found.values, *found.std_errors]
        assert_allclose(both, expected[case], rtol=RTOL, err_msg=case)
