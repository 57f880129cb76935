"""Text to place, offline: a gazetteer of cities, regions, countries and postal codes.

``data/places.csv.gz`` (see ``data/SOURCES.md``) is loaded into the table ``place``, one row for
each name of each place, and looked up by normalised name. Points are WGS 84 degrees.
"""

import csv
import gzip
import hashlib
import io
import itertools
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import tzfpy
from geopy.distance import geodesic
from rapidfuzz.distance import OSA
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from directory.config import DATA
from directory.errors import UsageError
from directory.models import CITY, TOWN

GAZETTEER = DATA / "places.csv.gz"
COUNTY = (" County", " Parish", " Borough")  # how the names of counties of the US end
LONGEST = 100  # characters of a place as typed
MOST_WORDS = 16  # and words, enough for a street address
LONGEST_NAME = 6  # words of one name
ALTERNATIVES = 5
NEIGHBORS_M = 5_000.0  # metres at most between two parts of a city that are named together
AROUND_M = 40_233.6  # and between the place of a question and the one beside it: 25 miles
# A home city of this many people is what its name means at home, whatever is abroad.
WELL_KNOWN = 100_000
_STATE = 3  # words of one state: "District of Columbia"
# Kinds of places that are too wide to be near to.
WIDE = ("region", "country")
HOME_BOOST = 10
ALIAS_PENALTY = 10
# The middle of a state or country is of little use to somebody who looks for help nearby.
WIDE_PENALTY = 50

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"}
    | dict.fromkeys("'’‘ʻʼ`´")
)
_LAST = {
    "bch": "beach",
    "hts": "heights",
    "spgs": "springs",
    "sq": "square",
    "twp": "township",
}
_ABBREVIATIONS = {
    "st": "saint",
    "ste": "sainte",
    "ft": "fort",
    "mt": "mount",
    "pt": "point",
} | _LAST
_RESERVATION = re.compile(r"\b(?:indian )?(?:rez|reservation)\b", re.I)
_PARTS = frozenset(
    "north south east west northeast northwest southeast southwest n s e w ne nw se sw "
    "downtown uptown midtown central greater".split()
)
_COMPASS = {"n": "north", "s": "south", "e": "east", "w": "west"}
# A point, alone or in brackets after what it is near to, as pages write it.
_POINT = re.compile(r"(?:[^()]*\()?([+-]?\d{1,3}(?:\.\d+)?)\s*[,;\s]\s*([+-]?\d{1,3}(?:\.\d+)?)\)?")
# Postal codes at the end of a text, the countries that write them so, and the keys to try, the
# most exact first: a British code is known by sector ("SW1A 1") or at least outward ("SW1A").
_CODES = [
    (re.compile(rf"(?:^|\s)({pattern})$"), frozenset(countries.split()), keys)
    for pattern, countries, keys in (
        (r"(\d{5})(?: ?\d{4})?", "US", (r"\2",)),
        (r"([a-z]\d[a-z])(?: ?\d[a-z]\d)?", "CA", (r"\2",)),
        (r"([a-z]{1,2}\d[a-z\d]?) ?(\d)[a-z]{2}", "GB IM JE GG", (r"\2 \3", r"\2")),
        (r"([a-z]{1,2}\d[a-z\d]?)(?: (\d))?", "GB IM JE GG", (r"\2 \3", r"\2")),
        (r"([a-z]\d[\dw])(?: ?[a-z\d]{4})?", "IE", (r"\2",)),
        (r"(\d{4})", "AU NZ", (r"\2",)),
    )
]


@dataclass(frozen=True, slots=True)
class Place:
    """A point with a name. ``name`` is shown; abroad it ends in the country.

    ``kind`` is city, postcode, region, country or point; ``timezone`` an IANA name;
    ``alternatives`` are other places that the same text may mean, the likeliest first.
    ``population`` is 0 if unknown. ``instead_of`` is what was typed, where no place is called so.
    """

    name: str
    lat: float
    lon: float
    country: str
    region: str | None
    kind: str
    timezone: str
    alternatives: tuple["Place", ...] = ()
    population: int = 0
    instead_of: str | None = None


Memo = dict[str, list[Any]]
"""Rows of the gazetteer by key, once looked up: a text has many runs of words to try."""


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
    return " ".join([*middle, *(_LAST.get(word, word) for word in words[-1:])])


def place_at(lat: float, lon: float) -> Place:
    """The place of a point in degrees.

    Raises ``UsageError`` for ``lat`` or ``lon`` outside the globe.
    """
    for name, value, most in (("lat", lat, 90), ("lon", lon, 180)):
        if not (math.isfinite(value) and -most <= value <= most):
            raise UsageError(
                "%(name)s must be a number from -%(most)s to %(most)s.", name, name=name, most=most
            )
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


_NAMED = text("SELECT * FROM place WHERE key = ANY(:keys)")


def remember(session: Session | Connection, text: str, memo: Memo) -> None:
    """Look up every run of words of ``text`` at once."""
    _Lookup(session, _words(text), memo)


def find_place(
    session: Session | Connection, text: str, country: str = "US", memo: Memo | None = None
) -> Place:
    """What a typed place means: a city, postal code, region, country or ``lat,lon``.

    ``country`` is the site's own: its places come first where others abroad are not much
    better known. Raises ``UsageError`` for ``near`` with a remedy when nothing is found.
    """
    typed = " ".join(_RESERVATION.sub(" ", text).split()) or text.strip()
    if point := _POINT.fullmatch(typed):
        try:
            return place_at(float(point[1]), float(point[2]))
        except UsageError as error:
            raise UsageError(error.template, "near", **error.values) from None
    parts = [_words(part) for part in typed[:LONGEST].split(",")]
    words = [word for part in parts for word in part]
    if not words or len(typed) > LONGEST or len(words) > MOST_WORDS:
        raise UsageError('Name one place, such as "Denver, CO" or a ZIP code.', "near")
    starts = [sum(map(len, parts[:i])) for i in range(1, len(parts))]
    gazetteer = _Lookup(session, words, {} if memo is None else memo)
    ranked = sorted(gazetteer.place(starts), key=lambda row: _rank(row, country))
    if not ranked and (whole := _whole(session, typed, words[0], country, memo)):
        return whole
    if not ranked:
        raise UsageError(
            "We do not know a place called “%(place)s”. "
            "Try a city with its state, such as “Denver, CO”, or a ZIP code.",
            "near",
            place=typed,
        )
    if not ranked[0].alias:  # Amman was once called Philadelphia: nobody means it now
        ranked = [row for row in ranked if not row.alias]
    return _first(ranked, country)


def _first(ranked: list[Any], country: str) -> Place:
    """The first of some rows, with the others that may be meant."""
    first, *others = places_of(ranked, country)
    if first.country == country:  # a smaller place abroad is hardly meant
        others = [o for o in others if o.country == country or o.population > first.population]
    return replace(first, alternatives=tuple(others[:ALTERNATIVES]))


def place_meant(session: Session | Connection, text: str, country: str) -> Place:
    """The place that ``text`` names, or would if it were spelled right.

    Raises UsageError as ``find_place`` does.
    """
    try:
        return find_place(session, text, country)
    except UsageError:
        if found := misspelled(session, text, country) or _around(session, text, country):
            return found
        raise


def _around(session: Session | Connection, text: str, country: str) -> Place | None:
    """The large city or the region that a text ends in, where what comes before it is unknown,
    as a part of a city may be; any place after "the"."""
    words = _words(text[:LONGEST])
    # Where two streets meet is in neither's town, but in the one that comes after them.
    after = [n + 2 for n, word in enumerate(words) if word == "and"]
    for first in range(max(after, default=1), min(len(words), MOST_WORDS)):
        try:
            found = find_place(session, " ".join(words[first:]), country)
        except UsageError:
            continue
        if words[:first] == ["the"]:
            return found
        fits = found.kind == "region" or is_large(found)
        if fits and found.country == country and not found.name.split(",")[0].endswith(COUNTY):
            return replace(found, instead_of=text.strip())
    return None if after else _side_by_side(session, text, words, country)


def _side_by_side(
    session: Session | Connection, text: str, words: Sequence[str], country: str
) -> Place | None:
    """The first of two neighbors, as in "Roxborough Manayunk"."""
    for size in range(1, min(len(words), MOST_WORDS)):
        try:
            parts = [" ".join(words[:size]), " ".join(words[size:])]
            one, other = (find_place(session, part, country) for part in parts)
        except UsageError:
            continue
        for first, second in itertools.product(
            (one, *one.alternatives), (other, *other.alternatives)
        ):
            off = distance_m(first.lat, first.lon, second.lat, second.lon)
            if off < NEIGHBORS_M and first.kind == second.kind == "city":
                return replace(first, alternatives=(), instead_of=text.strip())
    return None


def _whole(
    session: Session | Connection, typed: str, first: str, country: str, memo: Memo | None
) -> Place | None:
    """The well-known city that a text names a part of, as in "west philly"."""
    rest = re.sub(r"^\W*\w+\W*", "", typed)
    if first not in _PARTS or not rest:
        return None
    try:
        found = find_place(session, rest, country, memo)
    except UsageError:
        return None
    return found if is_large(found) else None


_AS_LONG = '"left"(key, 1) = ANY(:letters) AND length(key) BETWEEN :least AND :most'
_AT_HOME = text(
    f"SELECT * FROM place WHERE country = :country AND {_AS_LONG} AND {TOWN} "
    "AND population >= :people AND (CAST(:region AS text) IS NULL OR region = :region)"
)
_ABROAD = text(f"SELECT * FROM place WHERE country <> :country AND {_AS_LONG} AND {CITY}")


def _alike(
    session: Session | Connection,
    key: str,
    country: str,
    people: int = 0,
    region: str | None = None,
) -> list[tuple[int, Any]]:
    """Towns of a country (and a region) with so many people whose name may be meant by a key that
    is spelled nearly so, and in how many letters they differ.

    Its first letter is right, or F for Ph; one edit from four letters on, two from six on.
    """
    if not key.replace(" ", "").isalpha():
        return []
    spelled, edits = {key, re.sub("^f", "ph", key)}, _edits(key)
    sizes = {"least": len(key) - edits, "most": len(key) + edits + 1}
    about = {"country": country, "letters": [way[0] for way in spelled]} | sizes
    rows = [*session.execute(_AT_HOME, about | {"people": people, "region": region})]
    if not (people or region):
        rows += session.execute(_ABROAD, about)
    far = ((min(OSA.distance(way, row.key) for way in spelled), row) for row in rows)
    return [(edit, row) for edit, row in far if edit <= edits]


def misspelled(
    session: Session | Connection, text: str, country: str, people: int = 0
) -> Place | None:
    """The town whose name, or whose state's name, is misspelled in ``text``, which names no place:
    fewest edits come first, then the best known; abroad it is a city. With ``people``, one of so
    many at home.
    """
    words = _words(text[:LONGEST])
    most = len(words) if len(words) <= LONGEST_NAME + _STATE else 0
    for size in range(most, max(0, most - _STATE - 1), -1):
        key, state = _spelled_out(words[:size]), " ".join(words[size:])
        rows = session.execute(_NAMED, {"keys": [state]}) if state else ()
        states = {(row.country, row.region) for row in rows if row.kind == "region"}
        alike = [
            (far, row)
            for far, row in _alike(session, key, country, people)
            if (row.country, row.region) in states or _in_state(row, state)
        ]
        if alike:
            return _likeliest(alike, text, country)
    return None


def misspelled_in(session: Session | Connection, text: str, region: Place) -> Place | None:
    """The town in a region whose name is misspelled in ``text``, as ``misspelled`` finds it."""
    key = _spelled_out(_words(text[:LONGEST]))
    alike = _alike(session, key, region.country, region=region.region)
    return _likeliest(alike, text, region.country) if alike else None


def _likeliest(alike: list[tuple[int, Any]], text: str, country: str) -> Place:
    ranked = sorted((far, *_rank(row, country)[1:], row) for far, row in alike)
    return replace(_first([row for *_, row in ranked], country), instead_of=text.strip())


def _edits(word: str) -> int:
    """How many letters of a word may be wrong."""
    return 0 if len(word) < 4 else 1 if len(word) < 6 else 2


def _in_state(row: Any, state: str) -> bool:
    """Whether a town is in the state of a name, or of one that is nearly spelled so."""
    return not state or OSA.distance(state, (row.region_name or "").casefold()) <= _edits(state)


_BEGINNING = text(
    "SELECT * FROM place WHERE key LIKE :beginning AND kind IN ('city', 'region') AND NOT alias "
    "ORDER BY country = :country DESC, population DESC, id LIMIT :most"
)


def beginning(session: Session | Connection, typed: str, country: str, limit: int) -> list[str]:
    """Cities and regions whose name begins so, as shown: at home first, the largest first."""
    key = normalise(typed)  # letters, digits and spaces alone: nothing that LIKE would read
    if not key:
        return []
    values = {"beginning": f"{key}%", "country": country, "most": 4 * limit}
    rows = list(session.execute(_BEGINNING, values))
    return [place.name for place in places_of(rows, country)][:limit]


def _rank(row: Any, country: str) -> tuple[int, float, int]:
    home, wide = row.country == country, row.kind in WIDE
    well_known = is_large(row) and not row.alias
    tier = 0 if home and well_known else 1 if home and wide else 2
    weight = max(row.population, 1) * (HOME_BOOST if home else 1)
    weight = weight / (ALIAS_PENALTY if row.alias else 1) / (WIDE_PENALTY if wide else 1)
    return tier, -weight, row.id


def places_of(ranked: list[Any], country: str) -> list[Place]:
    """The rows as they are shown; of those with one name, or in one spot, the first."""
    found: dict[str, Place] = {}
    for row in ranked:
        name = _shown(row)
        if row.country != country and row.kind != "country":
            name = f"{name}, {row.country_name}"
        if name not in found and not any(_close(row, other, 0.1) for other in found.values()):
            zone = row.timezone or _zone(row.lat, row.lon)
            spot = (name, row.lat, row.lon, row.country, row.region, row.kind, zone)
            found[name] = Place(*spot, population=row.population)
            if len(found) > ALTERNATIVES:
                break
    return list(found.values())


def _shown(row: Any) -> str:
    if row.kind in WIDE:
        return str(row.name)
    region = row.region_name if row.country == "GB" else row.region
    if row.kind == "city":
        return ", ".join(filter(None, (row.name, region)))
    code = row.key.upper()
    return f"{row.name}, {region} {code}" if region else f"{row.name} {code}"


def _close(one: Any, other: Any, degrees: float) -> bool:
    """Near enough to tell towns apart: in degrees of latitude, two of longitude being one."""
    return math.dist((one.lat, one.lon / 2), (other.lat, other.lon / 2)) < degrees


def is_large(row: Any) -> bool:
    """Whether a place, or a row of the gazetteer, is a well-known city."""
    return bool(row.kind == "city" and row.population >= WELL_KNOWN)


def _within(row: Any, where: Any) -> bool:
    """Whether a city is in a region or country, or a part of a city; or a postal code in or
    around one."""
    if where.kind == "city":
        return _close(row, where, 2 if row.kind == "postcode" else 0.3)
    same: bool = row.country == where.country
    return same and (where.kind == "country" or row.region == where.region)


def is_around(where: Place, other: Place) -> bool:
    """Whether a place is the region of another, or so near to it that both may be meant."""
    if where.kind in WIDE or other.kind in WIDE:
        return _within(other, where) or _within(where, other)
    return distance_m(where.lat, where.lon, other.lat, other.lon) <= AROUND_M


def holds(where: Place, other: Place) -> bool:
    """Whether a place is another, or what that is a part of: of a large city, a ZIP code, a part or
    a point in it."""
    if where.kind in WIDE:
        return _within(other, where)
    if where.name == other.name:
        return True
    part = other.kind not in WIDE and other.population < WELL_KNOWN
    return part and is_large(where) and _close(where, other, 0.3)


class _Lookup:
    """The rows of every run of words in a text, fetched by one query on the index of keys."""

    def __init__(self, session: Session | Connection, words: list[str], memo: Memo) -> None:
        self.session, self.words, self.rows = session, words, memo
        self.named: dict[tuple[int, int], list[Any]] = {}
        count = len(words)
        keys = {
            _spelled_out(words[i:j])
            for i in range(count)
            for j in range(i + 1, min(i + LONGEST_NAME, count) + 1)
        }
        keys |= {
            key for end in range(count) for _, _, options in self._codes(end + 1) for key in options
        }
        self._fetch(keys)

    def _fetch(self, keys: set[str]) -> None:
        """Take in the rows of keys that are not known yet."""
        if missing := sorted(keys - self.rows.keys()):
            self.rows |= {key: [] for key in missing}
            for row in self.session.execute(_NAMED, {"keys": missing}):
                self.rows[row.key].append(row)

    def place(self, starts: list[int]) -> list[Any]:
        """The rows that the whole text may mean; ``starts`` are the words after commas.

        What comes before a comma is left away if it is no place, such as a street.
        """
        count = len(self.words)
        for end in range(count, 0, -1):  # the words from ``end`` on are a country, or none
            abroad = {row.country for row in self._names(end, count) if row.kind == "country"}
            if (end == count or abroad) and (found := self._by_code(end, abroad, starts)):
                return found
        return self._words_alone(count, starts)

    def _words_alone(self, end: int, starts: list[int]) -> list[Any]:
        if found := self._names(0, end):
            return found
        for start in starts:
            found = self._names(start, end)
            towns = [row for row in found if row.kind == "city"]
            # Of "Zork, Ohio" no town called Ohio is meant; of "5th Ave, New York" one is.
            if towns and (len(towns) == len(found) or any(map(is_large, towns))):
                return towns
        return []

    def _names(self, start: int, end: int) -> list[Any]:
        """Rows for these words: one name, or one inside what the last of them name."""
        if (start, end) in self.named or start >= end:
            return self.named.get((start, end), [])
        rows = self.rows.get(_spelled_out(self.words[start:end]), [])
        found = [row for row in rows if row.kind != "postcode"]
        for cut in range(end - 1, start, -1):
            if found:
                break
            heads = [row for row in self._names(start, cut) if row.kind != "country"]
            wide = self._names(cut, end) if heads else []
            # CA is California, and then Canada; a part of a city may be named with it.
            for kind in ("region", "country", "city"):
                within = [w for w in wide if w.kind == kind and (kind != "city" or is_large(w))]
                found = found or [
                    row for row in heads if any(w != row and _within(row, w) for w in within)
                ]
        self.named[start, end] = found
        return found

    def _codes(self, end: int) -> Iterator[tuple[int, frozenset[str], list[str]]]:
        """Codes that the words before ``end`` may end in: first word, countries, keys."""
        first = max(0, end - 2)  # a code is two words at most
        text = " ".join(self.words[first:end])
        for pattern, countries, keys in _CODES if any(map(str.isdecimal, text)) else ():
            if match := pattern.search(text):
                start = first + len(text[: match.start(1)].split())
                yield start, countries, [match.expand(key).strip() for key in keys]

    def _by_code(self, end: int, abroad: set[str], starts: list[int]) -> list[Any]:
        """Postal codes, if the words before them agree; else what those words say."""
        found: dict[int, list[Any]] = {}
        for start, countries, keys in self._codes(end):
            allowed = countries & abroad if abroad else countries
            known = ([row for row in self.rows.get(k, []) if row.kind == "postcode"] for k in keys)
            here = ([row for row in rows if row.country in allowed] for rows in known)
            found.setdefault(start, []).extend(next(filter(None, here), []))
        for start, rows in sorted(found.items()):
            around = [row for begin in (0, *starts) for row in self._names(begin, start)]
            if near := [row for row in rows if any(_within(row, w) for w in around)]:
                return near
            # A wrong digit is likelier than a wrong town; four digits may be a house number.
            towns = self._words_alone(start, starts)
            towns = [town for town in towns if town.country in abroad or not abroad]
            sure = start == 0 or not re.fullmatch(r"\d{4}", self.words[start])
            if meant := towns or (rows if sure else []):
                return meant
        return []


def load_places(connection: Connection) -> int:
    """Fill the table ``place`` from ``data/places.csv.gz``; return how many rows went in.

    Nothing happens (0) when it holds this file already, as read by this module. Searches go on
    meanwhile with the old rows: all is one transaction, the caller's.
    """
    version = hashlib.sha256(GAZETTEER.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    loaded = text("SELECT obj_description('place'::regclass)")
    if connection.execute(loaded).scalar() == version:
        return 0
    connection.execute(text("LOCK TABLE place IN EXCLUSIVE MODE"))
    if connection.execute(loaded).scalar() == version:
        return 0
    connection.execute(text("DELETE FROM place"))
    rows = [(number, *row) for number, row in enumerate(_rows(), 1)]
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    lines.seek(0)
    columns = "id, kind, key, name, region, region_name, country, country_name, lat, lon"
    cursor: Any = connection.connection.cursor()
    cursor.copy_expert(
        f"COPY place ({columns}, population, county, alias, timezone) FROM STDIN WITH (FORMAT csv)",
        lines,
    )
    cursor.close()
    connection.execute(text("ANALYZE place"))
    connection.execute(text(f"COMMENT ON TABLE place IS '{version}'"))
    return len(rows)


def _rows() -> Iterator[tuple[Any, ...]]:
    """Rows of the table: one for each name of each place of the file."""
    with gzip.open(GAZETTEER, "rt", encoding="utf-8", newline="") as lines:
        places = list(csv.DictReader(lines))
    regions = {(p["country"], p["region"]): p["name"] for p in places if p["kind"] == "region"}
    countries = {p["country"]: p["name"] for p in places if p["kind"] == "country"}
    for place in places:
        kind, name, country = place["kind"], place["name"], place["country"]
        lat, lon = float(place["lat"]), float(place["lon"])
        region = (place["region"], regions.get((country, place["region"])))
        where = (*region, country, countries.get(country, country), lat, lon)
        also = place["also"].split("|") if place["also"] else []
        names = also if kind == "postcode" else [name, *also]
        # "=" marks a nickname that is as good as the name.
        nicknames = {normalise(other) for other in also if other.startswith("=")}
        zone, keys = _zone(lat, lon), dict.fromkeys(map(normalise, names))
        for number, key in enumerate(keys):
            alias = number > 0 and key not in nicknames
            yield kind, key, name, *where, place["population"], place["county"], alias, zone
