"""The open complaints of a category are listed without a walk past those that are closed."""

from alembic import op

revision = "20261125_open_by_category"
down_revision = "20261124_customer_lists"
branch_labels = None
depends_on = None

NAME = "ix_complaints_open_by_category"


def upgrade() -> None:
    """Nobody waits meanwhile; a half-made index of an attempt that was broken off goes first."""
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAME} ON complaints (category, received_at, id)"
            " WHERE state NOT IN ('closed', 'closed_not_accepted', 'withdrawn', 'merged')"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")
