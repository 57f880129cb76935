"""The guard: what an import may not do unless somebody has looked at it.

The limits are pure functions of counts, which are measured by SQL on the table ``staged``.
"Live" are the listings that the last good run had. Shares are compared exactly, as fractions.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, text

from directory.errors import UsageError

SMALL = 50
"""Live rows under which missing rows are counted, not their share."""
MOVED_M = 50_000
EXAMPLES = 20

# name -> (default, unit, what it is of)
LIMITS: dict[str, tuple[float, str, str]] = {
    "missing": (10, "%", "of the live rows may not be missing, where there are 50 or more"),
    "missing_rows": (5, "rows", "may not be missing, where fewer than 50 are live"),
    "rejected": (10, "%", "of the feed's rows may be rejected, and no more"),
    "fill": (10, "points", "may not be lost in the share of rows that state a field"),
    "moved": (1, "%", "of the live rows may move over 50 km, and no more"),
    "growth": (3, "times", "as many good rows as are live may not come"),
}

_TEXTS = """
organization description eligibility fees min_age max_age city region postal_code join_url
join_phone recurrence_note website email verified_on
""".split()
# A field -> when a row states it. A point that we set to the middle of a city is none of the feed.
FIELDS = {
    **{name: f"{name} IS NOT NULL" for name in _TEXTS},
    **{name: f"{name} <> '{{}}'" for name in ("terms", "street", "served")},
    **{name: f"{name} <> '[]'" for name in ("phones", "sessions")},
    "position": "precision IN ('exact', 'street')",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts of rows. ``good``: rows of the feed that can be used. ``stated`` and ``stating``:
    for each field, live rows and good rows that state it."""

    read: int
    rejected: int
    good: int
    live: int = 0
    missing: int = 0
    moved: int = 0
    stated: Mapping[str, int] = field(default_factory=dict)
    stating: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A limit that was passed, and what that means in words."""

    limit: str
    message: str

    def document(self) -> dict[str, str]:
        """The alarm as JSON."""
        return asdict(self)


def checked_limits(given: Mapping[str, Any]) -> dict[str, float]:
    """A source's own limits; UsageError for an unknown name or what is no number."""
    for name, value in given.items():
        if name not in LIMITS:
            raise UsageError(f"There is no limit {name!r}; there are {', '.join(LIMITS)}.")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < 1e9:
            raise UsageError(f"The limit {name} takes a number from 0, not {value!r}.")
    return dict(given)


def alarms(found: Measured, own: Mapping[str, Any]) -> list[Alarm]:
    """The limits that a run passes, by its counts and the source's ``own`` limits.

    A first import has nothing to lose: only one without a good row is refused.
    """
    if not found.good:
        return [_nothing(found)]
    if not found.live:
        return []
    limits = {name: Fraction(str(own.get(name, LIMITS[name][0]))) for name in LIMITS}
    passed = [
        _missing(found, limits),
        _rejected(found, limits["rejected"]),
        _moved(found, limits["moved"]),
        _grown(found, limits["growth"]),
        *(_emptied(found, name, limits["fill"]) for name in found.stated),
    ]
    return [alarm for alarm in passed if alarm]


def _nothing(found: Measured) -> Alarm:
    if not found.read:
        return Alarm("nothing", "The feed has no rows. Ask its publisher whether it has moved.")
    return Alarm("nothing", "Not one row of the feed could be used. See why each was rejected.")


def not_that_diff(run: int) -> Alarm:
    """An acceptance of a diff that is no longer the one that was refused."""
    return Alarm(
        "accept",
        f"This is not the diff of run {run}: the feed or the listings have changed since. "
        "Look at this run's.",
    )


def _missing(found: Measured, limits: Mapping[str, Fraction]) -> Alarm | None:
    share, said = _share(found.missing, found.live)
    if found.live < SMALL:
        if found.missing < limits["missing_rows"]:
            return None
        limit = f"{_number(limits['missing_rows'])} where fewer than {SMALL} are live"
    elif share < limits["missing"]:
        return None
    else:
        limit = f"{_number(limits['missing'])} %"
    return Alarm(
        "missing",
        f"{found.missing:,} of {found.live:,} live listings are missing ({said}; refused from "
        f"{limit}). See whether the feed was cut or its address has changed.",
    )


def _rejected(found: Measured, limit: Fraction) -> Alarm | None:
    share, said = _share(found.rejected, found.read)
    if share <= limit:
        return None
    return Alarm(
        "rejected",
        f"{found.rejected:,} of {found.read:,} rows were rejected ({said}; refused above "
        f"{_number(limit)} %). See the reasons: the feed may have changed its columns.",
    )


def _moved(found: Measured, limit: Fraction) -> Alarm | None:
    share, said = _share(found.moved, found.live)
    if share <= limit:
        return None
    return Alarm(
        "moved",
        f"{found.moved:,} of {found.live:,} live listings moved over {MOVED_M // 1000} km ({said}; "
        f"refused above {_number(limit)} %). See whether coordinates were mixed up.",
    )


def _grown(found: Measured, limit: Fraction) -> Alarm | None:
    if found.good < limit * found.live:
        return None
    return Alarm(
        "growth",
        f"The feed has {found.good:,} good rows where {found.live:,} are live (refused from "
        f"{_number(limit)} times). See whether it now holds other areas or repeats itself.",
    )


def _emptied(found: Measured, name: str, limit: Fraction) -> Alarm | None:
    before, said = _share(found.stated[name], found.live)
    after, now = _share(found.stating[name], found.good)
    if before == after or before - after < limit:
        return None
    return Alarm(
        "fill",
        f"{name} is stated by {now} of the rows, before by {said} (refused from "
        f"{_number(limit)} points less). See whether its column was renamed or left out.",
    )


def _share(part: int, whole: int) -> tuple[Fraction, str]:
    """A share in percent, exactly and in words."""
    share = Fraction(100 * part, whole)
    return share, f"{float(share):.3g} %"


def _number(value: Fraction) -> str:
    return f"{float(value):g}"


_POINT = "ST_SetSRID(ST_MakePoint(s.longitude, s.latitude), 4326)::geography"
_SAME_ID = "staged s JOIN before l ON l.external_id = s.external_id"
# Of an edited listing, the point that its source gave: what maintainers wrote is none of the feed.
_WAS = (
    "CROSS JOIN LATERAL (SELECT (l.said ->> 'latitude')::float8 AS latitude, "
    "(l.said ->> 'longitude')::float8 AS longitude WHERE l.said IS NOT NULL "
    "UNION ALL SELECT l.latitude, l.longitude WHERE l.said IS NULL) AS was"
)
_MOVED = (
    f"{_SAME_ID} {_WAS} WHERE s.fresh "
    "AND (was.latitude, was.longitude) <> (s.latitude, s.longitude) "
    f"AND ST_Distance(ST_SetSRID(ST_MakePoint(was.longitude, was.latitude), 4326)::geography, "
    f"{_POINT}) > {MOVED_M}"
)
_STATED = ", ".join(["external_id", "precision", *(name for name in FIELDS if name != "position")])
_LIVE = (
    f"SELECT last_seen, {_STATED} FROM before WHERE said IS NULL "
    f"UNION ALL SELECT l.last_seen, r.{_STATED.replace(', ', ', r.')} FROM before l "
    "CROSS JOIN LATERAL jsonb_populate_record(l, l.said) AS r WHERE l.said IS NOT NULL"
)
_MISSING = (
    "before l WHERE l.last_seen IS NULL "
    "AND NOT EXISTS (SELECT FROM staged s WHERE s.external_id = l.external_id)"
)


def measure(connection: Connection, read: int, rejected: int) -> Measured:
    """Count what the guard looks at; rows that share an id are settled before."""
    live_counts = ", ".join(
        f"count(*) FILTER (WHERE last_seen IS NULL AND {stated}), "
        f"count(*) FILTER (WHERE same AND {stated})"
        for stated in FIELDS.values()
    )
    live, same, *pairs = connection.execute(
        text(
            f"SELECT count(*) FILTER (WHERE last_seen IS NULL), count(same), {live_counts} "
            f"FROM ({_LIVE}) AS l LEFT JOIN (SELECT external_id AS id, true AS same FROM staged "
            "WHERE NOT fresh AND NOT refused) s ON s.id = l.external_id"
        )
    ).one()
    new_counts = ", ".join(f"count(*) FILTER (WHERE {stated})" for stated in FIELDS.values())
    fresh, *news = connection.execute(
        text(f"SELECT count(*), {new_counts} FROM staged WHERE fresh")
    ).one()
    return Measured(
        read,
        rejected,
        same + fresh,
        live,
        connection.execute(text(f"SELECT count(*) FROM {_MISSING}")).scalar_one(),
        connection.execute(text(f"SELECT count(*) FROM {_MOVED}")).scalar_one(),
        dict(zip(FIELDS, pairs[::2], strict=True)),
        {name: a + b for name, a, b in zip(FIELDS, pairs[1::2], news, strict=True)},
    )


def fingerprint(connection: Connection) -> str:
    """A hash of the diff: what each listing is now and what it would become.

    It does not depend on the order of the feed. Two runs have one fingerprint only where they
    would do the same to the same listings.
    """
    lines = (
        "SELECT s.external_id AS id, concat_ws('>', l.content_hash, CASE WHEN s.refused "
        "THEN 'refused' ELSE s.content_hash END, l.last_seen) AS line FROM staged s LEFT JOIN "
        "before l ON l.external_id = s.external_id "
        "WHERE s.fresh OR s.refused OR l.last_seen IS NOT NULL "
        f"UNION ALL SELECT l.external_id, concat_ws('>', l.content_hash, 'missing') FROM {_MISSING}"
    )
    digest = "SELECT md5(string_agg(md5(id || ' ' || line), '' ORDER BY id COLLATE \"C\", line))"
    hashed = connection.execute(text(f"{digest} FROM ({lines}) AS d"))
    return str(hashed.scalar())


def examples(connection: Connection) -> dict[str, list[dict[str, str]]]:
    """The first listings by name that are missing or moved, to look at."""
    found = {}
    for what, where in (("missing", _MISSING), ("moved", _MOVED)):
        query = f"SELECT l.id::text, l.name FROM {where} ORDER BY l.name, l.id LIMIT {EXAMPLES}"
        rows = connection.execute(text(query)).mappings()
        found[what] = [dict(row) for row in rows]
    return found
