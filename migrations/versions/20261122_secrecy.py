"""Secrecy: seals over the audit trail, people's requests, holds, terms and leaks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_secrecy"
down_revision = "20261122_quality"
branch_labels = None
depends_on = None

ACCESSES = (
    "signed_in",
    "sign_in_failed",
    "locked_out",
    "refreshed",
    "refresh_reused",
    "revoked",
    "denied",
    "revealed",
)

REDACT = """
CREATE FUNCTION redact_audit(stream text, row_id uuid, dropped text[], request uuid, actor uuid, actor_type text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    line text;
BEGIN
    IF stream = 'events' THEN
        UPDATE events SET data = data - dropped WHERE id = row_id AND kind <> 'audit.redacted'
        RETURNING jsonb_build_array(id, recorded_at AT TIME ZONE 'UTC', sequence, transaction, kind, subject_type,
            subject_id, customer_id, actor_kind, actor_id, correlation_id, data)::text INTO line;
    ELSE
        UPDATE accesses SET data = data - dropped WHERE id = row_id
        RETURNING jsonb_build_array(id, occurred_at AT TIME ZONE 'UTC', transaction, kind, principal_id, operation,
            correlation_id, customer_id, data)::text INTO line;
    END IF;
    IF line IS NOT NULL THEN
        INSERT INTO events (id, kind, subject_type, subject_id, actor_kind, actor_id, data)
        VALUES (gen_random_uuid(), 'audit.redacted', stream, row_id, actor_type, actor, jsonb_build_object(
            'request', request, 'fields', dropped, 'sha256', encode(sha256(convert_to(line, 'UTF8')), 'hex')));
    END IF;
END $$
"""
"""Takes fields out of what a row of the trail says, never puts any in, and writes that down in the trail itself."""

FORGET_EVIDENCE = """
CREATE FUNCTION forget_evidence(consent_ids uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE consents SET evidence = '' WHERE id = ANY (consent_ids)
$$
"""
FORGET_PUSHES = """
CREATE FUNCTION forget_pushes(push_ids uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE raw_pushes SET body = ''::bytea, headers = '{}' WHERE id = ANY (push_ids)
$$
"""
FUNCTIONS = {
    "redact_audit(text, uuid, text[], uuid, uuid, text)": REDACT,
    "forget_evidence(uuid[])": FORGET_EVIDENCE,
    "forget_pushes(uuid[])": FORGET_PUSHES,
}


def upgrade() -> None:
    _tables()
    _columns()
    for name, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO crm_app")
    op.execute("REVOKE UPDATE, DELETE ON audit_seals FROM crm_app")
    for table in ("legal_terms", "retention_rules"):
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM crm_app")


def downgrade() -> None:
    raise RuntimeError("what was sealed stays sealed; restore a backup instead")


def _columns() -> None:
    op.add_column("accesses", sa.Column("customer_id", sa.Uuid(), nullable=True))
    op.execute(  # the default is stable, so that it is read once and no row is written
        "-- squawk-ignore adding-field-with-default\n"
        "ALTER TABLE accesses ADD COLUMN transaction bigint DEFAULT (pg_current_xact_id()::text::bigint) NOT NULL"
    )
    op.add_column("customers", sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("shipments", sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True))
    known = ", ".join(f"'{kind}'" for kind in ACCESSES)
    op.execute(  # a wider one follows at once
        "-- squawk-ignore ban-drop-constraint\nALTER TABLE accesses DROP CONSTRAINT ck_accesses_accesskind_known"
    )
    op.execute(
        "ALTER TABLE accesses ADD CONSTRAINT ck_accesses_accesskind_known"
        f" CHECK (kind IN ({known})) NOT VALID"
    )


def _tables() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "stream",
            sa.Enum(
                "accesses",
                "events",
                name="auditstream_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("after_transaction", sa.BigInteger(), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=False),
        sa.Column("to_transaction", sa.BigInteger(), nullable=False),
        sa.Column("to_id", sa.Uuid(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_seals")),
    )
    op.create_index(op.f("ix_audit_seals_stream_number"), "audit_seals", ["stream", "number"], unique=False)
    op.create_table(
        "leak_incidents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "reported",
                "investigating",
                "contained",
                "notified",
                "closed",
                "not_a_leak",
                name="leakstate_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("discovered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reported_by", sa.Uuid(), nullable=False),
        sa.Column(
            "grade",
            sa.Enum(
                "general",
                "larger",
                "major",
                "especially_major",
                name="leakgrade_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("harm", sa.Text(), nullable=True),
        sa.Column("measures", sa.Text(), nullable=True),
        sa.Column("advice", sa.Text(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("authority_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("people_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("untold_because", sa.Text(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leak_incidents")),
    )
    op.create_index(
        op.f("ix_leak_incidents_created_at_id"), "leak_incidents", ["created_at", "id"], unique=False
    )
    op.create_table(
        "legal_terms",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("within", sa.Interval(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", "valid_from", name=op.f("pk_legal_terms")),
    )
    op.create_table(
        "retention_rules",
        sa.Column(
            "retention_class",
            sa.Enum(
                "ended_customers",
                "waybills",
                "raw_pushes",
                "audit_trail",
                name="retentionclass_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("keep", sa.Interval(), nullable=True),
        sa.Column(
            "action",
            sa.Enum(
                "anonymise",
                "keep",
                name="retentionaction_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("retention_class", "valid_from", name=op.f("pk_retention_rules")),
    )
    op.create_table(
        "leak_customers",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_leak_customers_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["leak_incidents.id"], name=op.f("fk_leak_customers_incident_id")
        ),
        sa.PrimaryKeyConstraint("incident_id", "customer_id", name=op.f("pk_leak_customers")),
    )
    op.create_index(op.f("ix_leak_customers_customer_id"), "leak_customers", ["customer_id"], unique=False)
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("placed_by", sa.Uuid(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Uuid(), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_legal_holds_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
    )
    op.create_index(op.f("ix_legal_holds_placed_at_id"), "legal_holds", ["placed_at", "id"], unique=False)
    op.create_index(
        "ix_legal_holds_standing",
        "legal_holds",
        ["customer_id"],
        unique=False,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "privacy_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "access",
                "correction",
                "erasure",
                "withdraw_consent",
                "portability",
                name="privacyrequestkind_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "verified",
                "done",
                "refused",
                name="privacyrequeststate_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column("copied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column(
            "refused_on",
            sa.Enum(
                "identity_not_proven",
                "retention_required",
                "legal_hold",
                "secrecy_required",
                "not_feasible",
                "not_personal_data",
                name="refusalground_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_privacy_requests_contact_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_privacy_requests_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_requests")),
    )
    op.create_index(op.f("ix_privacy_requests_contact_id"), "privacy_requests", ["contact_id"], unique=False)
    op.create_index(
        op.f("ix_privacy_requests_created_at_id"), "privacy_requests", ["created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_privacy_requests_customer_id"), "privacy_requests", ["customer_id"], unique=False
    )
    op.create_index(
        "ix_privacy_requests_due_at",
        "privacy_requests",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
