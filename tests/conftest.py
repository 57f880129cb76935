"""A real PostGIS for every test: a migrated template with the gazetteer, cloned as needed."""

import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from directory import cluster, db, pocket, seeds
from directory.config import ROOT, Config, environment, load_config
from directory.load import load
from directory.models import Base
from directory.places import load_places
from directory.records import Item
from directory.runs import Report, SourceSpec
from directory.web.app import create_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Tests serve feeds from this machine.
os.environ["DIRECTORY_PRIVATE_FEEDS"] = "1"

SAID = "said"
"""The property of a test whose text is shown after all tests, whichever process ran it."""
# A Sunday at noon in Denver.
NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


# The files that take longest begin first, so that no process is left alone with one at the end.
LONGEST = ("test_real", "test_states", "test_search", "test_failures")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == SAID:
                    terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real feeds beside the checkout; they are not part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real feeds beside the checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def config() -> Config:
    """The settings in force; the private cluster is started where it is used."""
    found = load_config()
    if found.database_url is None:
        cluster.start(found)
    return found


@pytest.fixture(scope="session")
def server(config: Config) -> Iterator[Engine]:
    """The server's own database, to create and drop others from."""
    url = make_url(db.database_url(config)).set(drivername="postgresql+psycopg2")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@contextmanager
def fresh_database(server: Engine, template: str = "template1") -> Iterator[URL]:
    """A database of its own, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield server.url.set(database=name)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def settings(config: Config, url: URL) -> Config:
    """``config`` for another database."""
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return replace(config, database_url=plain, read_url=None)


@contextmanager
def engine_of(config: Config, url: URL) -> Iterator[Engine]:
    """The engine that imports use, closed afterwards."""
    engine = db.writer(settings(config, url))
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def template(server: Engine, config: Config, testrun_uid: str) -> Iterator[str]:
    """The name of a migrated database with the gazetteer, to clone.

    The processes of a run share it: the first to need it makes it, and the last one out drops it.
    """
    name = f"test_{testrun_uid}"
    key = {"key": int(testrun_uid[:15], 16), "name": name}
    with server.connect() as connection:

        def say(statement: str) -> bool:
            return bool(connection.execute(text(statement), key).scalar())

        # One lock is of whoever makes it, the other of all who use it.
        say("SELECT pg_advisory_lock(:key)")
        if not say("SELECT EXISTS (SELECT FROM pg_database WHERE datname = :name)"):
            connection.execute(text(f"CREATE DATABASE {name}"))
            with engine_of(config, server.url.set(database=name)) as engine:
                db.migrate(engine)
                with engine.begin() as filling:
                    load_places(filling)
        say("SELECT pg_advisory_lock_shared(-:key)")
        say("SELECT pg_advisory_unlock(:key)")
        yield name
        say("SELECT pg_advisory_unlock_shared(-:key)")
        if say("SELECT pg_try_advisory_lock(-:key)"):
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


class _Spare:
    """A database that the tests of this process use in turn: to clone one takes a second."""

    def __init__(self, server: Engine, template: str, config: Config) -> None:
        self._server, self._template, self._config = server, template, config
        self._kept = ExitStack()
        self._engine: Engine | None = None

    def take(self) -> Engine:
        """The database, with the gazetteer and no listings."""
        if self._engine is None:
            url = self._kept.enter_context(fresh_database(self._server, self._template))
            self._engine = self._kept.enter_context(engine_of(self._config, url))
        return self._engine

    def give_back(self) -> None:
        """Empty it; where a test left it unable to be, the next one gets another."""
        engine = self.take()
        engine.dispose()
        shutil.rmtree(pocket.folder_of(settings(self._config, engine.url)), ignore_errors=True)
        try:
            with engine.begin() as connection:
                for statement in _EMPTIED:
                    connection.execute(text(statement))
        except DBAPIError:
            self.drop()

    def drop(self) -> None:
        """Be rid of the database."""
        self._engine = None
        self._kept.close()


_EMPTIED = (
    "SET LOCAL lock_timeout = '5s'",
    # What a test left open would hold its tables.
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    f"TRUNCATE {', '.join(Base.metadata.tables.keys() - {'place', 'generation'})} RESTART IDENTITY",
    "UPDATE generation SET number = DEFAULT, samples = DEFAULT",
)


@pytest.fixture(scope="session")
def spare(server: Engine, template: str, config: Config) -> Iterator[_Spare]:
    """The database that tests use in turn."""
    found = _Spare(server, template, config)
    yield found
    found.drop()


@pytest.fixture
def database(spare: _Spare) -> Iterator[Engine]:
    """A migrated database with the gazetteer and no listings, for one test."""
    yield spare.take()
    spare.give_back()


@pytest.fixture(scope="session")
def gazetteer(server: Engine, template: str, config: Config) -> Iterator[Engine]:
    """A database with the gazetteer that tests only read."""
    with fresh_database(server, template) as url, engine_of(config, url) as engine:
        yield engine


@pytest.fixture
def session(gazetteer: Engine) -> Iterator[Session]:
    """A session on the gazetteer."""
    with Session(gazetteer) as found:
        yield found


@pytest.fixture(scope="session")
def sample_config(server: Engine, template: str, config: Config) -> Iterator[Config]:
    """The settings of a database with what is bundled: hotlines and the marked sample."""
    with fresh_database(server, template) as url:
        with engine_of(config, url) as engine:
            seeds.plant(engine)
        found = settings(config, url)
        yield found
        db.reader(found).dispose()


@pytest.fixture(scope="session")
def app(sample_config: Config) -> Flask:
    """The site with the bundled data."""
    return create_app(sample_config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the site."""
    return app.test_client()


@contextmanager
def serving(app: "WSGIApplication") -> Iterator[str]:
    """The address of ``app``, served over HTTP for real browsers."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def live_site(app: Flask) -> Iterator[str]:
    """The address of the site with the bundled data."""
    with serving(app) as address:
        yield address


@pytest.fixture
def here(
    database: Engine, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Config]:
    """The settings of ``database`` and a home of its own, for commands as well."""
    found = replace(settings(config, database.url), home=tmp_path)
    for name, value in environment(found).items():
        monkeypatch.setenv(name, value)
    yield found
    db.reader(found).dispose()


Loader = Callable[..., Report]


@pytest.fixture
def load_rows(database: Engine) -> Loader:
    """Import records given as keyword dictionaries into ``database``."""

    def run(*records: dict[str, object], source: str = "test", **options: object) -> Report:
        rows = [Item(f"item {n}", {**DEFAULTS, **r}) for n, r in enumerate(records)]
        spec = SourceSpec(source, "csv", "test", title="Test source")
        return load(database, spec, rows, **options)  # type: ignore[arg-type]

    return run


# A builder's defaults, so that a test names only what matters to it.
DEFAULTS: dict[str, object] = {"external_id": "1", "kind": "treatment", "name": "Open Door"}
