"""Customers in full: people and how to reach them, links, consents, notes, teams, and search.

What the first light kept in `contacts` moves into a person, their numbers, and what they are to a customer.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_customer_records"
down_revision = "20261122_kept_plan"
branch_labels = None
depends_on = None

STATES = ("prospect", "active", "dormant", "lost", "closed", "merged")

SEARCH_TERMS = r"""
CREATE FUNCTION search_terms(name text, romanised text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    WITH plain AS (SELECT lower(normalize(name, NFKC)) AS name),
    runs AS (
        SELECT found[1] AS run FROM plain,
            regexp_matches(plain.name, '[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+', 'g') AS found
    ),
    words AS (
        SELECT found[1] AS word FROM plain,
            regexp_matches(plain.name, '[^\s[:punct:]\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+', 'g')
            AS found
    ),
    syllables AS (
        SELECT syllable, lead(syllable, 1, '') OVER (ORDER BY position) AS following, position
        FROM regexp_split_to_table(romanised, ' +') WITH ORDINALITY AS given (syllable, position)
        WHERE syllable <> ''
    ),
    initials AS (SELECT string_agg(left(syllable, 1), '' ORDER BY position) AS letters FROM syllables)
    SELECT array_to_tsvector(coalesce(array_agg(DISTINCT left(term, 200)) FILTER (WHERE term <> ''), '{}'))
    FROM (
        SELECT substr(run, i, 2) FROM runs, generate_series(1, length(run)) AS i
        UNION ALL SELECT word FROM words
        UNION ALL SELECT syllable || following FROM syllables
        UNION ALL SELECT '~' || substr(letters, i, 3) FROM initials, generate_series(1, length(letters)) AS i
    ) AS terms (term)
$$
"""
"""Terms of a name: each two neighbouring characters, whole words, two neighbouring syllables, initials by three."""


def upgrade() -> None:
    op.execute(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO crm_app"
    )
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO crm_app")
    op.execute(SEARCH_TERMS)
    op.execute("GRANT EXECUTE ON FUNCTION search_terms(text, text) TO crm_app")
    _tables()
    _people()
    _customers()
    _search()
    op.execute("REVOKE UPDATE, DELETE ON consents FROM crm_app")


def downgrade() -> None:
    raise RuntimeError("people don't go back into their customers; restore a backup instead")


def _tables() -> None:
    op.create_table(
        "contact_points",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "phone",
                "email",
                "wechat",
                name="contactpointkind_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("normal", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_points_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_points")),
    )
    op.create_index(op.f("ix_contact_points_contact_id"), "contact_points", ["contact_id"], unique=False)
    op.create_index(op.f("ix_contact_points_kind_normal"), "contact_points", ["kind", "normal"], unique=False)
    op.create_index(
        "ix_contact_points_suffix",
        "contact_points",
        [sa.literal_column("reverse(normal)").label("suffix")],
        unique=False,
        postgresql_ops={"suffix": "text_pattern_ops"},
        postgresql_where=sa.text("kind = 'phone'"),
    )
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["department_id"], ["departments.id"], name=op.f("fk_teams_department_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["users.id"], name=op.f("fk_teams_lead_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("code", name=op.f("uq_teams_code")),
    )
    op.create_index(op.f("ix_teams_department_id"), "teams", ["department_id"], unique=False)
    op.create_table(
        "team_members",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_team_members_user_id")),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_team_members")),
    )
    op.create_index(op.f("ix_team_members_user_id"), "team_members", ["user_id"], unique=False)
    op.create_table(
        "consents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column(
            "channel",
            sa.Enum(
                "phone",
                "sms",
                "email",
                "wechat",
                "post",
                name="consentchannel_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "purpose",
            sa.Enum(
                "service",
                "survey",
                "care",
                "marketing",
                name="consentpurpose_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_consents_contact_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_consents_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_contact_id"), "consents", ["contact_id"], unique=False)
    op.create_index(
        op.f("ix_consents_customer_id_channel_purpose_given_at"),
        "consents",
        ["customer_id", "channel", "purpose", "given_at"],
        unique=False,
    )
    op.create_table(
        "customer_contacts",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_customer_contacts_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_contacts_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", "contact_id", name=op.f("pk_customer_contacts")),
    )
    op.create_index(
        op.f("ix_customer_contacts_contact_id"), "customer_contacts", ["contact_id"], unique=False
    )
    op.create_table(
        "customer_grants",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_grants_customer_id")
        ),
        sa.ForeignKeyConstraint(["granted_by"], ["users.id"], name=op.f("fk_customer_grants_granted_by")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_customer_grants_user_id")),
        sa.PrimaryKeyConstraint("customer_id", "user_id", name=op.f("pk_customer_grants")),
    )
    op.create_index(op.f("ix_customer_grants_user_id"), "customer_grants", ["user_id"], unique=False)
    op.create_table(
        "customer_links",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "parent",
                "bill_to",
                "ship_to",
                name="customerlinkkind_known",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("customer_id <> other_id", name=op.f("ck_customer_links_with_another")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_links_customer_id")
        ),
        sa.ForeignKeyConstraint(["other_id"], ["customers.id"], name=op.f("fk_customer_links_other_id")),
        sa.PrimaryKeyConstraint("customer_id", "kind", "other_id", name=op.f("pk_customer_links")),
    )
    op.create_index(op.f("ix_customer_links_other_id"), "customer_links", ["other_id"], unique=False)
    op.create_index(
        "uq_customer_links_one_each",
        "customer_links",
        ["customer_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind IN ('parent', 'bill_to')"),
    )
    op.create_table(
        "customer_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_customer_notes_author_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_notes_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_notes")),
    )
    op.create_index(
        op.f("ix_customer_notes_customer_id_created_at_id"),
        "customer_notes",
        ["customer_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "external_ids",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_external_ids_customer_id")),
        sa.PrimaryKeyConstraint("system", "external_id", name=op.f("pk_external_ids")),
    )
    op.create_index(op.f("ix_external_ids_external_id"), "external_ids", ["external_id"], unique=False)
    op.create_index(op.f("ix_external_ids_customer_id"), "external_ids", ["customer_id"], unique=False)


def _people() -> None:
    """Each contact of the first light becomes a person of its own, at one customer."""
    op.execute(
        "INSERT INTO customer_contacts (customer_id, contact_id, role) SELECT customer_id, id, role FROM contacts"
    )
    op.execute(
        "INSERT INTO contact_points (id, contact_id, kind, value, normal)"
        " SELECT gen_random_uuid(), id, 'phone', phone, CASE WHEN digits ~ '^1[3-9][0-9]{9}$' THEN '+86' || digits"
        " WHEN phone LIKE '+%' THEN '+' || digits ELSE digits END"
        " FROM (SELECT id, phone, regexp_replace(phone, '[^0-9]', '', 'g') AS digits FROM contacts"
        " WHERE phone IS NOT NULL) AS given"
    )
    op.execute(
        "INSERT INTO contact_points (id, contact_id, kind, value, normal)"
        " SELECT gen_random_uuid(), id, 'email', email, lower(email) FROM contacts WHERE email IS NOT NULL"
    )
    for column in ("role", "phone", "email", "customer_id"):
        op.execute(f"-- squawk-ignore ban-drop-column\nALTER TABLE contacts DROP COLUMN {column}")
    op.add_column("contacts", sa.Column("romanised", sa.Text(), server_default="", nullable=False))
    for name in ("created_at", "updated_at"):
        op.add_column(
            "contacts",
            sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        )
    op.add_column("contacts", sa.Column("version", sa.Integer(), server_default="1", nullable=False))


def _search() -> None:
    """Before the first release the tables are small: nobody waits for their being written anew."""
    for table in ("customers", "contacts"):
        op.execute(
            "-- squawk-ignore adding-not-nullable-field, adding-field-with-default\n"
            f"ALTER TABLE {table} ADD COLUMN search tsvector NOT NULL"
            " GENERATED ALWAYS AS (search_terms(name, romanised)) STORED"
        )


def _customers() -> None:
    op.add_column("customers", sa.Column("state", sa.String(40), server_default="active", nullable=False))
    op.add_column("customers", sa.Column("tier", sa.Text(), nullable=True))
    op.add_column("customers", sa.Column("romanised", sa.Text(), server_default="", nullable=False))
    op.add_column("customers", sa.Column("team_id", sa.Uuid(), nullable=True))
    op.add_column("customers", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.add_column("customer_addresses", sa.Column("division_code", sa.Text(), nullable=True))
    op.add_column("departments", sa.Column("liaison_id", sa.Uuid(), nullable=True))
    known = ", ".join(f"'{state}'" for state in STATES)
    for table, name, rule in (
        ("customers", "ck_customers_customerstate_known", f"CHECK (state IN ({known}))"),
        (
            "customers",
            "ck_customers_merged_into_another",
            "CHECK (merged_into_id IS NULL OR state = 'merged')",
        ),
        ("customers", "fk_customers_team_id", "FOREIGN KEY (team_id) REFERENCES teams (id)"),
        (
            "customers",
            "fk_customers_merged_into_id",
            "FOREIGN KEY (merged_into_id) REFERENCES customers (id)",
        ),
        ("departments", "fk_departments_liaison_id", "FOREIGN KEY (liaison_id) REFERENCES users (id)"),
    ):
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule} NOT VALID")
