"""The map and "Near me" in a real browser: what is shown, asked for, reached and said."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FloatRect, Locator, Page, Response, expect

from directory.config import Config
from directory.web.app import create_app
from tests.conftest import serving
from tests.test_tiles import archive

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
ALL = "/search?near=Denver&radius=100"
PAID = "/search?near=Denver&radius=100&term=pay:medicaid"
OWN_SCRIPTS = 10 * 1024
MAP = 200 * 1024


@contextmanager
def page_of(browser: Browser, size: Any, **options: Any) -> Iterator[Page]:
    """A page that fails the test where anything is told on the console or asked of others."""
    context = browser.new_context(viewport=size, **options)
    page = context.new_page()
    said: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    yield page
    own = urlsplit(page.url).netloc
    assert context.cookies() == []
    context.close()
    assert said == []
    assert hosts == {own}


def settled(page: Page) -> Locator:
    """The markers, once the map and the names of towns are drawn."""
    expect(page.locator(".town").first).to_be_attached()
    expect(page.locator("path.county").first).to_be_attached()
    return page.locator(".spot")


def opened(page: Page) -> Locator:
    page.get_by_role("link", name="Show map").click()
    return settled(page)


def box(part: Locator) -> FloatRect:
    """Where something is on the screen; it has to be there."""
    found = part.bounding_box()
    assert found
    return found


def answer(page: Page, path: str) -> list[dict[str, Any]]:
    """The features that the API gives for the question of a page."""
    found = page.request.get(path.replace("/search?", "/api/v1/search.geojson?"))
    features: list[dict[str, Any]] = found.json()["features"]
    return features


def shown(page: Page) -> int:
    """How many places the markers stand for."""
    groups = page.locator(".group > span:first-child").all_text_contents()
    return page.locator(".spot [data-id]").count() + sum(map(int, groups))


def test_on_a_wide_screen_the_map_stands_beside_the_list(browser: Browser, live_site: str) -> None:
    with page_of(browser, WIDE) as page:
        page.goto(live_site + ALL)
        settled(page)
        card = box(page.locator(".card").first)
        assert box(page.locator("#map"))["x"] >= card["x"] + card["width"]
        expect(page.get_by_role("link", name="Show map")).to_be_hidden()
        page.mouse.wheel(0, 3000)
        expect(page.locator("#map .map")).to_be_in_viewport()


def test_nothing_moves_when_the_map_comes(browser: Browser, live_site: str) -> None:
    for size in (WIDE, PHONE):
        with page_of(browser, size) as page:
            page.add_init_script(
                "window.moved = 0; new PerformanceObserver(list => { for (const one of "
                "list.getEntries()) window.moved += one.value; })"
                ".observe({type: 'layout-shift', buffered: true});"
            )
            page.goto(live_site + ALL)
            if size is WIDE:
                settled(page)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("window.moved") < 0.02


def test_on_a_phone_the_map_loads_when_it_is_shown(browser: Browser, live_site: str) -> None:
    with page_of(browser, PHONE) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(live_site + ALL)
        page.wait_for_load_state("networkidle")
        expect(page.locator("#map")).to_be_hidden()
        assert not any("vendor" in url or "geojson" in url or "map." in url for url in asked)
        opened(page)
        expect(page.get_by_role("link", name="Show list")).to_be_focused()
        # What stays on the screen of the list does not show through.
        over = "document.elementFromPoint(150, innerHeight - 80).closest('#map') !== null"
        assert page.evaluate(over)
        # What lies under the map is out of reach, but never the way out.
        expect(page.get_by_role("link", name="Leave this site")).to_be_in_viewport()
        reached = set()
        under = "document.activeElement.closest('#map, .exit')?.className ?? ''"
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.add(page.evaluate(under))
        assert reached <= {"map-side", "exit", ""}
        assert {"map-side", "exit"} <= reached
        page.locator(".map-close").focus()
        page.keyboard.press("Escape")
        expect(page.locator("#map")).to_be_hidden()
        expect(page.get_by_role("link", name="Show map")).to_be_focused()
        page.get_by_role("link", name="Show map").click()
        expect(page.locator("#map")).to_be_visible()
        page.go_back()
        expect(page.locator("#map")).to_be_hidden()
        page.get_by_label("What do you need?").fill("detox")


def test_the_map_shows_the_results_and_no_private_place(browser: Browser, live_site: str) -> None:
    with page_of(browser, WIDE) as page:
        page.goto(live_site + ALL)
        settled(page)
        features = answer(page, live_site + ALL)
        public = [feature for feature in features if feature["geometry"]]
        private = [feature for feature in features if not feature["properties"]["address_public"]]
        assert private
        assert shown(page) == len(public) == len(features) - len(private)
        expect(page.get_by_text("Places that keep their address private")).to_be_visible()


def test_a_place_that_is_only_known_about_is_an_area(browser: Browser, live_site: str) -> None:
    path = "/search?near=Littleton, CO&radius=100"
    with page_of(browser, WIDE, reduced_motion="reduce") as page:
        page.goto(live_site + path)
        settled(page)
        about = [
            feature["properties"]["name"]
            for feature in answer(page, live_site + path)
            if feature["properties"]["precision"] == "approximate" and feature["geometry"]
        ]
        assert len(about) == 1
        area = page.get_by_role("button", name=f"{about[0]}, somewhere in this area")
        expect(area).to_be_visible()
        expect(area.locator(".pin")).to_have_count(0)
        before = box(area)["width"]
        for _ in range(3):
            page.get_by_role("button", name="Zoom in", exact=True).click()
        # It is as large as the ground that it stands for.
        assert box(area)["width"] > 3 * before
        expect(page.get_by_text("A circle is an area")).to_be_visible()


def test_a_card_shows_its_marker_and_a_marker_its_card(browser: Browser, live_site: str) -> None:
    with page_of(browser, WIDE) as page:
        page.goto(live_site + PAID)
        settled(page)
        pin = page.locator(".spot:has(.pin)").first
        name = pin.inner_text()
        card = page.locator(".card", has=page.get_by_role("link", name=name, exact=True))
        card.hover()
        expect(pin).to_have_class(re.compile(r"\bon\b"))
        page.locator("h1").hover()
        expect(pin).not_to_have_class(re.compile(r"\bon\b"))
        page.mouse.move(0, 0)
        card.get_by_role("link", name=name).focus()
        expect(pin).to_have_class(re.compile(r"\bon\b"))
        page.mouse.wheel(0, -5000)
        pin.hover()
        expect(card).to_have_class(re.compile(r"\bon\b"))
        pin.click()
        expect(card.get_by_role("link", name=name)).to_be_focused()
        expect(card).to_be_in_viewport()
        # A card whose marker is in a group shows the group.
        groups = page.locator(".spot:has(.group)")
        expect(groups.first).to_be_visible()
        page.locator(".card").first.hover()
        expect(page.locator(".spot.on")).to_have_count(1)


def test_the_keyboard_reaches_every_marker(browser: Browser, live_site: str) -> None:
    with page_of(browser, WIDE, reduced_motion="reduce") as page:
        page.goto(live_site + PAID)
        settled(page)
        skip = page.get_by_role("link", name="Skip the map")
        skip.focus()
        expect(skip).to_be_in_viewport()
        names = []
        for _ in range(2 + page.locator(".spot").count() + 2):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.spot')"):
                names.append(page.evaluate("document.activeElement.textContent"))
        assert len(names) == page.locator(".spot").count()
        assert all(names)
        before = shown(page)
        spots = page.locator(".spot").count()
        group = page.get_by_role("button", name=re.compile("places close together")).first
        group.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".spot")).not_to_have_count(spots)
        expect(page.locator("#map .map")).to_be_focused()
        assert shown(page) <= before
        pin = page.locator(".spot:has(.pin)").first
        name = pin.inner_text()
        pin.focus()
        page.keyboard.press("Enter")
        link = page.locator(".card").get_by_role("link", name=name, exact=True)
        expect(link).to_be_focused()
        skip.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator(".card h3 a").first).to_be_focused()


def test_on_a_phone_a_marker_brings_its_card(browser: Browser, live_site: str) -> None:
    with page_of(browser, PHONE, has_touch=True) as page:
        page.goto(live_site + PAID)
        opened(page)
        pin = page.locator(".spot:has(.pin)").first
        name = pin.text_content()
        assert name
        pin.tap()
        preview = page.locator(".map-card")
        expect(preview.get_by_role("link", name=name)).to_be_focused()
        expect(preview.get_by_role("link", name=re.compile("^Call"))).to_be_in_viewport()
        expect(page.locator(".spot.on")).to_have_text(name)  # and stays lit above it
        preview.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_search_this_area(browser: Browser, live_site: str) -> None:
    path = "/search?q=treatment near Denver&radius=100&sort=distance"
    with page_of(browser, PHONE, reduced_motion="reduce") as page:
        page.goto(live_site + path)
        opened(page)
        area = page.get_by_role("button", name="Search this area")
        expect(area).to_be_hidden()
        page.mouse.move(350, 200)
        page.mouse.down()
        page.mouse.move(350, 500, steps=5)
        page.mouse.up()
        area.click()
        page.wait_for_url(re.compile("lat="))
        asked = parse_qs(urlsplit(page.url).query)
        assert asked.keys() == {"q", "sort", "lat", "lon", "radius"}
        assert asked["q"] == ["treatment"]
        assert float(asked["lat"][0]) > 39.85
        assert -105.4 < float(asked["lon"][0]) < -104.6
        assert 5 <= int(asked["radius"][0]) < 100
        # The map is still what one looks at, now of the other place.
        settled(page)
        expect(page.locator("#map")).to_be_visible()
        page.get_by_role("link", name="Show list").click()
        title = page.get_by_role("heading", level=1)
        expect(title).to_contain_text(re.compile(r"within \d+ miles, near "))


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_on_the_map(
    browser: Browser, live_site: str, scheme: Any, size: Any
) -> None:
    with page_of(browser, size, color_scheme=scheme) as page:
        page.goto(f"{live_site}/es{ALL}")
        if size is PHONE:
            page.get_by_role("link", name="Ver el mapa").click()
        settled(page)
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0


def test_without_a_script_the_list_is_complete(browser: Browser, live_site: str) -> None:
    for size in (WIDE, PHONE):
        with page_of(browser, size, java_script_enabled=False) as page:
            page.goto(live_site + PAID)
            for name in ("Show map", "Near me", "Search this area"):
                expect(page.get_by_text(name)).to_be_hidden()
            expect(page.locator("#map")).to_be_hidden()
            page.goto(f"{live_site}{PAID}#map")
            expect(page.locator("#map")).to_be_hidden()
            results, card = box(page.locator("#results")), box(page.locator(".card").first)
            assert card["width"] == pytest.approx(results["width"], abs=1)


def test_a_map_that_cannot_be_loaded_says_so(browser: Browser, live_site: str) -> None:
    for part in ("**/vendor/leaflet/leaflet.js*", "**/api/v1/search.geojson*"):
        context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
        page = context.new_page()
        page.route(part, lambda route: route.abort())
        page.goto(live_site + ALL)
        expect(page.locator("#map").get_by_role("status").last).to_have_text(
            "The map could not be loaded. The list has everything that it would show."
        )
        context.close()


def test_what_pages_and_the_map_weigh(browser: Browser, live_site: str) -> None:
    """In bytes, compressed as a proxy would: our own scripts before the map, and the map."""
    with page_of(browser, PHONE) as page:
        bodies: dict[str, bytes] = {}

        def keep(response: Response) -> None:
            if response.status == 200:
                bodies[response.url] = response.body()

        page.on("response", keep)
        page.goto(live_site + ALL)
        page.wait_for_load_state("networkidle")
        first = dict(bodies)
        own = sum(weight(body) for url, body in first.items() if urlsplit(url).path.endswith(".js"))
        assert 0 < own <= OWN_SCRIPTS
        # A slow machine is idle for a while before it draws the ground.
        with page.expect_response(lambda response: "countries-110m" in response.url):
            opened(page)
        page.wait_for_load_state("networkidle")
        more = {url: weight(body) for url, body in bodies.items() if url not in first}
        assert any("countries-110m" in url for url in more)
        assert 50 * 1024 < sum(more.values()) <= MAP, more


def weight(body: bytes) -> int:
    return len(gzip.compress(body, 6))


def test_tiles_from_elsewhere_wait_to_be_asked(
    browser: Browser, sample_config: Config, live_site: str
) -> None:
    """The other host is this machine by its other name; an icon stands in for a tile."""
    other = live_site.replace("127.0.0.1", "localhost")
    tiles = f"{other}/static/icon.svg?at={{z}}-{{x}}-{{y}}"
    with serving(create_app(replace(sample_config, map_tiles=tiles, map_credit="© Them"))) as site:
        context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(site + ALL)
        page.wait_for_load_state("networkidle")
        assert {urlsplit(url).netloc for url in asked} == {urlsplit(site).netloc}
        page.get_by_role("link", name="Show map").click()
        expect(page.locator(".leaflet-tile-loaded").first).to_be_visible()
        for _ in range(2):
            page.get_by_role("button", name="Zoom out").click()
        expect(page.get_by_text("© Them")).to_be_visible()
        abroad = {urlsplit(url).netloc for url in asked} - {urlsplit(site).netloc}
        assert abroad == {urlsplit(other).netloc}
        assert not any("world-atlas" in url or "/towns" in url for url in asked)
        assert said == []
        context.close()


def test_tiles_of_our_own_stand_beside_the_list(
    browser: Browser, sample_config: Config, tmp_path: Path
) -> None:
    """Also closer than the file goes, and without asking anybody else."""
    tiles = str(archive(tmp_path / "map.pmtiles"))
    ours = create_app(replace(sample_config, map_tiles=tiles, map_credit="© Us"))
    with serving(ours) as site, page_of(browser, WIDE) as page:
        page.goto(site + ALL)
        tile = page.locator(".leaflet-tile-loaded").first
        expect(tile).to_be_visible()
        assert tile.evaluate("tile => tile.naturalWidth") == 256
        expect(page.get_by_text("© Us")).to_be_visible()


# Near me


def test_near_me_rounds_and_names_the_nearest_town(browser: Browser, live_site: str) -> None:
    here = {"latitude": 40.0149856, "longitude": -105.2705456}
    with page_of(browser, PHONE, geolocation=here, permissions=["geolocation"]) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(live_site)
        page.get_by_label("What do you need?").fill("meeting")
        page.get_by_role("button", name="Near me").click()
        page.wait_for_url(re.compile("lat="))
        query = parse_qs(urlsplit(page.url).query)
        assert (query["q"], query["lat"], query["lon"]) == (["meeting"], ["40.01"], ["-105.27"])
        assert not any("40.014" in url or "105.270" in url for url in asked)
        expect(page.get_by_role("heading", level=1)).to_contain_text("near Boulder, CO")
        expect(page.get_by_label("Where?")).to_have_value("Boulder, CO (40.01, -105.27)")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("near Boulder, CO")


def test_near_me_keeps_the_rest_of_the_question(browser: Browser, live_site: str) -> None:
    here = {"latitude": 40.5853, "longitude": -105.0844}
    with page_of(browser, WIDE, geolocation=here, permissions=["geolocation"]) as page:
        page.goto(f"{live_site}/es/search?q=treatment near Denver&term=pay:medicaid&radius=50")
        page.get_by_role("button", name="Cerca de mí").click()
        page.wait_for_url(re.compile("lat="))
        query = parse_qs(urlsplit(page.url).query)
        assert (query["q"], query["term"]) == (["treatment"], ["pay:medicaid"])
        assert query["radius"] == ["50"]
        title = page.get_by_role("heading", level=1)
        expect(title).to_contain_text("a menos de 50 millas, cerca de Fort Collins, CO")


def test_near_me_takes_no_for_an_answer(browser: Browser, live_site: str) -> None:
    with page_of(browser, PHONE) as page:  # who is not asked has said no
        page.goto(f"{live_site}/search?q=detox")
        page.get_by_role("button", name="Near me").click()
        said = page.locator(".near-said")
        expect(said).to_have_role("status")
        expect(said).to_have_text(
            "Your browser did not share where you are. That is fine: type a town or a ZIP code."
        )
        expect(page.get_by_label("Where?")).to_be_focused()
        expect(page.get_by_role("button", name="Near me")).to_be_enabled()
        expect(page.get_by_label("What do you need?")).to_have_value("detox")


def test_near_me_where_the_device_does_not_know(browser: Browser, live_site: str) -> None:
    with page_of(browser, PHONE, permissions=["geolocation"]) as page:
        page.add_init_script(
            "navigator.geolocation.getCurrentPosition = (found, failed) =>"
            " failed({code: 2, PERMISSION_DENIED: 1})"
        )
        page.goto(f"{live_site}/es/search?q=detox")
        page.get_by_role("button", name="Cerca de mí").click()
        expect(page.locator(".near-said")).to_contain_text("Su aparato no pudo saber")
