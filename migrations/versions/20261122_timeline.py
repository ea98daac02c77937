"""A customer's events are found by the customer, for its timeline."""

from alembic import op

revision = "20261122_timeline"
down_revision = "20261122_customer_indexes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A partitioned table takes no index concurrently, and before the first release it holds little.
    op.execute(
        "-- squawk-ignore require-concurrent-index-creation\n"
        "CREATE INDEX IF NOT EXISTS ix_events_of_customer ON events (customer_id, recorded_at, id)"
        " WHERE customer_id IS NOT NULL"
    )


def downgrade() -> None:
    op.execute(
        "-- squawk-ignore require-concurrent-index-deletion\nDROP INDEX IF EXISTS ix_events_of_customer"
    )
