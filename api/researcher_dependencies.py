"""What a researcher's request needs: who it is from, and whether that one may."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal, ParamSpec, TypeVar
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine

from . import accounts, sessions
from .accounts import Role, Roles
from .errors import (
    Forbidden,
    FormFromElsewhere,
    NotSignedIn,
    SecondFactorNeeded,
    TooManyAttempts,
    UnknownSurvey,
)
from .forms import Form, read_form
from .settings import Settings

PROGRAMS = "/api/"
"""Begins the addresses where a key is taken."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"

THREADS = 8
ATTEMPTS_AT_ONCE = 2
"""Each keeps 64 MB and a processor busy: respondents come first."""
MOST_WAITING = 20

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Workbench:
    """What researchers' requests share: connections and threads of their own.

    However much they ask for, respondents find theirs free.
    """

    settings: Settings
    engine: Engine
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))
    _attempts: CapacityLimiter = field(
        default_factory=lambda: CapacityLimiter(ATTEMPTS_AT_ONCE)
    )

    async def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run something that blocks."""
        job = partial(function, *args, **kwargs)
        return await to_thread.run_sync(job, limiter=self._threads)

    async def attempt(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run an attempt to sign in, two at a time.

        Raises
        ------
        TooManyAttempts
            As many wait as ever may.
        """
        if self._attempts.statistics().tasks_waiting >= MOST_WAITING:
            raise TooManyAttempts(MOST_WAITING)
        job = partial(function, *args, **kwargs)
        return await to_thread.run_sync(job, limiter=self._attempts)


async def workbench(request: Request) -> Workbench:
    """Return the running workbench; a coroutine, so that no thread is asked for it."""
    running: Workbench = request.app.state.workbench
    return running


WorkbenchDep = Annotated[Workbench, Depends(workbench)]


@dataclass(frozen=True)
class Principal:
    """A researcher, or a program with a researcher's key.

    Parameters
    ----------
    name : str
        The researcher's.
    kind : {"session", "key"}
    roles : mapping of str to str
        The role in each survey, ``*`` for all; of a key, as far as its scopes go.
    csrf : str
        The token that forms carry; empty for a key.
    strong : bool
        Whether a second factor was shown lately. A key counts as one: it was made at
        the server.
    """

    name: str
    kind: Literal["session", "key"]
    roles: Roles
    csrf: str = field(default="", repr=False)
    strong: bool = False

    def may(self, role: Role, survey: str) -> bool:
        """Tell whether the principal has a role, or a higher one, in a survey."""
        return accounts.may(self.roles, role, survey)


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
