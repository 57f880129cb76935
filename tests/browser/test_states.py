"""Every public page in every state (empty, one, many, refused), narrow and wide, light and dark."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from sqlalchemy import text

from directory import db
from directory.config import Config

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

# A page's name and state: its address, where {} is the id of the listing of that name.
EVERY_STATE = bool(os.environ.get("EVERY_STATE"))
STATES: dict[str, tuple[str, str]] = {
    "home": ("/", ""),
    "search, none": ("/search?q=zebra&near=Denver&term=service:detox&day=monday", ""),
    "search, one": ("/search?q=Front+Range+Detox&literal=1", ""),
    "search, many": ("/search?q=detox&near=Denver&term=pay:medicaid&kind=treatment", ""),
    "search, several places": ("/search?near=Portland", ""),
    "search, misspelled": ("/search?q=detocks&near=Denver", ""),
    "search, past the end": ("/search?near=Denver&page=90", ""),
    "search, refused place": ("/search?q=detox&near=Nowhereville+Qq", ""),
    "search, refused words": ("/search?q=" + "word+" * 60, ""),
    "listing, treatment": ("/listing/{}", "Front Range Detox (sample)"),
    "listing, online": ("/listing/{}", "Online Newcomers (sample)"),
    "listing, hidden address": ("/listing/{}", "Willow House for Women (sample)"),
    "listing, meeting": ("/listing/{}", "Early Birds (sample)"),
    "list, none": ("/list", ""),
    "list, one": ("/list?id={}&near=Denver", "Front Range Detox (sample)"),
    "list, refused": ("/list?id=zebra", ""),
    "hotlines": ("/hotlines", ""),
    "about": ("/about", ""),
    "privacy": ("/privacy", ""),
    "sources": ("/sources", ""),
    "guides": ("/guides", ""),
    "guide, overdose": ("/guides/overdose", ""),
    "guide": ("/guides/families", ""),
    "nothing there": ("/nothing", ""),
    "sign in": ("/sign-in", ""),
    "Spanish home": ("/es/", ""),
    "Spanish search, many": ("/es/search?q=desintoxicaci%C3%B3n&near=Denver", ""),
    "Spanish search, none": ("/es/search?q=zebra&near=Denver&term=service:detox&day=monday", ""),
    "Spanish search, refused": ("/es/search?near=Nowhereville+Qq", ""),
    "Spanish listing": ("/es/listing/{}", "Front Range Detox (sample)"),
    "Spanish guide": ("/es/guides/overdose", ""),
}
CHANGED = {"listing, gone": ("gone", 410), "listing, closed": ("closed", 200)}
"""What becomes of a listing, and the answer then."""


@pytest.fixture(scope="module")
def ids(sample_config: Config) -> dict[str, str]:
    """The listings by name."""
    with db.writer(sample_config).connect() as connection:
        rows = connection.execute(text("SELECT name, id::text FROM listing ORDER BY id DESC"))
        return {row[0]: row[1] for row in rows}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def problems(page: Page, state: str, turn: int | None = None) -> list[str]:
    """What axe finds, and what is too wide, at both widths and in both schemes of colour, or at
    the one of the four whose ``turn`` it is.

    The page is loaded once. A scheme changes colours alone, so that only their contrast is looked
    at again.
    """
    found = []
    if "many" in state or not state.startswith("search"):  # the filters are the same elsewhere
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    for width in (320, 1280) if turn is None else ((320, 1280)[turn % 2],):
        page.set_viewport_size({"width": width, "height": 900})
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if over > 0:
            found.append(f"{state}: {over} px too wide at {width} px")
        for scheme in ("light", "dark") if turn is None else (("light", "dark")[turn // 2 % 2],):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            again = scheme == "dark" and turn is None
            rules: dict[str, list[str]] = {"runOnly": ["color-contrast"]} if again else {}
            results = Axe().run(page, options={"resultTypes": ["violations"]} | rules)
            if results.violations_count:
                found.append(f"{state}, {width} px, {scheme}\n{results.generate_report()}")
    return found


def test_every_state(page: Page, live_site: str, ids: dict[str, str]) -> None:
    """Each at one width in one scheme, in turn; at all four with EVERY_STATE=1."""
    found = []
    for number, (state, (path, name)) in enumerate(STATES.items()):
        answer = page.goto(live_site + path.format(ids[name] if name else ""))
        assert answer is not None
        refused = "refused" in state
        assert answer.status == (400 if refused else 404 if state == "nothing there" else 200), (
            state,
            answer.url,
        )
        found += problems(page, state, None if EVERY_STATE else number)
    assert not found, "\n".join(found)


def test_a_long_list(page: Page, live_site: str, ids: dict[str, str]) -> None:
    chosen = "&".join(f"id={number}" for number in sorted(ids.values())[:6])
    page.goto(f"{live_site}/list?{chosen}&near=Denver")
    assert problems(page, "list, many") == []


def test_states_that_others_bring_about(
    page: Page, live_site: str, ids: dict[str, str], sample_config: Config
) -> None:
    """A listing that has left or closed, a database that is busy, and a sign-in that fails."""
    engine, found = db.writer(sample_config), []
    change = text("UPDATE listing SET status = :status WHERE id = :id")
    number = ids["Early Birds (sample)"]
    with ExitStack() as after:
        for state, (status, code) in CHANGED.items():
            with engine.begin() as connection:
                connection.execute(change, {"status": status, "id": number})
            after.callback(_put_back, sample_config, number)
            answer = page.goto(f"{live_site}/listing/{number}")
            assert answer is not None
            assert answer.status == code
            found += problems(page, state)
    with engine.connect() as holder:
        holder.execute(text("LOCK TABLE listing IN ACCESS EXCLUSIVE MODE"))
        answer = page.goto(f"{live_site}/search?q=detox&near=Denver")
    assert answer is not None
    assert answer.status == 503
    found += problems(page, "search, resting")
    page.goto(f"{live_site}/sign-in")
    page.get_by_label("E-mail").fill("nobody@example.org")
    page.get_by_label("Password").fill("wrong words here")
    page.get_by_role("button", name="Sign in").click()
    found += problems(page, "sign in, refused")
    assert not found, "\n".join(found)


def _put_back(config: Config, number: str) -> None:
    with db.writer(config).begin() as connection:
        change = text("UPDATE listing SET status = 'active' WHERE id = :id")
        connection.execute(change, {"id": number})


# A map shows a part of the world, and cuts names at its edge.
CLIPPED = """
() => [...document.querySelectorAll('main *, header *, footer *')].filter(e => {
  const style = getComputedStyle(e);
  const cuts = ['hidden', 'clip'].includes(style.overflowX) ||
    ['hidden', 'clip'].includes(style.overflowY);
  return cuts && !e.closest('.sr, .leaflet-container') && e.innerText && e.checkVisibility() &&
    (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
}).map(e => e.outerHTML.slice(0, 120))"""


def test_text_of_twice_the_size_loses_nothing(
    page: Page, live_site: str, ids: dict[str, str]
) -> None:
    """No text is cut off and nothing has to be scrolled sideways."""
    page.set_viewport_size({"width": 1280, "height": 900})
    listing = f"/listing/{ids['Front Range Detox (sample)']}"
    for path in ("/", "/search?q=detox&near=Denver", listing, "/list", "/es/hotlines"):
        page.goto(live_site + path)
        usual = page.evaluate("document.body.getBoundingClientRect().height")
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.body.getBoundingClientRect().height") > 1.3 * usual, path
        assert page.evaluate(CLIPPED) == [], path
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, f"{path} is {over} px too wide with large text"


def test_nothing_moves_for_those_who_want_no_motion(page: Page, live_site: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    for path in ("/", "/search?near=Denver", "/guides/overdose"):
        page.goto(live_site + path)
        assert page.evaluate("document.getAnimations().length") == 0
        smooth = "getComputedStyle(document.documentElement).scrollBehavior"
        assert page.evaluate(smooth) == "auto"
        moving = "e => parseFloat(getComputedStyle(e).transitionDuration) > 0.01"
        assert page.evaluate(f"[...document.querySelectorAll('*')].filter({moving}).length") == 0
