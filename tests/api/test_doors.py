"""Two doors: every route says who may come in, and the sides share nothing."""

import re
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path

import grimp
import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from api.main import create_app
from api.researcher_dependencies import SAFE, Requires, signed_in
from api.settings import Settings
from api.signing_in import read_form_from_here

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "api" / "templates"
PUBLIC = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/static/respondent.css"),
    ("GET", "/static/researcher.css"),
    ("GET", "/static/researcher.svg"),
    ("GET", "/static/charts.js"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
}
RESPONDENT = {
    (method, f"/s/{{survey}}{page}")
    for method in ("GET", "POST")
    for page in ("", "/resume", "/withdraw")
}
ANY_RESEARCHER = {
    ("GET", "/second-factor"),
    ("POST", "/second-factor"),
    ("GET", "/account"),
    ("POST", "/logout"),
}
RESPONDENTS_OWN = (
    *("respondent", "returning", "dependencies", "pages", "error_pages"),
    *("sealing", "consent", "recording"),
)
RESEARCHERS_OWN = (
    *("researcher", "v1", "acts", "signing_in", "researcher_dependencies"),
    *("researcher_pages", "problems", "sessions", "attempts", "accounts"),
    *("security", "audit", "comparison_page", "vega"),
)


def routes(settings: Settings) -> list[RouteContext]:
    return list(iter_route_contexts(create_app(settings).routes))


ROUTES = routes(Settings())


def dependencies(dependant: Dependant) -> Iterator[object]:
    """Everything that a route depends on, directly or not."""
    for part in dependant.dependencies:
        yield part.call
        yield from dependencies(part)


def declared(route: RouteContext) -> list[str]:
    """Every declaration of who may come in; there must be exactly one."""
    required = [part for part in dependencies(route.dependant) if is_role(part)]
    return [*(route.tags or []), *(part.role for part in required)]


def is_role(part: object) -> bool:
    return isinstance(part, Requires)


def addresses(route: RouteContext) -> set[tuple[str, str]]:
    path = re.sub(r"\.[0-9a-f]{12}\.", ".", route.path)
    return {(method, path) for method in route.methods - {"HEAD"}}


@pytest.mark.parametrize(
    "route", ROUTES, ids=lambda route: f"{sorted(route.methods)[0]} {route.path}"
)
def test_every_route_declares_who_may_come_in(route: RouteContext) -> None:
    (who,) = declared(route)
    for address in addresses(route):
        assert (who == "public") == (address in PUBLIC)
        assert (who == "respondent") == (address in RESPONDENT)
        if who not in {"public", "respondent"}:
            researchers = ("/surveys", "/api/v1/")
            assert address[1].startswith(researchers) or address in ANY_RESEARCHER


def test_a_route_that_declares_nothing_would_be_noticed() -> None:
    app = create_app(Settings())
    app.add_api_route("/surveys/{survey}/secret", lambda survey: survey)
    *_, added = iter_route_contexts(app.routes)
    assert declared(added) == []


def test_nothing_else_answers() -> None:
    """No mount, no documentation page, no web socket beside the routes above."""
    found = set().union(*map(addresses, ROUTES))
    assert found >= PUBLIC | RESPONDENT | ANY_RESEARCHER
    assert all(type(route.original_route).__name__ == "APIRoute" for route in ROUTES)


def test_whatever_changes_something_checks_where_it_comes_from() -> None:
    """The session's token is checked where the role is; signing in checks the site."""
    changing = [
        route
        for route in ROUTES
        if route.methods - SAFE and "respondent" not in declared(route)
    ]
    assert len(changing) > 5
    for route in changing:
        checks = {signed_in, read_form_from_here} & set(dependencies(route.dependant))
        assert len(checks) == 1, route.path


def test_the_doors_share_no_dependency() -> None:
    sides: dict[bool, set[object]] = {True: set(), False: set()}
    for route in ROUTES:
        if not route.path.startswith(("/health", "/static")):
            is_respondents = "respondent" in declared(route)
            sides[is_respondents].update(dependencies(route.dependant))
    assert sides[True]
    assert sides[False]
    assert sides[True].isdisjoint(sides[False])


def test_the_doors_share_no_template() -> None:
    used = r'{% (?:extends|include|import|from) "([^"]+)"'
    for template in TEMPLATES.rglob("*.html"):
        is_researchers = template.parent.name == "researcher"
        for name in re.findall(used, template.read_text()):
            assert name.startswith("researcher/") == is_researchers, template


def test_the_doors_import_nothing_of_each_other() -> None:
    graph = grimp.build_graph("api")
    assert graph.find_shortest_chain("api.respondent", "api.sealing")
    for respondents, researchers in product(RESPONDENTS_OWN, RESEARCHERS_OWN):
        for here, there in permutations((respondents, researchers)):
            assert graph.find_shortest_chain(f"api.{here}", f"api.{there}") is None


def test_respondents_get_no_cookie_and_none_makes_a_difference(service) -> None:
    visits = [{}, {"cookie": "researcher=a; __Host-researcher=b; session=c"}]
    with httpx.Client(base_url=service.url) as client:
        pages = [client.get("/s/every_type", headers=visit) for visit in visits]
    shown = {re.sub(r'name="state" value="[^"]*"', "", page.text) for page in pages}
    assert len(shown) == 1
    assert all("set-cookie" not in page.headers for page in pages)
