"""What researchers and their programs are told when something cannot be done."""

from collections.abc import Mapping
from typing import NamedTuple

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from .errors import (
    BodyTooLarge,
    ChoiceRefused,
    FieldworkError,
    Forbidden,
    FormFromElsewhere,
    FormTypeUnknown,
    FormUnreadable,
    JobsFull,
    NotSignedIn,
    RecordingUnavailable,
    ReleaseRefused,
    SecondFactorNeeded,
    TooManyAttempts,
    UnknownJob,
    UnknownRelease,
    UnknownSurvey,
)
from .researcher_pages import render

MEDIA_TYPE = "application/problem+json"
API = "/api/"
PAGES = ("/surveys", "/login", "/logout", "/second-factor", "/account")


class Problem(BaseModel):
    """What a program is told, as RFC 9457 asks."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""


class Kind(NamedTuple):
    """Status and title of what an error is told as."""

    status: int
    title: str


BUSY = Kind(503, "Please try again in a moment")
UNEXPECTED = Kind(500, "Something went wrong")
KINDS: dict[type[Exception], Kind] = {
    UnknownSurvey: Kind(404, "There is no such survey"),
    UnknownRelease: Kind(404, "There is no such release"),
    UnknownJob: Kind(404, "There is no such job"),
    FieldworkError: Kind(409, "This cannot be done"),
    ReleaseRefused: Kind(409, "This cannot be released"),
    ChoiceRefused: Kind(409, "The release does not offer this"),
    NotSignedIn: Kind(401, "Please sign in"),
    Forbidden: Kind(403, "Your role does not allow this"),
    SecondFactorNeeded: Kind(403, "A second factor is needed"),
    TooManyAttempts: Kind(429, "Too many attempts"),
    FormFromElsewhere: Kind(403, "This form comes from another site"),
    FormTypeUnknown: Kind(415, "This form could not be read"),
    FormUnreadable: Kind(400, "This form could not be read"),
    BodyTooLarge: Kind(413, "This is too large"),
    JobsFull: BUSY,
    RecordingUnavailable: BUSY,
}
"""How each error is told; the messages of others are not for outside."""

TITLES = {404: "There is nothing at this address", 405: "This does not work like that"}


def is_researchers(path: str) -> bool:
    """Whether an address is on the researchers' side."""
    first = "/" + path.removeprefix("/").partition("/")[0]
    return path.startswith(API) or first in PAGES


async def show_problem(request: Request, error: Exception) -> Response:
    """Answer a person with a page, a program with problem+json."""
    kind, detail = _told(error)
    headers = dict(getattr(error, "headers", None) or {})
    if kind is BUSY:
        headers["Retry-After"] = "5"
    if kind.status == 405:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.seconds)
    if kind.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(request, kind, detail, headers)


def show_unexpected(request: Request) -> Response:
    """Answer when nobody expected the error."""
    return _answer(request, UNEXPECTED, "", {})


def _answer(
    request: Request, kind: Kind, detail: str, headers: Mapping[str, str]
) -> Response:
    answer: Response
    if request.url.path.startswith(API):
        problem = Problem(title=kind.title, status=kind.status, detail=detail)
        answer = JSONResponse(problem.model_dump(), kind.status, media_type=MEDIA_TYPE)
    else:
        is_known = kind is not KINDS[UnknownSurvey]
        answer = render(
            "message",
            None,
            status=kind.status,
            title=kind.title,
            text=detail,
            survey=request.path_params.get("survey", "") if is_known else "",
        )
    answer.headers.update(headers)
    return answer


def _methods_at(request: Request) -> set[str]:
    """Collect the methods of all routes of an address; the router names the first's."""
    scope = request.scope
    methods = {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.original_route.matches(scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return methods | {"HEAD"} if "GET" in methods else methods


def _told(error: Exception) -> tuple[Kind, str]:
    if isinstance(error, HTTPException):
        title = TITLES.get(error.status_code, str(error.detail))
        return Kind(error.status_code, title), ""
    if isinstance(error, RequestValidationError):
        wrong = {
            ".".join(map(str, each["loc"])): each["msg"] for each in error.errors()
        }
        detail = "; ".join(f"{place}: {what}" for place, what in wrong.items())
        return Kind(422, "The request is not as the API describes it"), detail
    if isinstance(error, DBAPIError):
        return BUSY, ""
    for kind in type(error).__mro__:
        if kind in KINDS:  # what helps at the server helps nobody here
            return KINDS[kind], "" if kind is UnknownSurvey else str(error)
    return UNEXPECTED, ""
