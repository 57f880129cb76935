"""How well questions that people really write are answered from the real feeds.

Of each question in a ``*.toml`` here: ``ask`` is what is typed and ``near`` what is in the place
box; ``now`` when (default a Tuesday afternoon); ``understood`` what must be understood of it
(terms, not_terms, kinds, place, day, time, open, attend); ``first`` what a right result is (any of
the tables, all keys of it together), ``good`` what is acceptable, ``never`` what must not be among
the first ten. Keys of a result: name (a pattern, in name or organization), source, ids, kind, terms
(all), any_terms, lacks (none), city, region, postal_code, within (lat, lon, miles), weekday (0 is
Monday) and start (from, to) of one session, online, in_person.
"""

import itertools
import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from directory.locate import rough_km
from directory.models import Listing

SHOWN, FIRST = 10, 3
TUESDAY_AFTERNOON = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Judged:
    """One question with its success among the first three and its nDCG among the first ten."""

    ask: str
    success: bool
    ndcg: float
    wrong: tuple[str, ...]


def questions(name: str) -> list[dict[str, Any]]:
    """All questions of one set, such as ``first``."""
    path = Path(__file__).parent / f"{name}.toml"
    found: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
    return found


def when(asked: dict[str, Any]) -> datetime:
    """The instant at which a question is asked."""
    return datetime.fromisoformat(asked["now"]) if "now" in asked else TUESDAY_AFTERNOON


class Everything:
    """All listings, found by what they plainly are: to check each of them took minutes."""

    def __init__(self, rows: Iterable[Listing]) -> None:
        self.rows = list(rows)
        self._having: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._cells: dict[tuple[int, int], set[int]] = defaultdict(set)
        for n, row in enumerate(self.rows):
            if row.latitude is not None and row.longitude is not None:
                self._cells[int(row.latitude), int(row.longitude)].add(n)
            plain = {"source": row.source_id, "kind": row.kind, "region": row.region or ""}
            for pair in (*plain.items(), *(("terms", term) for term in row.terms)):
                self._having[pair].add(n)

    def fitting(self, wanted: dict[str, Any]) -> Iterator[Listing]:
        """Those that fit one table of a question."""
        found: set[int] | None = None
        for key in ("source", "kind", "region", "any_terms", "terms"):
            if key in wanted:
                name = "terms" if key == "any_terms" else key
                each = [self._having[name, value] for value in wanted[key]]
                some = set.intersection(*each) if key == "terms" else set().union(*each)
                found = some if found is None else found & some
        if "within" in wanted:
            around = self._around(wanted["within"])
            found = around if found is None else found & around
        rows = self.rows if found is None else (self.rows[n] for n in sorted(found))
        return (row for row in rows if _fits(row, wanted))

    def _around(self, spot: dict[str, float]) -> set[int]:
        """Those in the cells of a degree that a spot may reach: of longitude, half as long."""
        reach = math.ceil(spot["miles"] / 60)
        lat, lon = int(spot["lat"]), int(spot["lon"])
        lats = range(lat - reach, lat + reach + 1)
        lons = range(lon - 2 * reach, lon + 2 * reach + 1)
        return set().union(*(self._cells[cell] for cell in itertools.product(lats, lons)))


def grade(listing: Listing, asked: dict[str, Any]) -> int:
    """2 for a right result, 1 for an acceptable one, 0 for others."""
    for points, key in ((2, "first"), (1, "good")):
        if any(_fits(listing, wanted) for wanted in asked.get(key, ())):
            return points
    return 0


def _within(listing: Listing, spot: dict[str, float]) -> bool:
    if listing.latitude is None or listing.longitude is None:
        return False
    here, there = (spot["lat"], spot["lon"]), (listing.latitude, listing.longitude)
    return rough_km(here, there) <= spot["miles"] * 1.609344


_CHECKS: dict[str, Callable[[Listing, Any], Any]] = {
    "name": lambda row, v: re.search(v, f"{row.name} {row.organization or ''}"),
    "source": lambda row, v: row.source_id in v,
    "ids": lambda row, v: row.external_id in v,
    "kind": lambda row, v: row.kind in v,
    "terms": lambda row, v: set(v) <= set(row.terms),
    "any_terms": lambda row, v: set(v) & set(row.terms),
    "lacks": lambda row, v: not set(v) & set(row.terms),
    "city": lambda row, v: (row.city or "").lower() in [city.lower() for city in v],
    "region": lambda row, v: row.region in v,
    "postal_code": lambda row, v: row.postal_code in v,
    "online": lambda row, v: row.online == v,
    "in_person": lambda row, v: row.in_person == v,
    "within": _within,
}


def _fits(listing: Listing, wanted: dict[str, Any]) -> bool:
    hours = {key: wanted[key] for key in ("weekday", "start") if key in wanted}
    return all(
        _CHECKS[key](listing, value) for key, value in wanted.items() if key not in hours
    ) and (not hours or any(_at(session, **hours) for session in listing.sessions))


def _at(session: dict[str, Any], weekday: Any = range(7), start: Any = ("00:00", "24:00")) -> bool:
    return session["weekday"] in weekday and start[0] <= session["start"] <= start[1]


def judge(
    asked: dict[str, Any],
    listings: list[Listing],
    everything: Everything,
    question: dict[str, Any],
) -> Judged:
    """How good ``listings`` are as an answer, among ``everything``."""
    right = {
        row.id for one in asked["first"] for row in itertools.islice(everything.fitting(one), SHOWN)
    }
    assert right, f"nothing can be right for {asked['ask']}"
    good = {
        row.id
        for one in asked.get("good", ())
        for row in itertools.islice(
            (row for row in everything.fitting(one) if grade(row, asked) == 1), SHOWN
        )
    }
    ideal = [2] * len(right) + [1] * len(good)
    gains = [grade(listing, asked) for listing in listings[:SHOWN]]
    wrong = list(_misunderstood(asked.get("understood", {}), question))
    for listing in listings[:SHOWN]:
        if any(_fits(listing, never) for never in asked.get("never", ())):
            wrong.append(f"shows {listing.name}")
    return Judged(
        asked["ask"], 2 in gains[:FIRST], _gain(gains) / _gain(ideal[:SHOWN]), tuple(wrong)
    )


def _gain(grades: list[int]) -> float:
    """The discounted cumulative gain: 2 ** grade - 1 over the logarithm of the rank."""
    return sum((2.0**points - 1) / math.log2(2 + rank) for rank, points in enumerate(grades))


def _misunderstood(wanted: dict[str, Any], question: dict[str, Any]) -> Iterator[str]:
    terms = {term["code"] for term in question["terms"]}
    yield from (f"misses {code}" for code in wanted.get("terms", ()) if code not in terms)
    for code in wanted.get("not_terms", ()):
        if code not in question["excluded"]:
            yield f"does not exclude {code}"
    for kind in wanted.get("kinds", ()):
        if kind not in question["kinds"]:
            yield f"misses {kind}"
    place = (question["place"] or {}).get("name") or ""
    if wanted.get("place", "") not in place:
        yield f"takes {place or 'no place'} for {wanted['place']}"
    when = question["when"] or {}
    yield from (
        f"misses {wanted[key]}"
        for key in ("day", "time", "open")
        if wanted.get(key, when.get(key)) != when.get(key)
    )
    if wanted.get("attend", question["attend"]) != question["attend"]:
        yield f"misses {wanted['attend']}"
