"""Quantiles: twelve rules, intervals by inverting the distribution function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import pandas as pd
import scipy

from analysis.design import SurveyDesign, Where
from analysis.distributions import ROUNDING, STEPS, Distribution, Rule
from analysis.domains import find_domains, make_estimate
from analysis.errors import EstimationError
from analysis.intervals import Interval, limits
from analysis.results import Estimate, check_level
from analysis.stages import Sample
from analysis.totals import Codes, Floats
from analysis.variance import covariance

SHARE_KINDS: dict[Interval, Interval] = {
    "woodruff": "t",
    "woodruff-logit": "logit",
    "woodruff-beta": "beta",
    "woodruff-arcsine": "arcsine",
}
"""The interval of the share at or below a quantile that each kind inverts."""

STD_ERROR_LEVEL = 0.95
"""Level of the interval that the standard error is read from."""

LimitsAt = Callable[[float], tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class QuantileEstimate(Estimate):
    """Quantiles with limits that are not the value and a margin.

    Attributes
    ----------
    limits_at : callable
        Lower and upper limits at a level, each of shape (n_estimates,).
    """

    limits_at: LimitsAt = field(kw_only=True, repr=False)

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Confidence limits, columns ``conf_low`` and ``conf_high``."""
        low, high = self.limits_at(check_level(level))
        return pd.DataFrame(
            {"conf_low": low, "conf_high": high}, index=self.values.index
        )


def quantile(
    design: SurveyDesign,
    variable: str,
    q: float | Sequence[float] = 0.5,
    *,
    by: str | Sequence[str] | None = None,
    where: Where = None,
    interval: Interval = "woodruff",
    rule: Rule = "math",
) -> Estimate:
    r"""Weighted quantiles of a numeric variable, such as its median.

    Parameters
    ----------
    design : SurveyDesign
    variable : str
        Numeric column; respondents without an answer are left out.
    q : float or list of float
        Shares of the population at or below the quantile, between 0 and 1.
    by : str or list of str, optional
        Columns whose groups are estimated separately.
    where : Series, array of bool, or name of a true/false column, optional
        Respondents to estimate for; the whole design stays in the variance.
    interval : str
        "woodruff", "woodruff-logit", "woodruff-beta", "woodruff-arcsine": the limits
        of the share at or below the quantile by that kind of interval (see
        :func:`analysis.intervals.limits`), turned back into values by the same rule.
        "score": all values that a test of the share below them does not reject. "t":
        spread of the replicate quantiles; needs replicate weights that are not of a
        jackknife, whose quantiles have no consistent variance.
    rule : str
        "math" (the same as "hf1"): the smallest answer with at least a share ``q`` at
        or below it. "school" ("hf2"): the middle between that and the next answer if
        the share is exactly ``q``. "hf3": the next if exactly ``q`` and the answer
        is at an odd place among the distinct ones. "hf4" to "hf9": lines between the
        answers at the places of Hyndman and Fan's types, in weights. "shahvaish":
        Shah and Vaish's, of SUDAAN.

    Returns
    -------
    Estimate
        Units of the variable. With one ``q`` rows as for :func:`analysis.mean`; with
        several one row for each quantile, or for each group and quantile.

    Raises
    ------
    UnknownColumn
    EstimationError
        If the variable is not numeric, nobody answered, ``q``, the interval or the
        rule is none of those above, or the rule needs one row for each respondent and
        the design has ``counts``.

    Notes
    -----
    The limits of the share are centred at the estimated share at or below the
    quantile, not at ``q``. A limit beyond 0 or 1 is missing, and so is the standard
    error. If the quantile is the largest answer, the share is 1 and has no variance:
    "woodruff" gives an interval without length and a note, the others the exact bound
    of a share of 1 (in R they are missing). The standard error is the length of the
    95% interval over ``2 t``, whatever level is printed later.

    Woodruff's intervals say nothing about two quantiles at once. Their covariance
    here is that of the estimated shares at the quantiles, divided by the slopes that
    the standard errors imply: correlations of the shares, standard errors as above.
    The design effect is that of the share.

    R's rule "shahvaish" depends on the scale of the weights; here weights have mean 1
    as in its source. Below the first answer's share of the weight R's "math",
    "school", "hf3" and "hf4" do not give the first answer; here they do. R finds
    "score" limits by a search of limited precision and turns them into values by
    unweighted shares; here the search is exact and the shares are weighted.

    References
    ----------
    Woodruff (1952), doi:10.1080/01621459.1952.10483443; Francisco and Fuller (1991),
    doi:10.1214/aos/1176347993; Hyndman and Fan (1996),
    doi:10.1080/00031305.1996.10473566. R: ``survey::svyquantile(qrule,
    interval.type = "mean", "xlogit", "beta", "asin", "score" or, with replicate
    weights, "quantile")``.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": range(20, 80), "weight": [1, 2, 3] * 20})
    >>> design = SurveyDesign(frame, weights="weight")
    >>> quantile(design, "age", [0.25, 0.5]).to_frame().round(2)
              estimate  std_error  conf_low  conf_high  n_respondents
    quantile
    0.25          34.0        3.5      28.0       42.0             60
    0.50          49.0        4.0      42.0       58.0             60
    """
    design = design.holding(variable, by, where)
    levels = _check(design, q, interval, rule)
    design.check_values([variable])
    y = design.numbers(variable)
    domains = find_domains(design, variable, by, where)
    distribution = Distribution.of(y, domains, rule)
    w = design.sample.weights
    asked = np.tile(levels, (len(domains.labels), 1))
    values = distribution.values(w, asked)
    below = distribution.below(w, values)
    from_replicates = interval == "t"
    estimate = make_estimate(
        design,
        domains,
        (values if from_replicates else below.shares).ravel(),
        below.influence,
        below.srs_variances.ravel(),
        evaluate=(lambda weights: distribution.values(weights, asked).ravel())
        if from_replicates
        else below.evaluate,
        categories=None if np.isscalar(q) else pd.Index(levels, name="quantile"),
        variable=variable,
        what=f"quantile {', '.join(f'{level:g}' for level in levels)} of {variable} "
        f"by rule {rule}",
    )
    if from_replicates:
        return estimate

    def limits_at(level: float) -> tuple[Floats, Floats]:
        if interval == "score":
            low, high = _score_limits(
                distribution, design.sample, estimate, asked, level
            )
        else:
            low, high = limits(
                SHARE_KINDS[interval],
                estimate.values.to_numpy(),
                estimate.std_errors.to_numpy() ** 2,
                estimate.group_df.to_numpy(float),
                estimate.n_respondents.to_numpy(float),
                level,
            )
        low, high = (
            distribution.values(w, side.reshape(asked.shape)).ravel()
            for side in (low, high)
        )
        return low, high

    return _turned_to_values(estimate, values.ravel(), interval, limits_at)


def _turned_to_values(
    shares: Estimate, values: Floats, interval: Interval, limits_at: LimitsAt
) -> QuantileEstimate:
    """From shares below the quantiles to the quantiles, with the slopes implied."""
    low, high = limits_at(STD_ERROR_LEVEL)
    df = shares.group_df.where(shares.group_df > 0).to_numpy(float)
    std_errors = (high - low) / (
        2 * scipy.special.stdtrit(df, (1 + STD_ERROR_LEVEL) / 2)
    )
    of_shares = shares.std_errors.to_numpy()
    inverse_slopes = np.divide(
        std_errors, of_shares, out=np.zeros(len(values)), where=of_shares != 0
    )
    matrix = shares.covariance.to_numpy() * np.outer(inverse_slopes, inverse_slopes)
    np.fill_diagonal(matrix, std_errors**2)
    notes = shares.notes.mask(
        (shares.notes == "") & np.isnan(std_errors) & ~np.isnan(df),
        "no std_error: a limit of the share at or below it is not within 0 to 1",
    )
    index = shares.values.index
    changed = {
        "values": pd.Series(values, index=index),
        "covariance": pd.DataFrame(matrix, index=index, columns=index),
        "srs_variances": shares.srs_variances * inverse_slopes**2,
        "interval": interval,
        "notes": notes.mask(
            (notes == "") & (interval == "woodruff") & (shares.values == 1),
            "the largest answer: its uncertainty cannot be estimated",
        ),
    }
    return QuantileEstimate(**(vars(shares) | changed), limits_at=limits_at)


def _score_limits(
    distribution: Distribution,
    sample: Sample,
    estimate: Estimate,
    asked: Floats,
    level: float,
) -> tuple[Floats, Floats]:
    """Shares at or below the first answers whose score is at most t, and -t.

    Scores fall along the answers but for chance, so that halving finds the place.
    """
    df = estimate.group_df.where(estimate.group_df > 0).to_numpy(float)
    t = scipy.special.stdtrit(df, (1 + level) / 2).reshape(asked.shape)
    w, sizes = sample.weights, [len(rows) for rows in distribution.rows]
    columns = asked.shape[1]

    def scores(places: Codes) -> tuple[Floats, Floats]:
        values = np.array(
            [
                distribution.y[rows[at]] if len(rows) else np.full(columns, np.nan)
                for rows, at in zip(distribution.rows, places, strict=True)
            ]
        )
        below = distribution.below(w, values)
        matrix = covariance(below.influence, sample, below.evaluate)
        errors = np.sqrt(np.diag(matrix)).reshape(asked.shape)
        away = asked - below.shares
        with np.errstate(divide="ignore", invalid="ignore"):
            return below.shares, np.where(np.abs(away) <= ROUNDING, 0, away / errors)

    def first(bound: Floats) -> Floats:
        low = np.zeros(asked.shape, dtype=np.intp)
        high = np.tile(np.array(sizes)[:, None] - 1, columns)
        while (low < high).any():
            middle = (low + high) // 2
            reached = scores(middle)[1] <= bound
            low, high = (
                np.where(reached, low, middle + 1),
                np.where(reached, middle, high),
            )
        return np.where(np.isnan(bound), np.nan, scores(high)[0])

    return first(t).ravel(), first(-t).ravel()


def _check(
    design: SurveyDesign, q: float | Sequence[float], interval: str, rule: str
) -> Floats:
    try:
        levels = np.atleast_1d(np.asarray(q, dtype=float))
    except (TypeError, ValueError):
        levels = np.array([])
    if not len(levels) or not ((levels > 0) & (levels < 1)).all():
        raise EstimationError(f"q is {q!r}; it must be between 0 and 1, such as 0.5")
    if len(np.unique(levels)) < len(levels):
        raise EstimationError(f"q is {q}; give each share once")
    if rule not in get_args(Rule):
        raise EstimationError(
            f"rule {rule!r} is not known; use {', '.join(get_args(Rule))}"
        )
    if interval not in (*SHARE_KINDS, "score", "t"):
        raise EstimationError(
            f"interval {interval!r} is not known; "
            f"use {', '.join(SHARE_KINDS)}, score or t"
        )
    if design.sample.counts is not None and rule not in STEPS:
        raise EstimationError(
            f"rule {rule!r} weighs respondents one by one and this design has one row "
            f"for several; use {', '.join(STEPS)}"
        )
    replicates = design.replicates
    if interval == "t" and (replicates is None or replicates.method.startswith("JK")):
        raise EstimationError(
            "interval 't' is the spread of replicate quantiles; it needs replicate "
            "weights of a bootstrap or balanced half-samples, and this design has "
            + (f"{replicates.method}" if replicates else "none")
            + "; use 'woodruff'"
        )
    return levels
