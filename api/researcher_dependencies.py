"""What a researcher's request needs: who it is from, and whether that one may."""

import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine

from . import accounts, sessions
from .errors import (
    Forbidden,
    FormFromElsewhere,
    NotSignedIn,
    SecondFactorNeeded,
    UnknownSurvey,
)
from .forms import Form, read_form
from .settings import Settings
from .vocabulary import Role
from .workbench import Principal, Workbench

PROGRAMS = "/api/"
"""Begins the addresses where a key is taken."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"


async def workbench(request: Request) -> Workbench:
    """Return the running workbench; a coroutine, so that no thread is asked for it."""
    running: Workbench = request.app.state.workbench
    return running


WorkbenchDep = Annotated[Workbench, Depends(workbench)]


Bearer = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(
        HTTPBearer(
            auto_error=False,
            scheme_name="key",
            description="A key from `parallax key add`.",
        )
    ),
]


async def signed_in(
    request: Request, workbench: WorkbenchDep, bearer: Bearer
) -> Principal:
    """Find out who asks, and that a form is from a page of ours.

    Raises
    ------
    NotSignedIn
    FormFromElsewhere
        Something is to be changed, and the request has not the token of the session
        or is from another site.
    """
    if bearer and request.url.path.startswith(PROGRAMS):
        return await workbench.run(_key_principal, workbench.engine, bearer.credentials)
    token = session_token(request, workbench)
    session = await workbench.run(sessions.look_up, workbench.engine, token)
    if session is None:
        raise NotSignedIn("nobody is signed in here, or not any more")
    principal = Principal(
        session.researcher, "session", session.roles, session.csrf, session.strong
    )
    if request.method not in SAFE:
        check_origin(request)
        sent = request.headers.get(CSRF_HEADER)
        if sent is None:
            sent = (await read_form(request)).one(CSRF_FIELD)
        if not secrets.compare_digest(sent.encode(), principal.csrf.encode()):
            raise FormFromElsewhere("the form has not the token of this session")
    return principal


SignedIn = Annotated[Principal, Depends(signed_in)]


@dataclass(frozen=True)
class Requires:
    """A dependency that lets in who has a role, and returns the `Principal`.

    Where the address names a survey, the role in that survey counts; else any
    researcher is let in. A route that declares none is not part of the door: a test
    fails on it.

    Parameters
    ----------
    role : {"viewer", "analyst", "manager", "owner"}
    strong : bool
        Ask for a fresh second factor too.
    """

    role: Role
    strong: bool = False

    async def __call__(self, request: Request, principal: SignedIn) -> Principal:
        """Let the principal in.

        Raises
        ------
        UnknownSurvey
            There is no such survey for a principal without any role in it.
        Forbidden, SecondFactorNeeded
        """
        survey = request.path_params.get("survey")
        if survey is not None:
            if not principal.may("viewer", survey):
                raise UnknownSurvey(survey)
            if not principal.may(self.role, survey):
                raise Forbidden(f"this needs the role {self.role!r} in {survey!r}")
        if self.strong and not principal.strong:
            raise SecondFactorNeeded("a one-time code is needed first")
        return principal


def requires(role: Role, *, strong: bool = False) -> Requires:
    """Make the dependency that every researchers' route declares."""
    return Requires(role, strong)


Viewer = Annotated[Principal, Depends(requires("viewer"))]
Analyst = Annotated[Principal, Depends(requires("analyst"))]
StrongAnalyst = Annotated[Principal, Depends(requires("analyst", strong=True))]
Manager = Annotated[Principal, Depends(requires("manager"))]
Owner = Annotated[Principal, Depends(requires("owner"))]


async def researcher_form(request: Request) -> Form:
    """Read a form, without the token that was checked before."""
    form = await read_form(request)
    fields = {name: form.fields[name] for name in form.fields if name != CSRF_FIELD}
    return Form(fields)


ResearcherForm = Annotated[Form, Depends(researcher_form)]


def check_origin(request: Request) -> None:
    """Refuse what comes from another site, or does not say where it comes from.

    Raises
    ------
    FormFromElsewhere
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:  # an old browser, or no trustworthy origin
        origin = request.headers.get("origin", "null")
        here = urlsplit(origin).netloc == request.headers.get("host")
    else:
        here = site == "same-origin"
    if not here:
        raise FormFromElsewhere("the form is on a page of another site")


def cookie_name(settings: Settings) -> str:
    """Name of the session's cookie; browsers keep ``__Host-`` to HTTPS and one host."""
    is_safe = settings.environment == "production"
    return "__Host-researcher" if is_safe else "researcher"


def session_token(request: Request, workbench: Workbench) -> str:
    """Return the token that the browser holds, or an empty text."""
    return request.cookies.get(cookie_name(workbench.settings), "")


def _key_principal(engine: Engine, key: str) -> Principal:
    with engine.connect() as connection:
        holder = accounts.key_holder(connection, key)
    if holder is None:
        raise NotSignedIn("the key is not known, or not any more")
    name, roles = holder
    return Principal(name, "key", roles, strong=True)
