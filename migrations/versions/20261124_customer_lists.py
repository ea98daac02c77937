"""Customers of a kind, a state or a tier that few have are listed without a walk past all the others."""

from alembic import op

revision = "20261124_customer_lists"
down_revision = "20261123_complaint_ends"
branch_labels = None
depends_on = None

COLUMNS = ("kind", "state", "tier")


def upgrade() -> None:
    """Nobody waits meanwhile; a half-made index of an attempt that was broken off goes first."""
    with op.get_context().autocommit_block():
        for column in COLUMNS:
            name = f"ix_customers_{column}_created_at_id"
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON customers ({column}, created_at, id)"
            )
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_customers_tier")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_customers_tier ON customers (tier)")
        for column in COLUMNS:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS ix_customers_{column}_created_at_id")
