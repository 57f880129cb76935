"""Times imports and every kind of search on generated listings, beside a floor.

The floor of a search is SQL tuned by hand for that one question and sent straight through
psycopg2: the same rows, total and counts, in the same run on the same data. ``ROWS`` sets the
size. Prints a table and writes ``var/bench.json``.
"""

import csv
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from directory import cluster, db, question
from directory.config import Config, load_config
from directory.criteria import Search
from directory.feed import open_feed
from directory.generate import sample_rows, spread
from directory.importing import importer
from directory.letters import tally
from directory.load import SourceSpec, load
from directory.places import Place, load_places, place_at
from directory.question import When
from directory.search import answer
from directory.web.app import create_app
from tests.conftest import fresh_database, settings

ASKED = 30
_LISTS = {"street": ";", "terms": " "}
_TOWNS = (
    "SELECT name, region, lat, lon, timezone, population FROM place WHERE kind = 'city' "
    "AND country = 'US' AND NOT alias AND population > 0 ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; times in milliseconds."""

    name: str
    p50: float
    p95: float
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our median over the floor's."""
        return self.p50 / self.floor if self.floor else None


def timed(act: Callable[[int], Any], times: int = ASKED) -> list[float]:
    """Milliseconds of each of ``times`` calls, after a warm-up of the same calls."""
    found = []
    for warm in (True, False):
        for number in range(times):
            start = time.perf_counter()
            act(number)
            if not warm:
                found.append((time.perf_counter() - start) * 1000)
    return found


def line(name: str, ours: list[float], floor: list[float] | None = None) -> Line:
    """The medians and our 95th percentile."""
    p95 = statistics.quantiles(ours, n=20)[-1]
    return Line(name, statistics.median(ours), p95, statistics.median(floor) if floor else None)


def write_feed(rows: int, towns: Any, path: Path) -> None:
    """The generated listings as the table that the ``csv`` importer reads."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = None
        for row in sample_rows(rows, towns):
            cells = {name: _cell(name, value) for name, value in row.fields.items()}
            if writer is None:
                writer = csv.DictWriter(stream, list(cells))
                writer.writeheader()
            writer.writerow(cells)


def _cell(name: str, value: Any) -> str:
    if name == "phones":
        return ";".join(value)
    if name == "sessions":
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        return ";".join(f"{days[s['weekday']]} {s['start']} {s['minutes']}" for s in value)
    if isinstance(value, bool):
        return str(value).lower()
    return _LISTS[name].join(value) if name in _LISTS else "" if value is None else str(value)


def imports(engine: Engine, rows: int, path: Path) -> list[Line]:
    """Import the feed, and import it again unchanged; prints rows a second."""
    found = []
    source = SourceSpec("bench", "csv", str(path), origin="sample")
    for name in ("import", "import unchanged"):
        report = load(engine, source, importer("csv")(str(path), {}, open_feed))
        wanted = ("applied", "added") if name == "import" else ("unchanged", "same")
        if (report.status, getattr(report, wanted[1])) != (wanted[0], rows):
            sys.exit(f"{name} did not do what it should: {report.document()}")
        print(f"{name}: {rows / report.seconds:,.0f} rows a second", file=sys.stderr)
        each = report.seconds * 1000 / rows
        found.append(Line(f"{name}, a row", each, each))
    return found


_COUNTS = "(SELECT count(*) FROM hits), (SELECT string_agg(letters, '') FROM hits)"
_ROWS = "SELECT (SELECT json_agg(l) FROM listing l JOIN page USING (id)),"


def floor_near(place: Place, metres: float, extra: str, order: str) -> str:
    """Hand-tuned SQL for a search near a place; ``extra`` and ``order`` are its own."""
    point = f"'SRID=4326;POINT({place.lon!r} {place.lat!r})'::geography"
    return f"""
WITH hits AS MATERIALIZED (SELECT id, letters, quality, ST_Distance(position, {point}) AS d,
    search FROM listing WHERE listed AND in_person AND ST_DWithin(position, {point}, {metres})
    {extra}),
page AS (SELECT id FROM hits ORDER BY {order}, id LIMIT 20)
{_ROWS} {_COUNTS}"""


def floor_words(extra: str) -> str:
    """Hand-tuned SQL for a search without a place whose matches are few."""
    return f"""
WITH hits AS MATERIALIZED (SELECT id, letters, quality FROM listing WHERE listed {extra}),
page AS (SELECT id FROM hits ORDER BY quality DESC, id LIMIT 20)
{_ROWS} {_COUNTS}"""


def _literal(tsquery: str) -> str:
    doubled = tsquery.replace("'", "''")
    return f"'{doubled}'::tsquery"


def searches(config: Config, places: list[Place]) -> list[Line]:
    """Every kind of search against its floor."""
    engine, now = db.reader(config), datetime.now(UTC)
    connection = engine.connect()
    raw = connection.connection.cursor()
    words = question.parse("detox outpatient")
    assert words is not None
    detox = f"AND search @@ {_literal(words.tsquery)}"
    aftercare = "AND terms @> '{service:aftercare}'"
    near = Search(attend="in_person")
    mile = 1609.344

    def ours(make: Callable[[Place], Search]) -> list[float]:
        return timed(lambda n: answer(connection, make(places[n]), now))

    def floor(make: Callable[[Place], str]) -> list[float]:
        def ask(number: int) -> None:
            raw.execute(make(places[number]))
            ((_, _, letters),) = raw.fetchall()
            tally(letters or "")

        return timed(ask)

    def at(place: Place, miles: float, base: Search = near, **more: Any) -> Search:
        fields = {name: getattr(base, name) for name in Search.__slots__}
        return Search(**{**fields, "place": place, "radius_m": miles * mile, **more})

    found = []
    by_quality = "d + 4000 * (1 - quality)"
    for miles in (10, 25, 50):
        found.append(
            line(
                f"near {miles} mi",
                ours(lambda p, m=miles: at(p, m)),  # type: ignore[misc]
                floor(lambda p, m=miles: floor_near(p, m * mile, "", by_quality)),  # type: ignore[misc]
            )
        )
    tier = (
        f"d + 4000 * (1 - quality) + CASE WHEN search @@ {_literal(words.name_tsquery)} THEN 0"
        f" WHEN search @@ {_literal(words.term_tsquery)} THEN 5000 ELSE 15000 END"
    )
    found.append(
        line(
            "near 25 mi + words",
            ours(lambda p: at(p, 25, words=words)),
            floor(lambda p: floor_near(p, 25 * mile, detox, tier)),
        )
    )
    found.append(
        line(
            "near 25 mi + term",
            ours(lambda p: at(p, 25, terms=("service:aftercare",))),
            floor(lambda p: floor_near(p, 25 * mile, aftercare, by_quality)),
        )
    )
    found.append(line("near 25 mi + online block", ours(lambda p: at(p, 25, attend=None))))
    found.append(line("near 25 mi, open now", ours(lambda p: at(p, 25, when=When(open="now")))))
    rare = question.parse('"serenity detox"')
    assert rare is not None
    found.append(
        line(
            "rare words nationwide",
            timed(lambda _: answer(connection, Search(words=rare), now)),
            floor(lambda _: floor_words(f"AND search @@ {_literal(rare.tsquery)}")),
        )
    )
    for name, typed in (("common", "treatment"), ("absent", "zyzzyva")):
        asked = Search(words=question.parse(typed))
        found.append(
            line(
                f"{name} words nationwide",
                timed(lambda _, s=asked: answer(connection, s, now)),  # type: ignore[misc]
            )
        )
    found.append(line("everything", timed(lambda _: answer(connection, Search(), now))))
    connection.close()
    return found


def pages(config: Config, places: list[Place]) -> list[Line]:
    """Whole pages of results, as a browser gets them."""
    client = create_app(config).test_client()

    def page(number: int) -> None:
        place = places[number]
        near = {"lat": place.lat, "lon": place.lon, "q": "detox"}
        response = client.get("/search", query_string=near)
        if response.status_code != 200:
            sys.exit(f"/search answered {response.status_code}")

    return [line("whole page near a place", timed(page))]


@contextmanager
def bench_database(config: Config) -> Iterator[Config]:
    """A fresh migrated database with the gazetteer."""
    url = make_url(db.database_url(config)).set(drivername="postgresql+psycopg2")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with fresh_database(server) as fresh:
        found = settings(config, fresh)
        engine = db.writer(found)
        db.migrate(engine)
        with engine.begin() as connection:
            load_places(connection)
        try:
            yield found
        finally:
            engine.dispose()
            db.reader(found).dispose()
    server.dispose()


def main() -> None:
    """Run all benchmarks and write the results."""
    rows = int(os.environ.get("ROWS", "250000"))
    config = load_config()
    if config.database_url is None:
        cluster.start(config)
    config.home.mkdir(parents=True, exist_ok=True)
    with bench_database(config) as bench:
        engine = db.writer(bench)
        with engine.connect() as connection:
            towns = connection.execute(text(_TOWNS)).all()
        feed = config.home / f"bench-{rows}.csv"
        write_feed(rows, towns, feed)
        lines = imports(engine, rows, feed)
        feed.unlink()
        chance = random.Random(1)
        chosen = chance.choices(towns, [spread(town) for town in towns], k=ASKED)
        places = [place_at(town.lat, town.lon) for town in chosen]
        lines += searches(bench, places) + pages(bench, places)
    print(f"{'':32}{'p50 ms':>9}{'p95 ms':>9}{'floor':>9}{'ratio':>7}   {rows:,} rows")
    for found in lines:
        floor, ratio = (f"{found.floor:9.2f}", f"{found.ratio:7.2f}") if found.floor else ("", "")
        print(f"{found.name:32}{found.p50:9.2f}{found.p95:9.2f}{floor}{ratio}")
    document = {
        "rows": rows,
        "lines": [
            {"name": f.name, "p50_ms": f.p50, "p95_ms": f.p95, "floor_ms": f.floor} for f in lines
        ],
    }
    (config.home / "bench.json").write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
