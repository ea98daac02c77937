"""What docs/ says of metrics, roles, rights and keys is what the code and the database say."""

import re
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.roles import ROLE_SCOPES
from app.routers.metrics import FROM_THE_DATABASE
from tests.owner import execute, owner
from tests.system import System, running

DOCS = Path(__file__).parent.parent / "docs"
OPERATIONS, SECURITY, SCALE = (
    (DOCS / f"{name}.md").read_text("utf-8") for name in ("operations", "security", "scale")
)
TOKEN = "a-token-of-the-tests-for-prometheus-0002"

KINDS = {"p": "primary", "u": "unique", "f": "foreign", "x": "exclusion"}
KEYS = """
    SELECT c.conrelid::regclass::text, c.contype::text, ARRAY(
        SELECT attname::text FROM unnest(c.conkey) WITH ORDINALITY AS part (number, position)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = part.number ORDER BY position)
    FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
    WHERE c.contype IN ('p', 'u', 'f', 'x') AND NOT r.relispartition
      AND r.relnamespace = 'public'::regnamespace
      AND (r.relname = 'customers' OR EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attname = 'customer_id'))
"""
RIGHTS = """
    SELECT relname::text, relispartition,
        has_table_privilege('crm_app', oid, 'SELECT'), has_table_privilege('crm_app', oid, 'INSERT'),
        has_table_privilege('crm_app', oid, 'UPDATE'), has_table_privilege('crm_app', oid, 'DELETE'),
        has_any_column_privilege('crm_partner', oid, 'SELECT'),
        has_table_privilege('crm_partner', oid, 'SELECT, INSERT, UPDATE, DELETE')
    FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
"""


def table(text: str, heading: str) -> list[list[str]]:
    """The cells of the table whose first row is `heading`."""
    rows = text.split(f"{heading}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- Metrics ------------------------------------------------------------------------------------------


async def exported(system: System) -> set[str]:
    """Every sample's name of a system in which everything has a value."""
    await execute(system, "INSERT INTO worker_heartbeats (name) VALUES ('somebody') ON CONFLICT DO NOTHING")
    async with running(system.settings.database_url, metrics_token=SecretStr(TOKEN)) as watched:
        await watched.http.get("/health/live")
        answer = await watched.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    families = list(text_string_to_metric_families(answer.text))
    return {family.name for family in families} | {
        each.name for family in families for each in family.samples
    }


async def test_every_metric_is_explained_and_none_is_made_up(empty_system: System) -> None:
    names = {name for name in await exported(empty_system) if name.startswith("crm_")}
    assert {f"crm_{name}" for name in FROM_THE_DATABASE} <= names
    told = set(re.findall(r"(?<![\w.])crm_[a-z_]+", OPERATIONS.split("## Metrics\n")[1].split("\n## ")[0]))
    tables = "".join(re.findall(r"^\|.*", OPERATIONS, re.MULTILINE))
    derived = {name for name in names if name.endswith(("_bucket", "_count", "_sum", "_created"))}
    assert told - names == set()
    assert {name for name in names - derived if f"`{name}" not in tables} == set()


async def test_every_alarm_stands_on_metrics_that_exist(empty_system: System) -> None:
    (block,) = [each for each in re.findall(r"```yaml\n(.*?)```", OPERATIONS, re.DOTALL) if "alert:" in each]
    (group,) = yaml.safe_load(block)["groups"]
    assert len(group["rules"]) > 8
    names = await exported(empty_system) | {"up"}
    for rule in group["rules"]:
        used = set(re.findall(r"\b(?:crm|process)_\w+|\bup\b", rule["expr"]))
        assert used, rule["alert"]
        assert used - names == set(), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


# --- Security -----------------------------------------------------------------------------------------


def test_the_table_of_roles_is_the_policy() -> None:
    told = {quoted(role)[0]: set(quoted(scopes)) for role, scopes in table(SECURITY, "| role | scopes |")}
    assert told == {role.value: {scope.value for scope in scopes} for role, scopes in ROLE_SCOPES.items()}


async def test_the_table_of_rights_is_what_postgresql_grants(system: System) -> None:
    told: dict[str, tuple[str, str]] = {}
    others = ("", "")
    for names, app, partner in table(SECURITY, "| tables | `crm_app` | `crm_partner` |"):
        told |= dict.fromkeys(quoted(names), (app, partner))
        others = (app, partner) if names == "all others" else others
    async with owner(system) as connection:
        rows = await connection.fetch(RIGHTS)
    for name, is_partition, *may, partner_sees, partner_may_more in rows:
        verbs = [
            verb for verb, granted in zip(("read", "add", "change", "delete"), may, strict=True) if granted
        ]
        found = (", ".join(verbs), "read some columns" if partner_sees else "")
        assert found == (("", "") if is_partition else told.pop(name, others)), name
        assert not partner_may_more, name
    assert told == {}


# --- Scale --------------------------------------------------------------------------------------------


async def keys_of_customers(system: System) -> set[tuple[str, str, str, str]]:
    """Table, kind, columns, and whether they hold the customer, of every key of what belongs to customers."""
    async with owner(system) as connection:
        rows = await connection.fetch(KEYS)
    return {
        (name, KINDS[kind], ", ".join(columns), "yes" if "customer_id" in columns else "no")
        for name, kind, columns in rows
    }


async def test_the_table_of_keys_is_the_catalogue(system: System) -> None:
    rows = table(SCALE, "| table | kind | columns | holds `customer_id` |")
    told = {(quoted(name)[0], kind, quoted(columns)[0], holds) for name, kind, columns, holds in rows}
    assert told == await keys_of_customers(system)
