"""Alembic migrations, run by ``directory.db.migrate``."""
