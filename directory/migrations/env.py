"""Alembic's environment: migrates over the connection that ``directory.db`` hands in."""

from alembic import context
from geoalchemy2 import alembic_helpers

from directory.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_object=alembic_helpers.include_object,
    render_item=alembic_helpers.render_item,
    process_revision_directives=alembic_helpers.writer,
)
with context.begin_transaction():
    context.run_migrations()
