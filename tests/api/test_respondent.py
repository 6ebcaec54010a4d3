import re
import time
from datetime import date
from pathlib import Path

import httpx
import pytest
from lxml import html
from sqlalchemy import delete, func, select

from api import fieldwork, tickets
from api.database import create_engine_for, migrate
from api.dependencies import FRESH_FOR
from api.errors import RecordingUnavailable
from api.main import create_app
from api.models import Draft, Inbox, Response
from api.serving import running
from api.settings import Settings
from surveys import load, load_files

EVERY_TYPE = Path(__file__).parent / "definitions" / "every_type"
PAGES = ("", "/resume", "/withdraw")


def answer_all(visitor, **first_page):
    """Answer every type of question up to the review."""
    visitor.begin()
    visitor.send(**({"country": "DE", "age": "42"} | first_page))
    visitor.send(drinks=["tea", "water"], tea="yes")
    visitor.send(cups="2,5", why="It warms <me>.")
    visitor.send(
        approval="approve",
        town_trams="neither",
        town_trees="dont_know",
        **{"places.park": "2", "places.library": "1", "places.station": ""},
    )
    return visitor.send(upset="2", remark="No.")


def shown_code(page):
    tree = html.fromstring(page)
    return tree.xpath("string(//p[@class='shown'])").strip()


def stored(service):
    return service.stored("every_type")


def test_every_type_of_question_is_answered_reviewed_and_stored(service, visitor):
    before = {record["response_id"] for record in stored(service)}
    answer_all(visitor)
    assert visitor.heading == "Check your answers"
    for words in ("Germany", "42", "Tea", "Water", "2.5", "It warms &lt;me&gt;."):
        assert words in visitor.text
    assert len(stored(service)) == len(before), "nothing is stored before Submit"
    visitor.send("submit")
    assert visitor.status == 200
    assert visitor.heading == "Thank you"
    assert "half of the people" in visitor.text or "random half" in visitor.text
    (record,) = [r for r in stored(service) if r["response_id"] not in before]
    assert record["country"] == "DE"
    assert record["answers"] == {
        "country": "DE",
        "age": 42,
        "older": "no",
        "drinks": ("tea", "water"),
        "tea": "yes",
        "cups": 2.5,
        "why": "It warms <me>.",
        "approval": "approve",
        "town_trams": "neither",
        "town_trees": "dont_know",
        "places": ("library", "park"),
        "upset": 2,
        "remark": "No.",
    }
    assert record["assignment"]["upset_group"] in {"control", "treatment"}
    assert record["consent_participate"]
    assert not record["consent_publication"]


def test_the_consent_travels_with_version_language_and_hash(service, visitor):
    answer_all(visitor).send("submit")
    record = stored(service)[0]
    assert record["consent_version"] == "1"
    assert record["consent_language"] == "en"
    assert re.fullmatch("[0-9a-f]{64}", record["consent_hash"])


@pytest.mark.parametrize("missing", ["participate", "adult", "opinions"])
def test_without_consent_there_is_no_interview(visitor, missing):
    visitor.open().send(
        "begin",
        **{
            f"consent_{name}": "yes"
            for name in ("participate", "adult", "opinions")
            if name != missing
        },
    )
    assert visitor.status == 422
    assert f'href="#{visitor_id(visitor, missing)}"' in visitor.text
    assert "continue" not in visitor.form.buttons


def visitor_id(visitor, box):
    tree = html.fromstring(visitor.text)
    return tree.xpath(f"//input[@name='consent_{box}']/@id")[0]


def test_refusing_is_one_click_to_a_page_that_says_nothing_was_stored(visitor):
    visitor.open().send("refuse")
    assert visitor.status == 200
    assert "Nothing was stored" in visitor.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"age": "forty"}, "whole number"),
        ({"age": "17"}, "Please write an age from 18 to 120."),
        ({"country": "FR"}, "one of the answers"),
    ],
)
def test_a_mistake_is_explained_beside_the_question_and_nothing_is_lost(
    visitor, fields, words
):
    visitor.begin().send(**({"country": "DE", "age": "42"} | fields))
    assert visitor.status == 422
    assert "Error:" in html.fromstring(visitor.text).xpath("string(//title)")
    assert words in visitor.text
    tree = html.fromstring(visitor.text)
    for link in tree.xpath("//div[@role='alert']//a/@href"):
        assert tree.xpath(f"//*[@id='{link[1:]}']"), link
    if "age" in fields:
        assert tree.xpath("//input[@name='age']/@value") == [fields["age"]]
        assert tree.xpath("//input[@value='DE']/@checked")


def test_the_gentle_reminder_comes_once(visitor):
    visitor.begin().send()
    assert visitor.status == 200
    assert "You have not answered 2 questions" in visitor.text
    visitor.send()
    assert visitor.heading == "What you drink"


def links_of_the_notice(visitor):
    """What the notice at the top of a page points out, by the control it leads to."""
    tree = html.fromstring(visitor.text)
    links = tree.xpath("//div[@role='alert']//a")
    return {link.get("href"): link.text_content() for link in links}


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ({}, {"And what do you think of these plans?"}),
        ({"town_trams": "neither"}, {"More trees"}),
        ({"town_trees": "dont_know"}, {"More trams"}),
    ],
)
def test_the_reminder_names_the_row_of_a_battery_without_an_answer(
    visitor, rows, named
):
    visitor.begin()
    for _ in range(9):
        if "town_trams" in {control.name for control in visitor.form.controls}:
            break
        visitor.send()
    places = {f"places.{place}": "" for place in ("park", "library", "station")}
    visitor.send(approval="approve", **rows, **places)
    links = links_of_the_notice(visitor)
    pointed = {text for href, text in links.items() if href.startswith("#town_")}
    assert pointed == named
    assert f"have not answered {len(links)} question" in visitor.text
    tree = html.fromstring(visitor.text)
    assert all(tree.xpath(f"//*[@id='{href[1:]}']") for href in links)


@pytest.mark.parametrize(
    ("language", "one", "three"),
    [
        ("en", "There is a problem", "There are 3 problems"),
        ("zh-Hans", "有 1 个问题需要处理", "有 3 个问题需要处理"),
        ("ar", "هناك مشكلة", "هناك 3 مشكلات"),
    ],
)
def test_the_heading_of_the_notice_counts_the_problems(visitor, language, one, three):
    visitor.open(language).send("begin")
    heading = html.fromstring(visitor.text).xpath("string(//div[@role='alert']/h2)")
    assert heading == three
    agreed = {"consent_participate": "yes", "consent_adult": "yes"}
    visitor.send("begin", **agreed)
    heading = html.fromstring(visitor.text).xpath("string(//div[@role='alert']/h2)")
    assert heading == one


def test_back_keeps_the_answers_in_both_directions(visitor):
    visitor.begin().send(country="DE", age="42").send("back", drinks=["tea"])
    tree = html.fromstring(visitor.text)
    assert tree.xpath("//input[@name='age']/@value") == ["42"]
    visitor.send(country="DE", age="42")
    assert html.fromstring(visitor.text).xpath("//input[@value='tea']/@checked")


def test_switching_the_language_keeps_what_was_typed(visitor):
    visitor.address = "/s/social_credit"
    visitor.begin().send("language", language="de", country="IT")
    assert 'lang="de"' in visitor.text
    assert html.fromstring(visitor.text).xpath("//input[@value='IT']/@checked")
    visitor.send("language", language="ar")
    assert 'dir="rtl"' in visitor.text


def test_an_answer_can_be_changed_from_the_review(visitor):
    answer_all(visitor)
    state = visitor.form.hidden["state"]
    visitor.response = visitor.client.post(
        visitor.address, data={"state": state, "change": "drinks"}
    )
    assert visitor.heading == "What you drink"
    visitor.send(drinks=["coffee"], tea="no")
    assert visitor.heading == "Check your answers"
    assert "Coffee" in visitor.text
    assert "How many cups" not in visitor.text


def test_sending_twice_stores_one_response(service, visitor):
    answer_all(visitor)
    form = visitor.form
    data = {**form.hidden, "action": "submit"}
    before = len(stored(service))
    visitor.client.post(form.action, data=data)
    again = visitor.client.post(form.action, data=data)
    assert "already recorded" in again.text
    assert len(stored(service)) == before + 1
    assert "already recorded" in visitor.client.post(form.action, data=data).text
    assert len(stored(service)) == before + 1


def type_withdrawal_code(visitor, code, language="en"):
    form = visitor.open(language, page="/withdraw").form
    visitor.response = visitor.client.post(
        form.action, data={**form.hidden, "code": code}
    )
    return visitor


@pytest.mark.parametrize("typed", ["", "  ", "nonsense", "<b>", "9" * 200])
def test_what_cannot_be_a_withdrawal_code_is_an_error_beside_the_field(visitor, typed):
    type_withdrawal_code(visitor, typed)
    assert visitor.status == 422
    tree = html.fromstring(visitor.text)
    assert tree.xpath("string(//title)").startswith("Error:")
    (field,) = tree.xpath("//input[@name='code']")
    assert field.get("aria-invalid") == "true"
    assert field.get("value") == typed
    (problem,) = tree.xpath("//p[@id='code-problem']")
    assert problem.get("id") in field.get("aria-describedby")
    assert "Please type the whole code" in problem.text_content()
    field.set("value", "")
    assert not typed.strip() or typed not in html.tostring(tree, encoding="unicode")


def test_after_a_withdrawal_a_code_can_be_typed_again(visitor):
    code = "-".join(["0000"] * 7)
    type_withdrawal_code(visitor, code, "ar")
    assert visitor.status == 200
    tree = html.fromstring(visitor.text)
    (link,) = tree.xpath("//main//a/@href")
    visitor.response = visitor.client.get(link)
    assert visitor.heading == "حذف إجاباتي"
    assert {control.name for control in visitor.form.controls} == {"code"}


def test_a_withdrawal_code_deletes_the_response_and_every_code_gets_the_same_page(
    service, visitor
):
    answer_all(visitor)
    visitor.send("submit", withdrawal_code="yes")
    code = shown_code(visitor.text)
    before = len(stored(service))
    pages = []
    for typed in ("0000-0000", code, code, code.replace("-", " ").lower()):
        type_withdrawal_code(visitor, typed)
        pages.append((visitor.status, visitor.text))
    assert len(set(pages)) == 1
    assert len(stored(service)) == before - 1


def test_opening_the_withdrawal_page_withdraws_nothing(service, visitor):
    answer_all(visitor).send("submit", withdrawal_code="yes")
    code = shown_code(visitor.text)
    before = len(stored(service))
    visitor.client.get(f"{visitor.address}/withdraw", params={"code": code})
    assert len(stored(service)) == before


def test_saved_answers_continue_with_the_code_only(service, visitor):
    visitor.begin().send(country="GB", age="50").send("save", drinks=["tea"], tea="no")
    code = shown_code(visitor.text)
    with service.engine.connect() as connection:
        sealed = connection.scalars(select(Draft.sealed)).all()
    assert sealed
    assert all("tea" not in text for text in sealed)
    wrong = visitor.client.post(
        f"{visitor.address}/resume", data={"code": "0000", "language": "en"}
    )
    assert wrong.status_code == 422
    visitor.response = visitor.client.post(
        f"{visitor.address}/resume", data={"code": code.lower(), "language": "en"}
    )
    assert visitor.heading == "What you drink"
    assert html.fromstring(visitor.text).xpath("//input[@value='tea']/@checked")


def test_what_was_saved_is_deleted_after_the_response_is_recorded(
    service, visitor, monkeypatch
):
    """Never before it, nor in its transaction: another connection sees it already."""
    seen = []

    def discard(connection, hashes):
        with service.engine.connect() as other:
            bodies = other.scalars(select(Inbox.body)).all()
        seen.append((len(hashes), sum("only here" in body for body in bodies)))
        connection.execute(delete(Draft).where(Draft.draft_hash.in_(hashes)))

    def kept():
        with service.engine.connect() as connection:
            return set(connection.scalars(select(Draft.draft_hash)))

    before = kept()
    answer_all(visitor, age="43").send("save")
    code = shown_code(visitor.text)
    visitor.response = visitor.client.post(
        f"{visitor.address}/resume", data={"code": code, "language": "en"}
    )
    visitor.send("save").send("resume")
    assert visitor.heading == "Check your answers"
    visitor.send("back").send(upset="2", remark="only here")
    assert len(kept() - before) == 2
    monkeypatch.setattr("api.drafts.discard", discard)
    visitor.send("submit")
    assert visitor.heading == "Thank you"
    end = time.monotonic() + 10
    while kept() != before:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert seen == [(2, 1)]


def test_withdrawal_is_promised_from_the_week_of_the_response_on(
    service, visitor, monkeypatch
):
    assert "deleted for 8 weeks after you send them" in visitor.open().text
    late = date(2027, 3, 10)  # a Wednesday, long after the survey opened
    monkeypatch.setattr("api.pages.today", lambda: late)
    answer_all(visitor)
    assert "until May 9, 2027" in visitor.text
    visitor.send("submit", withdrawal_code="yes")
    assert "until May 9, 2027" in visitor.text
    hashes = {record["consent_hash"] for record in stored(service)}
    assert len(hashes) == 1


def test_when_nothing_can_be_stored_the_page_carries_the_answers_on(
    service, visitor, monkeypatch
):
    async def fail(*_):
        raise RecordingUnavailable("full")

    answer_all(visitor)
    before = len(stored(service))
    with monkeypatch.context() as patch:
        patch.setattr("api.respondent.record_response", fail)
        visitor.send("submit")
    assert visitor.status == 503
    assert visitor.response.headers["retry-after"]
    assert len(stored(service)) == before
    visitor.send("submit")
    assert visitor.heading == "Thank you"
    assert len(stored(service)) == before + 1


def test_an_abandoned_interview_leaves_nothing_but_page_totals(service, visitor):
    with service.engine.connect() as connection:
        before = [
            connection.scalar(select(func.count()).select_from(table))
            for table in (Inbox, Response, Draft)
        ]
    visitor.begin().send(country="DE", age="42").send(drinks=["tea"], tea="yes")
    with service.engine.connect() as connection:
        after = [
            connection.scalar(select(func.count()).select_from(table))
            for table in (Inbox, Response, Draft)
        ]
    assert after == before
    assert fieldwork.progress(service.engine, "every_type")["pages"]["you"] >= 1


def test_a_ticket_works_once_and_a_closed_survey_says_so(tmp_path, visitor):
    settings = Settings(
        data_dir=tmp_path, secret_key="only-for-tests-0123456789-abcdefghijk"
    )
    engine = create_engine_for(settings)
    migrate(engine)
    files = dict(load(EVERY_TYPE).files)
    files["study.yaml"] = files["study.yaml"].replace("tier: T0", "tier: T1")
    survey = load_files("invited", files)
    fieldwork.publish(engine, survey)
    fieldwork.open_survey(engine, "invited", synthetic=True)
    code, other = tickets.issue(engine, "invited", "GB", 2)
    with running(create_app(settings)) as url:
        visitor = type(visitor)(url, "invited")
        visitor.begin(ticket="0000-0000")
        assert visitor.status == 422
        assert "protection level T1" in visitor.text
        visitor.begin(ticket=code.lower().replace("-", " "))
        for _ in range(20):
            if "submit" in visitor.form.buttons:
                break
            visitor.send()
        visitor.send("submit")
        assert visitor.heading == "Thank you"
        visitor.begin(ticket=code)
        assert "used already" in visitor.text
        visitor.begin(ticket=other)
        assert visitor.status == 200
        fieldwork.close_survey(engine, "invited")
        (record,) = fieldwork.records(engine, "invited")
        assert record["country"] == "GB"
        given = {name for name, value in record["answers"].items() if value is not None}
        assert given <= {"older"}
        time.sleep(1.1 * FRESH_FOR)
        response = httpx.get(f"{url}/s/invited")
        assert response.status_code == 410
        assert "closed" in response.text
        visitor.client.close()
    engine.dispose()


def test_a_demonstration_says_so_on_every_page(visitor):
    def steps():
        for page in PAGES:
            yield visitor.open(page=page)
        for action in ("begin", "language", "refuse"):
            yield visitor.open().send(action, language="en")
        yield visitor.begin()
        for action in ("back", "begin", "continue", "save", "resume"):
            yield visitor.send(action, **agreed_to(visitor))
        while "submit" not in visitor.form.buttons:
            yield visitor.send()
        yield visitor.send("submit")
        for code in ("", "-".join(["0000"] * 7)):
            yield type_withdrawal_code(visitor, code)

    for _ in steps():
        tree = html.fromstring(visitor.text)
        assert "demonstration" in tree.xpath("string(//header/p[@class='notice'])")
        assert tree.xpath("//header/p[not(node())]") == []
    assert visitor.heading == "Your request was carried out"


def agreed_to(visitor):
    """The boxes that are ticked, as a browser sends them."""
    return {
        box.get("name"): "yes"
        for box in html.fromstring(visitor.text).xpath("//input[@checked]")
        if box.get("name").startswith("consent_")
    }


def test_back_from_the_first_page_shows_what_was_agreed_to(visitor):
    given = {"consent_adult": "yes", "consent_opinions": "yes"}
    given |= {"consent_participate": "yes", "consent_publication": "yes"}
    visitor.begin(consent_publication="yes").send("back")
    assert agreed_to(visitor) == given
    del given["consent_publication"]
    visitor.send("begin", **given).send("back")
    assert agreed_to(visitor) == given
    assert agreed_to(visitor.open()) == {}, "nothing is ticked before anybody agreed"
