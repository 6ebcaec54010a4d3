"""What a report is made from: who is compared, with which weights, in which words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.design import SurveyDesign
from analysis.disclosure import released_weights
from analysis.errors import EstimationError, UnknownColumn, WeightingError, first_few
from analysis.estimates import share_of
from analysis.tables import HIDDEN, THRESHOLD, share_name
from analysis.weighting import rake

SHARES = {"headline": "outcome", "sensitive": "direct", "arm_effect": "outcome"}
"""Parts of a plan that show a share, and which of their keys names the variable."""


@dataclass(frozen=True)
class Material:
    """A release ready to be reported.

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
    released : str
        Where the weights of the release come from, if they stand for margins left out.
    """

    facts: Mapping[str, Any]
    fields: Mapping[str, Mapping[str, Any]]
    design: SurveyDesign
    unweighted: SurveyDesign
    countries: tuple[str, ...]
    n_outside: int
    problem: str
    released: str = ""

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

    def any_of(self, variable: str, values: Sequence[str]) -> str:
        """Several answers in words: “Approve” or “Strongly approve”."""
        return " or ".join(f"“{self.label(variable, value)}”" for value in values)

    def shown(self, variable: str) -> dict[str, list[str]]:
        """Texts that only those saw for whom chance drew a value, by value."""
        described = self.fields.get(variable, {}).get("parallax", {})
        shown = {
            value["name"]: [text["en"] for text in value.get("shown", ())]
            for value in described.get("values", ())
        }
        return shown if any(shown.values()) else {}

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


def read_material(
    package: Mapping[str, Any], frame: pd.DataFrame, population: pd.DataFrame
) -> Material:
    """Choose the respondents, derive the shares, fit the weights.

    Parameters
    ----------
    package, frame, population
        As for :func:`analysis.report.build_report`.

    Raises
    ------
    UnknownColumn
        If the plan names a variable that the frame does not have.
    EstimationError
        If no country has 10 respondents.
    """
    facts = package["parallax"]
    plan = facts["report"] or {}
    derived = _derived(plan)
    needed = [
        "country",
        *reported(plan),
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
    for name, (variable, answers) in derived.items():
        compared[name] = share_of(compared[variable], answers)
    unweighted = SurveyDesign(compared, strata="country")
    column, released = released_weights(facts)
    design, problem = unweighted, ""
    if column is not None:
        design = SurveyDesign(compared, weights=column, strata="country")
    if column is None or not population.empty:
        design, problem = fit_weights(design, population)
    (resource,) = (each for each in package["resources"] if each["name"] == "responses")
    return Material(
        facts=facts,
        fields={each["name"]: each for each in resource["schema"]["fields"]},
        design=design,
        unweighted=unweighted,
        countries=countries,
        n_outside=len(frame) - len(compared),
        problem=problem,
        released=released,
    )


def reported(plan: Mapping[str, Any]) -> list[str]:
    """Variables whose answers the report shows, each once."""
    if not plan:
        return []
    names = [plan["headline"]["outcome"], plan["chart"]]
    if plan["sensitive"]:
        names += [plan["sensitive"]["direct"], plan["sensitive"]["count"]]
    if plan["arm_effect"]:
        names.append(plan["arm_effect"]["outcome"])
    return list(dict.fromkeys(names))


def long_list(count: str) -> str:
    """Name of the 0/1 column that is 1 for those with the long list."""
    return f"{count}: long list"


def _derived(plan: Mapping[str, Any]) -> dict[str, tuple[str, Sequence[str]]]:
    """Columns of 0 and 1 by name, each with its variable and the answers that count."""
    columns = {}
    for part, outcome in SHARES.items():
        if plan.get(part):
            variable, answers = plan[part][outcome], plan[part]["share_of"]
            columns[share_name(variable, answers)] = (variable, answers)
    if plan.get("sensitive"):
        count = plan["sensitive"]["count"]
        columns[long_list(count)] = (f"{count}_group", ["treatment"])
    return columns


def fit_weights(
    design: SurveyDesign, population: pd.DataFrame
) -> tuple[SurveyDesign, str]:
    """Rake each country to its margins; if that cannot be done, weight nobody.

    Standard errors are those of jackknife residuals: surveys are small in some cells.

    Parameters
    ----------
    design : SurveyDesign
        With a column ``country``.
    population : DataFrame
        Margins as for :func:`analysis.weighting.rake`. Who has no answer to a
        variable, or one without a target, keeps the weight of the other margins.

    Returns
    -------
    design : SurveyDesign
        With the weights in ``calibrated_weight``, or as it was.
    problem : str
        Why nobody is weighted, or empty.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": "CN", "sex": ["f", "f", "m", None]})
    >>> population = pd.DataFrame(
    ...     {"country": "CN", "sex": ["f", "m"], "population": [50, 50]}
    ... )
    >>> design, problem = fit_weights(SurveyDesign(frame), population)
    >>> design.frame["calibrated_weight"].tolist(), problem
    ([0.75, 0.75, 1.5, 1.0], '')
    """
    if population.empty:
        return design, "there are no margins"
    try:
        return rake(design, population, missing="keep", variance="jackknife"), ""
    except WeightingError as error:
        return design, str(error)
