"""Open complaints are listed and searched without a walk past those that are closed."""

from alembic import op

revision = "20261125_open_complaints"
down_revision = "20261124_customer_lists"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_complaints_open_by_received": "received_at, id",
    "ix_complaints_open_by_category": "category, received_at, id",
}


def upgrade() -> None:
    """Nobody waits meanwhile; a half-made index of an attempt that was broken off goes first."""
    with op.get_context().autocommit_block():
        for name, columns in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON complaints ({columns})"
                " WHERE state NOT IN ('closed', 'closed_not_accepted', 'withdrawn', 'merged')"
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
