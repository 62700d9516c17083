"""What Alembic runs for each migration; the connection and its transaction come from core.store.schema."""

from alembic import context

from core.store.tables.everything import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
