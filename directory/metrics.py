"""Figures of the directory for Prometheus, computed when they are asked for. They are of listings,
imports and what waits for a person: nothing is counted about who asks, or what."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from directory import history, matching, pocket, reports
from directory.config import Config
from directory.records import KINDS

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_KINDS = "SELECT kind, count(*) FROM listing WHERE listed GROUP BY 1"

Values = Iterable[tuple[tuple[str, ...], float]]
"""Values of a gauge's labels, and its value."""


class _Figures(Collector):
    """Gauges of one moment: the library's own stay from one answer to the next."""

    def __init__(self) -> None:
        self._families: list[GaugeMetricFamily] = []

    def tell(self, name: str, about: str, values: Values, *labels: str) -> None:
        family = GaugeMetricFamily(f"recovery_directory_{name}", about, labels=labels)
        for of, value in values:
            family.add_metric(of, value)
        self._families.append(family)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        return iter(self._families)


def exposition(engine: Engine, config: Config, now: datetime) -> bytes:
    """All figures in Prometheus' text format; without those of a database that is away."""
    found = _Figures()
    try:
        with engine.connect() as connection:
            _tell_database(connection, now, found)
        up = True
    except SQLAlchemyError:
        found, up = _Figures(), False
    found.tell("up", "Whether the database answers.", [((), up)])
    brought = pocket.refreshed(config)
    age = [] if brought is None else [((), time.time() - brought)]
    found.tell("pocket_age_seconds", "Since the spelling index was last brought up to date.", age)
    return generate_latest(found)


def _tell_database(connection: Connection, now: datetime, found: _Figures) -> None:
    kinds = dict.fromkeys(KINDS, 0) | {row[0]: row[1] for row in connection.execute(text(_KINDS))}
    runs = history.newest(connection)
    good = {name: run["good"] for name, run in runs.items() if run["good"]}
    ages = [((name,), (now - started).total_seconds()) for name, started in good.items()]
    last = [((name, run["status"]), 1) for name, run in runs.items()]
    rejected = [((name,), run["rejected"]) for name, run in runs.items()]
    rejected = [(of, rows) for of, rows in rejected if rows is not None]  # of a run at work
    listings = [((kind,), count) for kind, count in kinds.items()]
    found.tell("listings", "Listings that searches find.", listings, "kind")
    found.tell("source_good_import_age_seconds", "Since the last good import.", ages, "source")
    found.tell("source_last_run", "1 for the newest run's status.", last, "source", "status")
    found.tell("source_rejected_rows", "Rows that the newest run rejected.", rejected, "source")
    pairs, reported = matching.number_waiting(connection), reports.number_waiting(connection)
    found.tell("pairs_waiting", "Doubtful pairs that wait for a person.", [((), pairs)])
    found.tell("reports_waiting", "Reports of readers that wait for a person.", [((), reported)])
