"""What a published release withholds, and the weights that it brings instead."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis import SurveyDesign, suppress
from analysis.disclosure import average_alike
from analysis.material import fit_weights
from analysis.tables import THRESHOLD
from surveys import Survey
from surveys.codebook import WEIGHT, Variable
from surveys.population import margin_variables
from surveys.recoding import (
    drop_hidden_margins,
    recode_population,
    recode_responses,
    recode_variables,
)

from .roles import VERSION, Roles


class Protection(NamedTuple):
    """What a profile asks for; ``internal`` is for the owner of the study only."""

    k: int
    l: int  # noqa: E741, the name of the measure
    is_public: bool
    """Only for responses whose publication was agreed to, and without free text."""


PROTECTION: dict[str, Protection] = {
    "internal": Protection(1, 1, is_public=False),
    "scientific": Protection(5, 1, is_public=True),
    "open": Protection(10, 2, is_public=True),
}

UNFITTED = "none, because these responses cannot be raked to all margins of the study"


class DataSet(NamedTuple):
    """Responses, the codebook of their columns, and the margins they are fitted to."""

    frame: pd.DataFrame
    variables: Sequence[Variable]
    population: pd.DataFrame


def withhold(
    data: DataSet, survey: Survey, roles: Roles, profile: str
) -> tuple[DataSet, dict[str, Any]]:
    """Leave out, recode, suppress and average what a profile does not show.

    Parameters
    ----------
    data : DataSet
        Of all versions, with the codes of `surveys.responses_to_frame`.
    survey : Survey
        The newest version.
    roles : Roles
    profile : str

    Returns
    -------
    data : DataSet
        Suppressed cells are missing.
    did : dict
        ``suppressed_cells``, ``margins_left_out`` and ``weights``, for the manifest.
    """
    wanted = PROTECTION[profile]
    fitted = _fit_weights(survey, data)
    frame = data.frame.drop(columns=roles.left_out)
    frame["response_id"] = _new_keys(frame["response_id"], profile)
    frame = recode_responses(frame, roles.recodings)
    kept = [each for each in data.variables if each.name not in roles.left_out]
    variables = recode_variables(kept, roles.recodings)
    population = recode_population(data.population, roles.recodings)
    names = [name for name in roles.quasi_identifiers if name != VERSION]
    answered = mask_unanswered(frame, variables, roles.sensitive)
    # Each version by itself: whoever knows when somebody took part knows which it was.
    parts = [
        suppress(rows, names, wanted.k, sensitive=roles.sensitive, l=wanted.l)
        for _, rows in answered.groupby(VERSION)
    ]
    shown = frame.copy(deep=False)
    shown[names] = pd.concat([rows[names] for rows, _ in parts])
    population, hidden_margins = drop_hidden_margins(population, frame, shown)
    did: dict[str, Any] = {
        "suppressed_cells": {
            name: sum(int(counts.get(name, 0)) for _, counts in parts)
            for name in roles.quasi_identifiers
        },
        "margins_left_out": hidden_margins,
    }
    if not data.population.empty:
        did["weights"] = {"method": UNFITTED}
    if fitted is not None:
        weights, did["weights"] = fitted
        means = average_alike(shown, roles.quasi_identifiers, weights)
        shown[WEIGHT.name] = means.map(_write_number)
        variables.append(WEIGHT)
    return DataSet(shown, variables, population), did


def mask_unanswered(
    frame: pd.DataFrame, variables: Iterable[Variable], names: Collection[str]
) -> pd.DataFrame:
    """Responses in which some variables are missing where nobody answered."""
    answered = frame.copy(deep=False)
    for variable in variables:
        if variable.name in names:
            column = answered[variable.name]
            absent = column.isin([*variable.missing_codes, "suppressed"])
            answered[variable.name] = column.mask(absent)
    return answered


def _fit_weights(
    survey: Survey, data: DataSet
) -> tuple["pd.Series[float]", dict[str, Any]] | None:
    """Fit weights to all margins while nothing is withheld; None if that fails."""
    if data.population.empty:
        return None
    margins = [
        [name for name in margin if name != "country"]
        for margin in survey.study.margins
    ]
    names = ["country", *margin_variables(survey.study)]
    answered = mask_unanswered(data.frame, data.variables, names)
    sizes = answered["country"].value_counts()
    countries = sorted(
        {*sizes.index[sizes >= THRESHOLD]} & {*data.population["country"]}
    )
    inside = answered.loc[answered["country"].isin(countries), names]
    if inside.empty:
        return None
    design, problem = fit_weights(SurveyDesign(inside), data.population)
    if problem:
        return None
    weights = pd.Series(1.0, index=answered.index)
    weights[inside.index] = design.frame["calibrated_weight"].to_numpy()
    listed = ", ".join(" x ".join(margin) for margin in margins)
    return weights, {
        "variable": WEIGHT.name,
        "margins": margins,
        "countries": countries,
        "method": f"raked to {listed} within each country before cells were withheld,"
        " then averaged over respondents with the same quasi-identifiers and rounded to"
        " three digits",
    }


def _write_number(number: float) -> str:
    return np.format_float_positional(number, trim="-")


def _new_keys(keys: "pd.Series[str]", profile: str) -> "pd.Series[str]":
    """Replace the keys of responses by others that only this release has.

    Otherwise two releases could be joined, and what one of them hides be read in the
    other. The same responses get the same keys, and so the same order of chance.
    """
    members = "\n".join([profile, *sorted(keys)])
    secret = hashlib.sha256(members.encode()).digest()
    return keys.map(
        lambda key: hashlib.blake2b(
            key.encode(), digest_size=16, key=secret
        ).hexdigest()
    )
