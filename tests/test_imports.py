"""Customers from files: every row becomes a customer as anybody would enter it, or says what is wrong with it."""

import asyncio
import csv
import io
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.security import Role
from app.worker import run_job
from tests.system import Caller, System

HEAD = "客户名称,联系人,电话,省,市,区,地址,外部系统,外部编号\r\n"


def a_file(*rows: str, head: str = HEAD) -> bytes:
    return (head + "".join(f"{row}\r\n" for row in rows)).encode()


async def sent(caller: Caller, content: bytes, name: str = "客户.csv", **fields: str) -> httpx.Response:
    return await caller.post("/v1/imports", None, files={"file": (name, content)}, data=fields)


async def taken_in(system: System, content: bytes, name: str = "客户.csv", **fields: str) -> dict[str, Any]:
    """The import after the worker has done its work."""
    caller = await system.as_role(Role.MARKETING)
    answer = await sent(caller, content, name, **fields)
    assert answer.status_code == 202, answer.text
    await run_job(system.database.sessions, UUID(answer.json()["job_id"]))
    done = (await caller.get(f"/v1/imports/{answer.json()['id']}")).json()
    assert done["state"] == "done", done
    return dict(done)


def counts(done: dict[str, Any]) -> tuple[int, ...]:
    return tuple(done[name] for name in ("read", "created", "updated", "skipped", "failed"))


async def test_a_row_becomes_a_customer(empty_system: System) -> None:
    system = empty_system
    done = await taken_in(system, a_file("杭州顺丰茶业,王小明,１３８００００００００,浙江省,杭州市,西湖区,文三路 1 号,erp,E1"))
    assert counts(done) == (1, 1, 0, 0, 0)
    caller = await system.as_role(Role.MARKETING)
    found = (await caller.post("/v1/customers/search", {"q": "hangzhou", "phone": "13800000000"})).json()
    print(found)
    done = await taken_in(system, a_file("杭州顺丰茶业,王小明,１３８００００００００,浙江省,杭州市,西湖区,文三路 1 号,erp,E1"))
    assert counts(done) == (1, 0, 0, 1, 0)
    done = await taken_in(system, a_file("杭州顺丰,王小,13900000000,浙江省,杭州市,西湖区,文三路 1 号,erp,E1", "a,b", "x,y,bad,,,,,,", "Zürich,,,,,,,erp,E1"))
    assert counts(done) == (4, 0, 2, 0, 2), done
    e = await caller.get(f"/v1/imports/{done['id']}/errors")
    print(e.text)
    u = await caller.post(f"/v1/imports/{done['id']}/undo")
    assert u.status_code == 202, u.text
    job = await system.scalar("SELECT undo_job_id FROM import_files WHERE id = :i", i=UUID(done["id"]))
    await run_job(system.database.sessions, job)
    print((await caller.get(f"/v1/imports/{done['id']}")).json())
    print(await system.scalar("SELECT error FROM jobs WHERE id=:i", i=job))
