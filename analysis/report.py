"""The report on a release: one HTML file that needs nothing else to be read."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.background import (
    count_missing,
    describe_weighting,
    read_arms,
    read_disclosure,
    read_wording,
)
from analysis.charts import estimates_chart, to_svg
from analysis.findings import (
    Section,
    compare_arms,
    compare_countries,
    compare_with_list,
    describe_answers,
)
from analysis.material import Material, read_material, reported
from analysis.results import Comparison, Estimate, interval_line
from analysis.tables import (
    FEW,
    HIDDEN,
    IMPRECISE,
    THRESHOLD,
    WIDE,
    Table,
    p_value,
)

FINDINGS: Mapping[str, Callable[[Material, Any], Section]] = {
    "headline": compare_countries,
    "chart": describe_answers,
    "sensitive": compare_with_list,
    "arm_effect": compare_arms,
}
"""Parts of a plan, and what makes a section of each."""


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
        If no country has 10 respondents, or the plan counts an answer that a question
        does not have.

    Examples
    --------
    A study without a plan and margins is described.

    >>> texts = ("survey", "title", "asked_by", "tier", "profile", "software")
    >>> lists = ("languages", "weeks", "quasi_identifiers")
    >>> facts = dict.fromkeys(texts, "tea") | dict.fromkeys(lists, ["en"])
    >>> facts |= {"countries": ["CN"], "n_responses": 12, "k": 3, "l": 2}
    >>> facts |= {"labels": {}, "suppressed_cells": {}, "files": {}, "report": None}
    >>> facts |= {"synthetic": True, "questionnaire_version": "ab12"}
    >>> facts |= {"disclosure": {"probability_sample": False}}
    >>> resource = {"name": "responses", "schema": {"fields": []}}
    >>> package = {"resources": [resource], "parallax": facts}
    >>> frame = pd.DataFrame({"country": ["CN"] * 12})
    >>> report = build_report(package, frame, pd.DataFrame({"country": []}))
    >>> "Not a probability sample" in report, "<script" in report
    (True, False)
    """
    facts = package["parallax"]
    plan = facts["report"] or {}
    material = read_material(package, frame, population)
    if responses is not None:
        responses = responses[frame["country"].isin(material.countries).to_numpy()]
    findings = {
        part: describe(material, plan[part]) if plan.get(part) else None
        for part, describe in FINDINGS.items()
    }
    shown = [section for section in findings.values() if section]
    return _TEMPLATES.get_template("report.html").render(
        findings,
        title=f"{facts['title']}: report",
        synthetic=facts["synthetic"],
        facts=facts,
        material=material,
        weighting=describe_weighting(material, population),
        missing=[count_missing(material, name, responses) for name in reported(plan)],
        wordings=[read_wording(material, name) for name in reported(plan)],
        experiment=read_arms(material),
        disclosure=read_disclosure(material),
        methods=dict.fromkeys(line for each in shown for line in each.methods),
    )


def build_comparison(
    title: str,
    estimate: Estimate,
    comparison: Comparison,
    *,
    weighting: str = "",
    synthetic: bool = False,
    self_selected: bool = False,
) -> str:
    """Write estimates and their differences as one self-contained HTML page.

    Parameters
    ----------
    title : str
    estimate : Estimate
        By one column; a chart is drawn where there is one value per group.
    comparison : Comparison
        Made from the estimate.
    weighting : str
        What was done to the weights, a line for each thing.
    synthetic : bool
        Say everywhere that the respondents are invented.
    self_selected : bool
        Say that this is no probability sample, and what intervals then mean.

    Returns
    -------
    str
        HTML without scripts and outside requests.

    Examples
    --------
    >>> from analysis import SurveyDesign, compare, mean
    >>> frame = pd.DataFrame({"country": ["CN"] * 3 + ["DE"] * 3, "trust": range(6)})
    >>> trust = mean(SurveyDesign(frame, strata="country"), "trust", by="country")
    >>> page = build_comparison("trust.csv", trust, compare(trust))
    >>> "DE – CN" in page, "<svg" in page, "<script" in page
    (True, True, False)
    """
    chart = Markup()
    if estimate.values.index.nlevels == 1:
        limits = estimate.conf_int().assign(estimate=estimate.values, series="")
        drawn = limits.assign(group=limits.index.astype(str))
        kind = "Mean" if estimate.interval == "t" else "Share"
        points = estimates_chart(drawn, kind, percent=kind == "Share")
        chart = Markup(to_svg(points, title, title))
    tables = [
        (
            _plain_table(caption, result.to_frame()),
            f"{result.method}; {interval_line(result, None)}.",
        )
        for caption, result in (("Estimates", estimate), ("Differences", comparison))
    ]
    return _TEMPLATES.get_template("comparison.html").render(
        title=title,
        chart=chart,
        tables=tables,
        weighting=weighting.splitlines(),
        synthetic=synthetic,
        self_selected=self_selected,
    )


def _plain_table(caption: str, frame: pd.DataFrame) -> Table:
    """Show a result's frame, one line for each row."""

    def cell(column: str, value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        if np.isnan(value):
            return ""
        return p_value(value) if column == "p_value" else f"{value:.4g}"

    rows = [
        [
            " – ".join(map(str, key if isinstance(key, tuple) else (key,))),
            *(cell(*each) for each in zip(frame.columns, row, strict=True)),
        ]
        for key, row in zip(frame.index, frame.to_numpy(object), strict=True)
    ]
    return Table(caption, ["", *map(str, frame.columns)], rows)


_TEMPLATES = Environment(
    loader=PackageLoader("analysis"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals.update(
    FEW=FEW, HIDDEN=HIDDEN, IMPRECISE=IMPRECISE, THRESHOLD=THRESHOLD, WIDE=WIDE
)
