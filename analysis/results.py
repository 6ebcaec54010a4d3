"""What the verbs of this package return: frozen, printable, without their data."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import scipy

from analysis.errors import EstimationError
from analysis.intervals import INTERVALS, SHARE_INTERVALS, Interval, limits

PLAIN = (bool, int, float, str)


@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimates with their joint covariance.

    Attributes
    ----------
    values : Series
        The estimates; indexed by group, by category, or by both.
    covariance : DataFrame
        Joint covariance of the estimates, same index both ways.
    df : int
        Degrees of freedom: clusters minus strata among all respondents used.
    n_respondents : Series
        Unweighted number of respondents behind each value: for a share, all who
        answered in the group, whatever they answered.
    method : str
        One line: what was estimated and how.
    group_df : Series
        Degrees of freedom within the group of each value; intervals use these.
    srs_variances : Series
        Variance that a simple random sample with replacement of as many respondents
        would have had.
    by : tuple of str
        Columns that made the groups.
    interval : str
        How intervals are made; see :func:`analysis.intervals.limits`.
    notes : Series
        Why a value is missing, else empty.
    populations : Series
        Sum of the weights of those behind each value.
    """

    values: pd.Series
    covariance: pd.DataFrame
    df: int
    n_respondents: pd.Series
    method: str
    group_df: pd.Series
    srs_variances: pd.Series
    by: tuple[str, ...]
    interval: Interval
    notes: pd.Series
    populations: pd.Series

    @property
    def std_errors(self) -> pd.Series:
        """Standard errors, in the units of the values."""
        return _square_roots(self.covariance)

    @property
    def design_effects(self) -> pd.Series:
        """Variance relative to a simple random sample with replacement of equal size.

        R: ``deff = "replace"``.
        """
        variances = self.std_errors**2
        return variances.where(self.srs_variances > 0) / self.srs_variances

    @property
    def design_effects_without_replacement(self) -> pd.Series:
        """Variance relative to a simple random sample without replacement.

        Larger than :attr:`design_effects` by ``1 / (1 - n / sum(weights))``, so weights
        must count population persons; NaN where the sample is no smaller than they
        say the population is. R: ``deff = TRUE``.
        """
        left = 1 - self.n_respondents / self.populations
        return self.design_effects / left.where(left > 0)

    @property
    def n_effective(self) -> pd.Series:
        """Size of the simple random sample that would be as precise."""
        return self.n_respondents / self.design_effects

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Confidence limits, columns ``conf_low`` and ``conf_high``."""
        low, high = limits(
            self.interval,
            self.values.to_numpy(float),
            self.std_errors.to_numpy(float) ** 2,
            self.group_df.to_numpy(float),
            self.n_respondents.to_numpy(float),
            check_level(level),
        )
        return pd.DataFrame(
            {"conf_low": low, "conf_high": high}, index=self.values.index
        )

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row for each value.

        Columns estimate, std_error, conf_low, conf_high, n_respondents; and note, if
        any value needs one.
        """
        frame = pd.DataFrame({"estimate": self.values, "std_error": self.std_errors})
        frame = frame.join(self.conf_int(level))
        frame["n_respondents"] = self.n_respondents
        notes = self._all_notes()
        return frame.assign(note=notes) if notes.any() else frame

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Plain values that JSON can hold; what is missing is None."""
        return {
            "method": self.method,
            "interval": interval_line(self, level),
            "df": self.df,
            "rows": records(self.to_frame(level)),
        }

    def summary(self, level: float = 0.95) -> str:
        """Render the table, and say how the numbers were made."""
        return "\n".join(
            [self.method, table(self.to_frame(level)), interval_line(self, level)]
        )

    def __str__(self) -> str:
        return self.summary()

    def _all_notes(self) -> pd.Series:
        notes = self.notes.mask(
            (self.notes == "") & self.values.notna() & (self.group_df <= 0),
            "no interval: no degrees of freedom",
        )
        if self.interval not in set(SHARE_INTERVALS) - {"t", "beta", "korn-graubard"}:
            return notes
        return notes.mask(
            (notes == "") & self.values.isin([0, 1]), "Korn-Graubard limits"
        )


@dataclass(frozen=True, eq=False)
class Tested:
    """Values with their joint covariance, and t tests that each is zero.

    Attributes
    ----------
    values : Series
    covariance : DataFrame
        Joint covariance, same index both ways.
    df : Series or int
        Degrees of freedom of each value, or of all.
    p_values : Series
        Two-sided.
    n_respondents : Series or int
        Unweighted number of respondents behind each value, or behind all.
    method : str
        One line: what was estimated and how.
    level : float
        Level of the intervals, which hold one by one.
    """

    values: pd.Series
    covariance: pd.DataFrame
    df: pd.Series | int
    p_values: pd.Series
    n_respondents: pd.Series | int
    method: str
    level: float = field(default=0.95, kw_only=True)

    @property
    def std_errors(self) -> pd.Series:
        """Standard errors, in the units of the values."""
        return _square_roots(self.covariance)

    @property
    def statistics(self) -> pd.Series:
        """Value divided by standard error."""
        return _statistics(self.values, self.covariance)

    def conf_int(self, level: float | None = None) -> pd.DataFrame:
        """Confidence limits, columns ``conf_low`` and ``conf_high``."""
        level = check_level(self.level if level is None else level)
        margin = scipy.special.stdtrit(_known(self.df), (1 + level) / 2)
        margin = margin * self.std_errors
        return pd.DataFrame(
            {"conf_low": self.values - margin, "conf_high": self.values + margin}
        )

    def to_frame(self, level: float | None = None) -> pd.DataFrame:
        """One row for each value.

        Columns estimate, std_error, conf_low, conf_high, n_respondents, statistic,
        df, p_value; and note, if any value needs one.
        """
        frame = pd.DataFrame({"estimate": self.values, "std_error": self.std_errors})
        frame = frame.join(self.conf_int(level)).assign(
            n_respondents=self.n_respondents,
            statistic=self.statistics,
            df=self.df,
            p_value=self.p_values,
        )
        notes = self._notes()
        return frame.assign(note=notes) if notes.any() else frame

    def _notes(self) -> pd.Series:
        """Why something of a value is missing, or nothing."""
        notes = pd.Series("", index=self.values.index, dtype=str)
        untested = np.isnan(_known(self.df)) | np.zeros(len(notes), dtype=bool)
        for missing, note in [
            (untested, "no interval: no degrees of freedom"),
            (self.std_errors.isna().to_numpy(), "no standard error"),
            (self.values.isna().to_numpy(), "not estimated"),
        ]:
            notes = notes.mask(missing, note)
        return notes

    def to_dict(self, level: float | None = None) -> dict[str, Any]:
        """Plain values that JSON can hold; what is missing or infinite is None."""
        frame = self.to_frame(level).replace([np.inf, -np.inf], np.nan)
        return {
            "method": self.method,
            "interval": interval_line(self, level),
            "rows": records(frame),
        }

    def summary(self, level: float | None = None) -> str:
        """Render the table, and say how the numbers were made."""
        return "\n".join(
            [self.method, table(self.to_frame(level)), interval_line(self, level)]
        )

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True, eq=False)
class Comparison(Tested):
    """Differences between groups, and other contrasts.

    Attributes
    ----------
    values : Series
        Group minus reference; index (group, reference[, category]).
    covariance : DataFrame
        Joint covariance of the differences, same index both ways.
    df : Series
        Degrees of freedom of each difference.
    p_values : Series
        Two-sided, adjusted as ``method`` says.
    n_respondents : Series
        Unweighted number of respondents in both groups together.
    method : str
    level : float
        Level of the intervals, which hold one by one.
    """

    df: pd.Series
    n_respondents: pd.Series


@dataclass(frozen=True, eq=False)
class Weighting:
    """What a change of the weights did.

    Attributes
    ----------
    margins : DataFrame
        Index (group, margin, category), columns ``before``, ``target``, ``after``:
        shares of the group. Numeric variables have no category, and their means.
    weights : tuple of (float, float)
        Smallest and largest ratio of a new weight to the mean of its group.
    design_effect : float
        Kish's design effect of the new weights, 1 + squared coefficient of variation
        within groups.
    method : str
    design_effect_before : float
        The same before the change.
    n_trimmed : int, optional
        Weights at a limit, if they were trimmed.
    notes : tuple of str
        What to look at, such as small classes.
    """

    margins: pd.DataFrame
    weights: tuple[float, float]
    design_effect: float
    method: str
    design_effect_before: float
    n_trimmed: int | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        low, high = self.weights
        trimmed = "" if self.n_trimmed is None else f"{self.n_trimmed} trimmed; "
        return "\n".join(
            [
                self.method,
                *self._misses(),
                f"weights: {trimmed}from {low:.2f} to {high:.2f} of the mean",
                f"design effect of weighting: {self.design_effect_before:.2f} before, "
                f"{self.design_effect:.2f} after",
                *self.notes,
            ]
        )

    def _misses(self) -> list[str]:
        """How far each margin was off at most, and is now."""
        miss = self.margins[["before", "after"]].sub(self.margins["target"], axis=0)
        lines = []
        for name, rows in miss.abs().groupby(level="margin", sort=False):
            before, after = rows.max()
            if rows.index.get_level_values("category")[0] == "":
                lines.append(f"mean of {name} off by {before:.3g} before, {after:.3g}")
            else:
                lines.append(
                    f"{name} off by {100 * before:.1f} points before, {100 * after:.1f}"
                )
        return [f"{line} after" for line in lines]


def check_level(level: float) -> float:
    """Return the level if it is a share between 0 and 1."""
    if not 0 < level < 1:
        raise EstimationError(
            f"level is {level}; it must be between 0 and 1, such as 0.95"
        )
    return level


def interval_line(result: Estimate | Tested, level: float | None) -> str:
    """How the intervals were made: "95% logit intervals, df = 14"."""
    if isinstance(result, Tested):
        kind, level = "t", result.level if level is None else level
        df = pd.Series(result.df).dropna()
    else:
        kind, level = INTERVALS[result.interval], 0.95 if level is None else level
        df = result.group_df[result.values.notna()]
    low, high = (df.min(), df.max()) if len(df) else (np.nan, np.nan)
    degrees = " to ".join(dict.fromkeys(map(_digits, (low, high))))
    return f"{100 * level:g}% {kind} intervals, df = {degrees}"


def _digits(df: float) -> str:
    """Four digits, and never fewer than those before the point."""
    return f"{df:.0f}" if df >= 1000 else f"{df:.4g}"


def t_tests(
    values: pd.Series, covariance: pd.DataFrame, df: pd.Series | int
) -> pd.Series:
    """Two-sided p-values of t tests that each value is zero, not adjusted."""
    statistics = _statistics(values, covariance).abs()
    p_values = 2 * scipy.special.stdtr(_known(df), -statistics.to_numpy(float))
    return pd.Series(p_values, index=values.index)


def _known(df: pd.Series | int) -> Any:
    """Degrees of freedom, NaN where there are none."""
    return np.where(np.asarray(df, dtype=float) > 0, df, np.nan)


def _statistics(values: pd.Series, covariance: pd.DataFrame) -> pd.Series:
    std_errors = _square_roots(covariance)
    return values / std_errors.where(std_errors > 0)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries of plain values, index included."""
    names = [str(name or "variable") for name in frame.index.names]
    flat = frame.reset_index(names=names).astype(object)
    rows = flat.where(flat.notna(), None).to_dict("records")
    return [
        {str(column): _plain(value) for column, value in row.items()} for row in rows
    ]


def _plain(value: Any) -> Any:
    """What JSON can hold; dates, intervals and the like as text."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if value is None or isinstance(value, PLAIN) else str(value)


def table(frame: pd.DataFrame) -> str:
    """Render a frame with four digits behind the point."""
    return frame.to_string(
        float_format=lambda value: f"{value:.4f}",
        formatters={"p_value": _p_value},
        na_rep="",
    )


def _p_value(p: float) -> str:
    if np.isnan(p):
        return ""
    return "<.0001" if p < 0.00005 else f"{p:.4f}"


def _square_roots(covariance: pd.DataFrame) -> pd.Series:
    variances = np.maximum(np.diag(covariance.to_numpy()), 0)
    return pd.Series(np.sqrt(variances), index=covariance.index)
