"""Translations to and from the tools of translators: PO files, and how complete."""

import io
from collections.abc import Iterable, Mapping

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

DRAFT = '"X-Translation-Status: draft awaiting adjudication\\n"\n'


def write_catalog(
    language: str,
    entries: Iterable[tuple[str, str, str]],
    *,
    survey: str,
    draft: bool = True,
) -> str:
    r"""Write one PO file.

    Parameters
    ----------
    language : str
    entries : iterable of (context, English, translation)
        An empty translation is still to be made.
    survey : str
        Its name, for the header.
    draft : bool
        Say in the header that the translation awaits adjudication.

    Examples
    --------
    >>> text = write_catalog("de", [("age.label", "Age", "Alter")], survey="tea")
    >>> 'msgctxt "age.label"\nmsgid "Age"\nmsgstr "Alter"' in text
    True
    """
    catalog = Catalog(project=survey, version="1", fuzzy=False)
    for context, english, translation in entries:
        catalog.add(english, translation, context=context)
    file = io.BytesIO()
    write_po(file, catalog, width=0, omit_header=True)
    head = (
        f'msgid ""\nmsgstr ""\n"Project-Id-Version: {survey} 1\\n"\n'
        f'"Language: {language}\\n"\n"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n' + DRAFT * draft
    )
    return f"{head}\n{file.getvalue().decode()}"


Texts = Mapping[str, str]
