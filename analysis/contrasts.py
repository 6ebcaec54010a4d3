"""Linear contrasts and smooth functions of estimates, with their joint covariance."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

from analysis.errors import EstimationError, first_few
from analysis.results import Comparison, Estimate
from analysis.totals import Floats

Function = Callable[[pd.Series], Any]


class Result(Protocol):
    """Anything with estimates and their joint covariance."""

    @property
    def values(self) -> pd.Series:
        """The estimates."""

    @property
    def covariance(self) -> pd.DataFrame:
        """Their joint covariance, same index both ways."""

    @property
    def df(self) -> Any:
        """Degrees of freedom, of all or of each."""

    @property
    def n_respondents(self) -> Any:
        """Respondents behind all or behind each."""

    @property
    def method(self) -> str:
        """One line: what was estimated and how."""


def contrast(
    result: Result,
    of: Mapping[Any, Any] | pd.Series | pd.DataFrame | npt.ArrayLike | Function,
) -> Comparison:
    """Weighted sums, or any smooth functions, of the values of a result.

    Parameters
    ----------
    result : Estimate, Comparison or regression
        Anything with ``values``, ``covariance``, ``df`` and ``n_respondents``.
    of : mapping, Series, DataFrame, array or callable
        One weighted sum: weights by label of ``result.values``; labels left out have
        weight zero. Several: a mapping from names to such weights, a frame with one
        row for each, or an array of shape (n_contrasts, n_estimates) or
        (n_estimates,) in the order of the values. A callable takes the Series of
        values and returns a number, or a mapping or Series of numbers by name, or an
        array; write it with numpy's functions.

    Returns
    -------
    Comparison
        One row for each contrast, named "contrast" if it has no name; t tests of
        zero, not adjusted for their number. Missing where a value it needs is.

    Raises
    ------
    EstimationError
        If a label is not among the values, or the weights have another length.

    Notes
    -----
    With ``J`` the gradients at the estimates (for sums the weights) the covariance is
    ``J V J'``. Gradients are exact to rounding by a complex step; for functions that
    are not analytic in a complex step (``abs``, ``math.log``) by central differences
    of order six.

    Degrees of freedom follow Welch and Satterthwaite over the groups of an estimate,
    as for :func:`analysis.compare`; for other results they are the fewest of the
    values used. ``n_respondents`` are all in the groups used; for results without
    groups, the most behind any value used. R uses the normal distribution, or ``df =
    degf(design)`` if asked.

    References
    ----------
    Squire and Trapp (1998), doi:10.1137/S003614459631241X; Satterthwaite (1946),
    doi:10.2307/3002019. R: ``survey::svycontrast(stat, c(a = 1, b = -1))``,
    ``svycontrast(stat, quote(log(a / b)))``.

    Examples
    --------
    >>> from analysis import SurveyDesign, mean
    >>> frame = pd.DataFrame(
    ...     {"country": list("CCCDDDUUU"), "trust": [1, 2, 3, 4, 5, 6, 3, 5, 7]}
    ... )
    >>> trust = mean(SurveyDesign(frame, strata="country"), "trust", by="country")
    >>> contrast(trust, {"C": 1, "D": -0.5, "U": -0.5}).to_frame().round(3)[
    ...     ["estimate", "std_error", "df", "p_value"]
    ... ]
              estimate  std_error     df  p_value
    contrast      -3.0      0.866  4.909    0.019
    >>> ratios = contrast(trust, lambda v: {"D / C": v["D"] / v["C"]})
    >>> ratios.to_frame().round(3)[["estimate", "std_error"]]
           estimate  std_error
    D / C       2.5      0.777
    """
    values = result.values.astype(float)
    if callable(of):
        variances = np.diag(result.covariance.to_numpy(float))
        estimates, gradients = _linearized(
            of, values, np.sqrt(np.maximum(variances, 0))
        )
        kind = "Functions of estimates (delta method)"
    else:
        weights = _weights(of, values.index)
        gradients = weights.to_numpy(float)
        terms = np.where(gradients != 0, gradients * values.to_numpy(), 0)
        estimates = pd.Series(terms.sum(axis=1), index=weights.index)
        kind = "Contrasts of estimates"
    return _comparison(result, estimates, gradients, kind)


def satterthwaite(estimate: Estimate, gradients: Floats, variances: Floats) -> Floats:
    """Degrees of freedom of sums over groups, by Welch and Satterthwaite.

    ``V^2 / sum(V_g^2 / df_g)`` with ``V_g`` the part of group ``g`` in the variance
    ``V``; not fewer than the least group has and not more than the whole design.

    Parameters
    ----------
    estimate : Estimate
    gradients : floats, shape (n_contrasts, n_estimates)
    variances : floats, shape (n_contrasts,)

    Returns
    -------
    floats, shape (n_contrasts,)
        NaN where a group that is used has no degrees of freedom.
    """
    groups, n_groups = _group_codes(estimate)
    covariance = np.nan_to_num(estimate.covariance.to_numpy(float))
    pieces, least = np.zeros(len(gradients)), np.full(len(gradients), np.inf)
    for group in range(n_groups):
        inside = np.flatnonzero(groups == group)
        own = gradients[:, inside]
        df = float(estimate.group_df.iloc[inside[0]])
        df_used = np.where((own != 0).any(axis=1), df if df > 0 else np.nan, np.inf)
        part = ((own @ covariance[np.ix_(inside, inside)]) * own).sum(axis=1)
        pieces += part**2 / df_used
        least = np.minimum(least, df_used)
    welch = np.divide(
        variances**2, pieces, out=np.full(len(pieces), np.inf), where=pieces > 0
    )
    return np.where(np.isnan(pieces), np.nan, np.clip(welch, least, estimate.df))


def _comparison(
    result: Result, estimates: pd.Series, gradients: Floats, kind: str
) -> Comparison:
    original = result.covariance.to_numpy(float)
    values, used = estimates.to_numpy(float), gradients != 0
    unknown = np.isnan(values) | (used & np.isnan(np.diag(original))).any(axis=1)
    covariance = gradients @ np.nan_to_num(original) @ gradients.T
    covariance[unknown] = covariance[:, unknown] = np.nan
    variances = np.diag(covariance)
    if isinstance(result, Estimate):
        df = satterthwaite(result, gradients, variances)
        groups, n_groups = _group_codes(result)
        sizes = result.n_respondents.to_numpy()
        n = sum(
            used[:, groups == group].any(axis=1) * sizes[groups == group][0]
            for group in range(n_groups)
        )
    else:
        own = np.broadcast_to(np.asarray(result.df, dtype=float), used.shape)
        df = np.where(used, own, np.inf).min(axis=1)
        n = np.where(used, np.asarray(result.n_respondents), 0).max(axis=1)
    df = np.where(unknown | ~used.any(axis=1), np.nan, df)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_values = 2 * scipy.special.stdtr(df, -np.abs(values) / np.sqrt(variances))
    index = estimates.index
    return Comparison(
        values=pd.Series(values, index=index),
        covariance=pd.DataFrame(covariance, index=index, columns=index),
        df=pd.Series(df, index=index),
        p_values=pd.Series(p_values, index=index),
        n_respondents=pd.Series(n, index=index),
        method=f"{kind}; two-sided t tests of zero, p-values not adjusted. "
        f"{result.method}",
    )


def _weights(of: Any, labels: pd.Index) -> pd.DataFrame:
    """One row of weights for each contrast, one column for each label."""
    if isinstance(of, pd.DataFrame):
        rows = of
    elif isinstance(of, Mapping | pd.Series):
        weights = dict(of.items())
        nested = any(isinstance(item, Mapping | pd.Series) for item in weights.values())
        rows = pd.DataFrame(
            [dict(row.items()) for row in weights.values()] if nested else [weights],
            index=list(weights) if nested else ["contrast"],
        )
    else:
        matrix = np.atleast_2d(np.asarray(of, dtype=float))
        if matrix.shape[1] != len(labels):
            raise EstimationError(
                f"{matrix.shape[1]} weights for {len(labels)} values; give one for "
                "each, in the order of result.values, or name them"
            )
        names = ["contrast"] if len(matrix) == 1 else None
        rows = pd.DataFrame(matrix, index=names, columns=labels)
    unknown = [label for label in rows.columns if label not in labels]
    if unknown:
        raise EstimationError(
            f"weights name {first_few(unknown)}, which is not among the "
            f"{len(labels)} values: {first_few(labels, 12)}"
        )
    return rows.reindex(columns=labels).fillna(0.0)


def _linearized(
    function: Function, values: pd.Series, std_errors: Floats
) -> tuple[pd.Series, Floats]:
    """Values of the function and their gradients, shape (n_contrasts, n_estimates)."""
    estimates = _named(function(values))

    def moved(place: int, step: complex) -> Any:
        changed = values.astype(type(step))
        changed.iloc[place] += step
        return _named(function(changed)).to_numpy()

    columns = []
    for place, scales in enumerate(zip(values.abs(), std_errors, strict=True)):
        size = min((scale for scale in scales if scale > 0), default=1) / 1000
        sides = [
            (moved(place, k * size) - moved(place, -k * size)) / (2 * k * size)
            for k in (1.0, 2.0, 3.0)
        ]
        gradient = 1.5 * sides[0] - 0.6 * sides[1] + 0.1 * sides[2]
        try:
            with warnings.catch_warnings(action="error"):
                exact = np.imag(moved(place, 1e-100j)) / 1e-100
        except (TypeError, Warning):
            exact = gradient
        close = 1e-4 * np.abs(np.nan_to_num(gradient)).max()
        same = np.isclose(exact, gradient, rtol=1e-4, atol=close) | np.isnan(gradient)
        columns.append(np.where(same, exact, gradient))
    return estimates, np.stack(columns, axis=1)


def _named(returned: Any) -> pd.Series:
    if isinstance(returned, Mapping | pd.Series):
        return pd.Series(returned)
    array = np.atleast_1d(returned)
    return pd.Series(array, index=["contrast"] if len(array) == 1 else None)


def _group_codes(estimate: Estimate) -> tuple[npt.NDArray[np.intp], int]:
    """Group of each value of an estimate, numbered from 0."""
    if not estimate.by:
        return np.zeros(len(estimate.values), dtype=np.intp), 1
    index = estimate.values.index
    levels = [index.get_level_values(level) for level in range(len(estimate.by))]
    codes, found = pd.factorize(pd.MultiIndex.from_arrays(levels))
    return codes, len(found)
