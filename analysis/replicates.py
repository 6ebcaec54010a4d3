"""Replicate weights: made from a design, or read from its columns."""

import re
from collections.abc import Sequence
from dataclasses import replace
from operator import index
from typing import Literal

import numpy as np

from analysis import resampling
from analysis.columns import rows_named
from analysis.design import SurveyDesign
from analysis.errors import DesignError, UnknownColumn, first_few
from analysis.stages import Replicates

Method = Literal["JK1", "JKn", "BRR", "Fay", "bootstrap", "canty-davison", "preston"]
Imported = Literal[
    "JK1", "JKn", "BRR", "Fay", "bootstrap", "successive-difference", "JK2", "other"
]

RANDOM = ("bootstrap", "canty-davison", "preston")

MOST_CLUSTERS = 10_000
"""A jackknife leaves out one after the other: 800 MB of factors."""


def replicate(
    design: SurveyDesign,
    method: Method = "JKn",
    *,
    n_replicates: int | None = None,
    rho: float | None = None,
    mse: bool = False,
    seed: int | None = None,
) -> SurveyDesign:
    r"""Give a design replicate weights, which its estimates then use.

    Make them before weights are fitted to margins: the fit is then repeated in every
    replicate.

    Parameters
    ----------
    design : SurveyDesign
    method : str
        See the notes. The jackknives and BRR are not random; "bootstrap" also serves
        quantiles.
    n_replicates : int, optional
        For the bootstraps; 500 without it.
    rho : float, optional
        For "Fay": between 0 and 1, 0.3 without it.
    mse : bool
        Squares around the estimate of the whole sample, not around the mean of the
        replicates' estimates.
    seed : int, optional
        For the bootstraps: the same seed gives the same replicates.

    Returns
    -------
    SurveyDesign
        The same respondents and weights, with ``replicates``.

    Raises
    ------
    DesignError
        If the method does not fit the design.

    Notes
    -----
    With :math:`n_h` sampled clusters in stratum ``h`` and :math:`f_h` their share:

    =============== ======================================== =========================
    method          factors of the weights                   scale of squares
    =============== ======================================== =========================
    "JK1"           0 for one cluster, n / (n - 1) for the   (1 - f) (n - 1) / n
                    others; no strata
    "JKn"           the same within the cluster's stratum    (1 - f_h) (n_h - 1) / n_h
    "BRR"           2 for one cluster of each pair, 0 for    1 / R
                    the other
    "Fay"           2 - rho and rho                          1 / (R (1 - rho)^2)
    "bootstrap"     n_h / (n_h - 1) times how often the      1 / (R - 1)
                    cluster is among n_h - 1 drawn anew
    "canty-davison" how often it is among n_h drawn from     n / ((n - 1) (R - 1)), n
                    the population that its copies make      the harmonic mean of n_h
    "preston"       half of the units of every stage, in     1 / (R - 1)
                    and out
    =============== ======================================== =========================

    BRR and Fay need an even number of clusters in each stratum, which are paired in
    the order of their first respondents; R is the power of two above the number of
    pairs (R's ``survey`` knows smaller Hadamard matrices; full balance is the same).
    "BRR", "Fay" and "bootstrap" know no finite population correction. Strata with one
    cluster keep their weight, but for "JKn" with ``single_cluster`` "adjust" and
    "average", which act as in R.

    References
    ----------
    Wolter (2007), doi:10.1007/978-0-387-35099-8; Rao and Wu (1988),
    doi:10.1080/01621459.1988.10478591; Canty and Davison (1999),
    doi:10.1111/1467-9884.00196; Preston (2009), Survey Methodology 35, 227-234.
    R: ``survey::as.svrepdesign(type = "JK1", "JKn", "BRR", "Fay", "subbootstrap",
    "bootstrap" or "mrbbootstrap")``.

    Examples
    --------
    >>> import pandas as pd
    >>> from analysis import mean
    >>> frame = pd.DataFrame({"village": [1, 1, 2, 3, 3], "trust": [1, 2, 3, 5, 4]})
    >>> design = replicate(SurveyDesign(frame, clusters="village"), "JK1")
    >>> design
    SurveyDesign: 5 respondents, 3 JK1 replicates, no weights
    >>> mean(design, "trust").to_frame().round(2)
           estimate  std_error  conf_low  conf_high  n_respondents
    trust       3.0       1.15     -1.97       7.97              5
    """
    if design.calibration is not None:
        raise DesignError(
            f"the weights {design.weights!r} are already fitted to margins; make the "
            "replicates of the design before, then fit: every replicate is fitted too"
        )
    sample = design.sample
    if any(stage.sizes is not None for stage in sample.stages):
        raise DesignError(
            f"counts {design.counts!r}: rows stand for several respondents, and each "
            "would be a cluster of its own; name the clusters, or give one row each"
        )
    if method not in RANDOM and n_replicates is not None:
        raise DesignError(
            f"n_replicates: {method!r} has as many as the design makes; leave it out"
        )
    if method != "Fay" and rho is not None:
        raise DesignError(f"rho is for 'Fay', not for {method!r}; leave it out")
    if method in ("JK1", "JKn") and len(sample.strata) > MOST_CLUSTERS:
        raise DesignError(
            f"{method!r} would make a replicate for each of {len(sample.strata)} "
            "clusters; name larger ones, or use 'bootstrap'"
        )
    rng = np.random.default_rng(seed)
    try:
        n = index(500 if n_replicates is None else n_replicates)
    except TypeError:
        n = 0
    if n < 2:
        raise DesignError(
            f"n_replicates is {n_replicates!r}; give a whole number, 2 or more"
        )
    if method == "JK1":
        replicates = resampling.jackknife_one(sample, design.n_strata)
    elif method == "JKn":
        replicates = resampling.jackknife_strata(sample)
    elif method in ("BRR", "Fay"):
        share = 0.0 if method == "BRR" else 0.3 if rho is None else rho
        replicates = resampling.balanced_halves(sample, share, method)
    elif method == "bootstrap":
        replicates = resampling.rao_wu(sample, n, rng)
    elif method == "canty-davison":
        replicates = resampling.canty_davison(sample, n, rng)
    elif method == "preston":
        replicates = resampling.preston(sample, n, rng)
    else:
        raise DesignError(
            f"method {method!r} is not known; use 'JK1', 'JKn', 'BRR', 'Fay', "
            "'bootstrap', 'canty-davison' or 'preston'"
        )
    return design.replicated(replace(replicates, mse=mse))


def import_replicates(
    design: SurveyDesign,
    columns: str | Sequence[str],
    *,
    method: Imported = "other",
    scale: float | None = None,
    rscales: Sequence[float] | None = None,
    rho: float | None = None,
    mse: bool = False,
    combined: bool = True,
) -> SurveyDesign:
    r"""Read replicate weights that came with the data.

    Parameters
    ----------
    design : SurveyDesign
        Its weights are the full-sample weights.
    columns : list of str, or str
        Columns of replicate weights, or a regular expression that finds them. Weights
        below 0 are taken, as in R: calibrated sets have some.
    method : str
        How they were made, which says ``scale`` and ``rscales`` where it can: "BRR"
        1 / R; "Fay" 1 / (R (1 - rho)^2); "bootstrap" 1 / (R - 1); "JK1" (R - 1) / R;
        "successive-difference" 4 / R; "JK2" 1; "JKn" and "other" need them.
    scale : float, optional
        Factor of the sum of squares.
    rscales : list of float, optional
        Factor of each replicate's square; 1 without them.
    rho : float, optional
        For "Fay".
    mse : bool
        Squares around the estimate of the whole sample, as many agencies ask for, not
        around the mean of the replicates' estimates.
    combined : bool
        False if the columns are factors of the weights, not weights.

    Returns
    -------
    SurveyDesign
        The same design with ``replicates``.

    Raises
    ------
    UnknownColumn, DesignError

    References
    ----------
    Fay's method: Judkins (1990), Journal of Official Statistics 6, 223-239.
    R: ``survey::svrepdesign(repweights, weights, type, scale, rscales, rho, mse,
    combined.weights)``; R falls back to ``scale = 1`` with a warning.

    Examples
    --------
    >>> import pandas as pd
    >>> from analysis import total
    >>> frame = pd.DataFrame(
    ...     {"owns": [1, 0, 1], "w": [2.0, 2, 2], "r1": [4.0, 0, 2], "r2": [0.0, 4, 2]}
    ... )
    >>> design = SurveyDesign(frame, weights="w")
    >>> design = import_replicates(design, r"^r\d", method="BRR", mse=True)
    >>> total(design, "owns").std_errors
    owns    2.0
    dtype: float64
    """
    names = list(columns)
    if isinstance(columns, str):
        names = [str(name) for name in design.frame if re.search(columns, str(name))]
        if not names:
            raise UnknownColumn(
                f"no column matches {columns!r}; "
                f"the frame has {first_few(design.frame, 12)}"
            )
    if len(names) < 2:
        raise DesignError(
            f"{len(names)} column of replicate weights ({first_few(names)}); a "
            "variance needs at least two"
        )
    matrix = np.stack([design.numbers(name) for name in names], axis=1)
    for name, column in zip(names, matrix.T, strict=True):
        if np.isnan(column).any():
            raise DesignError(
                f"replicate weights {name!r}: {rows_named(np.isnan(column))} missing; "
                "complete them, or drop those respondents from the frame"
            )
    n = len(names)
    known: dict[str, float] = {
        "BRR": 1 / n,
        "bootstrap": 1 / (n - 1),
        "JK1": (n - 1) / n,
        "successive-difference": 4 / n,
        "JK2": 1,
    }
    if method == "Fay":
        if rho is None or not 0 <= rho < 1:
            raise DesignError(f"rho is {rho}; 'Fay' needs it, from 0 to below 1")
        known["Fay"] = 1 / (n * (1 - rho) ** 2)
    if scale is None:
        scale = 1.0 if rscales is not None and method == "JKn" else known.get(method)
    if scale is None:
        raise DesignError(
            f"method {method!r}: scale is not given and cannot be told from it; the "
            "documentation of the data says it (and rscales, for jackknives with "
            "strata)"
        )
    if not 0 < scale < np.inf:
        raise DesignError(f"scale is {scale}; it must be a number above 0")
    factors = np.ones(n) if rscales is None else np.asarray(rscales, dtype=float)
    wrong = ~((factors >= 0) & np.isfinite(factors))
    if factors.shape != (n,) or wrong.any():
        raise DesignError(
            f"rscales: {factors.size} numbers for {n} replicates, {int(wrong.sum())} "
            "of them missing, infinite or below 0; give one for each, from 0 up"
        )
    if combined:
        matrix = matrix / design.sample.weights[:, None]
    replicates = Replicates(
        np.asfortranarray(matrix),
        np.arange(len(matrix)),
        float(scale),
        factors,
        mse,
        method if method != "other" else "imported",
    )
    return design.replicated(replicates)
