"""Pages to sign in and out, and to show a one-time code."""

import re
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from . import attempts, sessions
from .errors import NotSignedIn, SecondFactorNeeded, TooManyAttempts
from .forms import Form, read_form
from .researcher_dependencies import (
    ResearcherForm,
    Viewer,
    WorkbenchDep,
    check_origin,
    cookie_name,
    session_token,
)
from .researcher_pages import render
from .workbench import Workbench

HOME = "/surveys"
INSIDE = re.compile(r"(?!.*\.\.)/(surveys|account)(/[\w./-]*)?(\?[\w.~=&%+,*-]*)?")
"""Addresses that signing in may lead to: pages of ours, never another site."""

KNOWN_SECONDS = 90 * 24 * 3600
"""How long a browser is known to be one in which somebody signed in."""

WRONG = "The name or the password is not right."
WRONG_CODE = "This code is not right, or it was used before. Please take the next one."

router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
public = APIRouter(
    default_response_class=HTMLResponse, include_in_schema=False, tags=["public"]
)
"""What somebody who has not signed in yet can open."""

Next = Annotated[str, Query(alias="next")]


async def read_form_from_here(request: Request) -> Form:
    """Read a form that no session protects yet."""
    check_origin(request)
    return await read_form(request)


@public.get("/login")
async def show_login(next_: Next = "") -> HTMLResponse:
    """Ask for name and password."""
    return _login(next_)


@public.post("/login")
async def login(
    request: Request,
    workbench: WorkbenchDep,
    form: Annotated[Form, Depends(read_form_from_here)],
) -> Response:
    """Begin a session; name and password are never told apart."""
    form.allow("name", "password", "next")
    name, next_ = form.one("name").strip().lower(), form.one("next")
    try:
        token = await workbench.attempt(
            sessions.sign_in,
            workbench.engine,
            workbench.settings,
            name,
            form.one("password"),
            old=session_token(request, workbench),
            known=request.cookies.get(_known_cookie(workbench), ""),
        )
    except TooManyAttempts as error:
        return _wait(_login(next_, name, problem=_patience(error), status=429), error)
    if token is None:
        return _login(next_, name, problem=WRONG, status=422)
    response = _with_cookie(_lead_on(next_), workbench, token)
    known = attempts.known_browser(workbench.settings, name)
    response.set_cookie(
        _known_cookie(workbench), known, KNOWN_SECONDS, **_cookie_kind(workbench)
    )
    return response


@router.get("/second-factor")
async def show_second_factor(principal: Viewer, next_: Next = "") -> HTMLResponse:
    """Ask for a one-time code."""
    return _second_factor(principal, next_)


@router.post("/second-factor")
async def confirm(
    request: Request, principal: Viewer, workbench: WorkbenchDep, form: ResearcherForm
) -> Response:
    """Take a one-time code; the session goes on under a new token."""
    form.allow("code", "next")
    next_ = form.one("next")
    try:
        token = await workbench.attempt(
            sessions.confirm,
            workbench.engine,
            workbench.settings,
            session_token(request, workbench),
            form.one("code"),
        )
    except TooManyAttempts as error:
        page = _second_factor(principal, next_, problem=_patience(error), status=429)
        return _wait(page, error)
    if token is None:
        return _second_factor(principal, next_, problem=WRONG_CODE, status=422)
    return _with_cookie(_lead_on(next_), workbench, token)


@router.get("/account")
async def show_account(principal: Viewer, workbench: WorkbenchDep) -> HTMLResponse:
    """Show what the researcher may do, and how to sign out."""
    count = await workbench.run(
        sessions.count_sessions, workbench.engine, principal.name
    )
    return render("account", principal, title="Your account", n_sessions=count)


@router.post("/logout")
async def logout(
    request: Request, _: Viewer, workbench: WorkbenchDep, form: ResearcherForm
) -> Response:
    """End the session, or all sessions of the researcher."""
    form.allow("everywhere")
    await workbench.run(
        sessions.sign_out,
        workbench.engine,
        session_token(request, workbench),
        everywhere=form.one("everywhere") == "yes",
    )
    response = RedirectResponse("/login", 303)
    response.delete_cookie(cookie_name(workbench.settings), **_cookie_kind(workbench))
    return response


async def ask_to_sign_in(request: Request, error: Exception) -> Response:
    """Lead to the page that asks for what is missing, and from there back."""
    page = "/second-factor" if isinstance(error, SecondFactorNeeded) else "/login"
    # a download would leave the browser on the page that asks: lead to its button
    wanted = request.url.path.removesuffix("/file")
    if request.url.query:
        wanted += f"?{request.url.query}"
    if request.method == "GET" and INSIDE.fullmatch(wanted):
        page += f"?next={quote(wanted)}"
    return RedirectResponse(page, 303)


ASKING = (NotSignedIn, SecondFactorNeeded)
"""The errors that `ask_to_sign_in` answers on pages."""


def _login(
    next_: str, name: str = "", *, problem: str = "", status: int = 200
) -> HTMLResponse:
    values = {"next": next_, "name": name, "problem": problem}
    return render("login", None, title="Sign in", status=status, **values)


def _second_factor(
    principal: Any, next_: str, *, problem: str = "", status: int = 200
) -> HTMLResponse:
    values = {"next": next_, "problem": problem}
    return render(
        "second_factor", principal, title="One-time code", status=status, **values
    )


def _patience(error: TooManyAttempts) -> str:
    return (
        f"Too many attempts at once. Please try again in {error.seconds} seconds;"
        " nobody is locked out."
    )


def _wait(page: HTMLResponse, error: TooManyAttempts) -> HTMLResponse:
    page.headers["Retry-After"] = str(error.seconds)
    return page


def _lead_on(next_: str) -> RedirectResponse:
    return RedirectResponse(next_ if INSIDE.fullmatch(next_) else HOME, 303)


def _with_cookie(response: Response, workbench: Workbench, token: str) -> Response:
    name = cookie_name(workbench.settings)
    response.set_cookie(name, token, **_cookie_kind(workbench))
    return response


def _known_cookie(workbench: Workbench) -> str:
    return f"{cookie_name(workbench.settings)}-known"


def _cookie_kind(workbench: Workbench) -> dict[str, Any]:
    """Only this host, only over HTTPS in production, never for scripts or others."""
    is_safe = workbench.settings.environment == "production"
    return {"path": "/", "secure": is_safe, "httponly": True, "samesite": "strict"}
