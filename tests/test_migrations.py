"""Migrations run up from nothing, agree with the models, and run down again."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from geoalchemy2 import alembic_helpers
from sqlalchemy import Engine, inspect, text

from directory import db
from directory.config import Config
from directory.models import Base
from tests.conftest import engine_of, fresh_database


def test_up_from_nothing_and_down_again(server: Engine, config: Config) -> None:
    with fresh_database(server) as url, engine_of(config, url) as engine:
        db.migrate(engine)
        db.migrate(engine)  # a second time is nothing to do
        with engine.connect() as connection:
            options = {
                "include_object": alembic_helpers.include_object,
                "compare_type": True,
                "compare_server_default": True,
            }
            context = MigrationContext.configure(connection, opts=options)
            assert compare_metadata(context, Base.metadata) == []
            assert connection.execute(text("SELECT count(*) FROM generation")).scalar() == 1
        db.migrate(engine, "base")
        tables = set(inspect(engine).get_table_names()) - {"spatial_ref_sys", "alembic_version"}
        assert not tables


def test_searches_cannot_write(database: Engine, config: Config) -> None:
    from tests.conftest import settings

    reader = db.reader(settings(config, database.url))
    with reader.connect() as connection:
        shown = {
            name: connection.execute(text(f"SHOW {name}")).scalar()
            for name in (
                "max_parallel_workers_per_gather",
                "statement_timeout",
                "lock_timeout",
                "default_transaction_read_only",
            )
        }
    reader.dispose()
    assert shown == {
        "max_parallel_workers_per_gather": "0",
        "statement_timeout": "5s",
        "lock_timeout": "1s",
        "default_transaction_read_only": "on",
    }
