"""A second implementation of search, by brute force over all rows in plain Python.

It shares with the product what a token is, and nothing else: matching, distance (geopy's
geodesic), counting and ordering are done here by other means.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from geopy.distance import geodesic
from sqlalchemy import Engine, text

from directory import words
from directory.criteria import Search
from directory.locate import rough_km
from directory.question import When
from directory.vocabulary import vocabulary

Match = Callable[["Row"], list[bool]]


@dataclass(slots=True)
class Row:
    """A listing as the oracle sees it: plain values, and its texts as lists of lexemes."""

    id: str
    values: dict[str, Any]
    name: list[list[str]] = field(default_factory=list)
    terms: list[list[str]] = field(default_factory=list)
    rest: list[list[str]] = field(default_factory=list)

    def levels(self) -> list[list[list[str]]]:
        """The texts within the name; within name and terms; all."""
        return [self.name, self.name + self.terms, self.name + self.terms + self.rest]


def read_rows(engine: Engine) -> list[Row]:
    """Every listing that may be found."""
    columns = (
        "id::text, kind, name, organization, city, description, eligibility, fees, street, region,"
        " postal_code, recurrence_note, sessions, terms, in_person, online, latitude, longitude,"
        " timezone, served, quality"
    )
    with engine.connect() as connection:
        found = connection.execute(
            text(
                f"SELECT {columns} FROM listing "
                "WHERE status = 'active' AND duplicate_of IS NULL ORDER BY id"
            )
        )
        return [_row(dict(values)) for values in found.mappings()]


def _row(v: dict[str, Any]) -> Row:
    labels = list(words.KIND_WORDS[v["kind"]])
    for code in v["terms"]:
        term = vocabulary().terms[code]
        labels += [term.label, *term.synonyms]
    rest = [v["organization"], v["city"], v["description"], v["eligibility"], v["fees"]]
    rest += [*v["street"], v["region"], v["postal_code"], v["recurrence_note"]]
    rest += [session["note"] for session in v["sessions"]]
    return Row(
        v["id"],
        v,
        [words.lexemes(v["name"])],
        [words.lexemes(label) for label in labels],
        [words.lexemes(value) for value in rest if value],
    )


def has_word(lexeme: str) -> Match:
    """Rows with a word, at each level."""
    return lambda row: [any(lexeme in t for t in texts) for texts in row.levels()]


def has_prefix(prefix: str) -> Match:
    """Rows with a lexeme that begins so, or that the prefix is stemmed to."""
    stem = words.stem(prefix)
    return lambda row: [
        any(w.startswith(prefix) or w == stem for t in texts for w in t) for texts in row.levels()
    ]


def has_phrase(phrase: list[str]) -> Match:
    """Rows with these lexemes in a row."""
    size = len(phrase)
    return lambda row: [
        any(t[i : i + size] == phrase for t in texts for i in range(len(t)))
        for texts in row.levels()
    ]


def lacks(match: Match) -> Match:
    """Rows that do not match anywhere, at every level alike."""
    return lambda row: [not match(row)[2]] * 3


def has_wishes(named: str, wishes: list[str]) -> Match:
    """Every row: those with a word in the name, then by how many of some terms they have."""

    def levels(row: Row) -> list[bool]:
        met = len(set(wishes) & set(row.values["terms"]))
        in_name = named in row.levels()[0][0]
        return [in_name, *(met >= count for count in range(len(wishes), -1, -1))]

    return levels


def either(one: Match, other: Match) -> Match:
    """Rows that match one or the other."""
    return lambda row: [a or b for a, b in zip(one(row), other(row), strict=True)]


def random_question(chance: random.Random, rows: list[Row]) -> tuple[str, list[Match]]:
    """A question in Whoosh's language and what it means, from words that listings have."""
    plain = [w for w in _words(chance.choice(rows)) if w.isascii() and len(w) > 3]
    other = [w for w in _words(chance.choice(rows)) if w.isascii() and len(w) > 3]
    plain, other = plain or ["recovery"], other or ["group"]
    word, second = chance.choice(plain), chance.choice(other)
    shape = chance.randrange(7)
    if shape == 0:
        return word, [has_word(words.stem(word))]
    if shape == 1:
        return f"{word} -{second}", [
            has_word(words.stem(word)),
            lacks(has_word(words.stem(second))),
        ]
    if shape == 2:
        one, two = has_word(words.stem(word)), has_word(words.stem(second))
        return f"{word} OR {second}", [either(one, two)]
    if shape == 3:
        start = chance.randrange(len(plain))
        phrase = plain[start : start + 2]
        return f'"{" ".join(phrase)}"', [has_phrase([words.stem(w) for w in phrase])]
    if shape == 4:
        prefix = words.stem(word)[:4]
        return f"{prefix}*", [has_prefix(prefix)]
    if shape == 5:
        return f"{word} {second}", [has_word(words.stem(word)), has_word(words.stem(second))]
    return f"{word.upper()}, the {word}!", [has_word(words.stem(word))]


def _words(row: Row) -> list[str]:
    texts = (row.values["name"], row.values["description"] or "")
    small = {"that", "this", "with", "from", "will", "your", "have", "when", "here"}
    return [w for text in texts for w in words.tokens(text) if w not in small]


@dataclass(slots=True)
class Expected:
    """What the oracle answers: ids in order with what they were ordered by, and the rest."""

    ids: list[str]
    keys: dict[str, tuple[Any, ...]]
    distances: dict[str, float]
    counts: dict[str, Counter[str]]
    beyond: list[tuple[float, str]]
    online_total: int
    online: list[str]


class Oracle:
    """Answers searches over ``rows`` as of ``now``."""

    def __init__(self, rows: list[Row], now: datetime) -> None:
        self.rows = rows
        self.now = now

    def answer(self, search: Search, matches: Iterable[Match] = ()) -> Expected:
        """The whole answer; ``matches`` are the meaning of ``search.words``."""
        matches, found = list(matches), []
        levels: dict[str, float] = {}
        for row in self.rows:
            hit = [match(row) for match in matches]
            if all(level[-1] for level in hit):
                size = min((len(level) for level in hit), default=1)
                first = next(n for n in range(size) if all(level[n] for level in hit))
                levels[row.id] = 0 if first == 0 else 5_000 + 35_000 * (first - 1) / (size - 2)
                found.append(row)
        doors, far = self._doors(search, found)
        fitting = [row for row in found if self._fits(search, row, None)]
        inside = [row for row in fitting if row.id in doors]
        keys = {row.id: self._key(search, row, levels[row.id], doors) for row in inside}
        reachable = [row for row in found if row.id in doors]
        online = [row for row in fitting if search.near and self._anywhere(search, row, doors)]
        best = sorted(online, key=lambda row: (-row.values["quality"], row.id))[:50]
        soonest = sorted(best, key=lambda row: (*self._soon(row), -row.values["quality"], row.id))
        return Expected(
            ids=sorted(keys, key=keys.__getitem__),
            keys=keys,
            distances={id_: d for id_, d in doors.items() if d is not None},
            counts=self._counts(search, reachable),
            beyond=sorted(self._measured(search, [r for r in fitting if r.id in far]))[:5],
            online_total=len(online),
            online=[row.id for row in soonest[:5]],
        )

    def _doors(self, search: Search, rows: list[Row]) -> tuple[dict[str, float | None], set[str]]:
        """Rows where the search looks, with distances; and doors outside the radius."""
        if not search.near:
            kind = search.attend
            return {row.id: None for row in rows if kind is None or row.values[kind]}, set()
        inside: dict[str, float | None] = {}
        far = set()
        for row in rows:
            v = row.values
            if not v["in_person"] or v["latitude"] is None:
                continue
            assert search.place is not None
            here = (search.place.lat, search.place.lon)
            there = (v["latitude"], v["longitude"])
            if rough_km(here, there) * 1000 > search.radius_m * 1.02 + 1:
                far.add(row.id)
            elif (metres := geodesic(here, there).meters) <= search.radius_m:
                inside[row.id] = metres
            else:
                far.add(row.id)
        return inside, far

    def _measured(self, search: Search, rows: list[Row]) -> list[tuple[float, str]]:
        if not rows or search.place is None:
            return []
        here = (search.place.lat, search.place.lon)

        def rough(row: Row) -> float:
            return rough_km(here, (row.values["latitude"], row.values["longitude"]))

        nearest = sorted(rows, key=rough)
        reach = rough(nearest[min(4, len(nearest) - 1)]) * 1.02
        return [
            (geodesic(here, (row.values["latitude"], row.values["longitude"])).meters, row.id)
            for row in nearest
            if rough(row) <= reach
        ]

    def _fits(self, search: Search, row: Row, without: str | None) -> bool:
        """Whether kinds, terms and time fit, leaving out the OR choices of one facet."""
        v = row.values
        if search.kinds and without != "kind" and v["kind"] not in search.kinds:
            return False
        wanted: dict[str, set[str]] = defaultdict(set)
        for code in search.terms:
            wanted[code.split(":")[0]].add(code)
        for facet, codes in wanted.items():
            if vocabulary().facets[facet].match_all:
                if not codes <= set(v["terms"]):
                    return False
            elif facet != without and not codes & set(v["terms"]):
                return False
        return search.when is None or self._in_time(search, v)

    def _in_time(self, search: Search, v: dict[str, Any]) -> bool:
        when = search.when
        assert when is not None
        local = self.now.astimezone(ZoneInfo(v["timezone"]))
        minute = local.weekday() * 1440 + local.hour * 60 + local.minute
        held = set()
        for s in v["sessions"]:
            start = s["weekday"] * 1440 + int(s["start"][:2]) * 60 + int(s["start"][3:])
            held |= {m % 10080 for m in range(start, start + s["minutes"])}
        if when.open:
            return minute in held
        names = "monday tuesday wednesday thursday friday saturday sunday".split()
        relative = {"today": local.weekday(), "tomorrow": (local.weekday() + 1) % 7}
        days = [relative.get(when.day, -1)] if when.day in relative else None
        if days is None:
            days = [names.index(when.day)] if when.day else list(range(7))
        hours = {"morning": (4, 11), "midday": (11, 17), "evening": (17, 21), "night": (21, 28)}
        first, last = hours[when.time] if when.time else (0, 24)
        return any(
            (d * 1440 + m) % 10080 in held for d in days for m in range(first * 60, last * 60)
        )

    def _soon(self, row: Row) -> tuple[int, int]:
        """(0, minutes until the next start), or (1, 0) where no session is known."""
        local = self.now.astimezone(ZoneInfo(row.values["timezone"]))
        minute = local.weekday() * 1440 + local.hour * 60 + local.minute
        starts = [
            (s["weekday"] * 1440 + int(s["start"][:2]) * 60 + int(s["start"][3:]) - minute) % 10080
            for s in row.values["sessions"]
        ]
        return (0, min(starts)) if starts else (1, 0)

    def _key(
        self, search: Search, row: Row, level: float, doors: dict[str, float | None]
    ) -> tuple[Any, ...]:
        quality, metres = row.values["quality"], doors[row.id]
        if search.sort == "name":
            return (" ".join(words.tokens(row.values["name"])), row.id)
        if search.sort == "soonest":
            return (*self._soon(row), metres or 0.0, -quality, row.id)
        if search.near and search.sort == "distance":
            return (metres, row.id)
        if search.near:
            assert metres is not None
            open_now = self._in_time(replace(search, when=When(open="now")), row.values)
            return (metres + level + 4_000 * (1 - quality) + 2_000 * (not open_now), row.id)
        return (level, -quality, row.id)

    def _anywhere(self, search: Search, row: Row, doors: dict[str, float | None]) -> bool:
        v, place = row.values, search.place
        assert place is not None
        served = not v["served"] or {place.country, f"{place.country}-{place.region}"} & set(
            v["served"]
        )
        return bool(v["online"] and served and row.id not in doors)

    def _counts(self, search: Search, rows: list[Row]) -> dict[str, Counter[str]]:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        chosen = {code.split(":")[0] for code in search.terms}
        any_of = {f for f in chosen if not vocabulary().facets[f].match_all}
        for row in rows:
            fits = self._fits(search, row, None)
            if self._fits(search, row, "kind") if search.kinds else fits:
                counts["kind"][row.values["kind"]] += 1
            own = {facet: self._fits(search, row, facet) for facet in any_of}
            for code in row.values["terms"]:
                facet = code.split(":")[0]
                counts[facet][code] += own.get(facet, fits)
        return {
            facet: Counter({code: n for code, n in found.items() if n})
            for facet, found in counts.items()
            if any(found.values())
        }
