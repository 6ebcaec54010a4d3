"""Stored responses become the coded columns of a release."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from .codebook import MISSING_CODES, RECORD_COLUMNS, code_of, columns_of
from .errors import ReleaseError
from .experiments import draws_of
from .questionnaire import Question, Questionnaire
from .survey import Survey

_Write = Callable[[Any], str]
"""From an answer that was given to what stands in a column."""


def responses_to_frame(
    survey: Survey, records: Iterable[Mapping[str, Any]]
) -> pd.DataFrame:
    """Code responses as the codebook says.

    Parameters
    ----------
    survey
        The version that the respondents answered.
    records
        One mapping per response with the `RECORD_COLUMNS`, of which
        ``consent_publication`` is true or false, and the mappings ``assignment`` and
        ``answers``; other keys are ignored.

    Returns
    -------
    pandas.DataFrame
        One row per response in the order of the random ``response_id``, one column of
        text per variable of `codebook`. Nothing is empty: an absent answer is
        ``not_asked``, None is ``not_answered``.

    Raises
    ------
    ReleaseError
        When a response does not fit the questionnaire.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from surveys import draw_assignment, load
    >>> survey = load(files("surveys") / "definitions" / "social_credit")
    >>> record = {
    ...     "response_id": "5e1f",
    ...     "week": "2026-W48",
    ...     "language": "de",
    ...     "questionnaire_version": survey.version,
    ...     "consent_publication": True,
    ...     "assignment": draw_assignment(survey.questionnaire),
    ...     "answers": {"country": "DE", "approval": "dont_know", "side": None},
    ... }
    >>> frame = responses_to_frame(survey, [record])
    >>> frame.loc[0, ["country", "approval", "side", "gender"]].to_list()
    ['DE', 'dont_know', 'not_answered', 'not_asked']
    """
    rows = sorted(records, key=lambda record: str(record["response_id"]))
    columns: dict[str, list[str]] = {}
    for name in RECORD_COLUMNS:
        columns[name] = [str(row[name]) for row in rows]
    columns["consent_publication"] = [
        "yes" if row["consent_publication"] else "no" for row in rows
    ]
    try:
        for draw in draws_of(survey.questionnaire):
            columns[draw.name] = [row["assignment"][draw.name] for row in rows]
        answers = [row["answers"] for row in rows]
        for question in survey.questionnaire.questions:
            for column, variable, write in _writers(survey.questionnaire, question):
                columns[column] = [_cell(each, variable, write) for each in answers]
    except (LookupError, TypeError) as error:
        raise ReleaseError(
            f"{len(rows)} responses do not fit questionnaire version"
            f" {survey.version[:12]}; release each version by itself"
        ) from error
    return pd.DataFrame(columns, dtype="str")


def _writers(
    questionnaire: Questionnaire, question: Question
) -> Iterator[tuple[str, str, _Write]]:
    """Columns of a question, the variable of each, and how an answer is written."""
    codes = {
        choice.name: code_of(choice) for choice in questionnaire.choices_of(question)
    }
    columns = columns_of(questionnaire, question)
    match question.kind:
        case "select_multiple":
            for column, name in zip(columns, codes, strict=True):
                yield column, question.name, partial(_write_tick, codes, name)
        case "rank":
            for column, name in zip(columns, codes, strict=True):
                yield column, question.name, partial(_write_position, codes, name)
        case "select_one" | "likert" | "battery":
            for column in columns:
                yield column, column, codes.__getitem__
        case "text" | "calculate":
            yield question.name, question.name, _write_text
        case "integer" | "decimal" | "list_experiment":
            yield question.name, question.name, str


def _cell(answers: Mapping[str, Any], variable: str, write: _Write) -> str:
    answer = answers.get(variable, _cell)
    if answer is _cell:
        return "not_asked"
    return "not_answered" if answer is None else write(answer)


def _write_tick(codes: Mapping[str, str], name: str, chosen: Sequence[str]) -> str:
    written = [codes[one] for one in chosen]
    missing = [code for code in written if code in MISSING_CODES]
    if missing and codes[name] not in MISSING_CODES:
        return missing[0]
    return "1" if name in chosen else "0"


def _write_position(codes: Mapping[str, str], name: str, order: Sequence[str]) -> str:
    positions = {codes[one]: str(at) for at, one in enumerate(order, start=1)}
    return positions.get(name, "not_answered")


def _write_text(typed: object) -> str:
    """Write what was typed; a space tells it from a missing code spelled the same."""
    text = str(typed)
    return f"{text} " if text in MISSING_CODES else text
