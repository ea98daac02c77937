"""Indexes for what is watched from outside: dead letters and failed jobs are counted without a scan."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_watched"
down_revision = "20261121_guards"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_outbox_failed", "outbox", "consumer", "failed_at IS NOT NULL"),
    ("ix_jobs_failed", "jobs", "id", "state = 'failed'"),
)


def upgrade() -> None:
    """Nobody waits meanwhile; a half-made index of an attempt that was broken off goes first."""
    with op.get_context().autocommit_block():
        for name, table, column, condition in INDEXES:
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name,
                table,
                [column],
                if_not_exists=True,
                postgresql_where=sa.text(condition),
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, _, _ in INDEXES:
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
