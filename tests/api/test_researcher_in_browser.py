"""The researchers' door in a real browser; `make screenshots` takes its pictures."""

import io
import os
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pyotp
import pyreadstat
import pytest
from axe_playwright_python.sync_playwright import Axe

from api import fieldwork, shelf
from surveys import read_release

PICTURES = os.environ.get("PARALLAX_SCREENSHOTS", "")
SURVEY = "/surveys/social_credit"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
READERS = {
    "SPSS": (".sav", pyreadstat.read_sav),
    "Stata": (".dta", pyreadstat.read_dta),
}
MILLISECONDS = 30_000


def new_page(browser, **options):
    context = browser.new_context(**options)
    context.set_default_timeout(MILLISECONDS)
    return context.new_page()


def press(page, name):
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).first.click()


def follow(page, name):
    with page.expect_navigation():
        page.get_by_role("link", name=name).click()


def sign_in(page, door, role):
    page.goto(f"{door.url}/surveys")
    page.get_by_label("Name").fill(door.enrolments[role].name)
    page.get_by_label("Password").fill(door.enrolments[role].password)
    press(page, "Sign in")


def wait(page):
    """Look again until the job on the page has ended."""
    for _ in range(20):
        again = page.get_by_role("link", name="Look again")
        if not again.count():
            return
        # an address that differs from this one by its fragment alone loads nothing
        page.goto(again.get_attribute("href").partition("#")[0])
    raise AssertionError("the job does not end")


def take(page, name):
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES, f"{name}.png"))


def test_a_researcher_closes_releases_and_downloads(door, browser):
    page = new_page(
        browser,
        base_url=door.url,
        java_script_enabled=False,
        viewport={"width": 1100, "height": 900},
    )
    sign_in(page, door, "manager")
    follow(page, "Technology and society")
    take(page, "fieldwork")
    page.get_by_label("It cannot be opened again").check()
    press(page, "Close the survey")
    assert fieldwork.status(door.engine, "social_credit").state == "closed"
    follow(page, "Releases")
    page.get_by_label("scientific").check()
    press(page, "Make the release")
    wait(page)
    follow(page, "See release 1-scientific")
    take(page, "releases")
    (released,) = shelf.releases(door.settings, "social_credit")
    stored = read_release(released.folder).responses.set_index("response_id")
    assert len(stored) == 480
    for name, (ending, read) in READERS.items():
        page.goto(f"{SURVEY}/releases")
        press(page, name)
        wait(page)
        link = page.get_by_role("link", name="Download")
        if name == "SPSS":
            with page.expect_navigation():
                link.click()
            code = pyotp.parse_uri(door.enrolments["manager"].otpauth).now()
            page.get_by_label("Six digits").fill(code)
            press(page, "Continue")
        with page.expect_download() as download:
            link.click()
        content = Path(download.value.path()).read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert "export-notes.txt" in archive.namelist()
            archive.extract(f"social_credit{ending}", released.folder.parent)
        frame, metadata = read(
            str(released.folder.parent / f"social_credit{ending}"),
            apply_value_formats=True,
        )
        assert metadata.column_names_to_labels["side"].startswith("Good citizenship")
        frame = frame.set_index("response_id").sort_index()
        for variable in ("country", "side", "education"):
            labels = stored[variable].map(released.labels(variable)).sort_index()
            pd.testing.assert_series_equal(
                frame[variable].astype(str), labels.astype(str)
            )
    page.goto(f"{SURVEY}/compare")
    press(page, "Compare")
    wait(page)
    assert page.get_by_role("row", name="Germany – China").count() == 1
    assert page.locator("figure svg[role=img]:visible").count() == 1
    page.locator("#result").scroll_into_view_if_needed()
    take(page, "comparison")
    page.context.close()


@pytest.fixture(scope="module")
def released(door):
    """A release, whichever tests ran before."""
    owner = door.sign_in("owner")
    owner.post(f"{SURVEY}/releases", profile="open")
    assert "See release" in owner.wait().text


@pytest.mark.usefixtures("released")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_a_narrow_screen_holds_everything(door, browser, scheme):
    page = new_page(
        browser,
        base_url=door.url,
        viewport={"width": 320, "height": 640},
        color_scheme=scheme,
        bypass_csp=True,
    )
    axe = Axe()

    def check():
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, page.url
        options = {"runOnly": {"type": "tag", "values": RULES}}
        found = [
            (violation["id"], [node["html"][:120] for node in violation["nodes"][:2]])
            for violation in axe.run(page, options=options).response["violations"]
        ]
        assert found == [], page.url

    page.goto("/surveys")
    check()
    sign_in(page, door, "owner")
    check()
    addresses = [
        *(SURVEY, "/surveys/invited", "/surveys/every_type", f"{SURVEY}/compare"),
        *(f"{SURVEY}/releases", "/surveys/every_type/compare", "/surveys/none"),
        *("/account", "/second-factor"),
    ]
    for address in addresses:
        page.goto(address)
        check()
    page.goto(f"{SURVEY}/compare")
    for box in page.locator("input[name=answer]").all():
        box.uncheck()
    press(page, "Compare")
    check()
    wait(page)
    page.locator(".vega-embed:visible").wait_for()
    assert page.locator("figure svg:visible").count() == 1
    page.locator("#result details summary").click()
    check()
    page.goto(f"{SURVEY}/compare?level=2")
    check()
    page.goto(f"{SURVEY}/releases")
    page.locator("article summary").first.click()
    check()
    press(page, "CSV")
    check()
    wait(page)
    check()
    page.context.close()


@pytest.mark.usefixtures("released")
def test_a_chart_tells_its_numbers_and_is_saved(door, browser):
    page = new_page(browser, base_url=door.url)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(error.message))
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, door, "viewer")
    page.goto(f"{SURVEY}/compare")
    press(page, "Compare")
    wait(page)
    row = page.get_by_role("row", name="China").first.locator("td").all_inner_texts()
    for width in (1100, 320):
        page.set_viewport_size({"width": width, "height": 700})
        page.locator(".mark-symbol path:visible").first.hover()
        told = page.locator(".vg-tooltip.visible")
        names, values = zip(
            *(line.split("\t") for line in told.inner_text().splitlines()), strict=True
        )
        assert names == ("Country", "Share", "Interval", "Respondents")
        assert values[0] == "China"
        assert [value.replace("%", "") for value in values[1:]] == row
        box = told.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    for name, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        link = page.get_by_role("link", name=f"Save as {name}").locator("visible=true")
        with page.expect_download() as download:
            link.click()
        assert Path(download.value.path()).read_bytes().startswith(begins)
    assert "Synthetic data" in Path(download.value.path()).read_text("utf-8")
    assert said == [], "the policy forbids nothing that the chart does"
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(door.url).netloc}
    page.context.close()


def test_a_survey_is_closed_by_keyboard(door, browser):
    page = new_page(browser, base_url=door.url, viewport={"width": 1100, "height": 760})
    sign_in(page, door, "manager")
    page.goto("/surveys/every_type")
    controls = page.locator("a, button, [tabindex='0'], input:not([type=hidden])")
    names = []
    for _ in range(controls.count()):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        names.append(focused.evaluate("e => e.name || e.innerText"))
        if names[-1] == "sure":
            page.keyboard.press("Space")
    assert names[0] == "Skip to the content"
    assert names[-1] == "Close the survey"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert fieldwork.status(door.engine, "every_type").state == "closed"
    page.context.close()
