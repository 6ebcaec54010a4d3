"""The codebook: what every column of a release means, in every language."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .experiments import Draw, draws_of
from .questionnaire import Choice, Item, Question, Questionnaire
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
    """One value of a column: its code and what it stands for.

    Attributes
    ----------
    name : str
        The code.
    labels : mapping
        What it stands for by language.
    missing : bool
        Whether it stands where there is no value.
    shown : tuple of mapping
        For what chance decided: the texts that respondents with this value saw and
        others may not have seen, by language. Items of a list experiment, or notes.
    """

    name: str
    labels: Texts
    missing: bool = False
    shown: tuple[Texts, ...] = ()


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


WEIGHT = Variable(
    "calibrated_weight",
    "decimal",
    {"en": "Weight, averaged over respondents who share all quasi-identifiers"},
    {},
    (),
    "weight",
)
"""What a protected release adds to the `codebook`, where there are margins."""


def codebook(survey: Survey) -> tuple[Variable, ...]:
    """Describe every column of the survey's release, in order.

    First the columns of the record, then what was decided by chance, then the answers
    in the order of the questionnaire.

    Parameters
    ----------
    survey
        What `load` returned.

    Returns
    -------
    tuple of Variable
        One per column.

    Notes
    -----
    ``select_multiple`` has one column of 0 and 1 per choice; who answered "Don't know"
    is 1 in that column and ``dont_know`` in all others. ``rank`` has one column per
    choice with its position.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from surveys import load
    >>> survey = load(files("surveys") / "definitions" / "social_credit")
    >>> (side,) = [each for each in codebook(survey) if each.name == "side"]
    >>> side.kind, side.labels["en"]
    ('ordinal', 'Good citizenship or frightening surveillance')
    >>> side.missing_codes
    ('dont_know', 'refused', 'not_answered', 'not_asked', 'suppressed')
    """
    variables = [*_record_variables(), *_assignment_variables(survey)]
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
    consent = Value("yes", {"en": "Yes"}), Value("no", {"en": "No"})
    for name, label in RECORD_COLUMNS.items():
        if name == "consent_publication":
            yield Variable(name, "nominal", {"en": label}, {}, consent, "record")
        else:
            yield Variable(name, "text", {"en": label}, {}, (), "record")


def _assignment_variables(survey: Survey) -> Iterator[Variable]:
    experiments = {each.name: each for each in survey.questionnaire.experiments}
    for draw in draws_of(survey.questionnaire):
        experiment = experiments.get(draw.name)
        labels = {arm.name: arm.label for arm in experiment.arms} if experiment else {}
        title = experiment.label if experiment else f"Drawn by chance: {draw.name}"
        values = []
        for option in () if draw.is_order else draw.options:
            items = tuple(_items_shown(survey, draw, option))
            notes = tuple(_notes_shown(survey, draw, option))
            label = labels[option] if experiment else DRAWN[option]
            values.append(Value(option, {"en": label}, shown=items + notes))
        kind: Kind = "text" if draw.is_order else "nominal"
        yield Variable(draw.name, kind, {"en": title}, {}, tuple(values), "assignment")


def _items_shown(survey: Survey, draw: Draw, option: str) -> Iterator[Texts]:
    """Items of the list experiment whose group is drawn."""
    translations = survey.questionnaires.values()
    for same in zip(*(each.questions for each in translations), strict=True):
        if same[0].kind == "list_experiment" and draw.name == f"{same[0].name}_group":
            for items in zip(*(each.items for each in same), strict=True):
                if option == "treatment" or not items[0].sensitive:
                    yield _labels(survey, items)


def _notes_shown(survey: Survey, draw: Draw, option: str) -> Iterator[Texts]:
    """Notes that depend on this draw and on nothing else."""
    translations = survey.questionnaires.values()
    for pages in zip(*(each.pages for each in translations), strict=True):
        for same in zip(*(each.questions for each in pages), strict=True):
            conditions = [
                each for each in (pages[0].relevant, same[0].relevant) if each
            ]
            depends = {name for each in conditions for name in each.names}
            holds = all(each.holds({draw.name: option}) for each in conditions)
            if same[0].kind == "note" and depends == {draw.name} and holds:
                yield _labels(survey, same)


def _labels(survey: Survey, same: Sequence[Item | Question]) -> Texts:
    """Labels of one part of the questionnaire, given in every language."""
    return dict(zip(survey.languages, (each.label for each in same), strict=True))


def _answer_variables(
    survey: Survey, wordings: Mapping[str, Question]
) -> Iterator[Variable]:
    """Describe the columns of one question, given in every language."""
    study, question = survey.study, wordings["en"]
    for column, values, part in _columns(survey, wordings):
        role: Role = ""
        if {question.name, column} & set(study.quasi_identifiers):
            role = "quasi-identifier"
        elif {question.name, column} & set(study.sensitive):
            role = "sensitive"
        labels = {
            language: part.get(language) or wording.label or column
            for language, wording in wordings.items()
        }
        yield Variable(
            column,
            _KINDS[question.kind],
            labels | {"en": study.labels.get(column, labels["en"])},
            {
                language: " — ".join(
                    [wording.label, *filter(None, [part.get(language)])]
                )
                for language, wording in wordings.items()
                if wording.label
            },
            values,
            role,
        )


def _columns(
    survey: Survey, wordings: Mapping[str, Question]
) -> Iterator[tuple[str, tuple[Value, ...], Texts]]:
    """Columns of one question with their values, and the item or choice of each."""
    question = wordings["en"]
    lists = {
        language: questionnaire.choices_of(question)
        for language, questionnaire in survey.questionnaires.items()
    }
    codes = [
        Value(
            code_of(choice),
            {language: choices[at].label for language, choices in lists.items()},
            missing=choice.missing is not None,
        )
        for at, choice in enumerate(lists["en"])
    ]
    columns = columns_of(survey.questionnaire, question)
    if question.kind in ("select_multiple", "rank"):
        ticks = _TICKS if question.kind == "select_multiple" else []
        missing = [code for code in codes if code.missing]
        for column, code in zip(columns, codes, strict=True):
            other = [] if code.missing else missing
            yield column, (*ticks, *other, *_UNANSWERED), code.labels
        return
    for at, column in enumerate(columns):
        part = {
            language: wording.items[at].label
            for language, wording in wordings.items()
            if question.kind == "battery"
        }
        yield column, (*codes, *_UNANSWERED), part


_KINDS: dict[str, Kind] = {
    "select_one": "nominal",
    "likert": "ordinal",
    "battery": "ordinal",
    "select_multiple": "integer",
    "rank": "integer",
    "list_experiment": "count",
    "integer": "integer",
    "decimal": "decimal",
    "text": "text",
    "calculate": "text",
}

DRAWN = {
    "control": "Short list",
    "treatment": "Long list, with the sensitive item",
    "forward": "In the order of the questionnaire",
    "reverse": "Turned round",
}
"""What is drawn for list experiments, and for scales that are turned round."""

_UNANSWERED = [
    Value(name, {"en": MISSING_CODES[name]}, missing=True)
    for name in ("not_answered", "not_asked", "suppressed")
]

_TICKS = [Value("0", {"en": "Not chosen"}), Value("1", {"en": "Chosen"})]
