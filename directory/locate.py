"""Where a record is, checked against the offline gazetteer, and which clocks it keeps.

Imports only: a feed's point is compared with its own postal code and city, so that swapped
or stray coordinates do not send anybody to the wrong town. No network.
"""

import math
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import tzfpy
from sqlalchemy import Connection, select

from directory.models import PlaceName
from directory.places import normalise
from directory.records import Note, Record

# Feeds name few places many times.
_key = lru_cache(maxsize=65_536)(normalise)

# A point this far from the centre of its own postal code or city is not there. The widest
# US ZIP areas reach about 120 km from their centre.
STRAY_KM = 150.0
Point = tuple[float, float]


def rough_km(a: Point, b: Point) -> float:
    """Great-circle kilometres between (lat, lon) points; within 0.6 % of geodesic.

    Good enough to tell towns apart; distances that people see come from PostGIS.
    """
    lat1, lat2 = math.radians(a[0]), math.radians(b[0])
    half = math.radians(b[1] - a[1]) / 2
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half) ** 2
    return 12_742 * math.asin(math.sqrt(min(1.0, h)))


@dataclass(slots=True)
class Gazetteer:
    """Postal codes and cities of the countries met so far, in memory."""

    connection: Connection
    postcodes: dict[str, dict[str, Point]] = field(default_factory=dict)
    cities: dict[str, dict[tuple[str, str | None], Point]] = field(default_factory=dict)
    regions: dict[tuple[str, str], list[Point]] = field(default_factory=dict)

    def postcode(self, country: str, code: str | None) -> Point | None:
        """The centre of a postal code, or of the longest part of it that is known."""
        if not code:
            return None
        if country not in self.postcodes:
            self.postcodes[country] = {
                row.key: (row.lat, row.lon) for row in self._rows(country, "postcode")
            }
        known, key = self.postcodes[country], _key(code)
        short = key[:5] if country == "US" else key.split(" ")[0][:4]
        return known.get(key) or known.get(short) or known.get(key[:3])

    def city(self, country: str, name: str | None, region: str | None) -> Point | None:
        """The centre of the most populous such city; without a region, of the country."""
        if not name:
            return None
        if country not in self.cities:
            cities: dict[tuple[str, str | None], Point] = {}
            for row in self._rows(country, "city"):
                # One object for each name, region and point: each process of an import has these.
                known, point = sys.intern(row.key), (row.lat, row.lon)
                cities.setdefault((known, row.region and sys.intern(row.region)), point)
                cities.setdefault((known, None), point)
            self.cities[country] = cities
        return self.cities[country].get((_key(name), region))

    def around(self, country: str, region: str | None) -> list[Point]:
        """The cities of a region, by which to tell whether a point is anywhere in it."""
        if not region:
            return []
        if (country, region) not in self.regions:
            self.city(country, "any", region)  # reads the country's cities
            cities = self.cities[country].items()
            self.regions[country, region] = [at for (_, where), at in cities if where == region]
        return self.regions[country, region]

    def _rows(self, country: str, kind: str) -> Any:
        place = PlaceName.__table__.c
        query = (
            select(place.key, place.region, place.lat, place.lon)
            .where(place.country == country, place.kind == kind)
            .order_by(place.alias, place.population.desc(), place.id)
        )
        return self.connection.execute(query)


def locate(record: Record, gazetteer: Gazetteer, notes: list[Note]) -> None:
    """Set the record's point, precision and time zone from what it says, noting repairs.

    What is only online or by phone keeps its clocks but no point: there is no door to go to.
    """
    by_code = gazetteer.postcode(record.country, record.postal_code)
    by_city = gazetteer.city(record.country, record.city, record.region)
    if record.in_person:
        stated = [place for place in (by_code, by_city) if place]
        _position(record, stated, notes)
        if not stated:
            _check_region(record, gazetteer.around(record.country, record.region), notes)
    if record.timezone is None:
        point = _point(record) or by_code or by_city
        record.timezone = (point and tzfpy.get_tz(point[1], point[0])) or "UTC"
    if not record.in_person:
        record.latitude = record.longitude = None
        record.precision = "none"


def _point(record: Record) -> Point | None:
    if record.latitude is None or record.longitude is None:
        return None
    return record.latitude, record.longitude


def _position(record: Record, stated: list[Point], notes: list[Note]) -> None:
    """Check or supply the point; ``stated`` are the centres of its postal code and city."""
    point = _point(record)
    if point is None:
        if stated:
            _approximate(record, stated[0])
            notes.append(Note("latitude", "placed", "set to the middle of its postal code or city"))
        else:
            notes.append(Note("latitude", "no_position", "has no point; found by words only"))
    elif stated and not _near(point, stated) and not _swapped_back(record, point, stated, notes):
        _approximate(record, stated[0])
        what = "moved to its postal code or city, which was far away"
        notes.append(Note("latitude", "stray_point", what))


def _swapped_back(record: Record, point: Point, towns: list[Point], notes: list[Note]) -> bool:
    """Whether latitude and longitude had changed places, as they are near a town the other way."""
    swapped = (point[1], point[0])
    if abs(swapped[0]) > 90 or not _near(swapped, towns):
        return False
    record.latitude, record.longitude = swapped
    what = "latitude and longitude changed places"
    notes.append(Note("latitude", "swapped_coordinates", what))
    return True


def _check_region(record: Record, cities: list[Point], notes: list[Note]) -> None:
    """Of a record whose town nobody knows: is its point near any town of its region?"""
    point = _point(record)
    if point is None or not cities or _near(point, cities):
        return
    if not _swapped_back(record, point, cities, notes):
        # The point may be right and the region wrong: a person has to look.
        notes.append(
            Note("latitude", "outside_region", "is far from its region; see which is right")
        )


def _near(point: Point, places: list[Point]) -> bool:
    return any(rough_km(point, place) <= STRAY_KM for place in places)


def _approximate(record: Record, point: Point) -> None:
    record.latitude, record.longitude = point
    record.precision = "approximate"
