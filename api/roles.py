"""Roles of columns: what identifies, what is sensitive, what stays with the owner."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from surveys import Survey
from surveys.codebook import columns_of
from surveys.questionnaire import Questionnaire
from surveys.recoding import Recodings

from .errors import ReleaseRefused

VERSION = "questionnaire_version"


class Roles(NamedTuple):
    """What a release does with columns, in the order of their importance."""

    quasi_identifiers: list[str]
    sensitive: list[str]
    left_out: list[str]
    recodings: Recodings


def roles_of(
    versions: Sequence[Survey], renamed: Mapping[str, str], *, is_public: bool
) -> Roles:
    """Read the roles that several versions of a survey declare, the newest last.

    What one version declares holds for all, and of several versions which one a
    respondent answered is a quasi-identifier itself: others may know when it was.

    Parameters
    ----------
    versions : list of Survey
    renamed : mapping
        New names of columns by the names in older versions.
    is_public : bool
        Whether free texts and finer copies are left out, and values recoded.
    """
    newest = versions[-1]
    renaming = [
        {} if survey.version == newest.version else renamed for survey in versions
    ]

    def columns(find: Callable[[Survey], Iterable[str]]) -> list[str]:
        found = [
            renew.get(column, column)
            for survey, renew in zip(versions[::-1], renaming[::-1], strict=True)
            for column in find(survey)
        ]
        return list(dict.fromkeys(found))

    left_out: list[str] = []
    recodings: Recodings = {}
    if is_public:
        left_out = columns(
            lambda survey: free_texts(survey.questionnaire) + finer_copies(survey)
        )
        recodings = {
            renew.get(column, column): recoding
            for survey, renew in zip(versions, renaming, strict=True)
            for column, recoding in survey.study.recodings.items()
        }
    found = [
        columns(lambda survey: _columns(survey, survey.study.quasi_identifiers)),
        columns(lambda survey: _columns(survey, survey.study.sensitive)),
    ]
    if len(versions) > 1:
        found[0] = list(dict.fromkeys([VERSION, *found[0]]))
    quasi_identifiers, sensitive = (
        [column for column in declared if column not in left_out] for declared in found
    )
    kept = {name: each for name, each in recodings.items() if name not in left_out}
    return Roles(quasi_identifiers, sensitive, left_out, kept)


def check_roles(roles: Roles, profile: str, least_diversity: int) -> None:
    """Refuse what would be protected in name only.

    Raises
    ------
    ReleaseRefused
    """
    both = [name for name in roles.sensitive if name in roles.quasi_identifiers]
    lacking = "" if {*roles.quasi_identifiers} - {VERSION} else "quasi_identifiers"
    if least_diversity > 1 and not roles.sensitive:
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
    texts = free_texts(survey.questionnaire)
    return tuple(name for name in _columns(survey, found) if name not in texts)


def _columns(survey: Survey, variables: Collection[str]) -> list[str]:
    """Columns of some variables or questions, in their order."""
    columns = {
        question.name: columns_of(survey.questionnaire, question)
        for question in survey.questionnaire.questions
    }
    found = [column for name in variables for column in columns.get(name, (name,))]
    return list(dict.fromkeys(found))
