"""Synthetic listings for benchmarks and trials, placed like real ones and marked as sample."""

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Engine, text

from directory.errors import UsageError
from directory.load import load
from directory.records import Item
from directory.runs import Report, SourceSpec
from directory.vocabulary import vocabulary

SOURCE = SourceSpec(
    id="generated",
    kind="generated",
    location="",
    title="Generated sample data (not real)",
    origin="sample",
)
_SEED = 20_261
# Listings cluster around towns: standard deviation of the distance in degrees.
_SPREAD = 0.06

_FIRST = """
Serenity Harbor New Horizons Turning Point First Step Willow Cedar Granite River Summit
Lighthouse Open Door Fresh Start Bridge Haven Compass Sunrise Evergreen Prairie Canyon
Maple Stone Valley Anchor Cornerstone Pathway Journey Renewal Hope Grace Unity Beacon
""".split()
_MIDDLE = """
Recovery Treatment Wellness Behavioral Health Family Community Counseling Outpatient
Residential Detox Sober Living Women Veterans Youth Primary Purpose Daily Reflections
""".split()
_LAST = """
Center House Group Program Clinic Services Institute Meeting Network Alliance
""".split()
_TEXT = """
call ahead parking behind the building evening hours walk in welcome intake assessment
licensed staff groups for families bring identification bus line nearby second floor
church hall side entrance small class step study newcomers welcome coffee online option
medication counseling referral waiting list open childcare interpreter accepted insurance
""".split()
_KINDS = {
    "support_group": 50,
    "treatment": 33,
    "counseling": 8,
    "community_program": 6,
    "interventionist": 2,
    "hotline": 1,
}
_MEETING_FACETS = ("fellowship", "meeting", "language", "access")


def generate(engine: Engine, rows: int, progress: Callable[[int], None] = lambda _: None) -> Report:
    """Fill the database with ``rows`` listings; the same number gives the same listings.

    Raises UsageError where real listings are present: invented ones must not stand among them.
    """
    if not 1 <= rows <= 10_000_000:
        raise UsageError("--rows takes a number from 1 to 10000000.")
    with engine.connect() as connection:
        real = "SELECT count(*) FROM source WHERE origin = 'feed' AND seen_on IS NOT NULL"
        if connection.execute(text(real)).scalar_one():
            raise UsageError(
                "This database holds real listings; generate into another one "
                "(set DIRECTORY_HOME or DIRECTORY_DATABASE_URL)."
            )
        towns = connection.execute(
            text(
                "SELECT name, region, lat, lon, timezone, population FROM place WHERE "
                "kind = 'city' AND country = 'US' AND NOT alias AND population > 0 ORDER BY id"
            )
        ).all()
    return load(engine, SOURCE, sample_rows(rows, towns), progress=progress)


def spread(town: Any) -> float:
    """How much of everything is in a town, by its people.

    Small towns have more than their share: with this power a listing has a median of 35
    others in 14,034 within 25 miles, as real facilities have 37.
    """
    return math.pow(town.population, 0.6)


def sample_rows(rows: int, towns: Any) -> Iterator[Item]:
    """``rows`` rows around ``towns`` (name, region, lat, lon, timezone, population)."""
    chance = random.Random(_SEED)  # noqa: S311 - a repeatable sample, no secret
    weights = list(itertools.accumulate(spread(town) for town in towns))
    by_facet = {
        facet.code: [term.code for term in facet.terms] for facet in vocabulary().facets.values()
    }
    for number in range(rows):
        (town,) = chance.choices(towns, cum_weights=weights)
        (kind,) = chance.choices(list(_KINDS), list(_KINDS.values()))
        fields = _listing(chance, number, kind, town)
        fields["terms"] = _terms(chance, kind, by_facet)
        yield Item(f"row {number}", fields)


def _listing(chance: random.Random, number: int, kind: str, town: Any) -> dict[str, Any]:
    words = [chance.choice(_FIRST), chance.choice(_MIDDLE), chance.choice(_LAST)]
    online = kind == "hotline" or chance.random() < 0.15
    length = chance.randint(8, 40)
    return {
        "external_id": str(number),
        "kind": kind,
        "name": f"{' '.join(words)} {town.name} (sample)",
        "organization": f"{words[0]} {chance.choice(_LAST)}",
        "description": " ".join(chance.choices(_TEXT, k=length)).capitalize() + ".",
        "street": [f"{chance.randint(1, 9999)} {chance.choice(_FIRST)} Street"],
        "city": town.name,
        "region": town.region,
        "latitude": max(-90.0, min(90.0, round(chance.gauss(town.lat, _SPREAD), 6))),
        "longitude": round(chance.gauss(town.lon, _SPREAD), 6),
        "in_person": kind != "hotline" and (not online or chance.random() < 0.4),
        "online": online,
        "timezone": town.timezone,
        "phones": [f"303-555-01{chance.randint(0, 99):02}"],
        "website": f"https://example.org/{number}" if chance.random() < 0.7 else None,
        "sessions": _sessions(chance, kind),
    }


def _sessions(chance: random.Random, kind: str) -> list[dict[str, Any]]:
    if kind == "support_group":
        start = f"{chance.randint(6, 21):02}:{chance.choice(['00', '30'])}"
        return [{"weekday": chance.randrange(7), "start": start, "minutes": 60}]
    if chance.random() < 0.4:
        return [{"weekday": day, "start": "09:00", "minutes": 480} for day in range(5)]
    return []


def _terms(chance: random.Random, kind: str, by_facet: dict[str, list[str]]) -> list[str]:
    """A meeting has a handful of terms; a facility claims most of what it can."""
    meeting = kind == "support_group"
    chosen: list[str] = []
    for facet, codes in by_facet.items():
        if meeting != (facet in _MEETING_FACETS):
            continue
        if facet == "fellowship":
            chosen += chance.choices(codes, [1 / rank for rank in range(1, len(codes) + 1)])
            continue
        # Popular terms come first, as in real feeds: the first is claimed by most.
        for rank, code in enumerate(codes):
            share = 0.15 / (1 + rank) if meeting else 0.9 / (1 + rank / 6)
            if chance.random() < share:
                chosen.append(code)
    return chosen
