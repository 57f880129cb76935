"""The main journeys with a keyboard alone: each step is reached, seen, and says what it is."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import pages_asked

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MOST_TABS = 120


TOTAL = ".results > [role=status]"


@pytest.fixture(params=[320, 1280])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": request.param, "height": 800})
    yield context.new_page()
    context.close()


SEEN = """
e => {
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const over = document.elementFromPoint(box.left + Math.min(box.width, innerWidth) / 2,
    box.top + Math.min(box.height, 20) / 2);
  return {ring, seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    free: over === null || e.contains(over) || over.contains(e)};
}"""


def tab_to(page: Page, target: Locator, most: int = MOST_TABS) -> None:
    """Press Tab until ``target`` has the focus; wherever the focus is, it is seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        held = page.locator(":focus")
        if held.count():
            state = held.evaluate(SEEN)
            said = held.evaluate("e => e.outerHTML.slice(0, 200)")
            assert state == {"ring": True, "seen": True, "free": True}, (state, said)
        if target.evaluate("e => e === document.activeElement"):
            return
    pytest.fail(f"{most} times Tab do not lead to {target}")


def test_from_the_first_page_to_a_call(page: Page, live_site: str) -> None:
    page.goto(live_site)
    tab_to(page, page.get_by_label("What do you need?"), 20)
    page.keyboard.type("detox")
    tab_to(page, page.get_by_label("Where?"), 2)
    page.keyboard.type("Denver")
    page.keyboard.press("Enter")
    expect(page.locator(TOTAL)).to_contain_text("within 25 miles of Denver, CO")
    # The filters stand after the results, and a link before these leads there.
    tab_to(page, page.get_by_role("link", name="Filters", exact=True), 40)
    page.keyboard.press("Enter")
    filters = page.get_by_role("region", name="Filters")
    expect(filters).to_be_visible()
    tab_to(page, filters.locator("summary", has_text="Ways to pay"), 30)
    page.keyboard.press("Enter")
    medicaid = page.get_by_role("checkbox", name="Medicaid")
    tab_to(page, medicaid, 10)
    page.keyboard.press("Space")
    expect(medicaid).to_be_checked()
    tab_to(page, page.get_by_role("button", name="Show results"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Remove Medicaid")).to_be_visible()
    found = page.get_by_role("link", name="Front Range Detox (sample)")
    tab_to(page, found)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Front Range Detox (sample)")
    call = page.get_by_role("link", name="Call (303) 555-0101").first
    tab_to(page, call, 40)
    expect(call).to_have_attribute("href", "tel:+13035550101")
    asked = pages_asked(page)
    for _ in range(3):
        page.keyboard.press("Shift")
    for _ in range(100):
        if asked:
            break
        page.wait_for_timeout(50)
    assert asked[0] == f"{live_site}/exit"


def test_what_is_refused_has_the_focus_and_leads_to_its_field(page: Page, live_site: str) -> None:
    page.goto(f"{live_site}/search?q=detox&near=Nowhereville+Qq&radius=50&term=pay:medicaid")
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("We do not know a place called “Nowhereville Qq”.")
    expect(page.get_by_label("What do you need?")).to_have_value("detox")
    expect(page.get_by_label("Within")).to_have_value("50")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    where = page.get_by_label("Where?")
    expect(where).to_be_focused()
    expect(where).to_have_value("Nowhereville Qq")
    expect(where).to_have_attribute("aria-invalid", "true")
    expect(where).to_have_accessible_description(re.compile("We do not know a place called"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Denver")
    page.keyboard.press("Enter")
    expect(page.locator(TOTAL)).to_contain_text("within 50 miles of Denver, CO")
    expect(page.get_by_role("link", name="Remove Medicaid")).to_be_visible()


def test_the_short_way_to_the_main_part(page: Page, live_site: str) -> None:
    for path in ("/search?near=Denver", "/"):
        page.goto(live_site + path)
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the main part")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_label("What do you need?")).to_be_focused()
