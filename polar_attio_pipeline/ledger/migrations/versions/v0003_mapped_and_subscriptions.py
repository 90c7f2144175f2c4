"""What Polar says for mapped attributes, and the snapshot of subscriptions."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0003"
down_revision = "0002"


def upgrade(op: Operations) -> None:
    """Add the column, and make the table."""
    op.add_column("polar_customers", sa.Column("mapped", sa.Text))
    op.create_table(
        "polar_subscriptions",
        sa.Column("portion", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("polar_read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("free_lease_token", sa.Integer),
        sa.Column("subscriptions", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
