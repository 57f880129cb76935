"""Towns by where they are: what a point is near to, and what a map names."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from directory.places import distance_m, find_place, place_at
from directory.towns import MOST, WIDE, Box, largest, named


@pytest.mark.parametrize(
    ("lat", "lon", "name", "region"),
    [
        (40.01, -105.27, "Boulder, CO", "CO"),
        (39.74, -104.99, "Denver, CO", "CO"),
        (61.22, -149.90, "Anchorage, AK", "AK"),
        (38.50, -116.50, "Round Mountain, NV", "NV"),
        (49.00, -97.20, "Altona, MB, Canada", None),  # on the American side of the border
        (0.0, -30.0, "0.00, -30.00", None),
    ],
)
def test_a_point_is_named_for_the_nearest_town(
    session: Session, lat: float, lon: float, name: str, region: str | None
) -> None:
    point = named(session, place_at(lat, lon), "US")
    assert (point.name, point.region, point.kind) == (name, region, "point")
    assert (point.lat, point.lon) == (lat, lon)


def test_the_nearest_is_nearest_by_metres(session: Session) -> None:
    """Against every town of the gazetteer, far north, where degrees deceive."""
    rows = session.execute(
        text(
            "SELECT name, lat, lon FROM place WHERE kind = 'city' AND NOT alias "
            "AND population >= 1000 AND lat BETWEEN 62 AND 68 AND lon BETWEEN 8 AND 32"
        )
    ).all()
    for lat, lon in ((65.01, 25.47), (64.10, 18.30), (66.95, 23.10), (63.43, 10.40)):
        nearest = min(rows, key=lambda row: distance_m(lat, lon, row.lat, row.lon))
        assert named(session, place_at(lat, lon), "FI").name.startswith(nearest.name)


def test_only_points_get_another_name(session: Session) -> None:
    boulder = find_place(session, "Boulder County, CO")
    assert named(session, boulder, "US") is boulder


def test_a_point_in_brackets_is_what_counts(session: Session) -> None:
    for typed in ("Boulder, CO (39.5, -104.9)", "(39.5,-104.9)", "Cerca de X (39.5, -104.9)"):
        place = find_place(session, typed)
        assert (place.lat, place.lon, place.kind) == (39.5, -104.9, "point")
    assert find_place(session, "Boulder, CO").kind == "city"


def test_the_largest_towns_of_a_box_come_first(session: Session) -> None:
    box = Box(-106, 39, -104, 41)
    towns = largest(session, box)
    assert [town.name for town in towns[:3]] == ["Denver", "Aurora", "Fort Collins"]
    assert len(towns) == MOST
    people = [town.population for town in towns]
    assert people == sorted(people, reverse=True)
    assert all(39 <= town.lat <= 41 and -106 <= town.lon <= -104 for town in towns)
    assert not any(town.name.endswith("County") for town in towns)


def test_a_wide_box_holds_cities_alone(session: Session) -> None:
    towns = largest(session, Box(-125, 41, -125 + WIDE + 10, 49))
    assert {"Seattle", "Portland", "Boise"} <= {town.name for town in towns}
    assert min(town.population for town in towns) >= 100_000
    assert largest(session, Box(-40, 40, -30, 41)) == []


def test_towns_by_the_api(client: FlaskClient) -> None:
    answer = client.get("/api/v1/towns?west=-105.3&south=39.9&east=-105&north=40.1")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    first = answer.get_json()["towns"][0]
    assert (first["name"], first["population"] > 100_000) == ("Boulder", True)


@pytest.mark.parametrize(
    ("box", "parameter"),
    [
        ("south=39&east=-104&north=41", "west"),
        ("west=-106&south=x&east=-104&north=41", "south"),
        ("west=-106&south=39&east=nan&north=41", "east"),
        ("west=-106&south=39&east=-104&north=91", "north"),
        ("west=-104&south=39&east=-106&north=41", "west"),
    ],
)
def test_what_is_no_box(client: FlaskClient, box: str, parameter: str) -> None:
    answer = client.get(f"/api/v1/towns?{box}")
    assert (answer.status_code, answer.get_json()["parameter"]) == (400, parameter)
