"""Domains: those who answered, by group, and estimates that are named after them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.design import SurveyDesign, Where
from analysis.errors import EstimationError
from analysis.intervals import Interval
from analysis.results import Estimate
from analysis.stages import Evaluate
from analysis.totals import Codes, Floats, Influence, sums
from analysis.variance import covariance, degrees_of_freedom, rounded_off


@dataclass(frozen=True, eq=False)
class Domains:
    """Those who answered, by group.

    Attributes
    ----------
    codes : integers, shape (n_respondents,)
        Group of each respondent; -1 for those outside or without an answer.
    labels : Index
    by : tuple of str
    sizes : floats, shape (n_groups,)
        Respondents in each group.
    """

    codes: Codes
    labels: pd.Index
    by: tuple[str, ...]
    sizes: Floats


def find_domains(
    design: SurveyDesign,
    variable: str | Sequence[str],
    by: str | Sequence[str] | None,
    where: Where,
) -> Domains:
    """Sort those who answered into groups; an error if there is nobody.

    Of several variables, all must be answered.
    """
    groups, inside = design.crossed_groups(by), design.domain(where)
    sample = design.sample
    variables = [variable] if isinstance(variable, str) else list(variable)
    kept = groups.codes >= 0
    for name in variables:
        kept &= design.column(name).notna().to_numpy()
    if inside is not None:
        kept &= inside
    if not kept.any():
        counts = np.ones(len(kept)) if sample.counts is None else sample.counts
        asked = round(float(counts.sum() if inside is None else counts[inside].sum()))
        if not asked:
            raise EstimationError(
                f"where is true for none of {len(kept)} rows; check it"
            )
        raise EstimationError(
            f"{' and '.join(map(repr, variables))}: none of {asked} respondents "
            + ("" if inside is None else "within where ")
            + "answered "
            + ("it" if len(variables) == 1 else "all of them")
            + (f" and has a value of {by!r}" if by else "")
            + "; check the column"
            + ("" if inside is None else " and where")
        )
    codes = groups.codes if kept.all() else np.where(kept, groups.codes, -1)
    names = (by,) if isinstance(by, str) else tuple(by or ())
    sizes = sums(codes, sample.counts, len(groups.labels))
    return Domains(codes, groups.labels, names, sizes)


def group_sums(domains: Domains, values: Floats) -> Floats:
    """Sum by group, shape (n_groups,)."""
    return sums(domains.codes, values, len(domains.labels))


def make_estimate(
    design: SurveyDesign,
    domains: Domains,
    values: Floats,
    influence: Sequence[Influence],
    srs_variances: Floats,
    *,
    evaluate: Evaluate,
    categories: pd.Index | None,
    variable: str,
    what: str,
    interval: Interval = "t",
    notes: Sequence[str] | npt.NDArray[np.str_] | None = None,
) -> Estimate:
    """Name the numbers: from arrays in the order (group, category) to an Estimate.

    ``notes`` say for each value why it is missing, or nothing.
    """
    n_groups, sample = len(domains.labels), design.sample
    per_group = len(values) // n_groups
    index = _index(domains, categories, variable)
    matrix = covariance(influence, sample, evaluate)
    sizes = np.repeat(domains.sizes, per_group)
    values = np.where(sizes == 0, np.nan, values)
    populations = group_sums(domains, sample.weights)
    df = degrees_of_freedom(domains.codes, n_groups, sample)
    alone = np.zeros(len(values), dtype=bool)
    if sample.single_cluster not in ("remove", "certainty"):
        alone = rounded_off(values, matrix, np.repeat(df, per_group))
    missing = np.isnan(values) | alone
    matrix[missing] = matrix[:, missing] = np.nan
    overall = df
    if n_groups > 1:
        overall = degrees_of_freedom(np.minimum(domains.codes, 0), 1, sample)
    n = round(float(domains.sizes.sum()))
    method = (
        f"{what[0].upper()}{what[1:]}"
        + (f" by {', '.join(domains.by)}" if domains.by else "")
        + f": {n} of {design.n_respondents} respondents, {describe_variance(design)}"
    )
    if notes is None:
        notes = np.where(alone, "no standard error: one cluster", "")
    return Estimate(
        values=pd.Series(values, index=index),
        covariance=pd.DataFrame(matrix, index=index, columns=index),
        df=int(overall[0]),
        n_respondents=pd.Series(np.rint(sizes).astype(int), index=index),
        method=method,
        group_df=pd.Series(np.repeat(df, per_group), index=index),
        srs_variances=pd.Series(srs_variances, index=index),
        by=domains.by,
        interval=interval,
        notes=pd.Series(
            np.where(sizes == 0, "no respondents answered", notes),
            index=index,
            dtype=str,
        ),
        populations=pd.Series(np.repeat(populations, per_group), index=index),
    )


def describe_variance(design: SurveyDesign) -> str:
    """What variances are made of: "40 clusters in 12 strata, linearized variance"."""
    if design.replicates is not None:
        return (
            f"variance of {len(design.replicates.rscales)} replicate weights "
            f"({design.replicates.method})"
        )
    return (
        f"{design.n_clusters} clusters in {design.n_strata} strata, "
        + ("several stages, " if len(design.sample.stages) > 1 else "")
        + "linearized variance"
        + (", calibrated weights" if design.calibration else "")
    )


def _index(domains: Domains, categories: pd.Index | None, variable: str) -> pd.Index:
    if not domains.by:
        return pd.Index([variable]) if categories is None else categories
    if categories is None:
        return domains.labels
    levels = [
        domains.labels.get_level_values(name).repeat(len(categories))
        for name in domains.by
    ]
    answers = categories.append([categories] * (len(domains.labels) - 1))
    return pd.MultiIndex.from_arrays([*levels, answers])
