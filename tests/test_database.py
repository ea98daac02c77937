"""The schema is what the models say, and the database is reached however it is spelled."""

import os
import re
import subprocess
import sys
from enum import StrEnum
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from pydantic import ValidationError
from sqlalchemy import CheckConstraint, Enum, make_url, text

from app import models
from app.database import owner_engine, parse
from app.models.base import Base, Stateful
from app.models.code import Code
from app.models.shipment import ShipmentStatus
from app.roles import Role
from app.security import make_key, signing_keys
from app.services import readiness
from app.settings import Settings
from tests.servers import crm
from tests.system import System, running


@pytest.mark.parametrize(
    ("given", "hosts", "rest"),
    [
        ("postgresql://a/crm", "a", {}),
        ("postgres://a:5433/crm", "a", {}),
        ("postgresql+asyncpg://u:p%40ss@a:5433/crm", "a", {}),
        ("postgresql://u@a:5432,b:5433/crm", ("a:5432", "b:5433"), {}),
        ("postgresql://a,b,c/crm?application_name=x", ("a", "b", "c"), {"application_name": "x"}),
        ("postgresql://u@/crm?host=/run/pg&port=5432", "/run/pg", {"port": "5432"}),
    ],
)
def test_a_database_url_is_read_as_libpq_reads_it(given: str, hosts: Any, rest: dict[str, str]) -> None:
    url = parse(given)
    assert url.drivername == "postgresql+asyncpg"
    assert url.database == "crm"
    assert (url.host or url.query["host"]) == hosts
    assert {name: value for name, value in url.query.items() if name != "host"} == rest
    if "@" in given.partition("//")[2] and "p%40" in given:
        assert (url.username, url.password) == ("u", "p@ss")


async def test_of_several_hosts_the_one_that_answers_is_taken(system: System) -> None:
    """A standby that is down, or is only to be read from, is passed over."""
    url = make_url(system.settings.database_url)
    socket = str(url.query["host"])
    several = (
        f"postgresql://{url.username}@/{url.database}?host=/nowhere:5432&host={socket}:{url.query['port']}"
    )
    async with running(several) as other:
        assert await other.scalar("SELECT 1") == 1


async def test_the_migrations_make_exactly_what_the_models_say(template: str) -> None:
    done = alembic("check", template)
    assert "No new upgrade operations detected." in done


async def test_a_second_migration_changes_nothing(empty_system: System) -> None:
    before = await contents(empty_system)
    crm("migrate", url=empty_system.settings.database_url)
    assert await contents(empty_system) == before
    newest = ScriptDirectory.from_config(readiness.alembic_config()).get_current_head()
    assert await empty_system.scalar("SELECT version_num FROM alembic_version") == newest


def test_a_database_is_behind_at_every_migration_but_the_newest() -> None:
    scripts = ScriptDirectory.from_config(readiness.alembic_config())
    every = {script.revision for script in scripts.walk_revisions()}
    assert readiness.outgrown() == every - {*scripts.get_heads()}


async def contents(system: System) -> Any:
    return await system.scalar(
        "SELECT md5(string_agg(line, '' ORDER BY line)) FROM ("
        " SELECT c::text AS line FROM codes c UNION ALL SELECT r::text FROM exception_reasons r"
        " UNION ALL SELECT s::text FROM carrier_sources s UNION ALL SELECT k::text FROM carrier_codes k"
        " UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS lines"
    )


def alembic(verb: str, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(readiness.alembic_config().config_file_name), verb],
        env=os.environ | {"CRM_DATABASE_URL": url},
        text=True,
        capture_output=True,
        check=False,
    )
    return done.stdout + done.stderr


CHOICES = [
    (column.table.name, column.name, column.type.enum_class)
    for table in Base.metadata.tables.values()
    for column in table.columns
    if isinstance(column.type, Enum)
]


@pytest.mark.parametrize(("table", "column", "enum"), CHOICES)
async def test_the_database_knows_every_member_of_an_enum_and_no_other_word(
    system: System, table: str, column: str, enum: type[StrEnum]
) -> None:
    """Alembic does not see a new member; this does."""
    rule = await system.scalar(
        "SELECT string_agg(pg_get_constraintdef(oid), ' ') FROM pg_constraint"
        " WHERE conrelid = to_regclass(:table) AND contype = 'c' AND conname LIKE :name",
        table=table,
        name=f"%{enum.__name__.lower()}_known",
    )
    assert rule is not None
    assert column in rule
    assert set(re.findall(r"'([^']+)'", rule)) == {member.value for member in enum}


def test_every_column_of_an_enum_is_held_by_a_constraint() -> None:
    assert len(CHOICES) >= 15
    for table in Base.metadata.tables.values():
        checked = " ".join(str(rule.name) for rule in table.constraints if isinstance(rule, CheckConstraint))
        for column in table.columns:
            if isinstance(column.type, Enum):
                assert str(column.type.name).removesuffix("_known") in checked


STATEFUL = sorted(
    (mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Stateful)),
    key=lambda model: model.__name__,
)


@pytest.mark.parametrize("model", STATEFUL)
def test_every_state_stands_in_its_graph_and_can_be_reached(model: Any) -> None:
    enum = model.__table__.c.state.type.enum_class
    states = set(enum)
    assert set(model.transitions) == states
    reachable = {model.__table__.c.state.default.arg}
    for _ in states:
        reachable |= {to for state in reachable for to in model.transitions[state]}
    assert reachable == states
    assert any(not following for following in model.transitions.values())


def test_everything_stateful_is_looked_at() -> None:
    assert {model.__name__ for model in STATEFUL} == {
        "ClockWaiver",
        "Complaint",
        "ComplaintClosing",
        "Customer",
        "DeliveryException",
        "Document",
        "Export",
        "FollowUp",
        "Job",
        "LeakIncident",
        "Order",
        "PrivacyRequest",
        "Proposal",
        "Task",
    }
    assert models.Base is Base


async def test_every_word_of_an_enum_that_people_see_has_its_labels(system: System) -> None:
    for name, words in (("shipment_status", ShipmentStatus), ("role", Role)):
        async with system.database.sessions() as session:
            rows = await session.execute(
                text("SELECT code, zh, en FROM codes WHERE list = :list"), {"list": name}
            )
        labels = {code: (zh, en) for code, zh, en in rows}
        assert set(labels) >= {word.value for word in words}
        assert all(zh and en and zh != en for zh, en in labels.values()), name
    assert Code.__tablename__ == "codes"


async def test_the_application_owns_no_table_and_sees_past_no_policy(system: System) -> None:
    owned = "SELECT count(*) FROM pg_class JOIN pg_roles r ON r.oid = relowner WHERE rolname = current_user"
    assert await system.scalar(owned) == 0
    might = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    assert await system.scalar(might) is False


async def test_a_hung_statement_is_ended(system: System) -> None:
    milliseconds = await system.scalar(
        "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'"
    )
    assert milliseconds == 15_000


async def test_every_table_of_customers_leads_its_key_with_the_customer(system: System) -> None:
    """So that the tables can be spread over servers by customer."""
    assert system.settings.pool_size
    for name in ("orders", "shipments", "shipment_legs", "tracking_events", "delivery_exceptions"):
        key = [column.name for column in Base.metadata.tables[name].primary_key]
        assert key[0] == "customer_id", name


GOOD = {
    "database_url": "postgresql://a/crm",
    "signing_keys": make_key(),
    "cursor_secret": "x" * 32,
    "vault_key": "y" * 32,
}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cursor_secret": "too-short-a-secret"}, "cursor_secret"),
        ({"cursor_secret": ""}, "cursor_secret"),
        ({"vault_key": "too-short-a-secret"}, "vault_key"),
        ({"signing_keys": ""}, "signing_keys"),
        ({"signing_keys": "too-short-a-secret"}, "signing_keys"),
        ({"signing_keys": make_key() * 3}, "signing_keys"),
        ({"pool_size": 0}, "pool_size"),
        ({"statement_timeout_s": -1}, "statement_timeout_s"),
        ({"log_level": "LOUD"}, "log_level"),
    ],
)
def test_settings_that_are_unsafe_are_refused_by_name_and_without_the_value(
    wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**GOOD | wrong)
    assert refused.value.errors()[0]["loc"] == (field,)
    assert "too-short-a-secret" not in str(refused.value)


def test_a_key_that_was_damaged_is_refused() -> None:
    lines = make_key().splitlines()
    lines[1] = lines[1][::-1]
    with pytest.raises(ValueError, match=r"\w"):
        signing_keys("\n".join(lines))


def test_secrets_show_in_no_repr() -> None:
    settings = Settings(**GOOD)  # type: ignore[arg-type]
    assert GOOD["cursor_secret"] not in repr(settings)
    assert GOOD["vault_key"] not in repr(settings)
    assert "PRIVATE KEY" not in repr(settings)


async def test_the_owner_of_the_tables_is_another_login_where_one_is_given(system: System) -> None:
    engine = owner_engine(system.settings)
    async with engine.connect() as connection:
        owner = await connection.scalar(text("SELECT current_user"))
    await engine.dispose()
    assert (owner, await system.scalar("SELECT current_user")) == ("crm_owner", "crm_app")
