"""What a report says about how its numbers came about: weights, wording, disclosure."""

import re
from typing import Any

import pandas as pd

from analysis.findings import Section
from analysis.margins import NO_TARGET, NOT_MARGINS
from analysis.material import Material
from analysis.tables import (
    HIDDEN,
    THRESHOLD,
    Table,
    masked,
    number,
    percent,
    points,
    too_small,
)

MISSING = {
    "dont_know": "Don't know",
    "refused": "Preferred not to answer",
    "not_answered": "Shown, not answered",
    "not_asked": "Not asked",
    "suppressed": "Withheld before release",
}
"""Missing codes of a release, in words."""

GIVEN = ("dont_know", "refused")
"""Those that respondents choose; the report shows them even where nobody did."""


def describe_weighting(material: Material, population: pd.DataFrame) -> Section:
    """What the weights do to each country, and where their targets come from."""
    report = material.design.weighting
    if report is None:
        return Section("Weighting")
    frame = material.design.frame
    lacking = _lack_target(frame, population)
    margins = {
        code: _read_margins(
            report.margins.loc[[code]].droplevel(0),
            int((frame["country"] == code).sum()),
        )
        for code in material.countries
    }

    def cells(code: str) -> list[str]:
        weights = frame.loc[frame["country"] == code, "calibrated_weight"]
        relative = weights / weights.mean()
        effect = float((relative**2).mean())
        n_lacking = int(lacking[frame["country"] == code].sum())
        own = margins[code]
        shown = own[~own["hidden"]]
        miss = shown["before"] - shown["target"]
        furthest: Any = miss.abs().idxmax() if len(miss) else None
        return [
            str(len(weights)),
            f"< {THRESHOLD}" if 0 < n_lacking < THRESHOLD else str(n_lacking),
            HIDDEN
            if furthest is None
            else f"{points(miss[furthest])} ({_name_cell(material, *furthest)})",
            percent((own["after"] - own["target"]).abs().max()),
            f"{relative.min():.2f} to {relative.max():.2f}",
            number(effect, 2),
            number(len(weights) / effect, 0),
        ]

    head = (
        *("Country", "Respondents", "Lacking a margin"),
        *("Furthest off before, points", "Furthest off after, points"),
        *("Weights, relative to their mean", "Kish design effect", "Effective number"),
    )
    rows = material.rows(material.countries, len(head), cells)
    return Section(
        "Weighting",
        tables=[
            Table("Weights by country", head, rows),
            _list_sources(material, population),
        ],
        details={
            "method": f"{report.method[0].upper()}{report.method[1:]}",
            "thin": [
                material.name(code)
                for code, own in margins.items()
                if own["n"].min() < THRESHOLD
            ],
            "margins": [
                _show_margins(material, code, own) for code, own in margins.items()
            ],
        },
    )


def _lack_target(frame: pd.DataFrame, population: pd.DataFrame) -> pd.Series:
    """Whether each respondent has no value, or one without a target, in any margin."""
    variables = population.columns.drop(["country", *NOT_MARGINS], errors="ignore")
    known = [
        frame[name].isin(population[name].dropna())
        for name in variables.intersection(frame.columns)
    ]
    return ~pd.concat(known, axis=1).all(axis=1)


def _read_margins(margins: pd.DataFrame, n_respondents: int) -> pd.DataFrame:
    """Cells of a country: respondents, whether few, shares of those with a value."""
    known = margins.drop(NO_TARGET, level="category", errors="ignore")
    counts = (known["before"] * n_respondents).round().astype(int)
    hidden = counts.groupby(level="margin").transform(lambda each: too_small([*each]))
    shares = known / known.groupby(level="margin").transform("sum")
    return shares.assign(n=counts, hidden=hidden.astype(bool))


def _show_margins(material: Material, code: str, margins: pd.DataFrame) -> Table:
    cells: Any = margins.iterrows()
    rows = [
        [
            _name_cell(material, *cell),
            HIDDEN if row["hidden"] else percent(row["before"]),
            percent(row["target"]),
            percent(row["after"]),
        ]
        for cell, row in cells
    ]
    head = ("Margin", "Before, %", "Target, %", "After, %")
    return Table(f"Margins: {material.name(code)}", head, rows)


def _name_cell(material: Material, margin: str, category: str) -> str:
    """Cell of a margin in words: "60 years or older, Woman"."""
    pairs = zip(margin.split(" x "), category.split("/"), strict=True)
    return ", ".join(material.label(*pair) for pair in pairs)


def _list_sources(material: Material, population: pd.DataFrame) -> Table:
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


def count_missing(
    material: Material, variable: str, responses: pd.DataFrame | None
) -> Table:
    """Answers and missing answers to one question by country."""
    frame = material.design.frame
    if responses is None:
        answers = frame[variable].astype(object).where(frame[variable].notna(), "")
        codes = {"": "No answer"}
    else:
        answers = responses[variable].reset_index(drop=True)
        codes = {
            code: MISSING.get(code, code)
            for code in material.fields[variable]["missingValues"]
            if code in GIVEN or (answers == code).any()
        }

    def cells(code: str) -> list[str]:
        own = answers[frame["country"] == code]
        counts = [int((own == missing).sum()) for missing in codes]
        return [str(len(own)), str(len(own) - sum(counts)), *masked(counts)]

    head = ("Country", "Respondents", "Answered", *codes.values())
    rows = material.rows(material.countries, len(head), cells)
    return Table(f"{material.title(variable)}: who answered", head, rows)


def read_wording(material: Material, variable: str) -> dict[str, Any]:
    """What was asked, in full, in English."""
    described = material.fields[variable]
    missing = set(described["missingValues"])
    return {
        "title": material.title(variable),
        "variable": variable,
        "paragraphs": _paragraphs(described.get("description") or described["title"]),
        "lists": _read_shown(material, f"{variable}_group"),
        "before": _read_shown(material, f"{variable}_order"),
        "answers": [
            category["label"]
            for category in described.get("categories") or ()
            if category["value"] not in missing
        ],
    }


def _read_shown(material: Material, drawn: str) -> dict[str, list[str]]:
    """Paragraphs that were shown to those for whom a value was drawn, by its label."""
    return {
        material.label(drawn, value): [
            paragraph for text in texts for paragraph in _paragraphs(text)
        ]
        for value, texts in material.shown(drawn).items()
    }


def read_arms(material: Material) -> dict[str, list[str]]:
    """What each arm of the information experiment read."""
    plan = (material.facts["report"] or {}).get("arm_effect")
    return _read_shown(material, plan["experiment"]) if plan else {}


def _paragraphs(text: str) -> list[str]:
    """Paragraphs without marks; only emphasis occurs within a text of CommonMark."""
    return re.sub(r"\*+([^*]+)\*+", r"\1", text).split("\n\n")


def read_disclosure(material: Material) -> list[tuple[str, str]]:
    """Items of the statement as title and text, in the order of the AAPOR Code.

    Where the data know more than the study could say beforehand, it is added.
    """
    sizes = material.design.frame["country"].value_counts()
    counts = ", ".join(
        f"{material.name(code)} {sizes[code]}" for code in material.countries
    )
    weeks = " to ".join(dict.fromkeys(material.facts["weeks"]))
    known = {
        "dates": f" In these data: {weeks}.",
        "sample_sizes_and_precision": f" In these data: {counts}.",
    }
    said = {True: "Yes.", False: "No: respondents were not drawn with known chances."}
    return [
        (
            name.replace("_", " ").capitalize(),
            said[text] if isinstance(text, bool) else f"{text}{known.get(name, '')}",
        )
        for name, text in material.facts["disclosure"].items()
    ]
