"""What an opponent of the product does: the same answer to the same question.

An answer is the ids and the shown columns of the 20 first rows in the documented order
(docs/ranking.md), the total, and the count of every term and kind. Totals and counts are exact
up to 10,000; beyond, an opponent may estimate the counts from a sample, as the product does.
Near a place, the order needs distances on the ellipsoid, and where fewer than five rows are
inside, the five nearest outside follow.

Both opponents are given what makes them quick, built once and never changed: rows are numbered in
the order of completeness and id, so that a number is all that the order without a place needs;
words are the lexemes of ``directory.words``, stemmed already, joined with spaces; and shown
columns are one JSON text to be read whole.
"""

import heapq
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from directory import schedule, words
from directory.search import ALL_MET_M, CLOSED_M, EXACT_TO, FEW, INCOMPLETE_M, NONE_MET_M
from tests.bench.asks import Ask

FIRST = 20
# One row in this many is in the sample: numbers follow completeness, so any such rows are fair.
SHARE = 16
# So many more than the limit that chance cannot have done it.
CROWDED = EXACT_TO * 1.3
# A token that stands between texts, so that no phrase spans two of them.
GAP = " : "

Counts = dict[str, int]
# Metres that "best" adds by tier.
TIER_M = (0.0, ALL_MET_M, NONE_MET_M)
# A match near a place: metres, detour, tier, number.
Hit = tuple[float, float, int, int]
Metres = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Document:
    """A listing as opponents store it. ``name`` and ``rest`` are lexemes; ``spans`` minutes of
    the week on its own clocks; ``detour`` the metres that "best" adds for an incomplete record and
    closed doors; lat and lon (degrees) are None without a door."""

    number: int
    kind: str
    terms: list[str]
    name: str
    rest: str
    lat: float | None
    lon: float | None
    detour: float
    zone: str
    spans: list[tuple[int, int]]
    shown: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Shown rows in order, the total (at most 10,000), counts by code, and whether exact."""

    rows: list[dict[str, Any]]
    total: int
    counts: Counts
    exact: bool = True


_DOCUMENTS = """
SELECT id, kind, terms, name, organization, city, description, eligibility, fees, street, region,
       postal_code, recurrence_note, sessions, in_person, latitude, longitude, quality, timezone,
       weekly::text AS weekly,
       (to_jsonb(l) - '{search,bits,name_key,weekly,position}'::text[])::text AS shown
FROM listing l WHERE listed ORDER BY quality DESC, id
"""


def documents(engine: Engine, now: datetime) -> Iterator[Document]:
    """Every listing as of ``now``, numbered from 1 in the order of completeness and id."""
    with engine.connect().execution_options(yield_per=2_000) as connection:
        for number, row in enumerate(connection.execute(text(_DOCUMENTS)), start=1):
            rest = [row.organization, row.city, row.description, row.eligibility, row.fees]
            rest += [*row.street, row.region, row.postal_code, row.recurrence_note]
            rest += [session.get("note") for session in row.sessions]
            ends = [part.split(",") for part in (row.weekly or "").strip("{}[)").split("),[")]
            minute = schedule.local_minute(row.timezone, now)
            spans = [(int(end[0]), int(end[1])) for end in ends if len(end) == 2]
            is_open = any(start <= minute < end for start, end in spans)
            yield Document(
                number=number,
                kind=row.kind,
                terms=row.terms,
                name=" ".join(words.lexemes(row.name)),
                rest=GAP.join(" ".join(words.lexemes(part)) for part in rest if part),
                lat=row.latitude if row.in_person else None,
                lon=row.longitude if row.in_person else None,
                detour=INCOMPLETE_M * (1 - row.quality) + CLOSED_M * (not is_open),
                zone=row.timezone,
                spans=spans,
                shown=row.shown,
            )


_AXIS, _FLATTENING = 6_378_137.0, 1 / 298.257223563
_E2 = _FLATTENING * (2 - _FLATTENING) / (1 - _FLATTENING) ** 2


def metres_from(lat: float, lon: float) -> Metres:
    """Metres on the WGS 84 ellipsoid from a point in degrees to (lat, lon).

    Bowring's formula of 1981 for short lines: within a millimetre of the geodesic at 50 miles.
    """
    phi, lam = math.radians(lat), math.radians(lon)
    cos, sin = math.cos(phi), math.sin(phi)
    a = math.sqrt(1 + _E2 * cos**4)
    b2 = 1 + _E2 * cos * cos
    b = math.sqrt(b2)
    scale, bend = 2 * _AXIS * math.sqrt(1 + _E2) / b2, 3 * _E2 / (4 * b2)

    def metres(lat: float, lon: float) -> float:
        north = math.radians(lat) - phi
        east = a * (math.radians(lon) - lam) / 2
        half = north / (2 * b) * (1 + bend * north * math.sin(2 * phi + 2 / 3 * north))
        x = math.sin(half) * math.cos(east)
        y = math.sin(east) * (b * cos * math.cos(half) - sin * math.sin(half)) / a
        return scale * math.asin(min(1.0, math.sqrt(x * x + y * y)))

    return metres


@dataclass(frozen=True, slots=True)
class Box:
    """Degrees that hold every point within a radius, and some more."""

    west: float
    east: float
    south: float
    north: float


def box(lat: float, lon: float, radius_m: float) -> Box:
    """The box around a point in degrees; the whole globe's width where it would pass its seam."""
    high = math.degrees(radius_m / 6_335_000)  # the shortest a degree of latitude is
    south, north = max(-90.0, lat - high), min(90.0, lat + high)
    narrow = math.cos(math.radians(max(abs(south), abs(north))))
    wide = math.degrees(radius_m / (6_378_000 * narrow)) if narrow > 0.01 else 360.0
    if abs(lon) + wide > 180:
        return Box(-180.0, 180.0, south, north)
    return Box(lon - wide, lon + wide, south, north)


class Opponent(ABC):
    """An engine built from ``documents``. ``name`` heads its columns of the table; ``hits`` are
    the matches that ``gather`` found last."""

    name: str

    def __init__(self, now: datetime) -> None:
        self.now = now.replace(second=0, microsecond=0)
        self.hits: list[Hit] = []

    @classmethod
    @abstractmethod
    def build(cls, found: Iterator[Document], folder: Path, now: datetime) -> "Opponent":
        """Index everything below ``folder``; questions are as of ``now``."""

    def answer(self, ask: Ask) -> Answer:
        """The whole answer."""
        return self._near(ask) if ask.place else self.anywhere(ask)

    def _near(self, ask: Ask) -> Answer:
        assert ask.place is not None
        if SHARE * self.boxed(box(ask.place.lat, ask.place.lon, ask.radius_m)) > CROWDED:
            self.gather(ask, ask.radius_m, sampled=True)
            if SHARE * len(self.hits) > CROWDED:
                counts = {code: SHARE * n for code, n in self.counts(ask).items()}
                return Answer(self.shown(self._nearest(ask)), EXACT_TO, counts, exact=False)
        self.gather(ask, ask.radius_m)
        total, page, counts = len(self.hits), self._best(), self.counts(ask)
        numbers = [number for _, number in page]
        if total < FEW:
            numbers += self._beyond(ask)
        return Answer(self.shown(numbers), total, counts)

    def _best(self) -> list[tuple[float, int]]:
        """The page of the matches held, as (score, number)."""
        scores = (
            (metres + TIER_M[tier] + detour, number) for metres, detour, tier, number in self.hits
        )
        return heapq.nsmallest(FIRST, scores)

    def _nearest(self, ask: Ask) -> list[int]:
        """The page of a crowded place: no score is smaller than its distance, so that a circle
        is wide enough once the page's last score is within it."""
        reach = ask.radius_m / 8
        while reach < ask.radius_m:
            self.gather(ask, reach)
            found = self._best()
            if len(found) == FIRST and found[-1][0] <= reach:
                break
            reach *= 2
        else:
            self.gather(ask, ask.radius_m)
            found = self._best()
        return [number for _, number in found]

    def _beyond(self, ask: Ask) -> list[int]:
        """The nearest outside the radius, by circles of twice the size until there are enough."""
        reach = ask.radius_m
        found: list[tuple[float, int]] = []
        while len(found) < FEW and reach < 20e6:
            reach *= 2
            self.gather(ask, reach)
            outside = ((metres, n) for metres, _, _, n in self.hits if metres > ask.radius_m)
            found = heapq.nsmallest(FEW, outside)
        return [number for _, number in found]

    @abstractmethod
    def boxed(self, within: Box) -> int:
        """How many doors of the sample are in a box, whatever they are."""

    @abstractmethod
    def gather(self, ask: Ask, radius_m: float, *, sampled: bool = False) -> None:
        """Hold the matches within a radius (those of the sample) as ``hits``."""

    @abstractmethod
    def counts(self, ask: Ask) -> Counts:
        """The counts beside the matches held: a facet with OR choices is counted without them."""

    @abstractmethod
    def anywhere(self, ask: Ask) -> Answer:
        """The whole answer without a place."""

    @abstractmethod
    def page(self, ask: Ask) -> list[int]:
        """The numbers of the first rows without a place, and nothing else."""

    @abstractmethod
    def texts(self, numbers: list[int]) -> list[str | bytes]:
        """The stored JSON of rows, in their order."""

    def rows(self, ask: Ask) -> list[dict[str, Any]]:
        """The first rows without a place, and nothing else."""
        return self.shown(self.page(ask))

    def shown(self, numbers: list[int]) -> list[dict[str, Any]]:
        """The shown columns of rows, in their order."""
        return [json.loads(each) for each in self.texts(numbers)]
