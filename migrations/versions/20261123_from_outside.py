"""Exceptions have rules and what followed from them; figures have definitions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_from_outside"
down_revision = "20261123_desk_indexes"
branch_labels = None
depends_on = None

REFERENCE = ("exception_rules", "kpi_benchmarks", "kpi_definitions")


def upgrade() -> None:
    _exception_rules()
    _kpi_benchmarks()
    _kpi_definitions()
    _exception_follow_ups()
    for table in REFERENCE:
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM crm_app")


def downgrade() -> None:
    op.drop_table("exception_follow_ups")
    op.drop_table("kpi_definitions")
    op.drop_table("kpi_benchmarks")
    op.drop_table("exception_rules")


def _exception_rules() -> None:
    op.create_table(
        "exception_rules",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("tiers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "action",
            sa.Enum(
                "complaint",
                "task",
                "none",
                name="exceptionaction_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
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
            nullable=True,
        ),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_exception_rules")),
    )


def _kpi_benchmarks() -> None:
    op.create_table(
        "kpi_benchmarks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "code", "valid_from", name=op.f("pk_kpi_benchmarks")),
    )


def _kpi_definitions() -> None:
    op.create_table(
        "kpi_definitions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column(
            "unit",
            sa.Enum(
                "seconds",
                "share",
                "per_million",
                name="kpiunit_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("population", sa.Text(), nullable=False),
        sa.Column("period_by", sa.Text(), nullable=False),
        sa.Column(
            "time_base",
            sa.Enum(
                "calendar",
                "business",
                name="timebase_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("exclusions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("text_zh", sa.Text(), nullable=False),
        sa.Column("text_en", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_kpi_definitions")),
    )


def _exception_follow_ups() -> None:
    op.create_table(
        "exception_follow_ups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("exception_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("tracking_no", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
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
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column(
            "action",
            sa.Enum(
                "complaint",
                "task",
                "none",
                name="exceptionaction_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("complaint_id", sa.Uuid(), nullable=True),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "done",
                name="followupstate_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("done_by", sa.Uuid(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_exception_follow_ups_complaint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exception_follow_ups")),
        sa.UniqueConstraint("exception_id", name=op.f("uq_exception_follow_ups_exception_id")),
    )
    op.create_index(op.f("ix_exception_follow_ups_complaint_id"), "exception_follow_ups", ["complaint_id"])
    op.create_index(
        op.f("ix_exception_follow_ups_created_at_id"), "exception_follow_ups", ["created_at", "id"]
    )
    op.create_index(
        op.f("ix_exception_follow_ups_state_created_at_id"),
        "exception_follow_ups",
        ["state", "created_at", "id"],
    )
    op.create_index(op.f("ix_exception_follow_ups_tracking_no"), "exception_follow_ups", ["tracking_no"])
