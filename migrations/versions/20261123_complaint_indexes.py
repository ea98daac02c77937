"""Complaints are found by the index whichever way they are listed, and by what is rare in their words."""

from alembic import op

revision = "20261123_complaint_indexes"
down_revision = "20261123_partner_complaints"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_complaints_category_received_at_id", "complaints", "(category, received_at, id)"),
    ("ix_complaints_state_received_at_id", "complaints", "(state, received_at, id)"),
    ("ix_complaints_handler_id_received_at_id", "complaints", "(handler_id, received_at, id)"),
    ("ix_complaint_answers_told_at", "complaint_answers", "(told_at)"),
    ("ix_shipments_picked_up_at", "shipments", "(picked_up_at) WHERE picked_up_at IS NOT NULL"),
)

HITS = """
CREATE FUNCTION complaints_saying(wanted tsquery, most int) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY INVOKER ROWS 1000
SET search_path = public, pg_temp SET enable_seqscan = off SET enable_indexscan = off
SET gin_fuzzy_search_limit = 20000 AS $$
BEGIN
    RETURN QUERY SELECT id FROM complaints WHERE search @@ wanted LIMIT most;
END $$
"""
"""As for customers: by the index and nothing else. Of more than 20,000, some: it is asked how many only."""


def upgrade() -> None:
    """Nobody waits meanwhile; a half-made index of an attempt that was broken off goes first."""
    op.execute(HITS)
    op.execute("REVOKE ALL ON FUNCTION complaints_saying(tsquery, int) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION complaints_saying(tsquery, int) TO crm_app")
    with op.get_context().autocommit_block():
        for name, table, columns in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {columns}")


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS complaints_saying(tsquery, int)")
    with op.get_context().autocommit_block():
        for name, _, _ in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
