"""Customers that are one and the same are found, whoever writes them and however they are written."""

import asyncio
import secrets
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.models.customer import CustomerKind
from app.models.job import Job
from app.roles import Role
from app.services import clusters as clusters_service
from app.services.duplicates import blocking, compare, record
from app.worker.jobs import run_job
from tests.owner import owner
from tests.steps import pages
from tests.system import Caller, System

WEST_LAKE = {
    "province": "浙江省",
    "city": "杭州市",
    "district": "西湖区",
    "street": "龙井路８号",
    "detail": "2号楼301室",
}


def a_name() -> str:
    """Four characters that nobody else's name here has."""
    return "".join(chr(0x4E00 + secrets.randbelow(4000)) for _ in range(4))


async def made(
    caller: Caller, name: str, kind: str = "company", phone: str | None = None, **fields: Any
) -> Any:
    contacts = [{"name": "王小明", "phone": phone}] if phone else []
    return await caller.post("/v1/customers", {"name": name, "kind": kind, "contacts": contacts} | fields)


async def clusters(caller: Caller, customer_id: str) -> list[dict[str, Any]]:
    return await pages(caller, "/v1/customers/duplicates", customer_id=customer_id)


async def test_a_company_written_twice_is_a_cluster_and_both_stay(system: System) -> None:
    marketing, own = await system.as_role(Role.MARKETING), a_name()
    one = (await made(marketing, f"杭州{own}茶业有限公司")).json()
    other = await made(marketing, f"{own}茶業")
    assert other.status_code == 201
    (cluster,) = await clusters(marketing, one["id"])
    assert [each["id"] for each in cluster["customers"]] == [one["id"], other.json()["id"]]
    assert cluster["score"] == cluster["pairs"][0]["score"] > 0.5
    assert cluster["pairs"][0]["found_by"] == "create"


def a_phone() -> str:
    return f"139{secrets.randbelow(10**8):08d}"


async def changed(caller: Caller, customer: dict[str, Any], **fields: Any) -> Any:
    path = f"/v1/customers/{customer['id']}"
    return await caller.patch(path, fields, headers={"If-Match": f'"{customer["version"]}"'})


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("杭州{}茶业有限公司", "{}茶業", True),
        ("杭州{}茶业有限公司", "杭州{}茶叶有限责任公司", True),
        ("杭州{}茶业有限公司", "宁波{}茶业有限公司", False),
        ("杭州{}茶业有限公司", "杭州{}科技有限公司", False),
        ("Alpenblick {} AG, Zürich", "ALPENBLICK {} GmbH Zurich", True),
    ],
)
def test_names_are_compared_without_place_and_form(one: str, other: str, alike: bool) -> None:  # noqa: FBT001  # of a table
    own = "青禾" if "茶" in one else "Uhren"
    records = [record.made(CustomerKind.COMPANY, name.format(own)) for name in (one, other)]
    assert (compare.score(*records) >= compare.threshold()) is alike
    assert not alike or set(blocking.keys(records[0])) & set(blocking.keys(records[1]))


@settings(max_examples=50)
@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(CustomerKind))
def test_any_two_names_have_a_score_whichever_comes_first(one: str, other: str, kind: CustomerKind) -> None:
    a, b = record.made(kind, one), record.made(kind, other)
    assert 0 <= compare.score(a, b) <= 1
    assert compare.score(a, b) == pytest.approx(compare.score(b, a))
    assert blocking.keys(a) == sorted(set(blocking.keys(a)))
    assert compare.score(a, a) >= compare.score(a, b) - 1e-9 or not (a.name.core and b.name.core)


async def test_a_person_is_told_by_a_number_however_it_is_written(system: System) -> None:
    marketing, phone = await system.as_role(Role.MARKETING), a_phone()
    one = (await made(marketing, "王小明", "person", phone)).json()
    wide = "+86 " + phone[:3] + "-" + phone[3:]
    other = (await made(marketing, "王晓明先生", "person", wide)).json()
    namesake = (await made(marketing, "王小明", "person", a_phone())).json()
    (cluster,) = await clusters(marketing, one["id"])
    assert {each["id"] for each in cluster["customers"]} == {one["id"], other["id"]}
    assert await clusters(marketing, namesake["id"]) == []


async def test_a_check_answers_what_making_it_would_find_and_stores_nothing(system: System) -> None:
    marketing, own = await system.as_role(Role.MARKETING), a_name()
    one = (await made(marketing, f"杭州{own}茶业有限公司", addresses=[WEST_LAKE])).json()
    body = {"name": f"{own}茶业", "kind": "company", "addresses": [WEST_LAKE]}
    count = "SELECT count(*) FROM customers"
    before = await system.scalar(count)
    best, *_ = (await marketing.post("/v1/customers/duplicates/check", body)).json()["items"]
    assert (best["customer"]["id"], await system.scalar(count)) == (one["id"], before)
    assert best["score"] > 0.9
    body["kind"] = "person"
    assert (await marketing.post("/v1/customers/duplicates/check", body)).json()["items"] == []


async def test_whoever_refuses_duplicates_is_told_of_those_they_may_see_and_no_others(system: System) -> None:
    marketing, own = await system.as_role(Role.MARKETING), a_name()
    one, two = await system.staff(Role.SALES), await system.staff(Role.SALES)
    mine = (await made(one, f"杭州{own}茶业有限公司")).json()
    body: dict[str, Any] = {"refuse_duplicates": True}
    for caller in (one, marketing):
        refused = await made(caller, f"{own}茶业", **body)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/duplicate")
        (candidate,) = refused.json()["candidates"]
        assert candidate.keys() == {"customer_id", "score"}
        assert candidate["customer_id"] == mine["id"]
    theirs = await made(two, f"{own}茶业", **body)
    assert theirs.status_code == 201
    assert await clusters(one, mine["id"]) == await clusters(two, theirs.json()["id"]) == []
    assert len(await clusters(marketing, mine["id"])) == 1


async def test_of_two_who_make_the_same_customer_at_once_exactly_one_wins(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    for _ in range(10):
        names = [f"杭州{(own := a_name())}茶业有限公司", f"杭州{own}茶业公司"] * 2
        answers = await asyncio.gather(*(made(marketing, name, refuse_duplicates=True) for name in names))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_change_makes_a_pair_and_takes_it_back(system: System) -> None:
    marketing, own = await system.as_role(Role.MARKETING), a_name()
    one, other = [(await made(marketing, f"{name}茶业有限公司")).json() for name in (own, a_name())]
    renamed = (await changed(marketing, other, name=f"{own}茶业")).json()
    (cluster,) = await clusters(marketing, one["id"])
    assert cluster["pairs"][0]["found_by"] == "change"
    refused = await changed(marketing, renamed, name=f"{own}茶叶", refuse_duplicates=True)
    assert refused.status_code == 409
    await changed(marketing, renamed, name=f"{a_name()}贸易")
    assert await clusters(marketing, one["id"]) == []


async def test_those_told_apart_are_never_proposed_again(empty_system: System) -> None:
    marketing, own = await empty_system.as_role(Role.MARKETING), a_name()
    one, other = [(await made(marketing, f"杭州{own}茶业有限公司")).json() for _ in range(2)]
    body = {"one_id": other["id"], "other_id": one["id"], "reason": "同名的两家公司"}
    told = (await marketing.post("/v1/customers/duplicates/dismiss", body)).json()
    assert (told["one_id"], told["dismissed_by"]) == (one["id"], marketing.id)
    again = (await changed(marketing, other, name=f"杭州{own}茶叶有限公司")).json()
    await scanned(empty_system)
    assert await clusters(marketing, one["id"]) == []
    third = (await made(marketing, f"{own}茶业有限公司")).json()
    (cluster,) = await clusters(marketing, third["id"])
    ids = [sorted([pair["one_id"], pair["other_id"]]) for pair in cluster["pairs"]]
    assert ids == [sorted([each, third["id"]]) for each in (one["id"], again["id"])]
    await marketing.post(f"/v1/customers/{third['id']}/merge", {"merged_id": one["id"]})
    await scanned(empty_system)
    assert await clusters(marketing, third["id"]) == []


async def scanned(system: System) -> Any:
    """Run the scan to its end; whatever was queued for the worker of a real system is done here."""
    marketing = await system.as_role(Role.MARKETING)
    job = (await marketing.post("/v1/customers/duplicates/scan")).json()
    again = (await marketing.post("/v1/customers/duplicates/scan")).json()
    assert again["id"] == job["id"]
    await run_job(system.database.sessions, job["id"])
    return job["id"]


async def test_a_scan_finds_what_was_written_past_the_application_and_goes_on_where_it_was(
    empty_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters_service, "STEP", 2)
    marketing = await empty_system.as_role(Role.MARKETING)
    made_ = [(await made(marketing, f"{name}茶业有限公司")).json()["id"] for name in "青青山水火风雷"]
    async with owner(empty_system) as connection:
        await connection.execute("DELETE FROM duplicate_pairs; DELETE FROM duplicate_keys")
    job = (await marketing.post("/v1/customers/duplicates/scan")).json()
    async with empty_system.database.sessions.begin() as session:
        row = (await session.scalars(select(Job))).one()
        assert await clusters_service.scan_step(session, row) is True
        assert (row.done, row.total) == (2, 7)
    await run_job(empty_system.database.sessions, job["id"])
    done = "SELECT state || done FROM jobs"
    assert await empty_system.scalar(done) == "done7"
    (cluster,) = await clusters(marketing, made_[0])
    assert [each["id"] for each in cluster["customers"]] == made_[:2]
    assert cluster["pairs"][0]["found_by"] == "scan"
    assert len(await pages(marketing, "/v1/customers/duplicates")) == 1
    assert await empty_system.scalar("SELECT count(DISTINCT customer_id) FROM duplicate_keys") == 7


async def test_a_key_says_nothing_of_whom_it_is(system: System) -> None:
    kinds = "SELECT string_agg(data_type, ',') FROM information_schema.columns WHERE table_name = 'duplicate_keys'"
    assert set((await system.scalar(kinds)).split(",")) == {"bigint", "uuid"}


async def test_whatever_a_customer_is_known_by_is_noted_when_it_changes(system: System) -> None:
    marketing, name = await system.as_role(Role.MARKETING), a_name()[:3]
    one, other = [(await made(marketing, name, kind="person")).json()["id"] for _ in range(2)]
    path, phone = "/v1/customers/{}/contacts", f"139{secrets.randbelow(10**8):08d}"

    async def known() -> int:
        answer = await marketing.get("/v1/customers/duplicates", params={"customer_id": one})
        return len(answer.json()["items"])

    assert await known() == 0
    for each in (one, other):
        added = await marketing.post(path.format(each), {"name": "王小明", "phone": phone})
        assert added.status_code == 201, added.text
    assert await known() == 1
    contact = f"{path.format(other)}/{added.json()['id']}"
    points = {"points": [{"kind": "phone", "value": "13700001111"}]}
    changed = await marketing.patch(contact, points, headers={"If-Match": added.headers["etag"]})
    assert (changed.status_code, await known()) == (200, 0)
    for each in (one, other):
        place = await marketing.post(f"/v1/customers/{each}/addresses", WEST_LAKE)
        assert place.status_code == 201, place.text
    assert await known() == 1
