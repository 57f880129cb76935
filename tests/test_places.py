"""Place names: a table of what people type, the rules of ambiguity, and the file itself."""

import csv
import gzip
import math
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from directory.errors import UsageError
from directory.places import (
    GAZETTEER,
    distance_m,
    find_place,
    load_places,
    normalise,
    place_at,
    place_meant,
)
from importers.place_tables import AREAS, LANDMARKS, NEIGHBORHOODS

TOLERANCE_M = 15_000
with (Path(__file__).parent / "places.csv").open(encoding="utf-8", newline="") as table:
    TYPED = list(csv.DictReader(table))


@pytest.mark.parametrize("row", TYPED, ids=lambda row: row["text"])
def test_what_people_type(row: dict[str, str], session: Session) -> None:
    place = find_place(session, row["text"])
    off = distance_m(place.lat, place.lon, float(row["lat"]), float(row["lon"]))
    assert place.country == row["country"]
    assert off < TOLERANCE_M, f"{place.name} is {off / 1000:.0f} km off"
    if row["name"]:
        assert place.name == row["name"]


def test_the_table_is_long_and_covers_every_country_with_codes() -> None:
    assert len({row["text"] for row in TYPED}) == len(TYPED) >= 200
    assert {"US", "CA", "GB", "IE", "AU", "NZ"} <= {row["country"] for row in TYPED}


@pytest.mark.parametrize(
    ("typed", "country", "name"),
    [
        ("London", "CA", "London, ON"),
        ("Vancouver", "CA", "Vancouver, BC"),
        ("Vancouver", "US", "Vancouver, WA"),
        ("Birmingham", "GB", "Birmingham, England"),
        ("Perth", "AU", "Perth, WA"),
        ("Wellington", "NZ", "Wellington"),
        ("Dublin", "IE", "Dublin"),
        ("Ontario", "CA", "Ontario"),
        ("Georgia", "US", "Georgia"),
        ("Denver", "GB", "Denver, CO, United States"),
        ("Paris", "US", "Paris, France"),
        ("2010", "NZ", "Auckland 2010"),
    ],
)
def test_the_country_of_the_site_is_a_boost(
    typed: str, country: str, name: str, session: Session
) -> None:
    found = find_place(session, typed, country)
    if typed == "2010":
        assert found.country == country
    else:
        assert found.name == name


@pytest.mark.parametrize(
    ("typed", "name", "kind"),
    [
        ("Colorado", "Colorado", "region"),
        ("CO", "Colorado", "region"),
        ("Nevada", "Nevada", "region"),
        ("Wyoming", "Wyoming", "region"),
        ("Puerto Rico", "Puerto Rico", "region"),
        ("British Columbia", "British Columbia, Canada", "region"),
        ("Canada", "Canada", "country"),
        ("UK", "United Kingdom", "country"),
        ("USA", "United States", "country"),
    ],
)
def test_regions_and_countries(typed: str, name: str, kind: str, session: Session) -> None:
    found = find_place(session, typed)
    assert (found.name, found.kind) == (name, kind)


def test_alternatives_are_other_places_and_can_be_typed(session: Session) -> None:
    portland = find_place(session, "Portland")
    assert "Portland, ME" in [other.name for other in portland.alternatives]
    for typed in ("Portland", "Springfield", "Newport", "London", "Dublin", "San José", "2000"):
        place = find_place(session, typed)
        names = [place.name, *(other.name for other in place.alternatives)]
        assert len(set(names)) == len(names) <= 6
        for other in (place, *place.alternatives):
            again = find_place(session, other.name)
            assert (again.lat, again.lon) == (other.lat, other.lon), other.name


def test_shown_names_mean_the_same_place_when_typed(session: Session) -> None:
    for row in TYPED:
        place = find_place(session, row["text"])
        again = find_place(session, place.name)
        assert distance_m(place.lat, place.lon, again.lat, again.lon) < 1_500, place.name


@pytest.mark.parametrize(
    "typed", ["", "  ", ",", "Nowhereville Zzyzx", "Zzyzx Qq, CO", "00000", "x" * 101, "é́", "; --"]
)
def test_what_is_no_place_says_what_would_be(typed: str, session: Session) -> None:
    with pytest.raises(UsageError, match="ZIP code") as raised:
        find_place(session, typed)
    assert raised.value.parameter == "near"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=120) | st.lists(st.sampled_from(("la", "st", "2000", ","))).map(" ".join))
def test_any_text_is_a_place_or_bad_input(session: Session, typed: str) -> None:
    try:
        place = find_place(session, typed)
    except UsageError:
        return
    assert -90 <= place.lat <= 90
    assert -180 <= place.lon <= 180


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("philidelphia", "Philadelphia, PA"),
        ("Philidelphia pa", "Philadelphia, PA"),
        ("bosten", "Boston, MA"),
        ("denver, colorodo", "Denver, CO"),
        ("los angelos", "Los Angeles, CA"),
        ("st pual mn", "Saint Paul, MN"),
        ("bucks conty", "Bucks County, PA"),
        ("oaklnd fl", "Oakland, FL"),
        ("edmontn", "Edmonton, AB, Canada"),
        ("Filadelphia", "Philadelphia, PA"),
    ],
)
def test_a_misspelled_town_is_known_and_says_so(session: Session, typed: str, name: str) -> None:
    found = place_meant(session, typed, "US")
    assert (found.name, found.instead_of) == (name, typed)
    assert place_meant(session, name, "US").instead_of is None


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Kensington Philadelphia", "Kensington, PA"),
        ("kensington philly", "Kensington, PA"),
        ("Flushing queens", "Flushing, NY"),
        ("Astoria, Queens, NY", "Astoria, NY"),
        ("Skid Row", "Skid Row, CA"),
        ("the tenderloin", "Tenderloin, CA"),
        ("bed stuy", "Bed-Stuy, NY"),
        ("Southie", "South Boston, MA"),
        ("Washington State", "Washington"),
        ("LA county", "Los Angeles County, CA"),
        ("rittenhouse sq", "Rittenhouse Square, PA"),
    ],
)
def test_parts_of_cities_are_known(session: Session, typed: str, name: str) -> None:
    found = place_meant(session, typed, "US")
    assert (found.name, found.instead_of) == (name, None)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("zzyzx heights Philadelphia", "Philadelphia, PA"),
        ("zzyzx seattle wa", "Seattle, WA"),
        ("Zork, Ohio", "Ohio"),
        ("zzyzx, 13th & locust philly", "Philadelphia, PA"),
        ("kensington and allegheny ave philadelphia", "Philadelphia, PA"),
        ("roxborough manayunk", "Roxborough, PA"),
        ("Fishtown/Kensington", "Fishtown, PA"),
    ],
)
def test_an_unknown_part_of_a_city_is_that_city_and_says_so(
    session: Session, typed: str, name: str
) -> None:
    found = place_meant(session, typed, "US")
    assert (found.name, found.instead_of) == (name, typed)


@pytest.mark.parametrize("table", [AREAS, LANDMARKS], ids=["areas", "landmarks"])
def test_areas_are_known_by_what_people_call_them(
    session: Session, table: dict[tuple[str, str], str]
) -> None:
    """With the region, and alone as one of the places that may be meant."""
    for (country, region), area in (
        (where, area) for where, areas in table.items() for area in areas.split("|")
    ):
        middle, _, called = area.partition(" = ")
        for name in called.split(", "):
            found = find_place(session, f"{name}, {region}", country)
            assert found.name.startswith(f"{middle}, {region}")
            alone = find_place(session, name, country)
            assert found.name in {place.name for place in (alone, *alone.alternatives)}


@pytest.mark.parametrize("where", NEIGHBORHOODS, ids="-".join)
def test_neighborhoods_are_where_a_city_of_their_region_is(
    session: Session, where: tuple[str, str]
) -> None:
    country, region = where
    cities = session.execute(
        text(
            "SELECT lat, lon FROM place WHERE kind = 'city' AND NOT alias AND country = :country "
            "AND region = :region AND population > 100000"
        ),
        {"country": country, "region": region},
    ).all()
    for part in NEIGHBORHOODS[where].split("|"):
        name, lat, lon = part.rsplit(" ", 2)
        found = find_place(session, f"{name}, {region}", country)
        assert (found.lat, found.lon) == (float(lat), float(lon))
        assert min(distance_m(found.lat, found.lon, *city) for city in cities) < 20_000, name


@pytest.mark.parametrize(
    "typed", ["", "dnv", "ohi", "Nowhereville Qq", "denver zzyzx", "0000o", "zz & allegheny"]
)
def test_what_is_not_nearly_a_town_is_none(session: Session, typed: str) -> None:
    with pytest.raises(UsageError, match="ZIP code"):
        place_meant(session, typed, "US")


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_city_with_a_letter_left_out_is_that_or_a_larger_one(
    session: Session, data: st.DataObject
) -> None:
    rows = session.execute(
        text(
            "SELECT key, population FROM place WHERE kind = 'city' AND country = 'US' "
            "AND NOT alias AND population > 20000 AND key ~ '^[a-z]{4}..' ORDER BY id"
        )
    ).all()
    city = data.draw(st.sampled_from(rows))
    left_out = data.draw(st.integers(1, len(city.key) - 1))
    found = place_meant(session, city.key[:left_out] + city.key[left_out + 1 :], "US")
    assume(found.instead_of)  # "Bellville" is a town, too
    assert found.population >= city.population or found.country != "US"


def test_postal_codes_and_the_words_before_them(session: Session) -> None:
    """A wrong digit is likelier than a wrong city; abroad, the country tells."""
    shown = "Westminster Abbey, England SW1A"
    assert find_place(session, shown, "GB").name == shown
    assert find_place(session, "1 Some Street, SW1A 1AA").country == "GB"
    assert find_place(session, "Denver, CO 10001").name == "Denver, CO"
    assert find_place(session, "Denver, CO 00000").name == "Denver, CO"


def test_time_zones(session: Session) -> None:
    zones = {"Denver": "America/Denver", "Phoenix": "America/Phoenix", "M5V": "America/Toronto"}
    for typed, zone in zones.items():
        assert find_place(session, typed).timezone == zone


def test_points() -> None:
    place = place_at(39.7392, -104.9903)
    assert (place.name, place.kind) == ("39.74, -104.99", "point")
    assert (place.country, place.timezone) == ("US", "America/Denver")
    assert place_at(0, -30).country == ""
    for lat, lon, name in ((90.1, 0, "lat"), (math.nan, 0, "lat"), (0, -181, "lon")):
        with pytest.raises(UsageError) as raised:
            place_at(lat, lon)
        assert raised.value.parameter == name


def test_a_typed_point_outside_the_globe(session: Session) -> None:
    with pytest.raises(UsageError, match="-90 to 90") as raised:
        find_place(session, "139.74, -104.99")
    assert raised.value.parameter == "near"


def test_distances_are_geodesic() -> None:
    """Geodesics of the ellipsoid: one degree along the equator, and to the pole."""
    assert distance_m(0, 0, 0, 1) == pytest.approx(111_319.49, abs=0.01)
    assert distance_m(0, 0, 90, 0) == pytest.approx(10_001_965.73, abs=0.01)


def test_keys() -> None:
    same = {
        "saint paul": ["St. Paul", "ST PAUL", "Saint-Paul", " saint  paul "],
        "coeur dalene": ["Coeur d'Alene", "Cœur d’Alene"],
        "washington dc": ["Washington, D.C.", "washington dc"],
        "montreal": ["Montréal", "MONTREAL", "Montréal"],
        "fort worth": ["Ft. Worth", "ft worth", "Ft.Worth"],
        "mt": ["MT"],
        "north las vegas": ["N. Las Vegas"],
        "m5v 2t6": ["M5V 2T6"],
    }
    for key, texts in same.items():
        assert {normalise(typed) for typed in texts} == {key}


def test_loading_again_does_nothing(session: Session) -> None:
    before = session.execute(text("SELECT count(*), min(xmin::text) FROM place")).one()
    assert load_places(session.connection()) == 0
    assert session.execute(text("SELECT count(*), min(xmin::text) FROM place")).one() == before


def test_loading_replaces_an_older_file(session: Session) -> None:
    session.execute(text("DELETE FROM place WHERE key <> 'denver'"))
    session.execute(text("COMMENT ON TABLE place IS 'older'"))
    assert load_places(session.connection()) > 200_000
    assert find_place(session, "Portland").name == "Portland, OR"
    session.rollback()


def test_lookups_are_quick(session: Session) -> None:
    """Median under 3 ms, all names of the table; nothing may scan the table."""
    times = []
    for row in TYPED:
        start = time.perf_counter()
        find_place(session, row["text"])
        times.append(time.perf_counter() - start)
    assert sorted(times)[len(times) // 2] < 0.003
    session.execute(text("SET LOCAL enable_bitmapscan = on"))
    plan = "\n".join(
        line
        for (line,) in session.execute(
            text("EXPLAIN SELECT * FROM place WHERE key IN ('denver', 'denver colorado', 'co')")
        )
    )
    assert "ix_place_key" in plan


def test_the_file() -> None:
    """Plausible points, the codes of six countries, and a name for every country."""
    with gzip.open(GAZETTEER, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows == sorted(rows, key=lambda r: [r[f] for f in ("kind", "name")])
    assert all(abs(float(r["lat"])) <= 90 and abs(float(r["lon"])) <= 180 for r in rows)
    codes = {r["country"]: 0 for r in rows if r["kind"] == "postcode"}
    for row in rows:
        if row["kind"] == "postcode":
            codes[row["country"]] += 1
    least = {"US": 41_000, "CA": 1_600, "GB": 11_000, "IE": 139, "AU": 3_100, "NZ": 1_700}
    assert all(codes[country] >= count for country, count in least.items()), codes
    named = {r["country"]: r["also"].split("|")[0] for r in rows if r["kind"] == "country"}
    assert all(named.get(r["country"]) == r["country"] for r in rows)
    assert GAZETTEER.stat().st_size < 5_250_000
    assert GAZETTEER.read_bytes()[4:8] == bytes(4)  # no time stamp: the same data, the same bytes


def test_no_one_means_what_a_far_city_was_once_called(session: Session) -> None:
    others = find_place(session, "Philadelphia").alternatives
    assert "Philadelphia, MS" in [place.name for place in others]
    assert not [place for place in others if place.name.startswith("Amman")]


def test_smaller_places_abroad_are_not_offered(session: Session) -> None:
    assert "Boston, England, United Kingdom" not in _alternatives(session, "Boston")
    assert "Cambridge, England, United Kingdom" in _alternatives(session, "Cambridge")
    assert "Paris, TX" in _alternatives(session, "Paris")


def _alternatives(session: Session, name: str) -> list[str]:
    return [place.name for place in find_place(session, name).alternatives]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Orange County, CA", "Orange County, CA"),
        ("orange county", "Orange County, CA"),
        ("Montgomery County PA", "Montgomery County, PA"),
        ("Orleans Parish", "Orleans Parish, LA"),
    ],
)
def test_counties_are_places(session: Session, typed: str, name: str) -> None:
    assert find_place(session, typed).name == name
