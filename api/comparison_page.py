"""The page that compares countries: all choices are in its address."""

import json
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import ValidationError

from . import acts, fieldwork, jobs, vega
from .choices import Choices, answers_of, offered
from .errors import ChoiceRefused, UnknownJob
from .jobs import CHARTS, ComparisonTask, Job
from .protection import SCRIPTS
from .researcher_dependencies import Viewer, WorkbenchDep
from .researcher_pages import country_name, render_survey
from .shelf import Shelved
from .workbench import Principal, Workbench

router = APIRouter(prefix="/surveys", include_in_schema=False)


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
            asked = _read_choices(request, released)
            job = await workbench.run(acts.compare, workbench, principal, survey, asked)
            job = await jobs.settled(workbench.settings, job, jobs.WAIT_SECONDS)
            choices = asked
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


@router.get("/{survey}/jobs/{job}/comparison.{ending}")
async def send_comparison(
    survey: str,
    job: str,
    ending: Literal["html", "csv"],
    principal: Viewer,
    workbench: WorkbenchDep,
) -> FileResponse:
    """Send a comparison as one self-contained page, or as a table of its numbers."""
    found = await workbench.run(acts.find_job, workbench, principal, survey, job)
    if not isinstance(found.task, ComparisonTask) or found.state != "done":
        raise UnknownJob("this job has no comparison")
    return FileResponse(
        found.folder / f"{jobs.COMPARISON}.{ending}",
        filename=f"{survey}-{found.task.choices.outcome}.{ending}",
        media_type=f"text/{ending}",
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
    values: dict[str, Any] = {"choices": choices}
    if choices:
        (release,) = (one for one in released if one.name == choices.release)
        answers = answers_of(release.fields[choices.outcome])
        is_share = bool(release.labels(choices.outcome))
        countries = {code: country_name(code) for code in release.manifest["countries"]}
        values |= {
            "releases": {one.name: one.name for one in released},
            "questions": offered(release.fields),
            "answers": answers,
            "countries": countries,
            "references": {"": "each other"} | countries,
            "is_share": is_share,
            "has_answers": bool(answers) and not choices.answer,
            "again": f"/surveys/{name}/compare?{choices.query}",
            "charts": _charts(job) if job and job.state == "done" else {},
        }
    page = render_survey(
        "compare",
        principal,
        fieldwork.load_published(workbench.engine, name),
        status=status,
        here="Comparison",
        problem=problem,
        job=job,
        script=vega.PATH if values.get("charts") else "",
        **values,
    )
    if values.get("charts"):
        page.headers.update(SCRIPTS)
    return page


def _charts(job: Job) -> dict[str, tuple[str, Any]]:
    """Each chart as it is drawn without scripts, and as Vega-Lite reads it."""
    return {
        name: (
            (job.folder / f"{name}.svg").read_text("utf-8"),
            json.loads((job.folder / f"{name}.json").read_bytes()),
        )
        for name in CHARTS
    }


def _first_choices(released: list[Shelved]) -> Choices | None:
    """Begin with the headline of the newest release, or its first question."""
    for newest in released[:1]:
        plan = newest.manifest["report"] or {"headline": {}}
        outcome = plan["headline"].get("outcome")
        questions = offered(newest.fields)
        if outcome in questions:
            answers = tuple(plan["headline"]["share_of"])
            return Choices(release=newest.name, outcome=outcome, answer=answers)
        for question in questions:
            return Choices(release=newest.name, outcome=question)
    return None


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
            answers = answers_of(one.fields[choices.outcome])
            kept = tuple(answer for answer in choices.answer if answer in answers)
            return choices.model_copy(update={"answer": kept})
    return choices
