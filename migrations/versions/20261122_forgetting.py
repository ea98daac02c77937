"""What people said when they confirmed a customer's data goes with the customer, though nobody else may change it."""

from alembic import op

revision = "20261122_forgetting"
down_revision = "20261122_import_rules"
branch_labels = None
depends_on = None

FORGET = """
CREATE FUNCTION forget_confirmations(of uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE confirmations SET note = NULL WHERE customer_id = ANY (of)
$$
"""


def upgrade() -> None:
    op.execute(FORGET)
    op.execute("REVOKE ALL ON FUNCTION forget_confirmations(uuid[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION forget_confirmations(uuid[]) TO crm_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_confirmations(uuid[])")
