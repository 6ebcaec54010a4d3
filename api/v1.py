"""The same for programs: JSON under `/api/v1`, described by OpenAPI 3.1."""

from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from . import acts, fieldwork, jobs, register
from .choices import Choices
from .datasets import Profile
from .errors import UnknownJob
from .following import Following, follow
from .jobs import Job, State
from .problems import MEDIA_TYPE, Problem
from .researcher_dependencies import (
    Analyst,
    Manager,
    StrongAnalyst,
    Viewer,
    Workbench,
    WorkbenchDep,
)
from .shelf import Shelved

PREFIX = "/api/v1"
PROBLEM: dict[str, Any] = {
    "description": "What went wrong (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: PROBLEM for status in (400, 401, 403, 404, 409, 413, 422, 503)
}
WAIT_SECONDS = 5

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
    count: Annotated[int, Field(ge=1, le=acts.MOST_TICKETS)]


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


@router.get("/openapi.json", responses={409: {}} and None)
async def describe(_: Viewer) -> dict[str, Any]:
    """Describe this interface."""
    return description()
