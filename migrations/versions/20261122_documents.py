"""Papers of customers, their versions and what is in them, sealed.

Retention knows a class more; `20261122_document_rules` makes sure of the rows that were there.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_documents"
down_revision = "20261122_forgetting"
branch_labels = None
depends_on = None

CLASSES = ("ended_customers", "waybills", "raw_pushes", "audit_trail")
KINDS = (
    "contract",
    "identity_proof",
    "power_of_attorney",
    "invoice",
    "correspondence",
    "report",
    "other",
)


def upgrade() -> None:
    _documents()
    _versions()
    op.create_table(
        "document_parts",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id", "number"],
            ["document_versions.document_id", "document_versions.number"],
            name=op.f("fk_document_parts_document_id_number"),
        ),
        sa.PrimaryKeyConstraint("document_id", "number", "part", name=op.f("pk_document_parts")),
    )
    # Sealed bytes can't be made smaller; without the attempt they are stored as they are.
    op.execute("ALTER TABLE document_parts ALTER COLUMN content SET STORAGE EXTERNAL")
    _classes(*CLASSES, "withdrawn_documents")


def downgrade() -> None:
    op.execute("DELETE FROM retention_rules WHERE retention_class = 'withdrawn_documents'")
    _classes(*CLASSES)
    op.drop_table("document_parts")
    op.drop_table("document_versions")
    op.drop_table("documents")


def _classes(*known: str) -> None:
    words = ", ".join(f"'{each}'" for each in known)
    name = "ck_retention_rules_retentionclass_known"
    op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE retention_rules DROP CONSTRAINT {name}")
    op.execute(
        f"ALTER TABLE retention_rules ADD CONSTRAINT {name} CHECK (retention_class IN ({words})) NOT VALID"
    )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*KINDS, name="documentkind_known", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "kept",
                "withdrawn",
                "erased",
                name="documentstate_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("latest", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_documents_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
    )
    op.create_index(op.f("ix_documents_created_at_id"), "documents", ["created_at", "id"])
    op.create_index(op.f("ix_documents_customer_id_created_at"), "documents", ["customer_id", "created_at"])
    op.create_index(
        "ix_documents_withdrawn",
        "documents",
        ["updated_at"],
        postgresql_where=sa.text("state = 'withdrawn'"),
    )


def _versions() -> None:
    op.create_table(
        "document_versions",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("compare_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_versions_document_id")
        ),
        sa.PrimaryKeyConstraint("document_id", "number", name=op.f("pk_document_versions")),
    )
    op.create_index(
        "ix_document_versions_compare_at",
        "document_versions",
        ["compare_at"],
        postgresql_where=sa.text("compare_at IS NOT NULL"),
    )
