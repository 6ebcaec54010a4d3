"""Translations to and from the tools of translators, and how complete they are."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from lxml import etree

from .catalogs import is_draft, read_catalog, translate
from .documents import CONTROL_CHARACTER, read_document
from .errors import AuthoringError, Mistake
from .questionnaire import Questionnaire
from .study import Study
from .texts import translate_questionnaire, translate_study

XLIFF = "urn:oasis:names:tc:xliff:document:1.2"
MAX_XLIFF_CHARACTERS = 5_000_000

_DRAFT = '"X-Translation-Status: draft awaiting adjudication\\n"\n'


@dataclass(frozen=True)
class Entry:
    """One text and its translation.

    Attributes
    ----------
    context : str
        Where the text stands, such as ``age.label``.
    english : str
    translation : str
        Empty where there is none yet.
    problem : str
        What is wrong with the translation, or empty.
    """

    context: str
    english: str
    translation: str = ""
    problem: str = ""


def entries_of(files: Mapping[str, str], language: str) -> list[Entry]:
    """List every text of a survey with its translation into one language.

    Parameters
    ----------
    files : mapping of str to str
        The files of a survey by name; the PO file of the language may be missing or
        incomplete.
    language : str

    Returns
    -------
    list of Entry
        The title, the choices, pages with their questions, then the study.

    Raises
    ------
    AuthoringError
        If questionnaire, study or PO file cannot be read.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from surveys import load
    >>> survey = load(files("surveys") / "definitions" / "social_credit")
    >>> entries = entries_of(survey.files, "de")
    >>> entries[0].context, entries[0].english[:10], entries[0].translation[:7]
    ('title', 'Technology', 'Technik')
    """
    questionnaire, mistakes = read_document(
        "questionnaire.yaml", files.get("questionnaire.yaml", ""), Questionnaire
    )
    study, more = read_document("study.yaml", files.get("study.yaml", ""), Study)
    catalog, unreadable = read_catalog(
        f"{language}.po", files.get(f"{language}.po", "")
    )
    mistakes = [*mistakes, *more, *unreadable]
    if questionnaire is None or study is None or mistakes:
        raise AuthoringError(tuple(mistakes))
    entries: dict[str, Entry] = {}

    def note(context: str, english: str) -> str:
        text, problem = translate(catalog, context, english)
        entries[context] = Entry(context, english, "" if problem else text, problem)
        return english

    translate_questionnaire(questionnaire, note)
    translate_study(study, note)
    return list(entries.values())


def completeness(files: Mapping[str, str]) -> pd.DataFrame:
    """How complete each translation of a survey is.

    Parameters
    ----------
    files : mapping of str to str
        The files of a survey by name.

    Returns
    -------
    DataFrame
        One row per language: ``texts``, ``translated``, ``missing``, ``stale`` (the
        English was changed since), ``other`` (marked fuzzy, other answers, markup),
        ``draft``.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from surveys import load
    >>> survey = load(files("surveys") / "definitions" / "social_credit")
    >>> completeness(survey.files)[["missing", "stale", "draft"]].head(2)
              missing  stale  draft
    language
    ar              0      0   True
    de              0      0   True
    """
    rows = {}
    for file in sorted(files):
        language, dot, ending = file.rpartition(".")
        if not dot or ending != "po":
            continue
        problems = [entry.problem for entry in entries_of(files, language)]
        missing = sum(problem.startswith("is missing") for problem in problems)
        stale = sum(problem.startswith("is of another") for problem in problems)
        wrong = sum(map(bool, problems))
        rows[language] = {
            "texts": len(problems),
            "translated": len(problems) - wrong,
            "missing": missing,
            "stale": stale,
            "other": wrong - missing - stale,
            "draft": is_draft(files[file]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("language")


def write_catalog(
    language: str, entries: Iterable[Entry], *, survey: str, draft: bool = True
) -> str:
    r"""Write one PO file.

    Parameters
    ----------
    language : str
    entries : iterable of Entry
    survey : str
        Its name, for the header.
    draft : bool
        Say in the header that the translation awaits adjudication.

    Examples
    --------
    >>> text = write_catalog("de", [Entry("age.label", "Age", "Alter")], survey="tea")
    >>> 'msgctxt "age.label"\nmsgid "Age"\nmsgstr "Alter"' in text
    True
    """
    catalog = Catalog(fuzzy=False)
    for entry in entries:
        catalog.add(entry.english, entry.translation, context=entry.context)
    file = io.BytesIO()
    write_po(file, catalog, width=0, omit_header=True)
    head = (
        f'msgid ""\nmsgstr ""\n"Project-Id-Version: {survey} 1\\n"\n'
        f'"Language: {language}\\n"\n"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n' + _DRAFT * draft
    )
    return f"{head}\n{file.getvalue().decode()}"


def write_xliff(language: str, entries: Iterable[Entry], *, survey: str) -> bytes:
    """Write an XLIFF 1.2 file, which translation tools read.

    Parameters
    ----------
    language : str
    entries : iterable of Entry
        What is wrong with a translation becomes a note.
    survey : str

    Examples
    --------
    >>> text = write_xliff("de", [Entry("age.label", "Age", "Alter")], survey="tea")
    >>> read_xliff(text)
    ('de', [Entry(context='age.label', english='Age', translation='Alter', problem='')])
    """
    root = etree.Element(f"{{{XLIFF}}}xliff", version="1.2", nsmap={None: XLIFF})
    about = {"source-language": "en", "target-language": language}
    about |= {"datatype": "plaintext", "original": survey}
    body = etree.SubElement(
        etree.SubElement(root, f"{{{XLIFF}}}file", about), f"{{{XLIFF}}}body"
    )
    for entry in entries:
        unit = etree.SubElement(body, f"{{{XLIFF}}}trans-unit", id=entry.context)
        space = "{http://www.w3.org/XML/1998/namespace}space"
        unit.set(space, "preserve")
        source = etree.SubElement(unit, f"{{{XLIFF}}}source")
        source.text = CONTROL_CHARACTER.sub("", entry.english)
        state = "translated" if entry.translation else "needs-translation"
        target = etree.SubElement(unit, f"{{{XLIFF}}}target", state=state)
        target.text = CONTROL_CHARACTER.sub("", entry.translation)
        if entry.problem:
            etree.SubElement(unit, f"{{{XLIFF}}}note").text = entry.problem
    text: bytes = etree.tostring(
        root, encoding="UTF-8", xml_declaration=True, pretty_print=True
    )
    return text


def read_xliff(content: bytes, file: str = "XLIFF") -> tuple[str, list[Entry]]:
    """Read an XLIFF 1.2 file: the language, and the entries.

    Parameters
    ----------
    content : bytes
    file : str
        Its name, for the mistakes.

    Raises
    ------
    AuthoringError
        If it is no XLIFF 1.2 file, or holds entities or inline elements.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    refuse = partial(Mistake, file, "")
    if len(content) > MAX_XLIFF_CHARACTERS:
        raise AuthoringError((refuse(f"has {len(content):,} bytes; take a part"),))
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        what = f"is no XML ({error.msg}); export it again as XLIFF 1.2"
        raise AuthoringError((refuse(what),)) from error
    found = root.find(f"{{{XLIFF}}}file")
    if found is None or not found.get("target-language"):
        what = "is no XLIFF 1.2 file with a target language; export it again as one"
        raise AuthoringError((refuse(what),))
    entries, mistakes = [], []
    for unit in found.iter(f"{{{XLIFF}}}trans-unit"):
        texts = []
        for tag in ("source", "target"):
            part = unit.find(f"{{{XLIFF}}}{tag}")
            if part is not None and len(part):
                what = f"{tag} holds elements; write its text without them"
                mistakes.append(Mistake(file, unit.get("id", ""), what))
            texts.append("" if part is None else part.text or "")
        entries.append(Entry(unit.get("id", ""), *texts))
    if mistakes:
        raise AuthoringError(tuple(mistakes))
    return found.get("target-language"), entries
