"""What respondents come back for with a code: saved answers, and withdrawal."""

import json

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from . import drafts
from .codes import normalise, withdrawal_hashes
from .dependencies import (
    ADDRESS,
    Fielded,
    FieldedSurvey,
    OpenSurvey,
    Service,
    ServiceDep,
    Wanted,
    preferred_language,
)
from .forms import FormDep
from .interview import Interview
from .languages import language
from .pages import Visit, render_in
from .withdrawals import withdraw

router = APIRouter(prefix=ADDRESS, default_response_class=HTMLResponse)


@router.get("/resume")
async def show_resume(
    request: Request, fielded: OpenSurvey, wanted: Wanted = ""
) -> HTMLResponse:
    """Ask for the code of saved answers."""
    return _ask_for_resume_code(fielded, preferred_language(request, fielded, wanted))


@router.post("/resume")
async def resume(
    form: FormDep, fielded: OpenSurvey, service: ServiceDep
) -> HTMLResponse:
    """Open saved answers at the page where they were saved."""
    form.allow("code", "language")
    tag = form.choice("language", fielded.languages)
    code = normalise(form.one("code"))
    content = code and await run_in_threadpool(_find, service, fielded.name, code)
    if not content:
        text = language(tag).text
        problem = text("We found no saved answers for this code. Please check it.")
        return _ask_for_resume_code(fielded, tag, form.one("code"), problem)
    state = json.loads(content)
    interview = Interview.from_state(state, fielded.name, fielded.survey.version)
    visit = Visit(fielded, interview, service.seal)
    interview.stay_on_path(visit.questionnaire, visit.context, visit.path)
    return visit.show()


@router.get("/withdraw")
async def show_withdrawal(
    request: Request, fielded: FieldedSurvey, wanted: Wanted = ""
) -> HTMLResponse:
    """Ask for a withdrawal code; opening a page withdraws nothing."""
    tag = preferred_language(request, fielded, wanted)
    return _ask_for_withdrawal_code(fielded, tag)


@router.post("/withdraw")
async def withdraw_response(
    form: FormDep, fielded: FieldedSurvey, service: ServiceDep
) -> HTMLResponse:
    """Delete a response; the page is the same for everything that may be a code."""
    form.allow("code", "language")
    tag = form.choice("language", fielded.languages)
    text = language(tag).text
    code = normalise(form.one("code"))
    if code is None:
        problem = text(
            "Please type the whole code: seven groups of four letters and digits."
        )
        return _ask_for_withdrawal_code(fielded, tag, form.one("code"), problem)
    hashes = withdrawal_hashes(service.settings.keys("withdrawal"), code)
    await service.recorder.write(lambda connection: withdraw(connection, hashes))
    return render_in(
        fielded,
        tag,
        "withdrawn",
        text("Your request was carried out"),
        heading=text("Your request was carried out"),
        text=text(
            "If the code was right, the answers that belong to it are deleted. This"
            " page is the same for every code, so that nobody can use it to find out"
            " who took part. If you may have mistyped the code, please send it again."
        ),
    )


def _ask_for_resume_code(
    fielded: Fielded, tag: str, typed: str = "", problem: str = ""
) -> HTMLResponse:
    text = language(tag).text
    return _ask_for_code(
        fielded,
        tag,
        "resume",
        heading=text("Continue saved answers"),
        text=text("Type the code that you got when you saved your answers."),
        button=text("Continue"),
        typed=typed,
        problem=problem,
    )


def _ask_for_withdrawal_code(
    fielded: Fielded, tag: str, typed: str = "", problem: str = ""
) -> HTMLResponse:
    text = language(tag).text
    return _ask_for_code(
        fielded,
        tag,
        "withdraw",
        heading=text("Delete my answers"),
        text=text("Type the withdrawal code that you got when you sent your answers."),
        button=text("Delete my answers"),
        typed=typed,
        problem=problem,
    )


def _ask_for_code(
    fielded: Fielded, tag: str, page: str, *, heading: str, problem: str, **values: str
) -> HTMLResponse:
    """Ask for a code; a problem stands beside the field, which keeps what was typed."""
    error = f"{language(tag).text('Error:')} " if problem else ""
    return render_in(
        fielded,
        tag,
        "code",
        f"{error}{heading}",
        status=422 if problem else 200,
        action=f"/s/{fielded.name}/{page}",
        heading=heading,
        problem=problem,
        **values,
    )


def _find(service: Service, survey: str, code: str) -> str | None:
    with service.engine.connect() as connection:
        return drafts.find(connection, survey, code)
