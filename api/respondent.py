"""The respondent's side: information, questions, review, thanks, withdrawal."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from surveys.answers import controls_of, prune, read_answers, unanswered
from surveys.experiments import draw_assignment

from . import drafts, tickets
from .codes import new_code, normalise, ticket_hash, withdrawal_hashes
from .consent import REQUIRED
from .dependencies import (
    ADDRESS,
    OpenSurvey,
    Service,
    ServiceDep,
    Wanted,
    preferred_language,
)
from .errors import FormUnreadable, RecordingUnavailable, SurveyClosed
from .fieldwork import count_page
from .forms import Form, FormDep
from .interview import INFORMATION, REVIEW, Interview
from .pages import Visit
from .recording import Submission, record_response

router = APIRouter(prefix=ADDRESS, default_response_class=HTMLResponse)
FRAME = ("state", "action", "language")
"""Controls of every form in an interview."""


@router.get("")
async def show_information(
    request: Request, fielded: OpenSurvey, service: ServiceDep, wanted: Wanted = ""
) -> HTMLResponse:
    """Information, languages and consent; the form begins an interview."""
    tag = preferred_language(request, fielded, wanted)
    interview = Interview(fielded.name, fielded.survey.version, tag)
    return Visit(fielded, interview, service.seal).information(is_first=True)


@router.post("")
async def submit_page(
    form: FormDep, fielded: OpenSurvey, service: ServiceDep
) -> HTMLResponse:
    """Every step: the sealed state and the form make the next page."""
    state = service.seal.unseal(form.one("state"))
    interview = Interview.from_state(state, fielded.name, fielded.survey.version)
    visit = Visit(fielded, interview, service.seal)
    if form.one("action") == "language":
        interview.language = form.choice("language", fielded.languages)
    if interview.page == INFORMATION:
        return await _submit_consent(visit, form, service)
    if interview.page == REVIEW:
        return await _submit_review(visit, form, service)
    return await _submit_answers(visit, form, service)


async def _submit_consent(visit: Visit, form: Form, service: Service) -> HTMLResponse:
    consent, interview = visit.consent, visit.interview
    form.allow(*FRAME, *consent.boxes, "ticket")
    match form.one("action"):
        case "language":
            return visit.information(form.fields)
        case "refuse":
            return visit.refused()
        case "begin":
            pass
        case _:
            raise FormUnreadable("the information has no such button")
    text = visit.language.text
    given = {name: form.one(name) == "yes" for name in consent.boxes}
    problems = {
        name: text("Please tick this box if you want to take part.")
        for name in REQUIRED
        if not given[name]
    }
    if visit.fielded.status.tier == "T1":
        interview.ticket = ticket_hash(normalise(form.one("ticket")) or "")
        state = await run_in_threadpool(
            tickets.look_up, service.engine, interview.survey, interview.ticket
        )
        if state == "unknown":
            problems["ticket"] = text(
                "This is not a code of this survey. Please check it."
            )
        elif state == "used":
            problems["ticket"] = text("This code was used already. It works once.")
    if problems:
        return visit.information(form.fields, problems)
    interview.consents = {name.removeprefix("consent_"): given[name] for name in given}
    interview.consent = {
        "consent_version": consent.version,
        "consent_language": consent.language,
        "consent_hash": consent.hash,
    }
    if not interview.assignment:
        interview.assignment = draw_assignment(visit.questionnaire)
    interview.move_on(visit.questionnaire, visit.context, visit.path)
    return await _show(visit, service)


async def _submit_answers(visit: Visit, form: Form, service: Service) -> HTMLResponse:
    interview, questionnaire, context = (
        visit.interview,
        visit.questionnaire,
        visit.context,
    )
    controls = controls_of(questionnaire, visit.page, context)
    form.allow(*FRAME, *controls)
    typed = {name: form.fields.get(name, []) for name in controls}
    reading = read_answers(questionnaire, visit.page, typed, context)
    action = form.one("action")
    match action:
        case "language":
            return await _show(visit, service, typed)
        case "resume":
            return await _show(visit, service)
        case "back":
            interview.answers |= reading.answers
            interview.move_back(questionnaire, visit.context, visit.path)
            return await _show(visit, service)
        case "continue" | "save":
            pass
        case _:
            raise FormUnreadable("the page has no such button")
    if reading.problems:
        return visit.questions(typed, reading.problems)
    if action == "save":
        interview.answers |= reading.answers
        return await _save(visit, service)
    skipped = [one.name for one in unanswered(visit.page, reading.answers)]
    if skipped and interview.page not in interview.reminded:
        interview.reminded.append(interview.page)
        return visit.questions(typed, skipped=skipped)
    interview.answers |= reading.answers
    interview.move_on(questionnaire, visit.context, visit.path)
    return await _show(visit, service)


async def _submit_review(visit: Visit, form: Form, service: Service) -> HTMLResponse:
    interview = visit.interview
    form.allow(*FRAME, "withdrawal_code", "change")
    if "change" in form.fields:
        interview.page = form.choice("change", [page.name for page in visit.path])
        return await _show(visit, service)
    match form.one("action"):
        case "language" | "resume":
            return await _show(visit, service)
        case "back":
            interview.move_back(visit.questionnaire, visit.context, visit.path)
            return await _show(visit, service)
        case "save":
            return await _save(visit, service)
        case "submit":
            return await _submit(visit, service, form.one("withdrawal_code") == "yes")
    raise FormUnreadable("the review has no such button")


async def _show(
    visit: Visit, service: Service, typed: Mapping[str, Sequence[str]] | None = None
) -> HTMLResponse:
    """Show the page that the interview has come to, and count it the first time.

    ``typed`` stands in the controls instead of the answers given so far.
    """
    interview = visit.interview
    interview.stay_on_path(visit.questionnaire, visit.context, visit.path)
    if interview.page == REVIEW:
        interview.reviewed = True
        interview.answers = prune(visit.questionnaire, visit.context)
    if interview.page not in {INFORMATION, *interview.seen}:
        interview.seen.append(interview.page)
        country = _country(visit) or ""
        name, page = visit.fielded.name, interview.page.rstrip("/")
        service.write_soon(
            lambda connection: count_page(connection, name, country, page)
        )
    return visit.show(typed)


async def _save(visit: Visit, service: Service) -> HTMLResponse:
    code, name = new_code(), visit.fielded.name
    visit.interview.drafts.append(drafts.draft_hash(code))
    content = json.dumps(visit.interview.state)
    try:
        await service.recorder.write(
            lambda connection: drafts.save(connection, name, code, content)
        )
    except RecordingUnavailable:
        return visit.busy(again="save")
    return visit.saved(code)


async def _submit(visit: Visit, service: Service, with_code: bool) -> HTMLResponse:
    interview = visit.interview
    answers = prune(visit.questionnaire, visit.context)
    body = {"assignment": interview.assignment, "answers": answers}
    withdrawal_hash = None
    if with_code:
        keys = service.settings.keys("withdrawal")
        withdrawal_hash = withdrawal_hashes(keys, interview.withdrawal_code)[0]
    submission = Submission(
        submission_hash=interview.ticket or sha256(interview.key.encode()).hexdigest(),
        survey=interview.survey,
        country=_country(visit),
        language=interview.language,
        questionnaire_version=interview.version,
        **interview.consent,
        consents=interview.consents,
        body=json.dumps(body, ensure_ascii=False),
        withdrawal_hash=withdrawal_hash,
    )
    try:
        outcome = await record_response(service.recorder, submission)
    except RecordingUnavailable:
        return visit.busy(again="submit", with_code=with_code)
    if outcome == "closed":
        raise SurveyClosed(f"survey {interview.survey!r} closed meanwhile")
    if interview.drafts and outcome != "unknown_ticket":
        service.write_soon(
            lambda connection: drafts.discard(connection, interview.drafts)
        )
    return visit.thanks(outcome, with_code=with_code)


def _country(visit: Visit) -> str | None:
    """Return the country of residence, if the survey is open in it."""
    country = visit.interview.answers.get("country")
    return str(country) if country in visit.fielded.status.countries else None
