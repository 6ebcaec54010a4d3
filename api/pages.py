"""Whole pages, as respondents see them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from surveys.answers import Problem
from surveys.questionnaire import Answers, Page, Questionnaire
from surveys.routing import path_of
from surveys.study import Study

from .consent import Consent, write_consent
from .dependencies import Fielded
from .drafts import usable_until
from .drawing import (
    Drawing,
    ShownQuestion,
    answers_in_words,
    flat,
    review_answers,
    typed_answers,
)
from .interview import INFORMATION, REVIEW, Interview
from .languages import Language, language
from .sealing import Seal
from .weeks import last_day, today, week_of
from .wording import block, inline

STYLESHEET = (files("api") / "static" / "respondent.css").read_bytes()
STYLESHEET_PATH = f"/static/respondent.{sha256(STYLESHEET).hexdigest()[:12]}.css"
RETRY_AFTER = {"Retry-After": "5"}


@dataclass(frozen=True)
class End:
    """What a respondent reads at the end; all texts are for translation."""

    status: int
    heading: str
    text: str
    about_code: str = ""


ENDS = {
    "recorded": End(
        200,
        "Thank you",
        "Your answers are recorded.",
        "This code is shown only once. Write it down if you want to be able to have"
        " your answers deleted. Do not keep it if nobody may know that you took part.",
    ),
    "already_recorded": End(
        200,
        "Your answers are already recorded",
        "They are recorded once. Sending them again changes nothing.",
        "If you asked for a withdrawal code the first time, it is this one.",
    ),
    "conflict": End(
        409,
        "Your answers are already recorded",
        "They are recorded as you sent them the first time. What you changed later is"
        " not recorded.",
    ),
    "unknown_ticket": End(
        409,
        "Your answers are not recorded",
        "The access code is not one of this survey.",
    ),
}
"""The end for each outcome of `recording.record_response`."""

_templates = Environment(
    loader=PackageLoader("api"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)


def render(
    template: str,
    language: Language,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> HTMLResponse:
    """Make a page; templates translate with ``_``."""
    frame = {
        "language": language,
        "_": language.text,
        "stylesheet": STYLESHEET_PATH,
        "name": "",
        "notice": "",
        "links": (),
    }
    page = _templates.get_template(f"{template}.html")
    return HTMLResponse(page.render(frame | values), status, dict(headers or {}))


def render_in(
    fielded: Fielded, tag: str, template: str, title: str, **values: Any
) -> HTMLResponse:
    """Make a page of a survey, in a language of the survey."""
    spoken = language(tag)
    name = fielded.survey.questionnaires[tag].title
    notice = spoken.text("This is a demonstration. Please do not give real answers.")
    frame = {
        "title": title if title == name else f"{title} · {name}",
        "name": name,
        "notice": notice if fielded.status.synthetic else "",
        "action": f"/s/{fielded.name}",
    }
    return render(template, spoken, **(frame | values))


@dataclass
class Visit:
    """One request of a respondent: the interview, and the pages it can show."""

    fielded: Fielded
    interview: Interview
    seal: Seal

    @property
    def language(self) -> Language:
        """The language of the next page."""
        return language(self.interview.language)

    @property
    def questionnaire(self) -> Questionnaire:
        """In the respondent's language."""
        return self.fielded.survey.questionnaires[self.interview.language]

    @property
    def study(self) -> Study:
        """In the respondent's language."""
        return self.fielded.survey.studies[self.interview.language]

    @property
    def consent(self) -> Consent:
        """In the respondent's language."""
        return write_consent(self.study, self.language)

    @property
    def context(self) -> Answers:
        """Everything that expressions can use."""
        return self.interview.context(self.fielded.status.countries)

    @cached_property
    def path(self) -> tuple[Page, ...]:
        """The respondent's path; asked for only when the request's answers are in."""
        return path_of(self.questionnaire, self.context)

    @property
    def page(self) -> Page:
        """The page with questions that the interview is at."""
        here = self.interview.page
        return next(page for page in self.questionnaire.pages if page.name == here)

    def show(self, typed: Mapping[str, Sequence[str]] | None = None) -> HTMLResponse:
        """Show the page that the interview is at, with what was answered or typed."""
        if self.interview.page == INFORMATION:
            return self.information()
        if self.interview.page == REVIEW:
            return self.review()
        if typed is None:
            typed = typed_answers(self.page, self.interview.answers)
        return self.questions(typed)

    def information(
        self,
        typed: Mapping[str, Sequence[str]] | None = None,
        problems: Mapping[str, str] | None = None,
        *,
        is_first: bool = False,
    ) -> HTMLResponse:
        """Show the information and the boxes for consent.

        ``typed`` stands in them, or else what was agreed to before coming back.
        """
        text = self.language.text
        if typed is None:
            consents = self.interview.consents
            typed = {f"consent_{name}": ["yes"] for name in consents if consents[name]}
        boxes = [
            self._plain_question(name, label, typed, problems or {})
            for name, label in self.consent.boxes.items()
        ]
        ticket = None
        if self.fielded.status.tier == "T1":
            label = text("Your access code")
            ticket = self._plain_question("ticket", label, typed, problems or {})
        asked = [*boxes, ticket] if ticket else boxes
        return self._form(
            "information",
            self.questionnaire.title,
            heading=self.questionnaire.title,
            name="",
            problems=[question for question in asked if question.problem],
            sections=[
                (section.heading, [block(text) for text in section.paragraphs])
                for section in self.consent.sections
            ],
            boxes=boxes,
            ticket=ticket,
            links=self._languages if is_first else (),
        )

    def questions(
        self,
        typed: Mapping[str, Sequence[str]],
        problems: Mapping[str, Problem] | None = None,
        skipped: Iterable[str] = (),
    ) -> HTMLResponse:
        """Ask the questions of a page; ``skipped`` ones are gently pointed out."""
        drawing = Drawing(
            self.questionnaire, self.language, self.context, typed, problems or {}
        )
        drawn = drawing.draw(self.page)
        part = self._part
        wrong = [question for question in flat(drawn) if question.problem]
        open_ = [
            row
            for question in drawn
            if question.name in set(skipped)
            for row in question.unanswered
        ]
        return self._form(
            "answering",
            part,
            heading=inline(self.page.label or self.questionnaire.title, drawing.said),
            part=part,
            is_first=len(self.interview.seen) == 1,
            questions=drawn,
            problems=wrong,
            skipped=open_,
            reminder=self.language.count(
                "You have not answered one question. You can answer it, or continue.",
                "You have not answered {number} questions. You can answer them, or"
                " continue.",
                len(open_),
            ),
        )

    def review(self) -> HTMLResponse:
        """Say in words everything that was answered, before it is sent."""
        context = self.context
        said = answers_in_words(self.questionnaire, context, self.language)
        part, pages = self._part, []
        for number, page in enumerate(self.path, start=1):
            lines = review_answers(page, context, said, self.language)
            if lines:
                heading = inline(page.label, said) or self.language.text(
                    "Part {part}", part=number
                )
                pages.append((page.name, heading, lines))
        return self._form(
            "review",
            part,
            part=part,
            pages=pages,
            until=self._withdrawal_until,
        )

    def thanks(self, outcome: str, *, with_code: bool) -> HTMLResponse:
        """Say the end; ``outcome`` is what `recording.record_response` returned."""
        text = self.language.text
        end = ENDS[outcome]
        shows_code = with_code and bool(end.about_code)
        return self._page(
            "thanks",
            text(end.heading),
            status=end.status,
            heading=text(end.heading),
            text=text(end.text),
            code=self.interview.withdrawal_code if shows_code else "",
            about_code=text(end.about_code) if shows_code else "",
            until=self._withdrawal_until,
            debrief=block(self.study.debrief),
        )

    def saved(self, code: str) -> HTMLResponse:
        """Show the code that opens the saved answers again."""
        text = self.language.text
        return self._form(
            "saved",
            text("Your answers are saved"),
            code=code,
            until=self.language.date(usable_until(week_of(today()))),
        )

    def refused(self) -> HTMLResponse:
        """Show a neutral page to those who do not take part."""
        text = self.language.text
        heading = text("You do not take part")
        sentence = text("Nothing was stored. You can close this page.")
        return self._page("message", heading, heading=heading, text=sentence)

    def busy(self, *, again: str, with_code: bool = False) -> HTMLResponse:
        """Ask to try again: nothing was stored, and the form loses nothing."""
        text = self.language.text
        heading = text("Please try again in a moment")
        return self._form(
            "busy",
            heading,
            status=503,
            headers=RETRY_AFTER,
            heading=heading,
            text=text(
                "Too many answers are arriving at the same time. Yours are not lost."
                " Please press “Try again”."
            ),
            again=again,
            with_code=with_code,
        )

    @property
    def _withdrawal_until(self) -> str:
        """The last day to withdraw, counted from the week of a response sent today."""
        weeks = self.study.withdrawal_weeks
        return self.language.date(last_day(week_of(today()), later=weeks))

    @property
    def _part(self) -> str:
        part, parts = self.interview.place(self.questionnaire, self.context, self.path)
        return self.language.text("Part {part} of {parts}", part=part, parts=parts)

    @property
    def _languages(self) -> list[Language]:
        """What can be chosen; nothing where there is no choice."""
        tags = self.fielded.languages
        return [language(tag) for tag in tags] if len(tags) > 1 else []

    def _plain_question(
        self,
        name: str,
        label: str,
        typed: Mapping[str, Sequence[str]],
        problems: Mapping[str, str],
    ) -> ShownQuestion:
        """Draw a box or a field that is not a question of the questionnaire."""
        return ShownQuestion(
            kind="text",
            name=name,
            label=inline(label),
            problem=problems.get(name, ""),
            typed="".join(typed.get(name, ())),
        )

    def _form(self, template: str, title: str, **values: Any) -> HTMLResponse:
        if problems := values.get("problems"):
            title = f"{self.language.text('Error:')} {title}"
            values["status"] = 422
            values["how_many"] = self.language.count(
                "There is a problem", "There are {number} problems", len(problems)
            )
        state = self.seal.seal(self.interview.state)
        return self._page(
            template, title, state=state, others=self._languages, **values
        )

    def _page(self, template: str, title: str, **values: Any) -> HTMLResponse:
        tag = self.interview.language
        return render_in(self.fielded, tag, template, title, **values)
