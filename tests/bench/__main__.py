"""Times imports and every kind of search on generated listings, beside other engines.

``ROWS`` sets the size, or several: "250000 2500000". In one run and on the same listings, the
same questions are asked of the product (``directory.search.answer``), of SQLite with FTS5 and
R*Tree, of Tantivy, and, where it says something, of SQL tuned by hand (the floor). What an answer
holds is in ``opponents``; how an opponent finds it, in ``in_sqlite`` and ``in_tantivy``. Prints a
table for each size, with a warning where answers differ, and writes ``var/bench.json``.
"""

import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from directory import cluster, db
from directory.config import Config, load_config
from directory.places import Place
from directory.web.app import create_app
from tests.bench.in_sqlite import InSqlite
from tests.bench.in_tantivy import InTantivy
from tests.bench.lines import ASKED, Line, Time, growth, searches, table, timed
from tests.bench.opponents import Opponent, documents
from tests.bench.rows import bench_database, fill, towns

# A Tuesday at noon in Chicago: how much is open is the same in every run.
NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


def imports(engine: Engine, rows: int, path: Path) -> list[Line]:
    """Fill the database; prints rows a second."""
    found = []
    for name, report in zip(("import", "import unchanged"), fill(engine, rows, path), strict=True):
        print(f"{name}: {report.read / report.seconds:,.0f} rows a second", file=sys.stderr)
        each = report.seconds * 1000 / report.read
        found.append(Line(f"{name}, a row", Time(each, each)))
    return found


def built(engine: Engine, folder: Path) -> list[Opponent]:
    """The opponents, each from all listings."""
    found: list[Opponent] = []
    for opponent in (InSqlite, InTantivy):
        start = time.perf_counter()
        found.append(opponent.build(documents(engine, NOW), folder, NOW))
        print(f"{opponent.name}: built in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return found


def pages(config: Config, places: list[Place]) -> Line:
    """Whole pages of results, as a browser gets them."""
    client = create_app(config).test_client()

    def page(place: Place) -> None:
        near = {"lat": place.lat, "lon": place.lon, "q": "detox"}
        response = client.get("/search", query_string=near)
        if response.status_code != 200:
            sys.exit(f"/search answered {response.status_code}")

    return Line("whole page near a place", timed(page, places))


def measure(config: Config, rows: int) -> list[Line]:
    """All lines at one size, in a database and a folder of their own."""
    with (
        bench_database(config) as bench,
        tempfile.TemporaryDirectory(dir=config.home, prefix="bench-") as name,
    ):
        engine, folder = db.writer(bench), Path(name)
        lines = imports(engine, rows, folder / "feed.csv")
        opponents = built(engine, folder)
        lines += searches(db.reader(bench), opponents, NOW)
        return [*lines, pages(bench, towns(engine, ASKED))]


def main() -> None:
    """Measure at each size, print the tables and write the results."""
    sizes = [int(size) for size in os.environ.get("ROWS", "250000").split()]
    config = load_config()
    if config.database_url is None:
        cluster.start(config)
    config.home.mkdir(parents=True, exist_ok=True)
    tables: dict[int, list[Line]] = {}
    for rows in sizes:
        tables[rows] = measure(config, rows)
        print(table(rows, tables[rows]), flush=True)
    if len(tables) > 1:
        print(growth(tables))
    documents = [
        {"rows": rows, "lines": [line.document() for line in lines]}
        for rows, lines in tables.items()
    ]
    (config.home / "bench.json").write_text(
        json.dumps(documents[0] | {"larger": documents[1:]}, indent=2)
    )


if __name__ == "__main__":
    main()
