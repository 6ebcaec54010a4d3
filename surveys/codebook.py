"""The codebook: what every column of a release means, in every language."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from .experiments import Draw, draws_of
from .questionnaire import Choice, Question, Questionnaire
from .survey import Survey

Kind = Literal["nominal", "ordinal", "integer", "decimal", "text", "count"]

Role = Literal["quasi-identifier", "sensitive", "assignment", "weight", "record", ""]

Texts = Mapping[str, str]
"""By language; ``en`` is always there."""

MISSING_CODES = {
    "dont_know": "Don't know",
    "refused": "Prefer not to answer",
    "not_answered": "Shown and not answered",
    "not_asked": "Not asked",
    "suppressed": "Withheld to protect respondents",
}
"""What stands in a column where there is no value. They are never merged: the first
two are answers, the next two say what happened, the last is done before publication."""

RECORD_COLUMNS = {
    "response_id": "Random number of the response",
    "week": "ISO week in which the response was given",
    "language": "Language of the questionnaire",
    "questionnaire_version": "SHA-256 of questionnaire and study in all languages",
    "consent_publication": "Agreed to the publication of the anonymous answers",
}


@dataclass(frozen=True)
class Value:
    """One value of a column: its code and what it stands for."""

    name: str
    labels: Texts
    missing: bool = False


@dataclass(frozen=True)
class Variable:
    """One column of a release.

    Attributes
    ----------
    name : str
        The column.
    kind : str
        ``nominal, ordinal, integer, decimal, text`` or ``count``. ``ordinal`` values
        stand in the order of the scale.
    labels : mapping
        Short title by language.
    question : mapping
        Full wording by language, with the item or choice; empty when nobody is asked.
    values : tuple of Value
        All codes of a nominal or ordinal variable, and the missing codes of any.
    role : str
        ``quasi-identifier, sensitive, assignment, weight, record`` or empty.
    """

    name: str
    kind: Kind
    labels: Texts
    question: Texts
    values: tuple[Value, ...]
    role: Role = ""

    @property
    def missing_codes(self) -> tuple[str, ...]:
        """Codes that stand where there is no value."""
        return tuple(value.name for value in self.values if value.missing)


def codebook(survey: Survey) -> tuple[Variable, ...]:
    """Describe every column of the survey's release, in order.

    First the columns of the record, then what was decided by chance, then the answers
    in the order of the questionnaire.

    Notes
    -----
    ``select_multiple`` has one column of 0 and 1 per choice; who answered "Don't know"
    is 1 in that column and ``dont_know`` in all others. ``rank`` has one column per
    choice with its position.
    """
    variables = [*_record_variables(), *map(_assignment_variable, _draws(survey))]
    translations = survey.questionnaires.values()
    for same in zip(*(each.questions for each in translations), strict=True):
        wordings = dict(zip(survey.languages, same, strict=True))
        variables.extend(_answer_variables(survey, wordings))
    return tuple(variables)


def columns_of(questionnaire: Questionnaire, question: Question) -> tuple[str, ...]:
    """Names of the columns that the answers to one question fill."""
    if question.kind in ("select_multiple", "rank"):
        choices = questionnaire.choices_of(question)
        return tuple(f"{question.name}_{code_of(choice)}" for choice in choices)
    return question.variables


def code_of(choice: Choice) -> str:
    """Code of a choice in a column: its name, or which missing answer it is."""
    return choice.missing or choice.name


def _record_variables() -> Iterator[Variable]:
    for name, label in RECORD_COLUMNS.items():
        values: tuple[Value, ...] = ()
        if name == "consent_publication":
            values = (Value("yes", {"en": "Yes"}), Value("no", {"en": "No"}))
        kind: Kind = "nominal" if values else "text"
        yield Variable(name, kind, {"en": label}, {}, values, "record")


def _draws(survey: Survey) -> Iterator[tuple[Draw, str, Mapping[str, str]]]:
    """Draws with their title and the titles of what is drawn from."""
    experiments = {
        experiment.name: experiment for experiment in survey.questionnaire.experiments
    }
    for draw in draws_of(survey.questionnaire):
        if draw.name in experiments:
            experiment = experiments[draw.name]
            arms = {arm.name: arm.label for arm in experiment.arms}
            yield draw, experiment.label, arms
        else:
            title = f"Drawn by chance: {draw.name.replace('_', ' ')}"
            yield draw, title, dict(zip(draw.options, draw.options, strict=True))


def _assignment_variable(described: tuple[Draw, str, Mapping[str, str]]) -> Variable:
    draw, title, options = described
    values = tuple(Value(name, {"en": label}) for name, label in options.items())
    kind: Kind = "text" if draw.is_order else "nominal"
    return Variable(
        draw.name,
        kind,
        {"en": title},
        {},
        () if draw.is_order else values,
        "assignment",
    )


def _answer_variables(
    survey: Survey, wordings: Mapping[str, Question]
) -> Iterator[Variable]:
    """Describe the columns of one question, given in every language."""
    question = wordings["en"]
    lists = {
        language: questionnaire.choices_of(question)
        for language, questionnaire in survey.questionnaires.items()
    }
    codes = tuple(
        Value(
            code_of(choice),
            {language: choices[at].label for language, choices in lists.items()},
            missing=choice.missing is not None,
        )
        for at, choice in enumerate(lists["en"])
    )
    missing = tuple(code for code in codes if code.missing) + _UNANSWERED

    def variable(
        column: str,
        kind: Kind,
        values: tuple[Value, ...],
        part: Callable[[str], str] = lambda _: "",
    ) -> Variable:
        labels = {
            language: part(language) or wording.label or column
            for language, wording in wordings.items()
        }
        named = {question.name, column}
        study = survey.study
        return Variable(
            column,
            kind,
            labels | {"en": study.labels.get(column, labels["en"])},
            {
                language: " — ".join(filter(None, (wording.label, part(language))))
                for language, wording in wordings.items()
                if wording.label
            },
            values,
            "quasi-identifier"
            if named & set(study.quasi_identifiers)
            else "sensitive"
            if named & set(study.sensitive)
            else "",
        )

    match question.kind:
        case "select_one":
            yield variable(question.name, "nominal", codes + _UNANSWERED)
        case "likert":
            yield variable(question.name, "ordinal", codes + _UNANSWERED)
        case "battery":
            for at, column in enumerate(question.variables):
                yield variable(
                    column,
                    "ordinal",
                    codes + _UNANSWERED,
                    lambda language, at=at: wordings[language].items[at].label,  # type: ignore[misc]
                )
        case "select_multiple" | "rank":
            ticks = _TICKS if question.kind == "select_multiple" else ()
            columns = columns_of(survey.questionnaire, question)
            for column, code in zip(columns, codes, strict=True):
                yield variable(
                    column,
                    "integer",
                    (*ticks, *(_UNANSWERED if code.missing else missing)),
                    lambda language, code=code: code.labels[language],  # type: ignore[misc]
                )
        case "integer" | "decimal" | "text":
            yield variable(question.name, question.kind, _UNANSWERED)
        case "list_experiment":
            yield variable(question.name, "count", _UNANSWERED)
        case "calculate":
            yield variable(question.name, "text", _UNANSWERED)


def _missing(names: Iterable[str]) -> tuple[Value, ...]:
    return tuple(Value(name, {"en": MISSING_CODES[name]}, True) for name in names)


_UNANSWERED = _missing(["not_answered", "not_asked", "suppressed"])

_TICKS = (Value("0", {"en": "Not chosen"}), Value("1", {"en": "Chosen"}))
