"""A database that is killed, full, read only or out of reach while an import writes to it.

After each failure the listings are those from before or after, the person is told what to do,
and the next run makes of them what an undisturbed one does.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from directory import cli, cluster, db, postgres
from directory.config import Config, environment
from directory.feed import open_feed
from directory.importing import importer
from directory.load import load
from directory.records import Item
from directory.runs import Report, SourceSpec
from directory.undo import undo
from tests.test_cluster import kill, temporary_home
from tests.test_load import fingerprint

# EVERY_KILL=1 asks for ten points at which PostgreSQL is killed, and for every statement of an
# import at which its connection is lost; else a few, to keep the suite quick.
POINTS, STEP = (10, 1) if os.environ.get("EVERY_KILL") else (2, 9)
ROWS = 600
SOURCE = SourceSpec("test", "csv", "feed.csv")


@dataclass(frozen=True, slots=True)
class Feeds:
    """Two feeds of one source: the new one names every place anew, lacks some and has some."""

    old: Path
    new: Path


def written(folder: Path, count: int) -> Feeds:
    """The feeds as tables in ``folder``."""
    feeds = Feeds(folder / "Old.csv", folder / "New.csv")
    for feed, first in ((feeds.old, 0), (feeds.new, count // 12)):
        lines = [f"{n},treatment,{feed.stem} {n}\n" for n in range(first, first + count)]
        feed.write_text("".join(["external_id,kind,name\n", *lines]))
    return feeds


def imported(engine: Engine, feed: Path) -> Report:
    """An import that nothing disturbs."""
    return load(engine, SOURCE, importer("csv")(str(feed), {}, open_feed))


def command(feed: Path) -> list[str]:
    """The arguments of ``directory`` that import a feed."""
    return ["import", "csv", str(feed), "--source", SOURCE.id]


def newest(connection: Connection, status: str = "applied") -> int:
    """The newest run with a status."""
    query = text("SELECT max(id) FROM import_run WHERE status = :status")
    return int(connection.execute(query, {"status": status}).scalar_one())


def books_are_right(engine: Engine) -> bool:
    """Whether every run is over, and what an applied one changed is kept."""
    query = (
        "SELECT bool_and(status <> 'running' AND (status = 'applied') = EXISTS "
        "(SELECT FROM change WHERE run_id = r.id)) FROM import_run r WHERE status <> 'undo' "
        "AND NOT EXISTS (SELECT FROM import_run u WHERE u.undoes = r.id)"
    )
    with engine.connect() as connection:
        return bool(connection.execute(text(query)).scalar())


# --- a server of the test's own -------------------------------------------------------------


@pytest.fixture(scope="module")
def own() -> Iterator[Config]:
    """A migrated cluster that tests may kill. It has no gazetteer, which nothing here needs."""
    with temporary_home() as home:
        cluster.start(home)
        config = replace(home, database_url=cluster.url(home))
        db.migrate(db.writer(config))
        yield config
        db.writer(config).dispose()


@pytest.fixture
def feeds(tmp_path: Path) -> Feeds:
    return written(tmp_path, ROWS)


def home_of(config: Config) -> Config:
    """The settings by which the private cluster is started."""
    return replace(config, database_url=None)


def kill_a_process(config: Config) -> None:
    """Kill the process of the server that works for the import."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'victim' "
        "ORDER BY xact_start NULLS LAST LIMIT 1"
    )
    with db.writer(config).connect() as connection:
        pid = connection.execute(text(query)).scalar()
    if pid:
        os.kill(pid, signal.SIGKILL)


def victim(config: Config, feed: Path) -> subprocess.Popen[str]:
    """``directory import`` as a process whose connections have a name of their own."""
    url = f"{config.database_url}&application_name=victim"
    return subprocess.Popen(
        [sys.executable, "-m", "directory.cli", *command(feed)],
        env={**os.environ, **environment(replace(config, database_url=url))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_run(engine: Engine, after: int) -> None:
    """Wait until a run that is newer than ``after`` has begun."""
    with engine.connect() as connection:
        for _ in range(6000):
            query = text("SELECT count(*) FROM import_run WHERE id > :after")
            if connection.execute(query, {"after": after}).scalar():
                return
            connection.rollback()
            time.sleep(0.01)
    raise AssertionError("no run has begun in a minute")


def test_postgresql_is_killed_at_any_point(own: Config, feeds: Feeds) -> None:
    engine = db.writer(own)
    imported(engine, feeds.old)
    before = fingerprint(engine)
    started = time.monotonic()
    imported(engine, feeds.new)
    took = time.monotonic() - started
    after = fingerprint(engine)
    chance = random.Random(23)
    for point in range(POINTS):
        with engine.connect() as connection:
            last = newest(connection)
        undo(engine, last)
        assert fingerprint(engine) == before
        with engine.connect() as connection:
            last = newest(connection, "undo")
        with victim(own, feeds.new) as process:
            await_run(engine, last)
            time.sleep(took * 1.2 * (point + chance.random()) / POINTS)
            (kill_a_process if point % 2 else lambda config: kill(home_of(config)))(own)
            error = process.communicate()[1]
        assert process.returncode in (0, 1)
        assert "Traceback" not in error
        cluster.start(home_of(own))
        assert fingerprint(engine) in (before, after)
        assert imported(engine, feeds.new).status in ("applied", "unchanged")
        assert fingerprint(engine) == after
        assert books_are_right(engine)


@contextmanager
def standing_by(config: Config) -> Iterator[None]:
    """The server in recovery, as a replica is: it answers, and takes no change."""
    server = postgres.locate(home_of(config))
    cluster.stop(home_of(config))
    signal_file = server.data / "standby.signal"
    signal_file.touch()
    os.chown(signal_file, server.account.pw_uid, server.account.pw_gid)
    program = postgres.programs(server.major()) / "pg_ctl"
    log = server.log / "start.log"
    postgres.run(server, [program, "start", "-D", server.data, "-w", "-l", log])
    try:
        yield
    finally:
        cluster.stop(home_of(config))
        signal_file.unlink()
        cluster.start(home_of(config))


def commanded(config: Config, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    """The exit code of a command under the settings ``config``."""
    for name, value in environment(config).items():
        monkeypatch.setenv(name, value)
    return cli.main(arguments)


def test_a_replica_says_that_it_is_read_only(
    own: Config,
    feeds: Feeds,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = db.writer(own)
    imported(engine, feeds.new)
    before = fingerprint(engine)
    with standing_by(own):
        assert commanded(own, monkeypatch, command(feeds.old)) == 1
        said = capsys.readouterr().err
        assert fingerprint(engine) == before
    assert "read only" in said
    assert "DIRECTORY_DATABASE_URL" in said
    assert commanded(own, monkeypatch, command(feeds.new)) == 0


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A file system of its own; skips where this account may not mount one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    with tempfile.TemporaryDirectory(prefix="small-", dir="/tmp") as name:
        folder = Path(name)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "none", name]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", name], check=True)


@pytest.fixture
def small(own: Config) -> Iterator[tuple[Config, Path]]:
    """A migrated database on a disk of its own, and that disk's folder."""
    account = postgres.locate(home_of(own)).account
    with small_disk(200) as disk:
        space = disk / "space"
        space.mkdir(mode=0o700)
        os.chown(space, account.pw_uid, account.pw_gid)
        server = create_engine(db.writer(own).url, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"CREATE TABLESPACE small LOCATION '{space}'"))
            connection.execute(text("CREATE DATABASE small TEMPLATE template0 TABLESPACE small"))
        url = db.writer(own).url.set(database="small", drivername="postgresql")
        config = replace(own, database_url=url.render_as_string(hide_password=False))
        db.migrate(db.writer(config))
        yield config, disk
        db.writer(config).dispose()
        with server.connect() as connection:
            connection.execute(text("DROP DATABASE small WITH (FORCE)"))
            connection.execute(text("DROP TABLESPACE small"))
        server.dispose()


def fill_up(disk: Path, room: int) -> None:
    """Leave ``room`` bytes on a disk."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    found = os.statvfs(disk)
    ballast.write_bytes(b"\0" * (found.f_bavail * found.f_frsize - room))


def test_a_full_disk_changes_nothing(
    small: tuple[Config, Path],
    feeds: Feeds,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With more room each time: too little to stage, to index, to merge, and at last enough."""
    config, disk = small
    engine = db.writer(config)
    imported(engine, feeds.old)
    before = fingerprint(engine)
    failed = set()
    for room in (0, 200_000, 500_000, 1_000_000, 1_500_000, 10_000_000):
        fill_up(disk, room)
        code = commanded(config, monkeypatch, command(feeds.new))
        if code == 0:
            break
        failed.add(room)
        assert code == 1
        assert "no room left" in capsys.readouterr().err
        assert fingerprint(engine) == before
    assert code == 0
    assert len(failed) > 1
    assert books_are_right(engine)


# --- connections that are lost --------------------------------------------------------------


def terminate(engine: Engine, pid: int) -> None:
    """End a connection from the server's side, and wait until it has ended."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})


class Cutting:
    """Ends the connection of an engine's statement that has a given number."""

    def __init__(self, engine: Engine, number: int) -> None:
        self.engine = engine
        self.number = number
        self.count = 0
        self.other = create_engine(engine.url)

    def __enter__(self) -> "Cutting":
        event.listen(self.engine, "before_cursor_execute", self._statement)
        return self

    def __exit__(self, *_: Any) -> None:
        event.remove(self.engine, "before_cursor_execute", self._statement)
        self.other.dispose()

    def _statement(self, connection: Connection, *_: Any) -> None:
        self.count += 1
        if self.count == self.number:
            driver: Any = connection.connection.dbapi_connection
            terminate(self.other, driver.info.backend_pid)


def test_a_connection_that_is_lost_at_any_statement(
    database: Engine, here: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    feeds = written(here.home, 60)
    imported(database, feeds.old)
    before = fingerprint(database)
    engine = db.writer(here)
    with Cutting(engine, 0) as counting:
        assert cli.main(command(feeds.new)) == 0
    after = fingerprint(database)
    assert counting.count > 2 * STEP
    codes = set()
    for number in range(1, counting.count + 1, STEP):
        with database.connect() as connection:
            last = newest(connection)
        undo(database, last)
        capsys.readouterr()
        with Cutting(engine, number):
            code = cli.main(command(feeds.new))
        codes.add(code)
        assert fingerprint(database) == (after if code == 0 else before), number
        assert code == 0 or "did not answer" in capsys.readouterr().err
        assert imported(database, feeds.new).status == ("unchanged" if code == 0 else "applied")
        assert fingerprint(database) == after
        assert books_are_right(database)
    assert 1 in codes


def test_a_commit_whose_answer_is_lost_is_no_failure(database: Engine, here: Config) -> None:
    """The listings are in, so that "failed" would be false, in the books and by the exit code."""
    feeds = written(here.home, 60)
    imported(database, feeds.old)
    other, lost = create_engine(database.url), []

    def lose(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        with driver.cursor() as cursor:
            cursor.execute("SELECT to_regclass('pg_temp.staged') IS NOT NULL")
            if cursor.fetchone()[0]:
                cursor.execute("COMMIT")
                terminate(other, driver.info.backend_pid)
                lost.append(True)

    event.listen(db.writer(here), "commit", lose)
    try:
        assert cli.main(command(feeds.new)) == 0
    finally:
        event.remove(db.writer(here), "commit", lose)
        other.dispose()
    assert lost
    with database.connect() as connection:
        run = text("SELECT status FROM import_run ORDER BY id DESC LIMIT 1")
        assert connection.execute(run).scalar() == "applied"
    assert books_are_right(database)
    assert imported(database, feeds.new).status == "unchanged"


def test_a_database_that_takes_no_change_says_so(
    database: Engine, here: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    feeds = written(here.home, 20)
    name = database.url.database
    with database.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    database.dispose()
    assert cli.main(command(feeds.new)) == 1
    assert "read only" in capsys.readouterr().err


def test_a_database_without_tables_says_how_to_make_them(
    own: Config,
    feeds: Feeds,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = db.writer(own).url.set(database="postgres", drivername="postgresql")
    config = replace(own, database_url=url.render_as_string(hide_password=False))
    assert commanded(config, monkeypatch, command(feeds.new)) == 1
    assert "directory db init" in capsys.readouterr().err
    db.writer(config).dispose()


def test_a_connection_that_is_lost_while_rows_are_staged(database: Engine, here: Config) -> None:
    """COPY is the driver's own, whose errors are told as the others are."""
    feeds = written(here.home, 60)
    imported(database, feeds.old)
    before = fingerprint(database)
    victims = text(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    )

    def rows() -> Iterator[Item]:
        yield from importer("csv")(str(feeds.new), {}, open_feed)
        with database.connect() as connection:
            assert connection.execute(victims).all()

    with pytest.raises(DBAPIError) as raised:
        load(database, SOURCE, rows())
    assert "did not answer" in db.explained(raised.value)
    assert fingerprint(database) == before
    assert imported(database, feeds.new).status == "applied"
    assert books_are_right(database)
