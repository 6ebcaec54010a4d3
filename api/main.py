"""The web application: both sides, with their errors and their protection."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from . import (
    comparison_page,
    pages,
    problems,
    researcher,
    researcher_pages,
    respondent,
    returning,
    signing_in,
    v1,
    vega,
)
from .database import create_engine_for
from .dependencies import Service, ServiceDep
from .error_pages import show_error, show_unexpected
from .errors import ApiError, RecordingUnavailable
from .protection import UNCHANGING, Protection
from .recording import Recorder
from .sealing import Seal
from .settings import Settings
from .workbench import Workbench

CSS = "text/css"


def create_app(settings: Settings) -> FastAPI:
    """Make the application; nothing is opened before it starts.

    Parameters
    ----------
    settings : Settings
        The database they name has its tables already.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine, researchers = create_engine_for(settings), create_engine_for(settings)
        recorder = Recorder(engine)
        recorder.start()
        app.state.service = Service(
            settings, engine, recorder, Seal(settings.keys("form state"))
        )
        app.state.workbench = Workbench(settings, researchers)
        try:
            yield
        finally:
            await run_in_threadpool(recorder.stop)
            engine.dispose()
            researchers.dispose()

    app = FastAPI(
        title="Parallax",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.add_middleware(
        Protection,
        last_resort=show_any_unexpected,
        https_only=settings.environment == "production",
    )
    for kind in (ApiError, DBAPIError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, show_any_error)
    app.include_router(respondent.router, tags=["respondent"])
    app.include_router(returning.router, tags=["respondent"])
    app.include_router(signing_in.public)
    app.include_router(signing_in.router)
    app.include_router(researcher.router)
    app.include_router(comparison_page.router)
    app.include_router(v1.router)
    app.include_router(vega.router)
    for path, endpoint in (
        (pages.STYLESHEET_PATH, sending(pages.STYLESHEET, CSS)),
        (researcher_pages.STYLESHEET_PATH, sending(researcher_pages.STYLESHEET, CSS)),
        (researcher_pages.ICON_PATH, sending(researcher_pages.ICON, "image/svg+xml")),
        ("/health/live", is_live),
        ("/health/ready", is_ready),
    ):
        app.add_api_route(path, endpoint, tags=["public"])
    return app


def create_app_from_environment() -> FastAPI:
    """Make the application with the settings of the environment."""
    return create_app(Settings())


async def show_any_error(request: Request, error: Exception) -> Response:
    """Answer respondents, researchers and their programs each in their way."""
    path = request.url.path
    if isinstance(error, signing_in.ASKING) and not path.startswith(problems.API):
        return await signing_in.ask_to_sign_in(request, error)
    if problems.is_researchers(path):
        return await problems.show_problem(request, error)
    return await show_error(request, error)


def show_any_unexpected(request: Request) -> Response:
    """Answer when nobody expected the error."""
    if problems.is_researchers(request.url.path):
        return problems.show_unexpected(request)
    return show_unexpected(request)


def sending(content: bytes, media_type: str) -> Callable[[], Response]:
    """Make a route that sends a file; its name changes with its content."""

    def send() -> Response:
        return Response(content, media_type=media_type, headers=UNCHANGING)

    return send


def is_live() -> dict[str, str]:
    """Answer, which is all there is to it."""
    return {"status": "live"}


async def is_ready(service: ServiceDep, response: Response) -> dict[str, str]:
    """Tell whether the recorder takes more and the database answers it."""
    try:
        await service.recorder.write(lambda connection: connection.scalar(select(1)))
    except RecordingUnavailable:
        response.status_code = 503
        return {"status": "nothing can be recorded"}
    return {"status": "ready"}
