"""The history of what was written to Attio, and plain names for the columns of the lease."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0002"
down_revision = "0001"

_RENAMED = (
    ("lease", "what", "activity"),
    ("lease", "beat", "heartbeats"),
    ("lease", "turn", "fencing_token"),
    ("snapshot_hours", "free_turn", "free_lease_token"),
)


def upgrade(op: Operations) -> None:
    """Make the table, and rename the columns."""
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("pass_id", sa.Text, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("polar_customer_id", sa.Text),
        sa.Column("attribute", sa.Text, nullable=False),
        sa.Column("old_value", sa.Text),
        sa.Column("old_actor", sa.Text),
        sa.Column("new_value", sa.Text),
    )
    op.create_index("changes_by_customer", "changes", ["polar_customer_id"])
    op.create_index("changes_by_record", "changes", ["record_id"])
    op.create_index("changes_by_pass", "changes", ["pass_id"])
    for table, before, after in _RENAMED:
        # Alembic's own operation would copy the whole table on SQLite, which renames a column since 3.25.
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {before} TO {after}")
