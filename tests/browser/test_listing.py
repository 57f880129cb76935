"""A listing, a list and places side by side in a real browser: phones, paper, and no script."""

import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.conftest import SAID, serving
from tests.test_listing_page import KINDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def listings(browser: Browser, live_site: str) -> dict[str, str]:
    """The address of one sample of each kind, by name."""
    page = browser.new_page()
    found = {}
    for name in KINDS:
        page.goto(f"{live_site}/search?q={name} sample")
        link = page.locator(".card h3 a", has_text=name).first
        found[name] = f"{live_site}{link.get_attribute('href')}"
    page.close()
    return found


def pages_of(page: Page, size: str) -> int:
    """How many sheets of paper the page takes."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf(format=size)))


@pytest.mark.parametrize(("size", "language"), [("A4", ""), ("Letter", "/es")])
def test_a_listing_is_one_sheet_of_paper(
    browser: Browser, listings: dict[str, str], size: str, language: str
) -> None:
    page = browser.new_page()
    for name, address in listings.items():
        page.goto(address.replace("/listing/", f"{language}/listing/"))
        assert pages_of(page, size) == 1, name
    page.close()


def test_paper_has_the_number_and_no_buttons(browser: Browser, listings: dict[str, str]) -> None:
    page = browser.new_page()
    page.emulate_media(media="print")
    page.goto(listings["Front Range Detox"])
    expect(page.get_by_role("link", name="Call (303) 555-0101")).to_have_count(1)
    expect(page.get_by_role("heading", name="What to ask when you call")).to_be_visible()
    for name in ("Send as a text", "Leave this site", "Start a list with this"):
        expect(page.get_by_role("link", name=name)).to_be_hidden()
    page.close()


@pytest.mark.parametrize(("width", "shown"), [(320, True), (390, True), (1280, False)])
def test_the_number_stays_in_reach_on_phones(
    browser: Browser, listings: dict[str, str], width: int, shown: bool
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.goto(listings["Front Range Detox"])
    bar, out = page.locator(".call-bar"), page.locator(".exit")
    expect(bar).to_be_visible(visible=shown)
    for position in ("0", "document.body.scrollHeight"):
        page.evaluate(f"window.scrollTo(0, {position})")
        expect(bar).to_be_in_viewport() if shown else expect(bar).not_to_be_in_viewport()
        expect(out).to_be_in_viewport()
    if shown:  # beside the way out, not over it, and nothing at the end of the page is under it
        call, leave, foot = (
            each.bounding_box() for each in (bar, out, page.locator(".foot .wrap"))
        )
        assert call
        assert leave
        assert foot
        assert call["x"] + call["width"] <= leave["x"] + 1
        assert foot["y"] + foot["height"] <= call["y"]
    page.close()


@pytest.mark.parametrize(("width", "reached"), [(320, True), (390, True), (1280, False)])
def test_the_number_of_a_result_half_on_the_screen_is_on_it(
    browser: Browser, live_site: str, width: int, reached: bool
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.goto(f"{live_site}/search?near=Denver&kind=treatment")
    card = page.locator(".card").nth(1)
    card.evaluate("card => window.scrollBy(0, card.getBoundingClientRect().top - 380)")
    number, out = card.locator(".call").bounding_box(), page.locator(".exit").bounding_box()
    assert number
    assert out
    assert (number["y"] + number["height"] <= out["y"]) is reached
    page.close()


def test_a_code_opens_without_a_script(browser: Browser, listings: dict[str, str]) -> None:
    context = browser.new_context(java_script_enabled=False, color_scheme="dark")
    page = context.new_page()
    page.goto(listings["Early Birds"])
    code = page.get_by_role("img", name="QR code of the address of this page")
    expect(code).to_be_hidden()
    page.locator("summary", has_text="Show a code to scan").click()
    expect(code).to_be_visible()
    box = code.bounding_box()
    assert box
    assert box["width"] >= 200
    context.close()


def test_from_results_to_a_comparison_without_a_script(browser: Browser, live_site: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(f"{live_site}/search?near=Denver&kind=treatment")
    for box in page.get_by_role("checkbox", name="Keep").all()[:3]:
        box.check()
    page.get_by_role("button", name="See the ones I keep").click()
    page.get_by_role("checkbox", name="Compare").first.uncheck()
    page.get_by_role("checkbox", name="Compare").nth(1).uncheck()
    page.get_by_role("button", name="Compare side by side").click()
    expect(page.get_by_role("alert")).to_have_text("Tick two to four places to compare them.")
    page.get_by_role("checkbox", name="Compare").first.check()
    page.get_by_role("button", name="Compare side by side").click()
    expect(page.get_by_role("columnheader")).to_have_count(2)
    expect(page.get_by_role("rowheader", name="Where", exact=True)).to_be_visible()
    page.get_by_role("link", name="Back to my list").click()
    expect(page.get_by_role("checkbox", name="Compare")).to_have_count(3)
    context.close()


@pytest.mark.parametrize(("width", "stacked"), [(320, True), (1280, False)])
def test_a_comparison_is_a_table_or_blocks(
    browser: Browser, live_site: str, width: int, stacked: bool
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(f"{live_site}/search?near=Denver&kind=treatment")
    for box in page.get_by_role("checkbox", name="Keep").all()[:2]:
        box.check()
    page.get_by_role("button", name="See the ones I keep").click()
    page.get_by_role("button", name="Compare side by side").click()
    one, other = (page.get_by_role("row", name="When").get_by_role("cell").nth(n) for n in (0, 1))
    first, second = one.bounding_box(), other.bounding_box()
    assert first
    assert second
    assert (second["y"] > first["y"]) is stacked
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.close()


class InPieces:
    """A site whose pages arrive bit by bit, as on a slow line, so that browsers paint parts."""

    def __init__(self, app: Flask) -> None:
        self.wsgi = app.wsgi_app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterator[bytes]:
        environ.pop("HTTP_ACCEPT_ENCODING", None)  # a cut gzip shows nothing
        answer = self.wsgi(environ, start_response)
        body = b"".join(answer)
        pieces = 12 if b"<!doctype html>" in body[:100] else 1
        size = -(-len(body) // pieces) or 1
        for start in range(0, len(body), size):
            yield body[start : start + size]
            time.sleep(0.05)
        getattr(answer, "close", lambda: None)()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", ["/search?near=Denver", "/", "LISTING"])
def test_nothing_moves_while_a_page_comes_up(
    browser: Browser, app: Flask, listings: dict[str, str], path: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach("
        "entry => { window.moved += entry.value })).observe({type: 'layout-shift', buffered: true})"
    )
    with serving(InPieces(app)) as address:
        if path == "LISTING":
            path = urlsplit(listings["Early Birds"]).path
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.moved") < 0.01
        page.close()


# Half of what is called fast on a phone; a page shows its largest part within 2.5 s.
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}


@pytest.mark.parametrize("path", ["/search?near=Denver", "/", "LISTING", "/guides/detox"])
def test_on_a_slow_line_and_a_slow_phone(
    browser: Browser,
    live_site: str,
    listings: dict[str, str],
    path: str,
    record_property: Callable[[str, object], None],
) -> None:
    """How soon is only said, for no time decides a test; how much is asked for decides."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.add_init_script(
        "new PerformanceObserver(list => { window.largest = list.getEntries().at(-1).startTime })"
        ".observe({type: 'largest-contentful-paint', buffered: true})"
    )
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.emulateNetworkConditions", SLOW)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(listings["Early Birds"] if path == "LISTING" else live_site + path)
    page.wait_for_load_state("networkidle")
    largest = page.wait_for_function("window.largest").json_value()
    record_property(SAID, f"{path}: largest paint after {largest:.0f} ms at 400 kbit/s, CPU / 4")
    sizes = page.evaluate(
        "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))"
        ".map(entry => entry.encodedBodySize)"
    )
    assert len(sizes) <= 5
    assert sum(sizes) <= 30_000
    context.close()
