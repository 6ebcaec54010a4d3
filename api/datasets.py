"""Data sets: the stored responses of a survey, protected and released."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from sqlalchemy import Engine

from analysis import anonymity, diversity, suppress
from surveys import codebook, responses_to_frame, write_release
from surveys.questionnaire import Questionnaire
from surveys.releases import facts_of

from .errors import ReleaseRefused
from .fieldwork import load_published, records, status

Profile = Literal["internal", "scientific", "open"]


class Protection(NamedTuple):
    """What a profile asks for; ``internal`` is for the owner of the study only."""

    k: int
    l: int  # noqa: E741, the name of the measure
    needs_consent: bool
    has_text: bool


PROTECTION: dict[str, Protection] = {
    "internal": Protection(1, 1, needs_consent=False, has_text=True),
    "scientific": Protection(5, 1, needs_consent=True, has_text=False),
    "open": Protection(10, 2, needs_consent=True, has_text=False),
}


def release(
    engine: Engine, name: str, folder: Path, profile: Profile = "internal"
) -> dict[str, Any]:
    """Write the mixed responses of a survey as a release folder.

    Parameters
    ----------
    engine : Engine
    name : str
        A published survey.
    folder : Path
        A new folder.
    profile : {"internal", "scientific", "open"}
        ``scientific`` and ``open`` hold only responses whose publication was agreed
        to, with quasi-identifiers blanked until k is reached, and no free text.

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
        if record["consent_publication"] or not wanted.needs_consent
    ]
    if len(kept) < wanted.k or not kept:
        raise ReleaseRefused(
            f"survey {name!r} has {len(kept)} mixed responses for profile {profile}; "
            f"it needs {wanted.k}: mix, or wait for more"
        )
    left_out = () if wanted.has_text else free_texts(survey.questionnaire)
    frame = responses_to_frame(survey, kept).drop(columns=list(left_out))
    quasi_identifiers = _without(left_out, survey.study.quasi_identifiers)
    sensitive = _without(left_out, survey.study.sensitive)
    suppressed = dict.fromkeys(quasi_identifiers, 0)
    if wanted.k > 1:
        frame, counts = suppress(frame, quasi_identifiers, wanted.k)
        suppressed = {str(variable): int(count) for variable, count in counts.items()}
    diversities = {
        variable: diversity(frame, quasi_identifiers, variable)
        for variable in sensitive
    }
    poor = [name for name, found in diversities.items() if found < wanted.l]
    if poor:
        raise ReleaseRefused(
            f"profile {profile} needs l >= {wanted.l}, but in some groups all gave the "
            f"same answer to {', '.join(poor)}; name fewer quasi-identifiers, or "
            "release as scientific"
        )
    return write_release(
        folder,
        frame,
        [variable for variable in codebook(survey) if variable.name not in left_out],
        package={
            **facts_of(survey),
            "quasi_identifiers": quasi_identifiers,
            "sensitive": sensitive,
            "consent_versions": sorted({record["consent_hash"] for record in kept}),
            "profile": profile,
            "k": anonymity(frame, quasi_identifiers),
            "l": min(diversities.values(), default=len(pd.unique(frame["week"]))),
            "suppressed_cells": suppressed,
            "left_out": list(left_out),
            "synthetic": fielded.synthetic,
            "countries": list(fielded.countries) or list(survey.study.countries),
        },
        population=survey.population,
        questionnaire=survey.to_json(),
    )


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


def _without(left_out: Collection[str], variables: Iterable[str]) -> list[str]:
    return [variable for variable in variables if variable not in left_out]
