"""Data sets: the stored responses of a survey, protected and released."""

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from sqlalchemy import Engine

from analysis import anonymity, diversity, suppress
from surveys import Survey, codebook, responses_to_frame, write_release
from surveys.codebook import Variable, columns_of
from surveys.questionnaire import Questionnaire
from surveys.recoding import (
    Recodings,
    drop_hidden_margins,
    recode_population,
    recode_responses,
    recode_variables,
)
from surveys.releases import facts_of

from .errors import ReleaseRefused
from .fieldwork import load_published, records, status
from .register import record_release

Profile = Literal["internal", "scientific", "open"]


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


def release(
    engine: Engine, name: str, folder: Path, profile: Profile = "internal"
) -> dict[str, Any]:
    """Write the mixed responses of a survey as a release folder, and record it.

    Parameters
    ----------
    engine : Engine
    name : str
        A published survey.
    folder : Path
        A new folder.
    profile : {"internal", "scientific", "open"}
        ``scientific`` and ``open`` hold only responses whose publication was agreed
        to, without free text, recoded as the study declares and with
        quasi-identifiers blanked until k and l are reached.

    Returns
    -------
    dict
        The content of ``datapackage.json``.

    Raises
    ------
    UnknownSurvey
    ReleaseRefused
        There is nothing to release, or the profile cannot be reached.
    """
    survey = load_published(engine, name)
    fielded = status(engine, name)
    wanted = PROTECTION[profile]
    kept = [
        record
        for record in records(engine, name)
        if record["consent_publication"] or not wanted.is_public
    ]
    if len(kept) < wanted.k or not kept:
        raise ReleaseRefused(
            f"survey {name!r} has {len(kept)} mixed responses for profile {profile}; "
            f"it needs {wanted.k}: mix, or wait for more"
        )
    frame, variables = responses_to_frame(survey, kept), list(codebook(survey))
    population = survey.population
    left_out: tuple[str, ...] = ()
    recodings: Recodings = {}
    if wanted.is_public:
        left_out = free_texts(survey.questionnaire) + finer_copies(survey)
        frame = frame.drop(columns=list(left_out))
        frame["response_id"] = _new_keys(frame["response_id"], profile)
        variables = [each for each in variables if each.name not in left_out]
        recodings = {
            variable: recoding
            for variable, recoding in survey.study.recodings.items()
            if variable not in left_out
        }
        frame = recode_responses(frame, recodings)
        variables = recode_variables(variables, recodings)
        population = recode_population(population, recodings)
    quasi_identifiers = _columns(survey, survey.study.quasi_identifiers, left_out)
    sensitive = _columns(survey, survey.study.sensitive, left_out)
    answered = _answered(frame, variables, sensitive)
    suppressed = dict.fromkeys(quasi_identifiers, 0)
    hidden_margins: list[tuple[str, ...]] = []
    if wanted.is_public:
        _check_roles(profile, quasi_identifiers, sensitive)
        answered, counts = suppress(
            answered, quasi_identifiers, wanted.k, sensitive=sensitive, l=wanted.l
        )
        shown = frame.copy(deep=False)
        shown[quasi_identifiers] = answered[quasi_identifiers]
        population, hidden_margins = drop_hidden_margins(population, frame, shown)
        frame = shown
        suppressed = {str(variable): int(count) for variable, count in counts.items()}
    diversities = {
        variable: found
        for variable in sensitive
        if (found := diversity(answered, quasi_identifiers, variable))
    }
    poor = [variable for variable, found in diversities.items() if found < wanted.l]
    if poor:
        raise ReleaseRefused(
            f"profile {profile} needs l >= {wanted.l}, but all who answered gave the"
            f" same answer to {', '.join(poor)}: whoever is known to have taken part is"
            " known to have given it; release as scientific"
        )
    package = write_release(
        folder,
        frame,
        variables,
        package={
            **facts_of(survey),
            "quasi_identifiers": quasi_identifiers,
            "sensitive": sensitive,
            "consent_versions": sorted({record["consent_hash"] for record in kept}),
            "profile": profile,
            "k": anonymity(answered, quasi_identifiers),
            "l": min(diversities.values(), default=0),
            "recoded": recodings,
            "suppressed_cells": suppressed,
            "left_out": list(left_out),
            "margins": [
                margin
                for margin in survey.study.margins
                if {*margin} - {"country"} not in map(set, hidden_margins)
            ],
            "margins_left_out": hidden_margins,
            "synthetic": fielded.synthetic,
            "countries": list(fielded.countries) or list(survey.study.countries),
        },
        population=population,
        questionnaire=survey.to_json(),
    )
    record_release(engine, name, profile, folder, len(frame))
    return package


def free_texts(questionnaire: Questionnaire) -> tuple[str, ...]:
    """List the variables in which respondents may have written who they are.

    Those are typed texts, and what is calculated from them.
    """
    found: list[str] = []
    for question in questionnaire.questions:
        calculation = question.calculation
        copied = calculation is not None and not calculation.names.isdisjoint(found)
        if question.kind == "text" or copied:
            found.append(question.name)
    return tuple(found)


def finer_copies(survey: Survey) -> tuple[str, ...]:
    """List the columns that would tell more than the quasi-identifiers do.

    Those are what a quasi-identifier is calculated from (the age behind an age group),
    and what is calculated from a quasi-identifier or its source (a stratum), unless
    they are quasi-identifiers themselves. Free texts are left to `free_texts`.
    """
    declared = set(survey.study.quasi_identifiers)
    questions = list(survey.questionnaire.questions)
    names = [variable for question in questions for variable in question.variables]
    calculated = [
        (question.name, question.calculation.names.intersection(names))
        for question in questions
        if question.calculation is not None
    ]
    finer: set[str] = set()
    for variable, sources in reversed(calculated):
        if variable in declared | finer:
            finer |= sources - declared
    for variable, sources in calculated:
        if variable not in declared and sources & (declared | finer):
            finer.add(variable)
    found = [name for name in names if name in finer]
    return tuple(_columns(survey, found, free_texts(survey.questionnaire)))


def _columns(
    survey: Survey, variables: Collection[str], left_out: Collection[str]
) -> list[str]:
    """Columns of some variables or questions, in their order, without some."""
    columns = {
        question.name: columns_of(survey.questionnaire, question)
        for question in survey.questionnaire.questions
    }
    found = [column for name in variables for column in columns.get(name, (name,))]
    return [column for column in dict.fromkeys(found) if column not in left_out]


def _check_roles(
    profile: str, quasi_identifiers: Collection[str], sensitive: Collection[str]
) -> None:
    """Refuse what would be protected in name only."""
    both = [name for name in sensitive if name in quasi_identifiers]
    lacking = "quasi_identifiers" if not quasi_identifiers else ""
    if PROTECTION[profile].l > 1 and not sensitive:
        lacking = "sensitive"
    if both:
        raise ReleaseRefused(
            f"{', '.join(both)} cannot be a quasi-identifier and sensitive: those who"
            " look alike then gave the same answer; decide for one in study.yaml"
        )
    if lacking:
        raise ReleaseRefused(
            f"study.yaml names no {lacking}, and profile {profile} protects nobody"
            " without: publish the survey with them, or release as internal"
        )


def _answered(
    frame: pd.DataFrame, variables: Iterable[Variable], sensitive: Collection[str]
) -> pd.DataFrame:
    """Responses in which sensitive variables are missing where nobody answered."""
    answered = frame.copy(deep=False)
    for variable in variables:
        if variable.name in sensitive:
            column = answered[variable.name]
            absent = column.isin([*variable.missing_codes, "suppressed"])
            answered[variable.name] = column.mask(absent)
    return answered


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
