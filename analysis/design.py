"""The survey design: who was drawn how, checked once and frozen."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.calibration import Calibration
from analysis.columns import Columns, Groups, Where, frozen, rows_named
from analysis.engine import COUNTS, WEIGHTS, check_table, cluster_totals, is_table
from analysis.errors import DesignError, EstimationError
from analysis.results import Weighting
from analysis.samples import read_sample
from analysis.stages import Replicates, Sample, SingleCluster
from analysis.totals import Compact, Floats, tabulate

__all__ = ["Groups", "SurveyDesign", "Where"]

WORTH_COLLAPSING = 20_000
"""Rows below which an estimate is quicker than counting its cells first."""


@dataclass(frozen=True, eq=False)
class SurveyDesign(Columns):
    """Respondents, in a data frame or on an engine, and how they were drawn.

    Parameters
    ----------
    frame : DataFrame or ibis Table
        One row per respondent. A frame is checked now and never changed; later changes
        to it are not seen. On a table nothing is read before an estimate asks: then its
        engine counts the respondents who are alike in the columns that the estimate
        names, and checks them; see :meth:`holding`.
    weights : str, optional
        Column of positive weights: population persons per respondent, or any
        multiple of that. Without it everyone counts the same.
    strata : str or list of str, optional
        Column of strata, or columns that name them together. Independent samples
        are strata: in a survey of several countries, name the country here.
    clusters : str or list of str, optional
        Column of the units drawn first (villages, schools); without it, respondents.
        A list names the units of every stage, from the first down; those below the
        first are numbered within the ones above.
    population_sizes : str or list of str, optional
        Column with the number of clusters that each stratum has in the population,
        for the finite population correction; without it, samples are taken as small.
        A list has one column for each stage: how many units the one above has in the
        population. One more than ``clusters`` counts the respondents of the last.
    nest : bool
        True if clusters are numbered anew within each stratum.
    single_cluster : {"fail", "remove", "certainty", "adjust", "average"}
        What to do about a stratum with one sampled cluster: refuse it; let it
        contribute nothing ("remove" and "certainty": the cluster was sure to be
        drawn); let its total count as its deviation (around the mean of all strata,
        not its own); or let it contribute what the other strata do on average.
    counts : str, optional
        Column with the number of respondents that each row stands for, if rows are
        counts of respondents who are alike. Their weight is then the sum of their
        weights. Without ``clusters``, each of them is a cluster, with an equal part
        of the row's weight.
    moments : sequence of str
        Columns of which such rows keep only the sums, sums of squares and of products
        that their respondents have: good for means, variances and linear regressions.
        Of a table, columns of many values that shall be kept that way.

    Raises
    ------
    UnknownColumn, DesignError

    Notes
    -----
    Without population sizes, variance comes from the clusters drawn first ("ultimate
    clusters"), whatever was drawn within them; with them, the stages below contribute
    as far as the clusters above exhaust the population. R:
    ``survey::svydesign(ids, strata, weights, fpc, nest)``,
    ``options(survey.lonely.psu)``; a domain's single cluster is no single cluster
    (``survey.adjust.domain.lonely = FALSE``). R accepts zero weights and sampling
    fractions as ``fpc``; here both are refused.

    References
    ----------
    Särndal, Swensson and Wretman (1992), doi:10.1007/978-1-4612-4378-6.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["CN", "CN", "DE", "DE"], "w": [2, 1, 1, 1]})
    >>> design = SurveyDesign(frame, weights="w", strata="country")
    >>> design
    SurveyDesign: 4 respondents, 4 clusters, 2 strata, weights 'w'

    Two of ten villages, and two of five people in each:

    >>> frame = pd.DataFrame({"village": [1, 1, 2, 2], "villages": 10, "people": 5})
    >>> SurveyDesign(frame, clusters="village", population_sizes=["villages", "people"])
    SurveyDesign: 4 respondents, 2 clusters, 1 strata, no weights

    A table, here of DuckDB, on which each estimate is one ``GROUP BY``:

    >>> import ibis, pyarrow
    >>> people = {
    ...     "village": [1, 1, 1, 2, 2, 3, 3, 4],
    ...     "approval": ["yes", "yes", "no", "no", "no", "yes", None, "yes"],
    ...     "weight": [1.0, 2.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0],
    ... }
    >>> table = ibis.memtable(pyarrow.table(people))
    >>> design = SurveyDesign(table, weights="weight", clusters="village")
    >>> design
    SurveyDesign: an Ibis table of 3 columns, weights 'weight'
    >>> from analysis import proportion
    >>> proportion(design, "approval").to_frame()[["estimate", "n_respondents"]]
              estimate  n_respondents
    approval
    no        0.333333              7
    yes       0.666667              7
    """

    weights: str | None = None
    strata: str | Sequence[str] | None = None
    clusters: str | Sequence[str] | None = None
    population_sizes: str | Sequence[str] | None = None
    nest: bool = False
    single_cluster: SingleCluster = "fail"
    weighting: Weighting | None = None
    calibration: Calibration | None = None
    replicates: Replicates | None = None
    counts: str | None = None
    moments: Sequence[str] = ()
    table: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        if is_table(self.frame):
            object.__setattr__(self, "table", self.frame)
            object.__setattr__(self, "frame", pd.DataFrame(columns=self.table.columns))
            roles = (self.weights, self.strata, self.clusters, self.population_sizes)
            check_table(self.table, _names_of(roles), self.counts)
            return
        super().__post_init__()
        _ = self.sample  # checked now, not at the first estimate

    @cached_property
    def sample(self) -> Sample:
        """How the respondents were drawn, as arrays.

        Raises
        ------
        DesignError
            If the design stands on a table, whose respondents are not here.
        """
        self._check_rows()
        sample = read_sample(
            self,
            weights=self.weights,
            counts=self.counts,
            strata=self.strata,
            clusters=self.clusters,
            population_sizes=self.population_sizes,
            nest=self.nest,
            single_cluster=self.single_cluster,
        )
        return replace(sample, calibration=self.calibration, replicates=self.replicates)

    def __repr__(self) -> str:
        weights = f"weights {self.weights!r}" if self.weights else "no weights"
        if self.table is not None:
            n_columns = len(self.table.columns)
            return f"SurveyDesign: an Ibis table of {n_columns} columns, {weights}"
        drawn = f"{self.n_clusters} clusters, {self.n_strata} strata"
        if self.replicates is not None:
            drawn = (
                f"{len(self.replicates.rscales)} {self.replicates.method} replicates"
            )
        return f"SurveyDesign: {self.n_respondents} respondents, {drawn}, {weights}"

    @property
    def n_respondents(self) -> int:
        """Respondents: rows of the frame, or what their ``counts`` add up to."""
        held = self.holding()
        counts = held.sample.counts
        return len(held.frame) if counts is None else round(float(counts.sum()))

    @property
    def n_clusters(self) -> int:
        """Units drawn first."""
        return round(float(self.holding().sample.n_clusters.sum()))

    @property
    def n_strata(self) -> int:
        """Parts of the population that were sampled independently."""
        return len(self.holding().sample.n_clusters)

    def holding(
        self, *columns: str | Sequence[str] | Where, moments: Sequence[str] = ()
    ) -> Self:
        """Count the respondents of a table who are alike in some of its columns.

        Every estimate asks for the columns that it names. Ask yourself to name those of
        many estimates at once, so that the engine reads the table once for all of them,
        and before weights are fitted or replicated.

        Parameters
        ----------
        *columns : str or list of str
            Columns of few values: answers, ``by``, ``where``, covariates, margins. For
            a condition, derive a true/false column of the table first. None is no
            column.
        moments : sequence of str
            Numeric columns of many values, as for :func:`analysis.cluster_totals`; in
            addition to the design's.

        Returns
        -------
        SurveyDesign
            Its frame is :func:`analysis.cluster_totals`, a row for each group of
            respondents. A design that stands on a frame is returned as it is.

        Raises
        ------
        UnknownColumn, DesignError
            As a frame of the respondents would, and if there are too many groups.
        EstimationError
            If a column of ``moments`` is not numeric, or ``where`` is not a column.

        Notes
        -----
        Without clusters, respondents are grouped by their weight as well, so this helps
        where few weights differ; with clusters, weights may all be different.

        Examples
        --------
        >>> import ibis, pyarrow
        >>> people = pyarrow.table({"village": [1, 1, 2, 2], "sex": list("fffm")})
        >>> design = SurveyDesign(ibis.memtable(people), clusters="village")
        >>> design.holding("sex").frame.groupby(["village", "sex"]).sum()
                     sum_of_weights  n_respondents
        village sex
        1       f               2.0            2.0
        2       f               1.0            1.0
                m               1.0            1.0
        """
        if self.table is None:
            return self
        names = _names_of(columns)
        values = [name for name in names if name not in self.moments]
        kept = [name for name in names if name in self.moments]
        kept += [name for name in moments if name not in names]
        totals = cluster_totals(
            self.table,
            [*_names_of([self.population_sizes]), *values],
            weights=self.weights,
            strata=self.strata,
            clusters=self.clusters,
            moments=kept,
        )
        return replace(
            self, frame=totals, weights=WEIGHTS, counts=COUNTS, moments=tuple(kept)
        )

    def column(self, name: str) -> pd.Series:
        """One column of the frame, or an error that lists the columns there are."""
        self._check_rows()
        return super().column(name)

    def check_values(self, names: Sequence[str]) -> None:
        """Refuse columns that hold only moments, where each value matters.

        Raises
        ------
        EstimationError
        """
        for name in names:
            if name in self.moments:
                raise EstimationError(
                    f"{name!r} holds only moments (see SurveyDesign.holding); name it "
                    "among the columns instead"
                )

    def compact_groups(self, name: str) -> tuple[Compact, pd.Index]:
        """Groups of a column with codes as small as they come, not to be added up."""
        self.check_values([name])
        return super().compact_groups(name)

    def reweighted(self, name: str, weights: Floats, **changes: Any) -> Self:
        """Give the same respondents other weights.

        Parameters
        ----------
        name : str
            Column that holds the weights from now on.
        weights : floats, shape (n_rows,)
        **changes
            New ``weighting``, ``calibration`` or ``replicates``. Replicate weights
            keep their ratio to the weights unless new ones are given.

        Raises
        ------
        DesignError
            If a weight is not positive.

        Examples
        --------
        >>> design = SurveyDesign(pd.DataFrame({"sex": ["f", "m"]}))
        >>> design.reweighted("double", np.array([2.0, 2.0]))
        SurveyDesign: 2 respondents, 2 clusters, 1 strata, weights 'double'
        """
        wrong = ~((weights > 0) & np.isfinite(weights))
        if wrong.any():
            raise DesignError(
                f"weights {name!r}: {rows_named(wrong)} not positive; bound them from "
                "below, or merge small categories of the margins"
            )
        parts = ("calibration", "replicates")
        return self._with(
            frame=self.frame.assign(**{name: weights}),
            weights=name,
            sample=replace(
                self.sample,
                weights=frozen(weights, float),
                **{part: changes[part] for part in parts if part in changes},
            ),
            _known={
                names: known
                for names, known in self._known.items()
                if name not in names
            },
            **changes,
        )

    def replicated(self, replicates: Replicates) -> Self:
        """Give the design replicate weights; see :mod:`analysis.replicates`."""
        sample = replace(self.sample, replicates=replicates)
        return self._with(replicates=replicates, sample=sample)

    def collapsed(
        self, columns: Sequence[str], where: Where = None
    ) -> tuple[Self, npt.NDArray[np.bool_] | None]:
        """Count the respondents who are alike, for estimates from few columns.

        Parameters
        ----------
        columns : sequence of str
            Columns of categories that are kept.
        where : as for estimates, optional

        Returns
        -------
        design : SurveyDesign
            One row for each cluster and combination of values; estimates from its
            columns are the same. The design itself where that gains nothing: few
            rows, about as many cells as rows, or weights fitted to margins.
        where : array of bool or None
            ``where``, for the rows of that design.

        Examples
        --------
        >>> frame = pd.DataFrame({"village": [1, 2] * 15_000, "votes": "yes"})
        >>> design, _ = SurveyDesign(frame, clusters="village").collapsed(["votes"])
        >>> len(design.frame), design.n_respondents
        (2, 30000)
        """
        inside, sample = self.domain(where), self.sample
        n_clusters = len(sample.strata)
        groups = {name: self.compact_groups(name) for name in columns}
        codes = [codes for codes, _ in groups.values()]
        if inside is not None:
            codes.append(inside.view(np.int8))
        shape = [int(part.max(initial=-1)) + 2 for part in codes]
        if (
            len(self.frame) < WORTH_COLLAPSING
            or n_clusters * np.prod(shape, dtype=float) > len(self.frame) / 4
            or len(sample.stages) > 1
            or sample.calibration is not None
            or not (
                sample.replicates is None or sample.replicates.units is sample.clusters
            )
        ):
            return self, inside
        weights, counts = tabulate(
            [sample.clusters, *codes],
            sample.weights,
            sample.counts,
            [n_clusters, *shape],
        )
        clusters, *cells = rows = np.nonzero(counts)
        known = {
            name: Groups(cell - 1, labels)
            for (name, (_, labels)), cell in zip(groups.items(), cells, strict=False)
        }
        frame = pd.DataFrame(
            {name: pd.Categorical.from_codes(*known[name]) for name in known}
        )
        small = replace(
            sample,
            weights=weights[rows],
            counts=counts[rows],
            stages=(replace(sample.stages[0], clusters=clusters),),
            replicates=sample.replicates and replace(sample.replicates, units=clusters),
        )
        where = None if inside is None else cells[-1] == 2
        return self._with(frame=frame, sample=small, _known=known), where

    def _check_rows(self) -> None:
        if self.table is not None:
            raise DesignError(
                "the design stands on an Ibis table, and this needs its respondents; "
                "call it with design.holding([...]), naming the columns that it and "
                "later estimates need"
            )

    def _with(self, **fields: Any) -> Self:
        """Copy with other fields, which are not checked again."""
        other = copy(self)
        for name, value in fields.items():
            object.__setattr__(other, name, value)
        return other


def _names_of(columns: Sequence[str | Sequence[str] | Where]) -> list[str]:
    """All names, each once."""
    names: list[str] = []
    for part in columns:
        if isinstance(part, str):
            names.append(part)
        elif isinstance(part, Sequence) and all(isinstance(name, str) for name in part):
            names += part
        elif part is not None:
            raise EstimationError(
                "a design on an Ibis table takes names of its columns; for where, "
                "derive a true/false column: table.mutate(old=table.age > 60)"
            )
    return list(dict.fromkeys(names))
