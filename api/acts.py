"""What researchers do, and that it is written down: the same for people and programs.

Whoever calls these has checked the researcher's role for the survey; only what is
about single respondents, a release of profile ``internal``, is checked here.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from . import choices as chosen
from . import fieldwork, jobs, shelf, tickets
from .audit import audit
from .choices import Choices
from .errors import ChoiceRefused, FieldworkError, Forbidden, UnknownJob
from .jobs import FORMATS, ComparisonTask, ExportTask, Job, ReleaseTask
from .shelf import Shelved
from .vocabulary import MOST_TICKETS, Profile
from .workbench import Principal, Workbench


def visible_surveys(workbench: Workbench, principal: Principal) -> list[dict[str, Any]]:
    """List the status and the title of each survey that a researcher may see."""
    engine = workbench.engine
    return [
        status
        | {
            "title": fieldwork.load_published(
                engine, status["name"]
            ).questionnaire.title
        }
        for status in fieldwork.list_surveys(engine)
        if principal.may("viewer", status["name"])
    ]


def open_survey(
    workbench: Workbench,
    principal: Principal,
    survey: str,
    *,
    countries: Collection[str] | None,
    accept_draft_translations: bool,
    approval: str,
) -> None:
    """Open a survey for respondents; one that is open already stays as it is.

    Raises
    ------
    FieldworkError
    """
    engine = workbench.engine
    was_draft = fieldwork.open_survey(
        engine,
        survey,
        countries=countries,
        accept_draft_translations=accept_draft_translations,
        approval=approval or None,
    )
    if was_draft:
        opened = fieldwork.status(engine, survey).countries
        details = {"countries": sorted(opened), "approval": approval}
        audit(engine, principal.name, "opened", survey, details)


def close_survey(workbench: Workbench, principal: Principal, survey: str) -> None:
    """Close a survey and mix its last responses.

    Raises
    ------
    FieldworkError
    """
    fieldwork.close_survey(workbench.engine, survey)
    audit(workbench.engine, principal.name, "closed", survey, {})


def issue_tickets(
    workbench: Workbench, principal: Principal, survey: str, country: str, count: int
) -> list[str]:
    """Issue tickets; the codes are nowhere else.

    Raises
    ------
    FieldworkError
    """
    if not 1 <= count <= MOST_TICKETS:
        raise FieldworkError(f"1 to {MOST_TICKETS} tickets can be issued at a time")
    codes = tickets.issue(workbench.engine, survey, country, count)
    details = {"country": country, "count": count}
    audit(workbench.engine, principal.name, "tickets_issued", survey, details)
    return codes


def visible_releases(
    workbench: Workbench, principal: Principal, survey: str
) -> list[Shelved]:
    """List the releases that a researcher may see, the newest first."""
    fieldwork.status(workbench.engine, survey)
    is_owner = principal.may("owner", survey)
    made = shelf.releases(workbench.settings, survey)
    return [one for one in made if is_owner or one.profile != "internal"]


def find_release(
    workbench: Workbench, principal: Principal, survey: str, name: str
) -> Shelved:
    """Return a release that a researcher may see.

    Raises
    ------
    UnknownRelease, Forbidden
    """
    fieldwork.status(workbench.engine, survey)
    found = shelf.find(workbench.settings, survey, name)
    _check_profile(principal, survey, found.profile)
    return found


def make_release(
    workbench: Workbench, principal: Principal, survey: str, profile: Profile
) -> Job:
    """Start to make a release.

    Raises
    ------
    Forbidden, JobsFull
    """
    fieldwork.status(workbench.engine, survey)
    _check_profile(principal, survey, profile)
    job = jobs.start(
        workbench.settings, ReleaseTask(survey=survey, profile=profile), anew=True
    )
    audit(
        workbench.engine,
        principal.name,
        "release_started",
        survey,
        {"profile": profile},
    )
    return job


def export_release(
    workbench: Workbench,
    principal: Principal,
    survey: str,
    release: str,
    format_: str,
    language: str,
) -> Job:
    """Start to write a release in one format.

    Raises
    ------
    UnknownRelease, Forbidden, ChoiceRefused, JobsFull
    """
    found = find_release(workbench, principal, survey, release)
    if format_ not in FORMATS or language not in found.manifest["languages"]:
        raise ChoiceRefused("the release is not made in this format or language")
    task = ExportTask(survey=survey, release=release, format=format_, language=language)
    details = {"release": release, "format": format_, "language": language}
    audit(workbench.engine, principal.name, "export_started", survey, details)
    return jobs.start(workbench.settings, task)


def compare(
    workbench: Workbench, principal: Principal, survey: str, choices: Choices
) -> Job:
    """Start to compare countries, or find what was compared today.

    Raises
    ------
    UnknownRelease, Forbidden, ChoiceRefused, JobsFull
    """
    found = find_release(workbench, principal, survey, choices.release)
    chosen.check(choices, found.fields)
    return jobs.start(
        workbench.settings, ComparisonTask(survey=survey, choices=choices)
    )


def find_job(workbench: Workbench, principal: Principal, survey: str, name: str) -> Job:
    """Return a job that a researcher may see.

    Raises
    ------
    UnknownJob, Forbidden
    """
    job = jobs.find(workbench.settings, survey, name)
    _check_profile(principal, survey, _profile(job))
    return job


def visible_jobs(workbench: Workbench, principal: Principal, survey: str) -> list[Job]:
    """List today's releases and exports that a researcher may see, the newest first."""
    is_owner = principal.may("owner", survey)
    found = jobs.of_today(workbench.settings, survey)
    return [job for job in found if is_owner or _profile(job) != "internal"]


def find_file(
    workbench: Workbench, principal: Principal, survey: str, name: str
) -> Path:
    """Return the file that an export wrote, and write down that it was fetched.

    Raises
    ------
    UnknownJob, Forbidden
    """
    job = find_job(workbench, principal, survey, name)
    if not isinstance(job.task, ExportTask) or not job.outcome.file:
        raise UnknownJob("this job has no file")
    details = {"release": job.task.release, "file": job.outcome.file}
    audit(workbench.engine, principal.name, "downloaded", survey, details)
    return job.folder / job.outcome.file


def _profile(job: Job) -> str:
    match job.task:
        case ReleaseTask(profile=profile):
            return profile
        case ExportTask(release=release):
            return shelf.profile_of(release)
        case ComparisonTask(choices=choices):
            return shelf.profile_of(choices.release)


def _check_profile(principal: Principal, survey: str, profile: str) -> None:
    if profile == "internal" and not principal.may("owner", survey):
        raise Forbidden("internal releases are for owners of the survey only")
