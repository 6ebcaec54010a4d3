"""Data sets: the stored responses of a survey, protected and released."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Engine

from analysis import anonymity, diversity
from surveys import Survey, codebook, responses_to_frame, write_release
from surveys.codebook import Role
from surveys.releases import facts_of
from surveys.versions import merge

from .errors import ReleaseRefused
from .fieldwork import load_published, records, status
from .models import SurveyStatus
from .register import record_release
from .roles import Roles, check_roles, roles_of
from .vocabulary import Profile
from .withholding import PROTECTION, DataSet, mask_unanswered, withhold

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Fielded(NamedTuple):
    """A survey, and those of its responses that a release may hold."""

    survey: Survey
    status: SurveyStatus
    records: list[dict[str, Any]]


def release(
    engine: Engine,
    name: str,
    folder: Path,
    profile: Profile = "internal",
    *,
    earlier: Sequence[str] = (),
    renamed: Mapping[str, str] = _NOTHING,
    accepted: Collection[str] = (),
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
        quasi-identifiers blanked until k and l are reached, in each version of the
        questionnaire by itself. They bring the weights that were fitted before, as
        means of those who look alike afterwards.
    earlier : list of str
        Surveys with older versions of the questionnaire, the oldest first. What was
        opened never changes, so a new version is a survey of another name.
    renamed, accepted
        As for `surveys.versions.merge`.

    Returns
    -------
    dict
        The content of ``datapackage.json``.

    Raises
    ------
    UnknownSurvey
    ReleaseError
        Listing what does not fit together between the versions.
    ReleaseRefused
        There is nothing to release, or the profile cannot be reached.
    """
    wanted = PROTECTION[profile]
    versions = _collect(engine, [*earlier, name], profile)
    survey = versions[-1].survey
    roles = roles_of(
        [each.survey for each in versions], renamed, is_public=wanted.is_public
    )
    data = _merge(versions, roles, renamed, accepted)
    did: dict[str, Any] = {
        "suppressed_cells": dict.fromkeys(roles.quasi_identifiers, 0),
        "margins_left_out": [],
    }
    if wanted.is_public:
        check_roles(roles, profile, wanted.l)
        data, did = withhold(data, survey, roles, profile)
    answered = mask_unanswered(data.frame, data.variables, roles.sensitive)
    diversities = {
        variable: found
        for variable in roles.sensitive
        if (found := diversity(answered, roles.quasi_identifiers, variable))
    }
    poor = [variable for variable, found in diversities.items() if found < wanted.l]
    if poor:
        raise ReleaseRefused(
            f"profile {profile} needs l >= {wanted.l}, but all who answered gave the"
            f" same answer to {', '.join(poor)}: whoever is known to have taken part is"
            " known to have given it; release as scientific"
        )
    kept = [record for each in versions for record in each.records]
    countries = [country for each in versions for country in each.status.countries]
    package = write_release(
        folder,
        data.frame,
        data.variables,
        package={
            **facts_of(survey),
            "quasi_identifiers": roles.quasi_identifiers,
            "sensitive": roles.sensitive,
            "consent_versions": sorted({record["consent_hash"] for record in kept}),
            "profile": profile,
            "k": anonymity(answered, roles.quasi_identifiers),
            "l": min(diversities.values(), default=0) if roles.sensitive else None,
            "recoded": roles.recodings,
            "suppressed_cells": did.pop("suppressed_cells"),
            "left_out": roles.left_out,
            "margins": [
                margin
                for margin in survey.study.margins
                if {*margin} - {"country"} not in map(set, did["margins_left_out"])
            ],
            **did,
            "synthetic": versions[-1].status.synthetic,
            "countries": list(dict.fromkeys(countries)) or list(survey.study.countries),
            **_describe(versions, renamed, accepted),
        },
        population=data.population,
        questionnaire=survey.to_json(),
        earlier_questionnaires=[each.survey.to_json() for each in versions[:-1]],
    )
    record_release(engine, name, profile, folder, len(data.frame))
    return package


def _collect(engine: Engine, names: Sequence[str], profile: str) -> list[Fielded]:
    """Read what a profile may hold of each survey."""
    wanted, versions = PROTECTION[profile], []
    for name in names:
        survey, fielded = load_published(engine, name), status(engine, name)
        mixed = list(records(engine, name))
        kept = [
            record
            for record in mixed
            if record["consent_publication"] or not wanted.is_public
        ]
        if len(kept) < max(wanted.k, 1):
            agreed = (
                "" if len(kept) == len(mixed) else " whose publication is agreed to"
            )
            raise ReleaseRefused(
                f"survey {name!r} has {len(kept)} mixed responses{agreed} for profile"
                f" {profile}; it needs {max(wanted.k, 1)}"
                + _WHAT_NOW[fielded.state].format(name)
            )
        versions.append(Fielded(survey, fielded, kept))
    is_mixture = len({each.status.synthetic for each in versions}) > 1
    if is_mixture or len({*names}) < len(names):
        raise ReleaseRefused(
            f"{', '.join(names)} cannot be one release: each survey goes in once, and"
            " invented respondents never stand beside others"
        )
    return versions


_WHAT_NOW = {
    "draft": ": open it first, parallax survey open {}",
    "open": ": mix, or wait for more",
    "closed": " and is closed, so that no more will come",
}
"""What to do about too few responses, by the state of the survey."""


def _merge(
    versions: Sequence[Fielded],
    roles: Roles,
    renamed: Mapping[str, str],
    accepted: Collection[str],
) -> DataSet:
    """Put all responses into the columns of one data set."""
    coded = [
        (each.survey, responses_to_frame(each.survey, each.records))
        for each in versions
    ]
    frame, merged = merge(coded, renamed=renamed, accepted=accepted)
    variables = list(merged)
    if len(versions) > 1:
        declared: dict[str, Role] = {
            **dict.fromkeys(roles.sensitive, "sensitive"),
            **dict.fromkeys(roles.quasi_identifiers, "quasi-identifier"),
        }
        variables = [
            replace(each, role=declared.get(each.name, each.role)) for each in variables
        ]
    return DataSet(frame, variables, versions[-1].survey.population)


def _describe(
    versions: Sequence[Fielded], renamed: Mapping[str, str], accepted: Collection[str]
) -> dict[str, Any]:
    """Say which versions there are; nothing of a single one."""
    if len(versions) == 1:
        return {}
    described = [
        {
            "survey": each.survey.name,
            "questionnaire_version": each.survey.version,
            "n_responses": len(each.records),
            "renamed": {
                old: new
                for old, new in renamed.items()
                if any(old == variable.name for variable in codebook(each.survey))
            },
        }
        for each in versions
    ]
    described[-1]["renamed"] = {}
    return {"versions": described, "accepted_changes": sorted(accepted)}
