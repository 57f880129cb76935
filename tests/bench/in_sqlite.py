"""SQLite with FTS5 and R*Tree, in one file that is never changed after it is built.

Near a place, the R*Tree gives the doors in a box around the circle; a narrow table says what they
are (terms and kind as bits, to be tested, and as bytes, to be counted; hours are in a table of
spans), and Bowring's formula in Python how far. Words are looked for in the stored lexemes of each
door: joined with FTS5, it takes up to fifteen times as long, by row or by all matches at once.

Elsewhere, FTS5 gives rows in the order of their numbers, which is that of completeness: so the
page is the first 20 of each tier, and nothing is sorted. Up to 10,000 matches are counted. Beyond,
the counts are those of at most 2,000 matches in a second FTS5 table, a sixteenth of the rows in an
order without meaning.

Terms are counted in Python, a byte for each, in place of the product's bits: joining matches with a
table of terms and grouping takes SQLite about four times as long.

Statements are prepared once and kept by Python's module; the file is mapped into memory, with no
journal and no locks; FTS5's index is merged into one. The order of each join is written down.
There is no ``ANALYZE``: with its numbers SQLite 3.40 makes a Bloom filter of the whole table of
facts for every question near a place.
"""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from directory import schedule
from directory.records import KINDS
from directory.search import EXACT_TO, SAMPLE
from directory.vocabulary import vocabulary
from tests.bench.asks import Ask, Group
from tests.bench.opponents import (
    FIRST,
    GAP,
    SHARE,
    Answer,
    Box,
    Counts,
    Document,
    Opponent,
    box,
    metres_from,
)

_BITS = 62
_CODES = [*(f"kind:{kind}" for kind in KINDS), *vocabulary().terms]
_NUMBER = {code: number for number, code in enumerate(_CODES)}
_MASKS = -(-len(_CODES) // _BITS)
_MASK_NAMES = [f"mask{n}" for n in range(_MASKS)]
_MASK_LIST = ", ".join(_MASK_NAMES)

_FTS = """fts5(name, terms, rest, content='', columnsize=0,
    tokenize="unicode61 remove_diacritics 0 tokenchars ':_-'")"""
_SCHEMA = f"""
CREATE TABLE fact (number INTEGER PRIMARY KEY, lat REAL, lon REAL, detour REAL NOT NULL,
    zone INTEGER NOT NULL, codes BLOB NOT NULL,
    {", ".join(f"{mask} INTEGER NOT NULL" for mask in _MASK_NAMES)});
CREATE TABLE lexemes (number INTEGER PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE listing (number INTEGER PRIMARY KEY, shown TEXT NOT NULL);
CREATE TABLE span (number INTEGER, first INTEGER, last INTEGER, PRIMARY KEY (number, first))
    WITHOUT ROWID;
CREATE VIRTUAL TABLE door USING rtree(number, west, east, south, north);
CREATE VIRTUAL TABLE door_sample USING rtree(number, west, east, south, north);
CREATE VIRTUAL TABLE words USING {_FTS};
CREATE VIRTUAL TABLE words_sample USING {_FTS};
CREATE TABLE sample (spot INTEGER PRIMARY KEY, number INTEGER NOT NULL);
"""
_FINISH = """
INSERT INTO words(words) VALUES ('optimize');
INSERT INTO words_sample(words_sample) VALUES ('optimize');
"""


class InSqlite(Opponent):
    """The tables of ``_SCHEMA`` in ``folder``/bench.sqlite."""

    name = "SQLite"

    def __init__(self, connection: sqlite3.Connection, zones: list[str], now: datetime) -> None:
        super().__init__(now)
        self._connection = connection
        self._metres = metres_from(0, 0)
        # Which OR choices each match held meets, and its codes.
        self._held: list[tuple[int, bytes]] = []
        connection.create_function("metres", 2, self._distance)
        connection.execute("PRAGMA temp_store = memory")
        connection.execute("CREATE TEMP TABLE clock (zone INTEGER PRIMARY KEY, minute INTEGER)")
        minutes = ((n, schedule.local_minute(zone, self.now)) for n, zone in enumerate(zones))
        connection.executemany("INSERT INTO clock VALUES (?, ?)", minutes)
        self._size = connection.execute("SELECT max(number) FROM fact").fetchone()[0]
        self._spots = connection.execute("SELECT max(spot) FROM sample").fetchone()[0] or 1

    @classmethod
    def build(cls, found: Iterator[Document], folder: Path, now: datetime) -> "InSqlite":
        """The file, filled, and opened to be read."""
        connection = sqlite3.connect(
            folder / "bench.sqlite", isolation_level=None, cached_statements=1_000
        )
        for pragma in ("journal_mode = off", "synchronous = off", "locking_mode = exclusive"):
            connection.execute(f"PRAGMA {pragma}")
        for pragma in ("cache_size = -1000000", "mmap_size = 64000000000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_SCHEMA)
        connection.execute("BEGIN")
        zones: dict[str, int] = {}
        spots: list[Document] = []
        while batch := list(islice(found, 10_000)):
            _insert(connection, batch, zones)
            spots += [document for document in batch if document.number % SHARE == 0]
        random.Random(1).shuffle(spots)
        for table, rows in (
            ("sample VALUES (?, ?)", ((n, d.number) for n, d in enumerate(spots))),
            (
                "words_sample (rowid, name, terms, rest) VALUES (?, ?, ?, ?)",
                ((n, d.name, " ".join(_codes(d)), d.rest) for n, d in enumerate(spots)),
            ),
        ):
            connection.executemany(f"INSERT INTO {table}", rows)
        connection.execute("COMMIT")
        connection.executescript(_FINISH)
        return cls(connection, list(zones), now)

    def _distance(self, lat: float, lon: float) -> float:
        return self._metres(lat, lon)

    def _all(self, sql: str, values: Any = ()) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    # --- near a place ---

    def boxed(self, within: Box) -> int:
        sql = f"SELECT count(*) FROM door_sample WHERE {_BOX}"
        values = {name: getattr(within, name) for name in Box.__slots__}
        return int(self._all(sql, values)[0][0])

    def gather(self, ask: Ask, radius_m: float, *, sampled: bool = False) -> None:
        assert ask.place is not None
        self._metres = metres_from(ask.place.lat, ask.place.lon)
        within = box(ask.place.lat, ask.place.lon, radius_m)
        values: dict[str, Any] = {name: getattr(within, name) for name in Box.__slots__}
        values["radius"] = radius_m + 1e-6
        inner, outer, tier, join = [_has_all(ask.required)], ["metres <= :radius"], "0", ""
        if ask.open_now:
            inner.append(
                "EXISTS (SELECT 1 FROM clock c CROSS JOIN span s WHERE c.zone = f.zone"
                " AND s.number = f.number AND first <= minute AND last > minute)"
            )
        if groups := ask.groups:
            join = " JOIN lexemes USING (number)"
            values |= {f"w{n}": f" {' '.join(g.phrase)} " for n, g in enumerate(groups)}
            outer.append(_has_words(groups, "text"))
            name, terms = _has_words(groups, "name", codes=False), _has_words(groups, "name")
            tier = f"CASE WHEN {name} THEN 0 WHEN {terms} THEN 1 ELSE 2 END"
        found = self._all(
            f"""SELECT metres, detour, {tier}, number, met, codes FROM (
  SELECT f.number, metres(lat, lon) AS metres, detour, {_met(ask)} AS met, codes, {_MASK_LIST}
  FROM door{"_sample" if sampled else ""} d CROSS JOIN fact f ON f.number = d.number
  WHERE {_BOX} AND {" AND ".join(inner)} LIMIT -1
) AS f{join} WHERE {" AND ".join(outer)}""",
            values,
        )
        every = _every(ask)
        self.hits = [row[:4] for row in found if row[4] == every]
        self._held = [row[4:] for row in found]

    def counts(self, ask: Ask) -> Counts:
        every = _every(ask)
        bits = {facet: 1 << n for n, facet in enumerate(ask.choices)}
        strings: dict[int, list[bytes]] = {}
        for met, codes in self._held:
            strings.setdefault(met, []).append(codes)
        found: Counts = {}
        for met, parts in strings.items():
            codes = b"".join(parts)
            for number, code in enumerate(_CODES):
                if met | bits.get(code.split(":")[0], 0) == every and (n := codes.count(number)):
                    found[code] = found.get(code, 0) + n
        return found

    # --- anywhere ---

    def anywhere(self, ask: Ask) -> Answer:
        rows = self.rows(ask)
        always = _anywhere(ask, choices=False)
        if self._count(always) <= EXACT_TO:
            numbers = "SELECT rowid AS number FROM words WHERE words MATCH ?"
            if always:
                self._hold(ask, numbers, always)
            else:
                self._hold(ask, "SELECT number FROM fact")
            every = _every(ask)
            return Answer(rows, sum(met == every for met, _ in self._held), self.counts(ask))
        spots = "SELECT spot FROM sample LIMIT ?"
        values: tuple[Any, ...] = (SAMPLE,)
        if always:
            spots = "SELECT rowid AS spot FROM words_sample WHERE words_sample MATCH ? LIMIT ?"
            values = (always, SAMPLE)
        ((last, n),) = self._all(f"SELECT max(spot), count(*) FROM ({spots})", values)
        self._hold(ask, f"SELECT number FROM ({spots}) JOIN sample USING (spot)", *values)
        times = SHARE * (self._spots / last if n == SAMPLE else 1)
        counts = {code: round(found * times) for code, found in self.counts(ask).items()}
        total = self._count(_anywhere(ask)) if ask.choices else EXACT_TO
        return Answer(rows, min(total, EXACT_TO), counts, exact=False)

    def _count(self, matching: str) -> int:
        """How many rows match, up to one more than are counted."""
        if not matching:
            return int(min(self._size, EXACT_TO + 1))
        sql = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
        return int(self._all(sql, (matching, EXACT_TO + 1))[0][0])

    def _hold(self, ask: Ask, numbers: str, *values: Any) -> None:
        """Hold the rows of these numbers."""
        sql = f"SELECT {_met(ask)}, codes FROM ({numbers}) AS m CROSS JOIN fact f USING (number)"
        self._held = self._all(sql, values)

    def page(self, ask: Ask) -> list[int]:
        found: list[int] = []
        if not (ask.groups or ask.terms):
            return [row[0] for row in self._all("SELECT number FROM fact LIMIT ?", (FIRST,))]
        for matching in _tiers(ask):
            if len(found) < FIRST:
                sql = "SELECT rowid FROM words WHERE words MATCH ? LIMIT ?"
                found += [row[0] for row in self._all(sql, (matching, FIRST - len(found)))]
        return found

    def texts(self, numbers: list[int]) -> list[str | bytes]:
        one = "SELECT shown FROM listing WHERE number = ?"
        return [self._all(one, (number,))[0][0] for number in numbers]


_BOX = "west <= :east AND east >= :west AND south <= :north AND north >= :south"


def _codes(document: Document) -> list[str]:
    return [f"kind:{document.kind}", *document.terms]


def _bytes(document: Document) -> bytes:
    return bytes(_NUMBER[code] for code in _codes(document))


def _insert(connection: sqlite3.Connection, batch: list[Document], zones: dict[str, int]) -> None:
    def zone(document: Document) -> int:
        return zones.setdefault(document.zone, len(zones))

    doors = [d for d in batch if d.lat is not None]
    points = [(d.number, d.lon, d.lon, d.lat, d.lat) for d in doors]
    connection.executemany(
        f"INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?{', ?' * _MASKS})",
        ((d.number, d.lat, d.lon, d.detour, zone(d), _bytes(d), *_mask(_codes(d))) for d in batch),
    )
    for table, rows in (
        ("listing VALUES (?, ?)", [(d.number, d.shown) for d in batch]),
        (
            "lexemes VALUES (?, ?, ?)",
            [(d.number, f" {d.name} ", f" {d.name}{GAP}{d.rest} ") for d in batch],
        ),
        ("span VALUES (?, ?, ?)", [(d.number, *span) for d in batch for span in d.spans]),
        ("door VALUES (?, ?, ?, ?, ?)", points),
        ("door_sample VALUES (?, ?, ?, ?, ?)", [p for p in points if p[0] % SHARE == 0]),
        (
            "words (rowid, name, terms, rest) VALUES (?, ?, ?, ?)",
            [(d.number, d.name, " ".join(_codes(d)), d.rest) for d in batch],
        ),
    ):
        connection.executemany(f"INSERT INTO {table}", rows)


def _mask(codes: Iterable[str]) -> tuple[int, ...]:
    masks = [0] * _MASKS
    for code in codes:
        masks[_NUMBER[code] // _BITS] |= 1 << _NUMBER[code] % _BITS
    return tuple(masks)


def _has_all(codes: list[str]) -> str:
    masks = zip(_MASK_NAMES, _mask(codes), strict=True)
    return " AND ".join(f"f.{name} & {mask} = {mask}" for name, mask in masks if mask) or "1"


def _has_any(codes: list[str]) -> str:
    masks = zip(_MASK_NAMES, _mask(codes), strict=True)
    return " OR ".join(f"f.{name} & {mask} != 0" for name, mask in masks if mask)


def _has_words(groups: list[Group], column: str, *, codes: bool = True) -> str:
    """Whether all words or phrases are in a text with a space around each, or codes stand for
    them. The n-th is the parameter wn."""
    parts = []
    for n, group in enumerate(groups):
        held = f"instr({column}, :w{n})"
        parts.append(
            f"({held} OR {_has_any(list(group.codes))})" if codes and group.codes else held
        )
    return " AND ".join(parts)


def _every(ask: Ask) -> int:
    """The bits of a row that meets every OR choice."""
    return (1 << len(ask.choices)) - 1


def _met(ask: Ask) -> str:
    """A bit for each OR choice that a row meets."""
    bits = (f"(({_has_any(c)}) << {n})" for n, c in enumerate(ask.choices.values()))
    return " | ".join(bits) or "0"


# --- FTS5's language: the tokens of a code are one, as colons are part of a token ---


def _any_of(parts: Iterable[str]) -> str:
    return "(" + " OR ".join(parts) + ")"


def _quoted(*tokens: str) -> str:
    return '"' + " ".join(tokens) + '"'


def _matching(groups: list[Group]) -> str:
    return " AND ".join(
        _any_of([_quoted(*group.phrase), *map(_quoted, group.codes)]) for group in groups
    )


def _in_name(groups: list[Group]) -> str:
    return " AND ".join(f"name : {_quoted(*g.phrase)}" for g in groups)


def _in_terms(groups: list[Group]) -> str:
    return " AND ".join(
        _any_of([f"name : {_quoted(*g.phrase)}", *map(_quoted, g.codes)]) for g in groups
    )


def _anywhere(ask: Ask, *, choices: bool = True) -> str:
    """What must match, with the OR choices or without; "" for everything."""
    parts = [_matching(ask.groups)] if ask.groups else []
    parts += map(_quoted, ask.required)
    if choices:
        parts += [_any_of(map(_quoted, codes)) for codes in ask.choices.values()]
    return " AND ".join(parts)


def _tiers(ask: Ask) -> list[str]:
    """What matches in each tier, in order."""
    everything = _anywhere(ask)
    if not ask.groups:
        return [everything]
    name, terms = _in_name(ask.groups), _in_terms(ask.groups)
    return [
        f"({everything}) AND ({name})",
        f"(({everything}) AND ({terms})) NOT ({name})",
        f"({everything}) NOT ({terms})",
    ]
