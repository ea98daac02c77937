"""Partners read their own customers' complaints, behind row-level security and the function's own filter."""

from alembic import op

revision = "20261123_partner_complaints"
down_revision = "20261123_from_outside"
branch_labels = None
depends_on = None

FOR_PARTNERS = {
    "complaints": "id, number, state, customer_id, category, cycle, merged_into_id, waiting_reason, received_at,"
    " due_at, closed_at",
    "complaint_parcels": "complaint_id, tracking_no",
    "complaint_answers": "complaint_id, number, cycle, text",
}
"""What the function reads, and no column more: no complainant, no handler, no finding."""
MINE = "(customer_id = ANY (nullif(current_setting('crm.customer_ids', true), '')::uuid[])) IS TRUE"
OF_MINE = "EXISTS (SELECT FROM complaints c WHERE c.id = complaint_id)"
"""Of a complaint that the reader may see: the policy above holds inside of this one."""
SIGNATURE = "partner_complaints(uuid, int, uuid, text, text, timestamptz, uuid, int, boolean)"

PARTNER_COMPLAINTS = """
CREATE FUNCTION partner_complaints(
    subject uuid, version int, token uuid, language text, wanted text, before_at timestamptz, before_id uuid, most int,
    counting boolean)
RETURNS text LANGUAGE plpgsql SECURITY INVOKER SET search_path = public, pg_temp AS $$
DECLARE
    mine uuid[] := admit(subject, version, token);
    found uuid[];
BEGIN
    IF mine IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('crm.customer_ids', mine::text, true);
    IF wanted IS NOT NULL THEN
        found := ARRAY(
            WITH RECURSIVE asked AS (
                SELECT c.id, c.merged_into_id FROM complaints c
                WHERE c.number = wanted AND c.customer_id = ANY (mine)
                UNION
                SELECT c.id, c.merged_into_id FROM asked
                JOIN complaints c ON c.id = asked.merged_into_id AND c.customer_id = ANY (mine)
            ) SELECT id FROM asked WHERE merged_into_id IS NULL);
    ELSE
        found := ARRAY(
            SELECT c.id FROM complaints c
            WHERE c.customer_id = ANY (mine) AND c.merged_into_id IS NULL
              AND (before_at IS NULL OR (c.received_at, c.id) < (before_at, before_id))
            ORDER BY c.received_at DESC, c.id DESC LIMIT most);
    END IF;
    RETURN json_build_object(
        'labels', (
            SELECT json_object_agg(code, CASE language WHEN 'en' THEN en ELSE zh END)
            FROM codes WHERE list = 'customer_complaint_status'),
        'count', CASE WHEN counting THEN (
            SELECT count(*) FROM complaints c WHERE c.customer_id = ANY (mine) AND c.merged_into_id IS NULL) END,
        'items', coalesce((
            SELECT json_agg(json_build_object(
                'id', c.id, 'number', c.number, 'state', c.state, 'waiting_reason', c.waiting_reason,
                'category', c.category, 'received_at', c.received_at, 'due_at', c.due_at,
                'closed_at', c.closed_at,
                'tracking_nos', ARRAY(
                    SELECT p.tracking_no FROM complaint_parcels p WHERE p.complaint_id = c.id ORDER BY 1),
                'answer', (
                    SELECT a.text FROM complaint_answers a
                    WHERE a.complaint_id = c.id AND a.cycle = c.cycle ORDER BY a.number DESC LIMIT 1)
            ) ORDER BY c.received_at DESC, c.id DESC)
            FROM complaints c WHERE c.id = ANY (found)
        ), '[]'::json))::text;
END $$
"""
"""A merged complaint's number leads to what it became, as long as that is the partner's own customer's, too."""


def upgrade() -> None:
    for table, columns in FOR_PARTNERS.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO crm_partner")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY staff ON {table} TO crm_app USING (true) WITH CHECK (true)")
        seen = MINE if table == "complaints" else OF_MINE
        op.execute(f"CREATE POLICY own_customers ON {table} FOR SELECT TO crm_partner USING ({seen})")
    op.execute(PARTNER_COMPLAINTS)
    op.execute(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO crm_partner")


def downgrade() -> None:
    raise RuntimeError("the walls stay up; restore a backup instead")
