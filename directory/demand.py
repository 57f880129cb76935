"""What is looked for, by day, state and term: counted in memory, and written in whole tens.

Who keeps the directory sees what people need, and where. So that a count tells on nobody, none
below ``TEN`` leaves memory: the tenth search for a term in a state adds ten to the row of that day,
and counting begins at nothing again. What is left at the end of the day (UTC), or when the process
ends, is forgotten. Neither words nor places are ever here, and each term is counted by itself: what
was asked for together is not known.
"""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock

from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql import insert

from directory.criteria import Search
from directory.models import Demand

TEN = 10
KEPT_MONTHS = 13
"""Months after which a row is deleted: a whole year, and the same month of the one before."""
SHOWN_DAYS = 30
SHOWN = 200
"""Rows of states and terms that are shown."""
MOST = 20_000
"""Pairs of state and term that one process counts in a day: more than the United States have."""
REST_S = 60
"""Seconds without a try after one that failed, so that a database that is away slows nothing."""

_log = logging.getLogger(__name__)


def region_of(search: Search) -> str | None:
    """Where help is looked for, such as US-CO; the country where there is no more to know, and
    None for a question without a place."""
    parts = search.question.parts if search.question else ()
    place = search.place or next((part.place for part in parts if part.place), None)
    if place is None or not place.country:
        return None
    return f"{place.country}-{place.region}" if place.region else place.country


class Tens:
    """The counts of one process, for all its threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._day = date.min
        self._counts: dict[tuple[str, str], int] = {}
        self._due: Counter[tuple[date, str, str]] = Counter()
        self._counting, self._writing = Lock(), Lock()
        self._rest_until = 0.0

    def add(self, search: Search, now: datetime) -> bool:
        """Count what ``search`` asks for, if it is for the first page. Whether to ``write``."""
        region = region_of(search)
        if region is None or search.page > 1:
            return False
        with self._counting:
            if now.date() != self._day:
                self._day, self._counts = now.date(), {}
            for code in search.wanted:
                key = region, code
                if key not in self._counts and len(self._counts) >= MOST:
                    continue
                self._counts[key] = count = self._counts.get(key, 0) % TEN + 1
                if count == TEN:
                    self._due[self._day, *key] += TEN
            return bool(self._due)

    def write(self) -> None:
        """Add the tens to the table. It raises nothing, for the search is answered already: what
        cannot be written is lost, and the log says so and not what."""
        if not self._writing.acquire(blocking=False):
            return  # who writes just now, or next, takes these along
        try:
            while due := self._taken():
                with self._engine.begin() as connection:
                    connection.execute(text("SET LOCAL statement_timeout = '1s'"))
                    add(connection, due)
                    forget(connection)
        except Exception as error:  # the server would log one that passes, with the question
            self._rest_until = time.monotonic() + REST_S
            _log.warning("Counts of searches were lost: %s", type(error).__name__)
        finally:
            self._writing.release()

    def _taken(self) -> Counter[tuple[date, str, str]]:
        with self._counting:
            due, self._due = self._due, Counter()
        return Counter() if time.monotonic() < self._rest_until else due


def add(connection: Connection, due: Counter[tuple[date, str, str]]) -> None:
    """Add tens to the rows of their day, region and term."""
    # In one order everywhere: processes that write at once would wait for each other for ever.
    rows = [
        {"day": day, "region": region, "term": term, "searches": searches}
        for (day, region, term), searches in sorted(due.items())
    ]
    new = insert(Demand)
    more = {"searches": Demand.searches + new.excluded.searches}
    key = [Demand.day, Demand.region, Demand.term]
    connection.execute(new.on_conflict_do_update(index_elements=key, set_=more), rows)


def forget(connection: Connection) -> None:
    """Delete rows that are older than ``KEPT_MONTHS``."""
    old = f"DELETE FROM demand WHERE day < CURRENT_DATE - interval '{KEPT_MONTHS} months'"
    connection.execute(text(old))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A term or kind, and how often it was asked for: in all, and most on one day. ``region`` is
    empty where it is for all of them together."""

    region: str
    term: str
    searches: int
    most: int


_WANTED = f"""
SELECT {{region}} AS region, term, sum(searches)::int AS searches, max(searches)::int AS most
FROM (SELECT day, {{region}} AS region, term, sum(searches) AS searches FROM demand
 WHERE day > CURRENT_DATE - {SHOWN_DAYS} AND (:only = '' OR region = :only) GROUP BY 1, 2, 3) AS d
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {SHOWN}"""


def by_term(connection: Connection) -> list[Wanted]:
    """What was asked for in the last ``SHOWN_DAYS`` days everywhere, the most first."""
    found = connection.execute(text(_WANTED.format(region="''")), {"only": ""})
    return [Wanted(*row) for row in found]


def by_region(connection: Connection, only: str = "") -> list[Wanted]:
    """The same in each region, or in one; ``SHOWN`` of them."""
    found = connection.execute(text(_WANTED.format(region="region")), {"only": only})
    return [Wanted(*row) for row in found]


def regions(connection: Connection) -> list[str]:
    """The regions that have any such count."""
    some = f"SELECT DISTINCT region FROM demand WHERE day > CURRENT_DATE - {SHOWN_DAYS} ORDER BY 1"
    return list(connection.execute(text(some)).scalars())
