"""Limits to single weights, and what they cost."""

import numpy as np
import pandas as pd

from analysis.design import SurveyDesign
from analysis.errors import NotConverged, WeightingError, first_few
from analysis.margins import margin_table, whole_groups
from analysis.results import Weighting
from analysis.reweighting import refitted, spread
from analysis.totals import Floats, sums

ROUNDS = 10_000
"""Rounds of trimming before giving up."""

TINY = np.finfo(float).tiny


def trim(
    design: SurveyDesign,
    *,
    lower: float = 0,
    upper: float = np.inf,
    strict: bool = True,
    by: str | None = None,
) -> SurveyDesign:
    """Bring the weights within limits, and share what is cut off among the others.

    Parameters
    ----------
    design : SurveyDesign
    lower, upper : float
        Limits of a respondent's weight, in the units of the weights.
    strict : bool
        Repeat until no weight is outside; sharing out may push others over a limit.
    by : str, optional
        Column whose groups keep their sums of weights; None shares out among all.

    Returns
    -------
    SurveyDesign
        With the weights in the column ``trimmed_weight``; their sum does not change.
        ``design.weighting`` tells how many were trimmed, what happened to the design
        effect, and how far margins are off now.

    Raises
    ------
    WeightingError
        If the limits leave no room for the mean weight of a group.

    Notes
    -----
    Trimmed weights miss the margins that they were fitted to; ``calibrate`` with
    bounds keeps both. Variances are those of the fitted weights' residuals, as in R.
    Replicate weights are trimmed one by one; weights of zero stay zero (R 4.1-1's
    method for replicate designs leaves the full-sample weights untrimmed).

    References
    ----------
    Potter (1990), *Proceedings of the Section on Survey Research Methods*, ASA,
    225-230. R: ``survey::trimWeights(design, upper, lower, strict = TRUE)``.

    Examples
    --------
    >>> frame = pd.DataFrame({"weight": [1.0, 1.0, 2.0, 6.0]})
    >>> trimmed = trim(SurveyDesign(frame, weights="weight"), upper=4)
    >>> trimmed.frame["trimmed_weight"].round(3).tolist()
    [1.667, 1.667, 2.667, 4.0]
    >>> print(trimmed.weighting)
    trimmed to at most 4
    weights: 1 trimmed; from 0.67 to 1.60 of the mean
    design effect of weighting: 1.68 before, 1.15 after
    """
    try:
        lower, upper = float(lower), float(upper)
    except (TypeError, ValueError):
        raise WeightingError(
            f"limits are {lower!r} and {upper!r}; give numbers, such as "
            "upper=3 * design.sample.weights.mean()"
        ) from None
    if not 0 <= lower < upper:
        raise WeightingError(
            f"limits are {lower:g} and {upper:g}; the lower must be at least 0 and "
            "below the upper"
        )
    if lower == 0 and upper == np.inf:
        raise WeightingError("nothing to trim to; give lower, upper or both")
    groups = whole_groups(design, by)
    codes, n_groups, counts = groups.codes, len(groups.labels), design.sample.counts
    people = np.ones(design.frame.shape[0]) if counts is None else counts

    def fit(weights: Floats) -> Floats:
        kept = np.where(weights > 0, people, 0)
        whole, n = sums(codes, weights, n_groups), sums(codes, kept, n_groups)
        mean = np.divide(whole, n, out=np.full(n_groups, float(upper)), where=n > 0)
        wrong = (mean < lower) | (mean > upper)
        if wrong.any():
            raise WeightingError(
                f"the mean weight of {int(wrong.sum())} of {n_groups} groups is "
                f"outside the limits {lower:g} and {upper:g} "
                f"({first_few(groups.labels[wrong])}: {first_few(mean[wrong].round(4))}"
                "); choose limits around the means"
            )
        each = weights / people
        for _ in range(ROUNDS):
            within = np.clip(each, lower, upper)
            takers = np.where(each == within, kept, 0)
            lost = whole - sums(codes, within * kept, n_groups)
            if (np.abs(lost) <= 1e-13 * whole).all():
                return within * kept
            share = lost / np.maximum(sums(codes, takers, n_groups), TINY)
            each = within + np.where(takers > 0, share[codes], 0)
            if not strict:
                return each * kept
        raise NotConverged(
            f"trimming to between {lower:g} and {upper:g} did not settle in {ROUNDS} "
            "rounds; choose wider limits"
        )

    w = design.sample.weights
    new = fit(w)
    old, previous = w / people, design.weighting
    at_limit = (old < lower) | (old > upper)
    if strict:
        at_limit |= np.isin(new / people, [lower, upper])
    low, high, effect = spread(design, new, groups)
    limits = [f"at least {lower:g}"] if lower > 0 else []
    limits += [f"at most {upper:g}"] if upper < np.inf else []
    report = Weighting(
        margins=_margins_now(design, new),
        weights=(low, high),
        design_effect=effect,
        method=(f"{previous.method}, " if previous else "")
        + f"trimmed to {' and '.join(limits)}"
        + ("" if by is None else f" within each {by}"),
        design_effect_before=spread(design, w, groups)[2],
        n_trimmed=int(people[at_limit].sum()),
        notes=previous.notes if previous else (),
    )
    return refitted(design, "trimmed_weight", fit, new, weighting=report)


def _margins_now(design: SurveyDesign, new: Floats) -> pd.DataFrame:
    """How far the margins that the weights were fitted to are off after trimming."""
    if design.calibration is None or design.weighting is None:
        return margin_table([], new, new)
    calibration = design.calibration
    masses = sums(calibration.rows, new, len(calibration.margins[0].codes))
    table = margin_table(calibration.margins, masses, masses)
    return table.assign(before=design.weighting.margins["before"])
