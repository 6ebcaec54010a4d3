"""The words around an author's texts, in the language of the reader."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Literal

from babel import Locale
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations, Translations

WORDING = files("surveys") / "wording"
"""One PO file per language; a message is its English text."""


@dataclass(frozen=True)
class Language:
    """One language of the words around an author's texts.

    Attributes
    ----------
    tag : str
        Such as ``zh-Hans``.
    locale : Locale
        For numbers, and names of countries.
    translations : NullTranslations
        gettext's; English texts where there is no PO file.
    """

    tag: str
    locale: Locale
    translations: NullTranslations

    @property
    def name(self) -> str:
        """The language's name for itself: ``Deutsch``."""
        return (self.locale.get_display_name(self.locale) or self.tag).capitalize()

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """The value of HTML's ``dir``."""
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    @property
    def is_translated(self) -> bool:
        """Whether its words are its own and not the English ones."""
        return self.tag == "en" or isinstance(self.translations, Translations)

    def text(self, message: str, **values: object) -> str:
        """Translate a message and fill in its ``{names}``."""
        return self.translations.gettext(message).format(**values)

    def code(self, name: str) -> str:
        """Write a name that programs read, the same in every language."""
        return name

    def number(self, number: float) -> str:
        """Write a number with at most three decimals."""
        return str(format_decimal(number, locale=self.locale))

    def share(self, fraction: float) -> str:
        """Write a fraction as a percentage with one decimal."""
        whole = self.locale.percent_formats[None].pattern
        pattern = whole.replace("0", "0.0", 1)
        return format_percent(fraction, format=pattern, locale=self.locale)

    def countries(self, codes: Iterable[str]) -> str:
        """Name countries by their codes of ISO 3166."""
        names = [self.locale.territories.get(code, code) for code in codes]
        return str(format_list(names, locale=self.locale))


@lru_cache
def language(tag: str) -> Language:
    r"""Return a language with its words; English ones where there is no PO file.

    Examples
    --------
    >>> german = language("de")
    >>> german.text("Not asked"), german.share(0.125), german.countries(["DE", "CN"])
    ('Nicht gefragt', '12,5\xa0%', 'Deutschland und China')
    """
    return Language(tag, Locale.parse(tag, sep="-"), read_translations(WORDING, tag))


def read_translations(folder: Traversable, tag: str) -> NullTranslations:
    """Read gettext's messages from the PO file of a language, if there is one."""
    source = folder / f"{tag}.po"
    if not source.is_file():
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source.read_bytes())))
    compiled.seek(0)
    return Translations(compiled)


ENGLISH = language("en")
