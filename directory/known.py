"""Rows of a feed that come again: their listings are known without the rows being read.

Table ``known_row`` remembers by the digest of a row which listing it makes and what its
``content_hash`` then is. Where the listing has that hash still, the row changes nothing. All that
makes a listing of a row is in the digest, but for what geocoders have answered since: then every
row is read. So nobody need ever clear this memory.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from directory.records import Item

# LATERAL and OFFSET: one look into each index for a row, also where the planner knows too little
# of a table that has just been filled.
_STAGE = text("""
INSERT INTO staged (seq, place, digest, known, fresh, refused, external_id, content_hash, repairs)
SELECT seq, place, row.digest, true, false, false, external_id, content_hash, repairs
FROM unnest(CAST(:seqs AS bigint[]), CAST(:places AS text[]), CAST(:digests AS uuid[]))
 AS row (seq, place, digest),
LATERAL (SELECT k.external_id, k.content_hash FROM known_row k
 WHERE k.source_id = :source AND k.digest = row.digest OFFSET 0) AS known,
LATERAL (SELECT l.repairs FROM listing l WHERE l.source_id = :source
 AND l.external_id = known.external_id AND l.content_hash = known.content_hash OFFSET 0) AS same
RETURNING seq""")
_ALL_OF_THEM = text("""
SELECT (SELECT count(*) FROM known_row WHERE source_id = :source)
 = (SELECT count(*) FROM staged WHERE known)""")
_FORGET = text("""
DELETE FROM known_row k WHERE source_id = :source
AND NOT EXISTS (SELECT FROM staged s WHERE s.digest = k.digest)""")
_REMEMBER = text("""
INSERT INTO known_row AS k (source_id, digest, external_id, content_hash)
SELECT :source, digest, external_id, content_hash FROM staged
WHERE digest IS NOT NULL AND known IS NULL AND NOT refused ORDER BY digest
ON CONFLICT (source_id, digest) DO UPDATE SET content_hash = excluded.content_hash
WHERE k.content_hash <> excluded.content_hash""")


News = tuple[int, str | None, Item]
"""An item by its number in the feed and its digest, where it is to be known the next time."""


def stage(connection: Connection, source: str, news: Sequence[News]) -> set[int]:
    """Put the items that are known into the table ``staged``; their numbers."""
    seqs, digests, items = zip(*news, strict=True)
    # As text, which PostgreSQL reads much quicker than an array of expressions.
    arrays = {"seqs": seqs, "digests": digests}
    written = {name: f"{{{','.join(map(str, each))}}}" for name, each in arrays.items()}
    values = {"source": source, "places": [item.where for item in items], **written}
    return set(connection.execute(_STAGE, values).scalars())


def remember(connection: Connection, source: str) -> None:
    """Keep what was staged of a good run, and forget what it had no more."""
    if not connection.execute(_ALL_OF_THEM, {"source": source}).scalar():
        connection.execute(_FORGET, {"source": source})
    connection.execute(_REMEMBER, {"source": source})
