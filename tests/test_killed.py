"""An importer that is killed, or loses a process of its own, and one that meets another."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

import directory.load
from directory import edits
from directory.feed import FeedError
from directory.judge import ALONE
from directory.load import load
from directory.records import Item
from directory.runs import LockedError, SourceSpec
from directory.undo import undo
from tests.conftest import Loader
from tests.test_load import fingerprint

# A few points and rows, to keep the suite quick; EVERY_KILL=1 asks for thirty points, and for as
# many rows as are judged by several processes.
POINTS, ROWS = (30, 9_000) if os.environ.get("EVERY_KILL") else (4, 1_100)

_IMPORT = """
import sys
from directory import db
from directory.config import load_config
from directory.load import load
from directory.records import Item
from directory.runs import SourceSpec
from tests.test_killed import rows

engine = db.writer(load_config())
engine.connect().close()
print("ready", flush=True)
load(engine, SourceSpec("test", "csv", "x"), rows(sys.argv[1]))
print("done", flush=True)
"""


def rows(word: str) -> list[Item]:
    """A feed that names every place anew, lacks some of the old and has some new."""
    first = 0 if word == "Old" else 100
    fields: list[dict[str, Any]] = [
        {"external_id": str(n), "kind": "treatment", "name": f"{word} {n}"}
        for n in range(first, first + ROWS)
    ]
    return [Item(f"item {n}", row) for n, row in enumerate(fields)]


def importer(database: Engine, word: str) -> subprocess.Popen[bytes]:
    """A process that imports ``rows(word)``, ready to begin."""
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    environment = {**os.environ, "DIRECTORY_DATABASE_URL": url}
    process = subprocess.Popen(
        [sys.executable, "-c", _IMPORT, word], env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def converge(database: Engine, word: str) -> None:
    """The next run works, as soon as the server has noticed that a killed client is gone."""
    for _ in range(100):
        try:
            assert load(database, SourceSpec("test", "csv", "x"), rows(word)).status in (
                "applied",
                "unchanged",
            )
            return
        except LockedError:
            time.sleep(0.1)
    raise AssertionError("still locked after ten seconds")


def test_killed_at_any_point_it_is_before_or_after(database: Engine) -> None:
    load(database, SourceSpec("test", "csv", "x"), rows("Old"))
    with database.begin() as connection:
        # One that the next feed has too, and names anew: what a person wrote stands.
        same = text("SELECT id FROM listing WHERE external_id = '500'")
        listing = connection.execute(same).scalar_one()
        edits.write(connection, listing, {"name": "Ours"}, "keeper@example.org")
    before = fingerprint(database)
    started = time.monotonic()
    load(database, SourceSpec("test", "csv", "x"), rows("New"))
    took = time.monotonic() - started
    after = fingerprint(database)
    with database.connect() as connection:
        newest = connection.execute(text("SELECT max(id) FROM import_run")).scalar_one()
    undo(database, newest)
    chance = random.Random(17)
    for point in range(POINTS):
        assert fingerprint(database) == before
        with importer(database, "New") as process:
            time.sleep(took * 1.3 * (point + chance.random()) / POINTS)
            process.send_signal(signal.SIGKILL)
        converge(database, "New")
        assert fingerprint(database) == after
        assert _named(database, listing) == "Ours"
        with database.connect() as connection:
            # Whether a killed run counts, the books know as well as the listings.
            runs = connection.execute(
                text(
                    "SELECT id, status, EXISTS (SELECT FROM change WHERE run_id = r.id) AS kept "
                    "FROM import_run r WHERE NOT EXISTS (SELECT FROM import_run u "
                    "WHERE u.undoes = r.id) ORDER BY id DESC LIMIT 2"
                )
            ).all()
        assert all(run.kept == (run.status == "applied") for run in runs)
        assert not any(run.status == "running" for run in runs)
        undo(database, next(run.id for run in runs if run.status == "applied"))


def _named(database: Engine, listing: uuid.UUID) -> str:
    with database.connect() as connection:
        query = text("SELECT name FROM listing WHERE id = :id")
        return str(connection.execute(query, {"id": listing}).scalar_one())


def test_killed_before_anything_was_there(database: Engine) -> None:
    with importer(database, "Old") as process:
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
    converge(database, "Old")
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM listing")).scalar() == ROWS


def test_a_judging_process_that_is_killed_is_a_clean_failure(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system does where memory runs out."""
    few = 50  # rows in a batch: what is beyond ``ALONE`` of them is judged by processes
    monkeypatch.setattr(directory.load, "BATCH", few)
    monkeypatch.setattr(directory.load, "AHEAD", few)

    def feed() -> Iterator[Item]:
        for number in range((ALONE + 6) * few):
            if number == (ALONE + 4) * few:
                for process in multiprocessing.active_children():
                    os.kill(process.pid or 0, signal.SIGKILL)
                    process.join()
            yield Item(f"item {number}", {"external_id": str(number)})

    load(database, SourceSpec("test", "csv", "x"), rows("Old")[:9])
    before = fingerprint(database)
    with pytest.raises(FeedError, match="was killed"):
        load(database, SourceSpec("test", "csv", "x"), feed())
    assert fingerprint(database) == before
    assert not multiprocessing.active_children()
    with database.connect() as connection:
        newest = connection.execute(text("SELECT status FROM import_run ORDER BY id DESC LIMIT 1"))
        assert newest.scalar() == "failed"


def test_the_second_of_two_runs_is_turned_away(database: Engine, load_rows: Loader) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow() -> Any:
        yield rows("Old")[0]
        entered.set()
        leave.wait(30)

    first = threading.Thread(target=load, args=(database, SourceSpec("test", "csv", "x"), slow()))
    first.start()
    assert entered.wait(30)
    try:
        with pytest.raises(LockedError):
            load_rows({"external_id": "2"})
        assert load_rows({"external_id": "2"}, source="other").status == "applied"
    finally:
        leave.set()
        first.join()
    assert load_rows({"external_id": "0", "name": "Open Door"}).status == "applied"
