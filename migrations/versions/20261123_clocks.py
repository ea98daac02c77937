"""Limits, the clocks that run on them, and all that has happened to each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_clocks"
down_revision = "20261123_calendars"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _sla_policies()
    _clocks()
    _clock_alarms()
    _clock_events()
    _clock_waivers()
    op.execute("REVOKE UPDATE, DELETE ON clock_events, clock_alarms FROM crm_app")


def downgrade() -> None:
    op.drop_table("clock_waivers")
    op.drop_table("clock_events")
    op.drop_table("clock_alarms")
    op.drop_table("clocks")
    op.drop_table("sla_policies")


def _known(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _sla_policies() -> None:
    op.create_table(
        "sla_policies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column(
            "subject_type",
            _known("clocksubject_known", "complaint"),
            nullable=False,
        ),
        sa.Column(
            "kind",
            _known("clockkind_known", "statutory", "contract", "internal"),
            nullable=False,
        ),
        sa.Column(
            "metric",
            _known("clockmetric_known", "assignment", "first_response", "resolution"),
            nullable=False,
        ),
        sa.Column(
            "counting",
            _known("counting_known", "legal_days", "elapsed", "working"),
            nullable=False,
        ),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("zone", sa.Text(), server_default="Asia/Shanghai", nullable=False),
        sa.Column("moves_past_holidays", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=True),
        sa.Column("categories", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("severities", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("tiers", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("pause_reasons", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("alarms", postgresql.ARRAY(sa.Integer()), server_default="{50,80,100}", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("shipped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _now("created_at"),
        sa.CheckConstraint(
            "(counting = 'working' OR moves_past_holidays) = (calendar_id IS NOT NULL)",
            name=op.f("ck_sla_policies_calendar_if_asked"),
        ),
        sa.CheckConstraint(
            "(kind <> 'statutory' AND counting <> 'legal_days') OR pause_reasons = '{}'",
            name=op.f("ck_sla_policies_statutory_never_pauses"),
        ),
        sa.CheckConstraint(
            "counting = 'legal_days' OR NOT moves_past_holidays", name=op.f("ck_sla_policies_legal_days_move")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_sla_policies_takes_time")),
        sa.ForeignKeyConstraint(["calendar_id"], ["calendars.id"], name=op.f("fk_sla_policies_calendar_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_sla_policies_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_policies")),
        sa.UniqueConstraint("code", "number", name=op.f("uq_sla_policies_code_number")),
    )
    op.create_index(op.f("ix_sla_policies_customer_id"), "sla_policies", ["customer_id"], unique=False)


def _clocks() -> None:
    op.create_table(
        "clocks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "subject_type",
            _known("clocksubject_known", "complaint"),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            _known("clockkind_known", "statutory", "contract", "internal"),
            nullable=False,
        ),
        sa.Column(
            "metric",
            _known("clockmetric_known", "assignment", "first_response", "resolution"),
            nullable=False,
        ),
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("calendar_version_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            _known("clockstate_known", "running", "paused", "met", "cancelled", "waived"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_late", sa.Boolean(), nullable=True),
        sa.Column("paused_s", sa.Integer(), nullable=False),
        sa.Column("elapsed_s", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        _now("created_at"),
        sa.ForeignKeyConstraint(
            ["calendar_version_id"], ["calendar_versions.id"], name=op.f("fk_clocks_calendar_version_id")
        ),
        sa.ForeignKeyConstraint(["policy_id"], ["sla_policies.id"], name=op.f("fk_clocks_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clocks")),
    )
    op.create_index(op.f("ix_clocks_due_at_id"), "clocks", ["due_at", "id"], unique=False)
    op.create_index(
        "ix_clocks_live",
        "clocks",
        ["policy_id", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('running', 'paused')"),
    )
    op.create_index(
        "ix_clocks_next_at",
        "clocks",
        ["next_at", "id"],
        unique=False,
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_clocks_subject_id"), "clocks", ["subject_id"], unique=False)
    op.create_index(
        "uq_clocks_once_a_cycle",
        "clocks",
        ["subject_id", "cycle", "kind", "metric"],
        unique=True,
        postgresql_where=sa.text("state <> 'cancelled'"),
    )


def _clock_alarms() -> None:
    op.create_table(
        "clock_alarms",
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("share", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        _now("fired_at"),
        sa.ForeignKeyConstraint(["clock_id"], ["clocks.id"], name=op.f("fk_clock_alarms_clock_id")),
        sa.PrimaryKeyConstraint("clock_id", "share", name=op.f("pk_clock_alarms")),
    )


def _clock_events() -> None:
    op.create_table(
        "clock_events",
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            _known(
                "clockeventkind_known",
                "started",
                "paused",
                "resumed",
                "retargeted",
                "met",
                "revoked",
                "cancelled",
                "waived",
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("policy_id", sa.Uuid(), nullable=True),
        sa.Column("calendar_version_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        _now("recorded_at"),
        sa.ForeignKeyConstraint(["clock_id"], ["clocks.id"], name=op.f("fk_clock_events_clock_id")),
        sa.PrimaryKeyConstraint("clock_id", "number", name=op.f("pk_clock_events")),
    )


def _clock_waivers() -> None:
    op.create_table(
        "clock_waivers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            _known("waiverstate_known", "requested", "approved", "declined"),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column(
            "requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("decided_by <> requested_by", name=op.f("ck_clock_waivers_decided_by_another")),
        sa.ForeignKeyConstraint(["clock_id"], ["clocks.id"], name=op.f("fk_clock_waivers_clock_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_waivers")),
    )
    op.create_index(op.f("ix_clock_waivers_clock_id"), "clock_waivers", ["clock_id"], unique=False)
    op.create_index(
        op.f("ix_clock_waivers_state_requested_at_id"),
        "clock_waivers",
        ["state", "requested_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_clock_waivers_one_open",
        "clock_waivers",
        ["clock_id"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
    )
