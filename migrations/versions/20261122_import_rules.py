"""The words of accesses, made sure of for the rows that were there."""

from alembic import op

revision = "20261122_import_rules"
down_revision = "20261122_imports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE accesses VALIDATE CONSTRAINT ck_accesses_accesskind_known")


def downgrade() -> None:
    """Nothing to take back: the constraint holds either way."""
