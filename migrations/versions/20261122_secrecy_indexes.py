"""Indexes of the audit trail by transaction and customer, and of shipments that still name their people."""

from alembic import context, op
from sqlalchemy import text

revision = "20261122_secrecy_indexes"
down_revision = "20261122_secrecy_rules"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_accesses_customer_id_occurred_at", "accesses", "(customer_id, occurred_at)"),
    ("ix_accesses_transaction_id", "accesses", "(transaction, id)"),
    ("ix_shipments_whole", "shipments", "(created_at) WHERE anonymised_at IS NULL"),
)
EVENTS = "ix_events_transaction_id"


def upgrade() -> None:
    """Nobody waits meanwhile; a half-made index of an attempt that was broken off goes first."""
    with op.get_context().autocommit_block():
        for name, table, columns in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {columns}")
        _index_events()


def _index_events() -> None:
    """Month by month, for PostgreSQL makes no index of a partitioned table without stopping its writers."""
    op.execute(f"-- squawk-ignore require-concurrent-index-deletion\nDROP INDEX IF EXISTS {EVENTS}")
    op.execute(
        "-- squawk-ignore require-concurrent-index-creation\n"
        f"CREATE INDEX IF NOT EXISTS {EVENTS} ON ONLY events (transaction, id)"
    )
    if context.is_offline_mode():
        return
    months = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass")
    for month in op.get_bind().scalars(months).all():
        name = f"{month}_transaction_id_idx"
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {month} (transaction, id)")
        op.execute(f"ALTER INDEX {EVENTS} ATTACH PARTITION {name}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, _, _ in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"-- squawk-ignore require-concurrent-index-deletion\nDROP INDEX IF EXISTS {EVENTS}")
