"""The kinds of access that were known before are among those that are known now."""

from alembic import op

revision = "20261122_secrecy_rules"
down_revision = "20261122_secrecy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE accesses VALIDATE CONSTRAINT ck_accesses_accesskind_known")


def downgrade() -> None:
    """Nothing to take back: the constraint holds either way."""
