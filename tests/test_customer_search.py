"""Customers are found by what people know of them, in characters, pinyin and letters, and by nothing else."""

import secrets
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.models.customer import ContactPointKind
from app.roles import Role
from app.services import contact_points, customer_search, names, searches
from tests.owner import owner
from tests.system import Caller, System, a_customer, a_shipment
from tests.test_complaints import registered


async def found(caller: Caller, **terms: Any) -> set[str]:
    answer = await caller.post("/v1/customers/search", terms)
    assert answer.status_code == 200, answer.text
    return {row["id"] for row in answer.json()["items"]}


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("杭州青禾茶业有限公司", "青禾"),
        ("杭州青禾茶业有限公司", "禾茶业"),
        ("杭州青禾茶业有限公司", "青禾 杭州"),
        ("杭州青禾茶业有限公司", "qinghe"),
        ("杭州青禾茶业有限公司", "qinghechaye"),
        ("杭州青禾茶业有限公司", "QHCY"),
        ("杭州青禾茶业有限公司", "hangz"),
        ("重庆顺丰速运", "chongqing"),
        ("顺丰速运（集团）", "顺丰"),
        ("顺丰速运（集团）", "丰速"),
        ("欧阳娜娜", "娜"),
        ("Alpenblick Uhren AG, Zürich", "zurich"),
        ("Alpenblick Uhren AG, Zürich", "Zürich"),
        ("Alpenblick Uhren AG, Zürich", "alpen"),
        ("ＡＢＣ１２３贸易", "abc123"),
        ("方案设计", "fangan"),
    ],
)
async def test_a_name_is_found_however_it_is_typed(system: System, name: str, typed: str) -> None:
    mark = secrets.token_hex(5)
    made = await a_customer(system, name=f"{name} {mark}")
    marketing = await system.as_role(Role.MARKETING)
    assert await found(marketing, q=f"{typed} {mark}") == {made["id"]}


@pytest.mark.parametrize("typed", ["禾青", "qingha", "hqcy", "茶叶", "lpen", "丰顺"])
async def test_a_name_is_not_found_by_what_it_does_not_hold(system: System, typed: str) -> None:
    mark = secrets.token_hex(5)
    await a_customer(system, name=f"杭州青禾茶业 顺丰 Alpenblick {mark}")
    assert await found(await system.as_role(Role.MARKETING), q=f"{typed} {mark}") == set()


@example("0" * 4000)
@example("ẞ" * 2000 + " " + "㎒" * 1900)
@example("𠮷" * 4000)
@example("a " * 2000)
@given(st.text(max_size=60))
async def test_nothing_that_is_typed_breaks_the_search(system: System, typed: str) -> None:
    async with owner(system) as connection:
        await connection.fetchval("SELECT $1::text::tsquery", names.query(typed.replace("\0", "")))


HAN = st.text("杭州青禾茶业顺丰速运重庆王小明", min_size=2, max_size=12)


@given(st.text("0123456789abcdef", min_size=1, max_size=12))
async def test_a_word_of_letters_and_digits_finds_itself(system: System, word: str) -> None:
    """A parser of PostgreSQL's own would see numbers and powers of ten in it."""
    async with owner(system) as connection:
        found = "SELECT search_terms($1, '') @@ $2::text::tsquery"
        assert await connection.fetchval(found, f"顺丰 {word}", names.query(word))


@given(HAN, st.data())
async def test_any_two_neighbouring_characters_or_more_find_their_name(
    system: System, name: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(name) - 2))
    end = data.draw(st.integers(start + 2, len(name)))
    async with owner(system) as connection:
        assert await connection.fetchval(
            "SELECT search_terms($1, $2) @@ $3::text::tsquery",
            name,
            names.romanised(name),
            names.query(name[start:end]),
        )


@pytest.mark.parametrize("common", [1, searches.SAMPLE + 1], ids=["walked", "by index"])
async def test_what_many_of_the_newest_say_and_what_few_say_is_found_alike(
    system: System, monkeypatch: pytest.MonkeyPatch, common: int
) -> None:
    mark = secrets.token_hex(5)
    marketing = await system.as_role(Role.MARKETING)
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    made = [(await a_customer(system, name=f"青禾茶业 {mark} {number}"))["id"] for number in range(5)]
    said = [(await registered(service, description=f"锡盒破裂 {mark}"))["id"] for _ in range(2)]
    monkeypatch.setattr(searches, "COMMON", common)
    first = (await marketing.post("/v1/customers/search", {"q": f"青禾 {mark}", "limit": 3})).json()
    rest = {"q": f"青禾 {mark}", "limit": 3, "cursor": first["next_cursor"]}
    pages = [first, (await marketing.post("/v1/customers/search", rest)).json()]
    assert [row["id"] for page in pages for row in page["items"]] == made[::-1]
    complaints = (await service.post("/v1/complaints/search", {"q": f"锡盒 {mark}"})).json()["items"]
    assert [row["id"] for row in complaints] == said[::-1]


async def test_the_search_goes_by_the_index_with_plans_for_any_term_too(system: System) -> None:
    ending = customer_search._reached_at_ending("4711").compile(
        dialect=system.database.engine.dialect, compile_kwargs={"render_postcompile": True}
    )
    async with owner(system) as connection, connection.transaction():
        await connection.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan"
        )
        plan = await connection.fetch("EXPLAIN SELECT id FROM customers WHERE search @@ '''青禾'''::tsquery")
        await connection.execute(f"PREPARE ending AS {ending}")
        suffix = await connection.fetch("EXPLAIN EXECUTE ending('1174', '1174:')")
    assert "ix_customers_search" in str(plan)
    assert "Index Cond: ((reverse(normal) ~>=~" in str(suffix)


async def test_a_customer_is_found_by_contact_suffix_parcel_and_the_names_of_other_systems(
    system: System,
) -> None:
    marketing, digits = await system.as_role(Role.MARKETING), f"{secrets.randbelow(10**8):08d}"
    contact = f"欧阳{secrets.token_hex(4)}"
    made = await a_customer(
        system, contacts=[{"name": contact, "points": [{"kind": "phone", "value": f"+86 139 {digits}"}]}]
    )
    other = await a_customer(system, name="别家")
    shipment = await a_shipment(system, customer_id=made["id"])
    number = f"KH-{secrets.token_hex(4)}"
    body = {"system": "erp", "external_id": number}
    await marketing.post(f"/v1/customers/{made['id']}/external-ids", body)
    for terms in (
        {"contact": contact},
        {"phone": f"139{digits}"},
        {"phone": f"0086-139-{digits}"},
        {"phone_suffix": digits[-6:]},
        {"tracking_no": shipment["tracking_no"]},
        {"external_id": number},
        {"contact": contact, "phone_suffix": digits[-4:], "kind": made["kind"]},
    ):
        assert await found(marketing, **terms) == {made["id"]}, terms
        assert other["id"] not in await found(marketing, **terms)
    assert await found(marketing, contact=contact, tracking_no="SF0000000000000") == set()


async def test_facets_count_the_matches_by_each_field(empty_system: System) -> None:
    marketing = await empty_system.as_role(Role.MARKETING)
    for kind, tier in (("company", "large"), ("company", None), ("person", None)):
        await a_customer(empty_system, name="顺丰", kind=kind, tier=tier, code=None)
    await a_customer(empty_system, name="别家")
    answer = (await marketing.post("/v1/customers/search", {"q": "顺丰", "facets": True, "limit": 1})).json()
    counted = {(each["field"], each["value"]): each["count"] for each in answer["facets"]}
    assert counted == {
        ("kind", "company"): 2,
        ("kind", "person"): 1,
        ("state", "prospect"): 3,
        ("tier", "large"): 1,
        ("tier", None): 2,
        ("owner_id", None): 3,
    }
    assert len(answer["items"]) == 1
    assert (await marketing.post("/v1/customers/search", {"q": "顺丰"})).json()["facets"] is None


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("138 0000 0000", "+8613800000000"),
        ("１３８００００００００", "+8613800000000"),
        ("0086-13800000000", "+8613800000000"),
        ("0571-88888888", "+8657188888888"),
        ("+41 44 668 18 00", "+41446681800"),
        ("400-811-1111", "+864008111111"),
        ("95338", "95338"),
        ("12305", "12305"),
        ("10086", "10086"),
    ],
)
def test_a_number_is_the_same_number_however_it_is_written(written: str, normal: str) -> None:
    assert contact_points.normal(ContactPointKind.PHONE, written) == normal
    assert contact_points.is_service_number(normal) == (len(normal) <= 6)
