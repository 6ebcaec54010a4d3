"""The shipped survey in a real browser, with scripts switched off."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page

from api.datasets import release
from surveys import read_release

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MILLISECONDS = 20_000


@pytest.fixture
def phone(browser) -> Iterator[Page]:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 320, "height": 640}
    )
    context.set_default_timeout(MILLISECONDS)
    page = context.new_page()
    yield page
    context.close()


def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen; asked without the page's scripts."""
    session = page.context.new_cdp_session(page)
    metrics = session.send("Page.getLayoutMetrics")
    session.detach()
    return (
        metrics["cssContentSize"]["width"]
        <= metrics["cssLayoutViewport"]["clientWidth"]
    )


def press(page: Page, action: str) -> None:
    with page.expect_navigation():
        page.locator(f"button[name=action][value={action}]").click()


def start(page: Page, url: str, language: str, survey: str = "social_credit") -> None:
    page.goto(f"{url}/s/{survey}?language={language}")
    for box in ("participate", "adult", "opinions"):
        page.locator(f"input[name=consent_{box}]").check()
    press(page, "begin")


def answer(page: Page, choose: dict[str, str]) -> dict[str, str]:
    """Answer every group of radio buttons on a page: as wished, or the first choice."""
    chosen = {}
    for radio in page.locator("input[type=radio]").all():
        name, value = radio.get_attribute("name"), radio.get_attribute("value")
        wished = choose.get(name)
        if name not in chosen and (wished is None or wished == value):
            radio.check()
            chosen[name] = value
    return chosen


def interview(page: Page, url: str, language: str, choose: dict[str, str]):
    """Answer the whole survey; returns the choices and the headings seen."""
    start(page, url, language)
    chosen, headings = {}, []
    for _ in range(40):
        assert fits(page), page.title()
        headings.append(page.locator("h1").inner_text())
        if page.locator("button[value=submit]").count():
            break
        chosen |= answer(page, choose)
        for box in page.locator("input[type=checkbox]").all()[:1]:
            box.check()
            chosen[box.get_attribute("name")] = box.get_attribute("value")
        press(page, "continue")
    press(page, "submit")
    return chosen, headings


@pytest.mark.parametrize(
    ("language", "direction", "country", "thanks"),
    [("zh-Hans", "ltr", "CN", "谢谢您"), ("ar", "rtl", "US", "شكرًا لكم")],
)
def test_a_phone_without_scripts_answers_and_the_release_holds_the_answers(
    service, phone, tmp_path, language, direction, country, thanks
):
    before = {r["response_id"] for r in service.stored("social_credit")}
    chosen, headings = interview(phone, service.url, language, {"country": country})
    assert phone.locator("h1").inner_text() == thanks
    assert phone.locator("html").get_attribute("dir") == direction
    assert phone.locator("html").get_attribute("lang") == language
    assert len(headings) >= 19
    service.stored("social_credit")
    release(service.engine, "social_credit", tmp_path / "release")
    frame = read_release(tmp_path / "release").frame()
    (row,) = frame[~frame["response_id"].isin(before)].to_dict("records")
    assert row["language"] == language
    assert row["country"] == country
    assert row["experience_" + chosen.pop("experience")] == 1
    assert len(chosen) > 30
    for variable, value in chosen.items():
        assert str(row[variable]).removesuffix(".0") == value, variable


def go_on(page: Page) -> None:
    """Fill in the first controls of a page and continue, past the gentle reminder."""
    heading = page.locator("h1").inner_text()
    answer(page, {})
    if page.locator("#age").count():
        page.fill("#age", "44")
    press(page, "continue")
    if page.locator("h1").inner_text() == heading:
        press(page, "continue")


def press_back_on_the_page(page: Page) -> None:
    press(page, "back")


def press_back_in_the_browser(page: Page) -> None:
    """Chromium keeps no page that says ``no-store``: it asks to send the form again."""
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back(timeout=MILLISECONDS)
    page.wait_for_url("chrome-error://**")
    page.reload()


@pytest.mark.parametrize("back", [press_back_on_the_page, press_back_in_the_browser])
def test_both_backs_lead_to_a_page_that_goes_on(service, phone, back):
    start(phone, service.url, "en", "every_type")
    headings = [phone.locator("h1").inner_text()]
    while not phone.locator("button[value=submit]").count():
        go_on(phone)
        headings.append(phone.locator("h1").inner_text())
        back(phone)
        assert phone.locator("h1").inner_text() == headings[-2]
        go_on(phone)
        assert phone.locator("h1").inner_text() == headings[-1]
    assert len(headings) == 6


def test_back_from_the_first_page_shows_the_consent_that_was_given(service, phone):
    start(phone, service.url, "en", "every_type")
    go_on(phone)
    press(phone, "back")
    press(phone, "back")
    boxes = phone.locator("input[name^=consent_]")
    assert boxes.count() == 4
    assert phone.locator("input:checked").count() == 3
    assert not phone.locator("input[name=consent_publication]").is_checked()
    assert phone.locator(".notice").is_visible()
    press(phone, "begin")
    assert phone.locator("#age").input_value() == "44"


def fill_in_by_keyboard(page: Page, texts: dict[str, str]) -> None:
    """Walk over a page with the Tab key alone and leave it with its first button."""
    names, places = set(), iter("123")
    while True:
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        name = focused.get_attribute("name")
        kind = focused.get_attribute("type") or focused.evaluate("e => e.localName")
        if kind == "button" and name == "action":
            break
        if kind in {"radio", "checkbox"} and name not in names:
            page.keyboard.press("Space")
            if kind == "radio":
                page.keyboard.press("ArrowDown")
                page.keyboard.press("ArrowUp")
        elif kind == "select" and name != "language":
            page.keyboard.press(next(places))
        elif kind in {"input", "textarea"}:
            page.keyboard.type(texts[name])
        names.add(name)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("language", "age"), [("en", "44"), ("zh-Hans", "４４"), ("ar", "٤٤")]
)
def test_every_type_of_question_is_answered_by_keyboard(service, phone, language, age):
    before = len(service.stored("every_type"))
    texts = {"age": age, "cups": "2,5", "why": "茶 شاي", "remark": "<b>"}
    phone.goto(f"{service.url}/s/every_type?language={language}")
    for _ in range(7):
        assert fits(phone), phone.title()
        fill_in_by_keyboard(phone, texts)
    assert phone.locator("button").count() == 0
    assert phone.locator("bdi").count() == 1
    records = service.stored("every_type")
    assert len(records) == before + 1
    (record,) = [record for record in records if record["language"] == language]
    answers = record["answers"]
    assert None not in answers.values()
    assert answers["age"] == 44
    assert answers["cups"] == 2.5
    assert answers["why"] == texts["why"]
    assert answers["places"] == ("park", "library", "station")
    assert answers["upset"] == 0


@pytest.mark.parametrize("language", ["en", "zh-Hans", "ar"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_kind_of_page(service, browser, language, scheme):
    context = browser.new_context(
        viewport={"width": 320, "height": 640},
        color_scheme=scheme,
        bypass_csp=True,
    )
    context.set_default_timeout(MILLISECONDS)
    page = context.new_page()
    axe = Axe()

    def check() -> None:
        options = {"runOnly": {"type": "tag", "values": RULES}}
        results = axe.run(page, options=options)
        found = [
            (violation["id"], [node["html"][:120] for node in violation["nodes"][:2]])
            for violation in results.response["violations"]
        ]
        assert found == [], page.title()

    page.goto(f"{service.url}/s/every_type?language={language}")
    check()
    press(page, "begin")
    check()
    start(page, service.url, language, "every_type")
    page.fill("#age", "4")
    press(page, "continue")
    assert page.locator(".summary.wrong:focus").count() == 1
    check()
    for _ in range(5):
        press(page, "save" if page.locator("#cups").count() else "continue")
        check()
        if page.locator("button[value=resume]").count():
            press(page, "resume")
        go_on(page)
        check()
    page.locator("input[name=withdrawal_code]").check()
    press(page, "submit")
    check()
    for address in ("every_type/withdraw", "every_type/resume", "none"):
        page.goto(f"{service.url}/s/{address}?language={language}")
        check()
    page.goto(f"{service.url}/s/every_type/withdraw?language={language}")
    for code in ("wrong", "-".join(["0000"] * 7)):
        page.fill("#code", code)
        with page.expect_navigation():
            page.locator("main button").click()
        check()
    assert page.locator("main a").count() == 1
    context.close()
