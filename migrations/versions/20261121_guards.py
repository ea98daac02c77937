"""What the database itself holds: roles, grants, row-level security, months, admission, partners' look-up, queue."""

from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

revision = "20261121_guards"
down_revision = "20261121_first_light"
branch_labels = None
depends_on = None

ROLES = ("crm_app", "crm_partner")
APPEND_ONLY = ("events", "accesses", "raw_pushes")
REFERENCE = ("codes", "exception_reasons", "carrier_sources", "silence_rules", "alembic_version")
OF_CUSTOMERS = (
    "orders",
    "shipments",
    "shipment_legs",
    "tracking_numbers",
    "tracking_events",
    "delivery_exceptions",
)
FOR_PARTNERS = {
    "shipments": "customer_id, id, status, promised_at, delivered_at",
    "tracking_numbers": "number, customer_id, shipment_id",
    "tracking_events": "customer_id, shipment_id, id, occurred_at, received_at, superseded_at, status, reason,"
    " location, text",
    "delivery_exceptions": "customer_id, shipment_id, id, leg_no, reason, severity, state, opened_at",
}
"""What the look-up reads, and no column more: no sender, no recipient."""

ENSURE_MONTHS = """
CREATE FUNCTION ensure_months(ahead int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    month date;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ensure_months', 4));
    FOREACH parent IN ARRAY ARRAY['events', 'tracking_events', 'raw_pushes'] LOOP
        -- The month before, too: the clock of an application may be a little behind.
        FOR month IN SELECT generate_series(
            date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month',
            date_trunc('month', now() AT TIME ZONE 'UTC') + ahead * interval '1 month', interval '1 month')
        LOOP
            IF to_regclass(format('%s_p%s', parent, to_char(month, 'YYYY_MM'))) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    parent || '_p' || to_char(month, 'YYYY_MM'), parent,
                    month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            END IF;
        END LOOP;
    END LOOP;
END $$
"""

ADMIT = """
CREATE FUNCTION admit(subject uuid, version int, token uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT ARRAY(SELECT customer_id FROM client_customers WHERE client_id = subject)
    WHERE NOT EXISTS (SELECT FROM revoked_tokens WHERE token_id = token)
      AND (EXISTS (SELECT FROM users
                   WHERE id = subject AND credentials_version = admit.version AND disabled_at IS NULL)
        OR EXISTS (SELECT FROM clients
                   WHERE id = subject AND credentials_version = admit.version AND disabled_at IS NULL))
$$
"""

PARTNER_SHIPMENTS = """
CREATE FUNCTION partner_shipments(subject uuid, version int, token uuid, numbers text[], language text)
RETURNS text LANGUAGE plpgsql SECURITY INVOKER SET search_path = public, pg_temp AS $$
DECLARE
    mine uuid[] := admit(subject, version, token);
BEGIN
    IF mine IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('crm.customer_ids', mine::text, true);
    RETURN (
        WITH asked AS (
            SELECT number, position FROM unnest(numbers) WITH ORDINALITY AS given (number, position)
        ), found AS (
            SELECT asked.number, asked.position, s.customer_id, s.id, s.status, s.promised_at, s.delivered_at
            FROM asked
            JOIN tracking_numbers t ON t.number = asked.number AND t.customer_id = ANY (mine)
            JOIN shipments s ON s.customer_id = t.customer_id AND s.id = t.shipment_id
        )
        SELECT json_build_object(
            'items', coalesce((
                SELECT json_agg(json_build_object(
                    'tracking_no', found.number,
                    'status', found.status,
                    'status_label', CASE language WHEN 'en' THEN label.en ELSE label.zh END,
                    'exception', worst.exception,
                    'promised_at', found.promised_at,
                    'delivered_at', found.delivered_at,
                    'events', coalesce(scans.events, '[]'::json)
                ) ORDER BY found.position)
                FROM found
                LEFT JOIN codes label ON label.list = 'shipment_status' AND label.code = found.status
                LEFT JOIN LATERAL (
                    SELECT json_build_object(
                        'reason', e.reason,
                        'label', CASE language WHEN 'en' THEN c.en ELSE c.zh END,
                        'severity', e.severity, 'state', e.state, 'opened_at', e.opened_at) AS exception
                    FROM delivery_exceptions e
                    LEFT JOIN codes c ON c.list = 'exception_reason' AND c.code = e.reason
                    WHERE e.customer_id = found.customer_id AND e.shipment_id = found.id
                      AND e.state IN ('open', 'acknowledged', 'awaiting_customer')
                    ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], e.severity::text),
                             e.opened_at, e.reason, e.leg_no, e.id
                    LIMIT 1
                ) worst ON true
                LEFT JOIN LATERAL (
                    SELECT json_agg(json_build_object(
                        'occurred_at', t.occurred_at, 'status', t.status, 'reason', t.reason,
                        'location', t.location, 'text', t.text) ORDER BY t.occurred_at, t.received_at, t.id) AS events
                    FROM tracking_events t
                    WHERE t.customer_id = found.customer_id AND t.shipment_id = found.id
                      AND t.superseded_at IS NULL
                ) scans ON true
            ), '[]'::json),
            'not_found', coalesce((
                SELECT json_agg(number ORDER BY position) FROM asked
                WHERE number NOT IN (SELECT found.number FROM found)
            ), '[]'::json)
        )::text
    );
END $$
"""


def upgrade() -> None:
    _months()
    _queue()
    _roles()
    _row_level_security()
    op.execute(ADMIT)
    op.execute(PARTNER_SHIPMENTS)
    for function in (
        "admit(uuid, int, uuid)",
        "partner_shipments(uuid, int, uuid, text[], text)",
        "ensure_months(int)",
    ):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION admit(uuid, int, uuid) TO crm_app, crm_partner")
    op.execute("GRANT EXECUTE ON FUNCTION partner_shipments(uuid, int, uuid, text[], text) TO crm_partner")
    op.execute("GRANT EXECUTE ON FUNCTION ensure_months(int) TO crm_app")


def downgrade() -> None:
    raise RuntimeError("the walls stay up; restore a backup instead")


def _months() -> None:
    op.execute(ENSURE_MONTHS)
    op.execute("SELECT ensure_months(3)")
    op.execute("CREATE SEQUENCE order_numbers")


def _queue() -> None:
    statements = QueryBuilderEnvironment().build_install_query(create_schema=False)
    for statement in _split(statements):
        op.execute(statement)


def _split(script: str) -> list[str]:
    """Single statements of the queue's own script; a function's body between `$$` stays whole."""
    parts = script.split("$$")
    marked = [part if index % 2 else part.replace(";\n", ";\x00") for index, part in enumerate(parts)]
    return [statement for statement in "$$".join(marked).split("\x00") if statement.strip().strip(";")]


def _roles() -> None:
    for role in ROLES:
        op.execute(
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN NOINHERIT; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        op.execute(f"GRANT {role} TO CURRENT_USER")
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO crm_app")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO crm_app")
    for table in APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM crm_app")
    for table in REFERENCE:
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM crm_app")
    op.execute(
        "DO $$ DECLARE part regclass; BEGIN FOR part IN SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class c"
        " ON c.oid = inhrelid WHERE c.relkind = 'r' LOOP"
        " EXECUTE format('REVOKE ALL ON %s FROM crm_app', part); END LOOP; END $$"
    )
    for table, columns in {**FOR_PARTNERS, "codes": "list, code, zh, en"}.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO crm_partner")


def _row_level_security() -> None:
    for table in OF_CUSTOMERS:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY staff ON {table} TO crm_app USING (true) WITH CHECK (true)")
    for table in FOR_PARTNERS:
        op.execute(
            f"CREATE POLICY own_customers ON {table} FOR SELECT TO crm_partner USING"
            " (customer_id = ANY (nullif(current_setting('crm.customer_ids', true), '')::uuid[]))"
        )
