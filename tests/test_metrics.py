"""The figures for Prometheus: what they say, that they are cheap, and that they say little."""

import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, event, text

from directory import cli, db, pocket, reports
from directory.config import Config
from directory.records import KINDS
from directory.web.app import HEADERS, create_app
from tests.conftest import Loader
from tests.test_docs import cells, section
from tests.test_matching import HOME, LODGE

PREFIX = "recovery_directory_"
HEADER = "external_id,kind,name,fees\n"
Figures = dict[str, dict[tuple[str, ...], float]]


def figures(client: FlaskClient) -> Figures:
    """name -> values of labels -> value, as Prometheus reads them."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: Figures = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.type == "gauge"
        assert family.documentation
        found[family.name.removeprefix(PREFIX)] = {
            tuple(sample.labels.values()): sample.value for sample in family.samples
        }
    return found


@pytest.fixture
def client(here: Config, database: Engine) -> FlaskClient:
    return create_app(here).test_client()


def load_csv(here: Config, source: str, rows: str, *more: str) -> None:
    path = here.home / f"{source}.csv"
    path.write_text(HEADER + rows)
    cli.main(["import", "csv", str(path), "--source", source, *more])


def test_an_empty_directory(client: FlaskClient) -> None:
    found = figures(client)
    assert found["up"] == {(): 1}
    assert found["listings"] == {(kind,): 0 for kind in KINDS}
    assert found["source_last_run"] == found["source_good_import_age_seconds"] == {}
    assert found["pairs_waiting"] == found["reports_waiting"] == {(): 0}
    assert found["pocket_age_seconds"] == {}


def test_imports_and_what_waits(
    here: Config, database: Engine, client: FlaskClient, load_rows: Loader
) -> None:
    rows = "".join(f"{n},treatment,Place {n},Free\n" for n in range(40))
    load_csv(here, "county", rows + "x,casino,No,\ny,casino,No,\n")
    load_csv(here, "a-b", "1,hotline,Line,\n")
    with database.begin() as connection:
        old = "UPDATE import_run SET started = now() - interval '1 hour' WHERE source_id = 'county'"
        connection.execute(text(old))
        connection.execute(text("UPDATE listing SET status = 'closed' WHERE name = 'Place 0'"))
        listing: uuid.UUID = connection.execute(text("SELECT id FROM listing LIMIT 1")).scalar_one()
        reports.add(connection, listing, "phone", "It rings and rings.", None)
    found = figures(client)
    assert found["listings"][("treatment",)] == 39
    assert found["listings"][("hotline",)] == 1
    assert found["source_last_run"] == {("county", "applied"): 1, ("a-b", "applied"): 1}
    assert found["source_rejected_rows"] == {("county",): 2, ("a-b",): 0}
    assert 3_600 <= found["source_good_import_age_seconds"][("county",)] < 3_700
    assert 0 <= found["source_good_import_age_seconds"][("a-b",)] < 100
    assert found["reports_waiting"] == {(): 1}
    assert 0 <= found["pocket_age_seconds"][()] < 100
    os.utime(pocket.folder_of(here).with_suffix(".done"), (0, 0))
    assert figures(client)["pocket_age_seconds"][()] > 1_000_000_000
    # A refused run is the last one, and the last good one is what it was; a dry run is none.
    load_csv(here, "county", "1,treatment,Place 1,Free\n")
    load_csv(here, "county", rows, "--dry-run")
    found = figures(client)
    assert found["source_last_run"][("county", "refused")] == 1
    assert ("county", "applied") not in found["source_last_run"]
    assert found["source_rejected_rows"][("county",)] == 0
    assert 3_600 <= found["source_good_import_age_seconds"][("county",)] < 3_700
    load_rows(HOME, source="one")
    load_rows(LODGE, source="two")
    assert figures(client)["pairs_waiting"] == {(): 1}


def test_a_run_at_work(database: Engine, client: FlaskClient, load_rows: Loader) -> None:
    load_rows({})
    with database.begin() as connection:
        connection.execute(text("INSERT INTO import_run (source_id) VALUES ('test')"))
    found = figures(client)
    assert found["source_last_run"] == {("test", "running"): 1}
    assert found["source_rejected_rows"] == {}
    assert list(found["source_good_import_age_seconds"]) == [("test",)]


@pytest.mark.parametrize("trouble", ["away", "no tables"])
def test_a_database_in_trouble_is_a_figure(here: Config, database: Engine, trouble: str) -> None:
    if trouble == "away":
        here = replace(here, database_url="postgresql://nobody@127.0.0.1:9/none")
    client = create_app(here).test_client()
    if trouble == "no tables":
        with database.begin() as connection:
            connection.execute(text("ALTER TABLE match RENAME TO match_away"))
    try:
        assert figures(client) == {"up": {(): 0}, "pocket_age_seconds": {}}
    finally:
        if trouble == "no tables":
            with database.begin() as connection:
                connection.execute(text("ALTER TABLE match_away RENAME TO match"))


def test_few_statements_and_none_that_reads_all_listings(
    here: Config, client: FlaskClient, load_rows: Loader
) -> None:
    load_rows(*({"external_id": str(n), "name": f"Place {n}"} for n in range(20)))
    said: list[str] = []

    def keep(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    reader = db.reader(here)
    event.listen(reader, "before_cursor_execute", keep)
    try:
        figures(client)
    finally:
        event.remove(reader, "before_cursor_execute", keep)
    assert len(said) <= 6
    (counting,) = (statement for statement in said if "SELECT kind, count" in statement)
    with reader.connect() as connection:
        for scan in ("seqscan", "bitmapscan"):
            connection.execute(text(f"SET LOCAL enable_{scan} = off"))
        plan = connection.execute(text(f"EXPLAIN {counting}")).scalars()
        assert "Index Only Scan using ix_listing_kind" in "".join(plan)


def test_what_is_odd_in_a_label_is_told_as_it_is(
    database: Engine, client: FlaskClient, load_rows: Loader
) -> None:
    load_rows({})
    odd = 'a"b\\c\nd {e} é'
    with database.begin() as connection:
        source = "INSERT INTO source (id, kind, location, title) VALUES (:id, '', '', '')"
        connection.execute(text(source), {"id": odd})
        connection.execute(text("INSERT INTO import_run (source_id) VALUES (:id)"), {"id": odd})
    assert figures(client)["source_last_run"] == {("test", "applied"): 1, (odd, "running"): 1}


def test_every_header_and_no_cookie(client: FlaskClient) -> None:
    answer = client.get("/metrics")
    assert HEADERS.keys() <= set(answer.headers.keys())
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert client.post("/metrics").status_code == 405


def test_searches_leave_no_trace(client: FlaskClient) -> None:
    def plain(found: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values for name, values in found.items() if "age" not in name}

    before = figures(client)
    for _ in range(12):
        client.get("/search?q=detox&near=Denver", buffered=True)
    assert plain(figures(client)) == plain(before)


def test_the_documented_figures_are_those_there_are(client: FlaskClient, load_rows: Loader) -> None:
    load_rows({})
    said = client.get("/metrics").text
    labels = {name: set[str]() for name in re.findall(r"^# TYPE (\S+) gauge$", said, re.M)}
    for name, of in re.findall(r"^(\w+)\{(.*)\} ", said, re.M):
        labels[name] |= set(re.findall(r'(\w+)="', of))
    rows = cells(section("docs/operating.md", "## Watching it"))[2:]
    assert {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows} == labels
