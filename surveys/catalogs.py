"""Translations from gettext PO files, one per language."""

import io
import re
from collections.abc import Collection, Iterator, Mapping

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from .documents import find_unreadable
from .errors import Mistake, suggest
from .texts import PLACEHOLDER, find_markup

Catalog = Mapping[str, list[Message]]
"""Messages by context (``msgctxt``)."""

_DRAFT = re.compile(r'^"X-Translation-Status:\s*draft', re.MULTILINE)


def read_catalog(file: str, text: str) -> tuple[Catalog, list[Mistake]]:
    r"""Read one PO file.

    Parameters
    ----------
    file
        Its name, for the mistakes.
    text
        Its content.

    Examples
    --------
    >>> text = 'msgctxt "age.label"\nmsgid "Age"\nmsgstr "Alter"\n'
    >>> catalog, mistakes = read_catalog("de.po", text)
    >>> translate(catalog, "age.label", "Age")
    ('Alter', '')
    >>> translate(catalog, "age.label", "Your age")
    ('Your age', 'is of another English text; translate it again')
    """
    unreadable = find_unreadable(file, text)
    if unreadable:
        return {}, unreadable
    try:
        messages = list(read_po(io.StringIO(text), abort_invalid=True))
    except Exception as error:  # babel lets through whatever a header value raises
        what = f"this is no PO file ({error}); check it with msgfmt"
        return {}, [Mistake(file, "", what)]
    catalog: dict[str, list[Message]] = {}
    for message in messages:
        catalog.setdefault(message.context or "", []).append(message)
    return catalog, []


def translate(catalog: Catalog, context: str, english: str) -> tuple[str, str]:
    """Look up one text.

    Parameters
    ----------
    catalog
        What `read_catalog` returned.
    context
        Where the text stands, such as ``age.label``.
    english
        The text in the YAML.

    Returns
    -------
    text, problem
        The translation and an empty string, or the English and what is wrong.
    """
    found = catalog.get(context, [])
    same = [message for message in found if _stripped(message.id) == english]
    if not same:
        stale = "is of another English text; translate it again"
        return english, stale if found else "is missing; add it"
    translation = _stripped(same[0].string)
    if not translation:
        return english, "is missing; add it"
    if same[0].fuzzy:
        return english, "is marked fuzzy; check it and take the mark off"
    if set(PLACEHOLDER.findall(translation)) != set(PLACEHOLDER.findall(english)):
        return english, "shows other answers than the English; use the same ${...}"
    return translation, next(find_markup(translation), "")


def find_strangers(
    file: str, catalog: Catalog, contexts: Collection[str]
) -> Iterator[Mistake]:
    """Find the entries that translate nothing, after a typing error or a new name.

    Parameters
    ----------
    file
        Its name, for the mistakes.
    catalog
        What `read_catalog` returned.
    contexts
        Of all texts of the survey.
    """
    for context, messages in catalog.items():
        if context and context not in contexts:
            advice = f"take the entry out or rename it; {suggest(context, contexts)}"
            what = f"no text has this msgctxt: {advice}"
            yield Mistake(file, context, what)
        elif not context and any(message.id for message in messages):
            yield Mistake(file, "", "an entry has no msgctxt; say which text it is of")


def is_draft(text: str) -> bool:
    """Whether a PO file says that its translation awaits adjudication."""
    return _DRAFT.search(text) is not None


def _stripped(text: object) -> str:
    return text.strip() if isinstance(text, str) else ""
