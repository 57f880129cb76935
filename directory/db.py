"""The engine and its session settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path

import psycopg2
from alembic import command
from alembic.config import Config as AlembicConfig
from pydantic_core import from_json
from sqlalchemy import Engine, TextClause, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from directory import cluster
from directory.config import Config


def database_url(config: Config) -> str:
    """The libpq URL of the configured server, or of the private cluster."""
    return config.database_url or cluster.url(config)


@cache
def _engine(url: str, options: str) -> Engine:
    target = make_url(url).set(drivername="postgresql+psycopg2")
    if "application_name" not in target.query:
        target = target.update_query_dict({"application_name": "recovery-directory"})
    # Parameters hold what people search for: they must not reach a log with an error.
    return create_engine(
        target,
        connect_args={"options": options, "connect_timeout": 5},
        pool_pre_ping=True,
        hide_parameters=True,
        json_deserializer=from_json,
    )


@lru_cache(maxsize=512)
def statement(sql: str) -> TextClause:
    """``sql`` as SQLAlchemy takes it, made once: to find its parameters takes a while."""
    return text(sql)


def writer(config: Config) -> Engine:
    """The engine of imports and migrations: no time limits."""
    return _engine(database_url(config), "-c jit=off -c timezone=UTC")


def reader(config: Config) -> Engine:
    """The engine of searches.

    The settings that they need travel with the connection, so that any PostGIS will do:
    parallel workers cost a page more than they save, the rows of a crowded place are to be found
    one by one (with less memory, by whole pages), and no question may run for long. All that
    one transaction reads is of one instant: an answer takes several statements, and an import
    that is published between two of them would be in a part of it.
    """
    options = (
        "-c jit=off -c timezone=UTC -c work_mem=32MB -c max_parallel_workers_per_gather=0"
        f" -c statement_timeout={config.statement_timeout_ms}"
        f" -c lock_timeout={config.lock_timeout_ms} -c default_transaction_read_only=on"
        r" -c default_transaction_isolation=repeatable\ read"
    )
    return _engine(config.read_url or database_url(config), options)


@contextmanager
def driver_errors() -> Iterator[None]:
    """Errors of the driver as SQLAlchemy raises them, where COPY needs the driver itself."""
    try:
        yield
    except psycopg2.Error as error:
        raise DBAPIError.instance(
            None, None, error, psycopg2.Error, hide_parameters=True
        ) from error


# SQLSTATE -> what is wrong, and what to do.
_REMEDIES = {
    "53100": "The database has no room left. Make room on its disk and run this again.",
    "53200": "The database has no memory left. Free some on its machine and run this again.",
    "53300": "The database has no connection left. Try again when fewer use it.",
    "25006": "This database is read only, as a replica is. Set DIRECTORY_DATABASE_URL to the "
    "server that it copies.",
    "42501": "The account in DIRECTORY_DATABASE_URL may not do this in the database; grant it.",
    "42P01": "The tables are missing in this database. Make them with: directory db init",
}
_AWAY = "See directory db status, or check DIRECTORY_DATABASE_URL."


def explained(error: DBAPIError) -> str:
    """What went wrong in the database, with a remedy and without any of the data."""
    code = getattr(error.orig, "pgcode", None)
    if code in _REMEDIES:
        return _REMEDIES[code]
    away = not code or code[:2] in ("08", "57")
    if away and isinstance(error, OperationalError | InterfaceError):
        said = str(error.orig).strip().splitlines()
        return f"The database did not answer: {said[0] if said else 'no reason given'}\n{_AWAY}"
    name = type(error.orig).__name__
    return f"The database refused a statement ({name}, {code}); its log may say more."


def alembic_config() -> AlembicConfig:
    """Alembic's configuration; the connection goes into ``attributes["connection"]``."""
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return settings


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to ``revision`` in one transaction; ``base`` takes everything back."""
    settings = alembic_config()
    with engine.begin() as connection:
        # Two processes that start at once must not migrate at once.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('directory:migrate'))"))
        settings.attributes["connection"] = connection
        if revision == "base":
            command.downgrade(settings, revision)
        else:
            command.upgrade(settings, revision)
