"""What a write did and by which request, writes that are about to be made, customers left out and deleted."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0004"
down_revision = "0003"


def upgrade(op: Operations) -> None:
    """Add the columns, and make the tables."""
    op.add_column("changes", sa.Column("action", sa.Text))
    op.add_column("changes", sa.Column("execution_id", sa.Text))
    op.create_index("changes_by_time", "changes", ["written_at"])
    op.create_index("passes_by_time", "passes", ["began_at"])
    op.create_index("passes_by_kind", "passes", ["kind", "began_at"])
    op.create_table(
        "intents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("pass_id", sa.Text, nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text),
        sa.Column("polar_customer_id", sa.Text),
        sa.Column("matching_value", sa.Text),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("intents_by_customer", "intents", ["polar_customer_id"])
    op.create_table(
        "skipped",
        sa.Column("polar_customer_id", sa.Text, primary_key=True),
        sa.Column("skipped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text),
    )
    op.create_table(
        "deleted_customers",
        sa.Column("polar_customer_id", sa.Text, primary_key=True),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("deleted_customers_by_time", "deleted_customers", ["noticed_at"])
    # Every live customer has an outcome, so history without one is of a customer that was deleted before this version.
    op.execute(
        "INSERT INTO deleted_customers (polar_customer_id, noticed_at) "
        "SELECT DISTINCT polar_customer_id, CURRENT_TIMESTAMP FROM changes WHERE polar_customer_id IS NOT NULL "
        "AND polar_customer_id NOT IN (SELECT polar_customer_id FROM outcomes)"
    )
