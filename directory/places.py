"""Text to place, offline: a gazetteer of cities, regions, countries and postal codes.

``data/places.csv.gz`` (see ``data/SOURCES.md``) is loaded into the table ``place``, one row for
each name of each place, and looked up by normalised name. Points are WGS 84 degrees.
"""

import csv
import gzip
import hashlib
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import tzfpy
from geopy.distance import geodesic
from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from directory.config import DATA
from directory.errors import UsageError
from directory.models import PlaceName

GAZETTEER = DATA / "places.csv.gz"
LONGEST = 100  # characters of a place as typed
MOST_WORDS = 16  # and words, enough for a street address
LONGEST_NAME = 6  # words of one name
ALTERNATIVES = 5
# A home city of this many people is what its name means at home, whatever is abroad.
WELL_KNOWN = 100_000
HOME_BOOST = 10
ALIAS_PENALTY = 10
# The middle of a state or country is of little use to somebody who looks for help nearby.
WIDE_PENALTY = 50

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"}
    | dict.fromkeys("'’‘ʻʼ`´")
)
_ABBREVIATIONS = {"st": "saint", "ste": "sainte", "ft": "fort", "mt": "mount", "pt": "point"}
_COMPASS = {"n": "north", "s": "south", "e": "east", "w": "west"}
_POINT = re.compile(r"\s*([+-]?\d{1,3}(?:\.\d+)?)\s*[,;\s]\s*([+-]?\d{1,3}(?:\.\d+)?)\s*")
# Postal codes at the end of a normalised text, with the countries that write them so and the
# keys to try, the most exact first. Four digits alone may be a house number too.
_CODES: list[tuple[re.Pattern[str], frozenset[str], tuple[str, ...]]] = [
    (re.compile(rf"(?:^|\s)({pattern})$"), frozenset(countries.split()), keys)
    for pattern, countries, keys in (
        (r"(\d{5})(?: ?\d{4})?", "US", (r"\2",)),
        (r"([a-z]\d[a-z])(?: ?\d[a-z]\d)?", "CA", (r"\2",)),
        (r"([a-z]{1,2}\d[a-z\d]?) ?(\d)[a-z]{2}", "GB IM JE GG", (r"\2 \3", r"\2")),
        (r"([a-z]{1,2}\d[a-z\d]?)(?: \d)?", "GB IM JE GG", (r"\1", r"\2")),
        (r"([a-z]\d[\dw])(?: ?[a-z\d]{4})?", "IE", (r"\2",)),
        (r"(\d{4})", "AU NZ", (r"\2",)),
    )
]


@dataclass(frozen=True, slots=True)
class Place:
    """A point with a name. ``name`` is shown; abroad it ends in the country.

    ``kind`` is city, postcode, region, country or point; ``timezone`` an IANA name;
    ``alternatives`` are other places that the same text may mean, the likeliest first.
    """

    name: str
    lat: float
    lon: float
    country: str
    region: str | None
    kind: str
    timezone: str
    alternatives: tuple["Place", ...] = ()


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Metres between two WGS 84 points along the ellipsoid (geodesic)."""
    return float(geodesic((lat1, lon1), (lat2, lon2)).meters)


def normalise(text: str) -> str:
    """The key of a name: no case, accents or punctuation, and St., Ft., Mt., N. spelled out."""
    return _spelled_out(_words(text))


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    plain = re.sub(r"\b(\w)\.(?=\w\b)", r"\1", plain).replace("&", " and ")  # D.C.
    return re.sub(r"[^\w]|_", " ", plain).split()


def _spelled_out(words: Sequence[str]) -> str:
    # The last word of a name is no abbreviation: MT is Montana, "St" a street.
    first = [_COMPASS.get(word, word) for word in words[:1]] if len(words) > 1 else []
    middle = [_ABBREVIATIONS.get(word, word) for word in [*first, *words[len(first) : -1]]]
    return " ".join([*middle, *words[-1:]])


def place_at(lat: float, lon: float) -> Place:
    """The place of a point in degrees.

    Raises ``UsageError`` for ``lat`` or ``lon`` outside the globe.
    """
    for name, value, most in (("lat", lat, 90), ("lon", lon, 180)):
        if not (math.isfinite(value) and -most <= value <= most):
            raise UsageError(f"{name} must be a number from -{most} to {most}.", name)
    zone = _zone(lat, lon)
    country = _countries_of_zones().get(zone, "")
    return Place(f"{lat:.2f}, {lon:.2f}", lat, lon, country, None, "point", zone)


def _zone(lat: float, lon: float) -> str:
    return tzfpy.get_tz(lon, lat) or "UTC"


@lru_cache(maxsize=1)
def _countries_of_zones() -> dict[str, str]:
    """IANA's own table: every zone of it lies in one country (at sea: in none)."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if line and line[0] != "#"]
    return {row[2]: row[0] for row in rows}


def find_place(session: Session | Connection, text: str, country: str = "US") -> Place:
    """What a typed place means: a city, postal code, region, country or ``lat,lon``.

    ``country`` is the site's own: its places come first where others abroad are not much
    better known. Raises ``UsageError`` for ``near`` with a remedy when nothing is found.
    """
    if point := _POINT.fullmatch(text[:LONGEST]):
        return place_at(float(point[1]), float(point[2]))
    typed = [_words(part) for part in text[:LONGEST].split(",")]
    words = [word for part in typed for word in part]
    if not words or len(text.strip()) > LONGEST or len(words) > MOST_WORDS:
        raise UsageError('Name one place, such as "Denver, CO" or a ZIP code.', "near")
    starts = [sum(map(len, typed[:i])) for i in range(1, len(typed))]
    found = _Lookup(session, words).place(0, len(words), [s for s in starts if s < len(words)])
    if not found:
        raise UsageError(
            f'No place called "{" ".join(text.split())}" is known. '
            'Try a city with its state, such as "Denver, CO", or a ZIP code.',
            "near",
        )
    ranked = sorted(found, key=lambda row: _rank(row, country))
    others: dict[str, Place] = {}
    for row in ranked[1:]:
        other = _place(row, country)
        if other.name != _shown(ranked[0], country) and not _close(row, ranked[0], 0.1):
            others.setdefault(other.name, other)
    return replace(
        _place(ranked[0], country), alternatives=tuple(others.values())[:ALTERNATIVES]
    )


def _rank(row: Any, country: str) -> tuple[int, float, int]:
    home, wide = row.country == country, row.kind in ("region", "country")
    well_known = row.kind == "city" and row.population >= WELL_KNOWN and not row.alias
    tier = 2 if not home else 0 if well_known else 1 if wide else 2
    weight = max(row.population, 1) * (HOME_BOOST if home else 1)
    weight = weight / (ALIAS_PENALTY if row.alias else 1) / (WIDE_PENALTY if wide else 1)
    return tier, -weight, row.id


def _place(row: Any, country: str) -> Place:
    zone = row.timezone or _zone(row.lat, row.lon)
    shown = _shown(row, country)
    return Place(shown, row.lat, row.lon, row.country, row.region, row.kind, zone)


def _shown(row: Any, country: str) -> str:
    parts = [row.name]
    if row.kind in ("city", "postcode") and row.region:
        parts.append(row.region_name if row.country == "GB" else row.region)
    if row.kind == "postcode":
        parts[-1] = f"{parts[-1]} {row.key.upper()}".strip()
    if row.country != country and row.kind != "country":
        parts.append(row.country_name)
    return ", ".join(parts)


def _close(one: Any, other: Any, degrees: float) -> bool:
    """Cheap, and near enough to tell towns apart: a box, twice as wide as high."""
    return abs(one.lat - other.lat) < degrees and abs(one.lon - other.lon) < 2 * degrees


def _inside(row: Any, where: Any) -> bool:
    if where.kind == "country":
        return bool(row.country == where.country and row.kind != "country")
    return bool((row.country, row.region) == (where.country, where.region) and row.kind == "city")


class _Lookup:
    """The rows of every run of words in a text, fetched by one query on the index of keys."""

    def __init__(self, session: Session | Connection, words: list[str]) -> None:
        self.words = words
        keys = {
            _spelled_out(words[i:j])
            for i in range(len(words))
            for j in range(i + 1, min(i + LONGEST_NAME, len(words)) + 1)
        }
        self.codes = list(self._codes())
        keys.update(key for _, _, options in self.codes for key in options)
        own, abroad = PlaceName.__table__, PlaceName.__table__.alias()
        of_country = (
            select(abroad.c.name)
            .where(abroad.c.key == own.c.country_key)
            .limit(1)
        )
        del of_country
        self.rows: dict[str, list[Any]] = {}
        for row in session.execute(select(own).where(own.c.key.in_(sorted(keys)))):
            self.rows.setdefault(row.key, []).append(row)
