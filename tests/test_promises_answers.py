"""Every role gets from every operation what it may have: an answer, its own fields, and people behind a mask."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app.roles import Role
from tests import answers
from tests.calls import CALLS
from tests.canaries import assert_no_canary
from tests.operations import described, name_of, operations, resolved, schema_named
from tests.policy import MAY, PUBLIC
from tests.statements import STATEMENTS, Statements, heard
from tests.system import System
from tests.world import World

pytestmark = pytest.mark.sweep

OUTSIDE_THE_API = {
    "/.well-known/jwks.json",
    "/docs",
    "/docs/oauth2-redirect",
    "/health/live",
    "/health/ready",
    "/openapi/v1.json",
    "/problems",
    "/problems/{slug}",
    "/redoc",
    "/static-offline-docs",
}
"""Open to everybody, because nothing there is anybody's secret."""


def schemas_in(schema: dict[str, Any]) -> set[str]:
    """The names of all objects that a schema leads to."""
    waiting, seen = [schema], set()
    while waiting:
        each = waiting.pop()
        if (name := name_of(each)) and name not in seen:
            seen.add(name)
            waiting.append(schema_named(name))
        waiting += [*each.get("anyOf", []), *each.get("properties", {}).values()]
        waiting += [each["items"]] if "items" in each else []
    return {name for name in seen if "properties" in schema_named(name)}


def answer_schema(operation: dict[str, Any]) -> dict[str, Any]:
    (good,) = (answer for status, answer in operation["responses"].items() if status.startswith("2"))
    return dict(good.get("content", {}).get("application/json", {}).get("schema", {}))


def fields_in(schema: dict[str, Any], value: Any) -> Iterator[tuple[str, str, Any]]:
    """Walk an answer along its schema: the schema's name, a field and its value, for every field it holds."""
    if isinstance(value, list):
        for each in value:
            yield from fields_in(resolved(schema).get("items", {}), each)
    elif (name := name_of(schema)) and isinstance(value, dict):
        for field, each in value.items():
            yield name, field, each
            yield from fields_in(schema_named(name)["properties"].get(field, {}), each)


def test_the_table_of_calls_names_every_operation_and_no_other(system: System) -> None:
    assert CALLS.keys() == described().keys() == {name for name, _, _ in operations(system)}


def test_the_table_of_fields_names_every_field_of_every_answer_and_no_other() -> None:
    named: set[str] = set()
    for name, operation in described().items():
        for schema in schemas_in(answer_schema(operation)):
            plain, masked = answers.of(schema)
            assert schema_named(schema)["properties"].keys() == plain | masked.keys(), (name, schema)
            named.add(schema.removesuffix("-Output"))
    assert {name for name in named if not name.startswith("Page_")} == answers.FIELDS.keys()


FRESH = {"search_complaints": "waiting_complaint_id"}
"""What must be among the newest."""
NOT_YET = {("PartnerComplaintRegistered", "answer")}
"""What was brought just now is not answered; the same field of one that was is seen in `get_partner_complaint`."""
ONE_MORE: list[tuple[str, str | None]] = [
    ("transfer_customer", "sales"),
    ("take_customer_back", "sales"),
    ("lend_customer", "sales"),
]
"""Sales are asked whether the customer is their own."""


def those_who_ask(name: str, turn: int) -> list[str | None]:
    """Every role that may read it, or one of those that may do it: that each may, `test_access` tells."""
    if name in PUBLIC:
        return [None]
    roles = sorted(MAY[name])
    return [*roles] if described()[name]["method"] == "GET" else [roles[turn % len(roles)]]


async def test_every_role_gets_what_it_may_and_nobody_whole(empty_system: System) -> None:
    """Each operation is called so that it succeeds, and sends as many statements as where much is behind it."""
    world, wrong, miscounted = World(empty_system), [], []
    seen: set[tuple[str, str]] = set()
    await (await world.caller(Role.HR)).get("/v1/users")
    for thing in ("document_id", "raised"):
        await world.thing(thing)
    async with heard(empty_system) as statements:
        for turn, (name, operation) in enumerate(described().items()):
            request = None
            if name in FRESH:
                await world.thing(FRESH[name])
            for role in those_who_ask(name, turn):
                world.acting = role or world.acting
                if operation["method"] != "GET" or request is None or "export" in name:
                    request = await world.request(name)
                answer, sent = await answered(world, statements, role, request)
                assert answer.status_code == CALLS[name].status, (name, role, answer.text)
                due = STATEMENTS[name] + ONE_MORE.count((name, role))
                miscounted += [(name, role, due, sent)] * (len(sent) != due)
                if name not in answers.WHOLE:
                    assert_no_canary(f"{answer.text}{answer.headers}", f"{role}: {name}")
                for schema, field, value in fields_in(answer_schema(operation), told(answer)):
                    wrong += [(name, role, schema, field)] * (not answers.may_be_shown(schema, field, value))
                    seen.update({(schema, field)} if value else ())
    assert wrong == []
    assert miscounted == []
    masked = {(schema, field) for schema in answers.FIELDS for field in answers.of(schema)[1]}
    assert masked - seen - NOT_YET == set(), "nothing was planted there, so nothing is proven"


async def answered(
    world: World, statements: Statements, role: str | None, request: dict[str, Any]
) -> tuple[httpx.Response, list[str]]:
    """The answer, and the statements that it took."""
    caller = await world.caller(role) if role else None
    statements.clear()
    answer = await world.send(caller, request)
    await asyncio.sleep(0)
    return answer, list(statements)


def told(answer: httpx.Response) -> Any:
    is_json = answer.content and answer.headers.get("content-type") == "application/json"
    return answer.json() if is_json else None


def test_what_stands_outside_the_api_is_on_a_literal_list(system: System) -> None:
    paths = {str(route.path) for route in iter_route_contexts(system.app.routes)}
    assert {path for path in paths if not path.startswith("/v1/")} == OUTSIDE_THE_API
