"""The survey design: who was drawn how, checked once and frozen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.calibration import Calibration
from analysis.errors import DesignError, EstimationError, UnknownColumn, first_few
from analysis.results import Weighting
from analysis.totals import Codes, Floats, sums
from analysis.variance import Replicates, Sample

Where = str | pd.Series | npt.NDArray[np.bool_] | None


class Groups(NamedTuple):
    """Respondents sorted into groups: a code for each (-1: none) and the labels."""

    codes: Codes
    labels: pd.Index


@dataclass(frozen=True, eq=False)
class SurveyDesign:
    """A data frame and how its respondents were drawn.

    Parameters
    ----------
    frame : DataFrame
        One row per respondent. Never changed; later changes to it are not seen.
    weights : str, optional
        Column of positive weights: population persons per respondent, or any
        multiple of that. Without it everyone counts the same.
    strata : str or list of str, optional
        Column of strata, or columns that name them together. Independent samples
        are strata: in a survey of several countries, name the country here.
    clusters : str, optional
        Column of the units drawn first (villages, schools); without it, respondents.
    population_sizes : str, optional
        Column with the number of clusters that each stratum has in the population,
        for the finite population correction; without it, samples are taken as small.
    nest : bool
        True if clusters are numbered anew within each stratum.
    single_cluster : {"fail", "adjust"}
        What to do about a stratum with one sampled cluster: refuse it, or let its
        total count as its deviation (around the mean of all strata, not its own).

    Raises
    ------
    UnknownColumn, DesignError

    Notes
    -----
    Variance comes from the clusters drawn first ("ultimate clusters"); later stages
    of drawing need not be described. R: ``survey::svydesign(ids, strata, weights,
    fpc, nest)``, ``options(survey.lonely.psu = "fail" or "adjust")``. R accepts zero
    weights and sampling fractions as ``fpc``; here both are refused.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["CN", "CN", "DE", "DE"], "w": [2, 1, 1, 1]})
    >>> design = SurveyDesign(frame, weights="w", strata="country")
    >>> design
    SurveyDesign: 4 respondents, 4 clusters, 2 strata, weights 'w'
    """

    frame: pd.DataFrame
    weights: str | None = None
    strata: str | Sequence[str] | None = None
    clusters: str | None = None
    population_sizes: str | None = None
    nest: bool = False
    single_cluster: Literal["fail", "adjust"] = "fail"
    weighting: Weighting | None = None
    calibration: Calibration | None = None
    replicates: Replicates | None = None
    sample: Sample = field(init=False)
    _known: dict[str, Groups] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.frame.empty:
            raise DesignError("the frame has no rows; a design needs respondents")
        twice = self.frame.columns[self.frame.columns.duplicated()]
        if len(twice):
            raise DesignError(f"the frame has two columns {twice[0]!r}; rename one")
        if self.single_cluster not in ("fail", "adjust"):
            raise DesignError(
                f"single_cluster {self.single_cluster!r} is not known; "
                "use 'fail' or 'adjust'"
            )
        set_once = object.__setattr__
        set_once(self, "frame", self.frame.copy(deep=False))
        set_once(self, "sample", self._read_sample())

    def __repr__(self) -> str:
        return (
            f"SurveyDesign: {self.n_respondents} respondents, "
            f"{self.n_clusters} clusters, {self.n_strata} strata, "
            + (f"weights {self.weights!r}" if self.weights else "no weights")
        )

    @property
    def n_respondents(self) -> int:
        """Rows of the frame."""
        return len(self.frame)

    @property
    def n_clusters(self) -> int:
        """Units drawn first."""
        return len(self.sample.strata)

    @property
    def n_strata(self) -> int:
        """Parts of the population that were sampled independently."""
        return len(self.sample.n_clusters)

    def column(self, name: str) -> pd.Series:
        """One column of the frame, or an error that lists the columns there are."""
        if name not in self.frame.columns:
            raise UnknownColumn(
                f"the frame has no column {name!r}; "
                f"it has {first_few(self.frame.columns, 12)}"
            )
        return self.frame[name]

    def numbers(self, name: str) -> Floats:
        """Read a column as numbers; missing is NaN, true is 1."""
        column = self.column(name)
        kind = pd.api.types.infer_dtype(column, skipna=True)
        numeric = ("boolean", "integer", "floating", "mixed-integer-float", "decimal")
        if kind not in numeric and not column.isna().all():
            raise EstimationError(
                f"{name!r} is not numeric ({kind}); proportion() gives the share of "
                "each answer, or make a 0/1 column of it first"
            )
        values = column.to_numpy(dtype=float, na_value=np.nan)
        if np.isinf(values).any():
            raise EstimationError(
                f"{name!r}: {int(np.isinf(values).sum())} of {len(values)} rows are "
                "infinite; set them to missing or correct them"
            )
        return values

    def groups(self, name: str) -> Groups:
        """Sort the respondents by the values of a column; missing is in no group.

        Categories keep their order and are all labels; other values are sorted.
        """
        if name not in self._known:
            column = self.column(name)
            if isinstance(column.dtype, pd.CategoricalDtype):
                codes = column.cat.codes.to_numpy()
                labels = column.cat.categories
            else:
                codes, labels = pd.factorize(column, sort=True)
            self._known[name] = Groups(_frozen(codes, np.intp), labels.rename(name))
        return self._known[name]

    def crossed_groups(self, by: str | Sequence[str] | None) -> Groups:
        """Sort the respondents by several columns together; only groups with rows."""
        names = [by] if isinstance(by, str) else list(by or [])
        if not names:
            return Groups(np.zeros(len(self.frame), dtype=np.intp), pd.RangeIndex(1))
        parts = [self.groups(name) for name in names]
        shape = tuple(max(len(part.labels), 1) for part in parts)
        missing = np.any([part.codes < 0 for part in parts], axis=0)
        codes = np.ravel_multi_index(
            [np.maximum(part.codes, 0) for part in parts], shape
        )
        present = np.bincount(codes[~missing], minlength=int(np.prod(shape))) > 0
        number = np.cumsum(present) - 1
        where = np.unravel_index(np.flatnonzero(present), shape)
        levels = [part.labels[i] for part, i in zip(parts, where, strict=True)]
        labels = levels[0] if len(parts) == 1 else pd.MultiIndex.from_arrays(levels)
        return Groups(np.where(missing, -1, number[codes]), labels)

    def domain(self, where: Where) -> npt.NDArray[np.bool_] | None:
        """Read ``where`` as one truth value for each respondent."""
        if where is None:
            return None
        if isinstance(where, str):
            where = self.column(where)
        if isinstance(where, pd.Series) and not where.index.equals(self.frame.index):
            raise EstimationError(
                "where has another index than the frame; build it from design.frame"
            )
        if len(where) != len(self.frame):
            raise EstimationError(
                f"where has {len(where)} values for {len(self.frame)} respondents"
            )
        truth = pd.Series(where)
        if truth.isna().any():
            raise EstimationError(
                f"where is missing for {int(truth.isna().sum())} of {len(truth)} "
                "respondents; say with fillna() where they belong"
            )
        if pd.api.types.infer_dtype(truth) != "boolean":
            raise EstimationError(
                f"where holds {truth.dtype} values; it must be true or false"
            )
        return truth.to_numpy(dtype=bool)

    def _read_sample(self) -> Sample:
        n = len(self.frame)
        strata = self._unit_codes(self.strata, "strata")
        clusters = self._unit_codes(self.clusters, "clusters")
        if clusters is None:
            clusters = np.arange(n)
        if strata is None:
            strata = np.zeros(n, dtype=np.intp)
        if self.nest and self.clusters is not None:
            clusters, _ = pd.factorize(strata * (clusters.max() + 1) + clusters)
        n_clusters = int(clusters.max()) + 1
        stratum_of = np.empty(n_clusters, dtype=np.intp)
        stratum_of[clusters] = strata
        self._check_nesting(clusters, strata, stratum_of)
        # Numbered by stratum, clusters that lie together move few of the estimates.
        order = np.argsort(stratum_of, kind="stable")
        clusters, stratum_of = np.argsort(order)[clusters], stratum_of[order]
        n_h = sums(stratum_of, None, int(strata.max()) + 1)
        fractions = self._fractions(strata, n_h)
        self._check_single_clusters(strata, n_h, fractions)
        return Sample(
            weights=_frozen(self._weights(), float),
            clusters=_frozen(clusters, np.intp),
            strata=_frozen(stratum_of, np.intp),
            n_clusters=_frozen(n_h, float),
            fractions=_frozen(fractions, float),
            calibration=self.calibration,
            replicates=self.replicates,
        )

    def _unit_codes(self, names: str | Sequence[str] | None, role: str) -> Codes | None:
        if names is None:
            return None
        for name in [names] if isinstance(names, str) else names:
            missing = self.column(name).isna()
            if missing.any():
                raise DesignError(
                    f"{role} {name!r}: missing in {_rows(missing)}; complete the "
                    "column or drop those respondents"
                )
        return self.crossed_groups(names).codes

    def _weights(self) -> Floats:
        if self.weights is None:
            return np.ones(len(self.frame))
        weights = self.numbers(self.weights)
        wrong = ~(weights > 0)
        if wrong.any():
            raise DesignError(
                f"weights {self.weights!r}: {_rows(wrong)} missing or not positive; "
                "drop those respondents or weight them first"
            )
        return weights

    def _check_nesting(self, clusters: Codes, strata: Codes, stratum_of: Codes) -> None:
        across = np.unique(clusters[stratum_of[clusters] != strata])
        if len(across):
            assert self.clusters is not None
            names = self.column(self.clusters).iloc[
                [int(np.argmax(clusters == cluster)) for cluster in across[:6]]
            ]
            raise DesignError(
                f"clusters {self.clusters!r}: {len(across)} of {len(stratum_of)} "
                f"clusters lie in several strata ({first_few(names)}); use nest=True "
                "if clusters are numbered anew in each stratum, else correct them"
            )

    def _fractions(self, strata: Codes, n_h: Floats) -> Floats:
        if self.population_sizes is None:
            return np.zeros(len(n_h))
        name, sizes = self.population_sizes, self.numbers(self.population_sizes)
        of_stratum = np.empty(len(n_h))
        of_stratum[strata] = sizes
        wrong = ~(sizes == of_stratum[strata])
        if wrong.any():
            raise DesignError(
                f"population_sizes {name!r}: {_rows(wrong)} missing or different from "
                "others of their stratum; give every row its stratum's one number"
            )
        small = of_stratum < n_h
        if small.any():
            raise DesignError(
                f"population_sizes {name!r}: {int(small.sum())} of {len(n_h)} strata "
                f"({self._stratum_names(strata, small)}) have more sampled clusters "
                "than that; give numbers of clusters in the population, not shares"
            )
        return n_h / of_stratum

    def _check_single_clusters(
        self, strata: Codes, n_h: Floats, fractions: Floats
    ) -> None:
        alone = (n_h == 1) & (fractions < 1)
        if not alone.any() or self.single_cluster == "adjust":
            return
        raise DesignError(
            f"strata {self.strata!r}: {int(alone.sum())} of {len(n_h)} strata have "
            f"one cluster ({self._stratum_names(strata, alone)}), so their variance "
            "cannot be estimated; merge them with similar strata, or use "
            "single_cluster='adjust'"
        )

    def _stratum_names(self, strata: Codes, chosen: npt.NDArray[np.bool_]) -> str:
        if self.strata is None:
            return "the whole sample"
        names = [self.strata] if isinstance(self.strata, str) else list(self.strata)
        rows = [int(np.argmax(strata == h)) for h in np.flatnonzero(chosen)[:6]]
        return first_few(
            "/".join(map(str, row)) for row in self.frame[names].iloc[rows].to_numpy()
        )


def _rows(wrong: npt.ArrayLike) -> str:
    """Describe the marked rows: "3 of 1021 rows (4, 17, 33)"."""
    marked = np.flatnonzero(wrong)
    return f"{len(marked)} of {np.size(wrong)} rows ({first_few(marked)})"


def _frozen(array: npt.ArrayLike, dtype: Any) -> npt.NDArray[Any]:
    copy = np.array(array, dtype=dtype)
    copy.flags.writeable = False
    return copy
