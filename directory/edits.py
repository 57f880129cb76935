"""What people do to a listing: write a field, keep it, drop it, confirm that all is right.

Everything here is in the transaction of its ``connection``; each act ends with the listing
compared anew with those of other sources, and is entered in the journal (table ``edit``).
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, text

from directory import matching, overrides
from directory.errors import UsageError
from directory.locate import Gazetteer
from directory.overrides import FIELDS, SAID, together, values_of
from directory.records import Note
from directory.runs import writing

SHOWN = 100
"""Edits that a list of them shows at once."""
LISTED_PLACE = "the listed place"
"""Who confirmed by the link that a maintainer sent."""

_FORM = f"""
SELECT l.source_id, coalesce(l.said, {SAID}) AS said, l.overrides, to_jsonb(l) AS live
FROM listing l WHERE l.id = :id"""
_STORE = f"""
UPDATE listing l SET said = coalesce(l.said, {SAID}), overrides = CAST(:overrides AS jsonb)
WHERE id = :id"""
_ENTER = """
INSERT INTO edit (listing_id, field, action, was, became, by)
VALUES (:id, :field, :action, CAST(:was AS jsonb), CAST(:became AS jsonb), :by)"""


class EditError(UsageError):
    """What is wrong with edits: field -> what would be right."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in wrong.items()))
        self.wrong = dict(wrong)


@dataclass(frozen=True, slots=True)
class Edited:
    """A listing as a maintainer works on it: what its source says, what is shown, and the edits
    (field -> value, was, by, on)."""

    id: uuid.UUID
    source: str
    said: dict[str, Any]
    live: dict[str, Any]
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)


def find(connection: Connection, listing: uuid.UUID) -> Edited:
    """A listing to be edited; ``UsageError`` where there is none."""
    row = connection.execute(text(_FORM), {"id": listing}).one_or_none()
    if row is None:
        raise UsageError(f"There is no listing {listing}.")
    return Edited(listing, row.source_id, row.said, row.live, row.overrides)


def _begin(connection: Connection, listing: uuid.UUID) -> Edited:
    """The listing, which nobody else writes until the transaction ends: no import of its source
    either, for that has read the edits already."""
    writing(connection, find(connection, listing).source)
    matching.exclusive(connection)
    return find(connection, listing)


def write(
    connection: Connection, listing: uuid.UUID, values: Mapping[str, Any], by: str
) -> set[str]:
    """Set fields of a listing to ``values``, as ``Record`` takes them; the fields that changed.

    A value that the source gives as well is no edit, but the end of one. Raises ``EditError``
    where a value cannot be taken just as it is.
    """
    found = _begin(connection, listing)
    edits = values_of(found.overrides) | dict(values)
    edits |= {name: edits.get(name, found.live[name]) for name in together(values)}
    gazetteer = Gazetteer(connection)
    checked = _checked(gazetteer, found.said, edits, together(values))
    new = {name: value for name, value in checked.items() if value != found.live[name]}
    today = connection.execute(text("SELECT CURRENT_DATE::text")).scalar_one()
    kept = dict(found.overrides)
    for name in together(new):
        if checked[name] == found.said[name] and not together([name]) & _differing(checked, found):
            kept.pop(name, None)
        else:
            mine = {"value": checked[name], "was": found.said[name], "by": by, "on": today}
            kept[name] = mine
    if new:
        entries = _entries("wrote", new, by, found.live, checked)
        _end(connection, found, kept, entries, gazetteer)
    return set(new)


def _differing(checked: Mapping[str, Any], found: Edited) -> set[str]:
    return {name for name, value in checked.items() if value != found.said[name]}


def _checked(
    gazetteer: Gazetteer, said: Mapping[str, Any], edits: Mapping[str, Any], new: set[str]
) -> dict[str, Any]:
    """The new values as they will be stored."""
    if unknown := new - set(FIELDS):
        raise EditError(dict.fromkeys(sorted(unknown), "cannot be edited"))
    doubts: list[Note] = []
    try:
        record, _ = overrides.edited(said, edits, gazetteer, doubts)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        named = {str(each["loc"][0]) if each["loc"] else "row": each["msg"] for each in found}
        raise EditError(named) from error
    wrong = {note.field: note.message.removeprefix("dropped: ") for note in reversed(doubts)}
    if "address_public" in new and edits["address_public"] and not record.address_public:
        wrong["address_public"] = "its source keeps the address to itself, and so do we"
    if wrong:
        raise EditError(wrong)
    stored = record.model_dump(mode="json")
    return {name: stored[name] for name in new}


def drop(connection: Connection, listing: uuid.UUID, fields: Iterable[str], by: str) -> None:
    """Show again what the source says in ``fields``, at once."""
    found = _begin(connection, listing)
    gone = together(fields) & found.overrides.keys()
    kept = {name: mine for name, mine in found.overrides.items() if name not in gone}
    if gone:
        _end(connection, found, kept, _entries("dropped", gone, by, found.live, found.said))


def keep(connection: Connection, listing: uuid.UUID, fields: Iterable[str], by: str) -> None:
    """Let edits stand though the source says something new, which has been seen now."""
    found = _begin(connection, listing)
    seen = together(fields) & found.overrides.keys()
    kept = {
        name: mine | {"was": found.said[name]} if name in seen else mine
        for name, mine in found.overrides.items()
    }
    if kept != found.overrides:
        _end(connection, found, kept, _entries("kept", seen, by, found.live, found.live))


def verify(connection: Connection, listing: uuid.UUID, by: str) -> bool:
    """Note that somebody says today that all of a listing is right; False where that is known."""
    today = connection.execute(text("SELECT CURRENT_DATE::text")).scalar_one()
    return bool(write(connection, listing, {"verified_on": today}, by))


def _entries(
    action: str, fields: Iterable[str], by: str, was: Mapping[str, Any], became: Mapping[str, Any]
) -> list[dict[str, str]]:
    """What the journal says of each field."""
    return [
        {
            "action": action,
            "field": name,
            "by": by,
            "was": json.dumps(was[name]),
            "became": json.dumps(became[name]),
        }
        for name in sorted(fields)
    ]


def _end(
    connection: Connection,
    found: Edited,
    kept: Mapping[str, Any],
    entries: list[dict[str, str]],
    gazetteer: Gazetteer | None = None,
) -> None:
    """Store the edits, show what follows from them, and enter them in the journal."""
    connection.execute(text(_STORE), {"id": found.id, "overrides": json.dumps(kept)})
    overrides.reapply(connection, [found.id], gazetteer)
    connection.execute(text(_ENTER), [{"id": found.id, **entry} for entry in entries])
    matching.match(connection, [[found.id]])
    connection.execute(text("UPDATE generation SET number = number + 1"))


# An edit is to be looked at where the source says something new, or where it cannot be shown.
_ASTRAY = """
SELECT l.id::text AS listing, l.name, s.title AS source, o.key AS field, o.value -> 'value' AS ours,
 o.value -> 'was' AS was, l.said -> o.key AS says, o.value ->> 'by' AS by, o.value ->> 'on' AS on,
 to_jsonb(l) -> o.key IS DISTINCT FROM o.value -> 'value' AS idle,
 l.address_public AND l.said -> 'address_public' <> 'false' AS public
FROM listing l JOIN source s ON s.id = l.source_id CROSS JOIN jsonb_each(l.overrides) AS o
WHERE l.said IS NOT NULL AND o.key <> 'verified_on' AND (l.said -> o.key <> o.value -> 'was'
 OR to_jsonb(l) -> o.key IS DISTINCT FROM o.value -> 'value')
AND (CAST(:listing AS uuid) IS NULL OR l.id = :listing)
ORDER BY l.name, l.id, o.key LIMIT :most"""
WITHHELD = {"street", "postal_code", *overrides.POSITION}
"""What nobody is shown of an address that is not public."""


def astray(connection: Connection, listing: uuid.UUID | None = None) -> list[dict[str, Any]]:
    """Edits that somebody must look at, of one listing or of all, for the source says something
    new underneath: listing (id), name, source (title), field, ours, was, says, by and on.
    ``idle``: it cannot be shown any more. Of an address that is withheld no value is given.
    """
    values = {"listing": listing, "most": SHOWN}
    rows = [dict(row) for row in connection.execute(text(_ASTRAY), values).mappings()]
    return [
        row | dict.fromkeys(("ours", "was", "says"), "withheld")
        if row["field"] in WITHHELD and not row["public"]
        else row
        for row in rows
    ]
