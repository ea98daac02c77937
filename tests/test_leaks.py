"""Everybody may report a leak; none is told or closed before everything is known that the law wants said."""

from typing import Any

import pytest

from app.roles import MACHINE_ROLES, Role
from tests.system import Caller, System, a_customer

SEEN = {"description": "在公共群里看到客户的收件地址截图", "discovered_at": "2026-11-20T09:00:00+08:00"}
KNOWN = {
    "grade": "larger",
    "kinds": ["姓名", "收件地址"],
    "cause": "账号被盗用",
    "harm": "冒名来电",
    "measures": "冻结账号",
    "advice": "勿信来电",
    "contact": "95338",
    "authority_told_at": "2026-11-20T11:00:00+08:00",
    "people_told_at": "2026-11-20T20:00:00+08:00",
    "finding": "外包人员截图外传",
}


async def reported(system: System) -> tuple[Caller, str]:
    """Who handles it, and the path of a leak that operations saw."""
    made = await (await system.as_role(Role.OPERATIONS)).post("/v1/leak-incidents", SEEN)
    assert made.status_code == 201, made.text
    return await system.as_role(Role.EXECUTIVE), f"/v1/leak-incidents/{made.json()['id']}"


async def change(caller: Caller, path: str, **fields: Any) -> dict[str, Any]:
    tag = (await caller.get(path)).headers["ETag"]
    answer = await caller.patch(path, fields, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("role", sorted(set(Role) - MACHINE_ROLES))
async def test_every_member_of_staff_may_report_one(system: System, role: Role) -> None:
    made = await (await system.as_role(role)).post("/v1/leak-incidents", SEEN)
    assert (made.status_code, made.json()["state"]) == (201, "reported")
    handles = role in {Role.AUDITOR, Role.EXECUTIVE}
    read = await (await system.as_role(role)).get(f"/v1/leak-incidents/{made.json()['id']}")
    assert read.status_code == (200 if handles else 403)


async def test_the_authority_must_know_within_four_hours_of_all_but_general_ones(system: System) -> None:
    handler, path = await reported(system)
    assert (await handler.get(path)).json()["due_at"] is None
    for grade, due in (
        ("larger", "2026-11-20T05:00:00Z"),
        ("general", None),
        ("especially_major", "2026-11-20T05:00:00Z"),
    ):
        assert (await change(handler, path, grade=grade))["due_at"] == due


@pytest.mark.parametrize("left_out", [*sorted(KNOWN), None])
async def test_what_the_law_wants_said_and_is_missing_is_named(system: System, left_out: str | None) -> None:
    handler, path = await reported(system)
    for verb in ("investigate", "contain"):
        assert (await handler.post(f"{path}/{verb}")).status_code == 200
    await change(handler, path, **{name: value for name, value in KNOWN.items() if name != left_out})
    answers = [await handler.post(f"{path}/{verb}") for verb in ("notify", "close")]
    if left_out is None:
        assert [answer.status_code for answer in answers] == [200, 200]
    elif left_out == "finding":
        assert [answer.status_code for answer in answers] == [200, 409]
        assert answers[1].json()["missing"] == ["finding"]
    else:
        assert answers[0].status_code == 409
        assert answers[0].json()["missing"] == [left_out]
        assert left_out in answers[0].json()["detail"]


async def test_people_need_not_be_told_where_the_harm_was_averted_and_it_says_so(system: System) -> None:
    handler, path = await reported(system)
    for verb in ("investigate", "contain"):
        await handler.post(f"{path}/{verb}")
    await change(handler, path, **KNOWN | {"people_told_at": None})
    assert (await handler.post(f"{path}/notify")).json()["missing"] == ["people_told_at"]
    await change(handler, path, untold_because="截图已收回，未被他人查看")
    assert (await handler.post(f"{path}/notify")).status_code == 200


async def test_who_looked_at_the_customers_of_a_leak_is_listed(system: System) -> None:
    handler, path = await reported(system)
    touched, other = await a_customer(system), await a_customer(system)
    service = await system.staff(Role.CUSTOMER_SERVICE)
    for each in (touched, other):
        await service.post(f"/v1/customers/{each['id']}/reveal", {"reason": "核对地址"})
    known = await change(handler, path, customer_ids=[touched["id"], touched["id"]])
    assert known["customer_ids"] == [touched["id"]]
    rows = (await handler.get(f"{path}/accesses")).json()["items"]
    assert [(row["principal_id"], row["customer_id"]) for row in rows] == [(service.id, touched["id"])]
    found = (await handler.get("/v1/leak-incidents", params={"customer_id": touched["id"]})).json()["items"]
    assert [row["id"] for row in found] == [known["id"]]
