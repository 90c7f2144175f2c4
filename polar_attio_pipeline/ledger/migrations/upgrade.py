"""Brings a database to the newest version of the schema."""

from pathlib import Path

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from polar_attio_pipeline.ledger.schema import VERSION_TABLE

_FOLDER = Path(__file__).parent


def scripts() -> ScriptDirectory:
    """Return the migrations."""
    return ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER / "versions")])


def context_of(connection: sa.Connection) -> MigrationContext:
    """Return what alembic knows of a database."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})


def upgrade(connection: sa.Connection) -> None:
    """Run the migrations that a database lacks.

    Alembic's commands would put the connection into variables of its module, where Dagster's own migrations, in another
    thread, would find it. So each migration is handed its operations.

    Args:
        connection: In a transaction that writes: either all of them are run or none.
    """
    context, directory = context_of(connection), scripts()
    missing = list(directory.iterate_revisions("head", context.get_current_revision() or "base"))
    for script in reversed(missing):
        script.module.upgrade(Operations(context))
        context.stamp(directory, script.revision)
