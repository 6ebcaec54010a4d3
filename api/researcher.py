"""The researchers' pages: surveys, fieldwork, tickets, releases and their files."""

from collections.abc import Callable
from typing import cast

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from . import acts, fieldwork, jobs
from .errors import FieldworkError
from .following import follow
from .jobs import FORMATS
from .register import is_superseded
from .researcher_dependencies import (
    Analyst,
    Manager,
    ResearcherForm,
    StrongAnalyst,
    Viewer,
    WorkbenchDep,
)
from .researcher_pages import country_name, render, render_survey
from .vocabulary import Profile
from .workbench import Principal, Workbench

PROFILES = {
    "scientific": "for researchers who signed terms: everybody looks like at least four"
    " others (k ≥ 5), no free text",
    "open": "for everybody: k ≥ 10, and nowhere did all who look alike answer alike"
    " (l ≥ 2)",
    "internal": "everything, for owners of the survey only",
}
SHOWN = (
    *("profile", "languages", "countries", "weeks", "quasi_identifiers", "sensitive"),
    *("suppressed_cells", "left_out", "questionnaire_version", "software", "files"),
)
"""What a page shows of a manifest."""

router = APIRouter(prefix="/surveys", include_in_schema=False)


@router.get("")
async def list_surveys(principal: Viewer, workbench: WorkbenchDep) -> HTMLResponse:
    """List the surveys that the researcher may see."""
    surveys = await workbench.run(acts.visible_surveys, workbench, principal)
    return render("surveys", principal, title="Surveys", surveys=surveys)


@router.get("/{survey}")
async def show_fieldwork(
    survey: str, principal: Viewer, workbench: WorkbenchDep
) -> HTMLResponse:
    """Show how far fieldwork is, and what can be done."""
    return await workbench.run(_fieldwork, workbench, principal, survey)


@router.post("/{survey}/open")
async def open_survey(
    survey: str, principal: Manager, workbench: WorkbenchDep, form: ResearcherForm
) -> Response:
    """Open the survey."""
    form.allow("country", "approval", "drafts")

    def act() -> Response:
        acts.open_survey(
            workbench,
            principal,
            survey,
            countries=form.fields.get("country", []),
            accept_draft_translations=form.one("drafts") == "yes",
            approval=form.one("approval").strip(),
        )
        return _see(survey)

    return await workbench.run(_try, act, workbench, principal, survey)


@router.post("/{survey}/close")
async def close_survey(
    survey: str, principal: Manager, workbench: WorkbenchDep, form: ResearcherForm
) -> Response:
    """Close the survey."""
    form.allow("sure")

    def act() -> Response:
        if form.one("sure") != "yes":
            raise FieldworkError("tick the box: it cannot be opened again")
        acts.close_survey(workbench, principal, survey)
        return _see(survey)

    return await workbench.run(_try, act, workbench, principal, survey)


@router.post("/{survey}/tickets")
async def issue_tickets(
    survey: str, principal: Manager, workbench: WorkbenchDep, form: ResearcherForm
) -> Response:
    """Send a file with new codes."""
    form.allow("country", "count")
    country, count = form.one("country"), form.one("count")
    number = int(count) if count.isascii() and count.isdecimal() else 0

    def act() -> Response:
        codes = acts.issue_tickets(workbench, principal, survey, country, number)
        file = f'attachment; filename="{survey}-{country}-codes.csv"'
        return Response(
            "".join(f"{line}\n" for line in ("code", *codes)),
            media_type="text/csv",
            headers={"Content-Disposition": file},
        )

    return await workbench.run(_try, act, workbench, principal, survey)


@router.get("/{survey}/releases")
async def show_releases(
    survey: str, principal: Viewer, workbench: WorkbenchDep
) -> HTMLResponse:
    """List the releases with their manifests."""
    return await workbench.run(_releases, workbench, principal, survey)


@router.post("/{survey}/releases")
async def make_release(
    survey: str, principal: Manager, workbench: WorkbenchDep, form: ResearcherForm
) -> Response:
    """Start to make a release."""
    form.allow("profile")
    profile = cast(Profile, form.choice("profile", PROFILES))
    job = await workbench.run(acts.make_release, workbench, principal, survey, profile)
    return _see(survey, f"jobs/{job.name}")


@router.post("/{survey}/releases/{release}/exports")
async def export_release(
    survey: str,
    release: str,
    principal: Analyst,
    workbench: WorkbenchDep,
    form: ResearcherForm,
) -> Response:
    """Start to write a release in a format."""
    form.allow("format", "language")
    format_, language = form.one("format"), form.one("language")
    job = await workbench.run(
        acts.export_release, workbench, principal, survey, release, format_, language
    )
    return _see(survey, f"jobs/{job.name}")


@router.get("/{survey}/jobs/{job}")
async def show_job(
    survey: str, job: str, principal: Analyst, workbench: WorkbenchDep
) -> HTMLResponse:
    """Show how far a job is; the page waits some seconds for it to end."""
    found = await workbench.run(acts.find_job, workbench, principal, survey, job)
    found = await jobs.settled(workbench.settings, found, jobs.WAIT_SECONDS)
    return await workbench.run(
        lambda: render_survey(
            "job",
            principal,
            fieldwork.load_published(workbench.engine, survey),
            here="Releases",
            job=found,
            again=f"/surveys/{survey}/jobs/{job}",
        )
    )


@router.get("/{survey}/jobs/{job}/file")
async def send_file(
    survey: str, job: str, principal: StrongAnalyst, workbench: WorkbenchDep
) -> FileResponse:
    """Send the file that an export wrote."""
    path = await workbench.run(acts.find_file, workbench, principal, survey, job)
    return FileResponse(path, filename=path.name, media_type="application/zip")


def _try(
    act: Callable[[], Response], workbench: Workbench, principal: Principal, survey: str
) -> Response:
    """Do something about a survey, or show its fieldwork with what is in the way."""
    try:
        return act()
    except FieldworkError as error:
        return _fieldwork(workbench, principal, survey, str(error))


def _fieldwork(
    workbench: Workbench, principal: Principal, name: str, problem: str = ""
) -> HTMLResponse:
    survey = fieldwork.load_published(workbench.engine, name)
    return render_survey(
        "fieldwork",
        principal,
        survey,
        status=409 if problem else 200,
        problem=problem,
        here="Fieldwork",
        decided=fieldwork.status(workbench.engine, name),
        following=follow(workbench.engine, survey),
        countries={code: country_name(code) for code in survey.study.countries},
        approval_required=survey.study.approval_required,
        draft_languages=sorted(survey.draft_languages),
    )


def _releases(workbench: Workbench, principal: Principal, name: str) -> HTMLResponse:
    made = acts.visible_releases(workbench, principal, name)
    is_owner = principal.may("owner", name)
    return render_survey(
        "releases",
        principal,
        fieldwork.load_published(workbench.engine, name),
        here="Releases",
        releases=made,
        jobs=acts.visible_jobs(workbench, principal, name),
        superseded={one.name for one in made if is_superseded(one.folder)},
        profiles={
            profile: meaning
            for profile, meaning in PROFILES.items()
            if is_owner or profile != "internal"
        },
        formats=FORMATS,
        shown=SHOWN,
    )


def _see(survey: str, more: str = "") -> RedirectResponse:
    return RedirectResponse(f"/surveys/{survey}/{more}".rstrip("/"), 303)
