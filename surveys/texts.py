"""The texts of a survey: which there are, their translation, answers put into them."""

import re
from collections.abc import Callable, Iterator, Mapping

from babel.core import Locale
from babel.lists import format_list
from markdown_it import MarkdownIt

from .expressions import Answer
from .questionnaire import Answers, Choice, Item, Page, Question, Questionnaire
from .study import RESPONDENT_TEXTS, Study

Translate = Callable[[str, str], str]
"""From the context of a text (its ``msgctxt``) and the English to a translation."""

LookUp = Callable[[str, str], tuple[str, str]]
"""The same, and what is wrong with the translation, or an empty string."""

PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
"""``${name}``: the answer to an earlier question, in a text."""

MAX_CHARACTERS = 10_000

_MARKDOWN = MarkdownIt("commonmark")

_MARKUP = {
    *("paragraph", "inline", "text", "text_special", "softbreak", "hardbreak"),
    *("em", "strong", "bullet_list", "ordered_list", "list_item"),
}
"""The part of CommonMark that texts may use."""


def translate_questionnaire(
    questionnaire: Questionnaire, translate: Translate
) -> Questionnaire:
    """Replace every text that respondents read; empty ones stay empty.

    Examples
    --------
    >>> page = Page(
    ...     name="you", questions=[{"type": "note", "name": "a", "label": "Hi"}]
    ... )
    >>> shouted = translate_questionnaire(
    ...     Questionnaire(title="You", pages=[page]),
    ...     lambda context, english: f"{context}: {english.upper()}",
    ... )
    >>> shouted.title, shouted.pages[0].questions[0].label
    ('title: YOU', 'a.label: HI')
    """

    def page_in(page: Page) -> Page:
        label = _translated(page, f"pages.{page.name}", translate)
        questions = tuple(question_in(question) for question in page.questions)
        return page.model_copy(update={**label, "questions": questions})

    def question_in(question: Question) -> Question:
        texts = _translated(question, question.name, translate)
        items = tuple(
            item.model_copy(
                update=_translated(item, f"{question.name}.{item.name}", translate)
            )
            for item in question.items
        )
        return question.model_copy(update={**texts, "items": items})

    def choice_in(choice: Choice, list_name: str) -> Choice:
        context = f"choices.{list_name}.{choice.name}"
        return choice.model_copy(update=_translated(choice, context, translate))

    return questionnaire.model_copy(
        update={
            "title": translate("title", questionnaire.title),
            "choices": {
                name: tuple(choice_in(choice, name) for choice in choices)
                for name, choices in questionnaire.choices.items()
            },
            "pages": tuple(page_in(page) for page in questionnaire.pages),
        }
    )


def translate_study(study: Study, translate: Translate) -> Study:
    """Replace the texts of a study that respondents read."""
    return study.model_copy(
        update={
            field: translate(f"study.{field}", getattr(study, field))
            for field in RESPONDENT_TEXTS
        }
    )


def fill(text: str, context: Answers, questionnaire: Questionnaire) -> str:
    """Put answers into a text: ``${country}`` becomes the label of the chosen choice.

    The result is a plain text, not markup: what a respondent typed is in it as typed.

    Parameters
    ----------
    text
        A text of the questionnaire.
    context
        Answers, random assignment and system variables by name.
    questionnaire
        In the respondent's language; it has the labels.

    Examples
    --------
    >>> page = Page(name="you", questions=[{"type": "integer", "name": "age"}])
    >>> questionnaire = Questionnaire(title="You", pages=[page])
    >>> fill("You are ${age}.", {"age": 34}, questionnaire)
    'You are 34.'
    """
    if "${" not in text:
        return text
    questions = {
        name: question
        for question in questionnaire.questions
        for name in question.variables
    }
    language = str(context.get("language", "en"))

    def answer(match: re.Match[str]) -> str:
        question = questions[match[1]]
        labels = {
            choice.name: choice.label for choice in questionnaire.choices_of(question)
        }
        return _worded(context.get(match[1]), labels, language)

    return PLACEHOLDER.sub(answer, text)


def find_markup(text: str) -> Iterator[str]:
    """Say what a text may not hold: HTML, links, images, headings, code.

    Examples
    --------
    >>> list(find_markup("Read **this**, not [that](https://example.org)."))
    ['holds a link; texts have paragraphs, *emphasis*, **strong** and lists only']
    """
    if len(text) > MAX_CHARACTERS:
        yield f"has {len(text):,} characters; a text has at most {MAX_CHARACTERS:,}"
        return
    blocks = _MARKDOWN.parse(text)
    tokens = [token for block in blocks for token in (block, *(block.children or ()))]
    kinds = {
        token.type.removesuffix("_open").removesuffix("_close") for token in tokens
    }
    for kind in sorted(kinds - _MARKUP):
        named = f"holds a {kind.replace('_', ' ')}"
        yield f"{named}; texts have paragraphs, *emphasis*, **strong** and lists only"


def _worded(answer: Answer, labels: Mapping[str, str], language: str) -> str:
    if answer is None:
        return ""
    if isinstance(answer, tuple):
        words = [labels.get(name, name) for name in answer]
        return format_list(words, locale=Locale.parse(language, sep="-"))
    return labels.get(str(answer), str(answer))


def _translated(
    part: Page | Question | Item | Choice, context: str, translate: Translate
) -> dict[str, str]:
    texts = {
        field: getattr(part, field)
        for field in ("label", "hint", "constraint_message")
        if getattr(part, field, "")
    }
    return {
        field: translate(f"{context}.{field}", text) for field, text in texts.items()
    }
