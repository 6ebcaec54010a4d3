"""How replicates leave out, double or halve the clusters of a sample."""

import numpy as np

from analysis.errors import DesignError
from analysis.stages import Replicates, Sample, Stage
from analysis.totals import Codes, Floats


def _of_clusters(
    sample: Sample, factors: Floats, scale: float, rscales: Floats, method: str
) -> Replicates:
    return Replicates(factors, sample.clusters, scale, rscales, False, method)


def jackknife_one(sample: Sample, n_strata: int) -> Replicates:
    """Leave out each cluster once; the others stand in for it."""
    if n_strata > 1:
        raise DesignError(
            f"'JK1' knows no strata, and the design has {n_strata}; use 'JKn'"
        )
    n = len(sample.strata)
    if n < 2:
        raise DesignError("'JK1' leaves out one cluster of several; there is only one")
    factors = np.full((n, n), n / (n - 1))
    np.fill_diagonal(factors, 0)
    scale = (1 - sample.fractions[0]) * (n - 1) / n
    return _of_clusters(sample, factors, scale, np.ones(n), "JK1")


def jackknife_strata(sample: Sample) -> Replicates:
    """Leave out each cluster once; the others of its stratum stand in for it."""
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


def balanced_halves(sample: Sample, rho: float, method: str) -> Replicates:
    """Keep one cluster of each pair, in halves orthogonal to each other."""
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


def rao_wu(sample: Sample, n_replicates: int, rng: np.random.Generator) -> Replicates:
    """Draw one cluster less than there are in each stratum, with replacement."""
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


def canty_davison(
    sample: Sample, n_replicates: int, rng: np.random.Generator
) -> Replicates:
    """Draw all clusters of a stratum again from a population made of copies."""
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


def preston(sample: Sample, n_replicates: int, rng: np.random.Generator) -> Replicates:
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
