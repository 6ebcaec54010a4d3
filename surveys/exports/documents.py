"""Codebook and questionnaire as pages that are read, printed and archived."""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles

from babel import Locale
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from ..conditions import describe, number_questions
from ..descriptions import CONVENTIONS
from ..experiments import Draw, draws_of
from ..expressions import Expression
from ..questionnaire import Question, Questionnaire
from ..releases import Release
from ..texts import PLACEHOLDER
from .coding import NUMERIC, Column, columns_of, counts_of, text_of
from .notes import Notes

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

    Parameters
    ----------
    release : Release
    path : Path
        The language is put before the ending: ``-codebook-de.html``. Where WeasyPrint
        is installed, a PDF stands beside it.
    language : str
        Language of the labels; the words around them are English.
    notes : Notes
        Told when there is no PDF.
    """
    columns = columns_of(release, language)
    _write(
        *(release, path, language, notes, "codebook.html"),
        title=_title(release, language),
        columns=[(column, *_rows(release, column, language)) for column in columns],
        conventions=CONVENTIONS,
        range_of=partial(_range_of, release),
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
        Language of the questions; the words around them are English.
    notes : Notes
        Told when there is no PDF, or no questionnaire in this language.
    """
    questionnaires = release.questionnaires
    if not questionnaires:
        notes.add(path.name, "not written: the release holds no questionnaire")
        return
    questionnaire = questionnaires.get(language, questionnaires["en"])
    references = dict(number_questions(questionnaire))
    _write(
        *(release, path, language, notes, "questionnaire.html"),
        title=questionnaire.title,
        questionnaire=questionnaire,
        references=references,
        orders={draw.name: draw for draw in draws_of(questionnaire)},
        words=_words(questionnaire, references),
        shuffled=partial(_shuffled, draws_of(questionnaire)),
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
    locale = Locale.parse(language, sep="-")
    html = _templates.get_template(template).render(
        facts=release.package["parallax"],
        language=language,
        direction="rtl" if locale.text_direction == "rtl" else "ltr",
        references=references,
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
        printer.HTML(string=html).write_pdf(path.with_suffix(".pdf"))


def _title(release: Release, language: str) -> str:
    translated = release.questionnaires.get(language)
    return translated.title if translated else str(release.package["title"])


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


def _range_of(release: Release, column: Column) -> Mapping[str, float]:
    """Smallest number, quartiles and largest, of a variable that holds numbers."""
    if column.variable.kind not in NUMERIC or column.numbers:
        return {}
    counts = counts_of(release.cells(column.name))
    missing = column.variable.missing_codes
    numbers = sorted(
        float(code)
        for code, n in counts.items()
        if code not in missing
        for _ in range(n)
    )
    if len(numbers) < 2:
        return {}
    lower, median, upper = quantiles(numbers, n=4, method="inclusive")
    return {
        "smallest": numbers[0],
        "lower quartile": lower,
        "median": median,
        "upper quartile": upper,
        "largest": numbers[-1],
    }


def _words(
    questionnaire: Questionnaire, references: Mapping[str, str]
) -> Callable[[Expression], Markup]:
    def words(expression: Expression) -> Markup:
        said = str(escape(describe(expression, questionnaire, references)))
        # A label may run the other way than the English sentence.
        return Markup(re.sub("“([^”]*)”", r"“<bdi>\1</bdi>”", said))

    return words


def _shuffled(draws: tuple[Draw, ...], question: Question) -> str:
    """What is said about the order of choices or items."""
    if question.kind == "list_experiment":
        return "Items in an order drawn for each respondent"
    if question.parameters == "randomize=reverse":
        return "Shown in reverse order to a random half of the respondents"
    what = "Items" if question.items else "Choices"
    is_drawn = any(draw.name == f"{question.name}_order" for draw in draws)
    return f"{what} in an order drawn for each respondent" if is_drawn else ""


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
