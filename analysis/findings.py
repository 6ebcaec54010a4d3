"""What a report says about the answers: figures and tables, one section each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import altair as alt
import pandas as pd
from markupsafe import Markup

from analysis.charts import diverging_bars, estimates_chart, to_svg
from analysis.comparison import adjusted, compare
from analysis.estimates import mean, proportion
from analysis.material import Material, long_list
from analysis.results import Comparison, Estimate, interval_line
from analysis.sensitive import (
    check_list,
    extreme_counts,
    list_experiment,
    sensitivity_bias,
)
from analysis.tables import (
    FEW,
    HIDDEN,
    IMPRECISE,
    WIDE,
    Table,
    interval,
    number,
    p_value,
    percent,
    points,
    share_name,
)


@dataclass(frozen=True)
class Figure:
    """A chart, drawn for wide pages and for telephones."""

    caption: str
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Section:
    """What is shown about one thing; without tables too few answered.

    Attributes
    ----------
    label : str
    figures, tables : sequence of Figure, of Table
    details : mapping
        What the sentences around figures and tables need.
    methods : sequence of str
        How the numbers were made, one line each.
    """

    label: str
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    methods: Sequence[str] = ()


def compare_countries(material: Material, plan: Mapping[str, Any]) -> Section:
    """Show the share that the report opens with, and its differences."""
    variable, label = plan["outcome"], plan["label"]
    details: dict[str, Any] = {"counted": material.any_of(variable, plan["share_of"])}
    shown = material.large_enough(variable)
    if not shown:
        return Section(label, details=details)
    name = share_name(variable, plan["share_of"])
    share = _share(material, name, "country", shown)
    raw = _share(material, name, "country", shown, weighted=False)
    limits = share.conf_int()
    n_effective = _n_effective(share)
    head: Sequence[str] = (
        *("Country", "Weighted share, %", "95% interval, %"),
        *("Respondents who answered", "Unweighted share, %"),
        *("Design effect", "Effective number"),
    )

    def cells(code: str) -> list[str]:
        return [
            percent(share.values[code]) + _precision(share, code),
            interval(limits.loc[code]),
            str(share.n_respondents[code]),
            percent(raw.values[code]),
            number(share.design_effects[code], 2),
            number(n_effective[code], 0),
        ]

    tables = [Table(label, head, material.rows(shown, len(head), cells))]
    details["imprecise"] = [
        material.name(code) for code in shown if _precision(share, code)
    ]
    methods = [_method(share)]
    if len(shown) > 1:
        differences = compare(share)
        methods.append(_method(differences))
        found = differences.to_frame().dropna(subset="estimate")
        details["n_pairs"] = len(found)
        details["n_found"] = int((found["p_value"] < 0.05).sum())
        rows_by_pair: Any = found.iterrows()
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
        f"{label}: share and 95% interval",
        lambda name, width: estimates_chart(
            drawn.assign(group=drawn.index.map(name)), "Share", width=width
        ),
        material.name,
    )
    return Section(label, [figure], tables, details, methods)


def describe_answers(material: Material, variable: str) -> Section:
    """Show all answers to a question by country."""
    title = material.title(variable)
    shown = material.large_enough(variable)
    if not shown:
        return Section(title)
    answers = proportion(
        material.design, variable, by="country", where=material.within(shown)
    )
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
    long = shares.melt(var_name="country", value_name="share", ignore_index=False)
    has_middle = len(categories) % 2 == 1
    weighted = "not weighted" if material.problem else "weighted"
    figure = _figure(
        f"{title}: distribution of the answers, {weighted}, in percent",
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
    table = Table(f"{title}, {weighted}", head, rows)
    return Section(title, [figure], [table], methods=[_method(answers)])


def compare_with_list(material: Material, plan: Mapping[str, Any]) -> Section:
    """Show the same view asked directly and by list experiment."""
    direct, count = plan["direct"], plan["count"]
    group, label = f"{count}_group", material.title(count)
    n_items = len(material.shown(group)["control"])
    details = {
        "direct": material.title(direct),
        "counted": material.any_of(direct, plan["share_of"]),
        "n_items": n_items,
    }
    counted = material.large_enough(count, group)
    shown = [code for code in material.large_enough(direct) if code in counted]
    if not shown:
        return Section(label, details=details)
    said, has_long = share_name(direct, plan["share_of"]), long_list(count)
    design, where = material.design, material.within(shown)
    asked = _share(material, said, "country", shown)
    listed = list_experiment(design, count, has_long, by="country", where=where)
    bias = sensitivity_bias(design, said, count, has_long, by="country", where=where)
    extremes = extreme_counts(
        design, count, has_long, n_items=n_items, by="country", where=where
    )
    limits = {each: each.conf_int() for each in (asked, listed, bias)}
    frame = design.frame
    halves = frame[frame[count].notna()].groupby(["country", has_long]).size()

    def shares(code: str) -> list[str]:
        return [
            str(asked.n_respondents[code]),
            percent(asked.values[code]) + _precision(asked, code),
            interval(limits[asked].loc[code]),
            f"{halves[code, 0.0]} + {halves[code, 1.0]}",
            percent(listed.values[code]) + _precision(listed, code),
            interval(limits[listed].loc[code]),
        ]

    def differences(code: str) -> list[str]:
        return [
            points(bias.values[code]) + _precision(bias, code),
            interval(limits[bias].loc[code], signed=True),
        ]

    def checks(code: str) -> list[str]:
        check = check_list(
            design, count, has_long, n_items=n_items, where=frame["country"] == code
        )
        return [
            percent(check.types["estimate"].min()),
            p_value(check.p_value),
            percent(extremes.values[code, "none"]),
            percent(extremes.values[code, "all"]),
        ]

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
                    *("Country", "Smallest implied share, %", "p (no share below 0)"),
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
        "Share, asked directly and by list experiment, with 95% intervals",
        lambda name, width: estimates_chart(
            drawn.assign(group=drawn.index.map(name)), "Share", width=width
        ),
        material.name,
    )
    methods = [_method(each) for each in (asked, listed, bias)]
    return Section(label, [figure], tables, details, methods)


def compare_arms(material: Material, plan: Mapping[str, Any]) -> Section:
    """Show an outcome by arm, and what each arm changes, within each country."""
    experiment, reference = plan["experiment"], plan["reference"]
    outcome, title = plan["outcome"], material.title(plan["outcome"])
    details = {
        "experiment": material.title(experiment),
        "reference": material.label(experiment, reference),
        "counted": material.any_of(outcome, plan["share_of"]),
    }
    shown = material.large_enough(outcome, experiment)
    if not shown:
        return Section(title, details=details)
    name = share_name(outcome, plan["share_of"])
    shares = {code: _share(material, name, experiment, [code]) for code in shown}
    effects = {
        code: compare(share, reference=reference, adjust="none")
        for code, share in shares.items()
    }
    p_values = pd.concat({code: effect.p_values for code, effect in effects.items()})
    p_values[:] = adjusted(p_values.to_numpy(), "holm")
    rows, drawn = [], []
    for code in material.countries:
        if code not in shown:
            rows.append([material.name(code), *[HIDDEN] * 6])
            continue
        share, effect = shares[code], effects[code].to_frame()
        limits = share.conf_int()
        for arm in share.values.index:
            change = ["reference", "", ""]
            if arm != reference:
                row = effect.loc[(arm, reference)]
                change = [
                    points(row["estimate"]),
                    interval(row, signed=True),
                    p_value(p_values[code, arm, reference]),
                ]
            rows.append(
                [
                    f"{material.name(code)}: {material.label(experiment, arm)}",
                    str(share.n_respondents[arm]),
                    percent(share.values[arm]) + _precision(share, arm),
                    interval(limits.loc[arm]),
                    *change,
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
        f"{title} by arm: share and 95% interval",
        lambda name, width: estimates_chart(
            points_of_arms.assign(group=points_of_arms["country"].map(name)),
            "Share",
            width=width,
        ),
        material.name,
    )
    table = Table(f"{title} by arm", head, rows)
    methods = [
        *(f"{material.name(code)}: {_method(shares[code])}" for code in shown),
        "Differences between arms within countries: two-sided t tests, p-values "
        f"adjusted (Holm) for {len(p_values)} comparisons; 95% t intervals.",
    ]
    return Section(title, [figure], [table], details, methods)


def _share(
    material: Material,
    name: str,
    by: str,
    countries: Sequence[str],
    weighted: bool = True,
) -> Estimate:
    """Share of a 0/1 column, with the limits of a share."""
    design = material.design if weighted else material.unweighted
    share = mean(design, name, by=by, where=material.within(countries))
    return replace(share, interval="logit")


def _method(result: Estimate | Comparison) -> str:
    return f"{result.method}; {interval_line(result, 0.95)}."


def _n_effective(estimate: Estimate) -> pd.Series:
    """Effective respondents, never more than there are."""
    return estimate.n_effective.clip(upper=estimate.n_respondents)


def _precision(estimate: Estimate, group: Any) -> str:
    """Mark for an estimate that is too imprecise to conclude from."""
    low, high = estimate.conf_int().loc[group]
    is_imprecise = high - low >= WIDE or _n_effective(estimate)[group] < FEW
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
