"""Texts of LimeSurvey's editor, which are HTML, as the texts of a survey."""

import re
from html.parser import HTMLParser

_AROUND = {"strong": "**", "b": "**", "em": "*", "i": "*"}
_BLOCKS = {"p", "div", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6"}
_SPOKEN = {*_AROUND, *_BLOCKS, "br", "li", "span", "font", "u"}
_SPECIAL = re.compile(r"([\\`*_\[<#>~]|&(?=[#A-Za-z0-9]+;))")
_EMPTY = re.compile(r"(?m)^(- )?[* ]+$")
"""Emphasis of nothing, which would be a line across the page."""

_UNDERLINE = re.compile(r"(?m)^(?=[-=+ ]+$)([-=+])")


def read_markup(text: str) -> tuple[str, list[str]]:
    r"""Keep paragraphs, emphasis and lists; name what is left out.

    Returns
    -------
    text, left_out
        The text in the part of CommonMark that a survey may use, and the names of the
        elements that have no place in it, such as ``img``.

    Examples
    --------
    >>> read_markup("<p>Do you <b>often</b> drink tea?</p><p>Or 2*3?</p>")
    ('Do you **often** drink tea?\n\nOr 2\\*3?', [])
    """
    reader = _Reader()
    reader.feed(text)
    reader.close()
    joined = "".join(reader.parts)
    joined = re.sub(r"[ \t\xa0]*\n[ \t]*", "\n", joined)
    joined = _UNDERLINE.sub(r"\\\1", _EMPTY.sub("", joined))
    return re.sub(r"\n{3,}", "\n\n", joined).strip(), sorted(reader.left_out)


class _Reader(HTMLParser):
    """What stands in the text, part by part."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.left_out: set[str] = set()
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag in ("script", "style"):
            self.silent += 1
        if tag not in _SPOKEN:
            self.left_out.add(tag)
        self.parts.append(_AROUND.get(tag, ""))
        if tag in _BLOCKS or tag == "br":
            self.parts.append("\n\n")
        elif tag == "li":
            self.parts.append("\n- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.silent -= 1
        self.parts.append(_AROUND.get(tag, "\n\n" if tag in _BLOCKS else ""))

    def handle_data(self, data: str) -> None:
        if not self.silent:
            # A placeholder keeps the names of its variables.
            words = re.split(r"(\{[^{}]*\})", re.sub(r"\s+", " ", data))
            words[::2] = [_SPECIAL.sub(r"\\\1", word) for word in words[::2]]
            self.parts += words
