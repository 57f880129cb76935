"""The pages in a real browser: journeys with and without JavaScript, crisis lines, the way out."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import pages_asked

# A browser that has seen enough of a page hangs up; the test server then leaves a file to the
# garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PATHS = (
    "/",
    "/search",
    "/search?q=detox&near=Denver",
    "/search?near=Denver&term=pay:medicaid&kind=treatment",
    "/search?near=Denver#filters",
    "/search?near=Pueblo, CO",
    "/search?near=Portland",
    "/search?q=zebra&near=Denver&term=service:detox&day=monday",
    "/search?near=Nowhereville Qq",
    "/list",
    "/hotlines",
    "/about",
    "/privacy",
    "/sources",
    "/guides",
    "/guides/overdose",
    "/guides/families",
    "/nothing",
    "/es/",
    "/es/search?q=desintoxicación&near=Denver",
    "/es/search?q=zebra&near=Denver&term=service:detox&day=monday",
    "/es/search?near=Nowhereville Qq",
    "/es/hotlines",
    "/es/guides/overdose",
)
LISTINGS = ("Front Range Detox", "Online Newcomers", "Willow House", "Early Birds")


@pytest.fixture(scope="module")
def paths(browser: Browser, live_site: str) -> list[str]:
    """Every kind of page, some listings among them."""
    page = browser.new_page()
    listings = []
    for name in LISTINGS:
        page.goto(f"{live_site}/search?q={name}")
        listings.append(page.locator(".card h3 a").first.get_attribute("href") or "")
    page.close()
    report = "/report/" + listings[0].split("/")[2]
    ids = [path.split("/")[2] for path in listings]
    kept = "/list?near=Denver&" + "&".join(f"id={each}" for each in ids)
    compared = kept + "".join(f"&compare={each}" for each in ids)
    own = [report, f"/es{report}", f"{report}/thanks", "/confirm/broken"]
    return [*PATHS, *listings, *own, kept, f"/es{compared}"]


def test_a_mistake_is_reported_without_javascript_or_cookie(
    browser: Browser, live_site: str
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 800})
    page = context.new_page()
    page.goto(f"{live_site}/search?q=Willow House")
    page.locator(".card h3 a").first.click()
    page.get_by_role("link", name="Report a mistake").click()
    page.get_by_label("A phone number or link is wrong").check()
    page.get_by_label("What should it say?").fill("It is 303-555-0199.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    assert context.cookies() == []
    page.get_by_role("link", name="Back to Willow House").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Willow House")
    context.close()


def test_what_to_do_in_an_overdose_is_one_click_away(browser: Browser, live_site: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    page.goto(live_site)
    page.get_by_role("link", name="Overdose", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What to do in an overdose")
    expect(page.get_by_role("main").get_by_role("link", name="Call 911")).to_be_visible()
    page.get_by_role("link", name="Find naloxone").click()
    expect(page.get_by_role("link", name="Remove Naloxone")).to_be_visible()
    context.close()


def test_filters_open_and_close_on_a_phone_without_javascript(
    browser: Browser, live_site: str
) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_site}/search?near=Denver")
    filters = page.get_by_role("region", name="Filters")
    expect(filters).to_be_hidden()
    page.get_by_role("link", name="Filters", exact=True).click()
    expect(filters).to_be_visible()
    # Nothing of the page shows between them and the way out, or below them.
    for width in (320, 768):
        page.set_viewport_size({"width": width, "height": 640})
        sheet, out = filters.bounding_box(), page.locator(".exit").bounding_box()
        assert sheet
        assert out
        assert sheet["y"] + sheet["height"] >= (out["y"] if width == 320 else 640)
    page.set_viewport_size({"width": 320, "height": 640})
    page.get_by_role("link", name="Close filters").click()
    expect(filters).to_be_hidden()
    page.get_by_role("link", name="Filters", exact=True).click()
    page.get_by_role("checkbox", name="Support groups").check()
    page.get_by_role("button", name="Show results").click()
    expect(page).to_have_url(re.compile("near=Denver.*kind=support_group"))
    expect(filters).to_be_hidden()
    context.close()


def test_a_phone_shows_a_result_without_scrolling(browser: Browser, live_site: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{live_site}/search?q=detox that takes medicaid&near=Denver")
    # Only samples say that they are none.
    page.evaluate("document.querySelector('.sample-note').remove()")
    first = page.locator(".card h3").first.bounding_box()
    out = page.locator(".exit").bounding_box()
    assert first
    assert out
    assert first["y"] + first["height"] <= out["y"]
    expect(page.locator(".card .key b").first).to_have_text("Medicaid")
    page.get_by_text("Not what you meant?").click()
    expect(page.get_by_role("link", name="Search for exactly these words")).to_be_visible()
    page.close()


def test_a_number_is_never_over_the_name_that_it_belongs_to(
    browser: Browser, live_site: str
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{live_site}/search?near=Denver&radius=100")
    over = """() => [...document.querySelectorAll('.card:has(.reach)')].filter(card =>
      card.querySelector('.reach').getBoundingClientRect().top <
      card.querySelector('h3').getBoundingClientRect().bottom).length"""
    stuck = """() => [...document.querySelectorAll('.reach')].filter(line =>
      Math.abs(innerHeight - line.getBoundingClientRect().bottom - 52) < 2).length"""
    numbers = 0
    for top in range(0, 3000, 60):
        page.evaluate("top => window.scrollTo(0, top)", top)
        assert page.evaluate(over) == 0, top
        numbers += page.evaluate(stuck)
    assert numbers  # and it does stay on the screen
    page.close()


SMALL = """() => [...document.querySelectorAll(
  'main button, .call, .changes a, .to-filters, .to-map, .pages a, .keep, .box, select, .exit a')]
  .filter(e => e.checkVisibility() && !e.matches('.near-me') &&
    e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))"""


def test_what_is_pressed_has_room_for_a_thumb(
    browser: Browser, live_site: str, paths: list[str]
) -> None:
    """On a phone all buttons and boxes are 44 px high or more."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    for path in paths:
        page.goto(live_site + path)
        assert page.evaluate(SMALL) == [], path
    page.close()


NEIGHBOURS = """() => [...document.querySelectorAll('.chips a')].flatMap(e => {
  const box = e.getBoundingClientRect();
  return [-21, 21].filter(off => document.elementFromPoint(box.x + 20,
    box.y + box.height / 2 + off)?.closest('a') !== e).map(off => `${off} ${e.innerText}`);
})"""


def test_a_thumb_beside_a_chip_meets_the_chip(browser: Browser, live_site: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{live_site}/search?q=zebra&near=Denver&term=service:detox&day=monday")
    assert page.locator(".chips a").count() > 3  # in rows below one another
    assert page.evaluate(NEIGHBOURS) == []
    page.close()


def test_a_number_to_call_is_never_in_two_lines(browser: Browser, live_site: str) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 844})
    page.goto(f"{live_site}/es/search?q=zebra&near=Denver")
    heights = "parts => parts.map(part => part.getClientRects().length)"
    lines = page.locator(".people .whole").evaluate_all(heights)
    assert lines == [1] * len(lines) != []
    page.close()


def crisis_lines(page: Page) -> list[str | None]:
    links = page.locator("aside.crisis a").all()
    return [link.get_attribute("href") for link in links if link.is_visible()]


def test_crisis_lines_can_be_seen_on_every_page(
    browser: Browser, live_site: str, paths: list[str]
) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    for path in paths:
        if "#filters" not in path:
            page.goto(live_site + path)
            shown = crisis_lines(page)
            lines = "/es/hotlines" if path.startswith("/es/") else "/hotlines"
            assert {"tel:911", "tel:988", "tel:+18006624357", lines} <= set(shown), path
    page.close()


@pytest.mark.parametrize("way", ["click", "plain link", "Shift"])
def test_leaving_fast(browser: Browser, live_site: str, way: str) -> None:
    """Whatever is asked of another host is the way out; here it leads nowhere."""
    context = browser.new_context(java_script_enabled=way != "plain link")
    page = context.new_page()
    asked = pages_asked(page)
    page.goto(f"{live_site}/search?near=Denver")
    if way == "Shift":
        words = page.get_by_label("What do you need?")
        words.focus()
        for key in ("Shift", "Shift", "a", "Shift", "Shift"):
            page.keyboard.press(key)
        page.wait_for_timeout(300)
        assert not any(url.endswith("/exit") for url in asked)
        expect(words).to_be_visible()
        page.keyboard.press("Shift")
    else:
        page.get_by_role("link", name="Leave this site").click(no_wait_after=True)
    for _ in range(100):
        if "https://www.weather.gov/" in asked:
            break
        page.wait_for_timeout(50)
    assert asked[-2:] == [f"{live_site}/exit", "https://www.weather.gov/"]
    context.close()


@pytest.mark.parametrize("width", [320, 1280])
def test_the_way_out_covers_nothing_at_the_end(
    browser: Browser, live_site: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.goto(f"{live_site}/search?near=Denver")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    out = page.get_by_role("link", name="Leave this site").bounding_box()
    last = page.locator(".foot .wrap").bounding_box()
    assert out
    assert last
    assert last["y"] + last["height"] <= out["y"]
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_question_goes_along_into_the_other_language(
    browser: Browser, live_site: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=False
    )
    page = context.new_page()
    page.goto(f"{live_site}/search?q=detox&near=Denver&term=pay:medicaid")
    page.get_by_role("link", name="Español").click()
    title = page.get_by_role("heading", level=1)
    expect(title).to_contain_text("a menos de 25 millas de Denver, CO")
    expect(page.get_by_role("link", name="Quitar Medicaid")).to_be_visible()
    page.get_by_label("¿Qué necesita?").fill("reuniones de AA")
    page.get_by_role("button", name="Buscar", exact=True).click()
    expect(page).to_have_url(re.compile(r"/es/search\?q=reuniones"))
    expect(page.get_by_role("link", name="Quitar Medicaid")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("link", name="Remove Medicaid")).to_be_visible()
    expect(page.get_by_label("What do you need?")).to_have_value("reuniones de AA")
    context.close()
