"""The report on a release: one HTML file that needs nothing else to be read."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.charts import diverging_bars, estimates_chart, to_svg
from analysis.comparison import compare
from analysis.design import SurveyDesign
from analysis.errors import EstimationError, UnknownColumn, WeightingError, first_few
from analysis.estimates import mean, proportion
from analysis.results import Comparison, Estimate, interval_line
from analysis.sensitive import list_experiment, sensitivity_bias
from analysis.tables import (
    FEW,
    HIDDEN,
    IMPRECISE,
    THRESHOLD,
    WIDE,
    Table,
    interval,
    masked,
    p_value,
    percent,
    points,
)
from analysis.weighting import NO_ANSWER, rake

MISSING = {
    "dont_know": "Don't know",
    "refused": "Preferred not to answer",
    "not_answered": "Shown, not answered",
    "not_asked": "Not asked",
    "suppressed": "Withheld before release",
}
"""Missing codes of a release, in words."""

SHARES = {"headline": "outcome", "sensitive": "direct", "arm_effect": "outcome"}
"""Parts of a plan that show a share, and which of their keys names the variable."""


@dataclass(frozen=True)
class Figure:
    """A chart, drawn for wide pages and for telephones."""

    caption: str
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Section:
    """What is shown about one thing; without tables too few answered."""

    label: str
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """A release ready to be reported: who is compared, with which weights.

    Attributes
    ----------
    facts : mapping
        The ``parallax`` block of the package.
    fields : mapping
        The package's description of each variable.
    design, unweighted : SurveyDesign
        Respondents of the compared countries, with and without fitted weights.
    countries : tuple of str
        Codes of those with enough respondents, in alphabetical order.
    n_outside : int
        Respondents of the release who are not compared.
    problem : str
        Why nothing is weighted, or empty.
    methods : list of str
        How the numbers were made, noted one by one.
    """

    facts: Mapping[str, Any]
    fields: Mapping[str, Mapping[str, Any]]
    design: SurveyDesign
    unweighted: SurveyDesign
    countries: tuple[str, ...]
    n_outside: int
    problem: str
    methods: list[str] = field(default_factory=list)

    @property
    def too_few(self) -> list[str]:
        """Countries of the study without enough respondents."""
        missing = set(self.facts["countries"]) - set(self.countries)
        return [self.name(code) for code in sorted(missing)]

    def name(self, country: str) -> str:
        """Country with its code first, as the order is by code."""
        label = self.label("country", country)
        return country if label == country else f"{country} {label}"

    def title(self, variable: str) -> str:
        """Short title of a variable."""
        own = self.fields[variable]["parallax"]["labels"]["en"]
        return str(self.facts["labels"].get(variable, own))

    def label(self, variable: str, value: object) -> str:
        """Label of a value of a variable."""
        for category in self.fields.get(variable, {}).get("categories") or ():
            if category["value"] == value:
                return str(category["label"])
        return str(value)

    def note(self, result: Estimate | Comparison) -> None:
        """Remember how numbers were made."""
        line = f"{result.method}; {interval_line(result, 0.95)}."
        if line not in self.methods:
            self.methods.append(line)

    def large_enough(self, variable: str, parts: str | None = None) -> list[str]:
        """Countries where enough respondents answered, in every part of them."""
        frame = self.design.frame
        answered = frame[frame[variable].notna()]
        split = answered[parts] if parts else pd.Series("", index=answered.index)
        values = frame[parts].dropna().unique() if parts else [""]
        sizes = pd.crosstab(answered["country"], split).reindex(
            index=list(self.countries), columns=list(values), fill_value=0
        )
        return list(sizes.index[sizes.min(axis=1) >= THRESHOLD])

    def within(self, countries: Sequence[str]) -> pd.Series:
        """Whether each respondent lives in one of the countries."""
        return self.design.frame["country"].isin(countries)

    def rows(
        self,
        shown: Sequence[str],
        n_columns: int,
        cells: Callable[[str], Sequence[str]],
    ) -> list[list[str]]:
        """One row for each country; withheld where it is not shown."""
        return [
            [
                self.name(code),
                *(cells(code) if code in shown else [HIDDEN] * (n_columns - 1)),
            ]
            for code in self.countries
        ]


def build_report(
    package: Mapping[str, Any],
    frame: pd.DataFrame,
    population: pd.DataFrame,
    responses: pd.DataFrame | None = None,
) -> str:
    """Write the report that the study planned as one self-contained HTML file.

    Parameters
    ----------
    package : mapping
        Content of the release's ``datapackage.json``; its ``parallax`` block holds the
        plan of the report, the disclosure statement and the protections.
    frame : DataFrame
        One row per respondent, missing answers empty, categories in the order of the
        questionnaire.
    population : DataFrame
        Margins as for :func:`analysis.weighting.rake`, with source, year and status.
    responses : DataFrame, optional
        The answers as stored, rows as in ``frame``, where missing answers are codes;
        with it the report tells "don't know" from "not answered".

    Returns
    -------
    str
        HTML without scripts and outside requests. Respondents outside the study's
        countries are left out and counted; nothing is said about fewer than 10. If the
        weights cannot be fitted, nothing is weighted, and the report says so on top.

    Raises
    ------
    UnknownColumn
        If the plan names a variable that the frame does not have.
    EstimationError
        If no country has 10 respondents.
    """
    plan = package["parallax"]["report"] or {}
    material = _read_material(package, frame, population)
    if responses is not None:
        responses = responses[frame["country"].isin(material.countries).to_numpy()]
    reported = _reported(plan)
    described: dict[str, Callable[[Material, Any], Section]] = {
        "headline": _headline,
        "chart": _distribution,
        "sensitive": _sensitive,
        "arm_effect": _arm_effect,
    }
    sections = {
        part: plan.get(part) and describe(material, plan[part])
        for part, describe in described.items()
    }
    return _TEMPLATES.get_template("report.html").render(
        sections,
        facts=package["parallax"],
        material=material,
        weighting=_weighting(material, population),
        missing=[_missing(material, name, responses) for name in reported],
        wordings=[_wording(material, name) for name in reported],
        disclosure=_disclosure(package["parallax"]["disclosure"]),
        HIDDEN=HIDDEN,
        IMPRECISE=IMPRECISE,
        THRESHOLD=THRESHOLD,
        WIDE=WIDE,
        FEW=FEW,
    )


def build_comparison(
    title: str, estimate: Estimate, comparison: Comparison, *, synthetic: bool = False
) -> str:
    """Write estimates and their differences as one self-contained HTML page.

    Parameters
    ----------
    title : str
    estimate : Estimate
        By one column; a chart is drawn where there is one value per group.
    comparison : Comparison
        Made from the estimate.
    synthetic : bool
        Say everywhere that the respondents are invented.

    Returns
    -------
    str
    """
    chart = Markup()
    if estimate.values.index.nlevels == 1:
        limits = estimate.conf_int().assign(estimate=estimate.values, series="")
        drawn = limits.assign(group=limits.index.astype(str))
        chart = Markup(to_svg(estimates_chart(drawn, "Estimate"), title, title))
    tables = [
        (_plain_table(caption, result.to_frame()), interval_line(result, None))
        for caption, result in (
            (estimate.method, estimate),
            (comparison.method, comparison),
        )
    ]
    return _TEMPLATES.get_template("comparison.html").render(
        title=title, chart=chart, tables=tables, synthetic=synthetic
    )


def _plain_table(caption: str, frame: pd.DataFrame) -> Table:
    """Show a result's frame, one line for each row."""
    rows = [
        [
            " – ".join(map(str, key if isinstance(key, tuple) else (key,))),
            *(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row),
        ]
        for key, row in zip(frame.index, frame.to_numpy(object), strict=True)
    ]
    return Table(caption, ["", *map(str, frame.columns)], rows)


def _read_material(
    package: Mapping[str, Any], frame: pd.DataFrame, population: pd.DataFrame
) -> Material:
    """Choose the respondents, derive the shares, fit the weights."""
    facts = package["parallax"]
    plan = facts["report"] or {}
    derived = _derived(plan)
    needed = [
        "country",
        *_reported(plan),
        *(variable for variable, _ in derived.values()),
    ]
    if plan.get("arm_effect"):
        needed.append(plan["arm_effect"]["experiment"])
    unknown = [name for name in dict.fromkeys(needed) if name not in frame]
    if unknown:
        raise UnknownColumn(
            f"the report needs {len(unknown)} variables that the release does not have "
            f"({first_few(unknown)}); it has {first_few(frame, 12)}"
        )
    sizes = frame["country"].astype(object).value_counts()
    declared = sorted(facts["countries"])
    countries = tuple(code for code in declared if sizes.get(code, 0) >= THRESHOLD)
    if not countries:
        raise EstimationError(
            f"none of {len(declared)} countries ({first_few(declared)}) has "
            f"{THRESHOLD} respondents; a report needs one that has"
        )
    compared = frame[frame["country"].isin(countries)].reset_index(drop=True)
    compared["country"] = compared["country"].astype(str)
    for name, (variable, values) in derived.items():
        is_one = compared[variable].isin(values).astype("boolean")
        compared[name] = is_one.mask(compared[variable].isna())
    unweighted = SurveyDesign(compared, strata="country")
    design, problem = fit_weights(unweighted, facts["margins"], population)
    (resource,) = (each for each in package["resources"] if each["name"] == "responses")
    return Material(
        facts=facts,
        fields={each["name"]: each for each in resource["schema"]["fields"]},
        design=design,
        unweighted=unweighted,
        countries=countries,
        n_outside=len(frame) - len(compared),
        problem=problem,
    )


def _reported(plan: Mapping[str, Any]) -> list[str]:
    """Variables whose answers the report shows, each once."""
    if not plan:
        return []
    names = [plan["headline"]["outcome"], plan["chart"]]
    if plan["sensitive"]:
        names += [plan["sensitive"]["direct"], plan["sensitive"]["count"]]
    if plan["arm_effect"]:
        names.append(plan["arm_effect"]["outcome"])
    return list(dict.fromkeys(names))


def _derived(plan: Mapping[str, Any]) -> dict[str, tuple[str, Sequence[str]]]:
    """Columns of true and false by name, each with its variable and values."""
    columns = {}
    for part, outcome in SHARES.items():
        if plan.get(part):
            variable, values = plan[part][outcome], plan[part]["share_of"]
            columns[_share_name(variable, values)] = (variable, values)
    if plan.get("sensitive"):
        group = f"{plan['sensitive']['count']}_group"
        columns[_long_list(plan)] = (group, ["treatment"])
    return columns


def _share_name(variable: str, values: Sequence[str]) -> str:
    return f"{variable}: {' or '.join(values)}"


def _long_list(plan: Mapping[str, Any]) -> str:
    return f"{plan['sensitive']['count']}: long list"


def _covered(
    frame: pd.DataFrame, margins: Sequence[Sequence[str]], population: pd.DataFrame
) -> pd.DataFrame:
    """Variables of the margins; values without a target are empty."""
    names = dict.fromkeys(name for margin in margins for name in margin)
    return pd.DataFrame(
        {name: frame[name].where(frame[name].isin(population[name])) for name in names}
    )


def fit_weights(
    design: SurveyDesign, margins: Sequence[Sequence[str]], population: pd.DataFrame
) -> tuple[SurveyDesign, str]:
    """Rake each country; if that cannot be done, weight nobody and say why."""
    if not margins:
        return design, "the study names no margins"
    frame = design.frame
    covered = _covered(frame, margins, population)
    targets = population[["country", *covered, "population"]]
    try:
        raked = rake(
            replace(design, frame=frame.assign(**covered)), targets, missing="keep"
        )
    except WeightingError as error:
        return design, str(error)
    weights = raked.frame["calibrated_weight"]
    return replace(raked, frame=frame.assign(calibrated_weight=weights)), ""


def _share(
    material: Material,
    name: str,
    by: str,
    countries: Sequence[str],
    weighted: bool = True,
) -> Estimate:
    """Share of a true/false column, with the limits of a share."""
    design = material.design if weighted else material.unweighted
    share = mean(design, name, by=by, where=material.within(countries))
    return replace(share, interval="logit")


def _precision(estimate: Estimate, group: Any) -> str:
    """Mark for an estimate that is too imprecise to conclude from."""
    low, high = estimate.conf_int().loc[group]
    is_imprecise = high - low >= WIDE or estimate.n_effective[group] < FEW
    return IMPRECISE if is_imprecise else ""


def _figure(
    caption: str,
    draw: Callable[[Callable[[str], str], int], alt.LayerChart],
    name: Callable[[str], str],
) -> Figure:
    """Draw with names of countries for wide pages, with codes for narrow ones."""
    about = "The table that follows the chart holds the same numbers."
    return Figure(
        caption,
        Markup(to_svg(draw(name, 560), caption, about)),
        Markup(to_svg(draw(str, 250), caption, about)),
    )


def _headline(material: Material, plan: Mapping[str, Any]) -> Section:
    """The share that the report opens with, and the differences between countries."""
    shown = material.large_enough(plan["outcome"])
    if not shown:
        return Section(plan["label"])
    name = _share_name(plan["outcome"], plan["share_of"])
    share = _share(material, name, "country", shown)
    raw = _share(material, name, "country", shown, weighted=False)
    limits = share.conf_int()
    material.note(share)
    head: Sequence[str] = (
        *("Country", "Respondents who answered", "Unweighted share, %"),
        *("Weighted share, %", "95% interval, %", "Design effect", "Effective number"),
    )

    def cells(code: str) -> list[str]:
        return [
            str(share.n_respondents[code]),
            percent(raw.values[code]),
            percent(share.values[code]) + _precision(share, code),
            interval(limits.loc[code]),
            _number(share.design_effects[code], 2),
            _number(share.n_effective[code], 0),
        ]

    tables = [Table(plan["label"], head, material.rows(shown, len(head), cells))]
    details: dict[str, Any] = {}
    if len(shown) > 1:
        differences = compare(share)
        material.note(differences)
        found = differences.to_frame().dropna(subset="estimate")
        rows_by_pair: Any = found.iterrows()
        details = {
            "n_pairs": len(found),
            "n_found": int((found["p_value"] < 0.05).sum()),
        }
        rows = [
            [
                f"{material.name(group)} minus {material.name(reference)}",
                points(row["estimate"]),
                interval(row, signed=True),
                p_value(row["p_value"]),
            ]
            for (group, reference), row in rows_by_pair
        ]
        head = ("Countries", "Difference, points", "95% interval, points", "p (Holm)")
        tables.append(Table("Differences between countries", head, rows))
    drawn = limits.loc[shown].assign(estimate=share.values, series="")
    figure = _figure(
        f"{plan['label']}: share and 95% interval",
        lambda name, width: estimates_chart(
            drawn.assign(group=drawn.index.map(name)), "Share", width=width
        ),
        material.name,
    )
    return Section(plan["label"], [figure], tables, details)


def _distribution(material: Material, variable: str) -> Section:
    """All answers to a question by country."""
    title = material.title(variable)
    shown = material.large_enough(variable)
    if not shown:
        return Section(title)
    answers = proportion(
        material.design, variable, by="country", where=material.within(shown)
    )
    material.note(answers)
    shares = answers.values.unstack(level=0, sort=False)[shown]
    shares.index = [material.label(variable, value) for value in shares.index]
    categories = list(shares.index)
    sizes = answers.n_respondents.groupby(level=0).first()
    head = (
        "Country",
        "Respondents who answered",
        *(f"{label}, %" for label in categories),
    )
    rows = material.rows(
        shown,
        len(head),
        lambda code: [str(sizes[code]), *map(percent, shares[code])],
    )
    has_middle = len(categories) % 2 == 1
    long = shares.melt(var_name="country", value_name="share", ignore_index=False)
    figure = _figure(
        f"{title}: weighted distribution of the answers, in percent"
        if not material.problem
        else f"{title}: distribution of the answers, not weighted, in percent",
        lambda name, width: diverging_bars(
            long.rename_axis("category")
            .reset_index()
            .assign(group=lambda frame: frame["country"].map(name)),
            categories,
            categories[len(categories) // 2] if has_middle else None,
            width=width,
        ),
        material.name,
    )
    return Section(title, [figure], [Table(title, head, rows)])


def _sensitive(material: Material, plan: Mapping[str, Any]) -> Section:
    """The same view asked directly and by list experiment."""
    direct, count = plan["direct"], plan["count"]
    group, label = f"{count}_group", material.title(count)
    n_items = _list_length(material.design.frame, count)
    details = {"direct": material.title(direct), "n_items": n_items}
    counted = material.large_enough(count, group)
    shown = [code for code in material.large_enough(direct) if code in counted]
    if not shown:
        return Section(label, details=details)
    said, long_list = _share_name(direct, plan["share_of"]), f"{count}: long list"
    where = material.within(shown)
    asked = _share(material, said, "country", shown)
    listed = list_experiment(
        material.design, count, long_list, by="country", where=where
    )
    bias = sensitivity_bias(
        material.design, said, count, long_list, by="country", where=where
    )
    for result in (asked, listed, bias):
        material.note(result)
    limits = {each: each.conf_int() for each in (asked, listed, bias)}
    frame = material.design.frame
    halves = frame[frame[count].notna()].groupby(["country", long_list]).size()

    def shares(code: str) -> list[str]:
        return [
            str(asked.n_respondents[code]),
            percent(asked.values[code]) + _precision(asked, code),
            interval(limits[asked].loc[code]),
            f"{halves[code, False]} + {halves[code, True]}",
            percent(listed.values[code]) + _precision(listed, code),
            interval(limits[listed].loc[code]),
        ]

    def differences(code: str) -> list[str]:
        return [
            points(bias.values[code]) + _precision(bias, code),
            interval(limits[bias].loc[code], signed=True),
        ]

    def checks(code: str) -> list[str]:
        smallest, p = _smallest_type(material.design, count, long_list, n_items, code)
        at_floor, at_ceiling = _extremes(
            material.design, count, long_list, n_items, code
        )
        return [percent(smallest), p_value(p), percent(at_floor), percent(at_ceiling)]

    tables = [
        Table(caption, head, material.rows(shown, len(head), cells))
        for caption, head, cells in [
            (
                "Asked directly and by list experiment",
                (
                    *("Country", "Respondents asked directly", "Asked directly, %"),
                    *("95% interval, %", "Respondents with the short + long list"),
                    *("List experiment, %", "95% interval of the list experiment, %"),
                ),
                shares,
            ),
            (
                "Asked directly minus list experiment",
                ("Country", "Difference, points", "95% interval, points"),
                differences,
            ),
            (
                "Checks of the list experiment",
                (
                    *("Country", "Smallest implied share, %", "p of being negative"),
                    *("Short list: none, %", "Short list: all, %"),
                ),
                checks,
            ),
        ]
    ]
    drawn = pd.concat(
        limits[each].loc[shown].assign(estimate=each.values, series=series)
        for each, series in [(asked, "Asked directly"), (listed, "List experiment")]
    )
    figure = _figure(
        f"{label}: asked directly and by list experiment, with 95% intervals",
        lambda name, width: estimates_chart(
            drawn.assign(group=drawn.index.map(name)), "Share", width=width
        ),
        material.name,
    )
    return Section(label, [figure], tables, details)


def _list_length(frame: pd.DataFrame, count: str) -> int:
    """Items of the short list: one fewer than were put in order for everybody."""
    return (
        int(
            frame[f"{count}_order"].dropna().map(lambda order: len(order.split())).max()
        )
        - 1
    )


def _smallest_type(
    design: SurveyDesign, count: str, long_list: str, n_items: int, country: str
) -> tuple[float, float]:
    """Smallest share of a type of respondent that the two lists imply, and its p-value.

    A type holds y of the J other views, and the sensitive one or not. If the sensitive
    item changes no answer to the others, no share is negative; the p-value is that of
    the most negative one, Bonferroni-adjusted (Blair and Imai 2012,
    doi:10.1093/pan/mpr048, section 3.1).
    """
    counts = pd.CategoricalDtype(list(range(n_items + 2)))
    frame = design.frame.assign(number=design.frame[count].astype(counts))
    where = frame["country"] == country
    shares = proportion(
        replace(design, frame=frame), "number", by=long_list, where=where
    )
    up_to = np.tri(n_items + 1, n_items + 2)
    below = np.tri(n_items + 1, n_items + 2, -1)
    types = np.block([[up_to, -up_to], [-below, up_to]])
    values = types @ shares.values.to_numpy()
    variances = np.diag(types @ shares.covariance.to_numpy() @ types.T)
    std_errors = np.sqrt(np.maximum(variances, 0))
    z = np.divide(
        values, std_errors, where=std_errors > 1e-9, out=np.zeros(len(values))
    )
    return float(values.min()), float(min(1, len(z) * stats.norm.cdf(z.min())))


def _extremes(
    design: SurveyDesign, count: str, long_list: str, n_items: int, country: str
) -> tuple[float, float]:
    """Shares of the short list who count none and all: they cannot hide."""
    frame = design.frame.assign(
        none=design.frame[count].eq(0), all=design.frame[count].eq(n_items)
    )
    short = (frame["country"] == country) & frame[long_list].eq(False).fillna(False)
    short = short.astype(bool) & frame[count].notna()
    same = replace(design, frame=frame)
    floor, ceiling = (
        float(mean(same, name, where=short).values.iloc[0]) for name in ("none", "all")
    )
    return floor, ceiling


def _arm_effect(material: Material, plan: Mapping[str, Any]) -> Section:
    """An outcome by arm, and what each arm changes, within each country."""
    experiment, reference = plan["experiment"], plan["reference"]
    title = material.title(plan["outcome"])
    details = {"experiment": material.title(experiment)}
    shown = material.large_enough(plan["outcome"], experiment)
    if not shown:
        return Section(title, details=details)
    name = _share_name(plan["outcome"], plan["share_of"])
    shares = {code: _share(material, name, experiment, [code]) for code in shown}
    effects = {
        code: compare(share, reference=reference, adjust="none")
        for code, share in shares.items()
    }
    p_values = pd.concat({code: effect.p_values for code, effect in effects.items()})
    p_values[:] = multipletests(p_values, method="holm")[1]
    for code in shown:
        material.note(effects[code])
    rows, drawn = [], []
    for code in material.countries:
        if code not in shown:
            rows.append([material.name(code), *[HIDDEN] * 6])
            continue
        share, effect = shares[code], effects[code].to_frame()
        limits = share.conf_int()
        for arm in share.values.index:
            row = [
                f"{material.name(code)}: {material.label(experiment, arm)}",
                str(share.n_respondents[arm]),
                percent(share.values[arm]) + _precision(share, arm),
                interval(limits.loc[arm]),
            ]
            if arm == reference:
                rows.append([*row, "reference", "", ""])
            else:
                change = effect.loc[(arm, reference)]
                rows.append(
                    [
                        *row,
                        points(change["estimate"]),
                        interval(change, signed=True),
                        p_value(p_values[code, arm, reference]),
                    ]
                )
        drawn.append(
            limits.assign(
                estimate=share.values,
                series=[material.label(experiment, arm) for arm in limits.index],
                country=code,
            )
        )
    head = (
        *("Country and arm", "Respondents who answered", "Share, %", "95% interval, %"),
        *("Difference, points", "95% interval of the difference, points", "p (Holm)"),
    )
    points_of_arms = pd.concat(drawn)
    figure = _figure(
        f"{title} by arm, with 95% intervals",
        lambda name, width: estimates_chart(
            points_of_arms.assign(group=points_of_arms["country"].map(name)),
            "Share",
            width=width,
        ),
        material.name,
    )
    table = Table(f"{title} by arm", head, rows)
    details["reference"] = material.label(experiment, reference)
    return Section(title, [figure], [table], details)


def _weighting(material: Material, population: pd.DataFrame) -> Section:
    """What the weights do to each country, and where their targets come from."""
    margins, report = material.facts["margins"], material.design.weighting
    if report is None:
        return Section("Weighting")
    frame = material.design.frame
    lacking = _covered(frame, margins, population).isna().any(axis=1)
    tables = []

    def cells(code: str) -> list[str]:
        own = report.margins.loc[code]
        miss = own["before"] - own["target"]
        furthest: Any = miss.abs().idxmax()
        weights = frame.loc[frame["country"] == code, "calibrated_weight"]
        relative = weights / weights.mean()
        effect = float((relative**2).mean())
        n_lacking = int(lacking[frame["country"] == code].sum())
        after = (own["after"] - own["target"]).abs().max()
        return [
            str(len(weights)),
            f"< {THRESHOLD}" if 0 < n_lacking < THRESHOLD else str(n_lacking),
            f"{points(miss[furthest])} ({_cell_label(material, *furthest)})",
            percent(after),
            f"{relative.min():.2f} to {relative.max():.2f}",
            _number(effect, 2),
            _number(len(weights) / effect, 0),
        ]

    head: Sequence[str] = (
        *("Country", "Respondents", "Lacking a margin"),
        *("Furthest off before, points", "Furthest off after, points"),
        *("Weights, relative to their mean", "Kish design effect", "Effective number"),
    )
    tables.append(
        Table("Weights by country", head, material.rows(material.countries, 8, cells))
    )
    tables.append(_sources(material, population))
    for code in material.countries:
        rows = [
            [_cell_label(material, *cell), *map(percent, shares)]
            for cell, shares in zip(
                report.margins.loc[code].index,
                report.margins.loc[code].to_numpy(),
                strict=True,
            )
        ]
        head = ("Margin", "Before, %", "Target, %", "After, %")
        tables.append(Table(f"Margins: {material.name(code)}", head, rows))
    return Section("Weighting", tables=tables, details={"method": report.method})


def _cell_label(material: Material, margin: str, category: str) -> str:
    """Cell of a margin in words: "60 years or older, Woman"."""
    variables = margin.split(" x ")
    if category == NO_ANSWER:
        return f"{', '.join(map(material.title, variables))}: not known"
    values = zip(variables, category.split("/"), strict=True)
    return ", ".join(material.label(*pair) for pair in values)


def _sources(material: Material, population: pd.DataFrame) -> Table:
    """Sources of the targets, with the number of cells that each gives."""
    used = population[population["country"].isin(material.countries)]
    rows = [
        [
            str(source),
            f"{year:.0f}",
            str(status),
            ", ".join(sorted(cells["country"].unique())),
            str(len(cells)),
        ]
        for (source, year, status), cells in used.groupby(
            ["source", "year", "status"], sort=False
        )
    ]
    head = ("Source of the targets", "Year", "Status", "Countries", "Cells")
    return Table("Where the targets come from", head, rows)


def _missing(
    material: Material, variable: str, responses: pd.DataFrame | None
) -> Table:
    """Answers and missing answers to one question by country."""
    frame = material.design.frame
    if responses is None:
        answers = frame[variable].astype(object).where(frame[variable].notna(), "")
        codes = {"": "No answer"}
    else:
        answers = responses[variable].reset_index(drop=True)
        known = material.fields[variable]["missingValues"]
        codes = {
            code: MISSING.get(code, code) for code in known if (answers == code).any()
        }

    def cells(code: str) -> list[str]:
        own = answers[frame["country"] == code]
        counts = [int((own == missing).sum()) for missing in codes]
        return [str(len(own)), str(len(own) - sum(counts)), *masked(counts)]

    head = ("Country", "Respondents", "Answered", *codes.values())
    rows = material.rows(material.countries, len(head), cells)
    return Table(f"{material.title(variable)}: who answered", head, rows)


def _wording(material: Material, variable: str) -> dict[str, Any]:
    """What was asked, in full, in English."""
    described = material.fields[variable]
    missing = set(described["missingValues"])
    return {
        "title": material.title(variable),
        "variable": variable,
        # Texts are CommonMark; only emphasis occurs within a question.
        "text": re.sub(
            r"\*+([^*]+)\*+", r"\1", described.get("description") or described["title"]
        ),
        "answers": [
            category["label"]
            for category in described.get("categories") or ()
            if category["value"] not in missing
        ],
    }


def _disclosure(items: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Items of the statement as title and text, in the order of the AAPOR Code."""
    said = {True: "Yes.", False: "No: respondents were not drawn with known chances."}
    return [
        (
            name.replace("_", " ").capitalize(),
            said[text] if isinstance(text, bool) else str(text),
        )
        for name, text in items.items()
    ]


def _number(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"


_TEMPLATES = Environment(
    loader=PackageLoader("analysis"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
