"""From a release or a data file to a comparison: what `parallax compare` does."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import (
    Comparison,
    Estimate,
    SurveyDesign,
    compare,
    mean,
    proportion,
)
from analysis import share_of as indicator
from analysis.comparison import Adjustment
from analysis.disclosure import released_weights
from analysis.errors import UnknownColumn, WeightingError
from analysis.intervals import Interval
from analysis.material import fit_weights
from analysis.report import build_comparison, build_report
from analysis.tables import share_name
from surveys import read_release
from surveys.datafiles import read_data
from surveys.errors import suggest

SELF_SELECTED = (
    "Not a probability sample: respondents selected themselves.\n"
    "Intervals and p-values rest on a model that these data cannot test."
)


@dataclass(frozen=True)
class DataComparison:
    """Estimates by group, their differences and how the data were weighted."""

    source: str
    outcome: str
    estimate: Estimate
    comparison: Comparison
    weighting: str
    level: float
    synthetic: bool = False
    self_selected: bool = False
    hidden: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            "Synthetic data: invented respondents." if self.synthetic else "",
            SELF_SELECTED if self.self_selected else "",
            self.weighting,
            self.estimate.summary(self.level),
            self.comparison.summary(self.level),
        ]
        return "\n\n".join(part for part in parts if part)

    def to_html(self) -> str:
        """One self-contained page with a chart."""
        return build_comparison(
            f"{self.outcome} by {', '.join(self.estimate.by)} ({self.source})",
            self.estimate,
            self.comparison,
            weighting=self.weighting,
            synthetic=self.synthetic,
            self_selected=self.self_selected,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {
            "source": self.source,
            "synthetic": self.synthetic,
            "self_selected": self.self_selected,
            "estimate": self.estimate.to_dict(self.level),
            "comparison": self.comparison.to_dict(self.level),
        }


def compare_data(
    data: Path,
    *,
    outcome: str,
    by: str,
    share_of: Sequence[str] | None = None,
    missing: Collection[str] = (),
    reference: str | None = None,
    weights: str | None = None,
    strata: Sequence[str] = (),
    clusters: str | None = None,
    margins: Path | None = None,
    adjust: Adjustment = "holm",
    level: float = 0.95,
    interval: Interval | None = None,
    countries: Collection[str] = (),
    weighted: bool = True,
    fewest: int = 0,
) -> DataComparison:
    """Compare a mean or shares between groups of a release or a data file.

    A release brings its margins, or weights for want of them, and has its countries as
    strata. With ``countries`` only these are compared, without ``weighted`` neither is
    used, and groups in which fewer than ``fewest`` answered are left out and named as
    ``hidden``.
    """
    synthetic, self_selected, said = False, False, ""
    population: pd.DataFrame | None = read_data(margins) if margins else None
    if data.is_dir():
        release = read_release(data)
        frame = release.frame()
        facts = release.package["parallax"]
        synthetic = facts["synthetic"]
        self_selected = not facts["disclosure"]["probability_sample"]
        if weighted and population is None and weights is None:
            weights, said = released_weights(facts)
            if weights:
                frame = frame[frame["country"].isin(facts["weights"]["countries"])]
            if facts["margins"]:
                population = release.population
        if not strata and "country" in frame:
            strata, frame = ["country"], frame[frame["country"].notna()]
    else:
        frame = read_data(data)
    for name in filter(None, (outcome, by, weights, clusters, *strata)):
        if name not in frame:
            advice = suggest(name, frame.columns)
            raise UnknownColumn(f"{data.name} has no column {name!r}; {advice}")
    for name in {outcome, by} & {*frame} if missing else ():
        frame[name] = _without(frame[name], missing)
    if population is not None:
        frame = frame[frame["country"].isin(population["country"].unique())]
    if countries:
        frame = frame[frame["country"].isin(countries)]
    hidden: tuple[str, ...] = ()
    if fewest:
        sizes = frame.loc[frame[outcome].notna(), by].astype(str).value_counts()
        hidden = tuple(sorted(sizes.index[sizes < fewest]))
        frame = frame[~frame[by].isin(hidden)]
    if share_of:
        name = share_name(outcome, share_of)
        frame = frame.assign(**{name: indicator(frame[outcome], share_of)})
        outcome = name
    design = SurveyDesign(
        frame, weights=weights, strata=list(strata) or None, clusters=clusters
    )
    if population is not None:
        design, problem = fit_weights(design, population)
        if problem:
            raise WeightingError(problem)
    column = design.column(outcome)
    if share_of:
        shares = mean(design, outcome, by=by)
        method = shares.method.replace("Mean", "Share", 1)
        estimate = replace(shares, interval=interval or "logit", method=method)
    elif pd.api.types.is_numeric_dtype(column):
        estimate = mean(design, outcome, by=by)
    else:
        estimate = proportion(design, outcome, by=by, interval=interval or "logit")
    comparison = compare(estimate, reference=reference, adjust=adjust, level=level)
    return DataComparison(
        data.name,
        outcome,
        estimate,
        comparison,
        "\n".join(filter(None, [said, str(design.weighting or "")])),
        level,
        synthetic,
        self_selected,
        hidden,
    )


def _without(column: "pd.Series[Any]", codes: Collection[str]) -> "pd.Series[Any]":
    """Take out what stands for no answer; numbers among such codes are numbers."""
    answered = column[~column.astype(str).isin(codes)]
    if isinstance(column.dtype, pd.CategoricalDtype):
        answered = answered.cat.remove_unused_categories()
    elif not pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(answered, errors="coerce")
        answered = numbers if numbers.notna().equals(answered.notna()) else answered
    return answered.reindex(column.index)


def report_of(folder: Path) -> str:
    """The HTML report of a release folder."""
    release = read_release(folder)
    return build_report(
        release.package, release.frame(), release.population, release.responses
    )
