"""Customers that are one and the same are found, whoever writes them and however they are written."""

import asyncio
import secrets
from typing import Any

import pytest

from app.security import Role
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


async def made(caller: Caller, name: str, kind: str = "company", phone: str | None = None, **fields: Any) -> Any:
    contacts = [{"name": "王小明", "phone": phone}] if phone else []
    answer = await caller.post("/v1/customers", {"name": name, "kind": kind, "contacts": contacts} | fields)
    return answer


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
