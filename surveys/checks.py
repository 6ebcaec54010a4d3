"""What a form alone cannot show: whether the parts of a survey fit together."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from itertools import groupby

from babel.core import Locale, UnknownLocaleError

from .codebook import MISSING_CODES, RECORD_COLUMNS, WEIGHT, columns_of
from .errors import Mistake, suggest
from .experiments import draws_of
from .questionnaire import (
    QUESTION_TYPES,
    SYSTEM_VARIABLES,
    Arm,
    Choice,
    Item,
    Page,
    Question,
    Questionnaire,
)
from .study import Study
from .survey import Survey
from .texts import translate_questionnaire, translate_study

Finding = tuple[str, str]
"""Where a mistake is, and what it is."""

MAX_NAME = 32
"""The longest column name that Stata takes."""

RESERVED_NAMES = {
    *SYSTEM_VARIABLES,
    *RECORD_COLUMNS,
    WEIGHT.name,
    *("action", "state", "title", "pages", "choices", "study"),
}
"""Names that forms, releases and translation files use themselves."""

UNWRITTEN = re.compile(r"\[\[(.+?)\]\]", re.DOTALL)
"""``[[what an author still has to write]]``, in any text."""


def check_questionnaire(questionnaire: Questionnaire) -> Iterator[Finding]:
    """Find what does not fit in a questionnaire, expressions aside."""
    yield from _check_languages(questionnaire)
    yield from _check_names(questionnaire)
    yield from _check_pages(questionnaire)
    for name, choices in questionnaire.choices.items():
        yield from _check_choices(f"choices '{name}'", choices)
    for page in questionnaire.pages:
        for question in page.questions:
            for what in _check_question(question, questionnaire):
                yield place(page, question), what


def check_study(study: Study, questionnaire: Questionnaire) -> Iterator[Finding]:
    """Find what in a study does not fit its questionnaire."""
    questions = {
        name: question
        for question in questionnaire.questions
        for name in {question.name, *columns_of(questionnaire, question)}
    }
    choices = {
        name: {choice.name for choice in questionnaire.choices_of(question)}
        for question in questionnaire.questions
        for name in question.variables
        if question.kind in ("select_one", "likert", "battery")
    }
    counts = {
        name for name, asked in questions.items() if asked.kind == "list_experiment"
    }
    arms = {
        experiment.name: {arm.name for arm in experiment.arms}
        for experiment in questionnaire.experiments
    }
    draws = {draw.name for draw in draws_of(questionnaire)}
    columns = {*questions, *draws, *RECORD_COLUMNS}
    used: list[tuple[str, str, Iterable[str], Collection[str]]] = [
        ("quasi_identifiers", "variable", study.quasi_identifiers, columns),
        ("sensitive", "variable", study.sensitive, columns),
        ("labels", "variable", study.labels, columns),
    ]
    if study.margins and "country" not in choices:
        what = "weights are fitted within countries; ask for 'country', or leave out"
        yield "margins", f"{what} margins"
    for margin in study.margins:
        used.append(("margins", "question with choices", margin, {*choices, "country"}))
    if "country" in choices:
        used.append(("countries", "choice", study.countries, choices["country"]))
    plan = study.report
    if plan:
        used.append(("report, chart", "question with choices", [plan.chart], choices))
        shares = [("report, headline", plan.headline.outcome, plan.headline.share_of)]
        if plan.sensitive:
            where, both = "report, sensitive", plan.sensitive
            shares.append((where, both.direct, both.share_of))
            used.append((where, "list experiment", [both.count], counts))
        if plan.arm_effect:
            where, effect = "report, arm_effect", plan.arm_effect
            shares.append((where, effect.outcome, effect.share_of))
            used.append((where, "experiment", [effect.experiment], arms))
            reference = [effect.reference]
            declared = arms.get(effect.experiment, set(reference))
            used.append((where, "arm", reference, declared))
        for where, outcome, names in shares:
            used.append((where, "question with choices", [outcome], choices))
            used.append((where, "choice", names, choices.get(outcome, names)))
    for where, noun, needed, known in used:
        for name in needed:
            if name not in known:
                yield where, f"there is no {noun} '{name}'; {suggest(name, known)}"
    yield from _check_recodings(study, questionnaire)


def _check_recodings(study: Study, questionnaire: Questionnaire) -> Iterator[Finding]:
    """Find recodings that would not make quasi-identifiers coarser."""
    questions = {question.name: question for question in questionnaire.questions}
    for name, recoding in study.recodings.items():
        where = f"recodings, {name}"
        kind = questions[name].kind if name in questions else ""
        wanted = _BANDED if isinstance(recoding, float) else _MERGED
        if name not in study.quasi_identifiers or name == "country":
            known = set(study.quasi_identifiers) - {"country"}
            yield where, f"this is no quasi-identifier; {suggest(name, known)}"
        elif kind not in wanted:
            yield where, f"only {' and '.join(wanted)} can be recoded like this"
        elif isinstance(recoding, float):
            if recoding <= 0:
                yield where, "the width of bands is more than 0"
            elif kind == "integer" and recoding % 1:
                yield where, "whole numbers need bands of a whole width"
        else:
            choices = questionnaire.choices_of(questions[name])
            known = {choice.name for choice in choices if not choice.missing}
            times = Counter(old for merged in recoding.values() for old in merged)
            for old in times.keys() - known:
                yield where, f"there is no choice '{old}'; {suggest(old, known)}"
            for old in (old for old, count in times.items() if count > 1):
                yield where, f"'{old}' comes twice; merge it into one"
            for new, merged in recoding.items():
                if new in MISSING_CODES or new in known - set(merged):
                    yield where, f"'{new}' stands for something else; choose another"


_MERGED, _BANDED = ("select_one", "likert"), ("integer", "decimal")


def find_unwritten(survey: Survey) -> Iterator[Mistake]:
    """Find what stands in ``[[double brackets]]``: it is still to be written.

    Such texts are no mistakes while a survey is made, but nobody should read them.

    Parameters
    ----------
    survey
        As `load` made it.

    Yields
    ------
    Mistake
        File, where, and what the brackets say. Of a translation only where the English
        is written: the others have to be translated anew anyway.

    Examples
    --------
    >>> from surveys import load_files
    >>> from surveys.schemas import starter
    >>> print(next(find_unwritten(load_files("trains", starter("trains")))))
    study.yaml: asked_by: Write who asks and who pays for it.
    """
    texts: list[tuple[str, str, str]] = []

    def note(file: str, where: str, text: str) -> str:
        texts.append((file, where, text))
        return text

    for language, questionnaire in survey.questionnaires.items():
        files = ("questionnaire.yaml", "study.yaml")
        if language != "en":
            files = (f"{language}.po", f"{language}.po")
        translate_questionnaire(questionnaire, partial(note, files[0]))
        translate_study(survey.studies[language], partial(note, files[1]))
    for item, text in survey.study.disclosure.model_dump().items():
        note("study.yaml", f"disclosure.{item}", str(text))
    for source in survey.population["source"].unique():
        note("population.csv", "source", source)
    in_english = set()
    for file, where, text in texts:
        said = " ".join(" ".join(UNWRITTEN.findall(text)).split())
        if said and where not in in_english:
            if not file.endswith(".po"):
                in_english.add(where)
                where = where.removeprefix("study.")
            yield Mistake(file, where, said)


def place(page: Page, question: Question | None = None) -> str:
    """Name a page, or a question on it, in an author's words."""
    if question is None:
        return f"page '{page.name}'"
    return f"page '{page.name}', question '{question.name}'"


def _check_languages(questionnaire: Questionnaire) -> Iterator[Finding]:
    for language, times in Counter(questionnaire.languages).items():
        try:
            Locale.parse(language, sep="-")
        except (UnknownLocaleError, ValueError):
            what = f"there is no language '{language}'; write it like en or zh-Hans"
            yield "languages", what
        if times > 1:
            yield "languages", f"'{language}' comes twice; take one out"
    if "en" not in questionnaire.languages:
        yield "languages", "'en' is missing; the texts of this file are English"


def _check_names(questionnaire: Questionnaire) -> Iterator[Finding]:
    """Find names of variables and columns that are taken, reserved or too long."""
    claims = [
        (f"random assignment '{draw.name}'", draw.name)
        for draw in draws_of(questionnaire)
    ]
    for page in questionnaire.pages:
        for question in page.questions:
            names = {question.name, *columns_of(questionnaire, question)}
            claims += [(place(page, question), name) for name in sorted(names)]
    owners: dict[str, str] = {}
    for owner, name in claims:
        same = name.casefold()
        if same in owners:
            what = f"the name '{name}' is used by {owners[same]} too; choose another"
            yield owner, what
        elif same in RESERVED_NAMES or same.startswith("consent_"):
            yield owner, f"the name '{name}' is reserved; choose another"
        elif len(name) > MAX_NAME:
            what = (
                f"the column '{name}' has {len(name)} characters, more than {MAX_NAME}"
            )
            yield owner, f"{what}; choose shorter names"
        owners.setdefault(same, owner)


def _check_pages(questionnaire: Questionnaire) -> Iterator[Finding]:
    yield from _check_twice("", questionnaire.pages)
    for experiment in questionnaire.experiments:
        yield from _check_twice(f"experiment '{experiment.name}'", experiment.arms)
    for page in questionnaire.pages:
        if all(question.kind == "calculate" for question in page.questions):
            what = "there is nothing to show; move its calculations to another page"
            yield place(page), what
    groups = [
        (group, len(tuple(pages)))
        for group, pages in groupby(questionnaire.pages, key=lambda page: page.shuffle)
        if group
    ]
    for group, parts in Counter(group for group, _ in groups).items():
        if parts > 1:
            yield f"shuffle '{group}'", "its pages stand apart; put them together"
        elif (group, 1) in groups:
            yield f"shuffle '{group}'", "one page alone; give a second page this group"


def _check_choices(where: str, choices: tuple[Choice, ...]) -> Iterator[Finding]:
    yield from _check_twice(where, choices)
    for code, times in Counter(choice.missing for choice in choices).items():
        if code and times > 1:
            yield where, f"{times} choices are 'missing: {code}'; only one can be"
    for choice in choices:
        at = f"{where}, choice '{choice.name}'"
        if not choice.label:
            yield at, "'label' is missing; add it"
        if choice.name in MISSING_CODES and choice.name != choice.missing:
            what = f"the name '{choice.name}' is kept for missing answers"
            yield at, f"{what}; choose another, or declare 'missing'"


def _check_question(question: Question, questionnaire: Questionnaire) -> Iterator[str]:
    kind = question.kind
    if kind not in QUESTION_TYPES:
        yield f"there is no type '{kind}'; {suggest(kind, QUESTION_TYPES)}"
        return
    if not question.label and kind != "calculate":
        yield "'label' is missing; add it"
    if question.required:
        yield "nothing but consent is required; take 'required' out"
    if "choices" in QUESTION_TYPES[kind]:
        yield from _check_list(question, questionnaire)
    elif question.list_name or question.choice_filter:
        yield f"{kind} has no choices; take the list and 'choice_filter' out"
    if "items" in QUESTION_TYPES[kind]:
        yield from _check_items(question)
    elif question.items:
        yield f"{kind} has no items; take 'items' out"
    if kind in ("note", "calculate") and question.constraint:
        yield f"{kind} has no answer to check; take 'constraint' out"
    if (question.constraint is None) != (not question.constraint_message):
        yield "'constraint' and 'constraint_message' go together; add the other"
    if kind == "calculate" and question.calculation is None:
        yield "'calculation' is missing; add it"
    if kind != "calculate" and question.calculation:
        yield "only the type calculate has a 'calculation'; take it out"
    if question.parameters and not QUESTION_TYPES[kind]:
        yield f"{kind} has nothing to randomize; take 'parameters' out"


def _check_list(question: Question, questionnaire: Questionnaire) -> Iterator[str]:
    kind, name = question.kind, question.list_name
    if not name:
        yield f"{kind} needs a list of choices; write 'type: {kind} name_of_list'"
        return
    if name not in questionnaire.choices:
        lists = questionnaire.choices
        yield f"there is no list of choices '{name}'; {suggest(name, lists)}"
        return
    choices = questionnaire.choices[name]
    if all(choice.missing for choice in choices):
        yield f"the list '{name}' has nothing to choose; add choices"
    if kind != "select_multiple" and any(choice.exclusive for choice in choices):
        yield f"'exclusive' is for select_multiple; take it out of the list '{name}'"
    if kind == "rank" and any(choice.missing for choice in choices):
        yield f"a rank has no missing choices; take them out of the list '{name}'"
    if question.choice_filter:
        for column in sorted(question.choice_filter.columns - {"name"}):
            lacking = [
                choice.name
                for choice in choices
                if not choice.missing and column not in choice.columns
            ]
            if lacking:
                yield (
                    f"'choice_filter' uses '{column}', which {len(lacking)} of"
                    f" {len(choices)} choices in '{name}' do not have; add it to the"
                    f" columns of '{lacking[0]}', or write ${{{column}}} for an answer"
                )


def _check_items(question: Question) -> Iterator[str]:
    if not question.items:
        yield f"{question.kind} needs items; add 'items'"
        return
    for _, what in _check_twice("", question.items):
        yield what
    for item in question.items:
        if not item.label:
            yield f"item '{item.name}' has no label; add one"
    sensitive = sum(item.sensitive for item in question.items)
    others = len(question.items) - sensitive
    if question.kind != "list_experiment":
        if sensitive:
            yield "'sensitive' is for list_experiment; take it out"
        return
    if sensitive != 1:
        yield f"{sensitive} items are sensitive; exactly one is"
    if others < 3:
        yield f"{others} other items; a list experiment needs at least 3 of them"
    if question.parameters == "randomize=reverse":
        yield "a list experiment is always in random order; take 'parameters' out"


def _check_twice(
    where: str, named: Iterable[Arm | Choice | Item | Page]
) -> Iterator[Finding]:
    for (kind, name), times in Counter((type(one), one.name) for one in named).items():
        if times > 1:
            noun = kind.__name__.lower()
            yield where, f"{noun} '{name}' comes {times} times; choose other names"
