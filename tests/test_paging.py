"""Every list is walked page by page: every row once, in order, whatever is written meanwhile."""

import base64
import random
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import insert

from app.models.account import Access, AccessKind, Client, User
from app.models.calendar import Calendar
from app.models.clock import ClockKind, ClockWaiver, SlaPolicy
from app.models.code import CarrierCode
from app.models.customer import Consent, Customer, CustomerNote
from app.models.document import Document
from app.models.export import Export
from app.models.import_file import ImportFile
from app.models.job import Job
from app.models.leak import LeakIncident
from app.models.privacy import LegalHold, PrivacyRequest
from app.models.segment import Segment, SegmentMember
from app.models.verification import Proposal, Task
from app.roles import Role
from tests.clocks import clock_of, start
from tests.operations import description
from tests.system import Caller, System, a_customer, a_shipment, an_event

LISTS = {
    "/v1/customers": (Role.MARKETING, ({}, {"sort": "created_at"}, {"sort": "name"}, {"kind": "person"})),
    "/v1/users": (Role.ADMIN, ({}, {"sort": "-created_at"}, {"role": "sales"})),
    "/v1/clients": (Role.ADMIN, ({}, {"role": "dispatch"})),
    "/v1/complaints": (Role.OPERATIONS, ({}, {"sort": "received_at"}, {"open": "true", "sort": "due_at"})),
    "/v1/orders": (Role.OPERATIONS, ({}, {"sort": "received_at"})),
    "/v1/shipments": (Role.OPERATIONS, ({}, {"sort": "created_at"}, {"service": "tw"})),
    "/v1/delivery-exceptions": (Role.OPERATIONS, ({}, {"sort": "opened_at"}, {"live": "true"})),
    "/v1/carrier-codes": (Role.ADMIN, ({}, {"list": "kuaidi100"})),
    "/v1/jobs": (Role.ADMIN, ({},)),
    "/v1/calendars": (Role.AUDITOR, ({},)),
    "/v1/sla-policies": (Role.AUDITOR, ({}, {"kind": "internal"})),
    "/v1/clock-waivers": (Role.EXECUTIVE, ({}, {"state": "declined"})),
    "/v1/audit/accesses": (Role.AUDITOR, ({}, {"kind": "denied"})),
    "/v1/audit/events": (Role.AUDITOR, ({}, {"kind": "shipment.created"})),
    "/v1/customers/{customer_id}/consents": (Role.MARKETING, ({},)),
    "/v1/customers/{customer_id}/notes": (Role.MARKETING, ({},)),
    "/v1/customers/{customer_id}/timeline": (Role.MARKETING, ({}, {"kind": "shipment.created"})),
    "/v1/documents": (Role.CUSTOMER_SERVICE, ({}, {"kind": "report"})),
    "/v1/exports": (Role.EXECUTIVE, ({},)),
    "/v1/imports": (Role.MARKETING, ({},)),
    "/v1/leak-incidents": (Role.AUDITOR, ({},)),
    "/v1/legal-holds": (Role.AUDITOR, ({},)),
    "/v1/privacy-requests": (Role.CUSTOMER_SERVICE, ({}, {"kind": "correction"})),
    "/v1/proposals": (Role.MARKETING, ({},)),
    "/v1/segments": (Role.MARKETING, ({}, {"kind": "static"})),
    "/v1/segments/{segment_id}/member-changes": (Role.MARKETING, ({},)),
    "/v1/tasks": (Role.MARKETING, ({},)),
}
APART = {
    "/v1/exception-follow-ups",
    "/v1/kpis/{kpi_name}/rows",
    "/v1/partner/complaints",
    "/v1/complaint-escalations",
    "/v1/complaints/{complaint_id}/messages",
    "/v1/complaints/{complaint_id}/attachments",
    "/v1/message-templates",
    "/v1/complaint-closings",
    "/v1/complaints/{complaint_id}/call-backs",
    "/v1/audit/seals",
    "/v1/customers/duplicates",
    "/v1/leak-incidents/{incident_id}/accesses",
    "/v1/retention-rules",
    "/v1/segments/{segment_id}/members",
    "/v1/segments/{segment_id}/rfm/customers",
    "/v1/segments/{segment_id}/sizes",
    "/v1/verifications",
}
"""Lists whose rows are not made here: their first page is full in `test_promises_statements.py`."""

HOME: dict[str, str] = {}
"""What stands in the paths of lists that belong to something."""

WALKS = [(path, filters) for path, (_, all_filters) in LISTS.items() for filters in all_filters]


@pytest.fixture(scope="module")
async def full(system: System) -> System:
    """A system with at least 25 rows in every list, many of them made at the same instant."""
    customer = await a_customer(system)
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    dispatch = await system.as_role(Role.DISPATCH)
    for number in range(25):
        shipment = await a_shipment(system, customer["id"], service="tw" if number % 3 else "hk_mo")
        await service.post("/v1/orders", {"customer_id": customer["id"]})
        await dispatch.post("/v1/delivery-exceptions", an_event(shipment["tracking_no"], "carrier_damage"))
        await service.get("/v1/users")
    await system.drain()
    clock = await clock_of(system, await start(system), ClockKind.CONTRACT)
    async with system.database.sessions.begin() as session:
        for model, rows in (ROWS | rows_at(UUID(customer["id"]), service.principal.id)).items():
            await session.execute(insert(model), rows)
        declined = some_rows(
            clock_id=clock.id, state="declined", reason="顺丰", requested_by=service.principal.id
        )
        await session.execute(insert(ClockWaiver), declined)
    HOME.update(customer_id=customer["id"], segment_id=str(SEGMENT))
    return system


def some_rows(**fields: Any) -> list[dict[str, Any]]:
    return [
        {name: value(number) if callable(value) else value for name, value in fields.items()}
        for number in range(25)
    ]


MARK = secrets.token_hex(4)
JOB, SEGMENT = uuid4(), uuid4()
NOW = datetime.now(UTC)
ROWS: dict[Any, list[dict[str, Any]]] = {
    Customer: some_rows(name=f"Zürich 顺丰 {MARK}", kind=lambda n: ["company", "person"][n % 2], needs=[], version=1),
    User: some_rows(
        username=lambda n: f"walker{n}.{secrets.token_hex(4)}", password_hash="-", name="-", roles=["sales"], version=1
    ),
    Client: some_rows(
        client_id=lambda n: f"Walker{n}.{secrets.token_hex(4)}",
        secret_hash=b"-",
        name="-",
        role=lambda n: ["dispatch", "partner"][n % 2],
        sources=[],
        version=1,
    ),
    Job: some_rows(
        id=lambda n: uuid4() if n else JOB, name="remap_carrier_code", payload={}, state="done"
    ),
    Calendar: some_rows(code=lambda n: f"{MARK}{n}", zh="顺丰", en="SF", zone="Asia/Shanghai"),
    SlaPolicy: some_rows(
        code=lambda n: f"{MARK}{n // 2}", number=lambda n: n, rank=1, subject_type="complaint", kind="internal",
        metric="resolution", counting="elapsed", amount=60, tiers=[MARK], valid_from=date(2026, 1, 1), source="顺丰"
    ),
    Access: some_rows(kind=AccessKind.DENIED, data={}),
    CarrierCode: some_rows(
        list="kuaidi100", code=lambda n: f"walk{n % 5}", reason_code=lambda n: f"顺{n}", name="-",
        valid_from=date(2026, 1, 1), source="-"
    ),
}  # fmt: skip


def rows_at(customer_id: UUID, by: UUID) -> dict[Any, list[dict[str, Any]]]:
    """Rows of a customer, and of whoever works with it; one segment in which it was, again and again."""
    of: dict[str, Any] = {"customer_id": customer_id, "version": 1}
    made: dict[str, Any] = {"customer_id": customer_id, "created_by": by, "version": 1}
    named = {"id": lambda n: uuid4() if n else SEGMENT, "name": lambda n: f"{MARK} {n}"}
    gone = {"added_by": by, "added_at": NOW, "removed_by": by, "removed_at": NOW}
    consent = {"channel": "post", "purpose": "care", "given": True, "given_at": NOW, "evidence": "顺丰"}
    file = {"filename": "a.csv", "format": "csv", "encoding": "utf-8", "delimiter": ",", "columns": []}
    return {
        Consent: some_rows(customer_id=customer_id, recorded_by=by, **consent),
        CustomerNote: some_rows(customer_id=customer_id, author_id=by, text="顺丰"),
        Document: some_rows(kind="report", project="顺丰", latest=1, **made),
        Export: some_rows(terms={}, columns=["id"], format="csv", reason="顺丰", requested_by=by, version=1),
        ImportFile: some_rows(on_match="skip", dry_run=True, size=1, job_id=JOB, requested_by=by, **file),
        LeakIncident: some_rows(description="-", discovered_at=NOW, reported_by=by, kinds=[], version=1),
        LegalHold: some_rows(reason="-", placed_by=by, **of),
        PrivacyRequest: some_rows(kind="correction", received_at=NOW, due_at=NOW, **made),
        Proposal: some_rows(base_version=1, changes={}, evidence="-", proposed_by=by, **of),
        Segment: some_rows(kind="static", created_by=by, version=1, **named),
        SegmentMember: some_rows(segment_id=SEGMENT, customer_id=customer_id, **gone),
        Task: some_rows(rule=lambda n: f"{n}", department="sales", fields=[], due_at=NOW, state="done", **of),
    }


async def walk(
    caller: Caller, path: str, filters: dict[str, Any], limit: int
) -> AsyncIterator[list[dict[str, Any]]]:
    """The pages of a list, each as it comes."""
    cursor: dict[str, str] = {}
    while True:
        answer = await caller.get(path.format(**HOME), params={**filters, "limit": limit, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


async def ids(caller: Caller, path: str, filters: dict[str, Any], limit: int) -> list[str]:
    return [row["id"] async for page in walk(caller, path, filters, limit) for row in page]


@pytest.mark.parametrize(("path", "filters"), WALKS, ids=[f"{path}-{filters}" for path, filters in WALKS])
async def test_a_walk_meets_every_row_once_and_in_order(
    full: System, path: str, filters: dict[str, Any]
) -> None:
    caller = await full.as_role(LISTS[path][0])
    whole = await ids(caller, path, filters, 200)
    assert len(whole) == len(set(whole)) >= 12
    counted = await caller.get(path.format(**HOME), params={**filters, "limit": 1, "count": "true"})
    assert counted.json()["count"] == len(whole)
    for limit in (7, 50, 1) if len(whole) < 100 else (50, 199):
        assert await ids(caller, path, filters, limit) == whole


def test_every_list_is_walked_here() -> None:
    lists = {
        path
        for path, operations in description()["paths"].items()
        if any(each["name"] == "cursor" for each in operations.get("get", {}).get("parameters", []))
    }
    assert lists == LISTS.keys() | APART
    assert not LISTS.keys() & APART


async def test_the_rows_come_in_the_order_that_was_asked_for(full: System) -> None:
    marketing, operations = await full.as_role(Role.MARKETING), await full.as_role(Role.OPERATIONS)
    for caller, path, sort, key in (
        (marketing, "/v1/customers", "-created_at", "created_at"),
        (marketing, "/v1/customers", "created_at", "created_at"),
        (operations, "/v1/orders", "-received_at", "received_at"),
        (operations, "/v1/delivery-exceptions", "opened_at", "opened_at"),
        (await full.as_role(Role.ADMIN), "/v1/clients", None, "client_id"),
    ):
        filters = {"sort": sort} if sort else {}
        values = [place(row[key]) async for page in walk(caller, path, filters, 6) for row in page]
        assert values == sorted(values, reverse=(sort or "").startswith("-"))


async def test_a_count_comes_only_where_it_is_asked_for(full: System) -> None:
    marketing = await full.as_role(Role.MARKETING)
    assert (await marketing.get("/v1/customers")).json()["count"] is None
    assert (await marketing.get("/v1/customers?count=false")).json()["count"] is None
    assert (await marketing.get("/v1/customers?count=true&limit=1")).json()["count"] > 1


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "١", "", "ten", "9" * 5000])
async def test_a_page_has_between_one_and_two_hundred_rows(full: System, limit: str) -> None:
    answer = await (await full.as_role(Role.MARKETING)).get("/v1/customers", params={"limit": limit})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/limit"


async def a_cursor(caller: Caller, path: str, **filters: Any) -> str:
    answer = await caller.get(path, params={**filters, "limit": 1})
    return str(answer.json()["next_cursor"])


@pytest.mark.parametrize("cursor", ["", "a", "%00", "顺丰", "!!!!", "AAAA", "A" * 64, "A" * 2001, "=" * 40])
async def test_a_cursor_made_up_is_refused(full: System, cursor: str) -> None:
    answer = await (await full.as_role(Role.MARKETING)).get("/v1/customers", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/cursor"


async def test_a_cursor_with_any_bit_changed_is_refused(full: System) -> None:
    marketing = await full.as_role(Role.MARKETING)
    raw = decoded(await a_cursor(marketing, "/v1/customers"))
    for place in random.sample(range(len(raw)), 12):
        forged = bytearray(raw)
        forged[place] ^= 1 << random.randrange(8)
        cursor = base64.urlsafe_b64encode(forged).decode().rstrip("=")
        assert (await marketing.get("/v1/customers", params={"cursor": cursor})).status_code == 422
    for length in (0, 11, 12, 27, len(raw) - 1):
        cursor = base64.urlsafe_b64encode(raw[:length]).decode().rstrip("=")
        assert (await marketing.get("/v1/customers", params={"cursor": cursor})).status_code == 422


def decoded(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


async def test_a_cursor_holds_for_its_own_list_order_and_filters_only(full: System) -> None:
    operations = await full.as_role(Role.OPERATIONS)
    cursor = await a_cursor(operations, "/v1/shipments")
    for path, filters in (
        ("/v1/shipments", {"sort": "created_at"}),
        ("/v1/shipments", {"service": "tw"}),
        ("/v1/shipments", {"status": "created"}),
        ("/v1/orders", {}),
        ("/v1/customers", {}),
    ):
        answer = await operations.get(path, params={**filters, "cursor": cursor})
        assert answer.status_code == 422, (path, filters)
    same = await operations.get("/v1/shipments", params={"cursor": cursor, "limit": 3, "count": "true"})
    assert same.status_code == 200


async def test_a_cursor_of_somebody_elses_shows_nothing_of_theirs(full: System) -> None:
    cursor = await a_cursor(await full.as_role(Role.MARKETING), "/v1/customers")
    sales = await full.staff(Role.SALES)
    assert (await sales.get("/v1/customers", params={"cursor": cursor})).json()["items"] == []


async def test_a_cursor_tells_nobody_the_name_it_stands_at(full: System) -> None:
    """A list masks the names of persons, and a cursor travels in a URL."""
    marketing = await full.as_role(Role.MARKETING)
    raw = decoded(await a_cursor(marketing, "/v1/customers", sort="name", kind="person"))
    assert "Zürich".encode() not in raw
    assert "顺丰".encode() not in raw


async def test_a_search_is_paged_and_bound_to_its_terms(full: System) -> None:
    marketing = await full.as_role(Role.MARKETING)
    body: dict[str, Any] = {"q": f"zürich 顺丰 {MARK}", "limit": 10}
    found: list[str] = []
    cursor = None
    while True:
        page = (await marketing.post("/v1/customers/search", body | {"cursor": cursor})).json()
        found += [row["id"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert len(found) == len(set(found)) == 25
    other = await marketing.post("/v1/customers/search", {"q": MARK, "cursor": cursor})
    assert other.status_code == 422


steps = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "read"]), st.integers(0, 10**6)), min_size=5, max_size=30
)


@hypothesis_settings(
    max_examples=15,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(steps=steps, limit=st.integers(1, 5), sort=st.sampled_from(["-created_at", "created_at", "name"]))
async def test_a_walk_is_true_whatever_is_written_meanwhile(
    full: System, steps: list[tuple[str, int]], limit: int, sort: str
) -> None:
    """Rows that were there all the time come exactly once and in order; others at most once."""
    owner = await full.staff(Role.SALES)
    there = [await write(full, owner, number) for number in range(12)]
    stayed = set(there)
    pages = walk(owner, "/v1/customers", {"sort": sort}, limit)
    seen: list[dict[str, Any]] = []
    for action, number in steps:
        if action == "insert":
            there.append(await write(full, owner, number))
        elif action == "read":
            seen += await anext(pages, [])
        elif len(there) > 1:
            gone = there.pop(number % len(there))
            await erase(full, gone)
            stayed.discard(gone)
    async for page in pages:
        seen += page
    met = [row["id"] for row in seen]
    assert len(met) == len(set(met))
    assert stayed <= set(met)
    order = [place(row[sort.removeprefix("-")]) for row in seen]
    assert order == sorted(order, reverse=sort.startswith("-"))


def place(value: str) -> Any:
    """Instants are compared as such: as text, `...00.5Z` would come before `...00Z`."""
    return datetime.fromisoformat(value) if value.startswith("20") and "T" in value else value


async def write(system: System, owner: Caller, number: int) -> str:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=number % 7)
    row = Customer(
        name=f"{number % 5}", kind="company", needs=[], owner_id=owner.principal.id, created_at=at, version=1
    )
    async with system.database.sessions.begin() as session:
        session.add(row)
        await session.flush()
        return str(row.id)


async def erase(system: System, customer_id: str) -> None:
    async with system.database.sessions.begin() as session:
        await session.delete(await session.get_one(Customer, customer_id))
