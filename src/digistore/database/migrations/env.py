"""Run by Alembic; the connection, and the transaction it has open, come from ``migrate``."""

from alembic import context

from digistore.database.migrations import VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
