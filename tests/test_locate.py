"""Points that cannot be where their row says: repaired, or flagged with a code."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from directory import locate
from directory.locate import Gazetteer
from tests.conftest import Loader

DENVER = (39.7392, -104.9903)
TOWN = {"city": "Denver", "region": "CO"}
REGION = {"region": "CO"}  # and a town that the gazetteer does not have
ABROAD = {"country": "TR", "city": "Ankara"}


@pytest.mark.parametrize(
    ("where", "point", "codes", "found"),
    [
        (TOWN, DENVER, [], DENVER),
        (TOWN, (0, 0), ["bad_position", "placed"], DENVER),
        (TOWN, (-104.9903, 39.7392), ["swapped_coordinates"], DENVER),
        (ABROAD, (32.85, 39.92), ["swapped_coordinates"], (39.92, 32.85)),  # both are latitudes
        (TOWN, (39.7392, 104.9903), ["stray_point"], DENVER),  # the minus was lost
        (TOWN, (48.85, 2.35), ["stray_point"], DENVER),
        (REGION, DENVER, [], DENVER),
        (REGION, (40.25, -108.97), [], (40.25, -108.97)),  # its far corner
        (REGION, (48.85, 2.35), ["outside_region"], (48.85, 2.35)),
        (REGION, (0, 0), ["bad_position", "no_position"], None),
        ({"region": "XX"}, (48.85, 2.35), [], (48.85, 2.35)),  # nothing to compare with
    ],
)
def test_points_and_what_the_row_says(
    load_rows: Loader,
    database: Engine,
    where: dict[str, object],
    point: tuple[float, float],
    codes: list[str],
    found: tuple[float, float] | None,
) -> None:
    report = load_rows({**where, "latitude": point[0], "longitude": point[1]})
    assert sorted(report.repairs) == codes
    with database.connect() as connection:
        row = connection.execute(text("SELECT latitude, longitude FROM listing")).one()
    expected = (None, None) if found is None else pytest.approx(found, abs=0.15)
    assert tuple(row) == expected


def test_towns_are_the_same_however_they_are_read(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for one by one, or out of their whole country."""
    towns = [("US", "Portland", "ME"), ("US", "Portland", None), ("CA", "London", "ON")]
    towns += [("US", "St. Paul", "MN"), ("US", "Nowhere Qq", "CO"), ("GB", "London", None)]
    codes = [("US", "80202"), ("US", "80202-1234"), ("CA", "M5V 2T6"), ("GB", "SW1A 1AA")]

    def found() -> list[object]:
        gazetteer = Gazetteer(session.connection())
        where = [gazetteer.city(*town) for town in towns]
        return [*where, *(gazetteer.postcode(*code) for code in codes)]

    one_by_one = found()
    monkeypatch.setattr(locate, "ONE_BY_ONE", 0)
    assert found() == one_by_one
    assert [place is None for place in one_by_one] == [n == 4 for n in range(10)]
