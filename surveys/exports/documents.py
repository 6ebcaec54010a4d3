"""Codebook and questionnaire as pages that are read, printed and archived."""

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from ..conditions import conditions_of, describe, number_questions
from ..descriptions import CONVENTIONS
from ..experiments import draws_of
from ..languages import Language
from ..languages import language as language_of
from ..questionnaire import Question, Questionnaire
from ..releases import Release
from ..texts import PLACEHOLDER
from .coding import NUMERIC, Column, columns_of, counts_of, label_of, text_of
from .notes import Notes
from .protection import describe_protection

_markdown = MarkdownIt("zero", {"html": False}).enable(
    [
        *("paragraph", "list", "newline", "escape", "entity", "emphasis"),
        *("balance_pairs", "backticks"),
    ]
)

_templates = Environment(
    loader=PackageLoader("surveys"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


KINDS = {
    "nominal": "categories",
    "ordinal": "categories in order",
    "integer": "whole numbers",
    "decimal": "numbers",
    "count": "counts",
    "text": "texts",
}
"""What the variables of each kind hold."""

ROLES = {
    "quasi-identifier": "others may know it of a person",
    "sensitive": "sensitive",
    "assignment": "decided by chance",
    "weight": "a weight",
    "record": "about the response",
}

WAYS = {
    "select_one": "One answer.",
    "likert": "One answer.",
    "select_multiple": "Any number of answers.",
    "rank": "Numbers from 1, the first.",
    "battery": "One answer per line.",
    "list_experiment": "How many, not which.",
    "integer": "A whole number.",
    "decimal": "A number.",
    "text": "In words.",
}
"""How the questions of each kind are answered."""

ORDERS = {
    "items": "Items in an order drawn for each respondent.",
    "choices": "Choices in an order drawn for each respondent.",
    "reverse": "Shown in reverse order to a random half of the respondents.",
    "": "",
}
"""What is said about the order of choices or items."""


class HtmlLanguage(Language):
    """The same words as HTML, in which whatever is filled in keeps its direction."""

    def text(self, message: str, **values: object) -> Markup:
        """Translate a message; texts that are filled in are isolated and escaped."""
        isolated = {
            name: Markup("<bdi>{}</bdi>").format(value)
            if isinstance(value, str) and not isinstance(value, Markup)
            else value
            for name, value in values.items()
        }
        return escape(self.translations.gettext(message)).format(**isolated)

    def code(self, name: str) -> Markup:
        """Mark a name up as code, which runs from left to right everywhere."""
        return Markup("<code>{}</code>").format(name)


@dataclass(frozen=True)
class Row:
    """One value of a variable in the codebook.

    Attributes
    ----------
    code : str
        As in the release.
    number : int or None
        As in the files for SPSS, Stata, R and Parquet.
    label : str
        In the language of the codebook.
    n : int
        Respondents with this value.
    share : float or None
        Fraction of those who have a value that is not missing.
    """

    code: str
    number: int | None
    label: str
    n: int
    share: float | None


def write_codebook(release: Release, path: Path, language: str, notes: Notes) -> None:
    """Write what every column holds, with frequencies and reasons for missing values.

    Every number in it is counted from the release alone. So whoever has the release
    learns nothing from its codebook, whatever is subtracted from what, and no count
    needs hiding that the rows do not show themselves. It is as confidential as the
    release: the codebook of an internal one, which is not protected, says so.

    Parameters
    ----------
    release : Release
    path : Path
        The language is put before the ending: ``-codebook-de.html``. Where WeasyPrint
        is installed, a PDF stands beside it.
    language : str
        Of the labels, and of the words around them where they are translated.
    notes : Notes
        Told when there is no PDF.
    """
    columns = columns_of(release, language)
    questionnaire = release.questionnaires.get(language)
    _write(
        *(release, path, language, notes, "codebook.html"),
        title=questionnaire.title if questionnaire else str(release.package["title"]),
        columns=[(column, *_rows(release, column, language)) for column in columns],
        conventions=CONVENTIONS,
        kinds=KINDS,
        roles=ROLES,
        range_of=partial(_range_of, release, language_of(language)),
        conditions=conditions_of(questionnaire) if questionnaire else {},
        in_words=questionnaire
        and partial(
            describe,
            questionnaire=questionnaire,
            language=_in_html(language_of(language)),
        ),
        label=lambda column: label_of(column.variable, language),
        wording=lambda column: text_of(column.variable.question, language),
        references={},
    )


def write_questionnaire(
    release: Release, path: Path, language: str, notes: Notes
) -> None:
    """Write the questionnaire for paper: routing in words, and what chance decides.

    Parameters
    ----------
    release : Release
    path : Path
        As for `write_codebook`.
    language : str
        Of the questions, and of the words around them where they are translated.
    notes : Notes
        Told when there is no PDF, or no questionnaire in this language.
    """
    questionnaires = release.questionnaires
    if not questionnaires:
        notes.add(path.name, "not written: the release holds no questionnaire")
        return
    questionnaire = questionnaires.get(language, questionnaires["en"])
    words = language_of(language)
    references = dict(number_questions(questionnaire, words))
    arms = {experiment.name for experiment in questionnaire.experiments}
    draws = draws_of(questionnaire)
    _write(
        *(release, path, language, notes, "questionnaire.html"),
        title=questionnaire.title,
        questionnaire=questionnaire,
        references=references,
        draws=[draw for draw in draws if draw.name not in arms],
        in_words=lambda expression: describe(
            expression, questionnaire, references, _in_html(words)
        ),
        ways=WAYS,
        order_of=lambda question: ORDERS[
            _order_of({draw.name for draw in draws}, question)
        ],
        offered=lambda question: _offered(questionnaire, question),
    )


def _write(
    release: Release,
    path: Path,
    language: str,
    notes: Notes,
    template: str,
    *,
    references: Mapping[str, str],
    **values: object,
) -> None:
    words = _in_html(language_of(language))
    facts = release.package["parallax"]
    html = _templates.get_template(template).render(
        facts=facts,
        language=words,
        own=_mark_english(words.is_translated),
        author=_mark_english(language == "en"),
        countries=words.countries(facts["countries"]),
        asked_by=_asked_by(release, language),
        protection=describe_protection(facts, words),
        references=references,
        _=words.text,
        code=words.code,
        block=lambda text: _numbered(_markdown.render(text), references),
        inline=lambda text: _numbered(_markdown.renderInline(text), references),
        **values,
    )
    path = path.with_name(f"{path.stem}-{language}{path.suffix}")
    path.write_text(html, encoding="utf-8", newline="\n")
    try:
        # Optional: it needs Pango, which is no Python package.
        printer = importlib.import_module("weasyprint")
    except (ImportError, OSError):
        notes.add(
            path.name, "no PDF, WeasyPrint is not installed; print it from a browser"
        )
    else:
        printer.HTML(string=html).write_pdf(path.with_suffix(".pdf"), pdf_tags=True)


def _in_html(words: Language) -> HtmlLanguage:
    return HtmlLanguage(words.tag, words.locale, words.translations)


def _mark_english(is_own: bool) -> Markup:
    """The attributes of an element whose text is English in a document that is not."""
    return Markup("" if is_own else ' lang="en" dir="ltr"')


def _asked_by(release: Release, language: str) -> str:
    """Who asks, in the language that respondents read it in."""
    studies = json.loads(release.questionnaire_json).get("studies", {})
    english = release.package["parallax"]["asked_by"]
    return str(studies.get(language, {}).get("asked_by", english))


def _rows(
    release: Release, column: Column, language: str
) -> tuple[list[Row], list[Row], int]:
    """Values, missing values, and how many respondents have a value."""
    counts = counts_of(release.cells(column.name))
    missing = column.variable.missing_codes
    n_valid = release.table.num_rows - sum(counts.get(code, 0) for code in missing)
    numbers = {**column.numbers, **column.missing}
    rows = {
        value.name: Row(
            value.name,
            numbers.get(value.name),
            text_of(value.labels, language),
            (n := counts.get(value.name, 0)),
            None if value.missing or not n_valid else n / n_valid,
        )
        for value in column.variable.values
    }
    absent = [rows[code] for code in missing]
    return [row for row in rows.values() if row not in absent], absent, n_valid


def _range_of(
    release: Release, words: Language, column: Column
) -> Iterator[Mapping[str, str]]:
    """Smallest number, quartiles and largest, of a variable that holds numbers."""
    if column.variable.kind not in NUMERIC or column.numbers:
        return
    counts = counts_of(release.cells(column.name))
    missing = column.variable.missing_codes
    numbers = sorted(
        float(code)
        for code, n in counts.items()
        if code not in missing
        for _ in range(n)
    )
    if len(numbers) < 2:
        return
    lower, median, upper = quantiles(numbers, n=4, method="inclusive")
    named = {"smallest": numbers[0], "lower": lower, "median": median}
    named |= {"upper": upper, "largest": numbers[-1]}
    yield {name: words.number(number) for name, number in named.items()}


def _order_of(drawn: set[str], question: Question) -> str:
    """What chance puts in order, a key of `ORDERS`."""
    if f"{question.name}_order" not in drawn:
        return ""
    if question.parameters == "randomize=reverse":
        return "reverse"
    return "items" if question.items else "choices"


def _offered(
    questionnaire: Questionnaire, question: Question
) -> Iterator[tuple[str, str, bool]]:
    """Code, label and whether it stands apart, for each choice of a question."""
    for choice in questionnaire.choices_of(question):
        yield choice.name, choice.label, choice.missing is not None


def _numbered(html: str, references: Mapping[str, str]) -> Markup:
    """Put the number of a question where its answer would stand in a text."""

    def number(found: re.Match[str]) -> str:
        return f"<bdi>[{escape(references.get(found[1].strip(), found[1]))}]</bdi>"

    return Markup(PLACEHOLDER.sub(number, html))
