"""One respondent's way through a questionnaire, between two pages.

An interview exists only inside the form, sealed. Nothing here stores anything.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from surveys.questionnaire import Answer, Answers, Page, Questionnaire
from surveys.routing import next_page, pages_to_come, previous_page

from .codes import new_code
from .errors import StateInvalid

INFORMATION = ""
REVIEW = "review/"
"""Not the name of a page: those have no slash."""


@dataclass
class Interview:
    """What travels in the form.

    ``key`` makes it the same submission when it is sent twice. ``seen`` are the pages
    that were shown, ``reminded`` those whose gentle reminder was. ``drafts`` are the
    hashes of what was saved on the way.
    """

    survey: str
    version: str
    language: str
    page: str = INFORMATION
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    withdrawal_code: str = field(default_factory=new_code)
    ticket: str = ""
    consents: dict[str, bool] = field(default_factory=dict)
    consent: dict[str, str] = field(default_factory=dict)
    assignment: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    reminded: list[str] = field(default_factory=list)
    reviewed: bool = False
    drafts: list[str] = field(default_factory=list)

    @classmethod
    def from_state(cls, state: Mapping[str, Any], survey: str, version: str) -> Self:
        """Continue from an unsealed state.

        Raises
        ------
        StateInvalid
            When the state belongs to another survey or another version of it.
        """
        if (state.get("survey"), state.get("version")) != (survey, version):
            raise StateInvalid("the form state belongs to another survey")
        if state.keys() != {one.name for one in fields(cls)}:
            raise StateInvalid("the form state is of another version of Parallax")
        interview = cls(**state)
        interview.answers = {
            variable: tuple(answer) if isinstance(answer, list) else answer
            for variable, answer in interview.answers.items()
        }
        return interview

    @property
    def state(self) -> dict[str, Any]:
        """What is sealed."""
        return dict(vars(self))

    def context(self, countries: Iterable[str]) -> dict[str, Answer]:
        """Everything that expressions can use."""
        return {
            **self.answers,
            **self.assignment,
            "language": self.language,
            "open_countries": " ".join(countries),
        }

    def move_on(
        self, questionnaire: Questionnaire, context: Answers, path: Sequence[Page]
    ) -> None:
        """Go to the next page, or back to the review if it was reached before.

        After a change on the way back from the review only pages that were never seen
        are asked.
        """
        if self.reviewed:
            unseen = (page for page in path if page.name not in self.seen)
            page = next(unseen, None)
        else:
            page = next_page(questionnaire, context, self.page or None, path)
        self.page = page.name if page else REVIEW

    def stay_on_path(
        self, questionnaire: Questionnaire, context: Answers, path: Sequence[Page]
    ) -> None:
        """Go on from a page that is not asked any more, say in another language."""
        if self.page not in {INFORMATION, REVIEW, *(page.name for page in path)}:
            self.move_on(questionnaire, context, path)

    def move_back(
        self, questionnaire: Questionnaire, context: Answers, path: Sequence[Page]
    ) -> None:
        """Go to the page before, or from the first one to the information."""
        before = None if self.page == REVIEW else self.page
        page = previous_page(questionnaire, context, before, path)
        self.page = page.name if page else INFORMATION

    def place(
        self, questionnaire: Questionnaire, context: Answers, path: Sequence[Page]
    ) -> tuple[int, int]:
        """Which part this is of how many at most; the last is the review.

        Going on, a respondent never sees the second number grow: it counts every page
        that may still come.
        """
        if self.page == REVIEW:
            return len(path) + 1, len(path) + 1
        part = [page.name for page in path].index(self.page) + 1
        to_come = pages_to_come(questionnaire, context, self.page, path)
        return part, part + len(to_come) + 1
