"""Towns of the gazetteer by where they are: the nearest to a point, the largest in a box."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from directory.models import CITY, TOWN, TOWN_POINT
from directory.places import Place, places_of

MOST = 60
WIDE = 15
# A town this far away says little about where a point is.
FARTHEST_M = 100_000
# Nearest by degrees, of which the nearest by metres is chosen: away from the equator a degree
# of longitude is shorter.
CANDIDATES = 40

# The gazetteer has counties of the United States as cities; one is no town to be near to.
_TOWNS = f"{TOWN} AND NOT (country = 'US' AND name ~ ' (County|Parish|Borough)$')"

_NEAREST = text(f"""
WITH here AS (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) AS point),
close AS (
  SELECT *, ST_Distance({TOWN_POINT}::geography, (SELECT point::geography FROM here)) AS metres
  FROM place WHERE {_TOWNS} ORDER BY {TOWN_POINT} <-> (SELECT point FROM here) LIMIT {CANDIDATES}
)
SELECT * FROM close WHERE metres <= {FARTHEST_M} ORDER BY metres, id LIMIT 1""")

_LARGEST = f"""
SELECT name, lat, lon, population FROM place
WHERE {_TOWNS} AND {TOWN_POINT} && ST_MakeEnvelope(:west, :south, :east, :north, 4326)"""
_FIRST = f"ORDER BY population DESC LIMIT {2 * MOST}"


@dataclass(frozen=True, slots=True)
class Box:
    """Edges in WGS 84 degrees; west is below east: no box crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class Town:
    """A town of 1,000 people or more, at a point in WGS 84 degrees."""

    name: str
    lat: float
    lon: float
    population: int


def named(session: Session | Connection, place: Place, country: str) -> Place:
    """A point with the name and the region of the nearest town; any other place as it is.

    A point that is far from every town keeps its numbers for a name. ``country`` is the site's
    own: a town abroad is named with its country.
    """
    if place.kind != "point":
        return place
    rows = session.execute(_NEAREST, {"lat": place.lat, "lon": place.lon}).all()
    for town in places_of(list(rows), country):
        # Across a border its region is not the point's.
        region = town.region if town.country == place.country else None
        return replace(place, name=town.name, region=region)
    return place


def largest(session: Session | Connection, box: Box) -> list[Town]:
    """The ``MOST`` most populous towns in a box, the largest first.

    In a box of more than ``WIDE`` degrees only those of 100,000 people count."""
    edges = {"west": box.west, "south": box.south, "east": box.east, "north": box.north}
    wide = box.east - box.west > WIDE or box.north - box.south > WIDE
    sql = f"{_LARGEST} AND {CITY} {_FIRST}" if wide else f"{_LARGEST} {_FIRST}"
    rows = session.execute(text(sql), edges)
    # A town has a row for each of its names.
    return list(dict.fromkeys(Town(*row) for row in rows))[:MOST]
