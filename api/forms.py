"""What a browser posts: read strictly, refused without an echo."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request

from .errors import FormFromElsewhere, FormTypeUnknown, FormUnreadable

URL_ENCODED = "application/x-www-form-urlencoded"
MOST_FIELDS = 1_000


@dataclass(frozen=True)
class Form:
    """The values of each control, by its name."""

    fields: Mapping[str, list[str]]

    def one(self, name: str) -> str:
        """Return the value of a control that is sent once; an empty text if it is not.

        Raises
        ------
        FormUnreadable
            When it was sent more than once.
        """
        values = self.fields.get(name, [""])
        if len(values) > 1:
            raise FormUnreadable(f"control {name!r} was sent {len(values)} times")
        return values[0]

    def choice(self, name: str, offered: Container[str]) -> str:
        """Return the value of a control that offers some values.

        Raises
        ------
        FormUnreadable
            When it is not one of them.
        """
        value = self.one(name)
        if value not in offered:
            raise FormUnreadable(f"control {name!r} does not offer this value")
        return value

    def allow(self, *names: str) -> None:
        """Refuse a form with a control that its page does not have."""
        unknown = len(set(self.fields) - set(names))
        if unknown:
            raise FormUnreadable(f"{unknown} controls are not on the page")


async def read_form(request: Request) -> Form:
    """Read a form that was posted from a page of this service.

    Raises
    ------
    FormTypeUnknown, FormFromElsewhere, FormUnreadable
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != URL_ENCODED:
        raise FormTypeUnknown("the body is not a URL-encoded form")
    if not _is_from_here(request):
        raise FormFromElsewhere("the form is on a page of another site")
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise FormUnreadable("the body cannot be decoded") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in name + value:
            raise FormUnreadable("the body has a NUL character")
        fields.setdefault(name, []).append(value)
    return Form(fields)


FormDep = Annotated[Form, Depends(read_form)]


def _is_from_here(request: Request) -> bool:
    """Believe what the browser says about where the form is, if it says something.

    Browsers that send no ``Sec-Fetch-Site`` send ``Origin: null`` from our pages,
    because these say ``no-referrer``; so null proves nothing and is let through.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin", "null")
    return origin == "null" or urlsplit(origin).netloc == request.headers.get("host")
