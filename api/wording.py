"""What authors write becomes safe HTML, with a respondent's answers filled in."""

import re
from collections.abc import Mapping
from functools import lru_cache
from html import unescape

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

PIPED = re.compile(r"\$\{(\w+)\}")

_markdown = MarkdownIt("zero", {"html": False}).enable(
    ["paragraph", "list", "newline", "escape", "entity", "emphasis", "balance_pairs"]
)


def inline(text: str, answers: Mapping[str, str] | None = None) -> Markup:
    """Return one line of an author's text as HTML.

    ``answers`` fill ``${variable}``. They are put in after the text has become HTML,
    so nothing in them is ever read as Markdown or HTML.

    Examples
    --------
    >>> inline("You said *${drink}*.", {"drink": "<b>tea</b> *now*"})
    Markup('You said <em><bdi>&lt;b&gt;tea&lt;/b&gt; *now*</bdi></em>.')
    """
    return _filled(_inline(text), answers or {})


def block(text: str, answers: Mapping[str, str] | None = None) -> Markup:
    """Return an author's paragraphs and lists as HTML, filled in like a line."""
    return _filled(_block(text), answers or {})


def plain(text: str) -> str:
    r"""Return the words that a reader of the HTML sees, one paragraph a line.

    Examples
    --------
    >>> plain("We *ask*\n\n- you\n- them")
    'We ask\nyou\nthem'
    """
    words = unescape(re.sub(r"<[^>]*>", "", _block(text)))
    return "\n".join(line for line in words.splitlines() if line.strip())


@lru_cache(4096)
def _inline(text: str) -> str:
    html: str = _markdown.renderInline(text)
    return html


@lru_cache(4096)
def _block(text: str) -> str:
    html: str = _markdown.render(text)
    return html


def _filled(html: str, answers: Mapping[str, str]) -> Markup:
    def fill(found: re.Match[str]) -> str:
        return f"<bdi>{escape(answers.get(found[1], ''))}</bdi>"

    return Markup(PIPED.sub(fill, html))
