"""Maintainers' edits, field by field, over what a source says of a listing.

``listing.overrides`` holds them: field -> ``value``, ``was`` (what the source said then), ``by``
and ``on``. ``listing.said`` holds all columns that an import writes, as the source alone gives
them, and is null where there are no edits. What is searched and shown is always made of the two:
imports and undo change what the source says, then put the edits in place again.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, text

from directory import derive
from directory.judge import COLUMNS
from directory.locate import Gazetteer, locate
from directory.models import Listing
from directory.records import Note, Phone, Record, Session

BATCH = 500
"""Listings whose edits are put in place at a time."""
POSITION = ("latitude", "longitude")
ADDRESS = ("street", "city", "region", "postal_code", "country")
FIELDS = (
    *("name", "organization", "description", "eligibility", "fees", "min_age", "max_age"),
    *("status", *ADDRESS, *POSITION, "address_public", "in_person", "online"),
    *("join_url", "join_phone", "timezone", "sessions", "recurrence_note"),
    *("phones", "website", "email", "terms", "verified_on"),
)
"""What a maintainer may edit."""
_PLACED_BY_US = {"placed", "geocoded", "stray_point"}
# What an edit of another field may change with it.
_FOLLOWS = {*POSITION, "precision", "timezone", "status", "min_age", "max_age", "verified_on"}
_HIDDEN = {"street", "postal_code", "extra"}
_AS_JSON = ("sessions", "phones", "extra", "repairs")

Values = Mapping[str, Any]

_OTHERS = [c.name for c in Listing.__table__.columns if c.name not in COLUMNS]
SAID = f"to_jsonb(l) - ARRAY[{', '.join(map(repr, _OTHERS))}]"
"""SQL: what an import writes, of a ``listing l`` that shows its source's own columns."""
_SET = ", ".join(COLUMNS)
_POINT = (
    "CASE WHEN r.longitude IS NOT NULL THEN "
    "ST_SetSRID(ST_MakePoint(r.longitude, r.latitude), 4326)::geography END"
)
_PUT = f"""
UPDATE listing l SET ({_SET}, position) =
 (SELECT {", ".join(f"r.{name}" for name in COLUMNS)}, {_POINT}
  FROM jsonb_populate_record(l, n.columns) AS r),
 said = CASE WHEN l.overrides <> '{{}}' THEN l.said END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n (id uuid, columns jsonb) WHERE l.id = n.id"""


def together(fields: Iterable[str]) -> set[str]:
    """The fields with those that make no sense apart: half a point is none."""
    found = set(fields)
    return found | set(POSITION) if found & set(POSITION) else found


def edited(
    said: Values, edits: Values, gazetteer: Gazetteer, doubts: list[Note]
) -> tuple[Record, list[Note]]:
    """The record of a listing with ``edits`` in place of what its source says, and the repairs
    that stand in it.

    What could not be taken as it is in an edit is noted in ``doubts``. An address that its source
    withholds stays withheld, and the later of two verifications counts. Raises pydantic's
    ``ValidationError``.
    """
    fields = {name: said[name] for name in Record.model_fields} | dict(edits)
    fields["address_public"] = said["address_public"] and fields["address_public"]
    fields["verified_on"] = max(filter(None, map(_day, (said, edits))), default=None)
    if fields["status"] == "gone":
        fields["status"] = "active"
    moved = bool(edits.keys() & {*POSITION, *ADDRESS, "address_public", "in_person", "timezone"})
    _unplace(fields, said, edits)
    notes: list[Note] = []
    record = Record.model_validate(fields, context=notes)
    own = edits.keys() | ({"min_age"} if "max_age" in edits else set())
    doubts += [note for note in notes if note.field in own]
    _as_said(record, said, edits)
    repairs = [
        Note(note["field"], note["code"], note["message"])
        for note in said["repairs"]
        if note["field"] not in edits
    ]
    if not moved:
        for name in (*POSITION, "precision", "timezone"):
            setattr(record, name, said[name])
        return record, repairs
    found: list[Note] = []
    locate(record, gazetteer, found)
    if record.timezone == "UTC" and "timezone" not in edits:
        record.timezone = said["timezone"]
    if edits.keys() & set(POSITION) and record.in_person:
        doubts += [note for note in found if note.code != "placed"]
    return record, [note for note in repairs if note.field != "latitude"] + found


def _day(values: Values) -> date | None:
    given = values.get("verified_on")
    return date.fromisoformat(given) if given else None


def _unplace(fields: dict[str, Any], said: Values, edits: Values) -> None:
    """Take away what follows from the old place, so that it is found anew from the new one."""
    moved = edits.keys() & {*ADDRESS, *POSITION}
    if moved - {"street"} and "timezone" not in edits:
        fields["timezone"] = None
    if edits.keys() & set(POSITION):
        fields["precision"] = "exact"
    elif moved and _PLACED_BY_US & {note["code"] for note in said["repairs"]}:
        fields |= dict.fromkeys(POSITION)


def _as_said(record: Record, said: Values, edits: Values) -> None:
    """Keep what nobody edited to the letter: cleaning a text twice may change it once more."""
    kept = set(Record.model_fields) - edits.keys() - _FOLLOWS
    if not record.address_public:
        kept -= {*_HIDDEN, "address_public"}
    for name in kept:
        value = said[name]
        if name == "sessions":
            value = [Session.model_construct(**item) for item in value]
        elif name == "phones":
            value = [Phone.model_construct(**item) for item in value]
        setattr(record, name, value)


def columns(said: Values, record: Record, repairs: list[Note], edits: Values) -> dict[str, Any]:
    """What is shown and searched of an edited listing, as JSON that PostgreSQL reads."""
    found = derive.columns(said["source_id"], record, said["content_hash"], repairs)
    for name in _AS_JSON:
        found[name] = json.loads(found[name])
    if said["status"] == "gone" and "status" not in edits:
        found["status"] = "gone"
    return found


def in_force(said: Values, edits: Values, gazetteer: Gazetteer) -> dict[str, Any]:
    """The columns with all edits that can be applied to what the source says now.

    One that no longer can, such as a term that the vocabulary has lost, must not keep the rest,
    nor the whole import, from being shown: it is left out, and the desk says so.
    """
    edits = dict(edits)
    while edits:
        try:
            record, repairs = edited(said, edits, gazetteer, [])
            return columns(said, record, repairs, edits)
        except ValidationError as error:
            wrong = {each["loc"][0] for each in error.errors() if each["loc"]} & edits.keys()
            edits = {name: edits[name] for name in edits if wrong and name not in wrong}
    return dict(said)


def reapply(
    connection: Connection, ids: Sequence[uuid.UUID], gazetteer: Gazetteer | None = None
) -> None:
    """Make the columns of edited listings from what their sources say and the edits. A listing
    whose last edit was taken away shows again what its source says, and forgets the rest."""
    gazetteer = gazetteer or Gazetteer(connection)
    query = text(
        "SELECT id, said, overrides FROM listing WHERE id = ANY(:ids) AND said IS NOT NULL"
    )
    for start in range(0, len(ids), BATCH):
        found = connection.execute(query, {"ids": list(ids[start : start + BATCH])}).all()
        rows = [
            {
                "id": str(row.id),
                "columns": in_force(row.said, values_of(row.overrides), gazetteer),
            }
            for row in found
        ]
        connection.execute(text(_PUT), {"rows": json.dumps(rows)})


def values_of(overrides: Values) -> dict[str, Any]:
    """The edits alone: field -> value."""
    return {field: override["value"] for field, override in overrides.items()}


def renew(connection: Connection) -> None:
    """After an import wrote its rows: what they say is what the source says of edited listings
    now, and the edits stand."""
    fresh = text(
        "SELECT l.id FROM staged s JOIN listing l ON l.id = s.id AND l.said IS NOT NULL "
        "WHERE s.fresh"
    )
    ids = list(connection.execute(fresh).scalars())
    if ids:
        said = text(f"UPDATE listing l SET said = {SAID} WHERE id = ANY(:ids)")
        connection.execute(said, {"ids": ids})
        reapply(connection, ids)
