"""The shipped survey in a real browser, with scripts switched off."""

import os
import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MILLISECONDS = 20_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        reason = "no Chromium: install Debian's package chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


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
    page.locator(f"button[name=action][value={action}]").click()


def start(page: Page, url: str, language: str) -> None:
    page.goto(f"{url}/s/social_credit?language={language}")
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
def test_a_phone_without_scripts_answers_the_whole_survey(
    service, phone, language, direction, country, thanks
):
    before = {r["response_id"] for r in service.stored("social_credit")}
    chosen, headings = interview(phone, service.url, language, {"country": country})
    assert phone.locator("h1").inner_text() == thanks
    assert phone.locator("html").get_attribute("dir") == direction
    assert phone.locator("html").get_attribute("lang") == language
    assert len(headings) >= 19
    (record,) = [
        r for r in service.stored("social_credit") if r["response_id"] not in before
    ]
    assert record["language"] == language
    assert record["country"] == country
    experience = record["answers"].pop("experience")
    assert experience == (chosen.pop("experience"),)
    assert record["answers"] == {
        name: int(value) if name == "approval_list" else value
        for name, value in chosen.items()
    }


def test_the_page_s_own_back_works_on_every_page(service, phone):
    start(phone, service.url, "en")
    headings = [phone.locator("h1").inner_text()]
    while not phone.locator("button[value=submit]").count():
        answer(phone, {"country": "DE"})
        press(phone, "continue")
        if phone.locator("h1").inner_text() == headings[-1]:
            press(phone, "continue")
        headings.append(phone.locator("h1").inner_text())
    for heading in reversed(headings[:-1]):
        press(phone, "back")
        assert phone.locator("h1").inner_text() == heading
        if phone.locator("input[type=radio]").count():
            assert phone.locator("input[type=radio]:checked").count()
    press(phone, "back")
    assert phone.locator("input[name=consent_adult]").count() == 1


def test_the_browser_s_own_back_shows_a_page_that_goes_on(service, phone):
    start(phone, service.url, "en")
    answer(phone, {"country": "DE"})
    press(phone, "continue")
    second = phone.locator("h1").inner_text()
    answer(phone, {})
    press(phone, "continue")
    phone.go_back(timeout=MILLISECONDS)
    if not phone.locator("h1").count():
        phone.reload()
    assert phone.locator("h1").inner_text() == second
    answer(phone, {})
    press(phone, "continue")
    assert phone.locator("button[value=back]").count() == 1


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

    page.goto(f"{service.url}/s/social_credit?language={language}")
    check()
    press(page, "begin")
    check()
    start(page, service.url, language)
    for _ in range(40):
        check()
        if page.locator("button[value=submit]").count():
            break
        answer(page, {"country": "IT"})
        press(page, "continue")
    page.locator("input[name=withdrawal_code]").check()
    press(page, "submit")
    check()
    page.goto(f"{service.url}/s/social_credit/withdraw?language={language}")
    check()
    page.goto(f"{service.url}/s/none")
    check()
    context.close()
