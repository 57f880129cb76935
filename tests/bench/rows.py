"""The listings that are searched: generated, imported, and multiplied where many are wanted.

Up to ``IMPORTED`` rows come in by the ``csv`` importer. More are copies made in the database: a
copy keeps all that a listing says (its words, terms and hours stay as common together as they are),
under an id of its own, and stands about a mile from where another listing stands, so that towns
keep their share.
"""

import csv
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from directory import db, words
from directory.config import Config
from directory.feed import open_feed
from directory.generate import sample_rows, spread
from directory.importing import importer
from directory.load import load
from directory.places import Place, load_places, place_at
from directory.runs import Report, SourceSpec
from tests.conftest import fresh_database, settings

IMPORTED = 250_000
_LISTS = {"street": ";", "terms": " "}
_TOWNS = (
    "SELECT name, region, lat, lon, timezone, population FROM place WHERE kind = 'city' "
    "AND country = 'US' AND NOT alias AND population > 0 ORDER BY id"
)


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


def fill(engine: Engine, rows: int, path: Path) -> list[Report]:
    """Import up to ``IMPORTED`` rows, by way of a table at ``path``, and again unchanged; then
    multiply them to ``rows``. The reports of both imports."""
    imported = min(rows, IMPORTED)
    write_feed(imported, engine, path)
    source = SourceSpec("bench", "csv", str(path), origin="sample")
    reports = []
    for status, counted in (("applied", "added"), ("unchanged", "same")):
        report = load(engine, source, importer("csv")(str(path), {}, open_feed))
        if (report.status, getattr(report, counted)) != (status, imported):
            sys.exit(f"The import did not do what it should: {report.document()}")
        reports.append(report)
    path.unlink()
    if rows > imported:
        _multiply(engine, rows - imported)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) listing"))
    return reports


def _towns(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(_TOWNS)).all()


def write_feed(rows: int, engine: Engine, path: Path) -> None:
    """The generated listings, around the towns of the gazetteer, as the table that the ``csv``
    importer reads."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = None
        for item in sample_rows(rows, _towns(engine)):
            cells = {name: _cell(name, value) for name, value in item.raw.items()}
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


# Ids are hashes, so that their order has no meaning: shifting it pairs listings as by chance.
# Doors are paired with doors. Neighbours are stored together, as an import does.
_MULTIPLY = """
INSERT INTO listing (id, external_id, latitude, longitude, position, {columns})
SELECT md5(l.id || ':' || copy)::uuid, l.external_id || ':' || copy, lat, lon, point, {columns}
FROM (
  SELECT id, copy, lat, lon, ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography AS point
  FROM (
    SELECT a.id, copy,
           b.latitude + 0.02 * sin(12.9898 * a.place + 78.233 * copy) AS lat,
           b.longitude + 0.02 * sin(4.1414 * a.place + 37.719 * copy) AS lon
    FROM numbered a CROSS JOIN generate_series(1, :copies) AS copy
    JOIN numbered b ON b.in_person = a.in_person
      AND b.place = (a.place + copy * CAST(:shift AS bigint)) % a.all_of_them
    ORDER BY copy, md5(a.id::text) LIMIT :rows
  ) AS moved
  ORDER BY ST_SetSRID(ST_MakePoint(lon, lat), 4326)
) AS placed JOIN listing l USING (id)
"""
_NUMBERED = """
CREATE TEMP TABLE numbered ON COMMIT DROP AS
SELECT id, in_person, latitude, longitude, count(*) OVER (PARTITION BY in_person) AS all_of_them,
       row_number() OVER (PARTITION BY in_person ORDER BY id) - 1 AS place
FROM listing
"""
_OWN = ("id", "external_id", "latitude", "longitude", "position")


def _multiply(engine: Engine, rows: int) -> None:
    """Add ``rows`` copies. Indexes are made anew afterwards, which is quicker."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL work_mem = '256MB'"))
        connection.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
        indexes = connection.execute(
            text(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'listing' AND"
                " indexname NOT IN (SELECT conname FROM pg_constraint)"
            )
        ).all()
        for index in indexes:
            connection.execute(text(f"DROP INDEX {index.indexname}"))
        columns = connection.execute(
            text(
                "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
                " WHERE table_name = 'listing' AND is_generated = 'NEVER'"
                " AND column_name != ALL(:own)"
            ),
            {"own": list(_OWN)},
        ).scalar_one()
        connection.execute(text(_NUMBERED))
        connection.execute(text("CREATE INDEX ON numbered (in_person, place)"))
        connection.execute(text("ANALYZE numbered"))
        # Rows are stored in the order of the points only if each is looked up in turn.
        connection.execute(text("SET LOCAL enable_hashjoin = off"))
        connection.execute(text("SET LOCAL enable_mergejoin = off"))
        values = {"rows": rows, "copies": -(-rows // IMPORTED), "shift": 7_919}
        connection.execute(text(_MULTIPLY.format(columns=columns)), values)
        for index in indexes:
            connection.exec_driver_sql(index.indexdef)


def towns(engine: Engine, count: int) -> list[Place]:
    """Points of towns, as often as listings are there."""
    found = _towns(engine)
    chosen = random.Random(1).choices(found, [spread(town) for town in found], k=count)
    return [place_at(town.lat, town.lon) for town in chosen]


def desert(engine: Engine) -> Place:
    """The point in the west of the US, of a grid, that is farthest from any door."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                """
SELECT lat, lon, metres FROM (
  SELECT lat::float8 / 4 AS lat, lon::float8 / 4 AS lon
  FROM generate_series(144, 180) AS lat, generate_series(-476, -416) AS lon
) AS grid, LATERAL (
  SELECT position <-> ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography AS metres FROM listing
  WHERE listed AND in_person ORDER BY 1 LIMIT 1
) AS nearest ORDER BY metres DESC LIMIT 1"""
            )
        ).one()
    print(f"The desert's nearest door is {found.metres / 1609.344:.0f} miles off", file=sys.stderr)
    return place_at(found.lat, found.lon)


def common_words(engine: Engine, count: int) -> list[str]:
    """The words that most listings hold, the most common first, one for each lexeme."""
    sql = (
        "SELECT concat_ws(' ', name, organization, city, description, street[1], region)"
        " FROM listing ORDER BY id LIMIT 20000"
    )
    with engine.connect() as connection:
        texts = connection.execute(text(sql)).scalars().all()
    held = Counter(token for each in texts for token in set(words.tokens(each)))
    by_lexeme: dict[str, str] = {}
    for token, _ in held.most_common():
        by_lexeme.setdefault(words.stem(token), token)
    return list(by_lexeme.values())[:count]
