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
from sqlalchemy import ColumnElement, Connection, select, true

from directory.models import PlaceName
from directory.places import normalise
from directory.records import Note, Record

# Feeds name few places many times.
_key = lru_cache(maxsize=65_536)(normalise)

# A point this far from the centre of its own postal code or city is not there. The widest
# US ZIP areas reach about 120 km from their centre.
STRAY_KM = 150.0
Point = tuple[float, float]
_Town = tuple[str | None, Point]
# To read a country takes as long as to ask for so many names.
ONE_BY_ONE = 500
_PLACE = PlaceName.__table__.c


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
    """Postal codes and cities in memory: the first few names are asked for one by one, as most
    imports name few; then their whole country is read."""

    connection: Connection
    names: dict[tuple[str, str], dict[str, list[_Town]]] = field(default_factory=dict)
    whole: set[tuple[str, str]] = field(default_factory=set)
    regions: dict[tuple[str, str], list[Point]] = field(default_factory=dict)

    def postcode(self, country: str, code: str | None) -> Point | None:
        """The centre of a postal code, or of the longest part of it that is known."""
        if not code:
            return None
        key = _key(code)
        short = key[:5] if country == "US" else key.split(" ")[0][:4]
        for known in dict.fromkeys((key, short, key[:3])):
            if found := self._named(country, "postcode", known):
                return found[0][1]
        return None

    def city(self, country: str, name: str | None, region: str | None) -> Point | None:
        """The centre of the most populous such city; without a region, of the country."""
        found = self._named(country, "city", _key(name)) if name else []
        return next((point for where, point in found if region in (None, where)), None)

    def around(self, country: str, region: str | None) -> list[Point]:
        """The cities of a region, by which to tell whether a point is anywhere in it."""
        if not region:
            return []
        if (country, region) not in self.regions:
            cities = self._rows(country, "city", _PLACE.region == region)
            self.regions[country, region] = [(row.lat, row.lon) for row in cities]
        return self.regions[country, region]

    def _named(self, country: str, kind: str, key: str) -> list[_Town]:
        """The places of a name, the most populous first."""
        known = self.names.setdefault((country, kind), {})
        if key not in known and (country, kind) not in self.whole:
            if len(known) < ONE_BY_ONE:
                rows = self._rows(country, kind, _PLACE.key == key)
                known[key] = [(row.region, (row.lat, row.lon)) for row in rows]
            else:
                known.clear()
                self.whole.add((country, kind))
                for row in self._rows(country, kind, true()):
                    # One object for each region: each process of an import has all of these.
                    region = row.region and sys.intern(row.region)
                    known.setdefault(row.key, []).append((region, (row.lat, row.lon)))
        return known.get(key, [])

    def _rows(self, country: str, kind: str, which: ColumnElement[bool]) -> Any:
        query = (
            select(_PLACE.key, _PLACE.region, _PLACE.lat, _PLACE.lon)
            .where(_PLACE.country == country, _PLACE.kind == kind, which)
            .order_by(_PLACE.alias, _PLACE.population.desc(), _PLACE.id)
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
