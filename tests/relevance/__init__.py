"""How well questions that people really write are answered from the real feeds.

``questions.toml`` holds the questions. Of each: ``ask`` is what is typed; ``understood`` what must
be understood of it (terms, not_terms, kinds, place, day, time, attend); ``first`` what a right
result is, all keys together; ``never`` what must not be among the first ten. Keys of a result:
name (a pattern, in name or organization), source, kind, terms (all), any_terms, region, within
(lat, lon, miles), weekday (0 is Monday) and start (from, to) of a session, online.
"""

import math
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from directory.models import Listing
from directory.places import distance_m

SHOWN, FIRST = 10, 3


@dataclass(frozen=True)
class Judged:
    """One question with its success among the first three and its nDCG among the first ten."""

    ask: str
    success: bool
    ndcg: float
    wrong: tuple[str, ...]


def questions() -> list[dict[str, Any]]:
    """All questions."""
    path = Path(__file__).parent / "questions.toml"
    found: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
    return found


def right(listing: Listing, wanted: dict[str, Any]) -> bool:
    """Whether a listing is what is wanted."""
    terms = set(listing.terms)
    checks: dict[str, Callable[[Any], Any]] = {
        "name": lambda v: re.search(v, f"{listing.name} {listing.organization or ''}"),
        "source": lambda v: listing.source_id in v,
        "kind": lambda v: listing.kind in v,
        "terms": lambda v: set(v) <= terms,
        "any_terms": lambda v: set(v) & terms,
        "region": lambda v: listing.region in v,
        "online": lambda v: listing.online == v,
        "within": lambda v: _within(listing, v),
        "weekday": lambda v: any(s["weekday"] in v for s in listing.sessions),
        "start": lambda v: any(v[0] <= s["start"] <= v[1] for s in listing.sessions),
    }
    return all(checks[key](value) for key, value in wanted.items())


def _within(listing: Listing, spot: dict[str, float]) -> bool:
    if listing.latitude is None or listing.longitude is None:
        return False
    metres = distance_m(spot["lat"], spot["lon"], listing.latitude, listing.longitude)
    return metres <= spot["miles"] * 1609.344


def judge(
    asked: dict[str, Any], listings: list[Listing], question: dict[str, Any], possible: int
) -> Judged:
    """How good ``listings`` are as an answer; ``possible`` right ones exist."""
    gains = [right(listing, asked["first"]) for listing in listings[:SHOWN]]
    found = sum(gain / math.log2(2 + n) for n, gain in enumerate(gains))
    ideal = sum(1 / math.log2(2 + n) for n in range(min(SHOWN, possible)))
    wrong = list(_misunderstood(asked.get("understood", {}), question))
    if never := asked.get("never"):
        wrong += [f"shows {row.name}" for row in listings[:SHOWN] if right(row, never)]
    return Judged(asked["ask"], any(gains[:FIRST]), found / ideal, tuple(wrong))


def _misunderstood(wanted: dict[str, Any], question: dict[str, Any]) -> Any:
    terms = {term["code"] for term in question["terms"]}
    yield from (f"misses {code}" for code in wanted.get("terms", ()) if code not in terms)
    for code in wanted.get("not_terms", ()):
        if code not in question["excluded"]:
            yield f"does not exclude {code}"
    for kind in wanted.get("kinds", ()):
        if kind not in question["kinds"]:
            yield f"misses {kind}"
    place = (question["place"] or {}).get("name")
    if wanted.get("place", place) != place:
        yield f"takes {place} for {wanted['place']}"
    when = question["when"] or {}
    yield from (
        f"misses {wanted[key]}"
        for key in ("day", "time")
        if wanted.get(key, when.get(key)) != when.get(key)
    )
    if wanted.get("attend", question["attend"]) != question["attend"]:
        yield f"misses {wanted['attend']}"
