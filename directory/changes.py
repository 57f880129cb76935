"""What each applied run changed, in SQL, kept so that the last runs of a source can be undone."""

from sqlalchemy import Connection, text

from directory import overrides
from directory.judge import COLUMNS

KEPT = 5
"""Applied runs of a source that can be undone."""

# What an import writes. Maintainers' overrides and links between listings are none of it: of an
# edited listing these are the columns as its source alone gives them, in ``said``.
_WRITTEN = [name for name in COLUMNS if name not in ("id", "source_id", "external_id")]
POINT = (
    "CASE WHEN {0}.longitude IS NOT NULL THEN "
    "ST_SetSRID(ST_MakePoint({0}.longitude, {0}.latitude), 4326)::geography END"
)
"""The position of a row of the table ``{0}``."""
_BEFORE = " || ".join(
    f"CASE WHEN l.{name} IS DISTINCT FROM s.{name} THEN jsonb_build_object('{name}', l.{name}) "
    "ELSE '{}' END"
    for name in _WRITTEN
)
_RECORD = f"""
INSERT INTO change (run_id, listing_id, action, previous)
SELECT :run, s.id, CASE WHEN l.id IS NULL THEN 'added' ELSE 'changed' END,
 CASE WHEN l.id IS NOT NULL THEN jsonb_build_object('last_seen', l.last_seen) ||
  CASE WHEN l.said IS NULL THEN {_BEFORE} ELSE coalesce((SELECT jsonb_object_agg(key, value)
   FROM jsonb_each(l.said) WHERE value IS DISTINCT FROM to_jsonb(s) -> key), '{{}}') END END
FROM staged s LEFT JOIN before l ON l.id = s.id WHERE s.fresh
UNION ALL SELECT :run, l.id, 'returned', jsonb_build_object('last_seen', l.last_seen)
FROM before l JOIN staged s ON l.external_id = s.external_id
WHERE NOT s.fresh AND NOT s.refused AND l.last_seen IS NOT NULL
"""
_RECORD_GONE = """
INSERT INTO change (run_id, listing_id, action, previous)
SELECT :run, l.id, CASE WHEN last_seen IS NULL THEN 'missing' ELSE 'gone' END,
 jsonb_build_object('last_seen', last_seen, 'status', coalesce(said ->> 'status', status),
  'content_hash', content_hash)
FROM listing l WHERE {where}
"""
_PUT_BACK = f"""
UPDATE listing l SET ({", ".join(_WRITTEN)}, last_seen, position) =
 (SELECT {", ".join(f"r.{name}" for name in _WRITTEN)}, r.last_seen, {POINT.format("r")}
  FROM jsonb_populate_record(l, c.previous) AS r)
FROM change c WHERE c.run_id = :run AND c.listing_id = l.id AND c.previous IS NOT NULL
 AND l.said IS NULL"""
_PUT_BACK_SAID = """
UPDATE listing l SET said = l.said || (c.previous - 'last_seen'),
 last_seen = CAST(c.previous ->> 'last_seen' AS date)
FROM change c WHERE c.run_id = :run AND c.listing_id = l.id AND c.previous IS NOT NULL
 AND l.said IS NOT NULL RETURNING l.id"""
# What nobody had before the run, and somebody edited since, is kept out of sight for its return.
_HIDE = """
UPDATE listing l SET said = l.said || '{"status": "gone", "content_hash": ""}',
 last_seen = CURRENT_DATE
FROM change c WHERE c.run_id = :run AND c.listing_id = l.id AND c.action = 'added'
 AND l.said IS NOT NULL RETURNING l.id"""
_PRUNE = f"""
DELETE FROM change WHERE run_id IN (SELECT DISTINCT run_id FROM change
JOIN import_run r ON r.id = run_id WHERE source_id = :source AND run_id <> :run
ORDER BY run_id DESC OFFSET {KEPT - 1})"""


def record(connection: Connection, source: str, run: int, gone: str | None) -> None:
    """Write down what the merge of ``staged`` will change, before it does.

    gone: a condition on ``listing l`` for those newly missing or to become tombstones, if any.
    What is older than the last runs is dropped.
    """
    values = {"source": source, "run": run}
    connection.execute(text(_RECORD), values)
    if gone:
        connection.execute(text(_RECORD_GONE.format(where=gone)), values)
    connection.execute(text(_PRUNE), values)


def put_back(connection: Connection, run: int) -> tuple[int, int]:
    """Make listings what they were before ``run``; how many were removed and how many restored."""
    removed = connection.execute(
        text(
            "DELETE FROM listing USING change c WHERE c.run_id = :run AND c.action = 'added' "
            "AND listing.id = c.listing_id AND said IS NULL"
        ),
        {"run": run},
    )
    restored = connection.execute(text(_PUT_BACK), {"run": run})
    hidden = list(connection.execute(text(_HIDE), {"run": run}).scalars())
    edited = list(connection.execute(text(_PUT_BACK_SAID), {"run": run}).scalars())
    overrides.reapply(connection, hidden + edited)
    return removed.rowcount + len(hidden), restored.rowcount + len(edited)


def forget(connection: Connection, run: int) -> None:
    """Drop what is kept of a run that was put back."""
    connection.execute(text("DELETE FROM change WHERE run_id = :run"), {"run": run})
