"""The tables as the newest migration leaves them."""

import sqlalchemy as sa

from polar_attio_pipeline.ledger.types import Moment, Words

REVISIONS = ("0001",)
"""Every version of the schema, oldest first: the names of the migrations."""

HEAD = REVISIONS[-1]

METADATA = sa.MetaData()

OUTCOMES = sa.Table(
    "outcomes",
    METADATA,
    sa.Column("polar_customer_id", Words, primary_key=True),
    sa.Column("email", Words),
    sa.Column("outcome", Words, nullable=False),
    sa.Column("reason", Words),
    sa.Column("detail", Words),
    sa.Column("attio_record_id", Words),
    sa.Column("attio_url", Words),
    sa.Column("created_at", Moment),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("tried_at", Moment, nullable=False),
    sa.Column("pass_id", Words, nullable=False),
    sa.Column("fingerprint", Words),
    sa.Index("outcomes_by_outcome", "outcome", "tried_at"),
    sa.Index("outcomes_by_created_at", "created_at"),
)
"""One row a customer: what became of it. `attio_url` holds every Attio record involved, separated by spaces."""

PASSES = sa.Table(
    "passes",
    METADATA,
    sa.Column("pass_id", Words, primary_key=True),
    sa.Column("kind", Words, nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("began_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("ended", Words),
    sa.Column("counts", sa.JSON),
    sa.Column("requests", sa.Integer),
)
"""One row a pass. One that was killed has no end."""

FACTS = sa.Table(
    "facts", METADATA, sa.Column("name", Words, primary_key=True), sa.Column("value", Words, nullable=False)
)
"""What this installation must not lose sight of, such as the id of Polar's organization."""

CONFIRMATIONS = sa.Table(
    "confirmations",
    METADATA,
    sa.Column("name", Words, primary_key=True),
    sa.Column("confirmed_at", Moment, nullable=False),
)
"""What a person has confirmed and no pass has used up yet."""

LEASE = sa.Table(
    "lease",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", Words),
    sa.Column("what", Words, nullable=False),
    sa.Column("beat", sa.Integer, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
)
"""The one row of the one writer; without an owner, the lease is free."""

SNAPSHOT_HOURS = sa.Table(
    "snapshot_hours",
    METADATA,
    sa.Column("hour", Moment, primary_key=True),
    sa.Column("run_id", Words, nullable=False),
    sa.Column("read_at", Moment, nullable=False),
    sa.Column("polar_read_at", Moment, nullable=False),
    sa.Column("free_turn", sa.Integer),
)
"""Which run read an hour of Polar last, and when."""

POLAR_CUSTOMERS = sa.Table(
    "polar_customers",
    METADATA,
    sa.Column("hour", Moment, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", Words, nullable=False),
    sa.Column("created_at", Moment),
    sa.Column("email", Words),
    sa.Column("name", Words),
    sa.Column("type", Words),
    sa.Column("organization_id", Words),
    sa.Column("external_id", Words),
    sa.Column("country", Words),
    sa.Column("url", Words),
    sa.Column("read_at", Moment),
    sa.Column("problem", Words),
)
"""Polar's customers as the newest snapshot of their hour has them. A row with a `problem` could not be read."""

VERSION_TABLE = "ledger_version"
"""Not alembic's usual name: Dagster has a table of that name, and may keep its own state in the same database."""

_VERSION = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))


def version(connection: sa.Connection) -> str | None:
    """Return the version of the schema that a database has; None if it has no tables yet."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.select(_VERSION.c.version_num)).scalar_one_or_none()
