"""Data sets: the stored responses of a survey, protected and released."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from sqlalchemy import Engine

from analysis import anonymity, diversity, suppress
from surveys import codebook, responses_to_frame, write_release
from surveys.releases import facts_of

from .errors import ReleaseRefused
from .fieldwork import load_published, records, status

Profile = Literal["internal", "scientific", "open"]


class Protection(NamedTuple):
    """What a profile asks for; ``internal`` is for the owner of the study only."""

    k: int
    l: int  # noqa: E741, the name of the measure
    needs_consent: bool


PROTECTION: dict[str, Protection] = {
    "internal": Protection(k=1, l=1, needs_consent=False),
    "scientific": Protection(k=5, l=1, needs_consent=True),
    "open": Protection(k=10, l=2, needs_consent=True),
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
        to, with quasi-identifiers blanked until k is reached.

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
    frame = responses_to_frame(survey, kept)
    quasi_identifiers = list(survey.study.quasi_identifiers)
    suppressed = dict.fromkeys(quasi_identifiers, 0)
    if wanted.k > 1:
        frame, counts = suppress(frame, quasi_identifiers, wanted.k)
        suppressed = {str(variable): int(count) for variable, count in counts.items()}
    diversities = {
        variable: diversity(frame, quasi_identifiers, variable)
        for variable in survey.study.sensitive
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
        codebook(survey),
        package={
            **facts_of(survey),
            "consent_versions": sorted({record["consent_hash"] for record in kept}),
            "profile": profile,
            "k": anonymity(frame, quasi_identifiers),
            "l": min(diversities.values(), default=len(pd.unique(frame["week"]))),
            "suppressed_cells": suppressed,
            "synthetic": fielded.synthetic,
            "countries": list(fielded.countries) or list(survey.study.countries),
        },
        population=survey.population,
        questionnaire=survey.to_json(),
    )
