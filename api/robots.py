"""Robots that know only HTML: they read a form, fill it in and press a button."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import httpx
from lxml import html

from .errors import DeadEnd

FORWARD = ("submit", "continue", "begin")
MOST_STEPS = 500


@dataclass(frozen=True)
class Control:
    """One control of a form: its name, what it is and the values it offers."""

    name: str
    kind: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Form:
    """What a program that knows only HTML sees of a page."""

    heading: str
    action: str
    hidden: Mapping[str, str]
    controls: tuple[Control, ...]
    buttons: tuple[str, ...]


Choose = Callable[[Control], Sequence[str]]
"""Decides what to send for a control; an empty sequence leaves it blank."""


@dataclass
class Walk:
    """What many robots saw of one survey."""

    finished: int = 0
    headings: Counter[str] = field(default_factory=Counter)
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    offered: set[tuple[str, str]] = field(default_factory=set)
    expected: set[str] = field(default_factory=set)

    @property
    def untaken(self) -> list[tuple[str, str]]:
        """Choices that were offered and that no robot took."""
        return sorted(self.offered - set(self.taken))

    @property
    def unseen(self) -> list[str]:
        """Expected page headings that no robot saw."""
        return sorted(self.expected - set(self.headings))


def read_form(page: str, url: str) -> Form | None:
    """The main form of a page, or None where there is none.

    Examples
    --------
    >>> form = read_form(
    ...     "<h1>Age</h1><form method=post><input type=radio name=a value=x>"
    ...     "<input type=radio name=a value=y><button name=action value=continue>",
    ...     "http://localhost/s/demo",
    ... )
    >>> form.controls
    (Control(name='a', kind='radio', options=('x', 'y')),)
    """
    tree: Any = html.fromstring(page)
    forms = [form for form in tree.forms if form.get("method", "").lower() == "post"]
    if not forms:
        return None
    form = max(forms, key=lambda candidate: len(candidate.xpath(".//*[@name]")))
    hidden: dict[str, str] = {}
    options: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    buttons = []
    for element in form.xpath(".//input[@name]|.//select[@name]|.//textarea[@name]"):
        name, kind = element.get("name"), element.get("type", element.tag)
        if kind == "hidden":
            hidden[name] = element.get("value", "")
            continue
        kinds[name] = kind
        values = options.setdefault(name, [])
        if element.tag == "select":
            values += [
                option.get("value", option.text or "")
                for option in element.iter("option")
            ]
        elif kind in {"radio", "checkbox"}:
            values.append(element.get("value", "on"))
    for element in form.xpath(".//button[@name='action']"):
        buttons.append(element.get("value", ""))
    return Form(
        heading=heading_of(page),
        action=urljoin(url, form.get("action") or url),
        hidden=hidden,
        controls=tuple(
            Control(name, kinds[name], tuple(values))
            for name, values in options.items()
        ),
        buttons=tuple(buttons),
    )


def heading_of(page: str) -> str:
    """The text of a page's first heading."""
    tree: Any = html.fromstring(page)
    return " ".join(str(tree.xpath("string(//h1)")).split())


def fill_in(form: Form, choose: Choose) -> dict[str, list[str]]:
    """The fields that go with a form, as `choose` decides; consent is given."""
    fields = {name: [value] for name, value in form.hidden.items()}
    for control in form.controls:
        if control.name == "language":
            continue
        if control.name.startswith("consent_"):
            fields[control.name] = list(control.options)
        elif values := list(choose(control)):
            fields[control.name] = values
    return fields


def interview(
    client: httpx.Client,
    url: str,
    choose: Choose,
    *,
    language: str = "en",
    press: Callable[[Form], str] | None = None,
    ticket: str = "",
) -> list[str]:
    """Answer a survey from the information page to the thanks.

    Parameters
    ----------
    client : httpx.Client
    url : str
        Where the survey is, ``http://host/s/social_credit``.
    choose : callable
        Decides what to send for a control.
    language : str
        The language to answer in.
    press : callable, optional
        Decides which button to press; forward where it is not given.
    ticket : str
        The ticket's code where the survey asks for one.

    Returns
    -------
    list of str
        The headings of the pages in the order they were seen, the thanks last.

    Raises
    ------
    DeadEnd
        When a page cannot be passed, or asks for a code that the robot has not.
    """
    response = client.get(url, params={"language": language})
    headings: list[str] = []
    refused = 0
    for _ in range(MOST_STEPS):
        place = f"after {headings[-1]!r}" if headings else "at the start"
        if response.status_code not in {200, 422}:
            raise DeadEnd(f"{place}: status {response.status_code}")
        form = read_form(response.text, url)
        if form is None or not set(form.buttons) & set(FORWARD):
            return [*headings, heading_of(response.text)]
        refused = refused + 1 if response.status_code == 422 else 0
        if refused > 3:
            raise DeadEnd(f"at {form.heading!r}: refused {refused} times")
        headings.append(form.heading)
        fields = fill_in(form, choose)
        if any(control.name == "ticket" for control in form.controls):
            if not ticket:
                raise DeadEnd(
                    "the survey asks for an access code (tier T1), and a robot has"
                    " none; issue codes with `parallax tickets issue` and give the file"
                    " with --codes: each robot uses one up"
                )
            fields["ticket"] = [ticket]
        button = press(form) if press else ""
        if not button:
            button = next(name for name in FORWARD if name in form.buttons)
        fields["action"] = [button]
        response = client.post(form.action, data=fields)
    raise DeadEnd(f"no end after {MOST_STEPS} pages")


def walk(
    client: httpx.Client,
    url: str,
    *,
    count: int,
    languages: Sequence[str] = ("en",),
    generator: random.Random | None = None,
    tickets: Sequence[str] = (),
) -> Walk:
    """Send robots through a survey; each prefers what no robot has chosen before.

    Parameters
    ----------
    client : httpx.Client
    url : str
        Where the survey is.
    count : int
        How many robots.
    languages : sequence of str
        Answered in turn.
    generator : random.Random, optional
        Decides between choices that were taken equally often.
    tickets : sequence of str
        One code per robot where the survey asks for one.

    Returns
    -------
    Walk
        Pages seen, choices taken and choices that were never taken.

    Raises
    ------
    DeadEnd
        At the first page that a robot cannot pass.
    """
    generator = generator or random.Random()
    seen = Walk()
    places: Counter[str] = Counter()

    def choose(control: Control) -> Sequence[str]:
        if not control.options:
            number = control.kind in {"number"} or "numeric" in control.kind
            return [str(generator.randint(0, 99))] if number else []
        options = [value for value in control.options if value]
        if "." in control.name:  # a place in a ranking: places are given in order
            question = control.name.partition(".")[0]
            places[question] = places[question] % len(options) + 1
            return [str(places[question])]
        seen.offered.update((control.name, value) for value in options)
        if generator.random() < 0.05:
            return []
        rarest = min(
            options, key=lambda v: (seen.taken[control.name, v], generator.random())
        )
        seen.taken[control.name, rarest] += 1
        return [rarest]

    def press(form: Form) -> str:
        return "back" if "back" in form.buttons and generator.random() < 0.05 else ""

    for number in range(count):
        language = languages[number % len(languages)]
        ticket = tickets[number] if number < len(tickets) else ""
        headings = interview(
            client, url, choose, language=language, press=press, ticket=ticket
        )
        seen.headings.update(headings)
        seen.finished += 1
    return seen
