"""The desk in a real browser: signing in, accepting and undoing without JavaScript, and axe."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text

from directory import accounts, cli
from directory.config import Config
from directory.web import desk as views
from directory.web.app import create_app
from tests.conftest import serving
from tests.test_accounts import EMAIL, PASSWORD

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
LONG = 120_000
"""Milliseconds that a command may take."""


@pytest.fixture
def desk(database: Engine, here: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a site with a maintainer, an applied run with a reject, a refused one, and
    counts of what is looked for; however busy the machine is, a page waits for its command."""
    monkeypatch.setattr(views, "PATIENCE_SECONDS", 120)
    accounts.add(database, EMAIL, "maintainer", PASSWORD)
    head, path = "external_id,kind,name,region,fees\n", here.home / "feed.csv"
    for fees, last, bad in (("Free", 60, "x,casino,No,NV,\n"), ("Ten", 58, ""), ("Ten", 40, "")):
        rows = "".join(f"{n},treatment,Place {n},CO,{fees}\n" for n in range(last))
        path.write_text(head + rows + bad)
        cli.main(["import", "csv", str(path), "--source", "county"])
    with database.begin() as connection:
        asked = (("US-CO", "service:detox", 1_230), ("CA", "kind:hotline", 10))
        counts = ", ".join(f"(CURRENT_DATE, '{r}', '{t}', {n})" for r, t, n in asked)
        connection.execute(text(f"INSERT INTO demand VALUES {counts}"))
    with serving(create_app(here)) as address:
        yield address


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/maintain")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Desk")


def test_the_journey_of_a_maintainer_without_javascript(browser: Browser, desk: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, desk)
    page.get_by_role("link", name="county: run 3").click()
    expect(page.get_by_role("heading", name="The guard stopped it")).to_be_visible()
    page.get_by_role("button", name="Accept this difference").click()
    expect(page.get_by_role("status")).to_contain_text("county: applied (run 4", timeout=LONG)
    page.get_by_role("button", name="Undo this run").click()
    expect(page.get_by_role("status")).to_contain_text("run 4 was undone (run 5)", timeout=LONG)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert context.cookies() == []
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    browser: Browser, desk: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    sign_in(page, desk)
    paths = [
        "",
        "/sources/county",
        "/runs/1",
        "/runs/2",
        "/runs/3",
        "/coverage",
        "/reports",
        "/edits",
        "/coverage/deserts",
        "/demand",
    ]
    page.goto(f"{desk}/search")
    listing = (page.locator(".card h3 a").first.get_attribute("href") or "").split("/")[2]
    paths.append(f"/listing/{listing}")
    for path in [*(f"/maintain{path}" for path in paths), "/sign-in"]:
        page.goto(desk + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, f"{path} is {over} px too wide at {width} px"
    assert said == []
    context.close()
