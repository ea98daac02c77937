"""Indexes by which customers and people are found."""

from alembic import op

revision = "20261122_customer_indexes"
down_revision = "20261122_customer_rules"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_customers_tier", "customers", "(tier)"),
    ("ix_customers_team_id", "customers", "(team_id)"),
    ("ix_customers_merged_into_id", "customers", "(merged_into_id)"),
    ("ix_customers_search", "customers", "USING gin (search)"),
    ("ix_contacts_search", "contacts", "USING gin (search)"),
)


def upgrade() -> None:
    """Nobody waits meanwhile; a half-made index of an attempt that was broken off goes first."""
    with op.get_context().autocommit_block():
        for name, table, columns in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {columns}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, _, _ in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
