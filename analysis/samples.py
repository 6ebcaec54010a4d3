"""How respondents were drawn, read from columns and checked."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.columns import NUMERIC, Columns, frozen, rows_named
from analysis.errors import DesignError, first_few
from analysis.stages import Sample, SingleCluster, Stage
from analysis.totals import BLOCK_ROWS, Codes, Compact, Floats, sums

Names = str | Sequence[str] | None

SINGLE_CLUSTER = ("fail", "remove", "certainty", "adjust", "average")


def read_sample(
    rows: Columns,
    *,
    weights: str | None,
    counts: str | None,
    strata: Names,
    clusters: Names,
    population_sizes: Names,
    nest: bool,
    single_cluster: SingleCluster,
) -> Sample:
    """Read the columns that say how the respondents were drawn.

    Parameters as for :class:`analysis.design.SurveyDesign`.

    Raises
    ------
    UnknownColumn, DesignError
        Naming the column, the rows, and what to do.
    """
    if single_cluster not in SINGLE_CLUSTER:
        raise DesignError(
            f"single_cluster {single_cluster!r} is not known; use "
            + ", ".join(map(repr, SINGLE_CLUSTER))
        )
    numbers = None
    if counts is not None:
        numbers = read_weights(rows, counts, "counts")
    if weights is not None:
        values = read_weights(rows, weights, "weights")
    else:
        values = np.ones(len(rows.frame)) if numbers is None else numbers
    stages = _read_stages(
        rows,
        _listed(strata),
        _listed(clusters),
        _listed(population_sizes),
        nest,
        single_cluster,
        numbers,
    )
    return Sample(
        weights=frozen(values, float),
        stages=stages,
        single_cluster=single_cluster,
        counts=None if numbers is None else frozen(numbers, float),
    )


def read_weights(rows: Columns, name: str, role: str) -> Floats:
    """Read a column of positive numbers."""
    column = rows.column(name)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind not in NUMERIC and column.notna().any():
        text = column.notna() & pd.to_numeric(column, errors="coerce").isna()
        raise DesignError(
            f"{role} {name!r} hold {kind} values, {rows_named(text)} not a number; "
            "correct them, and make numbers of the column with pandas.to_numeric"
        )
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if values.min() > 0 and values.max() < np.inf:
        return values
    infinite = np.isinf(values)
    if infinite.any():
        raise DesignError(
            f"{role} {name!r}: {rows_named(infinite)} infinite; correct them or drop "
            "those respondents"
        )
    raise DesignError(
        f"{role} {name!r}: {rows_named(~(values > 0))} missing or not positive; "
        "drop those respondents or weight them first"
    )


def _read_stages(
    rows: Columns,
    strata: list[str],
    clusters: list[str],
    sizes: list[str],
    nest: bool,
    single_cluster: SingleCluster,
    counts: Floats | None,
) -> tuple[Stage, ...]:
    """Read the stages that contribute to the variance, the first one always."""
    if len(sizes) > len(clusters) + 1:
        raise DesignError(
            f"population_sizes has {len(sizes)} columns ({first_few(sizes)}) for "
            f"{len(clusters)} of clusters; give one for each stage of clusters, and at "
            "most one more, for the respondents in the last ones"
        )
    n = len(rows.frame)
    parents: Compact = np.zeros(n, dtype=np.int8)
    if strata:
        parents = _codes(rows, strata, "strata")
    multipliers = None
    stages: list[Stage] = []
    for depth in range(max(len(sizes), 1)):
        name = clusters[depth] if depth < len(clusters) else None
        size = sizes[depth] if depth < len(sizes) else None
        units: Compact = _codes(rows, [name], "clusters") if name else np.arange(n)
        if name is not None and (nest or depth):
            units = _numbered_within(parents, units)
        above = strata if depth == 0 else clusters[:depth]
        stage = _stage(
            rows,
            parents,
            units,
            parents if name is None else _strata_of(rows, name, units, parents),
            size,
            multipliers,
            counts if name is None else None,
            above,
        )
        _check_single_units(rows, stage, parents, single_cluster, above, name, depth)
        stages.append(stage)
        inherited = 1 if multipliers is None else multipliers
        multipliers = (inherited * stage.fractions)[stage.strata]
        if not multipliers.any():
            break
        parents = stage.clusters
    return tuple(stages)


def _stage(
    rows: Columns,
    strata: Compact,
    units: Compact,
    stratum_of: Compact,
    size: str | None,
    multipliers: Floats | None,
    counts: Floats | None,
    above: list[str],
) -> Stage:
    n_units, n_strata = len(stratum_of), int(stratum_of.max()) + 1
    if (np.diff(stratum_of) < 0).any():
        # Numbered by stratum, units that lie together move few of the estimates.
        order = np.argsort(stratum_of, kind="stable")
        number = np.empty_like(order)
        number[order] = np.arange(n_units)
        units, stratum_of = number[units], stratum_of[order]
    unit_sizes = None
    if counts is not None:
        unit_sizes = np.empty(n_units)
        unit_sizes[units] = counts
    n_clusters = sums(stratum_of, unit_sizes, n_strata)
    return Stage(
        clusters=frozen(units, np.intp),
        strata=frozen(stratum_of, np.intp),
        n_clusters=frozen(n_clusters),
        fractions=frozen(_fractions(rows, size, strata, n_clusters, above)),
        multipliers=multipliers,
        sizes=None if unit_sizes is None else frozen(unit_sizes),
    )


def _fractions(
    rows: Columns, name: str | None, strata: Compact, sampled: Floats, above: list[str]
) -> Floats:
    if name is None:
        return np.zeros(len(sampled))
    if pd.api.types.infer_dtype(rows.column(name), skipna=True) not in NUMERIC:
        raise DesignError(
            f"population_sizes {name!r} is not numeric; make numbers of the column "
            "with pandas.to_numeric"
        )
    sizes = rows.numbers(name)
    of_stratum = np.empty(len(sampled))
    of_stratum[strata] = sizes
    wrong = ~(sizes == of_stratum[strata])
    if wrong.any():
        raise DesignError(
            f"population_sizes {name!r}: {rows_named(wrong)} missing or different from "
            "others of their stratum or cluster; give every row its one number"
        )
    small = of_stratum < sampled
    if small.any():
        raise DesignError(
            f"population_sizes {name!r}: {int(small.sum())} of {len(sampled)} "
            f"{'strata' if above else 'samples'} "
            f"({_names(rows, above, strata, small)}) have more sampled units than "
            "that; give numbers of clusters in the population, not shares"
        )
    return sampled / of_stratum


def _numbered_within(parents: Compact, units: Compact) -> Codes:
    """Number anew what has one number in several strata."""
    n_units, n_strata = int(units.max()) + 1, int(parents.max()) + 1
    pairs = parents.astype(np.intp) * n_units + units
    if n_units * n_strata > 2 * len(pairs):
        return pd.factorize(pairs)[0]
    number = np.cumsum(sums(pairs, None, n_units * n_strata) > 0) - 1
    return np.asarray(number[pairs], dtype=np.intp)


def _strata_of(rows: Columns, name: str, units: Compact, strata: Compact) -> Codes:
    """Stratum of each unit; an error if one lies in several."""
    n_units = int(units.max()) + 1
    stratum_of = np.full(n_units, -1, dtype=np.intp)
    blocks = [slice(at, at + BLOCK_ROWS) for at in range(0, len(units), BLOCK_ROWS)]
    for block in blocks:
        stratum_of[units[block]] = strata[block]
        if n_units <= BLOCK_ROWS and stratum_of.min() >= 0:
            break
    elsewhere = [
        units[block][np.take(stratum_of, units[block]) != strata[block]]
        for block in blocks
    ]
    across = np.unique(np.concatenate(elsewhere))
    if len(across):
        names = rows.column(name).iloc[
            [int(np.argmax(units == unit)) for unit in across[:6]]
        ]
        raise DesignError(
            f"clusters {name!r}: {len(across)} of {n_units} "
            f"clusters lie in several strata ({first_few(names)}); use nest=True "
            "if clusters are numbered anew in each stratum, else correct them"
        )
    return stratum_of


def _check_single_units(
    rows: Columns,
    stage: Stage,
    strata: Compact,
    single_cluster: SingleCluster,
    above: list[str],
    name: str | None,
    depth: int,
) -> None:
    alone = stage.alone
    if not alone.any() or single_cluster not in ("fail", "average"):
        return
    total, named = len(alone), _names(rows, above, strata, alone)
    if single_cluster == "average":
        if depth == 0 and not alone.all():
            return
        raise DesignError(
            f"single_cluster='average': {int(alone.sum())} of {total} "
            f"{repr(above[-1]) if depth else 'strata'} ({named}) have one sampled unit "
            "of several, and no others to average over; use 'adjust' or 'certainty'"
        )
    if depth:
        raise DesignError(
            f"clusters {above[-1]!r}: {int(alone.sum())} of {total} have one sampled "
            f"{'respondent' if name is None else repr(name)} of several ({named}), so "
            "the variance within them cannot be estimated; leave out that stage, or "
            "use single_cluster='certainty' or 'adjust'"
        )
    role = repr(above[0] if len(above) == 1 else above) if above else "None"
    raise DesignError(
        f"strata {role}: {int(alone.sum())} of {total} strata have "
        f"one cluster ({named}), so their variance "
        "cannot be estimated; merge them with similar strata, or use "
        "single_cluster='adjust'"
    )


def _codes(rows: Columns, names: list[str], role: str) -> Compact:
    """Codes from 0 on, as small as they come, of the columns together."""
    for name in names:
        codes, _ = rows.compact_groups(name)
        if codes.min() < 0:
            raise DesignError(
                f"{role} {name!r}: missing in {rows_named(codes < 0)}; complete the "
                "column or drop those respondents"
            )
    if len(names) == 1 and not rows.has_categories(names[0]):
        return rows.compact_groups(names[0])[0]
    return rows.crossed_groups(names).codes


def _names(
    rows: Columns, above: list[str], codes: Compact, chosen: npt.NDArray[np.bool_]
) -> str:
    if not above:
        return "the whole sample"
    first = [int(np.argmax(codes == h)) for h in np.flatnonzero(chosen)[:6]]
    return first_few(
        "/".join(map(str, row)) for row in rows.frame[above].iloc[first].to_numpy()
    )


def _listed(names: Names) -> list[Any]:
    if names is None:
        return []
    return [names] if isinstance(names, str | pd.Series | np.ndarray) else list(names)
