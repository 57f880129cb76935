"""How much is listed where, and who lives far from detox, beside distances measured one by one."""

import math
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from directory import accounts, coverage
from directory.config import ROOT, Config
from directory.places import distance_m
from directory.web import pictures
from directory.web.app import create_app
from tests.conftest import Loader
from tests.test_accounts import EMAIL, PASSWORD, sign_in

DENVER = {"latitude": 39.7392, "longitude": -104.9903, "region": "CO", "postal_code": "80202"}
CHEYENNE = {"latitude": 41.14, "longitude": -104.8202, "region": "WY", "postal_code": "82001"}
CASPER = {"latitude": 42.8666, "longitude": -106.3131, "region": "WY", "postal_code": "82601"}
HERE = {"country": "US", "precision": "exact", "in_person": True}
DETOX = {"terms": ["service:detox"]}
FAR_M = 30 * 1_609.344
Colour = tuple[float, ...]


@pytest.fixture
def listed(database: Engine, load_rows: Loader) -> Engine:
    """Detox in Denver and Cheyenne; in Casper one that is closed, one online, and no detox."""
    load_rows(
        {**HERE, **DENVER, **DETOX, "external_id": "1"},
        {**HERE, **CHEYENNE, **DETOX, "external_id": "2"},
        {**HERE, **CASPER, **DETOX, "external_id": "3", "status": "closed"},
        {**CASPER, **DETOX, "external_id": "4", "in_person": False, "online": True},
        {**HERE, **CASPER, "external_id": "5", "kind": "counseling"},
        {**HERE, **CASPER, "external_id": "6"},
        {**HERE, "external_id": "7", "region": "WY", "city": "Casper"},
    )
    return database


def test_people_far_from_detox_are_those_measured_one_by_one(listed: Engine) -> None:
    with listed.connect() as connection:
        found = {desert.region: desert for desert in coverage.deserts(connection, "US")}
        query = text(
            "SELECT region, name, lat, lon, population FROM place WHERE kind = 'postcode' "
            "AND country = 'US' AND population > 0 AND region IN ('CO', 'WY')"
        )
        homes = connection.execute(query).all()
    doors = (39.7392, -104.9903), (41.14, -104.8202)
    people, far = dict.fromkeys(("CO", "WY"), 0), dict.fromkeys(("CO", "WY"), 0)
    towns: dict[tuple[str, str], float] = {}
    for home in homes:
        nearest = min(distance_m(home.lat, home.lon, lat, lon) for lat, lon in doors)
        people[home.region] += home.population
        if nearest > FAR_M:
            far[home.region] += home.population
            key = home.region, home.name
            towns[key] = min(towns.get(key, math.inf), nearest / 1_609.344)
    for region in ("CO", "WY"):
        desert = found[region]
        assert (desert.people, desert.far) == (people[region], far[region])
        assert 0 < desert.far < desert.people
        shown = {(town.region, town.name): town.miles for town in desert.towns}
        assert shown == pytest.approx({k: v for k, v in towns.items() if k[0] == region}, rel=6e-3)
        sizes = [town.people for town in desert.towns]
        assert sizes == sorted(sizes, reverse=True)
    assert found["RI"].far == found["RI"].people


def test_what_is_known_of_what_is_listed(listed: Engine) -> None:
    with listed.connect() as connection:
        known = coverage.known(connection, "US")
    assert known == {"detox": 2, "about": 0, "nowhere": 0, "treatment": 4, "silent": 2}


def test_without_any_detox_everybody_is_far(database: Engine) -> None:
    """Canada's people are those of its cities, for its postal codes say none."""
    with database.connect() as connection:
        found = coverage.deserts(connection, "CA")
        query = "SELECT sum(population) FROM place WHERE country = 'CA' AND kind = 'city'"
        everybody = connection.execute(text(f"{query} AND NOT alias")).scalar_one()
    assert sum(desert.far for desert in found) == everybody
    assert all(town.miles is None for desert in found for town in desert.towns)


def test_listings_by_county(listed: Engine) -> None:
    with listed.connect() as connection:
        every = coverage.by_county(connection, "US")
        counseling = coverage.by_county(connection, "US", "counseling")
        query = "SELECT region, county, sum(population) FROM place WHERE county IS NOT NULL "
        people = {row[:2]: row[2] for row in connection.execute(text(query + "GROUP BY 1, 2"))}
        assert coverage.by_county(connection, "CA") == []
    assert {(c["region"], c["county"]): c["people"] for c in every} == people
    counted = {(c["region"], c["county"]): c["listings"] for c in every if c["listings"]}
    wyoming = ("WY", "Laramie County"), ("WY", "Natrona County")
    assert counted == {("CO", "Denver County"): 1, wyoming[0]: 1, wyoming[1]: 2}
    assert [c["county"] for c in counseling if c["listings"]] == ["Natrona County"]
    assert every[-1]["county"] == "Natrona County"
    assert every[0]["people"] == max(c["people"] for c in every if not c["listings"])


def test_every_home_is_on_the_map(database: Engine) -> None:
    """But the islands of the western Pacific: Wake Island has a code of Hawaii, and nobody."""
    with database.connect() as connection:
        query = "SELECT lat, lon, region, key FROM place WHERE kind = 'postcode' AND country = 'US'"
        homes = list(connection.execute(text(query)))
    undrawn = [home for home in homes if pictures.on_map(*home[:3]) is None]
    assert {home.region for home in undrawn} == {"GU", "AS", "MP", "HI"}
    assert [home.key for home in undrawn if home.region == "HI"] == ["96898"]


def test_the_map_keeps_north_above_and_areas_equal() -> None:
    """A square degree is as large on the map as on the globe, up to one factor."""
    factors = []
    for lat, lon in ((27.0, -81.0), (39.0, -98.0), (47.0, -121.0)):
        corners = [(lat, lon), (lat, lon + 1), (lat + 1, lon + 1), (lat + 1, lon)]
        drawn = [pictures.on_map(*corner, "KS") or (0, 0) for corner in corners]
        assert drawn[0][0] < drawn[1][0]
        assert drawn[3][1] < drawn[0][1]
        ends = zip(drawn, drawn[1:] + drawn[:1], strict=True)
        area = abs(sum(x * v - u * y for (x, y), (u, v) in ends)) / 2
        globe = math.sin(math.radians(lat + 1)) - math.sin(math.radians(lat))
        factors.append(area / globe)
    assert factors == pytest.approx([factors[0]] * 3, rel=1e-3)


@pytest.mark.parametrize(
    ("one", "other", "above"),
    [
        ((39.7, -105.0), (39.8, -105.0), "other"),
        ((39.8, -105.0), (39.7, -104.0), "one"),
        ((-17.0, 179.9), (-17.0, -179.9), "neither"),
        ((39.7, -105.0), (39.7, -105.0), "neither"),
    ],
)
def test_two_points_lie_as_on_the_ground(
    one: tuple[float, float], other: tuple[float, float], above: str
) -> None:
    first, second = pictures.two_points(one, other)
    for spot in (first, second):
        assert 0 < spot.x < pictures.PAIR_WIDTH
        assert 20 < spot.y < pictures.PAIR_HEIGHT - 20
    assert (first.y < second.y, first.y > second.y) == (above == "one", above == "other")
    east = (other[1] - one[1] + 180) % 360 - 180
    assert (first.x < second.x, first.x > second.x) == (east > 0, east < 0)
    assert first.label != second.label


@pytest.fixture
def keeper(here: Config, listed: Engine) -> FlaskClient:
    """A maintainer's browser."""
    accounts.add(listed, EMAIL, "maintainer", PASSWORD)
    client = create_app(here).test_client()
    sign_in(client)
    return client


def test_the_pages(keeper: FlaskClient) -> None:
    page = keeper.get("/maintain/coverage").text
    assert "counties have no listing." in page
    assert page.count("<tr><th") == 101
    page = keeper.get("/maintain/coverage?region=WY&kind=counseling").text
    assert "22 of 23 counties have no listing of this kind." in page
    assert "Natrona County, WY" in page
    assert "Denver County" not in page
    assert " style=" not in page
    page = keeper.get("/maintain/coverage/deserts").text
    assert "Of 4 treatment places, 2 do not say what they offer" in page
    assert '<a href="?region=WY">WY</a>' in page
    assert "Casper (" in page
    assert 'class="dots-4"' in page
    page = keeper.get("/maintain/coverage/deserts?region=WY").text
    assert "Towns of WY" in page
    for odd in ("%00", "'", "%ff", "zz"):
        assert keeper.get(f"/maintain/coverage?region={odd}&kind={odd}").status_code == 200


def light_of(colour: Colour) -> float:
    """How light a colour is, as WCAG counts it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_number_on_every_tile_can_be_read(scheme: str) -> None:
    """In front of each shade, 4.5 to 1 or more: axe does not look into pictures."""
    static = ROOT / "directory" / "static"
    roots = re.findall(r":root \{(.*?)\n\s*\}", (static / "site.css").read_text(), re.S)
    found: dict[str, Colour] = {}
    for root in roots[: 1 if scheme == "light" else 2]:
        for name, code in re.findall(r"--([\w-]+): #(\w{6});", root):
            found[name] = tuple(part / 255 for part in bytes.fromhex(code))
    desk = (static / "desk.css").read_text()
    rules = dict(re.findall(r"\.(tiles-map|shade-\d) rect \{ (.*?) \}", desk))
    for shade in range(len(pictures.SHADES) + 1):
        rule = rules["tiles-map"] + rules.get(f"shade-{shade}", "")
        fill = found[re.findall(r"fill: var\(--([\w-]+)\)", rule)[-1]]
        share = float(re.findall(r"fill-opacity: ([\d.]+)", rule)[-1])
        tile = tuple(
            share * one + (1 - share) * under
            for one, under in zip(fill, found["paper"], strict=True)
        )
        said = re.search(rf"\.shade-{shade} text \{{ fill: var\(--([\w-]+)\)", desk)
        low, high = sorted((light_of(found[said[1] if said else "ink"]), light_of(tile)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, shade
