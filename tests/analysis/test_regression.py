import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from analysis import SurveyDesign, compare, mean, poststratify, proportion
from analysis.errors import EstimationError, UnknownColumn
from analysis.imputation import combine
from analysis.multinomial_regression import multinomial
from analysis.ordinal_regression import ordinal
from analysis.predictions import marginal_effects, predict, predictive_margins
from analysis.regression import regress
from analysis.replicates import replicate
from analysis.term_tests import proportional_odds_test, term_test

RTOL = 1e-9


@pytest.fixture
def frame(survey):
    codes = survey["approval"].cat.codes
    return survey.assign(approves=(codes < 2).astype(float).where(codes >= 0))


@pytest.fixture
def design(frame):
    return SurveyDesign(
        frame, weights="design_weight", strata="stratum", clusters="cluster"
    )


FITS = {
    "linear": lambda design: regress(design, "trust ~ urban + country"),
    "logit": lambda design: regress(design, "approves ~ country + gender", "logit"),
    "poisson": lambda design: regress(design, "items ~ country + trust", "poisson"),
    "ordinal": lambda design: ordinal(design, "approval ~ country + gender"),
    "multinomial": lambda design: multinomial(design, "education_asked ~ country"),
}
every_fit = pytest.mark.parametrize("make", FITS.values(), ids=FITS)


def assert_same(one, other, rtol=RTOL):
    assert_allclose(one.values, other.values, rtol=rtol, atol=rtol)
    assert_allclose(one.covariance, other.covariance, rtol=rtol, atol=rtol)
    assert one.df == other.df


@every_fit
def test_covariances_are_named_and_symmetric(design, make):
    fit = make(design)
    assert list(fit.covariance.columns) == list(fit.values.index)
    assert_allclose(fit.covariance, fit.covariance.T, rtol=1e-12, atol=1e-18)
    assert (fit.std_errors > 0).all()


def test_a_saturated_regression_is_a_table_of_means(design):
    fit = regress(design, "trust ~ 0 + country")
    means = mean(design, "trust", by="country")
    assert_allclose(fit.values, means.values, rtol=RTOL)
    assert_allclose(fit.covariance, means.covariance, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize("family", ["logit", "probit", "cloglog"])
def test_predictive_margins_of_a_saturated_model_are_shares(design, family):
    fit = regress(design, "approves ~ country", family)
    margins, shares = (
        predictive_margins(fit, "country"),
        mean(design, "approves", by="country"),
    )
    assert_allclose(margins.values, shares.values, rtol=RTOL)
    assert_allclose(margins.covariance, shares.covariance, rtol=1e-7, atol=1e-12)
    assert margins.n_respondents.tolist() == shares.n_respondents.tolist()
    assert_allclose(margins.populations, shares.populations, rtol=RTOL)


@pytest.mark.parametrize("fitted", ["ordinal", "multinomial"])
def test_predicted_shares_add_up_to_one_without_error(design, fitted):
    formula = "approval ~ country + gender"
    fit = (ordinal if fitted == "ordinal" else multinomial)(
        design, formula, where=design.frame["country"] != "CN"
    )
    margins = predictive_margins(fit, "country")
    assert_allclose(margins.values.groupby(level=0).sum(), 1, rtol=1e-12)
    ones = np.kron(np.eye(3), np.ones((1, 5)))
    assert_allclose(ones @ margins.covariance.to_numpy() @ ones.T, 0, atol=1e-15)
    effects = marginal_effects(fit, "gender", by="country")
    assert_allclose(effects.values.groupby(level=0).sum(), 0, atol=1e-12)


def test_a_saturated_multinomial_regression_gives_the_shares(design):
    fit = multinomial(design, "education ~ country", reference="low")
    margins = predictive_margins(fit, "country")
    shares = proportion(design, "education", by="country")
    assert_allclose(margins.values, shares.values, rtol=RTOL)
    assert_allclose(margins.covariance, shares.covariance, rtol=1e-7, atol=1e-12)
    table = compare(margins, reference="CN")
    assert table.values.index.nlevels == 3


def test_two_categories_of_a_multinomial_are_a_logit(design, frame):
    answers = frame["approves"].map({0.0: "no", 1.0: "yes"})
    named = SurveyDesign(
        frame.assign(answer=answers),
        weights="design_weight",
        strata="stratum",
        clusters="cluster",
    )
    two = multinomial(named, "answer ~ country + trust", reference="no")
    assert_same(two, regress(design, "approves ~ country + trust", "logit"), 1e-8)


def test_the_reference_of_a_multinomial_does_not_move_its_predictions(design):
    margins = [
        predictive_margins(
            multinomial(design, "education ~ country + trust", reference), "country"
        )
        for reference in ("low", "middle")
    ]
    assert_allclose(margins[0].values, margins[1].values, rtol=RTOL)
    assert_allclose(margins[0].covariance, margins[1].covariance, rtol=1e-7, atol=1e-12)


def test_reversed_answers_turn_an_ordinal_regression_around(design, frame):
    fit = ordinal(design, "approval ~ country + gender")
    turned = frame["approval"].cat.reorder_categories(
        frame["approval"].cat.categories[::-1]
    )
    other = ordinal(
        SurveyDesign(
            frame.assign(approval=turned),
            weights="design_weight",
            strata="stratum",
            clusters="cluster",
        ),
        "approval ~ country + gender",
    )
    assert_allclose(other.values.iloc[:4], -fit.values.iloc[:4], rtol=1e-8)
    assert_allclose(other.values.iloc[4:], -fit.values.iloc[:3:-1], rtol=1e-8)
    assert_allclose(other.std_errors.iloc[:4], fit.std_errors.iloc[:4], rtol=1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.1, 0.9))
def test_order_and_splitting_do_not_matter(seed, share):
    random = np.random.default_rng(seed)
    n = 120
    people = pd.DataFrame(
        {
            "village": random.integers(0, 8, n),
            "x": random.normal(size=n),
            "group": random.choice(["a", "b", "c"], n),
            "w": random.uniform(0.2, 5, n),
        }
    )
    people["y"] = (random.uniform(size=n) < 0.5).astype(float)
    split = [people.assign(w=people["w"] * part) for part in (share, 1 - share)]
    other = pd.concat(split).sample(frac=1, random_state=seed % 1000, ignore_index=True)
    for formula in ("y ~ group", "y ~ group + x"):
        one, two = (
            regress(SurveyDesign(f, weights="w", clusters="village"), formula, "logit")
            for f in (people, other)
        )
        assert_same(one, two, 1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_linear_regression_is_weighted_least_squares(seed):
    random = np.random.default_rng(seed)
    n = 40
    people = pd.DataFrame(random.normal(size=(n, 3)), columns=["y", "x", "z"])
    people["w"] = random.uniform(0.2, 5, n)
    fit = regress(SurveyDesign(people, weights="w"), "y ~ x + z")
    x = np.column_stack([np.ones(n), people[["x", "z"]]])
    root = np.sqrt(people["w"].to_numpy())
    expected, *_ = np.linalg.lstsq(x * root[:, None], people["y"] * root)
    assert_allclose(fit.values, expected, rtol=1e-9, atol=1e-12)
    scores = x * (people["w"] * (people["y"] - x @ expected)).to_numpy()[:, None]
    moves = scores @ np.linalg.inv(x.T @ (x * root[:, None] ** 2))
    assert_allclose(
        fit.covariance, n / (n - 1) * moves.T @ moves, rtol=1e-8, atol=1e-14
    )


@every_fit
def test_the_scale_of_the_weights_does_not_matter(design, frame, make):
    scaled = SurveyDesign(
        frame.assign(design_weight=frame["design_weight"] * 1000),
        weights="design_weight",
        strata="stratum",
        clusters="cluster",
    )
    assert_same(make(scaled), make(design))


@pytest.mark.parametrize("name", ["logit", "ordinal", "multinomial"])
def test_cells_give_what_their_respondents_give(design, frame, name):
    keys = ["stratum", "cluster", "country", "gender", "approval", "approves"]
    keys += ["education_asked"]
    cells = (
        frame.groupby(keys, observed=True, dropna=False)["design_weight"]
        .agg(["sum", "size"])
        .reset_index()
    )
    of_cells = SurveyDesign(
        cells, weights="sum", strata="stratum", clusters="cluster", counts="size"
    )
    one, other = FITS[name](of_cells), FITS[name](design)
    assert_same(one, other)
    assert one.n_respondents == other.n_respondents
    assert one.missing.to_dict() == other.missing.to_dict()
    if name != "multinomial":
        assert_same(*(predictive_margins(fit, "country") for fit in (one, other)))


REPLICATED = {
    **FITS,
    "margins": lambda design: predictive_margins(FITS["logit"](design), "country"),
    "effects": lambda design: marginal_effects(FITS["poisson"](design), "trust"),
}


@pytest.mark.parametrize("make", REPLICATED.values(), ids=REPLICATED)
def test_replicate_weights_refit_the_model(frame, make):
    two = frame[frame["country"].isin(["GB", "US"])]
    design = SurveyDesign(
        two, weights="design_weight", strata="stratum", clusters="cluster"
    )
    jackknife = replicate(design, "JKn")
    result, made = make(jackknife), jackknife.replicates
    estimates = []
    for weights in made.weights(design.sample.weights).T:
        used = two.assign(w=weights)[weights > 0]
        estimates.append(make(SurveyDesign(used, weights="w")).values.to_numpy())
    deviations = np.array(estimates) - np.mean(estimates, axis=0)
    expected = made.scale * (deviations.T * made.rscales) @ deviations
    assert_allclose(result.covariance, expected, rtol=1e-6, atol=1e-10)


def test_weights_fitted_to_a_margin_leave_no_error_in_it(design, population):
    margin = population.loc[
        population["education"].notna(), ["country", "education", "population"]
    ]
    fitted = poststratify(design, margin, by="country")
    fit = multinomial(fitted, "education ~ country")
    assert_allclose(fit.std_errors, 0, atol=1e-7)
    assert (regress(fitted, "urban ~ country", "logit").std_errors > 0.01).all()


def test_missing_answers_are_counted(design, frame):
    fit = regress(design, "trust ~ aware + country")
    lost = frame[["trust", "aware"]].isna()
    assert fit.missing.to_dict() == {**lost.sum().to_dict(), "country": 0}
    assert fit.n_respondents == len(frame) - lost.any(axis=1).sum()
    assert f"missing: trust {lost['trust'].sum()}, aware" in fit.summary()
    assert fit.to_dict()["missing"]["country"] == 0


def test_results_print_and_travel(design):
    fit = regress(design, "approves ~ country", "logit")
    assert str(fit) == fit.summary()
    assert list(fit.to_frame()) == [
        *["estimate", "std_error", "conf_low", "conf_high", "n_respondents"],
        *["statistic", "df", "p_value"],
    ]
    row = fit.to_dict()["rows"][1]
    assert row["variable"] == "country[T.DE]"
    odds = fit.ratios().loc["country[T.DE]"]
    assert odds["ratio"] == pytest.approx(np.exp(row["estimate"]))
    assert odds["conf_low"] < odds["ratio"] < odds["conf_high"]


def test_derivatives_hold_through_formulas(design):
    fit = regress(design, "trust ~ np.log(items + 1) * country + aware")
    found = marginal_effects(fit, "items", by="country").values
    used = design.frame.dropna(subset=["trust", "items", "aware"])
    slope = (used["design_weight"] / (used["items"] + 1)).groupby(used["country"]).sum()
    slope /= used.groupby("country")["design_weight"].sum()
    own = fit.values.filter(like="np.log(items + 1):").to_numpy()
    by_hand = slope * (fit.values["np.log(items + 1)"] + np.r_[0, own])
    assert_allclose(found, by_hand, rtol=1e-7)


def test_transformations_see_every_respondent(design, frame):
    fit = regress(design, "items ~ center(long_list) + scale(urban)", "poisson")
    used = frame.dropna(subset=["items"])
    by_hand = frame.assign(
        long=frame["long_list"] - used["long_list"].mean(),
        town=(frame["urban"] - used["urban"].mean()) / used["urban"].std(),
    )
    other = regress(
        SurveyDesign(
            by_hand, weights="design_weight", strata="stratum", clusters="cluster"
        ),
        "items ~ long + town",
        "poisson",
    )
    assert_same(fit, other)


def test_large_numbers_converge(frame):
    far = frame.assign(year=2000 + frame["items"], money=1e9 + frame["trust"])
    one, other = (
        regress(SurveyDesign(data, clusters="cluster"), formula)
        for data, formula in [(far, "money ~ year"), (frame, "trust ~ items")]
    )
    # A thousand millions leave seven digits behind the point.
    assert_allclose(one.values["year"], other.values["items"], rtol=1e-5)
    assert_allclose(one.std_errors["year"], other.std_errors["items"], rtol=1e-5)


@pytest.mark.parametrize(
    ("formula", "family", "name"),
    [
        ("trust ~ items", "linear", ""),
        ("trust ~ items * country", "linear", ""),
        ("trust ~ I(items**2)", "linear", "items"),
        ("aware ~ items:trust", "linear", "items"),
        ("aware ~ items", "logit", "items"),
        ("items ~ country", "poisson", "items"),
    ],
)
def test_moments_are_enough_for_what_is_linear_in_them(frame, formula, family, name):
    held = SurveyDesign(frame, clusters="cluster", moments=("items", "trust"))
    if name:
        with pytest.raises(EstimationError, match=f"'{name}' holds only moments"):
            regress(held, formula, family)
    else:
        plain = regress(SurveyDesign(frame, clusters="cluster"), formula, family)
        assert_same(regress(held, formula, family), plain)


def test_moments_without_clusters_are_enough_for_the_answer_only(frame):
    held = SurveyDesign(frame, moments=("items", "trust"))
    assert regress(held, "trust ~ country").n_respondents > 500
    with pytest.raises(EstimationError, match="'items' holds only moments"):
        regress(held, "trust ~ items")


def test_predictions_know_their_levels(design):
    fit = regress(design, "approves ~ country + trust", "logit")
    good = pd.DataFrame({"country": ["CN"], "trust": [5.0]})
    assert predict(fit, good).conf_int().to_numpy().min() > 0
    for wrong, message in [
        (good.drop(columns="trust"), "at has no column 'trust'"),
        (good.assign(country="FR"), "'country' has no category FR in the fit"),
        (good.assign(trust="much"), "'trust' is a number in the fit, and at has much"),
    ]:
        with pytest.raises(EstimationError, match=message):
            predict(fit, wrong)


def test_proportional_odds_are_found_and_missed():
    random = np.random.default_rng(5)
    n = 4000
    x = random.normal(size=n)
    noise = random.logistic(size=n)
    for spread, small in ((0.0, False), (0.8, True)):
        y = np.digitize(0.7 * x + noise * np.exp(spread * x), [-1, 0, 1.5])
        fit = ordinal(SurveyDesign(pd.DataFrame({"y": y, "x": x})), "y ~ x")
        assert (proportional_odds_test(fit, "x").p_value < 0.001) == small


def test_proportional_odds_are_tested_with_replicate_weights(design):
    one, other = (
        proportional_odds_test(ordinal(d, "approval ~ gender"))
        for d in (design, replicate(design, "JKn"))
    )
    assert one.df == other.df
    assert one.statistic == pytest.approx(other.statistic, rel=0.25)
    assert one.statistic != pytest.approx(other.statistic, rel=1e-6)


def test_imputed_regressions_combine(frame):
    fits = [
        regress(
            SurveyDesign(
                frame.assign(trust=frame["trust"].fillna(value)), clusters="cluster"
            ),
            "trust ~ country",
        )
        for value in (4.0, 5.0)
    ]
    together = combine(fits)
    assert_allclose(together.values, (fits[0].values + fits[1].values) / 2, rtol=RTOL)
    assert (together.std_errors > fits[0].std_errors * 0.9).all()


@pytest.mark.parametrize("make", [FITS["ordinal"], FITS["multinomial"]])
def test_terms_of_other_models_are_tested_too(design, make):
    fit = make(design)
    wald, ratio = (term_test(fit, "country", method) for method in ("wald", "lrt"))
    assert wald.df == ratio.df
    assert wald.df[1] == fit.df
    assert (wald.p_value < 0.05) == (ratio.p_value < 0.05)


def test_several_terms_are_tested_together(design):
    fit = regress(design, "trust ~ country * gender")
    terms = ["gender", "gender:country"]
    wald = term_test(fit, terms)
    assert wald.df == (4, fit.df)
    assert "gender and gender:country" in wald.method
    at = ["gender" in name for name in fit.values.index]
    values, matrix = fit.values[at], fit.covariance.loc[at, at]
    expected = values @ np.linalg.solve(matrix, values) / 4
    assert wald.statistic == pytest.approx(expected, rel=1e-9)
    assert term_test(fit, terms, "lrt").p_value == pytest.approx(wald.p_value, abs=0.1)


def test_small_surveys_without_degrees_of_freedom_have_no_intervals(frame):
    few = frame.assign(two=np.where(frame.index % 2, "a", "b"))
    fit = regress(SurveyDesign(few, clusters="two"), "trust ~ country")
    assert fit.df < 0
    assert fit.conf_int().isna().all(axis=None)
    assert fit.p_values.isna().all()


def separated(frame):
    approves = frame["approves"].mask(frame["country"] == "DE", 0.0)
    return frame.assign(
        approves=approves,
        twice=2 * frame["trust"] + 1,
        one=1.0,
        asked=frame["trust"].where(frame["country"] != "DE"),
        below=-frame["items"],
        rare=((frame["cluster"] == "CN-1-1") | (frame["gender"] == "male")).astype(
            float
        )
        * (frame.index % 2),
        counted=frame["items"].mask(frame["country"] == "DE", 0.0),
    )


BAD = {
    "separation": (
        lambda d: regress(d, "approves ~ gender + country", "logit"),
        r"country\[T.DE\]: some of the answers are predicted without error",
    ),
    "separation_probit": (
        lambda d: regress(d, "approves ~ gender + country", "probit"),
        r"country\[T.DE\]: some of the answers are predicted without error",
    ),
    "separation_cloglog": (
        lambda d: regress(d, "approves ~ gender + country", "cloglog"),
        r"country\[T.DE\]: some of the answers are predicted without error",
    ),
    "separation_poisson": (
        lambda d: regress(d, "counted ~ gender + country", "poisson"),
        r"country\[T.DE\]: some of the answers are predicted without error",
    ),
    "separation_multinomial": (
        lambda d: multinomial(d, "approval ~ country"),
        r"strongly disapprove:Intercept.* without error",
    ),
    "collinear": (
        lambda d: regress(d, "aware ~ trust + gender + twice"),
        "Intercept, trust, twice are linear combinations of each other",
    ),
    "empty": (
        lambda d: regress(d, "trust ~ country * C(urban)", where="not_urban_de"),
        r"nobody used has country\[T.DE\]:C\(urban\)",
    ),
    "constant": (
        lambda d: regress(d, "trust ~ one + gender"),
        "Intercept, one are linear combinations",
    ),
    "one_level": (
        lambda d: regress(d, "trust ~ country", where=d.frame["country"] == "CN"),
        "'country' is CN for all respondents used",
    ),
    "nobody": (
        lambda d: regress(d, "asked ~ trust", where=d.frame["country"] == "DE"),
        "none of 137 respondents answered every question .'asked' missing for 137",
    ),
    "logarithm": (
        lambda d: regress(d, "trust ~ np.log(items)"),
        r"np.log\(items\) is not finite",
    ),
    "mean": (
        lambda d: regress(d, "trust ~ I(items - items.mean())"),
        r"I\(items - items.mean\(\)\) depends on which respondents are there",
    ),
    "counted": (
        lambda d: regress(
            SurveyDesign(d.frame.assign(n=2), counts="n"), "trust ~ center(urban)"
        ),
        r"center\(urban\) looks at every respondent",
    ),
    "replicates": (
        lambda d: regress(replicate(d, "JKn"), "rare ~ gender", "logit"),
        "under a set of replicate weights: .* without error",
    ),
    "answers": (
        lambda d: regress(d, "trust ~ gender", "logit"),
        "'trust' must hold 0 and 1, and both, for a logit regression",
    ),
    "counts": (
        lambda d: regress(
            d.__class__(d.frame.eval("m = -items")), "m ~ one", "poisson"
        ),
        "'m' must hold counts",
    ),
    "text": (
        lambda d: regress(d, "approval ~ gender"),
        "'approval' is not numeric",
    ),
    "family": (
        lambda d: regress(d, "trust ~ gender", "gamma"),
        "family 'gamma' is not known; use linear, logit",
    ),
    "link": (
        lambda d: ordinal(d, "approval ~ gender", "cauchit"),
        "link 'cauchit' is not known",
    ),
    "text_order": (
        lambda d: ordinal(d, "education ~ gender"),
        "'education' is text, whose order is not known",
    ),
    "no_intercept": (
        lambda d: ordinal(d, "approval ~ 0 + gender"),
        "the thresholds are the intercepts",
    ),
    "two_categories": (
        lambda d: ordinal(d, "long_list ~ gender"),
        "'long_list' has 2 categories among the respondents used",
    ),
    "reference": (
        lambda d: multinomial(d, "education ~ gender", "none"),
        "reference 'none' is none of the 3 categories",
    ),
    "one_category": (
        lambda d: multinomial(d, "education ~ gender", where="low"),
        "'education' has one category .low.",
    ),
    "syntax": (
        lambda d: regress(d, "trust ~ (gender"),
        "cannot be read",
    ),
    "two_responses": (
        lambda d: regress(d, "trust + items ~ gender"),
        "needs one column before the ~",
    ),
    "no_response": (
        lambda d: regress(d, "gender + trust"),
        "needs one column before the ~",
    ),
    "function_of_R": (
        lambda d: regress(d, "trust ~ factor(gender)"),
        r"no function factor\(\); C\(wave\) takes numbers as categories",
    ),
    "operator": (
        lambda d: regress(d, "trust ~ gender +"),
        r"cannot be read \(Operator `\+` [a-z /]*\.?\); terms are columns",
    ),
    "syntax_of_R": (
        lambda d: regress(d, "trust ~ as.factor(gender)"),
        r"cannot be read \(invalid syntax",
    ),
    "parts": (
        lambda d: regress(d, "trust ~ gender | country"),
        r"cannot be read \(it has several parts\)",
    ),
    "separated_probit": (
        lambda d: regress(
            SurveyDesign(d.frame.assign(high=d.frame["trust"] > 5)),
            "high ~ trust",
            "probit",
        ),
        "trust: some of the answers are predicted without error",
    ),
    "nothing_left": (
        lambda d: term_test(regress(d, "aware ~ 0 + gender", "logit"), "gender", "lrt"),
        "without gender has no column left to fit; use method='wald'",
    ),
    "unknown_function": (
        lambda d: regress(d, "trust ~ np.sqroot(items)"),
        "cannot be computed",
    ),
    "term": (
        lambda d: term_test(regress(d, "trust ~ gender"), "age"),
        "has no term 'age'; it has Intercept, gender",
    ),
    "method": (
        lambda d: term_test(regress(d, "trust ~ gender"), "gender", "score"),
        "method 'score' is not known",
    ),
    "odds": (
        lambda d: proportional_odds_test(regress(d, "trust ~ gender")),
        "only an ordinal regression assumes proportional odds",
    ),
    "odds_separated": (
        lambda d: proportional_odds_test(ordinal(d, "approval ~ country")),
        r"above and below disapprove.strongly disapprove: country.* without error",
    ),
    "variable": (
        lambda d: predictive_margins(regress(d, "trust ~ gender"), "country"),
        "has no variable 'country'; it has gender",
    ),
    "levels": (
        lambda d: predictive_margins(regress(d, "aware ~ trust"), "trust"),
        "'trust' has .* different values; name some with .*at=",
    ),
    "level": (
        lambda d: predictive_margins(regress(d, "trust ~ gender"), "gender", ["x"]),
        "'gender' has no category x in the fit; it has female, male",
    ),
    "covariates": (
        lambda d: marginal_effects(
            regress(d, "trust ~ gender"), "gender", covariates="given"
        ),
        "covariates 'given' is not known",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_a_reason(frame, call, message):
    bad = separated(frame)
    bad["low"] = bad["education"] == "low"
    bad["not_urban_de"] = ~((bad["country"] == "DE") & bad["urban"])
    design = SurveyDesign(bad, strata="stratum", clusters="cluster")
    with pytest.raises(EstimationError, match=message):
        call(design)


def test_unknown_columns_are_named(design):
    with pytest.raises(UnknownColumn, match=re.escape("no column 'age'")):
        regress(design, "trust ~ age")


@pytest.mark.parametrize(
    "right", ["x + group", "x * group", "C(code) + x", "center(x) + group"]
)
def test_large_model_matrices_are_made_in_pieces(monkeypatch, right):
    random = np.random.default_rng(3)
    n = 500
    people = pd.DataFrame(
        {
            "x": random.normal(size=n),
            "group": random.choice(list("abc"), n),
            "code": np.sort(random.integers(0, 4, n)),
            "y": random.normal(size=n),
        }
    )
    whole = regress(SurveyDesign(people), f"y ~ {right}")
    margins = marginal_effects(whole, "x")
    monkeypatch.setattr("analysis.model_matrices.CHUNK_ROWS", 64)
    pieces = regress(SurveyDesign(people), f"y ~ {right}")
    assert_same(pieces, whole)
    assert_same(marginal_effects(pieces, "x"), margins)


@pytest.mark.parametrize("name", ["stage", "my stage"])
@pytest.mark.parametrize("family", ["linear", "logit"])
def test_numbers_that_a_formula_takes_as_categories_have_no_derivative(
    survey, family, name
):
    stages = pd.Series(np.arange(len(survey)) % 3, survey.index)
    frame = survey.assign(**{name: stages, "my country": survey["country"]})
    texts = frame.assign(**{name: stages.astype(str)})
    formula = f"aware ~ `my country` + C(`{name}`) * urban"
    ours, theirs = (
        marginal_effects(regress(SurveyDesign(rows), formula, family), name)
        for rows in (frame, texts)
    )
    assert ours.values.index.tolist() == [1, 2]
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-9)
    np.testing.assert_allclose(ours.std_errors, theirs.std_errors, rtol=1e-9)
    assert (ours.std_errors > 0).all()
