"""What people see when something cannot be done: a sentence, and never an echo."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from .errors import (
    BodyTooLarge,
    FormFromElsewhere,
    FormTypeUnknown,
    FormUnreadable,
    RecordingUnavailable,
    StateExpired,
    StateInvalid,
    SurveyClosed,
    UnknownSurvey,
)
from .languages import AVAILABLE, language, negotiate
from .pages import RETRY_AFTER, render


@dataclass(frozen=True)
class ErrorPage:
    """A status, a heading and a sentence, both for translation."""

    status: int
    heading: str
    text: str


NOT_FOUND = ErrorPage(
    404,
    "Page not found",
    "There is no survey at this address. Please check the address in your invitation.",
)
UNREADABLE = ErrorPage(
    400,
    "This form could not be read",
    "Nothing was stored. Please go back to the survey and send the form again.",
)
BUSY = ErrorPage(
    503,
    "Please try again in a moment",
    "The survey cannot take this right now. Trying again does no harm.",
)
UNEXPECTED = ErrorPage(
    500,
    "Something went wrong",
    "The mistake is on our side. Please try again later; this does no harm.",
)
PAGES: dict[type[Exception] | int, ErrorPage] = {
    404: NOT_FOUND,
    405: ErrorPage(
        405,
        "This does not work like that",
        "Nothing was stored. Please open the address in your invitation.",
    ),
    UnknownSurvey: NOT_FOUND,
    SurveyClosed: ErrorPage(
        410,
        "This survey is closed",
        "It does not take answers any more. Thank you for your interest.",
    ),
    StateInvalid: ErrorPage(
        400,
        "This form cannot be used",
        "It was changed on the way, or it belongs to another survey. Nothing was"
        " stored. Please open the address in your invitation and start again.",
    ),
    StateExpired: ErrorPage(
        410,
        "This form is too old",
        "A form can be sent for two days. Nothing was stored. Please open the address"
        " in your invitation and start again.",
    ),
    FormUnreadable: UNREADABLE,
    FormTypeUnknown: ErrorPage(
        415,
        "This form could not be read",
        "Only the forms of this site can be sent here. Nothing was stored.",
    ),
    FormFromElsewhere: ErrorPage(
        403,
        "This form comes from another site",
        "Nothing was stored. Please open the address in your invitation.",
    ),
    BodyTooLarge: ErrorPage(
        413,
        "This is too large",
        "More was sent than a form of this site can hold. Nothing was stored.",
    ),
    RecordingUnavailable: BUSY,
    DBAPIError: BUSY,
}
"""Which page belongs to which error or status."""


async def show_error(request: Request, error: Exception) -> Response:
    """Answer with the page for an error, in the language the browser asks for."""
    if isinstance(error, HTTPException):
        fallback = ErrorPage(error.status_code, UNREADABLE.heading, UNREADABLE.text)
        page = PAGES.get(error.status_code, fallback)
        headers = error.headers
    else:
        kinds = (kind for kind in type(error).__mro__ if kind in PAGES)
        page = PAGES[next(kinds)]
        headers = RETRY_AFTER if page is BUSY else None
    return _response(request, page, headers)


def show_unexpected(request: Request) -> Response:
    """Answer when nobody expected the error."""
    return _response(request, UNEXPECTED, None)


def _response(
    request: Request, page: ErrorPage, headers: Mapping[str, str] | None
) -> Response:
    wanted = request.headers.get("accept-language", "")
    spoken = language(negotiate(wanted, AVAILABLE))
    heading = spoken.text(page.heading)
    return render(
        "message",
        spoken,
        status=page.status,
        headers=headers,
        title=heading,
        heading=heading,
        text=spoken.text(page.text),
    )
