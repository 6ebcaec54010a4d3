"""What respondents come back for with a code: saved answers, and withdrawal."""

import json

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from . import drafts
from .codes import new_code, normalise, withdrawal_hashes
from .dependencies import (
    ADDRESS,
    READ,
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


@router.api_route("/resume", methods=READ)
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
        return _ask_for_resume_code(fielded, tag, typed=form.one("code"), status=422)
    state = json.loads(content)
    interview = Interview.from_state(state, fielded.name, fielded.survey.version)
    visit = Visit(fielded, interview, service.seal)
    interview.stay_on_path(visit.questionnaire, visit.context, visit.path)
    return visit.show()


@router.api_route("/withdraw", methods=READ)
async def show_withdrawal(
    request: Request, fielded: FieldedSurvey, wanted: Wanted = ""
) -> HTMLResponse:
    """Ask for a withdrawal code; opening a page withdraws nothing."""
    tag = preferred_language(request, fielded, wanted)
    text = language(tag).text
    return render_in(
        fielded,
        tag,
        "code",
        text("Delete my answers"),
        heading=text("Delete my answers"),
        text=text("Type the withdrawal code that you got when you sent your answers."),
        button=text("Delete my answers"),
        action=f"/s/{fielded.name}/withdraw",
        typed="",
        problem="",
    )


@router.post("/withdraw")
async def withdraw_response(
    form: FormDep, fielded: FieldedSurvey, service: ServiceDep
) -> HTMLResponse:
    """Delete a response; the page is the same whatever the code."""
    form.allow("code", "language")
    tag = form.choice("language", fielded.languages)
    code = normalise(form.one("code")) or new_code()
    hashes = withdrawal_hashes(service.settings.keys("withdrawal"), code)
    await service.recorder.write(lambda connection: withdraw(connection, hashes))
    text = language(tag).text
    return render_in(
        fielded,
        tag,
        "message",
        text("Your request was carried out"),
        heading=text("Your request was carried out"),
        text=text(
            "If the code was right, the answers that belong to it are deleted. This"
            " page is the same for every code, so that nobody can use it to find out"
            " who took part. If you may have mistyped the code, please send it again."
        ),
    )


def _ask_for_resume_code(
    fielded: Fielded, tag: str, *, typed: str = "", status: int = 200
) -> HTMLResponse:
    text = language(tag).text
    problem = text("We found no saved answers for this code. Please check it.")
    return render_in(
        fielded,
        tag,
        "code",
        text("Continue saved answers"),
        status=status,
        heading=text("Continue saved answers"),
        text=text("Type the code that you got when you saved your answers."),
        button=text("Continue"),
        action=f"/s/{fielded.name}/resume",
        typed=typed,
        problem=problem if status == 422 else "",
    )


def _find(service: Service, survey: str, code: str) -> str | None:
    with service.engine.connect() as connection:
        return drafts.find(connection, survey, code)
