"""The classes of retention, made sure of for the rows that were there."""

from alembic import op

revision = "20261122_document_rules"
down_revision = "20261122_documents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE retention_rules VALIDATE CONSTRAINT ck_retention_rules_retentionclass_known")


def downgrade() -> None:
    """Nothing to take back: the constraint holds either way."""
