"""The first tables."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    """Make them."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "outcomes",
        sa.Column("polar_customer_id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("attio_record_id", sa.Text),
        sa.Column("attio_url", sa.Text),
        sa.Column("created_at", moment),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("tried_at", moment, nullable=False),
        sa.Column("pass_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text),
    )
    op.create_index("outcomes_by_outcome", "outcomes", ["outcome", "tried_at"])
    op.create_index("outcomes_by_created_at", "outcomes", ["created_at"])
    op.create_table(
        "passes",
        sa.Column("pass_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("ended_at", moment),
        sa.Column("ended", sa.Text),
        sa.Column("counts", sa.JSON),
        sa.Column("requests", sa.Integer),
    )
    op.create_table("facts", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))
    op.create_table(
        "confirmations",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("confirmed_at", moment, nullable=False),
    )
    lease = op.create_table(
        "lease",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.Text),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
    )
    op.bulk_insert(lease, [{"id": 1, "owner": None, "what": "", "beat": 0, "turn": 0}])
    op.create_table(
        "snapshot_hours",
        sa.Column("hour", moment, primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("read_at", moment, nullable=False),
        sa.Column("polar_read_at", moment, nullable=False),
        sa.Column("free_turn", sa.Integer),
    )
    op.create_table(
        "polar_customers",
        sa.Column("hour", moment, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created_at", moment),
        sa.Column("email", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("type", sa.Text),
        sa.Column("organization_id", sa.Text),
        sa.Column("external_id", sa.Text),
        sa.Column("country", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("read_at", moment),
        sa.Column("problem", sa.Text),
    )
