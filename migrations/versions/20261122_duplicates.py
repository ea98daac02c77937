"""Duplicates and merges: keys, pairs, what a merge changed; partners follow their customers through a merge."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_duplicates"
down_revision = "20261122_document_rules"
branch_labels = None
depends_on = None

ORIGINS = ("create", "change", "import", "scan", "merge")
ADMIT = """
CREATE OR REPLACE FUNCTION admit(subject uuid, version int, token uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT ARRAY({customers})
    WHERE NOT EXISTS (SELECT FROM revoked_tokens WHERE token_id = token)
      AND (EXISTS (SELECT FROM users
                   WHERE id = subject AND credentials_version = admit.version AND disabled_at IS NULL)
        OR EXISTS (SELECT FROM clients
                   WHERE id = subject AND credentials_version = admit.version AND disabled_at IS NULL))
$$
"""
BOUND = "SELECT customer_id FROM client_customers WHERE client_id = subject"
WITH_MERGED = """SELECT customer_id FROM client_customers WHERE client_id = subject
        UNION ALL
        SELECT c.id FROM client_customers b JOIN customers c ON c.merged_into_id = b.customer_id
        WHERE b.client_id = subject"""
"""A merge moves the bindings; parcels keep the customer they were sent under."""


def upgrade() -> None:
    op.create_table(
        "duplicate_keys",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_duplicate_keys_customer_id")
        ),
        sa.PrimaryKeyConstraint("key", "customer_id", name=op.f("pk_duplicate_keys")),
    )
    op.create_index(op.f("ix_duplicate_keys_customer_id"), "duplicate_keys", ["customer_id"])
    op.create_table(
        "duplicate_pairs",
        sa.Column("one_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("found_by", _choice("duplicateorigin_known", ORIGINS), nullable=True),
        _now("created_at"),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_duplicate_pairs_older_first")),
        sa.ForeignKeyConstraint(["one_id"], ["customers.id"], name=op.f("fk_duplicate_pairs_one_id")),
        sa.ForeignKeyConstraint(["other_id"], ["customers.id"], name=op.f("fk_duplicate_pairs_other_id")),
        sa.PrimaryKeyConstraint("one_id", "other_id", name=op.f("pk_duplicate_pairs")),
    )
    op.create_index(op.f("ix_duplicate_pairs_other_id"), "duplicate_pairs", ["other_id"])
    op.create_index(
        "ix_duplicate_pairs_open",
        "duplicate_pairs",
        ["cluster_id"],
        postgresql_where=sa.text("dismissed_at IS NULL"),
    )
    _merges()
    op.execute(ADMIT.format(customers=WITH_MERGED))


def downgrade() -> None:
    op.execute(ADMIT.format(customers=BOUND))
    for table in ("merged_rows", "merges", "duplicate_pairs", "duplicate_keys"):
        op.drop_table(table)


def _merges() -> None:
    op.create_table(
        "merges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("merged_by", sa.Uuid(), nullable=False),
        _now("created_at"),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["survivor_id"], ["customers.id"], name=op.f("fk_merges_survivor_id")),
        sa.ForeignKeyConstraint(["merged_id"], ["customers.id"], name=op.f("fk_merges_merged_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    op.create_index(op.f("ix_merges_survivor_id"), "merges", ["survivor_id"])
    op.create_index(op.f("ix_merges_merged_id"), "merges", ["merged_id"])
    op.create_table(
        "merged_rows",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("merge_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("key", postgresql.JSONB(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["merge_id"], ["merges.id"], name=op.f("fk_merged_rows_merge_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merged_rows")),
    )
    op.create_index(op.f("ix_merged_rows_merge_id"), "merged_rows", ["merge_id"])


def _choice(name: str, words: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
