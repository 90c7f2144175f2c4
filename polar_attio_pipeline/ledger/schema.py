"""The tables as the newest migration leaves them."""

import sqlalchemy as sa

from polar_attio_pipeline.ledger.types import SafeText, UtcTimestamp

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every version of the schema, oldest first: the names of the migrations."""

HEAD = REVISIONS[-1]

METADATA = sa.MetaData()

OUTCOMES = sa.Table(
    "outcomes",
    METADATA,
    sa.Column("polar_customer_id", SafeText, primary_key=True),
    sa.Column("email", SafeText),
    sa.Column("outcome", SafeText, nullable=False),
    sa.Column("reason", SafeText),
    sa.Column("detail", SafeText),
    sa.Column("attio_record_id", SafeText),
    sa.Column("attio_url", SafeText),
    sa.Column("created_at", UtcTimestamp),
    sa.Column("changed_at", UtcTimestamp, nullable=False),
    sa.Column("tried_at", UtcTimestamp, nullable=False),
    sa.Column("pass_id", SafeText, nullable=False),
    sa.Column("fingerprint", SafeText),
    sa.Index("outcomes_by_outcome", "outcome", "tried_at"),
    sa.Index("outcomes_by_created_at", "created_at"),
)
"""One row a customer: what became of it. `attio_url` holds every Attio record involved, separated by spaces."""

CHANGES = sa.Table(
    "changes",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("pass_id", SafeText, nullable=False),
    sa.Column("written_at", UtcTimestamp, nullable=False),
    sa.Column("object", SafeText, nullable=False),
    sa.Column("record_id", SafeText, nullable=False),
    sa.Column("polar_customer_id", SafeText),
    sa.Column("attribute", SafeText, nullable=False),
    sa.Column("old_value", SafeText),
    sa.Column("old_actor", SafeText),
    sa.Column("new_value", SafeText),
    sa.Column("action", SafeText),
    sa.Column("execution_id", SafeText),
    sa.Index("changes_by_customer", "polar_customer_id"),
    sa.Index("changes_by_record", "record_id"),
    sa.Index("changes_by_pass", "pass_id"),
    sa.Index("changes_by_time", "written_at"),
)
"""One row for each attribute that a pass has written to Attio; those of one attribute of a record are in the order of
writing. What a row says never changes.

`action` is `create` where the write made the record, else `update`; null in rows of before it was kept. `execution_id`
is Attio's name for the request, null where no answer gave one.

`attribute` is the key of the mapping, not the slug that a workspace may have renamed it to. Values are in the form of
`values.dump`; `old_value` is null where the record held nothing, `old_actor` where it is not known who wrote it.
"""

INTENTS = sa.Table(
    "intents",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("pass_id", SafeText, nullable=False),
    sa.Column("planned_at", UtcTimestamp, nullable=False),
    sa.Column("object", SafeText, nullable=False),
    sa.Column("action", SafeText, nullable=False),
    sa.Column("record_id", SafeText),
    sa.Column("polar_customer_id", SafeText),
    sa.Column("matching_value", SafeText),
    sa.Column("content", SafeText, nullable=False),
    sa.Index("intents_by_customer", "polar_customer_id"),
)
"""One row for each write that is about to be made; it goes when the write is in the history, or was not carried out.

What is left here belongs to a pass that was killed, or to a write without an answer: the next pass looks what became
of it. `record_id` is null of a record that is to be made, `matching_value` is what that will be found by. `content`
holds the attributes as a list of JSON, each with `attribute`, `old_value`, `old_actor` and `new_value` as in `changes`.
"""

SKIPPED = sa.Table(
    "skipped",
    METADATA,
    sa.Column("polar_customer_id", SafeText, primary_key=True),
    sa.Column("skipped_at", UtcTimestamp, nullable=False),
    sa.Column("why", SafeText),
)
"""Customers that a person has chosen to leave out."""

DELETED_CUSTOMERS = sa.Table(
    "deleted_customers",
    METADATA,
    sa.Column("polar_customer_id", SafeText, primary_key=True),
    sa.Column("noticed_at", UtcTimestamp, nullable=False),
    sa.Index("deleted_customers_by_time", "noticed_at"),
)
"""Customers that Polar no longer has, since a pass has noticed that: their history leaves the ledger after a while."""

PASSES = sa.Table(
    "passes",
    METADATA,
    sa.Column("pass_id", SafeText, primary_key=True),
    sa.Column("kind", SafeText, nullable=False),
    sa.Column("reason", SafeText, nullable=False),
    sa.Column("began_at", UtcTimestamp, nullable=False),
    sa.Column("ended_at", UtcTimestamp),
    sa.Column("ended", SafeText),
    sa.Column("counts", sa.JSON),
    sa.Column("requests", sa.Integer),
    sa.Index("passes_by_time", "began_at"),
    sa.Index("passes_by_kind", "kind", "began_at"),
)
"""One row a pass. One that was killed has no end."""

FACTS = sa.Table(
    "facts", METADATA, sa.Column("name", SafeText, primary_key=True), sa.Column("value", SafeText, nullable=False)
)
"""What this installation must not lose sight of, such as the id of Polar's organization."""

CONFIRMATIONS = sa.Table(
    "confirmations",
    METADATA,
    sa.Column("name", SafeText, primary_key=True),
    sa.Column("confirmed_at", UtcTimestamp, nullable=False),
)
"""What a person has confirmed and no pass has used up yet."""

LEASE = sa.Table(
    "lease",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", SafeText),
    sa.Column("activity", SafeText, nullable=False),
    sa.Column("heartbeats", sa.Integer, nullable=False),
    sa.Column("fencing_token", sa.Integer, nullable=False),
)
"""The one row of the one writer; without an owner, the lease is free. The fencing token counts its owners, ever."""

SNAPSHOT_HOURS = sa.Table(
    "snapshot_hours",
    METADATA,
    sa.Column("hour", UtcTimestamp, primary_key=True),
    sa.Column("run_id", SafeText, nullable=False),
    sa.Column("read_at", UtcTimestamp, nullable=False),
    sa.Column("polar_read_at", UtcTimestamp, nullable=False),
    sa.Column("free_lease_token", sa.Integer),
)
"""Which run read an hour of Polar last, and when."""

POLAR_CUSTOMERS = sa.Table(
    "polar_customers",
    METADATA,
    sa.Column("hour", UtcTimestamp, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", SafeText, nullable=False),
    sa.Column("created_at", UtcTimestamp),
    sa.Column("email", SafeText),
    sa.Column("name", SafeText),
    sa.Column("type", SafeText),
    sa.Column("organization_id", SafeText),
    sa.Column("external_id", SafeText),
    sa.Column("country", SafeText),
    sa.Column("url", SafeText),
    sa.Column("read_at", UtcTimestamp),
    sa.Column("problem", SafeText),
    sa.Column("mapped", SafeText),
)
"""Polar's customers as the newest snapshot of their hour has them. A row with a `problem` could not be read.

`mapped` is a list of JSON, pairs of what Polar says for the attributes that a setting maps; null where that is nothing.
"""

POLAR_SUBSCRIPTIONS = sa.Table(
    "polar_subscriptions",
    METADATA,
    sa.Column("portion", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("run_id", SafeText, nullable=False),
    sa.Column("read_at", UtcTimestamp, nullable=False),
    sa.Column("polar_read_at", UtcTimestamp, nullable=False),
    sa.Column("free_lease_token", sa.Integer),
    sa.Column("subscriptions", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
"""The newest reading of all subscriptions, in portions of compressed JSON; `subscriptions` says how many each holds."""

VERSION_TABLE = "ledger_version"
"""Not alembic's usual name: Dagster has a table of that name, and may keep its own state in the same database."""

_VERSION = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))


def version(connection: sa.Connection) -> str | None:
    """Return the version of the schema that a database has; None if it has no tables yet."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.select(_VERSION.c.version_num)).scalar_one_or_none()


def foreign_tables(connection: sa.Connection) -> list[str]:
    """Return the tables of a database without a version that have the name of one of ours."""
    return sorted({*sa.inspect(connection).get_table_names()} & {*METADATA.tables})
