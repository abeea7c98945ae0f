"""What Alembic runs to migrate: on the connection that the store gives it."""

from alembic import context

from b2bua.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
