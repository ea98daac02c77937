"""Every kind of error, from every operation where it can happen, has the one shape."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.roles import Role
from app.routers.problem_types import catalogue
from tests.operations import body_schema, described, parameters, path_to_nothing
from tests.owner import owner
from tests.policy import MAY
from tests.shapes import faults
from tests.system import System, running
from tests.world import Book

pytestmark = pytest.mark.sweep

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
LARGEST = 1024 * 1024
"""Bytes of a body; files have a limit of their own, see test_imports.py."""
MAKES_WHAT_IS_NOT_THERE = {"put_import_mapping"}


@asynccontextmanager
async def judged(status: int, slug: str) -> AsyncIterator[Any]:
    """Gather answers by operation; afterwards none of them may have a fault, and there must be some."""
    answers: dict[str, httpx.Response] = {}
    yield answers
    assert answers
    assert {name: found for name, each in answers.items() if (found := faults(each, status, slug))} == {}


def takes_json(name: str) -> bool:
    return body_schema(described()[name]) is not None


async def test_401_without_a_token(book: Book) -> None:
    async with judged(401, "unauthenticated") as answers:
        for name in MAY:
            answers[name] = await book.world.send(None, book.entries[name][1])


async def test_403_without_the_scope_and_404_for_partners(book: Book) -> None:
    async with judged(403, "forbidden") as forbidden, judged(404, "not-found") as hidden:
        for name, allowed in MAY.items():
            _, request = book.entries[name]
            other = min({role.value for role in Role} - allowed - {Role.PARTNER})
            forbidden[name] = await book.world.send(await book.world.caller(other), request)
            if Role.PARTNER not in allowed:
                hidden[name] = await book.world.send(await book.world.caller(Role.PARTNER), request)


async def test_404_where_there_is_nothing(book: Book) -> None:
    async with judged(404, "not-found") as answers:
        for name, operation in described().items():
            if parameters(operation, "path") and name not in MAKES_WHAT_IS_NOT_THERE:
                answers[name] = await book.ask(name, path=path_to_nothing(operation))


async def test_405_for_a_method_that_a_path_does_not_have(book: Book) -> None:
    async with judged(405, "method-not-allowed") as answers:
        for name, operation in described().items():
            here = {each["method"] for each in described().values() if each["path"] == operation["path"]}
            other = next(each for each in ("DELETE", "PUT", "PATCH") if each not in here)
            answers[name] = await book.ask(name, method=other)


async def test_413_for_a_body_beyond_the_limit(book: Book) -> None:
    large = {"json": None, "data": None, "content": b" " * (LARGEST + 1)}
    async with judged(413, "too-large") as answers:
        for name, operation in described().items():
            for kind in {*operation.get("requestBody", {}).get("content", {})} - {"multipart/form-data"}:
                answers[name] = await book.ask(name, headers={"Content-Type": kind}, **large)


async def test_415_for_a_body_that_is_not_json(book: Book) -> None:
    async with judged(415, "unsupported-media-type") as answers:
        for name in filter(takes_json, described()):
            answers[name] = await book.ask(name, json=None, content=b"{}")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b'{"a":1,"a":2}', b"{"])
async def test_422_for_a_body_that_is_no_object_or_no_json(book: Book, body: bytes) -> None:
    spoilt = {"json": None, "content": body, "headers": {"Content-Type": "application/json"}}
    async with judged(422, "validation") as answers:
        for name in filter(takes_json, described()):
            answers[name] = await book.ask(name, **spoilt)


async def test_422_for_an_id_that_is_none(book: Book) -> None:
    async with judged(422, "validation") as answers:
        for name, operation in described().items():
            places = parameters(operation, "path")
            if any(schema.get("format") == "uuid" for schema in places.values()):
                answers[name] = await book.ask(
                    name, path=operation["path"].format(**dict.fromkeys(places, "x"))
                )


async def test_422_for_every_parameter_of_a_query_that_is_typed(book: Book) -> None:
    async with judged(422, "validation") as answers:
        for name, operation in described().items():
            for parameter, schema in parameters(operation, "query").items():
                if "maxLength" not in str(schema):
                    query = {**book.entries[name][1]["params"], parameter: "!"}
                    answers[f"{name} {parameter}"] = await book.ask(name, params=query)


async def test_428_without_the_tag_and_412_with_an_old_one(book: Book) -> None:
    changing = [name for name, each in described().items() if "if-match" in parameters(each, "header")]
    assert {described()[name]["method"] for name in changing} == {"PATCH"}
    async with judged(428, "precondition-required") as without, judged(412, "stale") as stale:
        for name in changing:
            caller, request = book.entries[name]
            without[name] = await book.world.send(caller, request | {"headers": {}})
            stale[name] = await book.ask(name, headers={"If-Match": '"99"'})


async def test_429_for_whoever_asks_too_much(book: Book) -> None:
    url = book.world.system.settings.database_url
    async with running(url, concurrency=0) as busy, judged(429, "too-many-requests") as answers:
        for name in MAY:
            answers[name] = await book.ask_at(busy, name)


async def test_503_without_a_database(book: Book) -> None:
    async with running(NOWHERE) as lost, judged(503, "unavailable") as answers:
        for name in described():
            answers[name] = await book.ask_at(lost, name)


async def test_500_for_what_nobody_foresaw(book: Book, empty_system: System) -> None:
    """This database has lost a function and tables that are always asked."""
    async with owner(empty_system) as connection:
        await connection.execute("ALTER FUNCTION admit RENAME TO admitted")
        for table in ("sign_in_failures", "refresh_tokens", "confirmation_links"):
            await connection.execute(f"DROP TABLE {table}")
    async with judged(500, "internal") as answers:
        for name in described():
            answers[name] = await book.ask_at(empty_system, name)


JUDGED_HERE = {
    "unauthenticated",
    "forbidden",
    "not-found",
    "method-not-allowed",
    "too-large",
    "unsupported-media-type",
    "validation",
    "stale",
    "precondition-required",
    "too-many-requests",
    "unavailable",
    "internal",
}
JUDGED_ELSEWHERE = {
    "bad-request",  # a form that can't be read
    "conflict",  # test_promises_rows.py
    "duplicate",  # test_duplicates.py
    "no-working-time",  # test_calendars.py
    "idempotency-key-reused",  # test_promises_rows.py
    "illegal-transition",  # test_promises_states.py
    "sign-in-failed",  # test_promises_rows.py
}


def test_every_type_of_problem_is_judged_somewhere() -> None:
    assert catalogue().keys() == JUDGED_HERE | JUDGED_ELSEWHERE
