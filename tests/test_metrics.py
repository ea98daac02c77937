"""What Prometheus reads: true counts, few series, no word of anybody's, and an answer while the database is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi.routing import iter_route_contexts
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from app.roles import Role
from app.routers import metrics
from app.routers.metrics import METHODS
from app.services import backlog
from app.settings import Settings
from tests.owner import execute, owner
from tests.steps import until_waiting
from tests.system import System, a_number, a_shipment, an_event, running

TOKEN = "a-token-of-the-tests-for-prometheus-0001"
OURS = {"Authorization": f"Bearer {TOKEN}"}
NO_DATABASE = "postgresql://crm:x@127.0.0.1:1/crm"


@pytest.fixture
async def watched(empty_database: str) -> AsyncIterator[System]:
    """A system that may be watched, on a database of its own."""
    async with running(empty_database, metrics_token=SecretStr(TOKEN)) as system:
        yield system


async def scrape(system: System) -> dict[str, Metric]:
    """The families by their names."""
    answer = await system.http.get("/metrics", headers=OURS)
    assert answer.status_code == 200, answer.text
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


async def value(system: System, sample: str, **labels: str) -> float | None:
    """One sample of a scrape of now, `None` where there is none."""
    found = [
        each.value
        for family in (await scrape(system)).values()
        for each in family.samples
        if each.name == sample and each.labels == labels
    ]
    assert len(found) <= 1
    return found[0] if found else None


async def test_without_a_token_of_its_own_there_is_no_such_page(system: System) -> None:
    assert system.settings.metrics_token is None
    page = (await system.http.get("/metrics", headers=OURS)).json()
    nowhere = (await system.http.get("/nowhere", headers=OURS)).json()
    ours = {"instance", "trace_id"}
    assert page["status"] == 404
    assert {key: page[key] for key in page.keys() - ours} == {
        key: nowhere[key] for key in nowhere.keys() - ours
    }


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
async def test_who_does_not_bring_the_token_gets_no_figure(watched: System, given: str) -> None:
    answer = await watched.http.get("/metrics", headers=[(b"authorization", given.encode())])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "crm_" not in answer.text


async def test_a_token_of_the_api_opens_nothing(watched: System) -> None:
    assert (await (await watched.as_role(Role.ADMIN)).get("/metrics")).status_code == 401


def test_a_token_that_could_be_guessed_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", NO_DATABASE)
    monkeypatch.setenv("CRM_METRICS_TOKEN", "short")
    with pytest.raises(ValidationError, match="metrics_token"):
        Settings()


async def test_the_page_is_kept_by_nobody_and_in_no_description(watched: System) -> None:
    answer = await watched.http.get("/metrics", headers=OURS)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "/metrics" not in watched.app.openapi()["paths"]


async def test_every_request_is_counted_once_by_method_template_and_status(watched: System) -> None:
    operations = await watched.as_role(Role.OPERATIONS)
    for _ in range(3):
        await operations.get(f"/v1/shipments/{a_number()}")
    await operations.get("/v1/shipments")
    place = {"method": "GET", "route": "/v1/shipments/{tracking_no}"}
    assert await value(watched, "crm_http_requests_total", **place, status="404") == 3
    assert await value(watched, "crm_http_requests_total", **place, status="200") is None
    assert (
        await value(watched, "crm_http_requests_total", method="GET", route="/v1/shipments", status="200")
        == 1
    )
    assert await value(watched, "crm_http_request_seconds_count", **place) == 3
    assert await value(watched, "crm_http_request_seconds_bucket", **place, le="+Inf") == 3
    assert (await value(watched, "crm_http_request_seconds_sum", **place) or 0) > 0


async def test_what_a_caller_makes_up_becomes_no_label(watched: System) -> None:
    operations = await watched.as_role(Role.OPERATIONS)
    canary = "SF7444496931331"
    await scrape(watched)
    for number in range(20):
        for path in (
            f"/{canary}{number}",
            f"/v1/shipments/{canary}{number}",
            f"/v1/shipments/{number}/{canary}",
        ):
            await operations.get(path, params={canary: number}, headers={"User-Agent": canary})
        await operations.request(f"M{canary}{number}", f"/v1/shipments/{canary}{number}")
        await operations.get(f"/static-offline-docs/{canary}/{number}")
        await operations.get(f"/v1/shipments/{canary}{number}/")
    templates = {route.path for route in iter_route_contexts(watched.app.routes)}
    families = await scrape(watched)
    assert canary not in str(families)
    requests = [each for each in families["crm_http_requests"].samples if each.name.endswith("_total")]
    assert {each.labels["method"] for each in requests} <= METHODS | {"other"}
    assert {each.labels["route"] for each in requests} <= templates | {"unmatched"}
    assert len(requests) <= 8, requests


async def test_only_requests_not_yet_answered_are_under_way(
    watched: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that asks is one of them."""

    def explode(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.services.customers.subject", explode)
    marketing = await watched.as_role(Role.MARKETING)
    for _ in range(3):
        await marketing.post("/v1/customers", {"name": "x", "kind": "person"})
    failed = {"method": "POST", "route": "/v1/customers", "status": "500"}
    assert await value(watched, "crm_http_requests_total", **failed) == 3
    assert await value(watched, "crm_http_requests_under_way") == 1
    async with owner(watched) as connection, connection.transaction():
        await connection.execute("LOCK TABLE customers")
        held = asyncio.create_task(marketing.get("/v1/customers"))
        await until_waiting(watched, held)
        assert await value(watched, "crm_http_requests_under_way") == 2
    await held
    assert await value(watched, "crm_http_requests_under_way") == 1


async def test_the_pools_say_how_many_connections_are_in_use(watched: System) -> None:
    size = float(watched.settings.pool_size)
    for pool in ("app", "partners"):
        assert await value(watched, "crm_pool_limit", pool=pool) == size
        assert await value(watched, "crm_pool_connections", pool=pool, state="in_use") == 0
    async with watched.database.sessions() as session, watched.database.partners.acquire():
        await session.execute(text("SELECT 1"))
        for pool in ("app", "partners"):
            assert await value(watched, "crm_pool_connections", pool=pool, state="in_use") == 1
    for pool in ("app", "partners"):
        assert (await value(watched, "crm_pool_connections", pool=pool, state="idle") or 0) >= 1


async def test_an_empty_system_reads_zero_and_not_nothing(watched: System) -> None:
    families = await scrape(watched)
    assert await value(watched, "crm_database_up") == 1
    for name in metrics.FROM_THE_DATABASE.keys() - {"worker_seen_seconds"}:
        assert {each.value for each in families[f"crm_{name}"].samples} == {0}, name
    states = {each.labels["state"] for each in families["crm_jobs"].samples}
    assert states == {"queued", "running", "failed"}
    assert {each.labels["consumer"] for each in families["crm_dead_letters"].samples} == {
        "refold",
        "adopt_parked",
        "escalate",
        "find_handlers",
        "follow_clocks",
        "follow_up",
    }


async def test_what_waits_for_its_consumer_is_counted_until_it_is_done(watched: System) -> None:
    shipment = await a_shipment(watched)
    await watched.drain()
    await execute(watched, "UPDATE outbox SET done_at = now(), created_at = now() - interval '9 hours'")
    dispatch = await watched.dispatch()
    for code in ("picked_up", "in_transit"):
        await dispatch.post("/v1/tracking-events", an_event(shipment["tracking_no"], code))
    await execute(
        watched,
        "UPDATE outbox SET created_at = now() - interval '1 hour' WHERE done_at IS NULL AND id % 2 = 0",
    )
    assert await value(watched, "crm_outbox_pending", consumer="refold") == 2
    assert 3600 <= (await value(watched, "crm_outbox_oldest_seconds", consumer="refold") or 0) < 7200
    await watched.drain()
    assert await value(watched, "crm_outbox_pending", consumer="refold") == 0
    assert await value(watched, "crm_outbox_oldest_seconds", consumer="refold") == 0


async def test_dead_letters_are_counted_also_those_of_a_consumer_that_is_gone(watched: System) -> None:
    shipment = await a_shipment(watched)
    await (await watched.dispatch()).post("/v1/tracking-events", an_event(shipment["tracking_no"]))
    await execute(watched, "UPDATE outbox SET failed_at = now()")
    await execute(
        watched,
        "INSERT INTO outbox (event_id, consumer, subject_id, attempts, failed_at)"
        " SELECT gen_random_uuid(), 'former', gen_random_uuid(), 10, now() FROM generate_series(1, 2)",
    )
    assert await value(watched, "crm_dead_letters", consumer="refold") == 1
    assert await value(watched, "crm_dead_letters", consumer="former") == 2
    assert await value(watched, "crm_dead_letters", consumer="adopt_parked") == 0
    assert await value(watched, "crm_outbox_pending", consumer="refold") == 0


async def test_parked_events_unmapped_codes_and_open_exceptions_are_counted(watched: System) -> None:
    shipment = await a_shipment(watched)
    dispatch = await watched.dispatch()
    for _ in range(2):
        await dispatch.post("/v1/tracking-events", an_event(a_number("NOBODY")))
    await dispatch.post("/v1/tracking-events", an_event(shipment["tracking_no"], "an_unheard_of_code"))
    await dispatch.post("/v1/delivery-exceptions", an_event(shipment["tracking_no"], "carrier_damage"))
    await watched.drain()
    first = "(SELECT id FROM parked_events ORDER BY id LIMIT 1)"
    await execute(
        watched, f"UPDATE parked_events SET received_at = now() - interval '1 day' WHERE id = {first}"
    )
    assert await value(watched, "crm_parked_events") == 2
    assert 86_400 <= (await value(watched, "crm_parked_oldest_seconds") or 0) < 90_000
    assert await value(watched, "crm_unmapped_codes") == 1
    assert await value(watched, "crm_exceptions", state="open") == 1
    assert await value(watched, "crm_exceptions", state="acknowledged") == 0


async def test_jobs_are_counted_by_state(watched: System) -> None:
    await execute(
        watched,
        "INSERT INTO jobs (id, name, payload, state, done, starts) SELECT gen_random_uuid(), 'x', '{}', state, 0, 0"
        " FROM unnest(ARRAY['queued', 'queued', 'running', 'failed', 'done', 'cancelled']) state",
    )
    found = {each.labels["state"]: each.value for each in (await scrape(watched))["crm_jobs"].samples}
    assert found == {"queued": 2, "running": 1, "failed": 1}


async def test_a_worker_that_was_replaced_is_no_worker(watched: System) -> None:
    await execute(
        watched,
        "INSERT INTO worker_heartbeats (name, beat_at) VALUES ('former', now() - interval '1 hour')",
    )
    assert await value(watched, "crm_workers") == 0
    assert 3600 <= (await value(watched, "crm_worker_seen_seconds") or 0) < 7200
    await execute(watched, "INSERT INTO worker_heartbeats (name, beat_at) VALUES ('present', now())")
    assert await value(watched, "crm_workers") == 1
    assert (await value(watched, "crm_worker_seen_seconds") or 0) < 30


async def test_counts_end_at_their_cap(watched: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "CAP", 3)
    await execute(
        watched,
        "INSERT INTO parked_events (id, source, tracking_no, event)"
        " SELECT gen_random_uuid(), 'sf', number::text, '{}' FROM generate_series(1, 5) number",
    )
    assert await value(watched, "crm_parked_events") == 3


async def test_no_table_that_grows_is_read_from_end_to_end(watched: System) -> None:
    async with watched.database.sessions.begin() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.scalars(
            text(f"EXPLAIN {backlog._READ.text}"), {"cap": 100_000, "consumers": ["refold"]}
        )
        steps = [step for step in plan if "Seq Scan" in step]
    assert [step for step in steps if "worker_heartbeats" not in step] == []


async def test_without_the_database_the_process_still_tells_of_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", NO_DATABASE)
    async with running(NO_DATABASE, metrics_token=SecretStr(TOKEN)) as lost:
        await lost.http.get("/health/live")
        families = await scrape(lost)
        assert [each.value for each in families["crm_database_up"].samples] == [0]
        live = {"method": "GET", "route": "/health/live", "status": "200"}
        assert await value(lost, "crm_http_requests_total", **live) == 1
        assert families["process_resident_memory_bytes"].samples[0].value > 0
        assert [name for name in metrics.FROM_THE_DATABASE if f"crm_{name}" in families] == []


async def test_a_database_that_does_not_answer_holds_no_scrape_up(
    watched: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "DATABASE_WITHIN_S", 0.2)
    async with owner(watched) as connection, connection.transaction():
        await connection.execute("LOCK TABLE outbox")
        assert await value(watched, "crm_database_up") == 0
    assert await value(watched, "crm_database_up") == 1
    assert await value(watched, "crm_pool_connections", pool="app", state="in_use") == 0
