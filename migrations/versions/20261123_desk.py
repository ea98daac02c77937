"""The desk around a complaint: messages and their wordings, attachments, links, watchers, merges; holds of one complaint.

Retention knows a class more; `20261123_desk_rules` makes sure of the rows that were there.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_desk"
down_revision = "20261123_complaints"
branch_labels = None
depends_on = None

CLASSES = ("ended_customers", "waybills", "raw_pushes", "audit_trail", "withdrawn_documents")


def upgrade() -> None:
    _message_templates()
    _complaint_attachments()
    _complaint_links()
    _complaint_merges()
    _complaint_messages()
    _complaint_watchers()
    _complaint_attachment_parts()
    _complaint_merged_rows()
    # Sealed bytes can't be made smaller; without the attempt they are stored as they are.
    op.execute("ALTER TABLE complaint_attachment_parts ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute("REVOKE UPDATE, DELETE ON message_templates FROM crm_app")
    _holds()
    _classes(*CLASSES, "complaints")


def downgrade() -> None:
    op.execute("DELETE FROM retention_rules WHERE retention_class = 'complaints'")
    _classes(*CLASSES)
    op.execute("DELETE FROM legal_holds WHERE customer_id IS NULL")
    op.execute("ALTER TABLE legal_holds DROP COLUMN complaint_id, ALTER COLUMN customer_id SET NOT NULL")
    op.drop_table("complaint_merged_rows")
    op.drop_table("complaint_attachment_parts")
    op.drop_table("complaint_watchers")
    op.drop_table("complaint_messages")
    op.drop_table("complaint_merges")
    op.drop_table("complaint_links")
    op.drop_table("complaint_attachments")
    op.drop_table("message_templates")


def _holds() -> None:
    op.add_column("legal_holds", sa.Column("complaint_id", sa.Uuid()))
    op.execute(
        "-- squawk-ignore ban-drop-not-null\nALTER TABLE legal_holds ALTER COLUMN customer_id DROP NOT NULL"
    )
    op.execute(
        "ALTER TABLE legal_holds ADD CONSTRAINT fk_legal_holds_complaint_id"
        " FOREIGN KEY (complaint_id) REFERENCES complaints (id) NOT VALID"
    )
    op.execute(
        "ALTER TABLE legal_holds ADD CONSTRAINT ck_legal_holds_of_one"
        " CHECK (num_nonnulls(customer_id, complaint_id) = 1) NOT VALID"
    )


def _classes(*known: str) -> None:
    words = ", ".join(f"'{each}'" for each in known)
    name = "ck_retention_rules_retentionclass_known"
    op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE retention_rules DROP CONSTRAINT {name}")
    op.execute(
        f"ALTER TABLE retention_rules ADD CONSTRAINT {name} CHECK (retention_class IN ({words})) NOT VALID"
    )


def _message_templates() -> None:
    op.create_table(
        "message_templates",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "acknowledgement",
                "waiting",
                "answer",
                "confirmation",
                "closing",
                "reopened",
                "other",
                name="templatepurpose_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("code", "number", name=op.f("pk_message_templates")),
    )


def _complaint_attachments() -> None:
    op.create_table(
        "complaint_attachments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum(
                "public",
                "internal",
                name="casevisibility_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_attachments_complaint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_attachments")),
    )
    op.create_index(
        op.f("ix_complaint_attachments_complaint_id_created_at_id"),
        "complaint_attachments",
        ["complaint_id", "created_at", "id"],
    )


def _complaint_links() -> None:
    op.create_table(
        "complaint_links",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "related",
                "caused_by",
                "same_incident",
                name="complaintlinkkind_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_links_complaint_id")
        ),
        sa.ForeignKeyConstraint(["other_id"], ["complaints.id"], name=op.f("fk_complaint_links_other_id")),
        sa.PrimaryKeyConstraint("complaint_id", "kind", "other_id", name=op.f("pk_complaint_links")),
    )
    op.create_index(op.f("ix_complaint_links_other_id"), "complaint_links", ["other_id"])


def _complaint_merges() -> None:
    op.create_table(
        "complaint_merges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(
                "by_hand",
                "duplicate",
                name="complaintmergecause_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("is_counted_anew", sa.Boolean(), nullable=False),
        sa.Column("merged_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["merged_id"], ["complaints.id"], name=op.f("fk_complaint_merges_merged_id")),
        sa.ForeignKeyConstraint(
            ["survivor_id"], ["complaints.id"], name=op.f("fk_complaint_merges_survivor_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_merges")),
    )
    op.create_index(op.f("ix_complaint_merges_merged_id"), "complaint_merges", ["merged_id"])
    op.create_index(op.f("ix_complaint_merges_survivor_id"), "complaint_merges", ["survivor_id"])


def _complaint_messages() -> None:
    op.create_table(
        "complaint_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum(
                "public",
                "internal",
                name="casevisibility_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "direction",
            sa.Enum(
                "in",
                "out",
                name="messagedirection_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
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
            nullable=True,
        ),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("template_code", sa.Text(), nullable=True),
        sa.Column("template_number", sa.Integer(), nullable=True),
        sa.Column("written_by", sa.Uuid(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(visibility = 'public') = (channel IS NOT NULL AND direction IS NOT NULL)",
            name=op.f("ck_complaint_messages_public_is_sent"),
        ),
        sa.CheckConstraint(
            "visibility = 'public' OR message_id IS NULL",
            name=op.f("ck_complaint_messages_notes_have_no_channel"),
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_messages_complaint_id")
        ),
        sa.ForeignKeyConstraint(
            ["template_code", "template_number"],
            ["message_templates.code", "message_templates.number"],
            name=op.f("fk_complaint_messages_template_code_template_number"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_messages")),
        sa.UniqueConstraint("channel", "message_id", name=op.f("uq_complaint_messages_channel_message_id")),
    )
    op.create_index(
        op.f("ix_complaint_messages_complaint_id_created_at_id"),
        "complaint_messages",
        ["complaint_id", "created_at", "id"],
    )


def _complaint_watchers() -> None:
    op.create_table(
        "complaint_watchers",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_watchers_complaint_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_complaint_watchers_user_id")),
        sa.PrimaryKeyConstraint("complaint_id", "user_id", name=op.f("pk_complaint_watchers")),
    )
    op.create_index(op.f("ix_complaint_watchers_user_id"), "complaint_watchers", ["user_id"])


def _complaint_attachment_parts() -> None:
    op.create_table(
        "complaint_attachment_parts",
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["complaint_attachments.id"],
            name=op.f("fk_complaint_attachment_parts_attachment_id"),
        ),
        sa.PrimaryKeyConstraint("attachment_id", "part", name=op.f("pk_complaint_attachment_parts")),
    )


def _complaint_merged_rows() -> None:
    op.create_table(
        "complaint_merged_rows",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("key", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["merge_id"], ["complaint_merges.id"], name=op.f("fk_complaint_merged_rows_merge_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_merged_rows")),
    )
    op.create_index(op.f("ix_complaint_merged_rows_merge_id"), "complaint_merged_rows", ["merge_id"])
