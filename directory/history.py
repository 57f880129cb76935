"""What maintainers look at: sources, their runs, and what a run did."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, text

SHOWN = 100
"""Runs, or listings that a run changed, that are shown at once."""

_SOURCES = """
SELECT s.id, s.kind, s.origin, s.title, s.licence, s.attribution, s.contact, s.location,
 (extract(epoch FROM s.every) / 3600)::int AS every_hours, s.seen_on::text AS seen_on,
       (SELECT count(*) FROM listing l WHERE l.source_id = s.id AND l.status = 'active') AS listings
FROM source s WHERE CAST(:only AS text) IS NULL OR s.id = :only ORDER BY s.id"""
_UNDONE = "EXISTS (SELECT FROM import_run u WHERE u.undoes = r.id AND u.status = 'undo')"
_RUNS = """
SELECT id, source_id AS source, status, started::text, finished::text, counts, message,
 coalesce(diff ->> 'verdict', status) AS verdict, coalesce(diff -> 'alarms', '[]') AS alarms,
 accepts, undoes, (SELECT min(u.id) FROM import_run u WHERE u.undoes = r.id
 AND u.status = 'undo') AS undone_by
FROM import_run r WHERE CAST(:source AS text) IS NULL OR source_id = :source
ORDER BY id DESC LIMIT :most"""
_RUN = """
SELECT r.id, source_id AS source, s.title, s.origin, r.status, r.started, r.finished, r.counts,
 r.message, coalesce(r.diff, '{}') AS diff, r.accepts, r.undoes,
 (SELECT (b.counts ->> 'read')::int FROM import_run b WHERE b.source_id = r.source_id
  AND b.id < r.id AND b.status IN ('applied', 'unchanged') ORDER BY b.id DESC LIMIT 1) AS expected,
 (SELECT min(u.id) FROM import_run u WHERE u.undoes = r.id AND u.status = 'undo') AS undone_by
FROM import_run r JOIN source s ON s.id = source_id WHERE r.id = :run"""
# Live rows after each good run that stands: those of its feed that were not rejected.
_LIVE = f"""
SELECT source_id, (counts ->> 'read')::int - (counts ->> 'rejected')::int AS live
FROM (SELECT *, row_number() OVER (PARTITION BY source_id ORDER BY id DESC) AS age
 FROM import_run r WHERE status IN ('applied', 'unchanged') AND NOT {_UNDONE}) AS good
WHERE age <= :most ORDER BY source_id, id"""
_NEWEST = """
SELECT DISTINCT ON (source_id) source_id, id, status, started, message,
 (counts ->> 'rejected')::int AS rejected FROM import_run
WHERE status <> 'dry-run' ORDER BY source_id, id DESC"""
_GOOD = f"""
SELECT source_id, max(started) AS started FROM import_run r
WHERE status IN ('applied', 'unchanged') AND NOT {_UNDONE} GROUP BY 1"""
# A listing's column is shown as it was and as the run left it: as the next run to change it found
# it, or as it is now. Of a withheld address nothing is shown, also not what was public before.
_HIDDEN = ("search", "bits", "name_key", "content_hash", "quality", "weekly", "position", "id")
_WHERE = ("street", "postal_code", "latitude", "longitude", "extra")
_CHANGED = f"""
SELECT c.action, c.listing_id::text AS listing, coalesce(l.name, c.previous ->> 'name') AS name,
 (SELECT jsonb_agg(jsonb_build_object('field', key, 'was', value, 'became', coalesce(
   (SELECT n.previous -> key FROM change n WHERE n.listing_id = c.listing_id
    AND n.run_id > c.run_id AND n.run_id = ANY(:later) AND n.previous ? key
    ORDER BY n.run_id LIMIT 1), coalesce(l.said, to_jsonb(l)) -> key)) ORDER BY key)
  FROM jsonb_each(c.previous) WHERE key <> ALL(:hidden)
  AND (l.address_public AND coalesce(l.said -> 'address_public' <> 'false', true)
   OR key <> ALL(:where))) AS fields
FROM (SELECT * FROM change WHERE run_id = :run AND (:action = '' OR action = :action)
 ORDER BY listing_id LIMIT {SHOWN}) AS c
LEFT JOIN listing l ON l.id = c.listing_id ORDER BY c.action, name, c.listing_id"""


def sources(connection: Connection, only: str | None = None) -> list[dict[str, Any]]:
    """All sources, or one, with how many listings of each are shown."""
    return [dict(row) for row in connection.execute(text(_SOURCES), {"only": only}).mappings()]


def runs(connection: Connection, source: str | None = None) -> list[dict[str, Any]]:
    """The last runs, of one source or of all, the newest first."""
    values = {"source": source, "most": SHOWN}
    return [dict(row) for row in connection.execute(text(_RUNS), values).mappings()]


def run(connection: Connection, number: int) -> dict[str, Any] | None:
    """One run with its source's title and origin, and how many rows the good run before it
    read (``expected``); None where there is none."""
    found = connection.execute(text(_RUN), {"run": number}).mappings().one_or_none()
    return dict(found) if found else None


def live_rows(connection: Connection, most: int) -> dict[str, list[int]]:
    """Live rows of each source after each of its last ``most`` good runs, the oldest first."""
    found: dict[str, list[int]] = {}
    for source, live in connection.execute(text(_LIVE), {"most": most}):
        found.setdefault(source, []).append(live)
    return found


def newest(connection: Connection) -> dict[str, dict[str, Any]]:
    """The newest run of each source, and when its last good one that stands was (``good``)."""
    good = {row.source_id: row.started for row in connection.execute(text(_GOOD))}
    rows = connection.execute(text(_NEWEST)).mappings()
    return {row["source_id"]: {**row, "good": good.get(row["source_id"])} for row in rows}


def actions(connection: Connection, number: int) -> dict[str, int]:
    """How many listings a run added, changed, and so on, while that is kept."""
    query = text("SELECT action, count(*) FROM change WHERE run_id = :run GROUP BY 1 ORDER BY 1")
    return {row[0]: row[1] for row in connection.execute(query, {"run": number})}


def changed(connection: Connection, source: str, number: int, action: str) -> list[dict[str, Any]]:
    """``SHOWN`` of the listings that a run changed: ``action``, ``listing`` (id), ``name`` and
    ``fields``, a list of ``field``, ``was`` and ``became``. ``action`` narrows them down.
    """
    later = connection.execute(
        text("SELECT id FROM import_run WHERE source_id = :source AND id > :run"),
        {"source": source, "run": number},
    )
    values = {
        "run": number,
        "action": action,
        "later": list(later.scalars()),
        "hidden": list(_HIDDEN),
        "where": list(_WHERE),
    }
    rows = [dict(row) for row in connection.execute(text(_CHANGED), values).mappings()]
    for row in rows:
        row["fields"] = [f for f in row["fields"] or () if f["was"] != f["became"]]
    return rows


def last_change(connection: Connection, source: str, listing: str) -> int | None:
    """The newest run that is known to have changed a listing."""
    query = (
        "SELECT max(run_id) FROM change WHERE listing_id = :listing "
        "AND run_id IN (SELECT id FROM import_run WHERE source_id = :source)"
    )
    values = {"listing": listing, "source": source}
    found = connection.execute(text(query), values).scalar()
    return None if found is None else int(found)


_PAST = """
SELECT c.run_id AS run, r.started AS at, c.action, coalesce(c.previous, '{}') AS previous
FROM change c JOIN import_run r ON r.id = c.run_id WHERE c.listing_id = :id ORDER BY run_id DESC"""
_JOURNAL = "SELECT field, action, was, by, at FROM edit WHERE listing_id = :id ORDER BY id DESC"


def provenance(
    connection: Connection, listing: str, said: dict[str, Any], edited: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Who or what gave each field of a listing its present value, as far as that is kept.

    said: the columns as its source alone gives them; edited: the fields that a maintainer wrote.
    field -> ``at`` (when), ``was`` (the value before), and ``by`` (a person) or ``run``; ``new``
    where that run brought the listing, and there was none before.
    """
    values = {"id": listing}
    past = [dict(row) for row in connection.execute(text(_PAST), values).mappings()]
    journal = [dict(row) for row in connection.execute(text(_JOURNAL), values).mappings()]
    found = {}
    for field, value in said.items():
        action = "wrote" if field in edited else "dropped"
        acts = (act for act in journal if (act["field"], act["action"]) == (field, action))
        person, run = next(acts, None), _brought(past, field, value)
        if person and (field in edited or not run or run["at"] < person["at"]):
            found[field] = {"by": person["by"], "at": person["at"], "was": person["was"]}
        elif run:
            found[field] = run
    return found


def _brought(past: list[dict[str, Any]], field: str, value: Any) -> dict[str, Any] | None:
    """The run by which the source came to give ``value``; ``past`` has the newest first."""
    for change in past:
        origin = {"run": change["run"], "at": change["at"]}
        if change["action"] == "added":
            return origin | {"was": None, "new": True}
        was = change["previous"].get(field, value)
        if was != value:
            return origin | {"was": was}
    return None


def undoable(connection: Connection, source: str) -> int | None:
    """The run of the source that can be undone: the newest applied one that stands."""
    query = (
        "SELECT id FROM import_run r WHERE source_id = :source AND status = 'applied' "
        f"AND NOT {_UNDONE} ORDER BY id DESC LIMIT 1"
    )
    found = connection.execute(text(query), {"source": source}).scalar()
    kept = found is not None and actions(connection, found)
    return int(found) if found is not None and kept else None


def acceptable(connection: Connection, number: int) -> bool:
    """Whether a run was refused, and its source has not been changed since."""
    query = text(
        "SELECT status = 'refused' AND diff ->> 'verdict' = 'refused' "
        'AND NOT coalesce(diff @> \'{"alarms": [{"limit": "nothing"}]}\', false) '
        "AND NOT EXISTS (SELECT FROM import_run later WHERE later.source_id = r.source_id "
        "AND later.id > r.id AND later.status IN ('applied', 'undo')) "
        "FROM import_run r WHERE id = :run"
    )
    return bool(connection.execute(query, {"run": number}).scalar())


def again(connection: Connection, source: str) -> list[str]:
    """What ``directory import`` takes to import the source as its newest run did."""
    query = text("SELECT kind, location, options FROM source WHERE id = :source")
    found = connection.execute(query, {"source": source}).one()
    options = [f"--set={name}={value}" for name, value in sorted(found.options.items())]
    return [f"--source={source}", *options, "--", found.kind, found.location]
