"""What the new columns of customers and departments must hold, made sure of for the rows that were there."""

from alembic import op

revision = "20261122_customer_rules"
down_revision = "20261122_customer_records"
branch_labels = None
depends_on = None

CONSTRAINTS = (
    ("customers", "ck_customers_customerstate_known"),
    ("customers", "ck_customers_merged_into_another"),
    ("customers", "fk_customers_team_id"),
    ("customers", "fk_customers_merged_into_id"),
    ("departments", "fk_departments_liaison_id"),
)


def upgrade() -> None:
    for table, name in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    """Nothing to take back: the constraints hold either way."""
