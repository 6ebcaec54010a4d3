"""A questionnaire as an XLSForm workbook."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import xlsxwriter

from ..experiments import draws_of
from ..questionnaire import Page, Question, Questionnaire
from ..survey import Survey
from .columns import LOGIC_COLUMNS, MARK, TEXT_COLUMNS, write_header, write_mark

Row = Mapping[str, str]

SYSTEM_VALUES = {"language": "'en'", "open_countries": "''"}
"""What stands for the variables that Parallax gives and other software does not."""


def write_xlsform(survey: Survey, path: Path) -> None:
    """Write the questionnaire of a survey as an XLSForm, in every language.

    Whatever XLSForm has no word for (batteries, list experiments, arms, shuffled
    pages, scales turned round) is written as what comes nearest, so that other
    software can run the form, with the rest in the column ``parallax``;
    :func:`read_xlsform` reads it without loss.

    Parameters
    ----------
    survey : Survey
    path : Path
        An .xlsx file.
    """
    questionnaires = survey.questionnaires
    texts = [
        write_header(column, language)
        for column in TEXT_COLUMNS
        for language in questionnaires
    ]
    labels = texts[: len(questionnaires)]
    choices = list(_choice_rows(questionnaires))
    more = dict.fromkeys(
        key
        for row in choices
        for key in row
        if key not in ("list_name", "name", *labels)
    )
    settings = {
        "form_title": survey.questionnaire.title,
        "form_id": survey.name,
        "default_language": labels[0].partition("::")[2],
        "style": "pages",
        **{
            write_header("form_title", language): questionnaire.title
            for language, questionnaire in questionnaires.items()
            if language != "en"
        },
    }
    sheets: dict[str, tuple[Sequence[str], Sequence[Row]]] = {
        "survey": (
            ["type", "name", *texts, *LOGIC_COLUMNS, MARK],
            list(_survey_rows(questionnaires)),
        ),
        "choices": (["list_name", "name", *labels, *more], choices),
        "settings": (list(settings), [settings]),
    }
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(path, options) as workbook:
        for name, (head, rows) in sheets.items():
            sheet = workbook.add_worksheet(name)
            sheet.freeze_panes(1, 2)
            sheet.write_row(0, 0, head)
            for at, row in enumerate(rows, start=1):
                for column, key in enumerate(head):
                    if row.get(key):
                        sheet.write_string(at, column, row[key])


def _survey_rows(questionnaires: Mapping[str, Questionnaire]) -> Iterator[Row]:
    english = questionnaires["en"]
    for name, value in SYSTEM_VALUES.items():
        yield _calculate(name, value, "system")
    labels = {each.name: each.label for each in english.experiments}
    for draw in draws_of(english):
        first, *others = draw.options
        drawn = f"'{first}'"
        for left, option in enumerate(others, start=2):
            drawn = f"if(random() < 1 div {left}, '{option}', {drawn})"
        value = f"'{' '.join(draw.options)}'" if draw.is_order else f"once({drawn})"
        kind = "experiment" if draw.name in labels else "assignment"
        yield _calculate(draw.name, value, kind) | {
            write_header("label", "en"): labels.get(draw.name, "")
        }
    for at, page in enumerate(english.pages):
        pages = {
            language: questionnaire.pages[at]
            for language, questionnaire in questionnaires.items()
        }
        yield {
            "type": "begin_group",
            "name": f"page_{page.name}",
            **_texts(pages),
            "relevant": _source(page, "relevant"),
            "appearance": "field-list",
            MARK: write_mark("page", name=page.name, shuffle=page.shuffle or ""),
        }
        for number in range(len(page.questions)):
            yield from _question_rows(
                {language: each.questions[number] for language, each in pages.items()}
            )
        yield {"type": "end_group"}


def _question_rows(translations: Mapping[str, Question]) -> Iterator[Row]:
    question = translations["en"]
    common = {
        "name": question.name,
        **_texts(translations),
        **{
            key: _source(question, key)
            for key in ("relevant", "constraint", "choice_filter", "calculation")
        },
        "appearance": question.appearance,
    }
    random = question.parameters.removeprefix("randomize=")
    match question.kind:
        case "battery":
            mark = write_mark("battery", list=question.list_name, randomize=random)
            yield common | {"type": "begin_group", MARK: mark}
            for at, item in enumerate(question.items):
                yield {
                    "type": f"select_one {question.list_name}",
                    "name": f"{question.name}_{item.name}",
                    **_texts(
                        {code: each.items[at] for code, each in translations.items()}
                    ),
                    MARK: write_mark("item", name=item.name),
                }
            yield {"type": "end_group"}
        case "list_experiment":
            mark = write_mark("list_experiment", randomize=random)
            yield common | {"type": "integer", MARK: mark}
        case "likert":
            mark = write_mark(
                "likert", randomize=random, appearance=question.appearance
            )
            yield common | {
                "type": f"select_one {question.list_name}",
                "appearance": "likert",
                MARK: mark,
            }
        case _:
            is_native = question.parameters in ("", "randomize=true")
            yield common | {
                "type": question.type,
                "parameters": question.parameters if is_native else "",
                MARK: "" if is_native else write_mark("question", randomize=random),
            }


def _choice_rows(questionnaires: Mapping[str, Questionnaire]) -> Iterator[Row]:
    english = questionnaires["en"]
    for list_name, choices in english.choices.items():
        for at, choice in enumerate(choices):
            yield {
                "list_name": list_name,
                "name": choice.name,
                **_texts(
                    {
                        language: questionnaire.choices[list_name][at]
                        for language, questionnaire in questionnaires.items()
                    }
                ),
                "missing": choice.missing or "",
                "exclusive": "yes" if choice.exclusive else "",
                **choice.columns,
            }
    for experiment in english.experiments:
        for arm in experiment.arms:
            yield {
                "list_name": experiment.name,
                "name": arm.name,
                write_header("label", "en"): arm.label,
                MARK: write_mark("arm"),
            }
    questions = [list(each.questions) for each in questionnaires.values()]
    for same in zip(*questions, strict=True):
        if same[0].kind != "list_experiment":
            continue
        translations = dict(zip(questionnaires, same, strict=True))
        for at, item in enumerate(same[0].items):
            yield {
                "list_name": same[0].name,
                "name": item.name,
                **_texts({code: each.items[at] for code, each in translations.items()}),
                MARK: write_mark("item", sensitive="yes" if item.sensitive else ""),
            }


def _calculate(name: str, value: str, kind: str) -> dict[str, str]:
    return {"type": "calculate", "name": name, "calculation": value, MARK: kind}


def _texts(parts: Mapping[str, object]) -> dict[str, str]:
    """Texts of the same part in every language, by header."""
    return {
        write_header(column, language): str(getattr(part, column, ""))
        for column in TEXT_COLUMNS
        for language, part in parts.items()
    }


def _source(part: Page | Question, key: str) -> str:
    expression = getattr(part, key)
    return "" if expression is None else str(expression.source)
