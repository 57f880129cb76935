"""Rows that nobody would publish, through an importer and into the database: each is counted.

What hypothesis draws is gathered into a few large feeds, for an import has its own cost.
ANY_ROWS=2500 asks for so many rows of each kind, ten thousand in all; the suite takes fewer.
"""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from directory.feed import open_feed
from directory.importing import importer
from directory.load import load
from directory.runs import SourceSpec
from tests.test_load import adds_up, fingerprint

ROWS = int(os.environ.get("ANY_ROWS", "150"))

# NUL, marks that turn text around, a byte order mark, what CP1252 has beside Latin-1, separators of
# lines and of our own staging, quotes, formulas, markup, half a pair of surrogates, and length.
_BAD = """\\0 \\u202e \\u2066 \\ufeff \\x80 \\x9f \\u2028 \\x1e \\x1f \\x85 \\r\\n \\\\N \\t ' " ;
=1+1 <script> %s {0} \\ud83d\\ude00 \\u0130 \\ufdfa \\U0010ffff \\x7f \\x1b[0m""".split()
BAD = [word.encode("ascii").decode("unicode_escape") for word in _BAD]
HUGE = ["é" * 20_000, "word " * 5_000, "9" * 5_000, "\u202e" * 300]
TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(BAD),
    st.lists(st.sampled_from(BAD), max_size=4).map("".join),
    st.sampled_from(HUGE),
)
# A larger integer ends the feed, as test_feed shows.
NUMBER = st.one_of(
    st.integers(1 - 2**63, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
JSON: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def deep(levels: int) -> Any:
    """Arrays in arrays."""
    value: Any = "end"
    for _ in range(levels):
        value = [value]
    return value


VALUE = st.one_of(JSON, TEXT, st.sampled_from([deep(90)]))


def some(names: str, **more: Any) -> Any:
    """Objects with any of ``names``, each with any value at all or one that it might have."""
    fields = dict.fromkeys(names.split(), VALUE)
    return st.fixed_dictionaries({}, optional={**fields, **more})


def often(good: Any) -> Any:
    """Mostly what is good, so that a row is not always refused for the same field."""
    return st.one_of(good, good, good, TEXT)


IDENTITY = st.one_of(VALUE, st.integers(0, 10**6), st.text(min_size=1, max_size=8))
NAME = st.one_of(VALUE, st.sampled_from(["Open Door", "Zoë’s"]))
MEETINGS = some(
    "group notes types location address city state postal_code country region latitude longitude "
    "timezone conference_url conference_phone url website attendance_option formatted_address",
    slug=IDENTITY,
    name=NAME,
    day=st.one_of(VALUE, st.integers(-1, 8)),
    time=st.one_of(VALUE, st.sampled_from(["19:30", "7:00 PM", "24:00"])),
    end_time=st.one_of(VALUE, st.just("20:30")),
)
SERVICES = some(
    "description url email status fees_description application_process eligibility_description "
    "minimum_age maximum_age assured_date alert organization service_at_locations phones schedules "
    "languages accessibility attributes cost_options funding required_documents service_areas",
    id=IDENTITY,
    name=NAME,
)
CELLS = st.fixed_dictionaries(
    {
        "external_id": often(st.integers(0, 10**6).map(str)),
        "kind": st.sampled_from(["treatment", "support_group", "counseling", "hotline", "casino"]),
        "name": often(st.just("Open Door")),
    },
    optional=dict.fromkeys(
        "organization description city region postal_code latitude longitude phones website email "
        "sessions verified_on street served timezone".split(),
        TEXT,
    )
    | {
        "country": often(st.just("US")),
        "min_age": often(st.integers(0, 130).map(str)),
        "online": often(st.sampled_from(["true", "no"])),
        "terms": often(st.just("service:detox pay:free")),
    },
)


GOOD = {"external_id": "1", "id": "1", "kind": "treatment", "name": "Open Door", "status": "active"}


def drawn(strategy: Any, count: int) -> list[Any]:
    """So many examples of a strategy."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def gather(value: Any) -> None:
        found.append(value)

    while len(found) < count:
        gather()
    return found[:count]


def as_json(path: Path, rows: list[Any]) -> None:
    path.write_text(json.dumps(rows), encoding="utf-8")


def as_table(encoding: str) -> Callable[[Path, list[Any]], None]:
    """A writer of tables in an encoding; what that cannot say becomes a question mark."""

    def write(path: Path, rows: list[Any]) -> None:
        names = sorted({name for row in rows for name in row} | {"external_id", "kind", "name"})
        with path.open("w", newline="", encoding=encoding, errors="replace") as stream:
            writer = csv.DictWriter(stream, names, restval="")
            writer.writeheader()
            # A table with NUL is binary: it is refused as a whole, as test_feed shows.
            for row in rows:
                writer.writerow({name: cell.replace("\0", "") for name, cell in row.items()})

    return write


@pytest.mark.parametrize(
    ("kind", "strategy", "write", "options"),
    [
        ("meeting_guide", st.one_of(MEETINGS, VALUE), as_json, {}),
        ("hsds", st.one_of(SERVICES, SERVICES, SERVICES, VALUE), as_json, {}),
        ("csv", CELLS, as_table("utf-8-sig"), {}),
        ("csv", CELLS, as_table("cp1252"), {"encoding": "cp1252"}),
    ],
    ids=["meeting_guide", "hsds", "csv", "csv in cp1252"],
)
def test_any_row_is_accounted_for(
    database: Engine,
    tmp_path: Path,
    kind: str,
    strategy: Any,
    write: Callable[[Path, list[Any]], None],
    options: dict[str, str],
) -> None:
    # The first row says what the feed is.
    feed, rows = tmp_path / "feed", [GOOD, *drawn(strategy, ROWS)]
    write(feed, rows)
    source = SourceSpec("any", kind, str(feed))
    read = importer(kind)
    first = load(database, source, read(str(feed), options, open_feed))
    assert adds_up(first)
    assert first.read >= len(rows) or kind == "hsds"  # HSDS: a service may be at several locations
    assert first.status == "applied"
    was = fingerprint(database)
    again = load(database, source, read(str(feed), options, open_feed))
    assert (again.read, again.same) == (first.read, first.added)
    assert again.status == "unchanged"
    assert fingerprint(database) == was
    with database.connect() as connection:
        count = text("SELECT count(*) FROM listing WHERE source_id = 'any'")
        assert connection.execute(count).scalar() == first.added
