"""Whole pages, as researchers see them: in English; no page needs its script."""

from hashlib import sha256
from importlib.resources import files
from typing import Any

from babel import Locale
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from surveys.languages import language
from surveys.survey import Survey

from .workbench import Principal


def _static(name: str) -> tuple[bytes, str]:
    """Read a file and give it an address that changes with its content."""
    content = (files("api") / "static" / name).read_bytes()
    stem, ending = name.split(".")
    return content, f"/static/{stem}.{sha256(content).hexdigest()[:12]}.{ending}"


STYLESHEET, STYLESHEET_PATH = _static("researcher.css")
ICON, ICON_PATH = _static("researcher.svg")

_templates = Environment(
    loader=PackageLoader("api"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)


def render(
    template: str,
    principal: Principal | None,
    *,
    title: str,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Make a page of ``templates/researcher``."""
    frame = {"stylesheet": STYLESHEET_PATH, "icon": ICON_PATH}
    frame |= {"script": "", "problem": "", "survey": ""}
    page = _templates.get_template(f"researcher/{template}.html")
    return HTMLResponse(
        page.render(frame | values, title=title, principal=principal), status
    )


def render_survey(
    template: str, principal: Principal, survey: Survey, **values: Any
) -> HTMLResponse:
    """Make a page of one survey."""
    title = survey.questionnaire.title
    return render(template, principal, title=title, survey=survey.name, **values)


def country_name(code: str) -> str:
    """Name a country in English.

    Examples
    --------
    >>> country_name("DE"), country_name("")
    ('Germany', '')
    """
    return str(Locale("en").territories.get(code, code))


def _percent(share: float | None) -> str:
    return _rounded(None if share is None else 100 * share, 1)


def _rounded(number: float | None, decimals: int = 2) -> str:
    return "" if number is None else f"{number:.{decimals}f}".replace("-", "−")


def _p_value(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


_templates.filters.update(
    percent=_percent,
    rounded=_rounded,
    p_value=_p_value,
    drawing=Markup,
    country=country_name,
    language=lambda tag: language(tag).name,
)
