"""Segments: whom a filter finds and whom it does not, whom somebody put in, and how that changed."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sqlalchemy import func, select

from app import clock, worker
from app.models.customer import Customer
from app.roles import Role
from app.schemas.segment_filter import Filter
from app.services.segments.filters import compiled
from tests.segments import members_by_hand, put
from tests.system import Caller, System, a_customer, a_shipment

CNY = {"amount": "100.00", "currency": "CNY"}


async def found(caller: Caller, filter_: dict[str, Any]) -> set[str]:
    """The ids of whom a filter finds, as a segment's members."""
    body = {"name": secrets.token_hex(8), "kind": "dynamic", "filter": filter_}
    made = await caller.post("/v1/segments", body)
    assert made.status_code == 201, made.text
    ids: set[str] = set()
    page: dict[str, Any] = {"limit": 200}
    while page:
        answer = await caller.get(f"/v1/segments/{made.json()['id']}/members", params=page)
        assert answer.status_code == 200, answer.text
        ids |= {row["id"] for row in answer.json()["items"]}
        following = answer.json()["next_cursor"]
        page = {"limit": 200, "cursor": following} if following else {}
    return ids


@pytest.fixture(scope="module")
async def three(system: System) -> dict[str, str]:
    """Three customers that differ in everything a filter can ask about."""
    seller = await system.as_role(Role.SALES)
    tea = await a_customer(
        system,
        name="杭州青禾茶业有限公司",
        tier="key",
        source="转介绍",
        needs=["冷链 Express"],
        owner_id=seller.id,
        addresses=[{"detail": "浙江省杭州市西湖区龙井路1号"}],
    )
    clock_maker = await a_customer(
        system, name="Alpenblick Uhren AG, Zürich", addresses=[{"country": "CH", "city": "Zürich"}]
    )
    person = await a_customer(system, name="王小明", kind="person", code=None, source="转介绍")
    await a_shipment(system, tea["id"], freight={"amount": "150.00", "currency": "CNY"})
    await a_shipment(system, clock_maker["id"], freight={"amount": "900.00", "currency": "CHF"})
    await put(
        system,
        "UPDATE shipments SET created_at = now() - interval '60 days' WHERE customer_id = $1",
        UUID(clock_maker["id"]),
    )
    await put(
        system,
        "UPDATE customers SET created_at = now() - interval '9 years' WHERE id = $1",
        UUID(person["id"]),
    )
    consent = (
        "INSERT INTO consents (id, customer_id, channel, purpose, given, given_at, evidence, recorded_by)"
        " VALUES (gen_random_uuid(), $1, 'sms', 'survey', $2::text = 'yes', now() - make_interval(0, 0, 0, $3), 'x', $1)"
    )
    await put(system, consent, UUID(tea["id"]), "yes", 1)
    await put(system, consent, UUID(person["id"]), "yes", 2)
    await put(system, consent, UUID(person["id"]), "no", 1)
    return {"tea": tea["id"], "clocks": clock_maker["id"], "person": person["id"], "seller": seller.id}


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ({"test": "kind", "any_of": ["person"]}, "person"),
        ({"test": "state", "any_of": ["prospect"]}, "person"),
        ({"test": "tier", "any_of": ["key"]}, "tea"),
        ({"test": "tier", "any_of": [None]}, "clocks person"),
        ({"test": "source", "any_of": ["转介绍"]}, "tea person"),
        ({"test": "source", "any_of": [None, "转介绍"]}, "tea clocks person"),
        ({"test": "owner", "any_of": ["{seller}"]}, "tea"),
        ({"test": "owner", "any_of": [None]}, "clocks person"),
        ({"test": "team", "any_of": [None]}, "tea clocks person"),
        ({"test": "division", "any_of": ["330000"]}, "tea"),
        ({"test": "division", "any_of": ["330100"]}, "tea"),
        ({"test": "division", "any_of": ["330106", "110000"]}, "tea"),
        ({"test": "division", "any_of": ["330110"]}, ""),
        ({"test": "need", "contains": "express"}, "tea"),
        ({"test": "need", "contains": "%"}, ""),
        ({"test": "consent", "channel": "sms", "purpose": "survey"}, "tea"),
        ({"test": "created", "before_days": 365}, "person"),
        ({"test": "created", "within_days": 1}, "tea clocks"),
        ({"test": "created", "until": "2000-01-01T00:00:00Z"}, ""),
        ({"test": "last_shipment", "before_days": 30}, "clocks"),
        ({"test": "first_shipment", "within_days": 30}, "tea"),
        ({"test": "not", "of": {"test": "last_shipment", "within_days": 30}}, "clocks person"),
        ({"test": "shipments", "at_most": 0}, "person"),
        ({"test": "shipments", "at_least": 1, "days": 30}, "tea"),
        ({"test": "freight", "at_least": CNY}, "tea"),
        ({"test": "freight", "at_least": CNY | {"currency": "CHF"}}, "clocks"),
        ({"test": "freight", "at_least": CNY | {"currency": "CHF"}, "days": 30}, ""),
        ({"test": "rfm", "any_of": ["silent"]}, "person"),
        ({"test": "staleness", "at_least": 100}, "person"),
        ({"test": "staleness", "at_most": 0}, "tea clocks"),
        ({"test": "and", "of": []}, "tea clocks person"),
        ({"test": "or", "of": []}, ""),
        (
            {
                "test": "and",
                "of": [{"test": "source", "any_of": ["转介绍"]}, {"test": "tier", "any_of": ["key"]}],
            },
            "tea",
        ),
        (
            {
                "test": "or",
                "of": [{"test": "kind", "any_of": ["person"]}, {"test": "tier", "any_of": ["key"]}],
            },
            "tea person",
        ),
        ({"test": "not", "of": {"test": "tier", "any_of": ["key"]}}, "clocks person"),
    ],
)
async def test_a_filter_finds_whom_it_says(
    system: System, three: dict[str, str], filter_: dict[str, Any], expected: str
) -> None:
    asked = {**filter_, "any_of": [three["seller"]]} if filter_.get("any_of") == ["{seller}"] else filter_
    ours = {three[name] for name in ("tea", "clocks", "person")}
    marketing = await system.as_role(Role.MARKETING)
    assert await found(marketing, asked) & ours == {three[name] for name in expected.split()}


WORDS = st.sampled_from(["转介绍", "O'Brien; DROP TABLE customers", "%_\\", "😀", "$1", ":x", "Zürich"])
SOME_WORDS = st.lists(st.none() | WORDS, min_size=1, max_size=3)
DAYS = st.integers(1, 3650)
MOMENTS = st.sampled_from(["1950-01-01T00:00:00Z", "2026-11-01T08:00:00+08:00", "2150-01-01T00:00:00Z"])


def leaf(test: str, **members: Any) -> Any:
    return st.fixed_dictionaries({"test": st.just(test), **members})


def any_of(test: str, *values: Any) -> Any:
    return leaf(test, any_of=st.lists(st.sampled_from(values), min_size=1, max_size=3))


LEAVES = st.one_of(
    any_of("kind", "company", "person"),
    any_of("state", "prospect", "active", "dormant", "lost", "closed", "merged"),
    leaf("tier", any_of=SOME_WORDS),
    leaf("source", any_of=SOME_WORDS),
    leaf("owner", any_of=st.lists(st.none() | st.uuids().map(str), min_size=1, max_size=3)),
    leaf("team", any_of=st.lists(st.none() | st.uuids().map(str), min_size=1, max_size=3)),
    any_of("division", "330000", "330100", "330106", "110000", "999999"),
    leaf("need", contains=WORDS),
    leaf("consent", channel=st.just("sms"), purpose=st.sampled_from(["survey", "marketing"])),
    leaf("created", within_days=DAYS),
    st.sampled_from(["created", "first_shipment", "last_shipment"]).flatmap(
        lambda test: st.fixed_dictionaries(
            {"test": st.just(test), "before_days": DAYS}, optional={"from": MOMENTS, "until": MOMENTS}
        )
    ),
    leaf("shipments", at_least=st.integers(0, 3), days=DAYS),
    leaf("freight", at_least=st.just(CNY), days=DAYS),
    any_of("rfm", "silent", "champion", "steady"),
    leaf("staleness", at_least=st.integers(0, 100), at_most=st.integers(0, 100)),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda of: {"test": "and", "of": of}, st.lists(inner, max_size=3)),
        st.builds(lambda of: {"test": "or", "of": of}, st.lists(inner, max_size=3)),
        st.builds(lambda of: {"test": "not", "of": of}, inner),
    ),
    max_leaves=6,
)
FILTER: TypeAdapter[Any] = TypeAdapter(Filter)


@given(TREES)
@example({"test": "tier", "any_of": ["key"]})
@example({"test": "not", "of": {"test": "owner", "any_of": [str(uuid4())]}})
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_tree_runs_and_not_finds_exactly_the_others(
    system: System, three: dict[str, str], tree: dict[str, Any]
) -> None:
    assert three
    everybody = select(func.count()).select_from(Customer)
    asked = [FILTER.validate_python(each) for each in (tree, {"test": "not", "of": tree})]
    async with system.database.readings() as session:
        total = await session.scalar(everybody)
        inside, outside = [await session.scalar(everybody.where(compiled(each))) for each in asked]
        both = await session.scalar(everybody.where(*map(compiled, asked)))
    assert ((inside or 0) + (outside or 0), both) == (total, 0)


def nested(depth: int) -> dict[str, Any]:
    return {"test": "not", "of": nested(depth - 1)} if depth else {"test": "kind", "any_of": ["person"]}


@pytest.mark.parametrize(
    "filter_",
    [
        {"test": "name", "any_of": ["x"]},
        {"test": "kind", "any_of": ["dog"]},
        {"test": "kind", "any_of": []},
        {"test": "kind", "any_of": ["person"], "sql": "1=1"},
        {"test": "created"},
        {"test": "division", "any_of": ["33"]},
        {"test": "shipments", "days": 10**9},
        {"test": "freight", "at_least": {"amount": 5, "currency": "CNY"}},
        {"test": "and", "of": {"test": "kind", "any_of": ["person"]}},
        {"test": "and", "of": [{"test": "kind", "any_of": ["person"]}] * 61},
        nested(8),
        "kind = 'person'",
        None,
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(system: System, filter_: Any) -> None:
    marketing = await system.as_role(Role.MARKETING)
    answer = await marketing.post("/v1/segments/preview", {"filter": filter_})
    assert answer.status_code == 422, answer.text
    assert all(each["pointer"].startswith("/body/filter") for each in answer.json()["errors"])


async def test_a_preview_counts_whom_one_may_see_and_stores_nothing(
    system: System, three: dict[str, str]
) -> None:
    body = {"filter": {"test": "and", "of": []}}
    seller = await system.staff(Role.SALES)
    await a_customer(system, owner_id=seller.id, name="王小明", kind="person")
    before = await system.scalar("SELECT count(*) FROM segments")
    seen = (await seller.post("/v1/segments/preview", body)).json()
    assert (seen["count"], [row["name"] for row in seen["items"]]) == (1, ["王**"])
    everybody = (await (await system.as_role(Role.MARKETING)).post("/v1/segments/preview", body)).json()
    assert everybody["count"] > 3
    assert len(everybody["items"]) <= 10
    assert await system.scalar("SELECT count(*) FROM segments") == before
    assert three


async def test_a_preview_that_takes_too_long_is_refused_in_bounded_time(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.segments.membership.compiled", lambda _: func.pg_sleep(60).is_(None))
    monkeypatch.setattr("app.services.segments.membership.PATIENCE_MS", 50)
    await a_customer(system)
    body = {"filter": {"test": "and", "of": []}}
    answer = await (await system.as_role(Role.MARKETING)).post("/v1/segments/preview", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/filter")


async def members(caller: Caller, path: str) -> set[str]:
    return {row["id"] for row in (await caller.get(f"{path}/members")).json()["items"]}


async def test_customers_are_put_in_and_taken_out_by_hand_with_who_and_when(system: System) -> None:
    marketing, path = await members_by_hand(system)
    one = (await a_customer(system))["id"]
    for _ in range(2):
        assert (await marketing.post(f"{path}/members", {"customer_id": one})).status_code == 200
    assert await members(marketing, path) == {one}
    for _ in range(2):
        assert (
            await marketing.post(f"{path}/members", {"customer_id": one, "member": False})
        ).status_code == 200
    assert await members(marketing, path) == set()
    await marketing.post(f"{path}/members", {"customer_id": one})
    record = (await marketing.get(f"{path}/member-changes")).json()["items"]
    assert [(row["removed_at"] is None, row["removed_by"]) for row in record] == [
        (True, None),
        (False, marketing.id),
    ]
    assert {row["added_by"] for row in record} == {marketing.id}


async def test_a_batch_answers_each_on_its_own_and_in_order(system: System) -> None:
    marketing, path = await members_by_hand(system)
    one, two = [(await a_customer(system))["id"] for _ in range(2)]
    nobody = "00000000-0000-7000-8000-000000000000"
    items: list[Any] = [
        {"customer_id": one},
        {"customer_id": one},
        {"customer_id": two, "member": False},
        {"customer_id": nobody},
        {"customer_id": "x"},
        {"customer_id": two},
        {"customer_id": one, "member": False},
        7,
    ]
    answer = await marketing.post(f"{path}/members/batch", {"items": items})
    results = answer.json()["results"]
    assert [each["result"] for each in results] == [
        "added", "unchanged", "unchanged", "rejected", "rejected", "added", "removed", "rejected",
    ]  # fmt: skip
    assert results[3]["problem"]["errors"][0]["pointer"] == "/body/items/3/customer_id"
    assert await members(marketing, path) == {two}


async def test_two_who_add_the_same_customer_at_once_add_it_once(system: System) -> None:
    marketing, path = await members_by_hand(system)
    one = (await a_customer(system))["id"]
    answers = await asyncio.gather(
        *(marketing.post(f"{path}/members", {"customer_id": one}) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len((await marketing.get(f"{path}/member-changes")).json()["items"]) == 1


async def test_nobody_is_put_by_hand_into_a_segment_that_a_filter_fills(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    body = {"name": secrets.token_hex(8), "kind": "dynamic", "filter": {"test": "and", "of": []}}
    path = f"/v1/segments/{(await marketing.post('/v1/segments', body)).json()['id']}"
    one = (await a_customer(system))["id"]
    assert (await marketing.post(f"{path}/members", {"customer_id": one})).status_code == 409
    for wrong in ({"kind": "static", "filter": {"test": "and", "of": []}}, {"kind": "dynamic"}):
        assert (await marketing.post("/v1/segments", {"name": "x"} | wrong)).status_code == 422


async def test_sales_see_of_a_segment_their_own_customers_only(system: System) -> None:
    seller, (marketing, path) = await system.staff(Role.SALES), await members_by_hand(system)
    own = (await a_customer(system, owner_id=seller.id))["id"]
    foreign = (await a_customer(system))["id"]
    for each in (own, foreign):
        await marketing.post(f"{path}/members", {"customer_id": each})
    assert await members(seller, path) == {own}
    assert await members(marketing, path) == {own, foreign}
    record = (await seller.get(f"{path}/member-changes")).json()["items"]
    assert [row["customer_id"] for row in record] == [own]
    assert (await seller.get(f"{path}/rfm")).json()["customers"] == 1
    scores = (await seller.get(f"{path}/rfm/customers")).json()["items"]
    assert [row["customer_id"] for row in scores] == [own]
    assert (await seller.get(f"{path}/sizes")).status_code == 403


async def test_every_wording_of_a_filter_stays_on_record(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    wordings = [{"test": "kind", "any_of": [kind]} for kind in ("person", "company")]
    body = {"name": secrets.token_hex(8), "kind": "dynamic", "filter": wordings[0]}
    path = f"/v1/segments/{(await marketing.post('/v1/segments', body)).json()['id']}"
    changed = await marketing.patch(path, {"filter": wordings[1]}, headers={"If-Match": '"1"'})
    assert (changed.json()["filter"], changed.json()["filter_version"]) == (wordings[1], 2)
    kept = (await marketing.get(f"{path}/versions")).json()
    assert [(row["filter_version"], row["filter"]) for row in kept] == [(2, wordings[1]), (1, wordings[0])]


async def test_a_snapshot_a_day_tells_the_size_and_who_came_and_went(empty_system: System) -> None:
    marketing, path = await members_by_hand(empty_system)
    ids = [(await a_customer(empty_system))["id"] for _ in range(3)]
    for each in ids[:2]:
        await marketing.post(f"{path}/members", {"customer_id": each})
    sessions = empty_system.database.sessions
    await asyncio.gather(*(worker.snapshot_segments(sessions) for _ in range(3)))
    await marketing.post(f"{path}/members", {"customer_id": ids[0], "member": False})
    await marketing.post(f"{path}/members", {"customer_id": ids[1], "member": False})
    await marketing.post(f"{path}/members", {"customer_id": ids[2]})
    await worker.snapshot_segments(sessions)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    clock.set_source(lambda: tomorrow)
    try:
        await worker.snapshot_segments(sessions)
    finally:
        clock.set_source(None)
    sizes = (await marketing.get(f"{path}/sizes")).json()["items"]
    assert [(row["size"], row["joined"], row["left"]) for row in sizes] == [(1, 1, 2), (2, 2, 0)]
