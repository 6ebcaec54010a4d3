"""A questionnaire in one language: pages, questions, choices, all frozen.

The classes are the YAML format: a field is a key, with XLSForm's column names. A
translated questionnaire has the same structure and other texts.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from .expressions import Answer as Answer
from .expressions import Expression, compile_expression

Answers = Mapping[str, Answer]
"""Answers by variable. Absent: not asked. None: asked and not answered."""

Missing = Literal["dont_know", "refused"]

Name = Annotated[str, Field(pattern=re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,31}$"))]

ChoiceName = Annotated[
    str, Field(pattern=re.compile(r"^[A-Za-z0-9][A-Za-z0-9_]{0,31}$"))
]
"""May begin with a digit: many authors number their choices."""

ItemName = Annotated[str, Field(pattern=re.compile(r"^[A-Za-z0-9_]{1,31}$"))]
"""May begin with a digit: the battery's name comes before it, `privacy_1`."""

SYSTEM_VARIABLES = frozenset({"language", "open_countries"})
"""What expressions may use besides questions and random assignments."""

QUESTION_TYPES = {
    "select_one": "choices",
    "likert": "choices",
    "select_multiple": "choices",
    "rank": "choices",
    "battery": "choices and items",
    "list_experiment": "items",
    "integer": "",
    "decimal": "",
    "text": "",
    "note": "",
    "calculate": "",
}
"""Each question type and what it needs besides a label."""


def _compiled(source: object) -> object:
    """YAML reads `relevant: true` and `calculation: 1` as values of their own."""
    if isinstance(source, bool):
        source = f"{source}()".lower()
    if isinstance(source, int | float):
        source = str(source)
    return compile_expression(source) if isinstance(source, str) else source


Logic = Annotated[
    Expression,
    BeforeValidator(_compiled),
    PlainSerializer(lambda expression: expression.source, return_type=str),
    WithJsonSchema({"type": "string"}),
]
"""An expression, written as text in the YAML and compiled when it is read."""


class Frozen(BaseModel):
    """Immutable, and no key that it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )


class Choice(Frozen):
    """One choice of a list.

    ``missing`` marks "Don't know" and "Prefer not to answer": stored as their own
    codes, shown last. ``exclusive`` empties the other boxes of a ``select_multiple``.
    ``columns`` are what a ``choice_filter`` can compare.
    """

    name: ChoiceName
    label: str = ""
    missing: Missing | None = None
    exclusive: bool = False
    columns: Mapping[Name, str] = {}


class Item(Frozen):
    """One item of a battery or of a list experiment."""

    name: ItemName
    label: str = ""
    sensitive: bool = False


class Question(Frozen):
    """One question, note or calculation.

    ``type`` is XLSForm's: ``select_one approval5`` names the list of choices.
    ``parameters: randomize=true`` draws the order of choices or items for each
    respondent, ``randomize=reverse`` turns the order round for half of them.
    """

    type: str
    name: Name
    label: str = ""
    hint: str = ""
    relevant: Logic | None = None
    constraint: Logic | None = None
    constraint_message: str = ""
    required: bool = False
    choice_filter: Logic | None = None
    calculation: Logic | None = None
    appearance: str = ""
    parameters: Literal["", "randomize=true", "randomize=reverse"] = ""
    items: tuple[Item, ...] = ()

    @property
    def kind(self) -> str:
        """The type without the list: ``select_one``."""
        return self.type.split(" ")[0]

    @property
    def list_name(self) -> str:
        """The name of the list of choices, or an empty string."""
        return self.type.partition(" ")[2].strip()

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that its answers fill, one per item of a battery."""
        if self.kind == "note":
            return ()
        if self.kind == "battery":
            return tuple(f"{self.name}_{item.name}" for item in self.items)
        return (self.name,)


class Page(Frozen):
    """What is asked on one screen.

    Pages that stand together and name the same ``shuffle`` group come in an order
    drawn for each respondent.
    """

    name: Name
    label: str = ""
    relevant: Logic | None = None
    shuffle: Name | None = None
    questions: tuple[Question, ...] = Field(min_length=1)


class Arm(Frozen):
    """One arm of an experiment; its label is for researchers only."""

    name: Name
    label: str


class Experiment(Frozen):
    """A random assignment to one of several arms, with equal chances."""

    name: Name
    label: str
    arms: tuple[Arm, ...] = Field(min_length=2)


class Questionnaire(Frozen):
    """The instrument of a survey, in one language."""

    title: str
    languages: tuple[str, ...] = ("en",)
    experiments: tuple[Experiment, ...] = ()
    choices: Mapping[Name, tuple[Choice, ...]] = {}
    pages: tuple[Page, ...] = Field(min_length=1)

    @property
    def questions(self) -> Iterator[Question]:
        """All questions in the order of the file."""
        return (question for page in self.pages for question in page.questions)

    def choices_of(self, question: Question) -> tuple[Choice, ...]:
        """All choices of a question, in the order of the file; () if it has none."""
        return self.choices.get(question.list_name, ())
