"""A customer's events are found by the customer, for its timeline; names by what is rare in them."""

from alembic import op

revision = "20261122_timeline"
down_revision = "20261122_customer_indexes"
branch_labels = None
depends_on = None


HITS = """
CREATE FUNCTION {name}(wanted tsquery, most int) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY INVOKER ROWS 1000
SET search_path = public, pg_temp SET enable_seqscan = off SET enable_indexscan = off
SET gin_fuzzy_search_limit = 20000 AS $$
BEGIN
    RETURN QUERY {select} LIMIT most;
END $$
"""
"""Who has a name with these terms, by the index and nothing else. Of more than 20,000, some: it is asked how many only."""

CUSTOMERS = "SELECT id FROM customers WHERE search @@ wanted"
CONTACTS = "SELECT customer_id FROM contacts JOIN customer_contacts ON contact_id = contacts.id WHERE search @@ wanted"


def upgrade() -> None:
    for name, select in (("customers_named", CUSTOMERS), ("customers_of_contacts_named", CONTACTS)):
        op.execute(HITS.format(name=name, select=select))
        op.execute(f"REVOKE ALL ON FUNCTION {name}(tsquery, int) FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name}(tsquery, int) TO crm_app")
    # A partitioned table takes no index concurrently, and before the first release it holds little.
    op.execute(
        "-- squawk-ignore require-concurrent-index-creation\n"
        "CREATE INDEX IF NOT EXISTS ix_events_of_customer ON events (customer_id, recorded_at, id)"
        " WHERE customer_id IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS customers_named(tsquery, int)")
    op.execute("DROP FUNCTION IF EXISTS customers_of_contacts_named(tsquery, int)")
    op.execute(
        "-- squawk-ignore require-concurrent-index-deletion\nDROP INDEX IF EXISTS ix_events_of_customer"
    )
