"""What is computed from a record before it is stored: quality, hashes, columns.

Everything here is a pure function of the record and of our rules. ``RULES`` names the rules,
so that an import after an upgrade derives the stored rows anew.
"""

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from directory import schedule, words
from directory.bits import bits
from directory.clean import json_value
from directory.config import DATA
from directory.records import Note, Record

NAMESPACE = uuid.UUID("6f0f7ad1-5c1e-5d5e-9f0b-6a8f6a6b7c11")

_ENCODER = json.JSONEncoder(
    sort_keys=True, default=str, separators=(",", ":"), check_circular=False
)

# How complete a record is, as shares of 1; documented in docs/ranking.md.
_PHONE, _PLACE, _TEXT, _HOURS, _TERMS, _WEBSITE = 0.3, 0.2, 0.15, 0.1, 0.15, 0.1
# A power of two, by which shares are multiplied and divided without rounding.
STEPS = 32


@cache
def rules() -> str:
    """A fingerprint of what shapes stored rows: our code, and which bit is whose."""
    digest = blake2b(digest_size=8)
    here = Path(__file__).parent
    for name in "bits clean records locate words schedule derive judge overrides".split():
        digest.update((here / f"{name}.py").read_bytes())
    digest.update((DATA / "bits.txt").read_bytes())
    return digest.hexdigest()


def listing_id(source: str, external_id: str) -> uuid.UUID:
    """The listing's id: stable as long as the source keeps its own id."""
    return uuid.uuid5(NAMESPACE, f"{source}\n{external_id}")


def content_hash(fields: Mapping[str, Any]) -> str:
    """A hash of what the feed says and of ``rules``; equal means nothing to do."""
    text = _ENCODER.encode(fields)
    return blake2b(f"{rules()}{text}".encode("utf-8", "replace"), digest_size=16).hexdigest()


def quality(record: Record) -> float:
    """How complete a record is, 0 to 1. Nothing in it can be bought."""
    reachable = bool(record.phones or record.join_url or record.join_phone)
    placed = record.precision in ("exact", "street") or not record.in_person
    share = (
        _PHONE * reachable
        + _PLACE * placed
        + _TEXT * bool(record.description)
        + _HOURS * bool(record.sessions)
        + _TERMS * min(1.0, math.log2(1 + len(record.terms)) / 4)
        + _WEBSITE * bool(record.website)
    )
    return round(share, 3)


def quality_lexeme(share: float) -> str:
    """What finds records by how complete they are, in steps of one in ``STEPS``."""
    return f"quality:{int(share * STEPS)}"


def quality_from(share: float) -> str:
    """A tsquery for the step that ``share`` is in, and for all above it."""
    steps = range(int(share * STEPS), STEPS + 1)
    return " | ".join(f"'{quality_lexeme(step / STEPS)}'" for step in steps)


def columns(source: str, record: Record, digest: str, notes: list[Note]) -> dict[str, Any]:
    """The record as the values of the listing's columns, in PostgreSQL's text forms."""
    values = dict(record.__dict__)  # model_dump would copy what is written out at once
    for name in ("street", "served", "terms"):
        values[name] = _array(values[name])
    spans = schedule.weekly([vars(session) for session in record.sessions])
    hours = schedule.lexemes(tuple(spans or ()), record.timezone or "UTC")
    for name in ("sessions", "phones", "extra"):
        values[name] = _json(values[name])
    values["id"] = str(listing_id(source, record.external_id))
    values["source_id"] = source
    values["weekly"] = None if spans is None else schedule.multirange(spans)
    values["verified_on"] = record.verified_on and record.verified_on.isoformat()
    values["quality"] = quality(record)
    values["bits"] = bits(record.kind, record.terms)
    values["content_hash"] = digest
    # What a note quotes of a feed may be anything.
    values["repairs"] = _json(json_value([asdict(note) for note in notes]))
    values["search"] = words.search_vector(record, (*hours, quality_lexeme(values["quality"])))
    values["name_key"] = words.name_key(record.name)
    return values


def _json(value: Any) -> str:
    return to_json(value).decode() if value else ("{}" if value == {} else "[]")


def _array(items: list[str]) -> str:
    """A text[] in PostgreSQL's text form."""
    text = '","'.join(items)
    if "\\" in text or text.count('"') != 2 * max(0, len(items) - 1):
        text = '","'.join(item.replace("\\", "\\\\").replace('"', '\\"') for item in items)
    return f'{{"{text}"}}' if items else "{}"
