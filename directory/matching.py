"""Which listings of different sources are the same, as links and as questions for a person.

``match`` holds every pair that is not a clear no; ``duplicate_of`` follows from it and from what
people decided. Nothing is merged: of listings that are the same one is shown, and names the
others. Only what a transaction changed is compared, and the outcome is that of comparing
everything.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, text

from directory.errors import UsageError
from directory.likeness import PLACE_M, Side, compare, side

BATCH = 1_000
"""Listings that are compared at a time."""
CROWD = 200
"""Neighbours in each way that a listing is compared with: thousands at one point are an error."""
Pair = tuple[uuid.UUID, uuid.UUID]

_FEEDS = (
    "SELECT count(*) FROM source s WHERE origin = 'feed' "
    "AND EXISTS (SELECT FROM listing WHERE source_id = s.id)"
)
_COMPARED = (
    "SELECT id, source_id, kind, name, organization, street, postal_code, phones, "
    "terms, sessions FROM listing WHERE id = ANY(:ids)"
)
# Who is near, with an arm for each index of positions: shown listings and the others. Meetings
# must be near; a place may also be one of the postal code where one of the two stands only about.
_NEAR = f"""
{{shown}} AND ST_DWithin(l.position, o.position, {PLACE_M}) AND NOT {{about_o}} AND NOT {{about_l}}
 AND (o.kind <> 'support_group' OR l.weekly && o.weekly)"""
_ABOUT = "{0}.precision IN ('approximate', 'none')"
_BOTH = {"about_o": _ABOUT.format("o"), "about_l": _ABOUT.format("l")}
_ARMS = (
    _NEAR.format(shown="l.listed", **_BOTH),
    _NEAR.format(shown="NOT l.listed", **_BOTH),
    "left(l.postal_code, 5) = left(o.postal_code, 5) AND l.kind <> 'support_group' "
    f"AND ({_BOTH['about_o']} OR {_BOTH['about_l']})",
)
_PAIRED = " UNION ".join(
    f"""SELECT o.id AS one, n.id AS other FROM listing o CROSS JOIN LATERAL (
SELECT l.id FROM listing l WHERE {arm} AND l.in_person AND l.source_id <> o.source_id
 AND l.kind = o.kind LIMIT {CROWD}) AS n WHERE o.id = ANY(:ids) AND o.in_person"""
    for arm in _ARMS
)
_CANDIDATES = f"""
WITH pair AS ({_PAIRED})
SELECT a.id AS a, b.id AS b, CASE WHEN NOT ({_ABOUT.format("a")} OR {_ABOUT.format("b")})
 THEN ST_Distance(a.position, b.position) END AS metres
FROM (SELECT DISTINCT least(one, other) AS a, greatest(one, other) AS b FROM pair) AS ends
JOIN listing a ON a.id = ends.a JOIN listing b ON b.id = ends.b
JOIN source s ON s.id = a.source_id AND s.origin = 'feed'
JOIN source t ON t.id = b.source_id AND t.origin = 'feed'"""
_KEEP = """
INSERT INTO match (a, b, rule, score, reasons)
SELECT a, b, rule, score, string_to_array(reasons, chr(10))
FROM jsonb_to_recordset(CAST(:pairs AS jsonb))
 AS new (a uuid, b uuid, rule text, score float8, reasons text)
ON CONFLICT (a, b) DO UPDATE SET rule = excluded.rule, score = excluded.score,
 reasons = excluded.reasons"""


def exclusive(connection: Connection) -> None:
    """Until its end, let no other transaction compare. To be called before the first listing is
    written: neither of two imports misses what the other wrote, nor locks rows in another order.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('directory:match', 0))"))


def match_all(connection: Connection) -> None:
    """Compare everything anew; what people decided stands."""
    exclusive(connection)
    match(connection, _batches(connection, "SELECT id FROM listing WHERE true"))


def match_run(connection: Connection, run: int) -> None:
    """Compare what ``run`` changed."""
    changed = f"SELECT listing_id AS id FROM change WHERE run_id = {int(run)}"
    match(connection, _batches(connection, changed, "listing_id"))


def _batches(connection: Connection, query: str, key: str = "id") -> Iterator[list[uuid.UUID]]:
    """The ids that ``query`` gives, in their order; never all of them in memory."""
    page = text(f"{query} AND {key} > :after ORDER BY {key} LIMIT {BATCH}")
    after = uuid.UUID(int=0)
    while ids := list(connection.execute(page, {"after": after}).scalars()):
        yield ids
        after = ids[-1]


def match(connection: Connection, batches: Iterable[list[uuid.UUID]]) -> None:
    """Compare the listings in ``batches``, gone ones among them, with those of other sources, and
    set the links of all whom that touches."""
    if connection.execute(text(_FEEDS)).scalar_one() < 2:
        return
    connection.execute(
        text("CREATE TEMP TABLE IF NOT EXISTS touched (id uuid PRIMARY KEY) ON COMMIT DROP")
    )
    for ids in batches:
        _of_pairs(connection, "UPDATE match SET rule = 'no'", ids)
        _compare(connection, ids)
        _touch(connection, ids)
        _of_pairs(connection, "DELETE FROM match", ids, "AND rule = 'no' AND decision IS NULL")
    _link(connection)


def _of_pairs(connection: Connection, act: str, ids: Iterable[uuid.UUID], only: str = "") -> None:
    """Do something with the pairs that have an end among ``ids``."""
    sql = f"{act} WHERE (a = ANY(:ids) OR b = ANY(:ids)) {only}"
    connection.execute(text(sql), {"ids": list(ids)})


def _touch(connection: Connection, ids: Iterable[uuid.UUID]) -> None:
    """Note both ends of all pairs of ``ids``: their links may change."""
    ends = "SELECT unnest(ARRAY[a, b]) FROM match WHERE a = ANY(:ids) OR b = ANY(:ids)"
    connection.execute(
        text(f"INSERT INTO touched {ends} ON CONFLICT DO NOTHING"), {"ids": list(ids)}
    )


def _compare(connection: Connection, ids: list[uuid.UUID]) -> None:
    """Compare ``ids`` with their candidates and keep what is not a no."""
    # The statistics are older than what this transaction wrote.
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    pairs = connection.execute(text(_CANDIDATES), {"ids": ids}).all()
    connection.execute(text("SET LOCAL enable_seqscan = on"))
    sides = _sides(connection, {end for pair in pairs for end in (pair.a, pair.b)})
    kept = []
    for row in pairs:
        verdict = compare(sides[row.a], sides[row.b], row.metres)
        if verdict.rule != "no":
            said = {"rule": verdict.rule, "score": verdict.score}
            ends = {"a": str(row.a), "b": str(row.b)}
            kept.append({**ends, **said, "reasons": "\n".join(verdict.reasons)})
    if kept:
        connection.execute(text(_KEEP), {"pairs": json.dumps(kept)})


def _sides(connection: Connection, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Side]:
    rows = connection.execute(text(_COMPARED), {"ids": list(ids)}).mappings()
    return {row["id"]: side(dict(row)) for row in rows}


# --- links ---

_EDGES = """
SELECT a, b, score, decision FROM match
JOIN listing x ON x.id = a AND x.status = 'active'
JOIN listing y ON y.id = b AND y.status = 'active'
WHERE (a = ANY(:ids) OR b = ANY(:ids)) AND (decision IS NOT NULL OR rule = 'certain')"""
# Which of several is shown: the best comes first. No date of an import is among these, for an
# unchanged feed changes nothing.
_BEST_FIRST = """
SELECT id, source_id, duplicate_of FROM listing WHERE id = ANY(:ids)
ORDER BY last_seen IS NOT NULL, quality DESC, verified_on DESC NULLS LAST, id"""
_POINT = """
UPDATE listing SET duplicate_of = target
FROM unnest(CAST(:ids AS uuid[]), CAST(:targets AS uuid[])) AS new (it, target) WHERE id = it"""


def _link(connection: Connection) -> None:
    """Set ``duplicate_of`` in each group that holds one of ``touched``."""
    some = text(f"SELECT id FROM touched LIMIT {BATCH}")
    while ids := set(connection.execute(some).scalars()):
        edges: dict[Pair, Any] = {}
        todo = set(ids)
        while todo:  # to the ends of each group
            found = connection.execute(text(_EDGES), {"ids": list(todo)}).all()
            edges |= {(row.a, row.b): row for row in found}
            todo = {end for row in found for end in (row.a, row.b)} - ids
            ids |= todo
        _point(connection, ids, edges)
        connection.execute(text("DELETE FROM touched WHERE id = ANY(:ids)"), {"ids": list(ids)})


def _point(connection: Connection, ids: set[uuid.UUID], edges: dict[Pair, Any]) -> None:
    """Of each group among ``ids``, let all others name the best."""
    rows = connection.execute(text(_BEST_FIRST), {"ids": list(ids)}).all()
    groups = _groups({row.id: row.source_id for row in rows}, edges)
    best: dict[int, uuid.UUID] = {}
    new: dict[uuid.UUID, uuid.UUID | None] = {}
    for row in rows:
        first = best.setdefault(id(groups[row.id]), row.id)
        target = None if first == row.id else first
        if row.duplicate_of != target:
            new[row.id] = target
    if new:
        connection.execute(text(_POINT), {"ids": list(new), "targets": list(new.values())})


def _groups(
    sources: dict[uuid.UUID, str], edges: dict[Pair, Any]
) -> dict[uuid.UUID, set[uuid.UUID]]:
    """Who belongs together. A person's word comes first, then the best pairs; a source is in a
    group once, for it knows its own listings apart, unless a person said otherwise."""
    apart = {pair for pair, row in edges.items() if row.decision == "different"}
    groups = {it: {it} for it in sources}

    def may(one: set[uuid.UUID], other: set[uuid.UUID]) -> bool:
        return not apart & {(min(a, b), max(a, b)) for a in one for b in other}

    def known_apart(one: set[uuid.UUID], other: set[uuid.UUID]) -> bool:
        return bool({sources[it] for it in one} & {sources[it] for it in other})

    def rank(item: tuple[Pair, Any]) -> tuple[bool, float, Pair]:
        pair, row = item
        return row.decision != "same", -row.score, pair

    for pair, row in sorted(edges.items(), key=rank):
        one, other = groups[pair[0]], groups[pair[1]]
        if one is other or not may(one, other):
            continue
        if row.decision == "same" or not known_apart(one, other):
            one |= other
            groups |= dict.fromkeys(other, one)
    return groups


# --- people ---

DECISIONS = ("same", "different", "undecided")
_PAIRS = """
SELECT m.id, m.a, m.b, m.score, m.reasons, m.decision, m.decided_by, m.decided_at,
       x.name AS a_name, y.name AS b_name, s.title AS a_source, t.title AS b_source
FROM match m JOIN listing x ON x.id = m.a JOIN listing y ON y.id = m.b
JOIN source s ON s.id = x.source_id JOIN source t ON t.id = y.source_id
WHERE {which} ORDER BY {order} LIMIT :limit"""
# Besides doubtful pairs these are certain ones of which another of the same source took one.
_WAITING = """m.decision IS NULL AND x.status = 'active' AND y.status = 'active'
 AND coalesce(x.duplicate_of, x.id) <> coalesce(y.duplicate_of, y.id)"""


def waiting(connection: Connection, limit: int = 1_000) -> list[dict[str, Any]]:
    """The pairs that wait for a person, the likeliest first: id, and of both listings their ids
    (a, b), names and sources' titles; score 0 to 100, reasons."""
    return _pairs(connection, _WAITING, "m.score DESC, m.id", limit)


def number_waiting(connection: Connection) -> int:
    """How many of them are doubtful."""
    # Certain pairs are nearly all linked and may be a hundred thousand: they are not gone through.
    query = (
        "SELECT count(*) FROM match m JOIN listing x ON x.id = m.a JOIN listing y ON y.id = m.b "
        f"WHERE m.rule = 'doubtful' AND {_WAITING}"
    )
    return int(connection.execute(text(query)).scalar_one())


def decided(connection: Connection, limit: int = 1_000) -> list[dict[str, Any]]:
    """What people decided, the newest first, as ``waiting`` gives it."""
    return _pairs(connection, "m.decision IS NOT NULL", "m.decided_at DESC, m.id", limit)


def _pairs(connection: Connection, which: str, order: str, limit: int) -> list[dict[str, Any]]:
    sql = text(_PAIRS.format(which=which, order=order))
    rows = connection.execute(sql, {"limit": limit}).mappings()
    return [
        dict(row)
        | {"a": str(row["a"]), "b": str(row["b"])}
        | {"decided_at": row["decided_at"] and row["decided_at"].isoformat()}
        for row in rows
    ]


def decide(connection: Connection, pair: int, decision: str, by: str) -> None:
    """Remember that somebody says "same" or "different" of a pair, or again "undecided".

    The ids of listings are hashes of source and external id: the decision outlives both listings
    and holds again when they return. Raises ``UsageError`` where there is no such pair.
    """
    exclusive(connection)
    said = None if decision == "undecided" else decision
    found = connection.execute(
        text(
            "UPDATE match SET decision = :said, decided_by = :by, decided_at = now() "
            "WHERE id = :pair RETURNING a, b"
        ),
        {"said": said, "by": by, "pair": pair},
    ).one_or_none()
    if found is None:
        raise UsageError(f"There is no pair {pair}; see directory matches.")
    # Compared again, or what is undecided would keep an old verdict of the rule.
    match(connection, [[found.a, found.b]])
    connection.execute(text("UPDATE generation SET number = number + 1"))
