"""Holds and retention rules, made sure of for the rows that were there."""

from alembic import op

revision = "20261123_desk_rules"
down_revision = "20261123_desk"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE retention_rules VALIDATE CONSTRAINT ck_retention_rules_retentionclass_known")
    op.execute("ALTER TABLE legal_holds VALIDATE CONSTRAINT fk_legal_holds_complaint_id")
    op.execute("ALTER TABLE legal_holds VALIDATE CONSTRAINT ck_legal_holds_of_one")


def downgrade() -> None:
    """Nothing to take back: the constraints hold either way."""
