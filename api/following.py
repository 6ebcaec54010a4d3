"""Following fieldwork: counts that nobody can be told from."""

from collections.abc import Iterator, Sequence

from pydantic import BaseModel
from sqlalchemy import Engine

from surveys.questionnaire import Page
from surveys.survey import Survey

from .fieldwork import progress
from .interview import REVIEW

ROUND_OPEN, ROUND_CLOSED = 50, 10
"""Counts are multiples of this: a live counter would tell the latest answer."""


class PageProgress(BaseModel):
    """How often a page was shown, and how many ended there."""

    page: str
    label: str
    shown: int
    left: int


class Following(BaseModel):
    """How far a survey is, in rounds."""

    round: int
    """All counts are rounded down to multiples of this."""
    responses: dict[str, int]
    """Responses by country of residence; an empty country is none of the study's."""
    total: int
    pages: list[PageProgress]


def in_rounds(count: int, size: int) -> int:
    """Round down: it only says how many rounds are full.

    Examples
    --------
    >>> in_rounds(49, 50), in_rounds(50, 50), in_rounds(149, 50)
    (0, 50, 100)
    """
    return count - count % size


def follow(engine: Engine, survey: Survey) -> Following:
    """Count responses by country and interviews by page, in rounds.

    Parameters
    ----------
    engine : Engine
    survey : Survey
        A published one.

    Returns
    -------
    Following
        As many left at a page as saw it less those who saw a page after it. That
        is exact but for pages that only some respondents are asked.

    Raises
    ------
    UnknownSurvey
    """
    counts = progress(engine, survey.name)
    size = ROUND_CLOSED if counts["state"] == "closed" else ROUND_OPEN
    responses = {
        country: in_rounds(counts["responses"].get(country, 0), size)
        for country in sorted({*survey.study.countries, *counts["responses"]})
    }
    total = in_rounds(sum(counts["responses"].values()), size)
    pages = survey.questionnaire.pages
    shown = [
        in_rounds(counts["pages"].get(name, 0), size)
        for name in (*(page.name for page in pages), REVIEW.rstrip("/"))
    ]
    return Following(
        round=size,
        responses=responses,
        total=total,
        pages=[
            PageProgress(
                page=page.name,
                label=page.label or page.name,
                shown=shown[at],
                left=max(shown[at] - max(total, *_after(pages, shown, at)), 0),
            )
            for at, page in enumerate(pages)
        ],
    )


def _after(pages: Sequence[Page], shown: Sequence[int], at: int) -> Iterator[int]:
    """Say how often each page was shown that comes after one, and the review."""
    group = pages[at].shuffle
    for page, times in zip(pages[at + 1 :], shown[at + 1 :], strict=False):
        if group is None or page.shuffle != group:
            yield times
    yield shown[-1]
