"""Whatever a partner calls, with whatever parameters, it learns nothing of another partner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.roles import Role
from tests.owner import owner
from tests.policy import MAY
from tests.system import Caller, System, a_number
from tests.walls import WALLED, a_parcel_in_trouble, without_row_level_security, without_the_filter
from tests.world import Book, World

LOOK_UP = "/v1/partner/shipments"
OWN = {
    "look_up_shipments",
    "list_partner_complaints",
    "create_partner_complaint",
    "get_partner_complaint",
    "add_partner_complaint_message",
    "accept_partner_complaint",
    "reject_partner_complaint",
}
"""What a partner may call; of complaints, see tests/test_partner_complaints.py."""
WORDS = ("金丝雀仓库", "鹦鹉螺码头")

OF_A_CUSTOMER = """
    SELECT id::text FROM orders WHERE customer_id = $1 UNION ALL
    SELECT number FROM orders WHERE customer_id = $1 UNION ALL
    SELECT id::text FROM shipments WHERE customer_id = $1 UNION ALL
    SELECT id::text FROM delivery_exceptions WHERE customer_id = $1 UNION ALL
    SELECT id::text FROM tracking_events WHERE customer_id = $1 UNION ALL
    SELECT number FROM tracking_numbers WHERE customer_id = $1 UNION ALL
    SELECT id::text FROM customers WHERE id = $1 UNION ALL
    SELECT code FROM customers WHERE id = $1
"""


class Side:
    """A partner with a customer and a parcel of its own; `secrets` is what only it may see."""

    def __init__(self, world: World, partner: Caller, word: str, number: str, secrets: set[str]) -> None:
        self.world, self.partner, self.word, self.number = world, partner, word, number
        self.secrets = secrets

    @classmethod
    async def make(cls, system: System, word: str) -> "Side":
        world = World(system, owned=False)
        home = await world.home_id()
        await world.handed_order_id()
        number = await a_parcel_in_trouble(system, home, word)
        partner = await world.caller(Role.PARTNER)
        return cls(world, partner, word, number, await secrets_of(world) | {word, partner.id})


async def secrets_of(world: World) -> set[str]:
    """Everything by which one might recognise what belongs to the world's customer."""
    async with owner(world.system) as connection:
        return {row[0] for row in await connection.fetch(OF_A_CUSTOMER, await world.home_id())}


async def two_sides(system: System) -> tuple[Side, Side]:
    first, second = [await Side.make(system, word) for word in WORDS]
    return first, second


def leaks(answer: httpx.Response, secrets: set[str], sent: Any) -> list[str]:
    """What the answer tells of somebody else that the request did not say itself."""
    told = f"{answer.text} {answer.headers} {answer.status_code}"
    return [secret for secret in secrets if secret in told and secret not in f"{sent}"]


def wide(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


async def look_ups(ours: Side, theirs: Side) -> AsyncIterator[tuple[httpx.Response, Any]]:
    """The look-up with every parameter and header there is, also such as are refused."""
    own, foreign, nowhere = ours.number, theirs.number, a_number()
    numbers: tuple[list[str], ...] = (
        [foreign],
        [own, foreign],
        [foreign, own, nowhere, foreign],
        [foreign.lower(), wide(foreign), f" {foreign}", f"{foreign}%", foreign[:-1], "%", "_" * len(foreign)],
        [own, *(a_number() for _ in range(38)), foreign],
        [foreign] * 40,
        [foreign] * 41,
        [f"{foreign}\0"],
        [],
    )
    headers: tuple[dict[str, str], ...] = (
        {"Accept-Language": "zh"},
        {"Accept-Language": "en"},
        {"If-None-Match": "*", "Range": "bytes=0-9", "X-Request-ID": uuid4().hex},
    )
    for asked in numbers:
        for header in headers:
            yield await ours.partner.get(LOOK_UP, params={"tracking_no": asked}, headers=header), asked
    for extra in ("customer_id", "limit", "cursor", "count", "include"):
        query = {"tracking_no": foreign, extra: await theirs.world.home_id()}
        yield await ours.partner.get(LOOK_UP, params=query), query


async def crawl(ours: Side, theirs: Side) -> list[str]:
    found = []
    async for answer, sent in look_ups(ours, theirs):
        found += leaks(answer, theirs.secrets, sent)
        assert answer.status_code in {200, 422}, answer.text
    return found


@asynccontextmanager
async def walls(system: System, standing: str) -> AsyncIterator[None]:
    if standing in {"row-level security", "neither"}:
        await without_the_filter(system)
    if standing in {"the filter", "neither"}:
        await without_row_level_security(system, *WALLED)
    yield


@pytest.mark.parametrize("standing", ["both walls", "row-level security", "the filter"])
async def test_a_partner_never_sees_anything_of_the_other(empty_system: System, standing: str) -> None:
    sides = await two_sides(empty_system)
    async with walls(empty_system, standing):
        assert await crawl(*sides) == []


async def test_the_crawl_would_see_through_walls_that_are_down(empty_system: System) -> None:
    sides = await two_sides(empty_system)
    async with walls(empty_system, "neither"):
        assert sides[1].word in await crawl(*sides)


async def test_nothing_else_answers_a_partner_whatever_it_asks_for(book: Book) -> None:
    """Asked for another's things with what would succeed for somebody else."""
    assert {name for name, roles in MAY.items() if Role.PARTNER in roles} == OWN
    partner = (await Side.make(book.world.system, WORDS[0])).partner
    secrets = await secrets_of(book.world)
    for name in MAY.keys() - OWN:
        request = book.entries[name][1]
        for headers in ({}, {"If-None-Match": "*", "Accept-Language": "en"}):
            sent = request | {"headers": request["headers"] | headers}
            answer = await book.world.send(partner, sent)
            assert answer.status_code == 404, (name, answer.text)
            assert "etag" not in answer.headers
            assert leaks(answer, secrets, sent) == [], name
            assert answer.json().keys() == {"type", "title", "status", "detail", "instance", "trace_id"}


async def test_partners_with_the_same_data_get_the_same_answers(system: System) -> None:
    """Word for word, but for their own number and their own word."""
    answers = []
    for side in await two_sides(system):
        answer = await side.partner.get(LOOK_UP, params={"tracking_no": [side.number, "NOBODY1"]})
        text = answer.text.replace(side.number, "NUMBER").replace(side.word, "WORD")
        answers.append(httpx.Response(200, text=text).json())
    for item in (item for answer in answers for item in answer["items"]):
        times = {name for name in item if name.endswith("_at")}
        for place in (item, item["exception"], *item["events"]):
            place.update({name: "TIME" for name in times | {"occurred_at", "opened_at"} if place.get(name)})
    assert answers[0] == answers[1]
    assert "WORD" in str(answers[0])
