"""Points for addresses: asked of a geocoder ahead of imports, given to rows as they are read.

``ask`` fills the table ``geocode`` for listings that an import could place only by their postal
code or city, or not at all. The next import gives its rows what is there (``located``): a query
for a batch of rows, no network, so that thousands of addresses at one a second hold up no
transaction. Searches never come here.
"""

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from directory.clean import plain_text
from directory.geocode import Failure, Provider
from directory.places import normalise
from directory.records import Note, Row

PAUSE = 1.0
"""Least seconds between two questions to a provider, of all processes together."""
NOT_FOUND = timedelta(days=90)
"""After how long an address that was not found is asked for again."""
FAILED = timedelta(hours=1)
"""After how long what failed otherwise is, unless the provider says."""
LATEST = 86_400
"""Longest, in seconds, that a provider's Retry-After is heeded."""
MOST_FAILURES = 3
"""Failures in a row after which a provider is left alone until the next run."""
LONGEST = 300  # characters of an address

# What comes after these is inside the building: nobody else needs it, and it confuses geocoders.
_UNIT = re.compile(
    r",?\s*(?:#\s*|\b(?:suite|ste|unit|apt|apartment|room|rm|floor|fl)\b\.?\s*#?\s*)"
    r"(?:[a-z]?-?\d[\w-]*|[a-z])\b|,?\s*\b\d+(?:st|nd|rd|th)\s+fl(?:oor)?\b\.?",
    re.IGNORECASE,
)
_BOX = re.compile(r"\b(?:p\.?\s*o\.?\s*box|postfach)\b", re.IGNORECASE)

# Listings whose source gives no point, and whose door anybody may know.
_WANTED = """
listed AND in_person AND address_public AND street <> '{}'
AND NOT overrides ?| ARRAY['latitude', 'longitude']
AND (repairs @> '[{"code": "placed"}]' OR repairs @> '[{"code": "no_position"}]')"""


def address(fields: Mapping[str, Any]) -> str | None:
    """Street, city, region and postal code in one line; None without street and town, of a
    post box, and where it is too long. Rows of feeds and listings of the same give the same."""
    lines = fields.get("street")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        return None
    street = _UNIT.sub("", ", ".join(filter(None, map(plain_text, lines)))).strip(" ,")
    town = [fields.get(name) for name in ("city", "region", "postal_code")]
    rest = [plain_text(part) if isinstance(part, str) else "" for part in town]
    whole = " ".join(", ".join(filter(None, (street, *rest))).split())
    named = normalise(street) and normalise(rest[0] + rest[2]) and not _BOX.search(street)
    # Some letters are spelled out as many: the key is what an index must hold.
    return whole if named and max(len(whole), len(normalise(whole))) <= LONGEST else None


def _key(whole: str, country: str) -> str:
    return normalise(f"{whole} {country}")


def located(connection: Connection, rows: list[Row]) -> list[Row]:
    """The rows, with the point that a geocoder found for those that have none themselves."""
    if not rows or not connection.execute(_ANY).scalar():
        return rows
    keys = {number: key for number, row in enumerate(rows) if (key := _missing(row))}
    found = {row.query: row for row in connection.execute(_FOUND, {"keys": [*keys.values()]})}
    placed = list(rows)
    for number, key in keys.items():
        answer = found.get(key)
        # The middle of a postal code is nearer than that of a town.
        if answer and (
            answer.precision != "approximate" or not rows[number].fields.get("postal_code")
        ):
            placed[number] = _with_point(rows[number], answer)
    return placed


_ANY = text("SELECT EXISTS (SELECT FROM geocode WHERE failure IS NULL)")
# Of several providers' answers the most exact, and of those the newest.
_FOUND = text(
    "SELECT DISTINCT ON (query) query, latitude, longitude, precision FROM geocode "
    "WHERE query = ANY(:keys) AND failure IS NULL ORDER BY query, "
    "array_position(ARRAY['exact', 'street', 'approximate'], precision), asked DESC, provider"
)


def _missing(row: Row) -> str | None:
    """The key of a row's address, where it has no point and may have one."""
    fields = row.fields
    hidden = str(fields.get("address_public", True)).lower() not in ("true", "1", "yes")
    if row.refusal or hidden or not fields.get("in_person", True) or _has_point(fields):
        return None
    whole, country = address(fields), fields.get("country", "US")
    return _key(whole, country) if whole and isinstance(country, str) else None


def _has_point(fields: Mapping[str, Any]) -> bool:
    """Whether the row gives degrees that a ``Record`` will keep, be they swapped."""
    try:
        lat, lon = (float(fields.get(name) or 0) for name in ("latitude", "longitude"))
    except (TypeError, ValueError):
        return False
    given = all(fields.get(name) not in (None, "") for name in ("latitude", "longitude"))
    small, large = sorted((abs(lat), abs(lon)))
    return given and math.isfinite(large) and large > 0 and small <= 90 and large <= 180


def _with_point(row: Row, answer: Any) -> Row:
    point = {name: getattr(answer, name) for name in ("latitude", "longitude", "precision")}
    note = Note("latitude", "geocoded", "set to where a geocoder found its address")
    return replace(row, fields={**row.fields, **point}, notes=[*row.notes, note])


def answered(connection: Connection, source: str, run: int) -> bool:
    """Whether, since ``run`` read the source's feed, a geocoder has found an address that the
    feed gives without a point."""
    news = set(connection.execute(_NEWS, {"run": run}).scalars())
    if not news:
        return False
    with connection.execute(_WITHOUT, {"source": source}, execution_options=_STREAM) as found:
        rows = found.mappings()
        return any((at := address({**row})) and _key(at, row["country"]) in news for row in rows)


_STREAM = {"stream_results": True, "yield_per": 2_000}  # it may be most of a source

# Who was asked a moment before the run may have answered after it read the answers.
_NEWS = text(
    "SELECT query FROM geocode WHERE failure IS NULL AND asked > "
    "(SELECT started FROM import_run WHERE id = :run) - interval '1 minute'"
)
_WITHOUT = text(
    "SELECT street, city, region, postal_code, country FROM listing WHERE source_id = :source "
    "AND jsonb_path_exists(repairs, "
    '\'$[*].code ? (@ == "placed" || @ == "no_position" || @ == "geocoded")\')'
)


@dataclass(slots=True)
class Asked:
    """What one run of ``ask`` did: answers by precision, failures by kind, why it stopped."""

    counts: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None


def ask(
    engine: Engine,
    asked_of: Provider,
    sources: Sequence[str],
    most: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Asked:
    """Ask for up to ``most`` addresses of listings without a point, of all sources where none
    is named; each answer is kept at once. It stops where the provider wants no more."""
    asked, failures = Asked(), 0
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for listing in _candidates(connection, asked_of.name, sources):
            if asked.counts.total() >= most:
                break
            with _alone(connection):
                kind = _ask_one(connection, asked_of, listing)
            if kind is None:
                continue
            if kind == "paused":
                asked.stopped = "The geocoder wants to be left alone for now; run this again later."
                break
            asked.counts[kind] += 1
            progress(asked.counts.total())
            failures = failures + 1 if kind in ("timeout", "error", "unreadable") else 0
            if kind == "refused" or failures == MOST_FAILURES:
                asked.stopped = (
                    f"The geocoder's last answer was {kind}; check DIRECTORY_GEOCODER, or run this "
                    "again later."
                )
                break
    return asked


def _candidates(connection: Connection, name: str, sources: Sequence[str]) -> Iterator[Any]:
    """Ids of the listings to ask for, the most complete first, each address once."""
    query = text(
        "SELECT id, street, city, region, postal_code, country FROM listing WHERE "
        f"{_WANTED} AND (:every OR source_id = ANY(:sources)) ORDER BY quality DESC, id"
    )
    known = text(
        "SELECT query FROM geocode WHERE provider = :name AND (again IS NULL OR again > now())"
    )
    met = set(connection.execute(known, {"name": name}).scalars())
    values = {"every": not sources, "sources": list(sources)}
    for row in connection.execute(query, values).mappings().all():
        whole = address({**row})
        if whole and (key := _key(whole, row["country"])) not in met:
            met.add(key)
            yield row["id"]


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """One process asks at a time; the lock of one that was killed goes with its connection."""
    key = "hashtextextended('directory:geocode', 0)"
    connection.execute(text(f"SELECT pg_advisory_lock({key})"))
    try:
        yield
    finally:
        connection.execute(text(f"SELECT pg_advisory_unlock({key})"))


_LISTING = text(
    "SELECT l.street, l.city, l.region, l.postal_code, l.country, coalesce((SELECT p.name FROM "
    "place p WHERE p.kind = 'country' AND p.country = l.country LIMIT 1), l.country) AS land "
    f"FROM listing l WHERE l.id = :id AND {_WANTED}"
)
_KNOWN = text(
    "SELECT EXISTS (SELECT FROM geocode WHERE query = :query AND provider = :provider "
    "AND (again IS NULL OR again > clock_timestamp()))"
)
_PAUSED = text(
    "SELECT EXISTS (SELECT FROM geocode WHERE provider = :provider AND failure = 'busy' "
    "AND again > clock_timestamp())"
)
_LAST = text(
    "SELECT extract(epoch FROM clock_timestamp() - max(asked)) FROM geocode "
    "WHERE provider = :provider"
)
# Entered before the question: a process that is killed has asked all the same.
_ENTER = text(
    "INSERT INTO geocode (query, provider, asked, again, failure) VALUES (:query, :provider, "
    "clock_timestamp(), clock_timestamp() + :again, 'unanswered') ON CONFLICT (query, provider) "
    "DO UPDATE SET asked = excluded.asked, again = excluded.again, failure = excluded.failure"
)
_FAILED = text(
    "UPDATE geocode SET failure = :failure, again = clock_timestamp() + :again "
    "WHERE query = :query AND provider = :provider"
)
_ANSWERED = text(
    "UPDATE geocode SET failure = NULL, again = NULL, latitude = :lat, longitude = :lon, "
    "precision = :precision WHERE query = :query AND provider = :provider"
)


def _ask_one(connection: Connection, asked_of: Provider, listing: Any) -> str | None:
    """Ask for one listing's address: its precision, or the failure, or "paused" where the
    provider asked to wait; None where nothing is to be asked any more."""
    # Read anew: since the list was made, its address may have become confidential.
    row = connection.execute(_LISTING, {"id": listing}).mappings().one_or_none()
    whole = row and address({**row})
    if not row or not whole:
        return None
    values = {"query": _key(whole, row["country"]), "provider": asked_of.name}
    if connection.execute(_KNOWN, values).scalar():  # another process was first
        return None
    if connection.execute(_PAUSED, values).scalar():
        return "paused"
    since = connection.execute(_LAST, values).scalar()
    if since is not None:  # a clock that was put back must not stop us for long
        time.sleep(min(PAUSE, max(0.0, PAUSE - float(since))))
    connection.execute(_ENTER, values | {"again": FAILED})
    try:
        lat, lon, precision = asked_of.ask(whole, row["land"])
    except Failure as failure:
        connection.execute(_FAILED, values | {"failure": failure.kind, "again": _again(failure)})
        return failure.kind
    connection.execute(_ANSWERED, values | {"lat": lat, "lon": lon, "precision": precision})
    return precision


def _again(failure: Failure) -> timedelta:
    if failure.wait is not None:
        return timedelta(seconds=min(failure.wait, LATEST))
    return NOT_FOUND if failure.kind == "not_found" else FAILED
