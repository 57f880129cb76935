"""Tantivy, from Python, in one segment that is never changed after it is built.

Words, terms (with the kind), hours (a token for each half hour on each zone's clocks), numbers and
cells of one degree are indexed; latitude, longitude, completeness, number and terms are fast
fields, which are columns.

Near a place, range queries on latitude and longitude give the doors in a box around the circle,
within the cells that it touches: alone they read two columns to their end, ten times as long. The
score says which tier and which OR choices a row meets, each being a power of two. Python measures
the distances, by Bowring's formula, and sorts. Counts are a terms aggregation over the box, less
the rows in its corners.

Elsewhere, the page is the first 20 of each tier in the order of the numbers, and counts are a terms
aggregation over all matches: exact, as Tantivy's columns make that cheap. Near a crowded place a
sixteenth of the rows is a sample, as for the others.
"""

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Occur, Query

from directory import schedule
from directory.search import EXACT_TO
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

_SLOT = 30
_TERMS = {"terms": {"terms": {"field": "terms", "size": 1_000}}}
# A first guess of how many doors a box holds; more are fetched again.
_MANY = 20_000
# A box of more cells is found by its ranges alone.
_CELLS = 1_000


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("number", indexed=True, fast=True)
    for name in ("lat", "lon", "detour"):
        builder.add_float_field(name, fast=True)
    builder.add_boolean_field("sample", indexed=True)
    builder.add_text_field("cell", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("open", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("name", tokenizer_name="whitespace")
    builder.add_text_field("text", tokenizer_name="whitespace")
    builder.add_text_field("terms", fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("shown", stored=True)
    return builder.build()


class InTantivy(Opponent):
    """An index in ``folder``/tantivy."""

    name = "Tantivy"

    def __init__(self, index: tantivy.Index, zones: set[str], now: datetime) -> None:
        super().__init__(now)
        self._schema = index.schema
        self._searcher = index.searcher()
        self._zones = zones
        # What the last box asked for, leaving aside OR choices, and the numbers in its corners.
        self._query = Query.empty_query()
        self._corners: list[int] = []
        # Where numbers are that may be shown.
        self._address: dict[int, tantivy.DocAddress] = {}

    @classmethod
    def build(cls, found: Iterator[Document], folder: Path, now: datetime) -> "InTantivy":
        """The index, filled and merged."""
        path = folder / "tantivy"
        path.mkdir()
        index = tantivy.Index(_schema(), str(path))
        whitespace = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        index.register_tokenizer("whitespace", whitespace)
        # One thread writes one segment, as long as its memory lasts.
        writer = index.writer(4_000_000_000, 1)
        zones = set()
        for document in found:
            writer.add_document(_document(document))
            zones.add(document.zone)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return cls(index, zones, now)

    def _search(self, query: Query, **options: Any) -> Any:
        """What is found: hits, and how many there are, which Tantivy's types do not know of."""
        return self._searcher.search(query, **options)

    # --- queries ---

    def _term(self, field: str, value: Any) -> Query:
        return Query.term_query(self._schema, field, value, "basic")

    def _phrase(self, field: str, phrase: tuple[str, ...]) -> Query:
        if len(phrase) == 1:
            return self._term(field, phrase[0])
        return Query.phrase_query(self._schema, field, list(phrase))

    def _groups(self, groups: list[Group], field: str, *, codes: bool = True) -> Query:
        return _all_of(
            [
                _any_of(
                    [self._phrase(field, group.phrase)]
                    + [self._term("terms", code) for code in group.codes if codes]
                )
                for group in groups
            ]
        )

    def _choices(self, ask: Ask) -> dict[str, Query]:
        return {
            facet: _any_of([self._term("terms", code) for code in codes])
            for facet, codes in ask.choices.items()
        }

    def _always(self, ask: Ask) -> list[Query]:
        """What must match, leaving aside OR choices."""
        parts = [self._groups(ask.groups, "text")] if ask.groups else []
        parts += [self._term("terms", code) for code in ask.required]
        if ask.open_now:
            slots = ((z, schedule.local_minute(z, self.now) // _SLOT) for z in self._zones)
            parts.append(_any_of([self._term("open", _open(*slot)) for slot in slots]))
        return parts

    def _boxed(self, within: Box) -> list[Query]:
        ranges = [
            Query.range_query(self._schema, name, tantivy.FieldType.Float, low, high)
            for name, low, high in (
                ("lat", within.south, within.north),
                ("lon", within.west, within.east),
            )
        ]
        cells = [
            self._term("cell", _cell(lat, lon))
            for lat in range(math.floor(within.south), math.floor(within.north) + 1)
            for lon in range(math.floor(within.west), math.floor(within.east) + 1)
        ]
        return [_any_of(cells), *ranges] if len(cells) <= _CELLS else ranges

    # --- near a place ---

    def boxed(self, within: Box) -> int:
        sampled = _all_of([self._term("sample", True), *self._boxed(within)])
        return int(self._search(sampled, limit=1).count)

    def gather(self, ask: Ask, radius_m: float, *, sampled: bool = False) -> None:
        assert ask.place is not None
        within = self._boxed(box(ask.place.lat, ask.place.lon, radius_m))
        sample = [self._term("sample", True)] if sampled else []
        self._query = _all_of([*sample, *self._always(ask), *within])
        marks = list(self._choices(ask).values())
        bits = len(marks)
        if groups := ask.groups:
            marks += [self._groups(groups, "name", codes=False), self._groups(groups, "name")]
        scored = Query.boolean_query(
            [(Occur.Must, Query.const_score_query(self._query, 0.0))]
            + [
                (Occur.Should, Query.const_score_query(mark, float(1 << n)))
                for n, mark in enumerate(marks)
            ]
        )
        result = self._search(scored, limit=_MANY)
        if result.count > _MANY:
            result = self._search(scored, limit=result.count, count=False)
        addresses = [address for _, address in result.hits]
        columns: list[Any] = [
            self._searcher.fast_field_values(name, addresses)
            for name in ("lat", "lon", "detour", "number")
        ]
        self._address = dict(zip(columns[-1], addresses, strict=True))
        metres = metres_from(ask.place.lat, ask.place.lon)
        limit = radius_m + 1e-6
        every = (1 << bits) - 1
        self.hits, self._corners = [], []
        for (marked, _), lat, lon, detour, number in zip(result.hits, *columns, strict=True):
            distance = metres(lat, lon)
            if distance > limit:
                self._corners.append(number)
                continue
            met, tiers = int(marked) & every, int(marked) >> bits
            if met == every:
                tier = 0 if not groups or tiers & 1 else 1 if tiers else 2
                self.hits.append((distance, detour, tier, number))

    def counts(self, ask: Ask) -> Counts:
        query = self._query
        if self._corners:
            corners = Query.term_set_query(self._schema, "number", self._corners)
            query = Query.boolean_query([(Occur.Must, query), (Occur.MustNot, corners)])
        return self._counted(ask, query)

    def _counted(self, ask: Ask, always: Query) -> Counts:
        """An aggregation for all OR choices, and one without each in turn."""
        choices = self._choices(ask)
        found: Counts = {}
        for skipped in (None, *choices):
            query = _all_of([always, *(q for facet, q in choices.items() if facet != skipped)])
            for bucket in self._searcher.aggregate(query, _TERMS)["terms"]["buckets"]:
                code = bucket["key"]
                facet = code.split(":")[0]
                if skipped == (facet if facet in choices else None):
                    found[code] = bucket["doc_count"]
        return found

    # --- anywhere ---

    def anywhere(self, ask: Ask) -> Answer:
        counts = self._counted(ask, _all_of(self._always(ask)))
        total = sum(n for code, n in counts.items() if code.startswith("kind:"))
        return Answer(self.rows(ask), min(total, EXACT_TO), counts)

    def page(self, ask: Ask) -> list[int]:
        everything = _all_of([*self._always(ask), *self._choices(ask).values()])
        tiers = [everything]
        if groups := ask.groups:
            name = self._groups(groups, "name", codes=False)
            terms = self._groups(groups, "name")
            tiers = [
                _all_of([everything, name]),
                _all_of([everything, terms], but=name),
                _all_of([everything], but=terms),
            ]
        found: list[int] = []
        for query in tiers:
            if len(found) < FIRST:
                result = self._search(
                    query,
                    limit=FIRST - len(found),
                    count=False,
                    order_by_field="number",
                    order=tantivy.Order.Asc,
                )
                self._address.update(result.hits)
                found += [number for number, _ in result.hits]
        return found

    def texts(self, numbers: list[int]) -> list[str | bytes]:
        documents = (self._searcher.doc(self._address[number]) for number in numbers)
        return [document["shown"][0] for document in documents]


def _all_of(parts: list[Query], but: Query | None = None) -> Query:
    if not parts:
        return Query.all_query()
    if len(parts) == 1 and but is None:
        return parts[0]
    clauses = [(Occur.Must, part) for part in parts]
    return Query.boolean_query(clauses + ([(Occur.MustNot, but)] if but else []))


def _any_of(parts: list[Query]) -> Query:
    return parts[0] if len(parts) == 1 else Query.boolean_query([(Occur.Should, p) for p in parts])


def _cell(lat: float, lon: float) -> str:
    return f"{math.floor(lat)} {math.floor(lon)}"


def _open(zone: str, slot: int) -> str:
    return f"{zone} {slot}"


def _document(found: Document) -> tantivy.Document:
    document = tantivy.Document()
    document.add_unsigned("number", found.number)
    if found.lat is not None and found.lon is not None:
        document.add_float("lat", found.lat)
        document.add_float("lon", found.lon)
        document.add_text("cell", _cell(found.lat, found.lon))
    document.add_float("detour", found.detour)
    document.add_boolean("sample", found.number % SHARE == 0)
    slots = {minute // _SLOT for first, last in found.spans for minute in range(first, last, _SLOT)}
    for slot in sorted(slots):
        document.add_text("open", _open(found.zone, slot))
    document.add_text("name", found.name)
    document.add_text("text", f"{found.name}{GAP}{found.rest}")
    for code in (f"kind:{found.kind}", *found.terms):
        document.add_text("terms", code)
    document.add_bytes("shown", found.shown.encode())
    return document
