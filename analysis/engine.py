"""Surveys of any size: an engine groups the respondents, the rest is as usual.

Estimates need sums over respondents who are alike: of the same cluster, with the same
answers. An engine that Ibis speaks to (DuckDB inside this process, PostgreSQL, Spark)
computes them with one ``GROUP BY``; the result is a frame small enough for numpy.
Nobody is filtered out and "no answer" is a group like any other, so the design stays
whole and every estimate is the one that the respondents themselves would give.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.errors import DesignError, EstimationError, UnknownColumn, first_few

if TYPE_CHECKING:  # importing ibis takes longer than everything else here
    from ibis.expr.types import Column, Table

WEIGHTS, COUNTS, UNUSABLE = "sum_of_weights", "n_respondents", "unusable_weights"
"""Columns of totals that add up when respondents are put together."""

MOST_GROUPS = 5_000_000
"""Groups that still fit well into memory."""

Names = str | Sequence[str] | None


def open_parquet(
    paths: str | Path | Sequence[str | Path], *, memory_limit: str = "1GB"
) -> Table:
    """Parquet files as one table on a DuckDB inside this process.

    Parameters
    ----------
    paths : path or list of paths
        Files, or patterns such as ``responses/*.parquet``; they need the same columns.
    memory_limit : str
        Memory that DuckDB may take. It asks no network for extensions and writes
        nothing to disk.

    Returns
    -------
    ibis Table
        Read only when asked; derive columns with its ``mutate``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     pd.DataFrame({"age": [20, 30]}).to_parquet(f"{folder}/wave_1.parquet")
    ...     open_parquet(f"{folder}/*.parquet").count().to_pyarrow().as_py()
    2
    """
    import ibis

    connection = ibis.duckdb.connect(
        autoinstall_known_extensions=False,
        autoload_known_extensions=False,
        memory_limit=memory_limit,
        temp_directory="",
    )
    connection.settings["enable_progress_bar"] = False
    files = [paths] if isinstance(paths, str | Path) else paths
    # As Path, so that nothing looks like an address on the network.
    return connection.read_parquet([Path(file) for file in files])


def cluster_totals(
    table: Table,
    columns: Sequence[str],
    *,
    weights: str | None = None,
    strata: Names = None,
    clusters: Names = None,
    moments: Sequence[str] = (),
) -> pd.DataFrame:
    r"""Sum the weights of respondents who are alike, and count them, on the engine.

    Parameters
    ----------
    table : ibis Table
        One row per respondent; see :func:`open_parquet`.
    columns : list of str
        Columns of few values: answers, ``by``, ``where``, covariates, and population
        sizes.
    weights, strata, clusters
        As for :class:`SurveyDesign`.
    moments : list of str
        Numeric columns of many values (income, age). Each group gets a few values
        that have the group's sums of ``w``, ``w y``, ``w y^2`` and ``w x y``. Means,
        totals, ratios, design effects and, with clusters, variances, correlations and
        linear regressions need no more and stay exact. For shares, quantiles and
        other regressions name the column in ``columns``.

    Returns
    -------
    DataFrame
        Strata, clusters (without them ``weights``), ``columns``, ``moments``;
        ``sum_of_weights`` and ``n_respondents``, which is a fraction where a group is
        spread over several values of ``moments``. Ready for
        ``SurveyDesign(totals, weights="sum_of_weights", counts="n_respondents", ...)``.

    Raises
    ------
    UnknownColumn, DesignError
        As a frame of the respondents would, and if there are too many groups.
    EstimationError
        If a column of ``moments`` is not numeric.

    Notes
    -----
    The values are the :math:`2k` points
    :math:`\bar y \pm \sqrt{k \lambda_j}\, v_j` with the eigenvalues and eigenvectors
    of the covariance matrix of the :math:`k` columns in the group, as in the unscented
    transform: Julier and Uhlmann (2004), doi:10.1109/JPROC.2003.823141.

    A group of one respondent is that respondent's answers: totals are data about
    persons, to be guarded as such.

    Examples
    --------
    >>> import ibis, pyarrow
    >>> people = pyarrow.table({"country": ["CN", "CN", "DE"], "age": [20.0, 30, 40]})
    >>> totals = cluster_totals(ibis.memtable(people), ["country"], moments=["age"])
    >>> totals.sort_values("age").to_dict("list")
    {'country': ['CN', 'CN', 'DE'], 'age': [20.0, 30.0, 40.0],
     'sum_of_weights': [1.0, 1.0, 1.0], 'n_respondents': [1.0, 1.0, 1.0]}
    """
    units = [*_names(strata), *_names(clusters)]
    keys = list(dict.fromkeys([*units, *columns]))
    _check_columns(table, [*keys, *_names(weights)], moments)
    if clusters is None:
        # Each respondent is a cluster: only those of the same weight are alike.
        keys = list(dict.fromkeys([*keys, *_names(weights)]))
    table = table.mutate(w_=table[weights].cast("float64") if weights else 1.0)
    w = table["w_"]
    sums = {
        COUNTS: table.count().cast("float64"),
        WEIGHTS: w.sum(),
        UNUSABLE: ((w > 0) & (w < np.inf)).fill_null(False).ifelse(0, 1).sum(),
    }
    answered = {name: _answered(table[name]) for name in moments}
    middle = _means(table, answered)
    y = [
        answered[name].ifelse(table[name].cast("float64") - middle[name], 0.0)
        for name in moments
    ]
    for i, a in enumerate(y):
        sums[f"sum_{i}"] = (w * a).sum()
        sums |= {f"sum_{i}_{j}": (w * a * b).sum() for j, b in enumerate(y[: i + 1])}
    groups = [table[key] for key in keys]
    groups += [answered[name].name(f"answered_{i}") for i, name in enumerate(moments)]
    grouped = table.group_by(groups) if groups else table
    found = grouped.aggregate(**sums).limit(MOST_GROUPS + 1)
    totals = _fetched(found, [*keys, *moments])
    _check_totals(totals, units, weights, [*keys, *moments])
    if moments:
        totals = _points(totals, moments, middle)
    return totals[[*keys, *moments, WEIGHTS, COUNTS]]


def merge_totals(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put totals of several countries, waves or files together.

    Parameters
    ----------
    parts : list of DataFrame
        From :func:`cluster_totals`, asked for the same columns; respondents of one
        cluster may be in several of them.

    Returns
    -------
    DataFrame
        What :func:`cluster_totals` would give for all respondents together.

    Raises
    ------
    DesignError
        If the columns differ or one part holds no totals.

    Examples
    --------
    >>> first = pd.DataFrame(
    ...     {"country": ["CN"], "sum_of_weights": [2.0], "n_respondents": [2.0]}
    ... )
    >>> second = pd.DataFrame(
    ...     {"country": ["CN", "DE"], "sum_of_weights": [1.0] * 2, "n_respondents": 1.0}
    ... )
    >>> parts = [first, second]
    >>> merge_totals(parts).sort_values("country").to_dict("list")
    {'country': ['CN', 'DE'], 'sum_of_weights': [3.0, 1.0], 'n_respondents': [3.0, 1.0]}
    """
    parts = list(parts)
    if not parts:
        raise DesignError("there are no totals to merge")
    columns = list(parts[0].columns)
    for number, part in enumerate(parts, 1):
        if not {WEIGHTS, COUNTS} <= set(part) or set(part) != set(columns):
            raise DesignError(
                f"totals {number} of {len(parts)} have the columns "
                f"{first_few(part.columns, 12)}, the first {first_few(columns, 12)}; "
                "make all of them with cluster_totals() and the same columns"
            )
    together = pd.concat([part[columns] for part in parts], ignore_index=True)
    keys = [name for name in columns if name not in (WEIGHTS, COUNTS)]
    if not keys:
        return together.sum().to_frame().T
    return together.groupby(
        keys, sort=False, dropna=False, observed=True, as_index=False
    ).sum()


def is_table(frame: object) -> bool:
    """Whether this is an Ibis table. There is none before someone imports Ibis."""
    ibis = sys.modules.get("ibis")
    return ibis is not None and isinstance(frame, ibis.Table)


def check_table(table: Table, roles: Sequence[str], counts: str | None) -> None:
    """Refuse columns that a table lacks, and totals instead of respondents.

    Raises
    ------
    UnknownColumn, DesignError
    """
    _check_columns(table, roles, ())
    if counts is not None:
        raise DesignError(
            f"counts {counts!r}: each row of a table is one respondent; read totals "
            "into a frame (table.to_pandas()) and make a design of that"
        )


def _names(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names or [])


def _check_columns(table: Table, keys: Sequence[str], moments: Sequence[str]) -> None:
    for name in (*keys, *moments):
        if name not in table.columns:
            raise UnknownColumn(
                f"the table has no column {name!r}; "
                f"it has {first_few(table.columns, 12)}"
            )
    for name in moments:
        kind = table[name].type()
        if not (kind.is_numeric() or kind.is_boolean()):
            raise EstimationError(
                f"moments {name!r} is not numeric ({kind}); name it in columns"
            )
    twice = [name for name in moments if name in keys]
    taken = [name for name in (WEIGHTS, COUNTS) if name in (*keys, *moments)]
    if twice or taken:
        raise DesignError(
            f"column {first_few(twice or taken)} is "
            + ("in columns and in moments" if twice else "what the totals are called")
            + "; rename one"
        )


def _answered(y: Column) -> Column:
    present = y.notnull()
    return present & ~y.isnan() if y.type().is_floating() else present


def _means(table: Table, answered: dict[str, Column]) -> dict[str, float]:
    """Rough middle of each column: sums of squares around it do not cancel out."""
    if not answered:
        return {}
    means = {
        f"mean_{i}": table[name].cast("float64").mean(where=present)
        for i, (name, present) in enumerate(answered.items())
    }
    middle = table.aggregate(**means).to_pyarrow().to_pandas().iloc[0].fillna(0)
    for name, value in zip(answered, middle, strict=True):
        if not np.isfinite(value):
            raise EstimationError(
                f"moments {name!r}: some rows are infinite; set them to missing or "
                "correct them"
            )
    return dict(zip(answered, middle.astype(float), strict=True))


def _fetched(found: Table, keys: Sequence[str]) -> pd.DataFrame:
    try:
        totals: pd.DataFrame = found.to_pyarrow().to_pandas()
    except Exception as error:  # each engine has its own
        if type(error).__name__ != "OutOfMemoryException":
            raise
        raise DesignError(
            f"too many groups of respondents who are alike in {first_few(keys, 12)} "
            "for the memory of the engine; leave out columns of many values, give "
            "numeric ones as moments, or open_parquet(..., memory_limit='4GB')"
        ) from error
    return totals


def _check_totals(
    totals: pd.DataFrame, units: Sequence[str], weights: str | None, keys: Sequence[str]
) -> None:
    if len(totals) > MOST_GROUPS:
        raise DesignError(
            f"more than {MOST_GROUPS} groups of respondents who are alike in "
            f"{first_few(keys, 12)}; leave out columns of many values, give numeric "
            "ones as moments, or name the clusters"
        )
    n = totals[COUNTS]
    if not n.sum():
        raise DesignError("the table has no rows; a design needs respondents")
    for name in units:
        missing = int(n[totals[name].isna()].sum())
        if missing:
            raise DesignError(
                f"strata or clusters {name!r}: missing in {missing} of {n.sum():.0f} "
                "rows; complete the column or drop those respondents"
            )
    unusable = int(totals[UNUSABLE].sum())
    if unusable:
        raise DesignError(
            f"weights {weights!r}: {unusable} of {n.sum():.0f} rows missing or not "
            "positive; drop those respondents or weight them first"
        )


def _points(
    totals: pd.DataFrame, moments: Sequence[str], middle: dict[str, float]
) -> pd.DataFrame:
    """Replace the sums of each group by points that have the same sums."""
    k, weight = len(moments), totals[WEIGHTS].to_numpy()
    means = np.stack([totals[f"sum_{i}"] for i in range(k)], axis=1) / weight[:, None]
    covariance = np.empty((len(totals), k, k))
    for i in range(k):
        for j in range(i + 1):
            product = totals[f"sum_{i}_{j}"] / weight - means[:, i] * means[:, j]
            covariance[:, i, j] = covariance[:, j, i] = product
    values, vectors = np.linalg.eigh(covariance)
    steps = np.sqrt(k * np.maximum(values, 0))[:, None, :] * vectors
    points = means[:, :, None] + np.concatenate([steps, -steps], axis=2)
    alone = totals[COUNTS].to_numpy() == 1
    kept = ~alone[:, None] | (np.arange(2 * k) == 0)
    points = np.where(alone[:, None, None], means[:, :, None], points)

    result = totals.loc[totals.index.repeat(kept.sum(axis=1))].reset_index(drop=True)
    share = np.repeat(np.where(alone, 1, 2 * k), kept.sum(axis=1))
    result[[WEIGHTS, COUNTS]] = result[[WEIGHTS, COUNTS]].div(share, axis=0)
    for i, name in enumerate(moments):
        answers = points[:, i, :][kept] + middle[name]
        result[name] = np.where(result[f"answered_{i}"], answers, np.nan)
    return result
