import random
import string
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html
from sqlalchemy import func, select

from api import sealing
from api.errors import StateInvalid
from api.models import Inbox, Response
from api.protection import HEADERS
from api.sealing import Seal

FORM = {"content-type": "application/x-www-form-urlencoded"}
CANARY = "canary-7f3a"


def n_stored(service):
    with service.engine.connect() as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(table))
            for table in (Inbox, Response)
        )


def sealed(visitor):
    return visitor.begin().form.hidden["state"]


CASES = {
    "an unknown survey": ("/s/none", b"", FORM, 404),
    "no state": ("/s/every_type", b"action=continue", FORM, 400),
    "a forged state": (
        "/s/every_type",
        b"action=continue&state=" + b"A" * 80,
        FORM,
        400,
    ),
    "another content type": (
        "/s/every_type",
        b'{"a": "canary-7f3a"}',
        {"content-type": "application/json"},
        415,
    ),
    "no content type": ("/s/every_type", b"a=canary-7f3a", {}, 415),
    "a NUL": ("/s/every_type", b"state=canary-7f3a%00", FORM, 400),
    "a lone surrogate": ("/s/every_type", b"state=canary-7f3a%ED%A0%80", FORM, 400),
    "invalid UTF-8": ("/s/every_type", b"state=canary-7f3a%FF", FORM, 400),
    "raw bytes": ("/s/every_type", b"state=canary-7f3a\xff", FORM, 400),
    "an oversized body": ("/s/every_type", b"state=" + b"x" * 300_000, FORM, 413),
    "thousands of fields": ("/s/every_type", b"&".join([b"a=1"] * 2000), FORM, 400),
    "a state sent twice": ("/s/every_type", b"state=a&state=b", FORM, 400),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_read_is_refused_with_a_sentence(service, visitor, name):
    address, body, headers, status = CASES[name]
    before = n_stored(service)
    response = visitor.client.post(address, content=body, headers=headers)
    assert response.status_code == status
    assert "<h1>" in response.text
    assert CANARY not in response.text
    assert n_stored(service) == before


def test_an_unknown_control_is_refused(visitor):
    data = {"state": sealed(visitor), "action": "continue", "ip_address": CANARY}
    response = visitor.client.post(visitor.address, data=data)
    assert response.status_code == 400
    assert CANARY not in response.text


def test_a_form_from_another_site_is_refused(visitor):
    data = {"state": sealed(visitor), "action": "continue"}
    for header in ({"sec-fetch-site": "cross-site"}, {"origin": "https://example.org"}):
        response = visitor.client.post(visitor.address, data=data, headers=header)
        assert response.status_code == 403


def test_a_state_of_another_survey_is_refused(visitor):
    data = {"state": sealed(visitor), "action": "continue"}
    response = visitor.client.post("/s/social_credit", data=data)
    assert response.status_code == 400
    assert "another survey" in response.text


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_change_of_a_sealed_state_is_noticed(data):
    seal = Seal((b"k" * 32,))
    state = {"answers": {"age": 42}}
    text = seal.seal(state)
    assert seal.unseal(text) == state
    place = data.draw(st.integers(0, len(text) - 1))
    others = (string.ascii_letters + string.digits + "-_=é\n").replace(text[place], "")
    other = data.draw(st.sampled_from(["", *others]))
    with pytest.raises(StateInvalid):
        seal.unseal(text[:place] + other + text[place + 1 :])


def test_a_form_can_be_sent_for_two_days(visitor, monkeypatch):
    data = {"state": sealed(visitor), "action": "continue"}
    now = time.time()
    for hours, status in ((47, 200), (50, 410)):
        monkeypatch.setattr(sealing, "time", lambda late=hours: now + late * 3600)
        response = visitor.client.post(visitor.address, data=data)
        assert response.status_code == status
        assert ("too old" in response.text) == (status == 410)


def test_states_of_the_last_key_are_still_understood_and_others_are_not():
    old, new = b"o" * 32, b"n" * 32
    text = Seal((old,)).seal({"a": 1})
    assert Seal((new, old)).unseal(text) == {"a": 1}
    with pytest.raises(StateInvalid):
        Seal((new,)).unseal(text)


def test_the_size_of_a_state_says_little_about_the_answers():
    seal = Seal((b"k" * 32,))
    random_text = "".join(random.Random(1).choices(string.ascii_letters, k=100))
    sizes = {len(seal.seal({"why": random_text[:n]})) for n in range(0, 100, 5)}
    assert len(sizes) == 1


@given(
    fields=st.dictionaries(
        st.sampled_from(["country", "age", "action", "language", "x", "consent_adult"]),
        st.text(max_size=20),
        max_size=5,
    )
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_form_breaks_the_service_or_stores_anything(service, visitor, fields):
    before = n_stored(service)
    data = {"state": visitor.begin().form.hidden["state"]}
    data |= {
        name: value.encode("utf-8", "replace").decode()
        for name, value in fields.items()
    }
    response = visitor.client.post(visitor.address, data=data)
    assert response.status_code < 500
    assert n_stored(service) == before


ROUTES = [
    "/s/every_type",
    "/s/every_type/withdraw",
    "/s/every_type/resume",
    "/s/none",
    "/s/social_credit",
    "/health/live",
    "/health/ready",
    "/nothing",
    "/docs",
    "/openapi.json",
]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_every_response_has_the_protective_headers(visitor, route, method):
    response = visitor.client.request(method, route)
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    for absent in ("set-cookie", "server", "date", "etag", "last-modified"):
        assert absent not in response.headers
    if method in {"PUT", "DELETE"}:
        assert response.status_code in {404, 405}
    if route in {"/docs", "/openapi.json", "/nothing", "/s/none"}:
        assert response.status_code in {404, 405, 415}


def test_the_first_page_is_light_and_asks_nobody_else(visitor):
    visitor.address = "/s/social_credit"
    visitor.open()
    tree = html.fromstring(visitor.text)
    links = tree.xpath("//link[@rel='stylesheet']/@href")
    assert len(links) == 1
    style = visitor.client.get(links[0])
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(style.content) <= 8_000
    assert len(visitor.response.content) + len(style.content) <= 30_000
    assert not tree.xpath("//script|//img|//iframe|//*[starts-with(@src, 'http')]")
    assert "http" not in style.text
