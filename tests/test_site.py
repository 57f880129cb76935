"""The pages: what they say, that they keep the question, and that they tell nobody."""

import csv
import gzip
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from directory import clean, question, schedule
from directory.config import DATA, ROOT, Config
from directory.models import Listing, Source
from directory.places import Place
from directory.search import Hit, Page, Search, When
from directory.vocabulary import vocabulary
from directory.web import crisis, filters, hours, links, wording
from directory.web.app import create_app
from directory.web.site import error_page
from tests.conftest import settings

PAGES = ("/", "/search", "/hotlines", "/about", "/privacy", "/sources")
DENVER = Place("Denver, CO", 39.74, -104.99, "US", "CO", "city", "America/Denver")
FEED = Source(id="feed", title="Test source", origin="feed", seen_on=date(2026, 11, 1))
# A Monday, 9:30 in the morning in Denver.
NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


def listing(**values: Any) -> Listing:
    """A listing in memory with what pages need; ``sessions`` as (weekday, start, minutes)."""
    sessions = [
        {"weekday": day, "start": start, "minutes": minutes, "note": None, "url": None}
        for day, start, minutes in values.pop("sessions", ())
    ]
    defaults: dict[str, Any] = {
        "kind": "treatment",
        "name": "Open Door",
        "status": "active",
        "street": ["1 Main St"],
        "city": "Denver",
        "region": "CO",
        "postal_code": "80202",
        "country": "US",
        "precision": "exact",
        "address_public": True,
        "in_person": True,
        "online": False,
        "served": [],
        "timezone": "America/Denver",
        "terms": [],
        "source": FEED,
    }
    weekly = schedule.weekly(sessions)
    return Listing(**defaults | values | {"sessions": sessions, "weekly": weekly})


# Links


@pytest.mark.parametrize(
    ("values", "changes", "expected"),
    [
        ({}, {}, "/search"),
        ({"q": ["detox"]}, {}, "/search?q=detox"),
        ({"near": ["Denver, CO"], "q": ["a b"]}, {}, "/search?q=a+b&near=Denver%2C+CO"),
        ({"q": ["x"], "page": ["3"]}, {}, "/search?q=x"),
        ({"q": ["x"]}, {"page": "2"}, "/search?q=x&page=2"),
        ({"q": ["x"], "near": [""], "utm": ["y"]}, {}, "/search?q=x"),
        ({"q": ["x"], "sort": ["name"]}, {"q": None}, "/search?sort=name"),
        ({"term": ["pay:free", "who:men"]}, {"kind": "treatment"},
         "/search?kind=treatment&term=pay%3Afree&term=who%3Amen"),
        ({"q": ['"<&\'é']}, {}, "/search?q=%22%3C%26%27%C3%A9"),
    ],
)  # fmt: skip
def test_a_link_keeps_the_question(
    values: links.Values, changes: dict[str, links.Change], expected: str
) -> None:
    assert links.search_url(values, **changes) == expected


EVERYTHING = {
    "q": ["detox"],
    "near": ["Denver"],
    "radius": ["10"],
    "unit": ["km"],
    "kind": ["treatment", "counseling"],
    "term": ["pay:medicaid", "service:detox"],
    "attend": ["in_person"],
    "day": ["monday"],
    "time": ["evening"],
    "sort": ["distance"],
    "per_page": ["5"],
}
ASKED = Search(
    words=question.parse("detox"),
    place=DENVER,
    radius_m=10_000,
    kinds=("treatment", "counseling"),
    terms=("pay:medicaid", "service:detox"),
    when=When("monday", "evening"),
    attend="in_person",
    sort="distance",
    per_page=5,
)


def asked_by(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def test_each_chip_takes_away_its_own_part_only() -> None:
    removed = {}
    for chip in links.chips(ASKED, EVERYTHING):
        left = asked_by(chip.url)
        gone = {(n, t) for n, ts in EVERYTHING.items() for t in ts if t not in left.get(n, [])}
        removed[chip.text] = gone
    assert removed == {
        "“detox”": {("q", "detox")},
        # An order by distance makes no sense without a place.
        "within 10 km of Denver, CO": {("near", "Denver"), ("radius", "10"), ("sort", "distance")},
        "Treatment": {("kind", "treatment")},
        "Counseling": {("kind", "counseling")},
        "Medicaid": {("term", "pay:medicaid")},
        "Detox": {("term", "service:detox")},
        "Monday": {("day", "monday")},
        "Evening": {("time", "evening")},
        "In person": {("attend", "in_person")},
    }


@pytest.mark.parametrize(
    ("number", "total", "previous", "following"),
    [(1, 3, None, None), (1, 6, None, 2), (2, 6, 1, None), (2, 20, 1, 3), (9, 6, 2, None)],
)
def test_paging(number: int, total: int, previous: int | None, following: int | None) -> None:
    before, after = links.paging(replace(ASKED, page=number), Page([], total), EVERYTHING)
    pages = [link and int(asked_by(link.url).get("page", ["1"])[0]) for link in (before, after)]
    assert pages == [previous, following]
    assert all(asked_by(link.url)["near"] == ["Denver"] for link in (before, after) if link)


def test_a_page_beyond_ten_thousand_is_not_offered() -> None:
    last = replace(ASKED, page=2_000)
    assert links.paging(last, Page([], 10_000, total_is_exact=False), {})[1] is None


@pytest.mark.parametrize(
    ("search", "page", "expected"),
    [
        (Search(), Page([], 12), "12 results"),
        (Search(), Page([], 1), "1 result"),
        (Search(), Page([], 1234), "1,234 results"),
        (Search(place=DENVER), Page([], 12), "12 results within 25 miles of Denver, CO"),
        (Search(place=DENVER, radius_m=1609.344), Page([], 0),
         "Nothing found within 1 mile of Denver, CO"),
        (Search(place=DENVER, attend="online"), Page([], 2), "2 results online or by phone"),
        (Search(), Page([], 10_000, total_is_exact=False), "More than 10,000 results"),
    ],
)  # fmt: skip
def test_the_total_in_words(search: Search, page: Page, expected: str) -> None:
    assert links.total_words(search, page, {}) == expected


def test_when_nothing_is_found_each_part_can_be_let_go() -> None:
    words = replace(ASKED, words=question.parse("quiet detox"))
    far = Page([Hit(listing(), 60_000.0, beyond=True)], 0)
    texts = [link.text for link in links.suggestions(words, far, EVERYTHING)]
    assert texts == [
        "Look within 100 km",
        "Look within 250 km",
        "Any day and time",
        "In person or online",
        "Without “Medicaid”",
        "Without “Detox”",
        "Not only Treatment",
        "Not only Counseling",
        "Without the word “quiet”",
        "Without the word “detox”",
        "Without “quiet detox”",
        "Look everywhere",
    ]


def test_a_wider_circle_is_not_offered_where_nothing_is() -> None:
    texts = [link.text for link in links.suggestions(ASKED, Page([], 0), EVERYTHING)]
    assert not any("within" in text for text in texts)


@pytest.mark.parametrize("text", ['"a b"', "a OR b", "a -b", "ab*"])
def test_words_with_operators_are_not_taken_apart(text: str) -> None:
    found = links.suggestions(Search(words=question.parse(text)), Page([], 0), {"q": [text]})
    assert found == []


# Words


@pytest.mark.parametrize(
    ("metres", "unit", "values", "expected"),
    [
        (0.0, "mi", {}, "under 0.1 mi"),
        (643.7, "mi", {}, "0.4 mi"),
        (15_900.0, "mi", {}, "9.9 mi"),
        (40_233.6, "mi", {}, "25 mi"),
        (2_500_000.0, "km", {}, "2,500 km"),
        (1_000.0, "km", {}, "1.0 km"),
        (643.7, "mi", {"precision": "approximate"}, "about 5 mi"),
        (19_000.0, "mi", {"precision": "approximate"}, "about 10 mi"),
        (19_000.0, "km", {"address_public": False}, "about 20 km"),
        (643.7, "mi", {"in_person": False, "online": True}, None),
        (None, "mi", {}, None),
    ],
)
def test_a_distance_is_no_more_exact_than_its_place(
    metres: float | None, unit: str, values: dict[str, Any], expected: str | None
) -> None:
    assert wording.distance(Hit(listing(**values), metres), unit) == expected


@pytest.mark.parametrize(
    ("value", "country", "expected"),
    [
        ("+13035550100", "US", "(303) 555-0100"),
        ("+18006624357", "US", "1-800-662-4357"),
        ("+13035550100", "GB", "+1 303-555-0100"),
        ("+611800250015", "AU", "1800 250 015"),
        ("988", "US", "988"),
    ],
)
def test_phone_numbers_read_as_people_write_them(value: str, country: str, expected: str) -> None:
    assert wording.phone(value, country) == expected


@pytest.mark.parametrize(
    ("kind", "sessions", "expected"),
    [
        ("treatment", [], None),
        ("treatment", [(day, "00:00", 1440) for day in range(7)],
         ("open", "Open 24 hours, every day")),
        ("treatment", [(0, "09:00", 480)], ("open", "Open now, until 5 PM")),
        ("treatment", [(0, "09:00", 900)], ("open", "Open now, until midnight")),
        ("treatment", [(0, "09:00", 1000)], ("open", "Open now, until Tuesday, 1:40 AM")),
        ("treatment", [(0, "10:00", 60)], ("next", "Opens today at 10 AM")),
        ("support_group", [(0, "09:00", 60)], ("open", "Meeting now, until 10 AM")),
        ("support_group", [(1, "19:30", 60)], ("next", "Next: tomorrow at 7:30 PM")),
        ("support_group", [(4, "12:00", 60)], ("next", "Next: Friday at noon")),
        # Over for this week: the weekday alone would be taken for today.
        ("support_group", [(0, "07:00", 60)], ("next", "Next: Monday, November 30 at 7 AM")),
    ],
)  # fmt: skip
def test_what_is_said_about_now(
    kind: str, sessions: Sequence[tuple[int, str, int]], expected: tuple[str, str] | None
) -> None:
    assert hours.opening(listing(kind=kind, sessions=sessions), NOW) == expected


def test_a_night_past_sunday_is_one_night() -> None:
    sunday_night = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    found = hours.opening(listing(sessions=[(6, "21:00", 300)]), sunday_night)
    assert found == ("open", "Open now, until Monday, 2 AM")


def test_online_times_name_their_zone() -> None:
    found = listing(kind="support_group", online=True, sessions=[(1, "19:30", 60)])
    assert hours.opening(found, NOW) == ("next", "Next: tomorrow at 7:30 PM MST")


def test_hours_by_weekday() -> None:
    found = listing(sessions=[(4, "22:00", 240), (0, "13:00", 60), (0, "09:00", 180)])
    week = [(day, [session["text"] for session in each]) for day, each in hours.hours(found)]
    assert week == [
        ("Monday", ["9 AM to noon", "1 PM to 2 PM"]),
        ("Friday", ["10 PM to 2 AM (next day)"]),
    ]


def test_verified_is_said_only_where_a_person_checked() -> None:
    assert wording.freshness(listing()) == "Listed by Test source, as of November 1, 2026"
    checked = listing(verified_on=date(2026, 10, 3))
    assert wording.freshness(checked) == "Verified on October 3, 2026"
    gone = wording.freshness(listing(last_seen=date(2026, 9, 1)))
    assert gone == "No longer listed by Test source; last seen September 1, 2026"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"precision": "street"}, True),
        ({"precision": "approximate"}, False),
        ({"address_public": False}, False),
        ({"in_person": False}, False),
    ],
)
def test_only_a_known_public_door_has_a_map_link(values: dict[str, Any], expected: bool) -> None:
    found = listing(latitude=39.7, longitude=-104.9, **values)
    assert (wording.geo_link(found) == "geo:39.700000,-104.900000") is expected


def test_a_private_address_is_only_a_town() -> None:
    found = listing(address_public=False, street=["7 Hidden Lane"], postal_code=None)
    assert wording.address(found) == ["Denver, CO"]


def test_chosen_terms_come_first_on_a_card() -> None:
    found = listing(terms=["service:aftercare", "service:cbt", "service:detox", "pay:medicaid"])
    codes = [term.code for term in wording.main_terms(found, ("service:cbt", "who:men"))]
    assert codes[0] == "service:cbt"
    assert set(codes) == set(found.terms)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Open Door", "open-door"), ("  A & B — Été!", "a-b-ete"), ("世界", ""), ("x" * 99, "x" * 60)],
)
def test_slugs(name: str, expected: str) -> None:
    assert wording.slug(name) == expected


def options(search: Search, page: Page) -> dict[str, tuple[str, bool]]:
    return {o.value: (o.count, o.chosen) for g in filters.groups(search, page) for o in g.options}


def test_filters_say_what_they_would_leave() -> None:
    page = Page(
        [], 100, counts={"service": {"service:detox": 95, "service:cbt": 3, "service:dbt": 100}}
    )
    assert options(Search(terms=("pay:free",)), page) == {
        "service:detox": ("95, nearly all", False),
        "service:cbt": ("3", False),
        "service:dbt": ("100, all", False),
        "pay:free": ("none", True),
    }


def test_estimated_counts_say_so() -> None:
    page = Page([], 10_000, total_is_exact=False, counts={"pay": {"pay:free": 12_345}})
    assert options(Search(), page) == {"pay:free": ("about 12,000", False)}


# Bundled data


def read_csv(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_help_line_can_be_called() -> None:
    lines = crisis.help_lines()
    assert len({row["external_id"] for row in read_csv("hotlines.csv")}) == len(lines)
    for line in lines:
        assert line.website.startswith("https://"), line.name
        assert line.numbers, line.name
        assert all(re.fullmatch(r"(tel|sms):\+?\d{3,15}", n.url) for n in line.numbers), line.name


def test_the_first_lines_are_those_of_the_country() -> None:
    assert [line.name for line in crisis.lines_of("US")[: crisis.IN_STRIP]] == [
        "988 Suicide & Crisis Lifeline",
        "SAMHSA National Helpline",
    ]
    assert crisis.lines_of("NZ")[0].numbers[0].url == "tel:1737"
    assert crisis.by_country("IE")[0][0] == "IE"
    # A country without lines of its own still gets some.
    assert crisis.lines_of("FR")


def test_the_sample_is_plainly_invented() -> None:
    rows = read_csv("sample/sample.csv")
    assert {row["kind"] for row in rows} == set(wording.KINDS)
    for row in rows:
        assert "(sample)" in row["name"]
        assert "not a real place" in row["description"]
        for part in filter(None, row["phones"].split(";")):
            assert re.match(r"\s*303-555-01\d\d\b", part), part
        assert set(re.findall(r"https?://([^/]+)", ",".join(row.values()))) <= {"example.org"}


@pytest.mark.parametrize("name", ["hotlines.csv", "sample/sample.csv"])
def test_bundled_terms_are_in_the_vocabulary(name: str) -> None:
    for row in read_csv(name):
        assert set(row["terms"].split()) <= set(vocabulary().terms), row["external_id"]
        for part in filter(None, row["phones"].split(";")):
            number = crisis._number(part.split(" x")[0], row["country"]).shown
            assert clean.phone(number, row["country"]), f"{row['external_id']}: {number}"


def test_everything_bundled_is_listed_once(app: Flask, client: FlaskClient) -> None:
    bundled = len(read_csv("hotlines.csv")) + len(read_csv("sample/sample.csv"))
    assert f"{bundled} results" in client.get("/search").text


# Pages


def heading(html: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", html, re.S)
    return found.group(1) if found else ""


def check_frame(html: str) -> None:
    """What every page must have and must not have."""
    assert 'href="tel:911"' in html
    assert 'href="tel:988"' in html
    assert 'href="tel:+18006624357"' in html
    assert html.count("<h1") == 1
    assert "<script" not in html
    assert " style=" not in html
    assert not re.search(r"(?:src|action)=\"https?:", html)
    assert not re.search(r"<link[^>]+href=\"https?:", html)
    assert len(gzip.compress(html.encode())) < 60 * 1024


@pytest.mark.parametrize("path", PAGES)
def test_each_page(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    check_frame(response.text)
    assert "Sample data: these places are not real" in response.text
    assert "Set-Cookie" not in response.headers
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_results_are_kept_out_of_shared_caches_and_titles(client: FlaskClient) -> None:
    response = client.get("/search?q=detox&near=Denver")
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert "<title>Search results · Recovery Directory</title>" in response.text


def test_results_show_what_a_family_needs(client: FlaskClient) -> None:
    html = client.get("/search?q=detox&near=Denver&radius=5").text
    assert "within 5 miles of Denver, CO" in heading(html)
    card = html[html.index("Front Range Detox") - 1500 :][:4000]
    assert re.search(r"\d\.\d mi", card)
    assert 'href="tel:+13035550101"' in card
    assert "Open 24 hours, every day" in card
    assert "Listed by Sample data (not real), as of" in card
    assert "1200 Sample Street, Denver, CO 80204" in card


def test_filters_are_one_plain_form(client: FlaskClient) -> None:
    html = client.get("/search?near=Denver&term=pay:medicaid").text
    assert html.count("<form") == 1
    ticked = re.findall(r'name="term" value="([^"]+)" checked', html)
    assert ticked == ["pay:medicaid"]
    # Boxes outside the form's element belong to it by name.
    assert html.count('form="ask" name="term"') == html.count('name="term"')


def test_every_link_of_results_keeps_the_question(client: FlaskClient) -> None:
    html = client.get("/search?q=open&near=Denver&radius=50&unit=km&per_page=2&sort=name").text
    inside = html[html.index('id="results"') : html.index('id="filters"')]
    urls = [url.replace("&amp;", "&") for url in re.findall(r'href="(/search[^"]*)"', inside)]
    assert len(urls) > 4
    for url in urls:
        kept = asked_by(url)
        assert kept["unit"] == ["km"], url
        assert kept["per_page"] == ["2"], url
        assert client.get(url).status_code == 200, url
    assert 'rel="next"' in inside


def test_few_results_bring_the_nearest_beyond(client: FlaskClient) -> None:
    html = client.get("/search?near=Pueblo, CO").text
    assert "Outside your 25 miles" in html
    assert "Nothing found within 25 miles of Pueblo, CO" in heading(html)
    assert "Look within 100 miles" in html


def test_online_help_stands_apart_without_a_distance(client: FlaskClient) -> None:
    html = client.get("/search?near=Denver&kind=support_group").text
    online = html[html.index('id="online"') : html.index('id="filters"')]
    assert "Online and phone help from anywhere" in html
    assert "Online Newcomers" in online
    assert 'class="far"' not in online


def test_nothing_found_is_no_dead_end(client: FlaskClient) -> None:
    html = client.get("/search?q=zebra&near=Denver&term=service:detox").text
    assert "Nothing found" in heading(html)
    assert "Change one thing" in html
    assert "SAMHSA National Helpline" in html[html.index("Change one thing") :]


def test_ambiguous_places_offer_the_others(client: FlaskClient) -> None:
    html = client.get("/search?q=detox&near=Portland").text
    assert "Did you mean" in html
    assert "q=detox&amp;near=Portland%2C+ME" in html


def test_a_point_stays_in_the_form_as_a_place(client: FlaskClient) -> None:
    html = client.get("/search?lat=39.74&lon=-104.99").text
    assert 'name="near" type="search" value="39.74, -104.99"' in html
    assert 'name="lat"' not in html


def test_a_wrong_value_keeps_the_others(client: FlaskClient) -> None:
    response = client.get("/search?q=detox&near=Nowhereville+Qq&term=pay:medicaid&kind=treatment")
    assert response.status_code == 400
    check_frame(response.text)
    assert 'value="detox"' in response.text
    assert 'value="Nowhereville Qq"' in response.text
    assert 'name="term" value="pay:medicaid"' in response.text
    field = response.text[response.text.index('id="near"') :][:400]
    assert 'aria-invalid="true" aria-describedby="wrong"' in field


def test_what_was_typed_is_escaped(client: FlaskClient) -> None:
    for query in ("q=<script>alert(1)</script>", 'q="><img src=x>&near=Qq<b>', "radius=<b>"):
        html = client.get(f"/search?{query}").text
        assert "<script" not in html
        assert "<img" not in html
        assert '<b>"' not in html


@pytest.mark.parametrize("path", ["/nothing", "/listing/x", f"/listing/{'0' * 32}"])
def test_what_is_not_there(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    check_frame(response.text)
    assert "This page is not here" in heading(response.text)


@pytest.mark.parametrize("status", [410, 429, 500, 503])
def test_other_errors_have_the_crisis_lines(app: Flask, status: int) -> None:
    with app.test_request_context("/search?q=detox"):
        body, code = error_page(status, "Resting", "Please wait.")  # type: ignore[misc]
    assert code == status
    check_frame(str(body))


def test_help_lines_need_no_database(config: Config) -> None:
    gone = replace(config, database_url="postgresql://nobody@/none?host=/nonexistent")
    client = create_app(gone).test_client()
    for path in ("/", "/hotlines", "/about", "/privacy"):
        response = client.get(path)
        assert response.status_code == 200
        check_frame(response.text)
    response = client.get("/search?q=detox&near=Denver")
    assert response.status_code == 503
    check_frame(response.text)
    assert 'value="detox"' in response.text


# Listings

Show = Callable[..., str]


@pytest.fixture
def show(database: Engine, config: Config, load_rows: Callable[..., Any]) -> Show:
    """The page of one record, given by its fields."""

    def page(**fields: Any) -> str:
        load_rows(fields)
        with Session(database) as session:
            found = session.scalars(select(Listing)).one()
        response = (
            create_app(settings(config, database.url)).test_client().get(wording.listing_url(found))
        )
        assert response.status_code == 200
        check_frame(response.text)
        return response.text

    return page


def test_a_listing_shows_everything_known(show: Show) -> None:
    html = show(
        name="Open Door",
        organization="Doors Together",
        description="First line.\nSecond line.",
        eligibility="Adults of the county",
        fees="Free for veterans",
        min_age=18,
        street=["1 Main St"],
        city="Denver",
        region="CO",
        postal_code="80202",
        latitude=39.75,
        longitude=-104.99,
        phones=[{"number": "303-555-0100 x12", "label": "Intake"}],
        website="https://example.org/door",
        email="door@example.org",
        terms=["service:aftercare", "language:es"],
        sessions=[{"weekday": 1, "start": "19:30", "minutes": 60, "note": "Side door"}],
        recurrence_note="Speakers on the last Friday",
    )
    for text in (
        "Doors Together", "<p>Second line.</p>", "Adults of the county", "Free for veterans",
        "Age 18 and older", "1 Main St", "Denver, CO 80202", "geo:39.750000,-104.990000",
        'href="tel:+13035550100"', "ext. 12", "Intake", "https://example.org/door",
        "mailto:door@example.org", vocabulary().terms["service:aftercare"].about, "Spanish",
        "7:30 PM to 8:30 PM", "Side door", "Speakers on the last Friday", "America/Denver",
        "Listed by Test source", "/api/v1/listings/",
    ):  # fmt: skip
        assert text in html, text
    assert "Verified" not in html
    assert "Sample data" not in html


def test_a_private_address_reaches_no_page(show: Show) -> None:
    html = show(
        kind="community_program",
        street=["7 Hidden Lane"],
        city="Denver",
        region="CO",
        postal_code="80299",
        latitude=39.7512,
        longitude=-104.9987,
        address_public=False,
    )
    assert "The address is private" in html
    for secret in ("Hidden Lane", "80299", "39.75", "geo:"):
        assert secret not in html


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": "closed"}, "This place has closed."),
        ({"status": "suspended"}, "not open to people right now"),
        ({"online": True, "in_person": False}, "Online: ask how to join."),
        ({"online": True, "join_url": "javascript:alert(1)"}, "Online: ask how to join."),
        ({"online": True, "join_url": "https://example.org/a"}, "Join at example.org"),
        ({}, "Not listed. Call to ask."),
        ({"served": ["US-CO", "CA"]}, "CO in the United States, Canada"),
        ({"verified_on": "2026-10-03"}, "Verified on October 3, 2026."),
    ],
)
def test_what_a_listing_says(show: Show, fields: dict[str, Any], expected: str) -> None:
    html = show(**fields)
    assert expected in html
    assert "javascript:" not in html


def test_a_site_without_listings_says_so(database: Engine, config: Config) -> None:
    client = create_app(settings(config, database.url)).test_client()
    html = client.get("/search").text
    assert "Nothing found" in html
    assert "holds no listings yet" in html
    assert "No list has been read yet" in client.get("/sources").text


def test_styles_are_one_small_sheet() -> None:
    sheet = (ROOT / "directory" / "static" / "site.css").read_text()
    assert len(sheet) < 24_000
    assert "@import" not in sheet
    assert "url(" not in sheet
