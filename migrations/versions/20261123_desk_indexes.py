"""Indexes of complaints to be archived and to be forgotten, and of holds of one complaint."""

from alembic import op

revision = "20261123_desk_indexes"
down_revision = "20261123_desk_rules"
branch_labels = None
depends_on = None

INDEXES = (
    (
        "ix_complaints_unarchived",
        "complaints",
        "(closed_at) WHERE archived_at IS NULL AND closed_at IS NOT NULL",
    ),
    ("ix_complaints_archived", "complaints", "(archived_at) WHERE anonymised_at IS NULL"),
    ("ix_legal_holds_complaint_id", "legal_holds", "(complaint_id) WHERE complaint_id IS NOT NULL"),
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
