"""Complaints, brought to where a test needs them."""

import secrets
from typing import Any
from uuid import UUID

from app.roles import Role
from tests.owner import owner
from tests.system import Caller, System, a_customer

ANSWER = {
    "finding": "分拨中心装卸时外箱受压",
    "liable_party": "carrier_hub",
    "root_cause": "handling",
    "remedy": "按实际损失赔偿 128 元",
    "text": "经核实，外箱在分拨中心受压，我司将赔偿 128 元并致歉。",
    "channel": "hotline",
}
NO = {"method": "call", "reached": True, "accepted": False, "note": "客户要求 300 元"}
YES = {"method": "call", "reached": True, "accepted": True}
UNREACHED = {"method": "call", "reached": False}
ENOUGH = {"reason": "两次答复后客户仍不认可", "means_exhausted": True, "told_of_appeal": True}


async def said(caller: Caller, complaint: str, verb: str, body: Any = None, status: int = 200) -> Any:
    answer = await caller.post(f"/v1/complaints/{complaint}/{verb}", {} if body is None else body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def an_answered(system: System, **fields: Any) -> str:
    """One that was answered; `fields` differ from the usual."""
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    body = {
        "category": "damage",
        "description": "外箱破损，茶叶罐变形",
        "remedy_sought": "赔偿",
        "severity": "low",
        "complainant": {
            "name": "李喆",
            "phone": f"1{secrets.randbelow(9 * 10**9) + 10**9}",
            "role": "recipient",
        },
    }
    made = await service.post("/v1/complaints", body | fields)
    assert made.status_code == 201, made.text
    complaint = str(made.json()["id"])
    await nobodys(system, complaint)
    await answered(system, complaint)
    return complaint


async def answered(system: System, complaint: str) -> None:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    if (await service.get(f"/v1/complaints/{complaint}")).json()["status"] != "investigating":
        await said(service, complaint, "investigate")
    await said(service, complaint, "answer", ANSWER)


async def reported(system: System, complaint: str) -> int:
    """Compose and confirm a report; says which version."""
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    version = (await said(service, complaint, "report", status=201))["version"]
    await said(service, complaint, "report/confirm", {"version": version})
    return int(version)


async def nobodys(system: System, complaint: str, handler: str | None = None) -> None:
    """Whoever the rule has found, it is this one's now, or nobody's."""
    async with owner(system) as connection:
        await connection.execute(
            "UPDATE complaints SET handler_id = $2 WHERE id = $1", UUID(complaint), handler and UUID(handler)
        )


async def days_ago(system: System, complaint: str, days: int) -> None:
    """As if it had been answered so many days ago."""
    async with owner(system) as connection:
        for table, columns in (("complaint_answers", "created_at"), ("complaints", "received_at")):
            key = "complaint_id" if table == "complaint_answers" else "id"
            await connection.execute(
                f"UPDATE {table} SET {columns} = {columns} - $2 * interval '1 day' WHERE {key} = $1",
                UUID(complaint),
                days,
            )


async def of_tier(system: System, tier: str | None) -> str:
    return str((await a_customer(system, tier=tier))["id"])
