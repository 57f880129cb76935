"""Rows that were rejected or repaired: what each one needs, and how to find it again."""

from typing import Any

from sqlalchemy import Connection, text

from directory.errors import UsageError

SHOWN = 1_000
"""Rejected and repaired rows each that are listed at once."""

# Where a code begins so, this is what to do at the source; the longest beginning wins.
_REMEDIES = {
    "duplicate_id": "Give each row an id of its own, or take the repeated row out.",
    "no_id": "Give the row an id that stays the same.",
    "no_name": "Give it a name.",
    "no_service": "Describe a service, or take the row out.",
    "not_": "Make it an object with names and values.",
    "too_many_cells": "Put the cell that has a separator in it in quotation marks.",
    "unpublished": "Nothing is to be done, unless its publisher means to show it.",
    "invalid_": "Correct this field at the source; until then the last good row is shown.",
}
_FIELDS = {"duplicate_id": "external_id", "no_id": "external_id", "no_name": "name"}


def field_of(code: str) -> str | None:
    """The field that a rejected row's code is about."""
    name = code.removeprefix("invalid_")
    return _FIELDS.get(code) if name in (code, "row") else name.partition(".")[0]


def with_remedy(code: str, message: str) -> str:
    """What is wrong with a row, as a sentence, and what to do about it."""
    known = [start for start in _REMEDIES if code.startswith(start)]
    said = message if message.endswith(".") else f"{message}."
    return f"{said} {_REMEDIES[max(known, key=len)]}" if known else said


_REJECTS = """
SELECT 'rejected' AS verdict, position, field, code, message, sample, NULL AS listing
FROM reject WHERE run_id = :run AND (:code = '' OR code = :code)
AND (:words = '' OR strpos(lower(concat_ws(' ', position, code, message, sample)), :words) > 0)
ORDER BY id LIMIT :most"""
_REPAIRS = """
SELECT 'repaired' AS verdict, external_id AS position, note ->> 'field' AS field,
 note ->> 'code' AS code, note ->> 'message' AS message, name AS sample, l.id::text AS listing
FROM listing l, jsonb_array_elements(repairs) AS note
WHERE source_id = :source AND last_seen IS NULL AND repairs <> '[]'
AND (:code = '' OR note ->> 'code' = :code)
AND (:words = '' OR strpos(lower(concat_ws(' ', external_id, note ->> 'code',
 note ->> 'message', name)), :words) > 0)
ORDER BY external_id LIMIT :most"""


def find(
    connection: Connection, source: str, code: str = "", words: str = ""
) -> list[dict[str, Any]]:
    """The rows that the source's newest run rejected, and those that stand repaired.

    ``code`` and ``words`` narrow them down. A sample of a rejected row is how its source wrote
    it, as printable ASCII; of a repaired one it is the name. Raises UsageError where the source
    has no run that read its feed.
    """
    newest = text(
        "SELECT max(id) FROM import_run WHERE source_id = :source "
        "AND status IN ('applied', 'unchanged', 'refused', 'dry-run')"
    )
    run = connection.execute(newest, {"source": source}).scalar()
    if run is None:
        raise UsageError(f"{source} has not been imported; see directory sources.")
    return [
        *rejected(connection, run, code, words),
        *repaired(connection, source, code, words),
    ]


def rejected(
    connection: Connection, run: int, code: str = "", words: str = "", most: int = SHOWN
) -> list[dict[str, Any]]:
    """The rows that one run rejected, as ``find`` has them."""
    values = {"run": run, "code": code, "words": words.lower(), "most": most}
    return [dict(row) for row in connection.execute(text(_REJECTS), values).mappings()]


def repaired(
    connection: Connection, source: str, code: str = "", words: str = "", most: int = SHOWN
) -> list[dict[str, Any]]:
    """The repairs that stand in the source's listings, as ``find`` has them."""
    values = {"source": source, "code": code, "words": words.lower(), "most": most}
    return [dict(row) for row in connection.execute(text(_REPAIRS), values).mappings()]
