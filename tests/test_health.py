"""Whether the system lives and whether it can serve, as an orchestrator asks; and its offline pages."""

import re

import pytest
from sqlalchemy import text

from app.roles import Role
from tests.owner import owner
from tests.system import System, a_customer, running

WELL = {"status": "ready", "database": "ok", "migrations": "current", "worker": "alive"}


async def beat(system: System, seconds_ago: int) -> None:
    async with system.database.sessions.begin() as session:
        await session.execute(text("DELETE FROM worker_heartbeats"))
        await session.execute(
            text("INSERT INTO worker_heartbeats VALUES ('w', now() - :ago * interval '1 second')"),
            {"ago": seconds_ago},
        )


async def test_a_process_that_runs_is_alive(system: System) -> None:
    answer = await system.http.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_it_is_ready_while_a_worker_is_heard(empty_system: System) -> None:
    await beat(empty_system, 20)
    answer = await empty_system.http.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, WELL)


async def test_it_is_not_ready_when_no_worker_was_heard_for_half_a_minute(empty_system: System) -> None:
    for prepare in (None, 31):
        if prepare is not None:
            await beat(empty_system, prepare)
        answer = await empty_system.http.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json() == WELL | {"status": "not ready", "worker": "silent"}


async def test_it_is_not_ready_when_a_migration_is_missing(empty_system: System) -> None:
    await beat(empty_system, 0)
    async with owner(empty_system) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '20261121_first_light'")
    answer = await empty_system.http.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == WELL | {"status": "not ready", "migrations": "behind"}


@pytest.mark.usefixtures("template")
async def test_it_is_not_ready_without_its_database() -> None:
    async with running("postgresql://nobody@127.0.0.1:1/nowhere") as lost:
        answer = await lost.http.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["database"] == "unreachable"
        assert (await lost.http.get("/health/live")).status_code == 200


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_the_pages_of_the_api_need_nothing_from_outside(system: System, page: str) -> None:
    html = (await system.http.get(page)).text
    places = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", html) + re.findall(
        r"""spec-url=["']([^"']+)["']""", html
    )
    assert "/openapi/v1.json" in places
    assert len(places) >= 3
    for place in places:
        assert place.startswith("/")
        assert not place.startswith("//")
        assert (await system.http.get(place)).status_code == 200
    assert "://" not in re.sub(r"<!--.*?-->", "", html)


async def test_every_authenticated_answer_forbids_to_keep_it(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    customer = await a_customer(system)
    path = f"/v1/customers/{customer['id']}"
    for answer in (
        await marketing.get(path),
        await marketing.get("/v1/customers"),
        await marketing.get(path, headers={"If-None-Match": '"1"'}),
        await marketing.get("/v1/me"),
        await marketing.get("/v1/users"),
        await marketing.get("/v1/nowhere"),
        await marketing.post("/v1/customers", {}),
        await (await system.partner(customer["id"])).get("/v1/partner/shipments?tracking_no=SF1"),
        await system.http.post(
            "/v1/auth/token", data={"grant_type": "password", "username": "x", "password": "y"}
        ),
        await system.http.post("/v1/auth/revoke", data={"token": "x"}),
    ):
        assert answer.headers["cache-control"] == "no-store", answer.request.url


async def test_an_older_process_stays_ready_while_a_newer_migration_runs(empty_system: System) -> None:
    await beat(empty_system, 0)
    async with owner(empty_system) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '20991231_to_come'")
    assert (await empty_system.http.get("/health/ready")).json() == WELL
