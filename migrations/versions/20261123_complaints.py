"""Complaints: what was said, who works on it, what was answered, and up to whom it was taken."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_complaints"
down_revision = "20261123_clocks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _case_terms()
    _complaint_handlers()
    _complaints()
    _complaint_answers()
    _complaint_assignments()
    _complaint_parcels()
    _complaint_escalations()
    op.execute("CREATE SEQUENCE complaint_numbers")
    op.execute("REVOKE UPDATE, DELETE ON complaint_assignments FROM crm_app")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON case_terms FROM crm_app")


def downgrade() -> None:
    op.execute("DROP SEQUENCE complaint_numbers")
    op.drop_table("complaint_escalations")
    op.drop_table("complaint_parcels")
    op.drop_table("complaint_assignments")
    op.drop_table("complaint_answers")
    op.drop_table("complaints")
    op.drop_table("complaint_handlers")
    op.drop_table("case_terms")


def _case_terms() -> None:
    op.create_table(
        "case_terms",
        sa.Column(
            "tree",
            sa.Enum(
                "complaint_category",
                "root_cause",
                "case_liable_party",
                name="casetree_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("authority_code", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tree", "parent_code"],
            ["case_terms.tree", "case_terms.code"],
            name=op.f("fk_case_terms_tree_parent_code"),
        ),
        sa.PrimaryKeyConstraint("tree", "code", name=op.f("pk_case_terms")),
    )


def _complaint_handlers() -> None:
    op.create_table(
        "complaint_handlers",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("skills", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("regions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_on_duty", sa.Boolean(), nullable=False),
        sa.Column("last_assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_complaint_handlers_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_complaint_handlers")),
    )


def _complaints() -> None:
    op.create_table(
        "complaints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "acknowledged",
                "investigating",
                "waiting",
                "answered",
                "closed",
                "closed_not_accepted",
                "reopened",
                "withdrawn",
                "merged",
                name="complaintstate_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column(
            "severity",
            sa.Enum(
                "low",
                "medium",
                "high",
                "critical",
                name="severity_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "hotline",
                "online_chat",
                "email",
                "wechat",
                "app",
                "counter",
                "partner_api",
                "regulator",
                "marketplace",
                "internal",
                "delivery_exception",
                name="complaintchannel_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("remedy_sought", sa.Text(), nullable=False),
        sa.Column("complainant_name", sa.Text(), nullable=False),
        sa.Column("complainant_phone", sa.Text(), nullable=True),
        sa.Column("complainant_normal", sa.Text(), nullable=True),
        sa.Column(
            "complainant_role",
            sa.Enum(
                "sender",
                "recipient",
                "merchant",
                "platform",
                "agent",
                name="complainantrole_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("has_authority", sa.Boolean(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("repeat_of_id", sa.Uuid(), nullable=True),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("handler_id", sa.Uuid(), nullable=True),
        sa.Column("escalation", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("responded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "due_or_never",
            sa.DateTime(timezone=True),
            sa.Computed("coalesce(due_at, timestamptz '9999-01-01 00:00:00+00')", persisted=True),
            nullable=False,
        ),
        sa.Column("waiting_reason", sa.Text(), nullable=True),
        sa.Column("waiting_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_text", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "accepted",
                "not_accepted",
                "unreached",
                name="complaintoutcome_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed("search_terms(description, '')", persisted=True),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_complaints_customer_id")),
        sa.ForeignKeyConstraint(["handler_id"], ["users.id"], name=op.f("fk_complaints_handler_id")),
        sa.ForeignKeyConstraint(
            ["merged_into_id"], ["complaints.id"], name=op.f("fk_complaints_merged_into_id")
        ),
        sa.ForeignKeyConstraint(["repeat_of_id"], ["complaints.id"], name=op.f("fk_complaints_repeat_of_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_complaints_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaints")),
        sa.UniqueConstraint("channel", "message_id", name=op.f("uq_complaints_channel_message_id")),
        sa.UniqueConstraint("number", name=op.f("uq_complaints_number")),
    )
    op.create_index(
        "ix_complaints_complainant", "complaints", ["complainant_normal", "category", "received_at"]
    )
    op.create_index(
        op.f("ix_complaints_customer_id_received_at"), "complaints", ["customer_id", "received_at"]
    )
    op.create_index(
        op.f("ix_complaints_waiting_until"),
        "complaints",
        ["waiting_until"],
        postgresql_where=sa.text("waiting_until IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_complaints_merged_into_id"),
        "complaints",
        ["merged_into_id"],
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.create_index(
        "ix_complaints_open_by_handler",
        "complaints",
        ["handler_id", "received_at", "id"],
        postgresql_where=sa.text("state NOT IN ('closed', 'closed_not_accepted', 'withdrawn', 'merged')"),
    )
    op.create_index(
        "ix_complaints_open_due",
        "complaints",
        ["due_or_never", "id"],
        postgresql_where=sa.text("state NOT IN ('closed', 'closed_not_accepted', 'withdrawn', 'merged')"),
    )
    op.create_index(op.f("ix_complaints_received_at_id"), "complaints", ["received_at", "id"])
    op.create_index(op.f("ix_complaints_repeat_of_id"), "complaints", ["repeat_of_id"])
    op.create_index(op.f("ix_complaints_search"), "complaints", ["search"], postgresql_using="gin")
    op.create_index(op.f("ix_complaints_team_id"), "complaints", ["team_id"])


def _complaint_answers() -> None:
    op.create_table(
        "complaint_answers",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("liable_party", sa.Text(), nullable=False),
        sa.Column("root_cause", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "hotline",
                "online_chat",
                "email",
                "wechat",
                "app",
                "counter",
                "partner_api",
                "regulator",
                "marketplace",
                "internal",
                "delivery_exception",
                name="complaintchannel_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_answers_complaint_id")
        ),
        sa.PrimaryKeyConstraint("complaint_id", "number", name=op.f("pk_complaint_answers")),
    )


def _complaint_assignments() -> None:
    op.create_table(
        "complaint_assignments",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("handler_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column(
            "rule",
            sa.Enum(
                "own_team",
                "skill",
                "load",
                "overflow",
                "by_hand",
                name="assignmentrule_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("considered", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("assigned_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_assignments_complaint_id")
        ),
        sa.PrimaryKeyConstraint("complaint_id", "number", name=op.f("pk_complaint_assignments")),
    )


def _complaint_parcels() -> None:
    op.create_table(
        "complaint_parcels",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("tracking_no", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_parcels_complaint_id")
        ),
        sa.PrimaryKeyConstraint("complaint_id", "tracking_no", name=op.f("pk_complaint_parcels")),
    )
    op.create_index(op.f("ix_complaint_parcels_tracking_no"), "complaint_parcels", ["tracking_no"])


def _complaint_escalations() -> None:
    op.create_table(
        "complaint_escalations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("to_id", sa.Uuid(), nullable=True),
        sa.Column("clock_id", sa.Uuid(), nullable=True),
        sa.Column("share", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["clock_id"], ["clocks.id"], name=op.f("fk_complaint_escalations_clock_id")),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_escalations_complaint_id")
        ),
        sa.ForeignKeyConstraint(["to_id"], ["users.id"], name=op.f("fk_complaint_escalations_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_escalations")),
    )
    op.create_index(op.f("ix_complaint_escalations_complaint_id"), "complaint_escalations", ["complaint_id"])
    op.create_index(
        op.f("ix_complaint_escalations_created_at_id"), "complaint_escalations", ["created_at", "id"]
    )
    op.create_index(
        op.f("ix_complaint_escalations_to_id_created_at_id"),
        "complaint_escalations",
        ["to_id", "created_at", "id"],
    )
    op.create_index(
        "uq_complaint_escalations_once", "complaint_escalations", ["clock_id", "share"], unique=True
    )
