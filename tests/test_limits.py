"""How much a client may ask, and that beyond it nothing is done."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text

from app.roles import Role
from app.settings import Settings
from tests.system import Caller, System, a_customer, a_number, an_event, running


@pytest.fixture
async def limited(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    """A system with the limits that it is delivered with; their clock stands still, however slow the machine."""
    monkeypatch.setattr("app.routers.limits.monotonic", lambda: 1000.0)
    delivered = {name: Settings.model_fields[name].default for name in ("partner_rate", "dispatch_rate")}
    async with running(empty_database, **delivered, staff_rate=50) as system:
        yield system


async def ask(caller: Caller, path: str, times: int) -> list[httpx.Response]:
    return [await caller.get(path) for _ in range(times)]


LOOK_UP = "/v1/partner/shipments?tracking_no=SF1"


async def test_a_partner_may_burst_forty_requests_and_then_waits(limited: System) -> None:
    partner = await limited.partner((await a_customer(limited))["id"])
    answers = await ask(partner, LOOK_UP, 41)
    assert [answer.status_code for answer in answers] == [200] * 40 + [429]
    assert [int(answer.headers["ratelimit-remaining"]) for answer in answers] == [*range(39, -1, -1), 0]
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert refused.headers["ratelimit-limit"] == "40"
    assert 1 <= int(refused.headers["retry-after"]) <= 4
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]


async def test_dispatch_may_burst_four_hundred_requests_and_nothing_beyond_is_done(limited: System) -> None:
    dispatch = await limited.as_role(Role.DISPATCH)
    answers = [await dispatch.post("/v1/tracking-events", an_event(a_number())) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {202}
    assert answers[-1].headers["ratelimit-remaining"] == "390"
    for _ in range(390):
        assert (await dispatch.post("/v1/tracking-events", {})).status_code == 422
    refused = await dispatch.post("/v1/tracking-events", an_event(a_number()))
    assert (refused.status_code, refused.headers["ratelimit-limit"]) == (429, "400")
    assert await limited.scalar("SELECT count(*) FROM parked_events") == 10


async def test_staff_have_a_rate_too_and_errors_tell_of_it(limited: System) -> None:
    marketing = await limited.as_role(Role.MARKETING)
    for status, answer in (
        (200, await marketing.get("/v1/customers")),
        (404, await marketing.get("/v1/customers/00000000-0000-7000-8000-000000000000")),
        (422, await marketing.post("/v1/customers", {})),
        (403, await marketing.get("/v1/users")),
    ):
        assert answer.status_code == status
        assert answer.headers["ratelimit-limit"] == "200"
    assert answer.headers["ratelimit-remaining"] == "196"


async def test_callers_do_not_share_a_rate(limited: System) -> None:
    customer = (await a_customer(limited))["id"]
    one, two = await limited.partner(customer), await limited.partner(customer)
    assert (await ask(one, LOOK_UP, 41))[-1].status_code == 429
    assert (await two.get(LOOK_UP)).status_code == 200


async def test_whoever_waits_as_told_gets_in_again(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window is shortened, so that the wait is."""
    monkeypatch.setattr("app.routers.limits.WINDOW", 1)
    async with running(empty_database, partner_rate=3) as system:
        partner = await system.partner((await a_customer(system))["id"])
        refused = (await ask(partner, LOOK_UP, 4))[-1]
        assert refused.status_code == 429
        await asyncio.sleep(int(refused.headers["retry-after"]))  # what is promised to be long enough
        assert (await partner.get(LOOK_UP)).status_code == 200


async def test_how_much_at_the_same_time_is_limited_apart_from_the_rate(empty_database: str) -> None:
    """Two are held up in the database; the third is refused, and gets in when they are done."""
    async with running(empty_database, concurrency=2) as system:
        one, two = await system.staff(Role.MARKETING), await system.staff(Role.MARKETING)
        async with system.database.sessions.begin() as blocker:
            await blocker.execute(text("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE"))
            held = [asyncio.create_task(one.get("/v1/customers")) for _ in range(2)]
            await until_waiting(system, 2)
            refused = await one.get("/v1/customers")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            other = asyncio.create_task(two.get("/v1/customers"))
            await until_waiting(system, 3)
        assert [answer.status_code for answer in await asyncio.gather(*held, other)] == [200] * 3
        assert (await one.get("/v1/customers")).status_code == 200


async def until_waiting(system: System, many: int) -> None:
    statement = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with asyncio.timeout(60):
        while await system.scalar(statement) < many:  # noqa: ASYNC110  # the database rings no bell
            await asyncio.sleep(0.01)


async def test_a_refusal_leaves_no_place_taken(empty_database: str) -> None:
    async with running(empty_database, concurrency=1) as system:
        marketing = await system.as_role(Role.MARKETING)
        for _ in range(3):
            assert (await marketing.post("/v1/customers", {})).status_code == 422
            assert (await marketing.get("/v1/users")).status_code == 403
        assert (await marketing.get("/v1/customers")).status_code == 200
        assert not system.app.state.limits._under_way


async def test_without_a_token_nobody_uses_up_anybodys_rate(limited: System) -> None:
    partner = await limited.partner((await a_customer(limited))["id"])
    forged = Caller(limited.http, partner.principal, partner.token[:-4] + "AAAA")
    assert {answer.status_code for answer in await ask(forged, LOOK_UP, 50)} == {401}
    assert (await partner.get(LOOK_UP)).headers["ratelimit-remaining"] == "39"


async def test_clients_that_went_quiet_are_forgotten(
    limited: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = limited.app.state.limits
    monkeypatch.setattr("app.routers.limits.REMEMBERED", 2)
    for _ in range(4):
        await (await limited.staff(Role.MARKETING)).get("/v1/customers")
    assert len(limits._taken) == 4
    monkeypatch.setattr("app.routers.limits.monotonic", lambda: 1004.0)
    await (await limited.as_role(Role.MARKETING)).get("/v1/customers")
    assert len(limits._taken) == 1
