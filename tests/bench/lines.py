"""The lines of the table: which questions are asked, how long each engine takes, and whether
their answers are the same."""

import statistics
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from directory.criteria import Search, conditions
from directory.places import Place, place_at
from directory.search import Page, answer, read_listings
from directory.walk import ordered
from tests.bench import floor
from tests.bench.asks import Ask
from tests.bench.opponents import Answer, Opponent
from tests.bench.rows import common_words, desert, towns

ASKED = 30
COMMON = 200
# Questions of a line whose answers are compared.
COMPARED = 5
# Two that must both be there, and eighteen of three facets of which one is enough.
TWENTY = tuple(
    """
    service:detox service:aftercare
    pay:free pay:medicaid pay:medicare pay:private-insurance pay:self-pay pay:sliding-scale
    who:women who:men who:veterans who:seniors who:teens who:young-adults who:lgbtq
    substance:alcohol substance:opioids substance:cocaine substance:cannabis substance:tobacco
    """.split()
)


@dataclass(frozen=True, slots=True)
class Time:
    """Milliseconds."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line: our times, the floor's median, and the opponents' times by name."""

    name: str
    ours: Time
    floor: float | None = None
    opponents: dict[str, Time] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As ``var/bench.json`` has it."""
        others = {name: {"p50_ms": t.p50, "p95_ms": t.p95} for name, t in self.opponents.items()}
        ours = {"name": self.name, "p50_ms": self.ours.p50, "p95_ms": self.ours.p95}
        return ours | {"floor_ms": self.floor, "opponents": others}


@dataclass(frozen=True, slots=True)
class Question:
    """A line before it is timed. ``alone``: the rows and nothing else. ``floored``: there is a
    floor for it."""

    name: str
    asks: list[Ask]
    opposed: bool = True
    alone: bool = False
    floored: bool = False


def timed(act: Callable[[Any], Any], asked: list[Any]) -> Time:
    """Ask everything once to warm up, then again by the clock."""
    found = []
    for each in asked:
        act(each)
    for each in asked:
        start = time.perf_counter()
        act(each)
        found.append((time.perf_counter() - start) * 1000)
    return Time(statistics.median(found), statistics.quantiles(found, n=20)[-1])


def questions(engine: Engine) -> list[Question]:
    """Every kind of question, on the listings that there are."""
    places = towns(engine, ASKED)

    def at(**more: Any) -> list[Ask]:
        return [Ask(place=place, **more) for place in places]

    def around(middle: Place, miles: float) -> list[Ask]:
        """Asked from points within some miles, so that no answer is asked for twice."""
        moves = [(n % 6 - 2.5, n // 6 - 2) for n in range(ASKED)]
        points = [(middle.lat + 0.01 * x, middle.lon + 0.01 * y) for x, y in moves]
        return [Ask(place=place_at(*point), miles=miles) for point in points]

    def anywhere(**more: Any) -> list[Ask]:
        return [Ask(**more)] * ASKED

    common = [Ask(typed=word) for word in common_words(engine, COMMON)]
    two = ("service:aftercare", "pay:medicaid")
    return [
        *(Question(f"near {miles} mi", at(miles=miles), floored=True) for miles in (10, 25, 50)),
        Question("near 25 mi + words", at(typed="detox outpatient"), floored=True),
        Question("near 25 mi + term", at(terms=("service:aftercare",)), floored=True),
        Question("near 25 mi + words + 2 terms", at(typed="detox", terms=two)),
        Question("near 25 mi + online block", at(attend=None), opposed=False),
        Question("near 25 mi, open now", at(open_now=True)),
        Question("New York 50 mi", around(place_at(40.7128, -74.006), 50)),
        Question("empty desert 25 mi", around(desert(engine), 25)),
        Question("rare words nationwide", anywhere(typed='"serenity detox"'), floored=True),
        Question("absent words nationwide", anywhere(typed="zyzzyva")),
        Question(f"{COMMON} common words, rows alone", common, alone=True),
        Question(f"{COMMON} common words", common),
        Question("20 terms at once", anywhere(terms=TWENTY)),
        Question("everything", anywhere()),
    ]


def searches(engine: Engine, opponents: list[Opponent], now: datetime) -> list[Line]:
    """Every kind of question, asked of us, of the floor where there is one, and of opponents."""
    found = []
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        for each in questions(engine):
            print(f"  {each.name}", file=sys.stderr)
            act = rows_alone if each.alone else answer
            ours = timed(partial(_ask, act, connection, now), each.asks)
            least = None
            if each.floored:
                least = timed(lambda ask: floor.ask_floor(cursor, ask, now), each.asks).p50
            others = {}
            for opponent in opponents if each.opposed else ():
                others[opponent.name] = timed(
                    opponent.rows if each.alone else opponent.answer, each.asks
                )
                compare(connection, each, opponent, now)
            found.append(Line(each.name, ours, least, others))
    return found


def _ask(act: Callable[..., Any], connection: Connection, now: datetime, ask: Ask) -> None:
    act(connection, ask.search, now)


def rows_alone(connection: Connection, search: Search, now: datetime) -> None:
    """The rows of a page without a place, as ``answer`` finds them where there are many."""
    ids = ordered(connection, search, conditions(search, now))
    read_listings(connection, [uuid.UUID(id_) for id_ in ids])


def compare(connection: Connection, asked: Question, opponent: Opponent, now: datetime) -> None:
    """Say where an opponent's answers are not ours: its figures then mean nothing."""
    step = max(1, len(asked.asks) // COMPARED)
    for ask in asked.asks[::step]:
        ours, theirs = answer(connection, ask.search, now), opponent.answer(ask)
        for what in differences(ours, theirs):
            where = f"{ask.typed} {ask.place.name if ask.place else ''}".strip()
            print(f"WARNING: {opponent.name}: {asked.name} ({where}): {what}", file=sys.stderr)


def differences(ours: Page, theirs: Answer) -> list[str]:
    """In what two answers to one question differ, leaving aside what is estimated."""
    found = []
    if ours.total != theirs.total and (ours.total_is_exact or theirs.total < ours.total):
        found.append(f"total {theirs.total}, ours {ours.total}")
    ids = [str(hit.listing.id) for hit in ours.hits]
    if ids != [row["id"] for row in theirs.rows]:
        found.append("rows or their order")
    if ours.counts_are_exact and theirs.exact:
        counts = {
            f"kind:{code}" if facet == "kind" else code: n
            for facet, by_code in ours.counts.items()
            for code, n in by_code.items()
        }
        if counts != theirs.counts:
            found.append("counts")
    return found


def table(rows: int, lines: list[Line]) -> str:
    """The lines as text."""
    names = list(dict.fromkeys(name for line in lines for name in line.opponents))
    head = f"{f'{rows:,} rows, ms':34}{'p50':>9}{'p95':>9}{'floor':>9}"
    head += "".join(f"{f'{name} p50':>13}{'p95':>9}" for name in names)
    parts = [head]
    for line in lines:
        text = f"{line.name:34}{line.ours.p50:9.2f}{line.ours.p95:9.2f}"
        text += f"{line.floor:9.2f}" if line.floor else " " * 9
        for name in names:
            if other := line.opponents.get(name):
                text += f"{other.p50:13.2f}{other.p95:9.2f}"
        parts.append(text)
    return "\n".join(parts)


def growth(tables: dict[int, list[Line]]) -> str:
    """How many times as long each line's median takes from the first size to the last."""
    (few, before), *_, (many, after) = tables.items()
    was = {line.name: line for line in before}
    parts = [f"from {few:,} to {many:,} rows ({many / few:g} times), each median takes times"]
    for line in after:
        first = was[line.name]
        grown = [("ours", line.ours.p50 / first.ours.p50)]
        grown += [
            (name, time.p50 / first.opponents[name].p50) for name, time in line.opponents.items()
        ]
        parts.append(f"{line.name:34}" + "".join(f"{n:>10}{x:7.2f}" for n, x in grown))
    return "\n".join(parts)
