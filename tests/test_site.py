"""The pages: what they say, that they keep the question, and that they tell nobody."""

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from geopy.distance import geodesic
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from directory import db, pocket
from directory.config import ROOT, Config, load_config
from directory.errors import UsageError
from directory.models import Listing
from directory.vocabulary import vocabulary
from directory.web import wording
from directory.web.app import HEADERS, create_app
from directory.web.site import error_page
from tests.builders import asked_by
from tests.conftest import Loader, settings

PAGES = ("/", "/search", "/hotlines", "/guides", "/guides/detox", "/about", "/privacy", "/sources")


def heading(html: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", html, re.S)
    return found.group(1) if found else ""


def check_scripts(html: str) -> None:
    """One, ours, from our own file."""
    assert re.fullmatch(
        r'<script src="/static/site\.js\?v=[0-9a-f]{12}">',
        "".join(re.findall(r"<script[^>]*>[^<]*", html)),
    )


def check_frame(html: str) -> None:
    """What every page must have and must not have."""
    assert 'href="tel:911"' in html
    assert 'href="tel:988"' in html
    assert 'href="tel:+18006624357"' in html
    assert html.count("<h1") == 1
    check_scripts(html)
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
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


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
    assert re.findall(r'<form [^>]*\bid="(\w+)"', html) == ["ask", "keep"]
    ticked = re.findall(r'name="term" value="([^"]+)" checked', html)
    assert ticked == ["pay:medicaid"]
    # Boxes outside the form's element belong to it by name.
    assert html.count('form="ask" name="term"') == html.count('name="term"')


def test_every_link_of_results_keeps_the_question(client: FlaskClient) -> None:
    html = client.get("/search?q=sample&near=Denver&radius=50&unit=km&per_page=2&sort=name").text
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
    assert 'name="near" type="search" value="Denver, CO (39.74, -104.99)"' in html
    assert 'name="lat"' not in html
    assert heading(html).endswith(" results within 25 miles, near Denver, CO")
    same = client.get("/search?near=Denver, CO (39.74, -104.99)").text
    assert heading(same) == heading(html)
    kept = re.findall(r'id="at-([0-9a-f-]{36})"', html)[0]
    html = client.get(f"/list?near=39.74,-104.99&id={kept}").text
    assert "Distances are from a point near Denver, CO." in html


def test_a_question_goes_elsewhere_without_its_place(client: FlaskClient) -> None:
    """What the map and "Near me" ask anew: another place than the one in the words."""
    html = client.get("/search?q=detox near Denver&term=pay:medicaid&page=1").text
    assert 'data-placeless="detox"' in html
    assert 'data-elsewhere="/search?q=detox&amp;term=pay%3Amedicaid"' in html
    html = client.get("/es/search?near=Denver&radius=50&unit=km").text
    assert 'data-elsewhere="/es/search?unit=km"' in html


def test_tiles_are_asked_of_their_host_alone_and_said(sample_config: Config) -> None:
    tiles = "https://tiles.example.org:8443/{z}/{x}/{y}.png?key=a"
    client = create_app(replace(sample_config, map_tiles=tiles, map_credit="© Them")).test_client()
    policy = client.get("/search?near=Denver").headers["Content-Security-Policy"]
    assert "img-src 'self' https://tiles.example.org:8443;" in policy
    assert (
        policy.replace(" https://tiles.example.org:8443", "") == HEADERS["Content-Security-Policy"]
    )
    html = client.get("/search?near=Denver").text
    assert f'data-tiles="{tiles}"' in html
    assert "© Them" in html
    assert "with-map" not in html
    for path, said in (
        ("/privacy", "come from tiles.example.org:8443."),
        ("/es/privacy", "vienen de tiles.example.org:8443."),
    ):
        html = client.get(path).text
        assert said in html
        assert "no outside fonts or maps" not in html


@pytest.mark.parametrize(
    "tiles",
    [
        "https://tiles.example.org/{z}/{x}.png",
        "https://{s}.example.org/{z}/{x}/{y}.png",
        "https://a.example.org; script-src *; /{z}/{x}/{y}",
        "https://a.example.org,b/{z}/{x}/{y}",
        "javascript:{z}{x}{y}",
        "/{z}/{x}/{y}.png",
    ],
)
def test_tiles_that_are_no_address_on_one_host(tiles: str) -> None:
    with pytest.raises(UsageError, match="DIRECTORY_MAP_TILES"):
        load_config({"DIRECTORY_MAP_TILES": tiles})
    good = "https://tiles.example.org/{z}/{y}/{x}.png"
    assert load_config({"DIRECTORY_MAP_TILES": good}).map_tiles == good


def test_a_browser_may_tell_where_it_is_to_this_site_alone(client: FlaskClient) -> None:
    for path in ("/", "/search?near=Denver", "/api/v1/search?near=Denver"):
        policy = client.get(path).headers["Permissions-Policy"]
        assert policy == "geolocation=(self), camera=(), microphone=()"


def test_a_wrong_value_keeps_the_others(client: FlaskClient) -> None:
    response = client.get("/search?q=detox&near=Nowhereville+Qq&term=pay:medicaid&kind=treatment")
    assert response.status_code == 400
    check_frame(response.text)
    assert 'value="detox"' in response.text
    assert 'value="Nowhereville Qq"' in response.text
    assert 'name="term" value="pay:medicaid"' in response.text
    field = response.text[response.text.index('id="near"') :][:400]
    assert 'aria-invalid="true" aria-describedby="near-wrong"' in field


def test_what_was_typed_is_escaped(client: FlaskClient) -> None:
    for query in ("q=<script>alert(1)</script>", 'q="><img src=x>&near=Qq<b>', "radius=<b>"):
        html = client.get(f"/search?{query}").text
        check_scripts(html)
        assert "<img" not in html
        assert '<b>"' not in html


@pytest.mark.parametrize("path", ["/nothing", "/listing/x", f"/listing/{'0' * 32}"])
def test_what_is_not_there(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    check_frame(response.text)
    assert "This page is not here" in heading(response.text)


def test_a_tombstone_says_since_when(database: Engine, config: Config, load_rows: Loader) -> None:
    rows = [{"external_id": str(n), "name": f"Door {n}", "phones": ["303-555-0100"]} for n in "ab"]
    load_rows(*rows)
    load_rows(rows[0])
    with database.begin() as connection:
        connection.execute(
            sa.text("UPDATE listing SET last_seen = '2026-01-02' WHERE name='Door b'")
        )
    load_rows(rows[0])
    with database.connect() as connection:
        query = sa.text("SELECT id::text FROM listing ORDER BY name")
        kept, gone = connection.execute(query).scalars()
    here = settings(config, database.url)
    client = create_app(here).test_client()
    assert client.get(f"/listing/{kept}").status_code == 200
    page, answer = client.get(f"/listing/{gone}"), client.get(f"/api/v1/listings/{gone}")
    assert (page.status_code, answer.status_code) == (410, 410)
    check_frame(page.text)
    assert "Test source has not listed it since January 2, 2026." in page.text
    assert "555-0100" not in page.text
    assert answer.mimetype == "application/problem+json"
    assert "January 2, 2026" in answer.get_json()["detail"]
    for address in ("/search?q=door", "/api/v1/search?q=door"):
        assert "Door b" not in client.get(address).text
        assert "Door a" in client.get(address).text
    db.reader(here).dispose()


@pytest.mark.parametrize("status", [410, 429, 500, 503])
def test_other_errors_have_the_crisis_lines(app: Flask, status: int) -> None:
    with app.test_request_context("/search?q=detox"):
        response = app.make_response(error_page(status, "Resting", "Please wait."))
    assert response.status_code == status
    check_frame(response.get_data(as_text=True))


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


def test_branches_of_one_name_are_one_result(
    database: Engine, load_rows: Loader, config: Any
) -> None:
    """The soonest meeting stands first, the others below it; nothing is left out."""
    here = {"latitude": 39.75, "longitude": -104.99, "kind": "support_group", "name": "Grupo Uno"}
    load_rows(
        *({**here, "external_id": str(day), "sessions": [_evening(day)]} for day in range(7)),
        {**here, "external_id": "other", "name": "Another", "sessions": []},
        {**here, "external_id": "center", "kind": "treatment"},
    )
    client = create_app(settings(config, database.url)).test_client()
    html = client.get("/search?near=39.75,-104.99").text
    assert "9 results" in html
    assert html.count('<li class="card"') == 3
    assert "6 more times or places" in html
    days = re.findall(r"(?:Next: |Meeting now, until )(\w+)", html)
    assert len(days) == 7
    assert len(set(re.findall(r'href="(/listing/[^"]+)"', html))) == 9
    assert client.get("/search?near=39.75,-104.99&sort=distance").text.count('class="card"') == 9


def test_words_that_nobody_uses_get_a_remedy_and_help_lines(
    database: Engine, load_rows: Loader, config: Any
) -> None:
    load_rows(
        {"name": "Open Door", "external_id": "a"},
        {"name": "Line", "external_id": "b", "kind": "hotline", "online": True, "in_person": False},
    )
    client = create_app(settings(config, database.url)).test_client()
    html = client.get("/search?q=zyzzyva").text
    assert "Check the spelling" in html
    assert "holds no listings yet" not in html
    assert 'href="/listing/' in html
    answered = client.get("/api/v1/search?q=zyzzyva").get_json()
    assert (answered["total"], answered["results"]) == (0, [])
    assert [line["name"] for line in answered["online"]["results"]] == ["Line"]


def _evening(day: int) -> dict[str, Any]:
    return {"weekday": day, "start": "19:00", "minutes": 60}


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
        ({}, "Not listed. Ask before you go."),
        ({"phones": ["303-555-0100"]}, "Not listed. Call to ask."),
        ({}, "It does not say whom it is for."),
        ({}, "Not listed. Ask before the first visit."),
        ({"kind": "support_group"}, "Not listed. Most meetings like this are free."),
        ({"join_phone": "303-555-0100,,12#", "online": True}, 'href="tel:303-555-0100%2C%2C12%23"'),
        ({"served": ["US-CO", "CA"]}, "CO in the United States, Canada"),
        ({"verified_on": "2026-10-03"}, "Verified on October 3, 2026."),
    ],
)
def test_what_a_listing_says(show: Show, fields: dict[str, Any], expected: str) -> None:
    html = show(**fields)
    assert expected in html
    assert "javascript:" not in html


@pytest.mark.parametrize(("status", "expected"), [("active", True), ("closed", False)])
def test_only_who_is_open_to_people_stays_in_reach(show: Show, status: str, expected: bool) -> None:
    html = show(status=status, phones=["303-555-0100"], sessions=[_evening(3)])
    assert ('class="call-bar"' in html) is expected
    assert ('class="week"' in html) is expected
    assert "(303) 555-0100" in html


def test_a_site_without_listings_says_so(database: Engine, config: Config) -> None:
    client = create_app(settings(config, database.url)).test_client()
    html = client.get("/search").text
    assert "Nothing found" in html
    assert "holds no listings yet" in html
    assert "No list has been read yet" in client.get("/sources").text


def test_styles_are_one_small_sheet() -> None:
    for name, most in (("site.css", 28_000), ("desk.css", 5_000)):
        sheet = (ROOT / "directory" / "static" / name).read_text()
        assert len(sheet) < most
        assert "@import" not in sheet
        assert "url(" not in sheet


def test_a_page_of_results_is_light(client: FlaskClient) -> None:
    """With all that it loads, compressed, and in at most five requests."""
    html = client.get("/search?q=sample&near=Denver&radius=100&per_page=20").text
    assert html.count('class="card"') >= 20
    loaded = {"/", *re.findall(r'(?:src|href)="(/static/[^"#?]+)', html)}
    files = [ROOT / "directory" / path.lstrip("/") for path in loaded - {"/"}]
    parts = [html.encode(), *(file.read_bytes() for file in files)]
    assert len(loaded) <= 5
    assert sum(len(gzip.compress(part)) for part in parts) < 60 * 1024


def test_a_misspelled_question_is_respelled_and_says_so(
    sample_config: Config, tmp_path: Path
) -> None:
    config = replace(sample_config, home=tmp_path)
    pocket.refresh(db.writer(config), config)
    client = create_app(config).test_client()
    html = client.get("/search?q=cotonwood&near=Denver").text
    assert "results for <b>" in html
    assert "q=cotonwood" in html  # the way back to what was typed
    found = client.get("/api/v1/search?q=intevention&near=Denver").json
    assert found is not None
    assert found["question"]["corrected"] == "intervention"
    assert found["total"]
    exact = client.get("/api/v1/search?q=intevention&near=Denver&literal=1").json
    assert exact is not None
    assert (exact["total"], exact["question"]["corrected"]) == (0, None)


def test_a_misspelled_town_is_taken_for_the_right_one_and_says_so(client: FlaskClient) -> None:
    html = client.get("/search?q=detox&near=denverr").text
    assert "We do not know a place called “denverr”. These are results near <b>Denver, CO" in html
    assert "«denverr»" in client.get("/es/search?q=detox&near=denverr").text
    found = client.get("/api/v1/search?q=detox&near=denverr").json
    assert found is not None
    assert found["question"]["place"]["instead_of"] == "denverr"


def test_what_no_result_says_is_said_with_the_nearest_that_do(
    database: Engine, config: Config, load_rows: Loader
) -> None:
    """At most 100 miles away, and only what decides: who is not taken is turned away."""
    here: dict[str, object] = {"latitude": 39.74, "terms": ["service:residential"]}
    said: dict[str, object] = {"terms": ["service:residential", "pay:military"]}
    places = [
        *(
            {**here, "external_id": f"h{n}", "longitude": -104.99, "name": f"Here {n}"}
            for n in range(5)
        ),
        {**here, **said, "external_id": "2", "name": "There House", "longitude": -105.9},
        {**here, **said, "external_id": "3", "name": "Far House", "longitude": -107.2},
    ]
    load_rows(*places)
    client = create_app(settings(config, database.url)).test_client()
    near = "/search?near=39.74,-104.99&q=residential"
    html = client.get(f"{near}+tricare").text
    told = re.search(r"None of these places lists “Military insurance”.*?</p>", html)
    assert told is not None
    assert re.findall(r">(\w+ House)</a> \((\d+) mi\)", told.group()) == [("There House", "48")]
    assert "None of these places lists" not in client.get(f"{near}+alcohol").text
    load_rows(
        {**here, "external_id": "n", "longitude": -104.99, "name": "Tricare Home"}, source="n"
    )
    assert "None of these places lists" not in client.get(f"{near}+tricare").text
    assert "None of these places lists" not in client.get(f"{near}+tricare&radius=50").text


def test_ways_out_of_an_empty_page_say_how_much_they_give(client: FlaskClient) -> None:
    html = client.get("/search?q=zyzzyva&near=denver&term=service:detox").text
    assert "Change one thing" in html
    assert re.search(r"Without “zyzzyva”: \d+ results?", html)


def test_another_place_of_the_name_takes_the_typed_ones_part(client: FlaskClient) -> None:
    html = client.get("/search?q=detox+near+portland").text
    assert "/search?q=detox&amp;near=Portland%2C+ME" in html


def test_what_empties_a_question_is_let_go_and_named(client: FlaskClient) -> None:
    html = client.get("/search?q=detox+zyzzyva+near+denver").text
    assert "results without <b>“zyzzyva”</b>" in html
    found = client.get("/api/v1/search?q=detox+zyzzyva+near+denver").json
    assert found is not None
    assert found["question"]["left_out"] == ["zyzzyva"]
    assert found["total"]


def test_what_is_let_go_is_named_as_it_was_typed(sample_config: Config, tmp_path: Path) -> None:
    config = replace(sample_config, home=tmp_path)
    pocket.refresh(db.writer(config), config)
    html = create_app(config).test_client().get("/search?q=detox+zebra+horses&near=denver").text
    assert "results without <b>“zebra horses”</b>" in html


def test_two_ways_to_say_one_thing_are_one_chip(client: FlaskClient) -> None:
    html = client.get("/search?q=overdose+overdosing&near=Denver").text
    chips = re.findall(r'<a href="([^"]*)"><span class="sr">Remove </span>([^<]*)', html)
    assert [label for _, label in chips].count("Help lines · Crisis help") == 1
    assert not any("q=" in url for url, label in chips if label.startswith("Help lines"))


def test_filters_are_cleared_only_where_some_were_chosen(client: FlaskClient) -> None:
    assert "Clear filters" not in client.get("/search?q=aa+meeting+tonight&near=Denver").text
    html = client.get("/search?q=detox&near=Denver&term=pay:medicaid&day=monday").text
    assert html.count('<a href="/search?q=detox&amp;near=Denver">Clear filters</a>') == 2


def test_pages_of_results_are_counted_and_the_way_back_leads_to_one(client: FlaskClient) -> None:
    assert "Page 1 of 3" in client.get("/search?near=Denver&radius=100&per_page=10").text
    html = client.get("/search?near=Denver&radius=100&per_page=10&page=90").text
    back = re.search(r'past the last result\. <a href="([^"]*)">Go to the last page</a>', html)
    assert back is not None
    assert "Page 3 of 3" in client.get(unescape(back[1])).text
    assert "Page 90" not in html


def test_leaving_fast(client: FlaskClient) -> None:
    answer = client.get("/exit")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "https://www.weather.gov/"
    assert answer.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert answer.headers["Cache-Control"] == "no-store"
    for path in ("/", "/search?q=detox", "/hotlines", "/nothing"):
        assert 'href="/exit"' in client.get(path).text


def test_https_stays_https(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/").headers
    behind = client.get("/", headers={"X-Forwarded-Proto": "https"})
    assert behind.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_list_is_in_its_address_alone(client: FlaskClient) -> None:
    found = client.get("/api/v1/search?near=denver&radius=50&sort=name").json
    assert found is not None
    one, two = (hit for hit in found["results"][:2])
    html = client.get(f"/list?id={two['id']}&id={one['id']}&id={one['id']}&near=Denver").text
    names = re.findall(r'<h2><a href="/listing/([0-9a-f-]{36})', html)
    assert names == [two["id"], one["id"]]
    assert "Distances are from Denver, CO." in html
    assert client.get(f"/list?id={one['id']}").headers.get("Set-Cookie") is None
    less = re.findall(r'<a href="(/list[^"]*)">Take off', html)
    assert less == [
        f"/list?id={one['id']}&amp;near=Denver",
        f"/list?id={two['id']}&amp;near=Denver",
    ]


def test_distances_of_a_list_are_geodesic(client: FlaskClient) -> None:
    found = client.get("/api/v1/search?near=denver&radius=500&sort=distance&per_page=100").json
    assert found is not None
    hit = next(hit for hit in reversed(found["results"]) if hit["precision"] == "exact")
    denver = found["question"]["place"]
    miles = geodesic((denver["lat"], denver["lon"]), (hit["lat"], hit["lon"])).miles
    html = client.get(f"/list?id={hit['id']}&near=Denver").text
    assert f"{miles:.1f} mi" in html or f"{round(miles)} mi" in html


def test_what_is_kept_stays_while_searching_on(client: FlaskClient) -> None:
    found = client.get("/api/v1/search?near=denver").json
    assert found is not None
    kept = found["results"][0]["id"]
    html = client.get(f"/list?id={kept}&near=Denver").text
    more = unescape(re.search(r'href="(/search\?[^"]*)">Look for more', html)[1])  # type: ignore[index]
    html = client.get(more).text
    assert f'value="{kept}" checked' in html
    assert f'<input type="hidden" name="keep" value="{kept}">' in html  # the question's form
    html = client.get(f"/search?q=zebra+hotline&keep={kept}").text
    assert f'<input type="hidden" name="id" value="{kept}">' in html


@pytest.mark.parametrize("bad", ["id=zebra", "near=Nowhereville+Qq", "id=%00"])
def test_a_list_that_cannot_be_says_why(client: FlaskClient, bad: str) -> None:
    assert client.get(f"/list?{bad}").status_code == 400


def test_a_list_takes_twenty_and_says_what_is_gone(client: FlaskClient) -> None:
    ids = [f"id=00000000-0000-4000-8000-{n:012}" for n in range(21)]
    assert "20 places of this list are not" in client.get("/list?" + "&".join(ids[:20])).text
    refused = client.get("/list?" + "&".join(ids))
    assert refused.status_code == 400
    assert "at most 20 places" in refused.text
    assert "Nothing is kept yet" in client.get("/list").text
