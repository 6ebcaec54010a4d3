"""The same for programs: JSON under `/api/v1`, described by OpenAPI 3.1."""

from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from . import acts, fieldwork, jobs, register
from .choices import Choices
from .errors import ChoiceRefused
from .following import Following, follow
from .jobs import Job, State
from .problems import MEDIA_TYPE, Problem
from .researcher_dependencies import (
    Analyst,
    Manager,
    StrongAnalyst,
    Viewer,
    WorkbenchDep,
)
from .shelf import Shelved
from .vocabulary import MOST_TICKETS, Profile
from .workbench import Principal, Workbench

PREFIX = "/api/v1"
PROBLEM: dict[str, Any] = {
    "description": "What went wrong (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
}
TOLD: tuple[int | str, ...] = (400, 401, 403, 404, 409, 413, 422, 503)
PROBLEMS = dict.fromkeys(TOLD, PROBLEM)

router = APIRouter(prefix=PREFIX, responses=PROBLEMS)

Name = Annotated[str, Path(pattern=r"^\w{1,64}$", examples=["social_credit"])]
ReleaseName = Annotated[str, Path(pattern=r"^[0-9]{1,9}-[a-z]{1,20}$")]
JobName = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class Body(BaseModel):
    """What is sent: nothing that is not described."""

    model_config = ConfigDict(extra="forbid")


class Opening(Body):
    """How a survey opens."""

    countries: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] | None = None
    accept_draft_translations: bool = False
    approval: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")] = ""


class TicketOrder(Body):
    """Which tickets are issued."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    count: Annotated[int, Field(ge=1, le=MOST_TICKETS)]


class ReleaseOrder(Body):
    """Which release is made."""

    profile: Profile


class ExportOrder(Body):
    """In which format a release is written."""

    format: Annotated[str, Field(max_length=20)]
    language: Annotated[str, Field(max_length=35)] = "en"


class SurveyInfo(BaseModel):
    """A survey."""

    name: str
    title: str
    state: str
    tier: str
    version: str
    countries: list[str]
    opened_week: str
    synthetic: bool


class Codes(BaseModel):
    """New tickets; the service keeps no code."""

    codes: list[str]


class ReleaseInfo(BaseModel):
    """A release and its manifest."""

    name: str
    profile: str
    superseded: bool
    manifest: dict[str, Any]


class JobInfo(BaseModel):
    """A job: poll ``self`` until the state is done or failed."""

    name: str
    kind: str
    state: State
    step: str
    problem: str
    release: str
    address: str
    file: str


class ComparisonInfo(BaseModel):
    """A comparison: how it was made, estimates and differences."""

    link: str
    result: dict[str, Any]


@router.get("/openapi.json")
async def describe(_: Viewer) -> dict[str, Any]:
    """Describe this interface."""
    return description()


@router.get("/surveys")
async def list_surveys(principal: Viewer, workbench: WorkbenchDep) -> list[SurveyInfo]:
    """List the surveys that you may see."""
    return await workbench.run(_surveys, workbench, principal)


@router.get("/surveys/{survey}")
async def read_survey(
    survey: Name, principal: Viewer, workbench: WorkbenchDep
) -> SurveyInfo:
    """Say what is decided about a survey."""
    return await workbench.run(_survey, workbench, principal, survey)


@router.get("/surveys/{survey}/fieldwork")
async def read_fieldwork(survey: Name, _: Viewer, workbench: WorkbenchDep) -> Following:
    """Count responses by country and interviews by page, in full rounds."""
    return await workbench.run(
        lambda: follow(
            workbench.engine, fieldwork.load_published(workbench.engine, survey)
        )
    )


@router.post("/surveys/{survey}/open")
async def open_survey(
    survey: Name, principal: Manager, workbench: WorkbenchDep, opening: Opening
) -> SurveyInfo:
    """Open a survey: from now on its content cannot change."""

    def act() -> SurveyInfo:
        acts.open_survey(
            workbench,
            principal,
            survey,
            countries=opening.countries,
            accept_draft_translations=opening.accept_draft_translations,
            approval=opening.approval,
        )
        return _survey(workbench, principal, survey)

    return await workbench.run(act)


@router.post("/surveys/{survey}/close")
async def close_survey(
    survey: Name, principal: Manager, workbench: WorkbenchDep
) -> SurveyInfo:
    """Close a survey: it cannot be opened again."""

    def act() -> SurveyInfo:
        acts.close_survey(workbench, principal, survey)
        return _survey(workbench, principal, survey)

    return await workbench.run(act)


@router.post("/surveys/{survey}/tickets", status_code=201)
async def issue_tickets(
    survey: Name, principal: Manager, workbench: WorkbenchDep, order: TicketOrder
) -> Codes:
    """Issue tickets; nobody can make this list again."""
    codes = await workbench.run(
        acts.issue_tickets, workbench, principal, survey, order.country, order.count
    )
    return Codes(codes=codes)


@router.get("/surveys/{survey}/releases")
async def list_releases(
    survey: Name, principal: Viewer, workbench: WorkbenchDep
) -> list[ReleaseInfo]:
    """List the releases of a survey, the newest first."""
    found = await workbench.run(acts.visible_releases, workbench, principal, survey)
    return [_release(one) for one in found]


@router.post("/surveys/{survey}/releases", status_code=202)
async def make_release(
    survey: Name, principal: Manager, workbench: WorkbenchDep, order: ReleaseOrder
) -> JobInfo:
    """Start to make a release."""
    job = await workbench.run(
        acts.make_release, workbench, principal, survey, order.profile
    )
    return _job(job)


@router.get("/surveys/{survey}/releases/{release}")
async def read_release(
    survey: Name, release: ReleaseName, principal: Viewer, workbench: WorkbenchDep
) -> ReleaseInfo:
    """Return a release's manifest."""
    found = await workbench.run(
        acts.find_release, workbench, principal, survey, release
    )
    return _release(found)


@router.post("/surveys/{survey}/releases/{release}/exports", status_code=202)
async def export_release(
    survey: Name,
    release: ReleaseName,
    principal: Analyst,
    workbench: WorkbenchDep,
    order: ExportOrder,
) -> JobInfo:
    """Start to write a release in a format."""
    job = await workbench.run(
        acts.export_release,
        workbench,
        principal,
        survey,
        release,
        order.format,
        order.language,
    )
    return _job(job)


@router.get("/surveys/{survey}/jobs/{job}")
async def read_job(
    survey: Name, job: JobName, principal: Analyst, workbench: WorkbenchDep
) -> JobInfo:
    """Say how far a job is."""
    return _job(await workbench.run(acts.find_job, workbench, principal, survey, job))


@router.get(
    "/surveys/{survey}/jobs/{job}/file",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
async def read_file(
    survey: Name, job: JobName, principal: StrongAnalyst, workbench: WorkbenchDep
) -> FileResponse:
    """Return the archive that an export wrote."""
    path = await workbench.run(acts.find_file, workbench, principal, survey, job)
    return FileResponse(path, filename=path.name, media_type="application/zip")


@router.get(
    "/surveys/{survey}/comparison",
    responses={202: {"model": JobInfo, "description": "Not ready: ask again"}},
)
async def compare(
    survey: Name,
    choices: Annotated[Choices, Query()],
    principal: Viewer,
    workbench: WorkbenchDep,
    response: Response,
) -> ComparisonInfo | JobInfo:
    """Compare countries; the answer waits some seconds for the result."""
    job = await workbench.run(acts.compare, workbench, principal, survey, choices)
    job = await jobs.settled(workbench.settings, job, jobs.WAIT_SECONDS)
    if not job.is_settled:
        response.status_code = 202
        return _job(job)
    if job.state == "failed":
        raise ChoiceRefused(job.outcome.problem or "it was interrupted; ask again")
    link = f"/surveys/{survey}/compare?{choices.query}"
    return ComparisonInfo(link=link, result=job.outcome.result)


@cache
def description() -> dict[str, Any]:
    """Describe the interface as OpenAPI 3.1."""
    return get_openapi(
        title="Parallax",
        version="1",
        summary="Surveys, fieldwork, releases and comparisons, for researchers.",
        routes=router.routes,
    )


def _surveys(workbench: Workbench, principal: Principal) -> list[SurveyInfo]:
    return [
        SurveyInfo.model_validate(survey | {"countries": list(survey["countries"])})
        for survey in acts.visible_surveys(workbench, principal)
    ]


def _survey(workbench: Workbench, principal: Principal, name: str) -> SurveyInfo:
    fieldwork.status(workbench.engine, name)
    (found,) = (one for one in _surveys(workbench, principal) if one.name == name)
    return found


def _release(shelved: Shelved) -> ReleaseInfo:
    return ReleaseInfo(
        name=shelved.name,
        profile=shelved.profile,
        superseded=register.is_superseded(shelved.folder),
        manifest=shelved.manifest,
    )


def _job(job: Job) -> JobInfo:
    address = f"{PREFIX}/surveys/{job.task.survey}/jobs/{job.name}"
    return JobInfo(
        name=job.name,
        kind=job.task.kind,
        state=job.state,
        step=job.step,
        problem=job.outcome.problem,
        release=job.outcome.release,
        address=address,
        file=f"{address}/file" if job.outcome.file else "",
    )
