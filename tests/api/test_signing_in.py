"""The researchers' door, tried from outside with a real server."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from html import unescape

import httpx
import pyotp
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api import accounts, security, sessions
from api.database import create_engine_for, migrate
from api.main import create_app
from api.serving import running
from api.settings import Settings
from api.workbench import ATTEMPTS_AT_ONCE, MOST_WAITING

PASSWORD = "correct horse battery"
HERE = {"Sec-Fetch-Site": "same-origin"}
CANARY = "canary-7f3a"


class Browser:
    """A browser that follows nothing by itself."""

    def __init__(self, service, name: str) -> None:
        self.service, self.name = service, name
        self.client = httpx.Client(base_url=service.url, timeout=30)

    def sign_in(self, password: str = PASSWORD, **fields: str) -> httpx.Response:
        form = {"name": self.name, "password": password, "next": "", **fields}
        return self.client.post("/login", data=form, headers=HERE)

    def start(self) -> "Browser":
        """Begin a session without the work that a password takes."""
        token = sessions.sign_in(
            self.service.engine, self.service.settings, self.name, PASSWORD
        )
        self.client.cookies.set("researcher", token or "", domain="127.0.0.1")
        return self

    @property
    def csrf(self) -> str:
        return re.search('name="csrf" value="([^"]*)"', self.get("/account").text)[1]

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def post(self, path: str, **fields: str) -> httpx.Response:
        form = {"csrf": self.csrf, **fields}
        return self.client.post(path, data=form, headers=HERE)


@pytest.fixture(scope="module", autouse=True)
def quickly():
    """Hash passwords with the least work; test_security.py tests the usual amount."""
    least = PasswordHash([Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)])
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(security, "_passwords", least)
        monkeypatch.setattr(security, "_nobodys_hash", lambda: least.hash("nobody's"))
        yield


@pytest.fixture(scope="module")
def otpauth(service) -> str:
    """Add `anna`, who manages `every_type` and sees nothing else."""
    enrolment = accounts.add(service.engine, service.settings, "anna", PASSWORD)
    accounts.grant(service.engine, "anna", "every_type", "manager")
    return enrolment.otpauth


@pytest.fixture
def browse(service):
    """Open browsers for names; they are closed after the test."""
    with ExitStack() as opened:

        def open_browser(name: str) -> Browser:
            browser = Browser(service, name)
            opened.enter_context(browser.client)
            return browser

        yield open_browser


@pytest.fixture
def anna(browse, otpauth):
    assert otpauth  # she has been added
    return browse("anna")


@pytest.mark.parametrize(
    "wanted",
    [
        "/account",
        "/surveys/every_type?show=all",
        "/surveys/every_type/compare?a=x%26y&b=%2B+%E6%84%8F&c=1.5,~*",
    ],
)
def test_signing_in_leads_to_where_one_wanted_to_go(anna, wanted) -> None:
    asked = anna.get(wanted)
    assert asked.status_code == 303
    assert asked.headers["location"].startswith("/login?next=/")
    form = anna.get(asked.headers["location"])
    (kept,) = re.findall('name="next" value="([^"]*)"', form.text)
    done = anna.sign_in(next=unescape(kept))
    assert (done.status_code, done.headers["location"]) == (303, wanted)
    assert anna.get("/account").status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/surveys",
        "//evil.example/surveys",
        "/\\evil.example",
        "/surveys\\..\\x",
        "/surveys/\r\nSet-Cookie: a=b",
        "/surveys@evil.example",
        "/surveys//evil.example/x?next=https://evil.example",
        "javascript:alert(1)",
        "/s/every_type",
        "/surveys/../s/every_type",
        "/logout",
    ],
)
def test_signing_in_leads_nowhere_else(anna, wanted) -> None:
    assert anna.sign_in(next=wanted).headers["location"] == "/surveys"


def test_wrong_names_and_passwords_get_the_same_page(browse, anna) -> None:
    nobody = browse("nobody")
    pages = [nobody.sign_in(CANARY), anna.sign_in(CANARY)]
    assert [page.status_code for page in pages] == [422, 422]
    texts = {page.text.replace('value="nobody"', 'value="anna"') for page in pages}
    assert len(texts) == 1
    assert all(CANARY not in page.text + str(page.headers) for page in pages)
    assert all("set-cookie" not in page.headers for page in pages)


def test_too_many_attempts_are_told_to_wait(browse) -> None:
    """The sixth wrong one has to wait for 4 seconds, the tenth for a minute."""
    somebody = browse("somebody")
    pages = [somebody.sign_in("wrong") for _ in range(12)]
    assert [page.status_code for page in pages[:4]] == [422] * 4
    refused = [page for page in pages if page.status_code == 429]
    assert refused
    for page in refused:
        assert 1 <= int(page.headers["retry-after"]) <= 60
        assert "nobody is locked out" in page.text


def test_names_are_understood_however_they_are_typed(browse, otpauth) -> None:
    assert otpauth
    assert browse(" Anna ").sign_in().status_code == 303


def test_a_browser_is_known_by_who_signed_in_with_it(service, browse) -> None:
    accounts.add(service.engine, service.settings, "bo", PASSWORD)
    bo, stranger = browse("bo"), browse("bo")
    assert bo.sign_in().status_code == 303
    while stranger.sign_in("wrong").status_code != 429:
        pass
    assert bo.sign_in().status_code == 303


@pytest.mark.parametrize("environment", ["development", "production"])
def test_the_cookie_is_for_this_host_and_for_no_script(tmp_path, environment) -> None:
    settings = Settings(
        environment=environment,
        data_dir=tmp_path,
        secret_key="only-for-tests-0123456789-abcdefghijk",
    )
    engine = create_engine_for(settings)
    migrate(engine)
    accounts.add(engine, settings, "anna", PASSWORD)
    engine.dispose()
    form = {"name": "anna", "password": PASSWORD}
    with running(create_app(settings)) as url:
        done = httpx.post(f"{url}/login", data=form, headers=HERE)
        session, known = done.headers.get_list("set-cookie")
        name, _, rest = session.partition("=")
        token, *attributes = rest.split("; ")
        left = httpx.get(f"{url}/account", headers={"cookie": f"{name}={token}"})
    assert left.status_code == 200
    assert len(token) == 43
    expected = {"httponly", "path=/", "samesite=strict"}
    if environment == "production":
        expected |= {"secure"}
        assert name == "__Host-researcher"
    assert {attribute.lower() for attribute in attributes} == expected
    name, _, rest = known.partition("=")
    assert name.endswith("researcher-known")
    kept = {attribute.lower() for attribute in rest.split("; ")[1:]}
    assert kept == expected | {"max-age=7776000"}


def test_a_token_that_somebody_planted_is_never_used(anna) -> None:
    anna.client.cookies.set("researcher", "planted", domain="127.0.0.1")
    done = anna.sign_in()
    assert "planted" not in done.headers["set-cookie"]
    assert anna.get("/account").status_code == 200


def test_signing_out_makes_the_token_worthless(anna) -> None:
    anna.start()
    token = anna.client.cookies["researcher"]
    page = anna.post("/logout")
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    assert 'researcher=""' in page.headers["set-cookie"]
    anna.client.cookies.set("researcher", token, domain="127.0.0.1")
    assert anna.get("/account").headers["location"] == "/login?next=/account"


def test_one_can_sign_out_everywhere(browse, anna) -> None:
    other = browse("anna").start()
    assert "You are signed in in" in anna.start().get("/account").text
    anna.post("/logout", everywhere="yes")
    assert other.get("/account").status_code == 303


def test_a_download_asks_for_a_code_first(anna, otpauth) -> None:
    anna.start()
    path = f"/surveys/every_type/jobs/{'0' * 32}"
    asked = anna.get(f"{path}/file")
    assert asked.headers["location"] == f"/second-factor?next={path}"
    assert path in anna.get(asked.headers["location"]).text
    before = anna.client.cookies["researcher"]
    assert anna.post("/second-factor", code="000000", next=path).status_code == 422
    code = pyotp.parse_uri(otpauth).now()
    done = anna.post("/second-factor", code=code, next=path)
    assert (done.status_code, done.headers["location"]) == (303, path)
    assert anna.client.cookies["researcher"] != before
    assert anna.get(f"{path}/file").status_code == 404  # there is no such job


SITES = {
    "the same site": ({"Sec-Fetch-Site": "same-origin"}, True),
    "another site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "a neighbour": ({"Sec-Fetch-Site": "same-site"}, False),
    "the address bar": ({"Sec-Fetch-Site": "none"}, False),
    "an old browser, here": ({"Origin": "{here}"}, True),
    "an old browser, elsewhere": ({"Origin": "https://evil.example"}, False),
    "an old browser that does not say": ({"Origin": "null"}, False),
    "nobody says": ({}, False),
    "contradiction": (
        {"Sec-Fetch-Site": "cross-site", "Origin": "{here}"},
        False,
    ),
}


@pytest.mark.parametrize(("headers", "is_here"), SITES.values(), ids=SITES.keys())
def test_forms_come_from_here(service, anna, headers, is_here) -> None:
    sent = {name: value.format(here=service.url) for name, value in headers.items()}
    form = {"name": "anna", "password": CANARY, "next": ""}
    page = httpx.post(f"{service.url}/login", data=form, headers=sent)
    anna.start()
    form = {"csrf": anna.csrf, "everywhere": "no"}
    left = anna.client.post("/logout", data=form, headers=sent)
    if is_here:
        assert page.status_code in {422, 429}
        assert left.status_code == 303
    else:
        assert (page.status_code, left.status_code) == (403, 403)
        assert anna.get("/account").status_code == 200


@pytest.mark.parametrize("kind", ["none", "empty", "changed", "another's", "twice"])
def test_forms_have_the_token_of_their_session(browse, anna, kind) -> None:
    anna.start()
    csrf = anna.csrf
    form = {
        "none": {},
        "empty": {"csrf": ""},
        "changed": {"csrf": csrf[:-1] + "ä"},
        "another's": {"csrf": browse("anna").start().csrf},
        "twice": {"csrf": [csrf, csrf]},
    }[kind]
    page = anna.client.post("/logout", data={"x": "1", **form}, headers=HERE)
    assert page.status_code == (400 if kind == "twice" else 403)
    assert anna.get("/account").status_code == 200


def test_opening_an_address_changes_nothing(anna) -> None:
    anna.start()
    assert anna.get("/logout").status_code == 405
    assert anna.get("/account").status_code == 200


ROLES = ("none", *accounts.ROLES)
MATRIX = {
    ("GET", "/surveys/{}"): (404, 200, 200, 200, 200),
    ("POST", "/surveys/{}/close"): (404, 403, 403, "let in", "let in"),
    ("GET", "/api/v1/surveys/{}"): (404, 200, 200, 200, 200),
    ("POST", "/api/v1/surveys/{}/tickets"): (404, 403, 403, "let in", "let in"),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path"), MATRIX.keys())
def test_each_role_does_what_it_may(service, browse, method, path, role) -> None:
    name = f"a.{role}"
    known = {row["name"] for row in accounts.list_researchers(service.engine)}
    if name not in known:
        accounts.add(service.engine, service.settings, name, PASSWORD)
        if role != "none":
            accounts.grant(service.engine, name, "every_type", role)
    expected = MATRIX[method, path][ROLES.index(role)]
    someone = browse(name).start()
    kinds = [({"X-CSRF-Token": someone.csrf, **HERE}, someone.client)]
    if path.startswith("/api/"):
        key = accounts.add_key(service.engine, name, {"*": "owner"}, days=1)
        kinds.append(({"Authorization": f"Bearer {key}"}, browse(name).client))
    for headers, client in kinds:
        for survey in ("every_type", "social_credit"):
            sent = {"data": {}} if not path.startswith("/api/") else {"json": {}}
            page = client.request(
                method,
                path.format(survey),
                headers=headers,
                **(sent if method == "POST" else {}),
            )
            wanted = expected if survey == "every_type" else 404
            if wanted == "let in":
                assert page.status_code not in {401, 403, 404, 500}
            else:
                assert page.status_code == wanted


@pytest.mark.usefixtures("otpauth")
def test_programs_show_a_key_in_the_header_and_nowhere_else(service) -> None:
    key = accounts.add_key(service.engine, "anna", {"every_type": "viewer"}, days=1)
    with httpx.Client(base_url=service.url) as client:

        def ask(path: str, **how: object) -> httpx.Response:
            return client.get(path, **how)

        bearer = {"headers": {"Authorization": f"Bearer {key}"}}
        assert ask("/api/v1/surveys/every_type", **bearer).status_code == 200
        assert ask("/api/v1/surveys/social_credit", **bearer).status_code == 404
        assert ask("/account", **bearer).status_code == 303
        for wrong in (
            {},
            {"params": {"key": key, "access_token": key}},
            {"headers": {"X-API-Key": key}},
            {"headers": {"Authorization": key}},
            {"headers": {"Authorization": f"Basic {key}"}},
            {"headers": {"Authorization": f"Bearer {key[:-1]}"}},
            {"headers": {"Cookie": f"researcher={key}"}},
        ):
            refused = ask("/api/v1/surveys", **wrong)
            assert refused.status_code == 401
            assert refused.headers["content-type"] == "application/problem+json"
            assert key not in refused.text


def test_a_session_in_the_api_needs_the_token_too(anna) -> None:
    anna.start()
    path = "/api/v1/surveys/every_type/tickets"
    body = {"country": "DE", "count": 1}
    assert anna.client.post(path, json=body, headers=HERE).status_code in {403, 415}
    headers = {**HERE, "X-CSRF-Token": anna.csrf}
    assert anna.client.post(path, json=body, headers=headers).status_code == 409
    headers["Sec-Fetch-Site"] = "cross-site"
    assert anna.client.post(path, json=body, headers=headers).status_code == 403
    download = f"/api/v1/surveys/every_type/jobs/{'0' * 32}/file"
    refused = anna.get(download)
    assert (refused.status_code, "second factor" in refused.text) == (403, True)
    assert refused.headers["content-type"] == "application/problem+json"


def test_attempts_never_take_what_respondents_need(
    service, browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords are looked at two at a time, whatever waits, and the rest is free."""
    going = threading.Event()
    busy: list[int] = []
    most = 0

    def verify(*_: object) -> bool:
        nonlocal most
        busy.append(1)
        most = max(most, len(busy))
        going.wait(20)
        busy.pop()
        return False

    monkeypatch.setattr(sessions, "verify_password", verify)
    attempts = ATTEMPTS_AT_ONCE + MOST_WAITING + 5
    with ThreadPoolExecutor(attempts) as pool:
        futures = [
            pool.submit(browse(f"n{number}").sign_in, "wrong")
            for number in range(attempts)
        ]
        refused = []
        while len(refused) < 5:
            refused = [future for future in futures if future.done()]
        pages = [httpx.get(f"{service.url}/s/every_type") for _ in range(5)]
        going.set()
        statuses = sorted(future.result().status_code for future in futures)
    assert [page.status_code for page in pages] == [200] * 5
    assert statuses == [422] * (attempts - 5) + [429] * 5
    assert most == ATTEMPTS_AT_ONCE
