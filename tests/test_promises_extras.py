"""What nobody asked for is refused, in every body at every depth and in every query."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.calls import CALLS, ITEMS
from tests.operations import body_schema, described, resolved, schema_named
from tests.system import System
from tests.world import Book, World

pytestmark = pytest.mark.sweep

ANYTHING = {"attributes"}
"""Whatever a sender wants kept."""

EXTRA = "unheard_of"


def with_extra(schema: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """For every object in a body of this schema: a body with one member too many there, and where that is."""
    schema = resolved(schema)
    if schema.get("type") == "array":
        yield from (([body], f"/0{pointer}") for body, pointer in with_extra(schema["items"]))
    elif "properties" in schema:
        yield {EXTRA: 1}, f"/{EXTRA}"
        for name, inner in schema["properties"].items():
            for body, pointer in with_extra(inner):
                yield {name: body}, f"/{name}{pointer}"
    elif "propertyNames" in schema:
        yield {EXTRA: []}, f"/{EXTRA}"
    elif schema.get("type") == "object":
        raise AssertionError(f"an object that takes anything: {schema}")


def extras(schema: dict[str, Any]) -> list[tuple[Any, str]]:
    closed = {field: each for field, each in schema.get("properties", {}).items() if field not in ANYTHING}
    return list(with_extra(schema | {"properties": closed})) if closed else []


async def test_a_member_too_many_is_refused_in_every_body_at_every_depth(book: Book) -> None:
    wrong, tried = [], set()
    for name, operation in described().items():
        for body, pointer in extras(body_schema(operation) or {}):
            answer = await book.ask(name, json=body)
            found = [each["pointer"] for each in answer.json().get("errors", [])]
            wrong += [(name, pointer, found)] * (answer.status_code != 422 or f"/body{pointer}" not in found)
            tried.add(pointer)
    assert wrong == []
    assert tried >= {f"/contacts/0/{EXTRA}", f"/parcels/0/destination/{EXTRA}", f"/recipient/address/{EXTRA}"}


@pytest.mark.parametrize("name", ITEMS)
async def test_a_member_too_many_is_refused_in_every_item_of_a_batch(book: Book, name: str) -> None:
    tried = extras(schema_named(ITEMS[name]))
    answer = await book.ask(name, json={"items": [item for item, _ in tried]})
    for result, (_, pointer) in zip(answer.json()["results"], tried, strict=True):
        assert result["result"] == "rejected"
        where = f"/body/items/{result['index']}{pointer}"
        assert where in [each["pointer"] for each in result["problem"]["errors"]]


def test_every_batch_is_looked_into_item_by_item() -> None:
    batches = {name for name, each in described().items() if each["path"].endswith("/batch")}
    assert batches == ITEMS.keys()


async def test_a_parameter_that_nobody_knows_is_refused_in_every_query(book: Book) -> None:
    wrong = []
    for name, (_, request) in book.entries.items():
        answer = await book.ask(name, params={**request["params"], EXTRA: "1"})
        found = [each["pointer"] for each in answer.json().get("errors", [])]
        wrong += [(name, found)] * (answer.status_code != 422 or found != [f"/query/{EXTRA}"])
    assert wrong == []


async def test_the_forms_of_rfc_6749_alone_pass_over_what_they_do_not_know(system: System) -> None:
    """Section 3.2: the server must ignore parameters that it does not recognise."""
    world = World(system)
    forms = {name for name, call in CALLS.items() if call.form is not None and call.file is None}
    assert forms == {"create_token", "revoke_token"}
    for name in forms:
        request = await world.request(name)
        answer = await world.send(None, request | {"data": request["data"] | {EXTRA: "1"}})
        assert answer.status_code == 200, (name, answer.text)
