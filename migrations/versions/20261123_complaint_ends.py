"""How complaints end: reports that nobody changes, what customers say to answers, and ends without a yes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_complaint_ends"
down_revision = "20261123_complaint_indexes"
branch_labels = None
depends_on = None

FROZEN = ("complaint_reports", "complaint_report_confirmations", "complaint_call_backs")

FORGET = """
CREATE FUNCTION forget_complaint_ends(of uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE complaint_reports SET content = NULL WHERE complaint_id = ANY (of);
    UPDATE complaint_report_confirmations SET pdf = NULL WHERE complaint_id = ANY (of);
    UPDATE complaint_call_backs SET note = NULL WHERE complaint_id = ANY (of)
$$
"""


def upgrade() -> None:
    _confirmation_rules()
    _complaint_closings()
    _complaint_call_backs()
    _complaint_reports()
    _confirmation_links()
    _complaint_report_confirmations()
    op.add_column(
        "complaints", sa.Column("not_accepted", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.execute("CREATE SEQUENCE complaint_report_numbers")
    for table in FROZEN:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM crm_app")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON confirmation_rules FROM crm_app")
    op.execute(FORGET)
    op.execute("REVOKE ALL ON FUNCTION forget_complaint_ends(uuid[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION forget_complaint_ends(uuid[]) TO crm_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_complaint_ends(uuid[])")
    op.execute("DROP SEQUENCE complaint_report_numbers")
    op.drop_column("complaints", "not_accepted")
    op.drop_table("complaint_report_confirmations")
    op.drop_table("confirmation_links")
    op.drop_table("complaint_reports")
    op.drop_table("complaint_call_backs")
    op.drop_table("complaint_closings")
    op.drop_table("confirmation_rules")


def _confirmation_rules() -> None:
    op.create_table(
        "confirmation_rules",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("severities", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("tiers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("share", sa.Integer(), nullable=True),
        sa.Column(
            "demand",
            sa.Enum(
                "call",
                "any",
                name="confirmationdemand_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_confirmation_rules")),
        sa.UniqueConstraint("rank", name=op.f("uq_confirmation_rules_rank")),
    )


def _complaint_closings() -> None:
    op.create_table(
        "complaint_closings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("answer_number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "approved",
                "declined",
                name="closingstate_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("means_exhausted", sa.Boolean(), nullable=False),
        sa.Column("told_of_appeal", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column(
            "requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "decided_by <> requested_by", name=op.f("ck_complaint_closings_decided_by_another")
        ),
        sa.CheckConstraint(
            "means_exhausted AND told_of_appeal", name=op.f("ck_complaint_closings_all_was_done")
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_closings_complaint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_closings")),
    )
    op.create_index(
        op.f("ix_complaint_closings_complaint_id_requested_at"),
        "complaint_closings",
        ["complaint_id", "requested_at"],
    )
    op.create_index(
        "uq_complaint_closings_one_open",
        "complaint_closings",
        ["complaint_id", "answer_number"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
    )


def _complaint_call_backs() -> None:
    op.create_table(
        "complaint_call_backs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("answer_number", sa.Integer(), nullable=False),
        sa.Column(
            "method",
            sa.Enum(
                "call",
                "message",
                "link",
                "partner",
                name="callbackmethod_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("by_answerer", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "reached OR accepted IS NULL", name=op.f("ck_complaint_call_backs_who_speaks_was_reached")
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id", "answer_number"],
            ["complaint_answers.complaint_id", "complaint_answers.number"],
            name=op.f("fk_complaint_call_backs_complaint_id_answer_number"),
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_call_backs_complaint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_call_backs")),
    )
    op.create_index(
        op.f("ix_complaint_call_backs_complaint_id_attempted_at_id"),
        "complaint_call_backs",
        ["complaint_id", "attempted_at", "id"],
    )


def _complaint_reports() -> None:
    op.create_table(
        "complaint_reports",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("answer_number", sa.Integer(), nullable=False),
        sa.Column("closing_id", sa.Uuid(), nullable=True),
        sa.Column("content", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("composed_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["closing_id"], ["complaint_closings.id"], name=op.f("fk_complaint_reports_closing_id")
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id", "answer_number"],
            ["complaint_answers.complaint_id", "complaint_answers.number"],
            name=op.f("fk_complaint_reports_complaint_id_answer_number"),
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_reports_complaint_id")
        ),
        sa.PrimaryKeyConstraint("complaint_id", "version", name=op.f("pk_complaint_reports")),
        sa.UniqueConstraint("number", "version", name=op.f("uq_complaint_reports_number_version")),
    )


def _confirmation_links() -> None:
    op.create_table(
        "confirmation_links",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("answer_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id", "answer_number"],
            ["complaint_answers.complaint_id", "complaint_answers.number"],
            name=op.f("fk_confirmation_links_complaint_id_answer_number"),
        ),
        sa.PrimaryKeyConstraint("complaint_id", "answer_number", name=op.f("pk_confirmation_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_confirmation_links_token_hash")),
    )


def _complaint_report_confirmations() -> None:
    op.create_table(
        "complaint_report_confirmations",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=False),
        sa.Column(
            "confirmed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id", "version"],
            ["complaint_reports.complaint_id", "complaint_reports.version"],
            name=op.f("fk_complaint_report_confirmations_complaint_id_version"),
        ),
        sa.PrimaryKeyConstraint("complaint_id", "version", name=op.f("pk_complaint_report_confirmations")),
    )
