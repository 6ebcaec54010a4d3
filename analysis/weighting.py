"""Weights fitted to what is known about the population."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from analysis.calibration import Calibration, Margin, regressors
from analysis.design import Groups, SurveyDesign
from analysis.errors import WeightingError, first_few
from analysis.margins import (
    Missing,
    by_kind,
    margin_table,
    read_margins,
    read_totals,
    size_margin,
    whole_groups,
)
from analysis.results import Weighting
from analysis.reweighting import refitted, spread
from analysis.solvers import Bounds, Method, calibration_factors, raking_factors
from analysis.totals import Codes, Floats, sums

Residuals = Literal["linearized", "jackknife"]
Tables = pd.DataFrame | Sequence[pd.DataFrame]

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def rake(
    design: SurveyDesign,
    margins: Tables,
    by: str | None = "country",
    missing: Missing = "fail",
    *,
    variance: Residuals = "linearized",
    tolerance: float = 1e-12,
    max_iterations: int = 1000,
) -> SurveyDesign:
    """Fit the weights to several population margins at once, within each country.

    Parameters
    ----------
    design : SurveyDesign
    margins : DataFrame or list of DataFrame
        Tidy counts: the column ``by``, one column for each variable, and
        ``population``, a count above zero. A row fills the variables of its own
        margin and leaves the others empty; rows that fill the same variables form
        one margin (``age_group`` with ``gender``; ``education``). Columns that the
        design does not have are ignored, as are source, year, status and note.
    by : str, optional
        Column whose groups are fitted separately; None fits all respondents at once.
    missing : {"fail", "keep"}
        Respondents without a value that has a target (no answer, or one that the
        margins do not know) are an error, or a category of their own, which keeps its
        design-weighted share while the targets share out the rest.
    variance : {"linearized", "jackknife"}
        "linearized" as R; it is too small where margins have cells of few respondents.
        "jackknife" divides each residual by what is left of it without its own
        respondent (1 − leverage), as deleting respondents one by one would do.
    tolerance : float
        Largest relative miss of any margin that counts as reached.
    max_iterations : int
        Rounds over all margins before giving up.

    Returns
    -------
    SurveyDesign
        With the weights in the column ``calibrated_weight``. Margins are targets as
        shares: every group keeps its sum of weights. ``design.weighting`` tells what
        happened; estimates know that the margins have no sampling error.

    Raises
    ------
    WeightingError
        If margins and respondents do not fit together: which group, margin, category.
    NotConverged
        Naming the group and the margin that is furthest off.

    Notes
    -----
    Variances use the residuals of an unweighted regression on the margins, as R's
    ``rake`` does. ``calibrate(method="raking")`` gives the same weights and, where
    design weights differ, slightly other standard errors (decision 8). Replicate
    weights are raked one by one to the same targets.

    References
    ----------
    Deming and Stephan (1940), doi:10.1214/aoms/1177731829; variance: Deville and
    Särndal (1992), doi:10.1080/01621459.1992.10475217. R: ``survey::rake``.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": ["young"] * 3 + ["old"], "sex": list("fmfm")})
    >>> margins = pd.DataFrame(
    ...     {
    ...         "age": ["young", "old", None, None],
    ...         "sex": [None, None, "f", "m"],
    ...         "population": [60, 40, 50, 50],
    ...     }
    ... )
    >>> raked = rake(SurveyDesign(frame), margins, by=None)
    >>> raked.frame["calibrated_weight"].round(3).tolist()
    [1.0, 0.4, 1.0, 1.6]
    """
    groups = whole_groups(design, by)
    counts = design.sample.counts
    return _fitted(
        design,
        groups,
        read_margins(design, margins, groups, missing),
        lambda masses, _, kinds: raking_factors(
            masses, kinds, tolerance, max_iterations
        ),
        np.broadcast_to(1.0, len(design.frame)) if counts is None else counts,
        "raked",
        variance,
    )


def poststratify(
    design: SurveyDesign,
    population: pd.DataFrame,
    by: str | None = None,
    *,
    variance: Residuals = "linearized",
) -> SurveyDesign:
    """Fit the weights to one population margin.

    Parameters
    ----------
    design : SurveyDesign
    population : DataFrame
        Tidy counts as for :func:`rake`, all rows filling the same variables.
    by : str, optional
        Column whose groups are fitted separately.
    variance : {"linearized", "jackknife"}
        As for :func:`rake`.

    Returns
    -------
    SurveyDesign
        With the weights in the column ``calibrated_weight``; errors as for
        :func:`rake`.

    References
    ----------
    Holt and Smith (1979), doi:10.2307/2344652. R: ``survey::postStratify``.

    Examples
    --------
    >>> frame = pd.DataFrame({"sex": ["f", "f", "f", "m"]})
    >>> population = pd.DataFrame({"sex": ["f", "m"], "population": [52, 48]})
    >>> design = poststratify(SurveyDesign(frame), population)
    >>> design.frame["calibrated_weight"].round(3).tolist()
    [0.693, 0.693, 0.693, 1.92]
    """
    groups = whole_groups(design, by)
    margins = read_margins(design, population, groups, "fail")
    if len(margins) > 1:
        raise WeightingError(
            f"population has {len(margins)} margins "
            f"({first_few(margin.name for margin in margins)}); rake() fits several"
        )
    return _fitted(
        design,
        groups,
        margins,
        lambda masses, _, kinds: raking_factors(masses, kinds, 1e-12, 1),
        design.sample.weights,
        "poststratified",
        variance,
    )


def calibrate(
    design: SurveyDesign,
    margins: Tables | None = None,
    totals: pd.DataFrame | Mapping[str, float] | None = None,
    by: str | None = None,
    missing: Missing = "fail",
    *,
    method: Method = "linear",
    bounds: Bounds | None = None,
    per_cluster: bool = False,
    variance: Residuals = "linearized",
    tolerance: float = 1e-12,
    max_iterations: int = 200,
) -> SurveyDesign:
    """Change the weights as little as possible so that margins and totals are reached.

    Parameters
    ----------
    design : SurveyDesign
    margins : DataFrame or list of DataFrame, optional
        Counts of categories, as for :func:`rake`.
    totals : DataFrame or mapping, optional
        Population totals of numeric variables, one row for each group: the column
        ``by``, ``population`` (the number of people that the totals are of), and one
        column for each variable. Without ``by`` a mapping does.
    by : str, optional
        Column whose groups are fitted separately; None fits all respondents at once.
    missing : {"fail", "keep"}
        As for :func:`rake`. Numeric variables must be known of everyone.
    method : {"linear", "raking", "logit"}
        What "as little as possible" means: generalised regression; raking, where
        factors are positive; factors between two bounds, on a logistic curve.
    bounds : (float, float), optional
        Smallest and largest factor, around 1. The logit method needs them.
    per_cluster : bool
        One factor for all respondents of a cluster (such as a household), which must
        have equal weights.
    variance : {"linearized", "jackknife"}
        As for :func:`rake`.
    tolerance : float
        Largest miss that counts as reached, relative to the target.
    max_iterations : int
        Newton steps before giving up.

    Returns
    -------
    SurveyDesign
        With the weights in the column ``calibrated_weight``. Every group keeps its
        sum of weights: counts become shares and totals become means.
        ``design.weighting`` tells what happened; estimates know that the margins have
        no sampling error.

    Raises
    ------
    WeightingError
        If margins, totals, bounds and respondents do not fit together; or if the
        linear method without bounds makes weights negative.
    NotConverged
        Naming the margin or total that is furthest off; with bounds, also the range
        of factors that would be needed.

    Notes
    -----
    Variances use the residuals of the regression on all margins, weighted with the
    weights before (decision 8). Replicate weights are calibrated one by one to the
    same targets.

    References
    ----------
    Deville and Särndal (1992), doi:10.1080/01621459.1992.10475217. Clusters:
    Lemaître and Dufour (1987), *Survey Methodology* 13, 199-207. R:
    ``survey::calibrate(design, formula, population, calfun, bounds,
    aggregate.stage)``.

    Examples
    --------
    >>> frame = pd.DataFrame({"sex": list("ffmm"), "rooms": [1, 3, 2, 6]})
    >>> sexes = pd.DataFrame({"sex": ["f", "m"], "population": [52, 48]})
    >>> rooms = {"population": 100, "rooms": 290}
    >>> design = calibrate(SurveyDesign(frame), sexes, rooms)
    >>> design.frame["calibrated_weight"].round(3).tolist()
    [1.064, 1.016, 1.008, 0.912]
    """
    _check_method(method, bounds)
    groups = whole_groups(design, by)
    if margins is None and totals is None:
        raise WeightingError("nothing to calibrate to; give margins, totals or both")
    if margins is None:
        known = [size_margin(design, groups)]
    else:
        known = read_margins(design, margins, groups, missing)
    if totals is not None:
        known += read_totals(design, totals, groups)
    return _fitted(
        design,
        groups,
        known,
        lambda masses, columns, kinds: calibration_factors(
            masses, columns, kinds, method, bounds, tolerance, max_iterations
        ),
        design.sample.weights,
        f"calibrated ({method}"
        + (f", factors from {bounds[0]:g} to {bounds[1]:g}" if bounds else "")
        + (", one for each cluster)" if per_cluster else ")"),
        variance,
        _equal_clusters(design) if per_cluster else None,
    )


def _fitted(
    design: SurveyDesign,
    groups: Groups,
    margins: Sequence[Margin],
    solve: Callable[[Floats, "csr_array", Sequence[Margin]], Floats],
    regression_weights: Floats,
    verb: str,
    variance: Residuals,
    clusters: Codes | None = None,
) -> SurveyDesign:
    """Fit the weights, and remember what was done and what the variance needs."""
    if variance not in ("linearized", "jackknife"):
        raise WeightingError(
            f"variance {variance!r} is not known; use 'linearized' or 'jackknife'"
        )
    if design.calibration:
        raise WeightingError(
            f"the weights {design.weights!r} are already fitted to margins; give all "
            "margins in one call"
        )
    rows, kinds = by_kind(margins)
    del margins  # a million respondents' cells of five margins are 25 MB
    units, columns = regressors(kinds, rows, clusters)

    def fit(weights: Floats) -> Floats:
        masses = sums(units, weights, columns.shape[0])
        fitted = solve(masses, columns, kinds)[units]
        fitted *= weights
        return fitted

    sample = design.sample
    w = sample.weights
    new = fit(w)
    if not (new > 0).all():
        raise WeightingError(
            f"{int((new <= 0).sum())} of {len(new)} weights would not be positive "
            f"(lowest factor {(new / w).min():.3g}); use method='raking', or bounds "
            "such as (0.3, 3)"
        )
    n_rows = len(kinds[0].codes)
    by, previous = groups.labels.name, design.weighting
    low, high, effect = spread(design, new, groups)
    return refitted(
        design,
        "calibrated_weight",
        fit,
        new,
        weighting=Weighting(
            margins=margin_table(kinds, sums(rows, w, n_rows), sums(rows, new, n_rows)),
            weights=(low, high),
            design_effect=effect,
            method=f"{verb} to {', '.join(margin.name for margin in kinds)}"
            + ("" if by is None else f" within each {by}")
            + (", jackknife residuals" if variance == "jackknife" else ""),
            design_effect_before=spread(design, w, groups)[2],
            notes=previous.notes if previous else (),
        ),
        calibration=Calibration(
            tuple(kinds),
            rows,
            regression_weights,
            new,
            clusters,
            strata=sample.strata[sample.clusters] if variance == "jackknife" else None,
            counts=sample.counts,
        ),
    )


def _check_method(method: str, bounds: Bounds | None) -> None:
    if method not in ("linear", "raking", "logit"):
        raise WeightingError(
            f"method {method!r} is not known; use 'linear', 'raking' or 'logit'"
        )
    if bounds is None and method == "logit":
        raise WeightingError("the logit method needs bounds, such as (0.3, 3)")
    if bounds and not 0 < bounds[0] < 1 < bounds[1]:
        raise WeightingError(
            f"bounds are {bounds}; they are factors, the lower between 0 and 1, the "
            "upper above 1, such as (0.3, 3)"
        )
    if bounds and method == "logit" and np.isinf(bounds[1]):
        raise WeightingError(f"bounds are {bounds}; the logit method needs finite ones")


def _equal_clusters(design: SurveyDesign) -> Codes:
    """Clusters, of which each must have equal weights."""
    clusters, w = design.sample.clusters, design.sample.weights
    if design.clusters is None or design.sample.counts is not None:
        raise WeightingError(
            "per_cluster needs a design with clusters and one row per respondent"
        )
    of_cluster = np.empty(len(design.sample.strata))
    of_cluster[clusters] = w
    wrong = np.unique(clusters[~np.isclose(w, of_cluster[clusters], rtol=1e-9)])
    if len(wrong):
        raise WeightingError(
            f"per_cluster: weights differ within {len(wrong)} of {design.n_clusters} "
            f"clusters of {design.clusters!r}; such a factor would miss the margins, "
            "so give every respondent of a cluster the same weight"
        )
    return clusters
