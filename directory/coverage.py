"""How much help is listed, how fresh it is, where, and who lives far from it.

Where the gazetteer knows the people of ZIP codes (the United States) they stand for everybody:
each person lives in one of them. Elsewhere its cities do, of which some are part of another.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from directory.models import DETOX

FRESH_DAYS = (1, 7, 30, 90, 365)
"""The last days of each group of ``freshness``; what is older is one more group."""
FAR_MILES = 30
"""How far from any detox a place is a desert."""
_METRES_PER_MILE = 1_609.344

# Homes: points of the gazetteer with their people.
_HOMES = """
place h WHERE h.country = :country AND h.population > 0 AND NOT h.alias AND h.kind =
 CASE WHEN EXISTS (SELECT FROM place z WHERE z.country = :country AND z.kind = 'postcode'
  AND z.population > 0) THEN 'postcode' ELSE 'city' END"""
_POINT = "ST_Point(h.lon, h.lat)::geography"
# The walk along the index measures on a sphere, which is right to one part in two hundred: enough
# to say how far the nearest is, and not whether it is within so many metres.
_DESERTS = f"""
WITH far AS MATERIALIZED (
 SELECT h.* FROM (SELECT h.*, {_POINT} AS point FROM {_HOMES}) AS h
 WHERE NOT EXISTS (SELECT FROM listing WHERE {DETOX} AND ST_DWithin(position, h.point, :far)))
SELECT h.region, h.name, sum(h.population)::int AS people, min(near.metres) AS metres,
 sum(h.lat * h.population) / sum(h.population) AS lat,
 sum(h.lon * h.population) / sum(h.population) AS lon
FROM far AS h LEFT JOIN LATERAL (SELECT ST_Distance(position, h.point) AS metres FROM listing
 WHERE {DETOX} ORDER BY position <-> h.point LIMIT 1) AS near ON true
GROUP BY h.region, h.name ORDER BY people DESC, h.region, h.name"""
_PEOPLE = f"SELECT coalesce(h.region, '') AS region, sum(h.population) FROM {_HOMES} GROUP BY 1"
_BY_REGION = """
SELECT region, count(*) FROM listing WHERE listed AND in_person AND country = :country
AND region IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"""
_BY_COUNTY = """
WITH found AS (SELECT "left"(postal_code, 5) AS zip, count(*) AS listings FROM listing
 WHERE listed AND in_person AND country = :country AND (:kind = '' OR kind = :kind) GROUP BY 1)
SELECT z.region, z.county, sum(z.population)::int AS people,
 coalesce(sum(found.listings), 0)::int AS listings,
 sum(z.lat * (z.population + 1)) / sum(z.population + 1) AS lat,
 sum(z.lon * (z.population + 1)) / sum(z.population + 1) AS lon
FROM place z LEFT JOIN found ON found.zip = upper(z.key)
WHERE z.kind = 'postcode' AND z.country = :country AND z.county IS NOT NULL
GROUP BY 1, 2 ORDER BY coalesce(sum(found.listings), 0) / (sum(z.population) + 1.0), 3 DESC, 1, 2"""
# What decides how far the figures can be believed.
_KNOWN = f"""
SELECT count(*) FILTER (WHERE {DETOX}) AS detox,
 count(*) FILTER (WHERE {DETOX} AND precision NOT IN ('exact', 'street')) AS about,
 count(*) FILTER (WHERE {DETOX} AND position IS NULL) AS nowhere,
 count(*) FILTER (WHERE kind = 'treatment') AS treatment,
 count(*) FILTER (WHERE kind = 'treatment'
  AND NOT EXISTS (SELECT FROM unnest(terms) t WHERE t LIKE 'service:%')) AS silent
FROM listing WHERE listed AND in_person AND country = :country"""


def freshness(connection: Connection) -> list[int]:
    """Shown listings by how long ago their source had them or somebody checked them, whichever is
    later: up to each of ``FRESH_DAYS``, older, and those of which it is not known."""
    seen = "greatest(verified_on, coalesce(last_seen, seen_on))"
    query = text(
        f"SELECT width_bucket(CURRENT_DATE - {seen}, CAST(:days AS int[])) AS age, count(*) "
        "FROM listing l JOIN source s ON s.id = source_id WHERE listed GROUP BY 1"
    )
    days = [day + 1 for day in FRESH_DAYS]
    found = {row.age: row[1] for row in connection.execute(query, {"days": days})}
    return [found.get(age, 0) for age in (*range(len(days) + 1), None)]


def by_region(connection: Connection, country: str) -> dict[str, int]:
    """Shown listings that help in person, by region of a country."""
    return {row[0]: row[1] for row in connection.execute(text(_BY_REGION), {"country": country})}


def by_county(connection: Connection, country: str, kind: str = "") -> list[dict[str, Any]]:
    """Each county by its ZIP codes: ``region``, ``county``, ``people``, ``listings`` that help in
    person (of one kind), and where its people are (``lat``, ``lon``); those with the fewest
    listings for their people first. Nothing where counties are not known.
    """
    values = {"country": country, "kind": kind}
    return [dict(row) for row in connection.execute(text(_BY_COUNTY), values).mappings()]


@dataclass(frozen=True, slots=True)
class Town:
    """A town, or its part, that is far from any detox: its people there, and miles to the nearest
    one (None where there is none at all)."""

    region: str
    name: str
    people: int
    miles: float | None
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Desert:
    """A region: all its people, those far from any detox, and their towns, the largest first."""

    region: str
    people: int
    far: int
    towns: tuple[Town, ...]


def deserts(connection: Connection, country: str) -> list[Desert]:
    """Regions of a country by how many people live more than ``FAR_MILES`` (geodesic) from the
    nearest listing that offers detox in person; the most first, and those without any too."""
    values = {"country": country, "far": FAR_MILES * _METRES_PER_MILE}
    towns: dict[str, list[Town]] = defaultdict(list)
    for row in connection.execute(text(_DESERTS), values):
        miles = None if row.metres is None else row.metres / _METRES_PER_MILE
        region = row.region or ""
        towns[region].append(Town(region, row.name, row.people, miles, row.lat, row.lon))
    found = [
        Desert(region, people, sum(town.people for town in towns[region]), tuple(towns[region]))
        for region, people in connection.execute(text(_PEOPLE), {"country": country})
    ]
    return sorted(found, key=lambda desert: (-desert.far, desert.region))


def known(connection: Connection, country: str) -> dict[str, int]:
    """Listings in person: ``detox``, of these ``about`` where and ``nowhere``; ``treatment``, of
    these ``silent`` about what they offer."""
    return dict(connection.execute(text(_KNOWN), {"country": country}).mappings().one())
