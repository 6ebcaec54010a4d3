"""Replicate weights: made from a design, or read from its columns."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from analysis.columns import rows_named
from analysis.design import SurveyDesign
from analysis.errors import DesignError, UnknownColumn, first_few
from analysis.stages import Replicates, Sample, Stage
from analysis.totals import Codes, Floats

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
    rng, n = np.random.default_rng(seed), n_replicates or 500
    if method == "JK1":
        replicates = _jackknife_one(sample, design.n_strata)
    elif method == "JKn":
        replicates = _jackknife_strata(sample)
    elif method in ("BRR", "Fay"):
        share = 0.0 if method == "BRR" else 0.3 if rho is None else rho
        replicates = _balanced_halves(sample, share, method)
    elif method == "bootstrap":
        replicates = _rao_wu(sample, n, rng)
    elif method == "canty-davison":
        replicates = _canty_davison(sample, n, rng)
    elif method == "preston":
        replicates = _preston(sample, n, rng)
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
        Columns of replicate weights, or a regular expression that finds them.
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
    factors = np.ones(n) if rscales is None else np.asarray(rscales, dtype=float)
    if factors.shape != (n,) or not (factors >= 0).all():
        raise DesignError(
            f"rscales: {factors.size} numbers for {n} replicates, "
            f"{int((factors < 0).sum())} of them below 0; give one for each, from 0 up"
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


def _of_clusters(
    sample: Sample, factors: Floats, scale: float, rscales: Floats, method: str
) -> Replicates:
    return Replicates(factors, sample.clusters, scale, rscales, False, method)


def _jackknife_one(sample: Sample, n_strata: int) -> Replicates:
    if n_strata > 1:
        raise DesignError(
            f"'JK1' knows no strata, and the design has {n_strata}; use 'JKn'"
        )
    n = len(sample.strata)
    factors = np.full((n, n), n / (n - 1))
    np.fill_diagonal(factors, 0)
    scale = (1 - sample.fractions[0]) * (n - 1) / n
    return _of_clusters(sample, factors, scale, np.ones(n), "JK1")


def _jackknife_strata(sample: Sample) -> Replicates:
    stage = sample.stages[0]
    n_h, strata, adjust = (
        stage.n_clusters,
        stage.strata,
        sample.single_cluster == "adjust",
    )
    without = np.flatnonzero(
        (stage.fractions < 1)[strata] & ((n_h > 1)[strata] | adjust)
    )
    h = strata[without]
    same = strata[:, None] == h
    n_others = np.where(n_h > 1, n_h, 2)[h]
    factors = np.where(same, n_others / (n_others - 1), 1.0)
    factors[without, np.arange(len(without))] = 0
    rscales = (1 - stage.fractions[h]) * (n_others - 1) / n_others
    alone = stage.alone[h]
    if alone.any():
        # R: the others of the whole sample make up for the only cluster of a stratum.
        n_strata = len(n_h)
        if n_strata == 1:
            raise DesignError("the only stratum has one cluster; nothing varies")
        factors[:, alone] = np.where(same[:, alone], 0, n_strata / (n_strata - 1))
        rscales[alone] = (n_strata - 1) / n_strata
    average = sample.single_cluster == "average" and stage.alone.any()
    scale = len(strata) / len(without) if average else 1.0
    return _of_clusters(sample, factors, scale, rscales, "JKn")


def _balanced_halves(sample: Sample, rho: float, method: str) -> Replicates:
    stage = sample.stages[0]
    _refuse_fractions(stage, method)
    if not 0 <= rho < 1:
        raise DesignError(f"rho is {rho}; it must be from 0 to below 1, such as 0.3")
    odd = stage.n_clusters % 2 == 1
    if odd.any():
        raise DesignError(
            f"{method!r} pairs the clusters of a stratum, and {int(odd.sum())} of "
            f"{len(odd)} strata have an odd number of them; use 'JKn' or 'bootstrap'"
        )
    order = np.lexsort((_first_rows(stage.clusters), stage.strata))
    pair, member = np.divmod(np.arange(len(order)), 2)
    n_replicates = 2 ** int(np.ceil(np.log2(pair[-1] + 2)))
    # Rows of Sylvester's Hadamard matrix but the first, which is the same all along.
    odd_bits = np.bitwise_count((1 + pair)[:, None] & np.arange(n_replicates)) % 2
    factors = np.empty((len(order), n_replicates))
    factors[order] = np.where(odd_bits == member[:, None], 2 - rho, rho)
    scale = 1 / (n_replicates * (1 - rho) ** 2)
    return _of_clusters(sample, factors, scale, np.ones(n_replicates), method)


def _rao_wu(sample: Sample, n_replicates: int, rng: np.random.Generator) -> Replicates:
    stage = sample.stages[0]
    _refuse_fractions(stage, "bootstrap")
    _refuse_single_clusters(sample)
    factors = np.ones((len(stage.strata), n_replicates))
    for n, rows in _strata(stage):
        if n > 1:
            drawn = rng.multinomial(n - 1, np.full(n, 1 / n), size=n_replicates)
            factors[rows] = drawn.T * n / (n - 1)
    scale = 1 / (n_replicates - 1)
    return _of_clusters(sample, factors, scale, np.ones(n_replicates), "bootstrap")


def _canty_davison(
    sample: Sample, n_replicates: int, rng: np.random.Generator
) -> Replicates:
    stage = sample.stages[0]
    _refuse_single_clusters(sample)
    factors = np.ones((len(stage.strata), n_replicates))
    for (n, rows), fraction in zip(_strata(stage), stage.fractions, strict=True):
        if n == 1 or fraction == 1:
            continue
        if fraction < 0.01:
            drawn = rng.multinomial(n, np.full(n, 1 / n), size=n_replicates)
        else:
            copies, rest = divmod(round(n / fraction), n)
            population = np.full(n, copies)
            population[rng.choice(n, rest, replace=False)] += 1
            drawn = rng.multivariate_hypergeometric(population, n, size=n_replicates)
        factors[rows] = drawn.T
    per_stratum = 1 / float(np.mean(1 / stage.n_clusters))
    scale = per_stratum / ((per_stratum - 1) * (n_replicates - 1))
    return _of_clusters(sample, factors, scale, np.ones(n_replicates), "canty-davison")


def _preston(sample: Sample, n_replicates: int, rng: np.random.Generator) -> Replicates:
    """Half of the units of each stage are kept; those below a dropped one are too."""
    _refuse_single_clusters(sample)
    total = np.zeros((1, n_replicates))
    kept, carried = np.ones((1, n_replicates), dtype=bool), np.ones((1, n_replicates))
    parent_of: Codes = np.zeros(len(sample.stages[0].n_clusters), dtype=np.intp)
    for stage in sample.stages:
        n_units = len(stage.strata)
        parts = np.zeros((n_units, n_replicates))
        now = np.zeros((n_units, n_replicates), dtype=bool)
        growth = np.ones((n_units, n_replicates))
        for h, (n, rows) in enumerate(_strata(stage)):
            half = n // 2
            if half == 0:
                continue
            above = kept[parent_of[h]]
            keys = rng.random((n, n_replicates))
            last = np.partition(keys, half - 1, axis=0)[half - 1]
            chosen = (keys <= last) & above
            before = 1.0 if stage.multipliers is None else stage.multipliers[h]
            step = np.sqrt(before * half * (1 - stage.fractions[h]) / (n - half))
            moved = step * (n / half * chosen - 1)
            parts[rows] = np.where(above, moved, 0)
            now[rows], growth[rows] = chosen, np.sqrt(n / half) * chosen
        of = parent_of[stage.strata]
        total = total[of] + carried[of] * parts
        carried, kept = carried[of] * growth, now
        parent_of = np.arange(n_units)
    return Replicates(
        1 + total,
        sample.stages[-1].clusters,
        1.0,
        np.full(n_replicates, 1 / (n_replicates - 1)),
        False,
        "preston",
    )


def _strata(stage: Stage) -> list[tuple[int, slice]]:
    """Number of units of each stratum, and where they are; units lie in its order."""
    ends = np.cumsum(stage.n_clusters).astype(int)
    return [
        (int(n), slice(end - int(n), end))
        for n, end in zip(stage.n_clusters, ends, strict=True)
    ]


def _first_rows(clusters: Codes) -> Codes:
    first = np.empty(int(clusters.max()) + 1, dtype=np.intp)
    first[clusters[::-1]] = np.arange(len(clusters))[::-1]
    return first


def _refuse_fractions(stage: Stage, method: str) -> None:
    if stage.fractions.any():
        raise DesignError(
            f"{method!r} knows no finite population correction; leave out "
            "population_sizes, or use 'JKn', 'canty-davison' or 'preston'"
        )


def _refuse_single_clusters(sample: Sample) -> None:
    alone = sample.stages[0].alone
    if alone.any() and sample.single_cluster in ("adjust", "average"):
        raise DesignError(
            f"{int(alone.sum())} of {len(alone)} strata have one cluster, and a "
            f"bootstrap cannot {sample.single_cluster} for that; use 'JKn', or "
            "single_cluster='remove'"
        )
