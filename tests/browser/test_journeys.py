"""What people come for, by clicks alone: with scripts and without, in both languages, on a phone
and on a desk."""

import gettext
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from directory.web.language import FOLDER

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SIZES = {"phone": (390, 844), "desk": (1280, 900)}


@dataclass(frozen=True)
class Visit:
    """Somebody on the first page, and what its texts are in their language."""

    page: Page
    home: str
    say: Callable[[str], str]
    phone: bool

    def link(self, text: str, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("link", name=self.say(text), exact=True).first

    def press(self, text: str) -> None:
        self.page.get_by_role("button", name=self.say(text), exact=True).first.click()

    def ask(self, question: str, place: str) -> None:
        self.page.goto(self.home)
        self.page.get_by_label(self.say("What do you need?")).fill(question)
        self.page.get_by_label(self.say("Where?"), exact=True).fill(place)
        self.press("Search")

    @property
    def title(self) -> Locator:
        return self.page.get_by_role("heading", level=1)


@pytest.fixture(params=["scripts", "no scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "scripts")


@pytest.fixture(params=SIZES)
def visit(
    browser: Browser, live_site: str, language: str, scripts: bool, request: pytest.FixtureRequest
) -> Iterator[Visit]:
    width, height = SIZES[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=scripts
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    texts = gettext.translation("messages", str(FOLDER), [language], fallback=True)
    home = f"{live_site}/" if language == "en" else f"{live_site}/{language}/"
    yield Visit(page, home, texts.gettext, request.param == "phone")
    assert context.cookies() == []
    context.close()
    assert said == []


@pytest.fixture(params=["en", "es"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_detox_that_takes_medicaid(visit: Visit, language: str) -> None:
    typed = {"en": "detox that takes Medicaid", "es": "desintoxicación con Medicaid"}
    visit.ask(typed[language], "80202")
    labels = visit.page.locator(".card .key dt")
    assert labels.evaluate_all("all => all.filter(e => e.offsetHeight > 40).length") == 0
    visit.page.locator(".card h3 a").first.click()
    expect(visit.title).to_have_text("Front Range Detox (sample)")
    number = 'a[href="tel:+13035550101"]'
    bar = visit.page.locator(f".call-bar {number}")
    expect(bar if visit.phone else visit.page.locator(number).first).to_be_in_viewport()
    other = {"en": "Español", "es": "English"}[language]
    visit.page.get_by_role("link", name=other).click()
    expect(visit.title).to_have_text("Front Range Detox (sample)")
    expect(visit.page.locator("html")).not_to_have_attribute("lang", language)


def test_filters_narrow_and_widen_again(visit: Visit) -> None:
    visit.ask("detox", "Denver")
    page = visit.page
    if visit.phone:
        visit.link("Filters").click()
    page.locator("summary", has_text=visit.say("Ways to pay")).click()
    page.get_by_role("checkbox", name="Medicaid").check()
    visit.press("Show results")
    expect(page).to_have_url(re.compile("q=detox.*term=pay%3Amedicaid"))
    chip = page.locator(".chips a", has_text="Medicaid")
    chip.click()
    expect(chip).to_have_count(0)
    expect(page.locator(".chips a").first).to_be_visible()


def test_tonights_meeting_for_families(visit: Visit, language: str) -> None:
    visit.ask({"en": "al-anon tonight", "es": "al-anon esta noche"}[language], "Denver")
    first = visit.page.locator(".card").first
    expect(first.locator(".terms .hit", has_text="Al-Anon")).to_be_visible()
    expect(first.locator(".key dd").first).not_to_be_empty()


def test_an_interventionist(visit: Visit) -> None:
    visit.page.goto(visit.home)
    visit.page.locator(".tiles a", has_text=visit.say("Interventionists")).click()
    card = visit.page.locator(".card").first
    expect(card.locator(".kind")).to_have_text(visit.say("Interventionist"))
    card.locator("h3 a").click()
    visit.link("Report a mistake").click()
    expect(visit.page.get_by_role("group", name=visit.say("What is wrong?"))).to_be_visible()


def test_an_overdose(visit: Visit, language: str) -> None:
    visit.page.goto(visit.home)
    visit.page.locator("aside.crisis a").first.click()
    expect(visit.page.get_by_role("main").locator('a[href="tel:911"]').first).to_be_in_viewport()
    visit.page.locator('main a[href*="naloxone"]').first.click()
    expect(
        visit.page.locator(".chips a", has_text={"en": "Naloxone"}.get(language, "aloxona"))
    ).to_be_visible()


def test_two_places_are_kept_and_compared(visit: Visit) -> None:
    visit.ask(visit.say("detox"), "Denver")
    for box in visit.page.locator("input[name=id]").all()[:2]:
        box.check()
    visit.press("See the ones I keep")
    expect(visit.page.locator("input[name=compare]")).to_have_count(2)
    visit.press("Compare side by side")
    expect(visit.page.get_by_role("columnheader")).to_have_count(2)


def test_a_guide_leads_into_a_search(visit: Visit) -> None:
    visit.page.goto(visit.home)
    visit.page.locator(".guide-list a").first.click()
    visit.page.locator('.guide a[href*="/search?"]').first.click()
    expect(visit.page.locator(".chips a").first).to_be_visible()
