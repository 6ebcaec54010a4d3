"""The researchers' pages: surveys, fieldwork, releases, comparisons."""

from typing import Any, cast

from babel import Locale
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from pydantic import ValidationError

from surveys.survey import Survey

from . import acts, fieldwork, jobs
from .choices import Choices, offered
from .errors import ApiError, ChoiceRefused, FieldworkError, UnknownJob
from .following import follow
from .jobs import CHARTS, FORMATS, ComparisonTask, Job, Profile
from .register import is_superseded
from .researcher_dependencies import (
    Analyst,
    Manager,
    Principal,
    ResearcherForm,
    StrongAnalyst,
    Viewer,
    Workbench,
    WorkbenchDep,
)
from .researcher_pages import render
from .shelf import Shelved

WAIT_SECONDS = 5
"""How long a page waits for a job; a restart of the service waits longer."""

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

    def act() -> None:
        acts.open_survey(
            workbench,
            principal,
            survey,
            countries=form.fields.get("country", []),
            accept_draft_translations=form.one("drafts") == "yes",
            approval=form.one("approval").strip(),
        )

    try:
        await workbench.run(act)
    except FieldworkError as error:
        return await workbench.run(_fieldwork, workbench, principal, survey, error)
    return _see(survey)


@router.post("/{survey}/close")
async def close_survey(
    survey: str, principal: Manager, workbench: WorkbenchDep, form: ResearcherForm
) -> Response:
    """Close the survey."""
    form.allow("sure")
    try:
        if form.one("sure") != "yes":
            raise FieldworkError("tick the box: it cannot be opened again")
        await workbench.run(acts.close_survey, workbench, principal, survey)
    except FieldworkError as error:
        return await workbench.run(_fieldwork, workbench, principal, survey, error)
    return _see(survey)


@router.post("/{survey}/tickets")
async def issue_tickets(
    survey: str, principal: Manager, workbench: WorkbenchDep, form: ResearcherForm
) -> Response:
    """Send a file with new codes."""
    form.allow("country", "count")
    country, count = form.one("country"), form.one("count")
    number = int(count) if count.isascii() and count.isdecimal() else 0
    try:
        codes = await workbench.run(
            acts.issue_tickets, workbench, principal, survey, country, number
        )
    except FieldworkError as error:
        return await workbench.run(_fieldwork, workbench, principal, survey, error)
    return Response(
        "".join(f"{line}\n" for line in ("code", *codes)),
        media_type="text/csv",
        headers=_attached(f"{survey}-{country}-codes.csv"),
    )


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
    found = await jobs.settled(workbench.settings, found, WAIT_SECONDS)
    return await workbench.run(
        lambda: _show(
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


@router.get("/{survey}/jobs/{job}/page")
async def send_page(
    survey: str, job: str, principal: Viewer, workbench: WorkbenchDep
) -> FileResponse:
    """Send a comparison as one self-contained page."""
    found = await workbench.run(acts.find_job, workbench, principal, survey, job)
    if not isinstance(found.task, ComparisonTask) or found.state != "done":
        raise UnknownJob("this job has no page")
    path = found.folder / found.outcome.file
    return FileResponse(path, filename=path.name, media_type="text/html")


@router.get("/{survey}/compare")
async def show_comparison(
    survey: str, request: Request, principal: Viewer, workbench: WorkbenchDep
) -> HTMLResponse:
    """Compare countries; all choices are in the address."""
    released = await workbench.run(acts.visible_releases, workbench, principal, survey)
    job: Job | None = None
    problem, status = "", 200
    choices = _first_choices(released)
    if request.query_params and choices:
        try:
            choices = _read_choices(request, released)
            job = await workbench.run(
                acts.compare, workbench, principal, survey, choices
            )
            job = await jobs.settled(workbench.settings, job, WAIT_SECONDS)
        except ChoiceRefused as error:
            problem, status = str(error), 409
    return await workbench.run(
        _comparison,
        workbench,
        principal,
        survey,
        released,
        choices,
        job,
        problem,
        status,
    )


def _fieldwork(
    workbench: Workbench,
    principal: Principal,
    name: str,
    error: ApiError | None = None,
) -> HTMLResponse:
    survey = fieldwork.load_published(workbench.engine, name)
    return _show(
        "fieldwork",
        principal,
        survey,
        status=409 if error else 200,
        problem=str(error or ""),
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
    return _show(
        "releases",
        principal,
        fieldwork.load_published(workbench.engine, name),
        here="Releases",
        releases=made,
        superseded={one.name for one in made if is_superseded(one.folder)},
        profiles={
            profile: meaning
            for profile, meaning in PROFILES.items()
            if is_owner or profile != "internal"
        },
        formats=FORMATS,
        shown=SHOWN,
    )


def _comparison(
    workbench: Workbench,
    principal: Principal,
    name: str,
    released: list[Shelved],
    choices: Choices | None,
    job: Job | None,
    problem: str,
    status: int,
) -> HTMLResponse:
    values: dict[str, Any] = {"releases": {one.name: one.name for one in released}}
    if choices:
        (release,) = (one for one in released if one.name == choices.release)
        answers = release.labels(choices.outcome)
        countries = {code: country_name(code) for code in release.manifest["countries"]}
        values |= {
            "choices": choices,
            "questions": offered(release.fields),
            "answers": answers,
            "countries": countries,
            "references": {"": "each other"} | countries,
            "is_share": bool(answers),
            "has_answers": bool(answers) and not choices.answer,
            "again": f"/surveys/{name}/compare?{choices.query}",
            "charts": _charts(job) if job and job.state == "done" and answers else {},
        }
    return _show(
        "compare",
        principal,
        fieldwork.load_published(workbench.engine, name),
        status=status,
        here="Comparison",
        problem=problem,
        job=job,
        **values,
    )


def _charts(job: Job) -> dict[str, str]:
    return {name: (job.folder / f"{name}.svg").read_text("utf-8") for name in CHARTS}


def _first_choices(released: list[Shelved]) -> Choices | None:
    """Begin with the headline of the newest release, or its first question."""
    if not released:
        return None
    newest = released[0]
    plan = newest.manifest["report"]
    if plan:
        headline = plan["headline"]
        return Choices(
            release=newest.name,
            outcome=headline["outcome"],
            answer=tuple(headline["share_of"]),
        )
    return Choices(release=newest.name, outcome=next(iter(offered(newest.fields))))


def _read_choices(request: Request, released: list[Shelved]) -> Choices:
    """Read the address; answers of another question, left in the form, do not count."""
    query = request.query_params
    several = {"answer", "country"}
    asked: dict[str, Any] = {
        name: query.getlist(name) if name in several else query[name] for name in query
    }
    try:
        choices = Choices.model_validate(asked)
    except ValidationError as error:
        names = sorted({str(problem["loc"][0]) for problem in error.errors()})
        known = [name for name in names if name in Choices.model_fields]
        raise ChoiceRefused(
            f"the address has wrong choices: {', '.join(known) or 'unknown ones'}"
        ) from None
    for one in released:
        if one.name == choices.release and choices.outcome in one.fields:
            answers = one.labels(choices.outcome)
            kept = tuple(answer for answer in choices.answer if answer in answers)
            return choices.model_copy(update={"answer": kept})
    return choices


def _show(
    template: str,
    principal: Principal,
    survey: Survey,
    **values: Any,
) -> HTMLResponse:
    return render(
        template,
        principal,
        title=survey.questionnaire.title,
        survey=survey.name,
        **values,
    )


def _see(survey: str, more: str = "") -> RedirectResponse:
    return RedirectResponse(f"/surveys/{survey}/{more}".rstrip("/"), 303)


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def country_name(code: str) -> str:
    """Name a country in English.

    Examples
    --------
    >>> country_name("DE"), country_name("")
    ('Germany', '')
    """
    return str(Locale("en").territories.get(code, code))
