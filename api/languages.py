"""The languages of pages: which one a browser asks for, and the texts of the frame."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files

from babel import Locale
from babel.dates import format_date

from surveys import languages

SIMPLIFIED = frozenset({"zh", "zh-cn", "zh-sg", "zh-my"})
TRADITIONAL = frozenset({"zh-tw", "zh-hk", "zh-mo"})
TRANSLATIONS = files("api") / "translations"
AVAILABLE = (
    "en",
    *sorted(
        file.name.removesuffix(".po")
        for file in TRANSLATIONS.iterdir()
        if file.name.endswith(".po")
    ),
)
"""Languages that the frame speaks."""


@dataclass(frozen=True)
class Language(languages.Language):
    """One language of the frame round the questions."""

    def count(self, singular: str, plural: str, number: int) -> str:
        """Translate a message in the grammatical number that fits ``{number}``."""
        return self.translations.ngettext(singular, plural, number).format(
            number=number
        )

    def date(self, day: date) -> str:
        """Say a day in words."""
        return format_date(day, format="long", locale=self.locale)


@lru_cache
def language(tag: str) -> Language:
    """Return a language with its texts; English texts where there is no PO file."""
    translations = languages.read_translations(TRANSLATIONS, tag)
    return Language(tag, Locale.parse(tag, sep="-"), translations)


def negotiate(accepted: str, languages: Sequence[str]) -> str:
    """Return the language among ``languages`` that a browser likes best.

    Parameters
    ----------
    accepted : str
        The header ``Accept-Language``; anything at all, it comes from outside.
    languages : sequence of str
        The languages of the survey; the first is taken where none fits.

    Examples
    --------
    >>> negotiate("zh-CN,de;q=0.9", ["en", "de", "zh-Hans"])
    'zh-Hans'
    >>> negotiate("ja, de-AT;q=0.4, fr;q=0", ["en", "de", "fr"])
    'de'
    """
    wishes = []
    for part in accepted[:1000].split(","):
        tag, _, rest = part.strip().partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", rest)
        wishes.append((float(quality[1]) if quality else 1.0, tag.strip().lower()))
    known = {tag.lower(): tag for tag in languages}
    for liking, tag in sorted(wishes, key=lambda wish: -wish[0]):
        for candidate in (tag, _written(tag), tag.partition("-")[0]):
            if liking and candidate in known:
                return known[candidate]
    return languages[0]


def _written(tag: str) -> str:
    """Chinese by its script: a browser sends the region, a survey has the script."""
    if tag in SIMPLIFIED or tag.startswith("zh-hans"):
        return "zh-hans"
    if tag in TRADITIONAL or tag.startswith("zh-hant"):
        return "zh-hant"
    return tag
