"""Files of customers, and what the worker makes of them."""

import csv
import io
from typing import Any
from uuid import UUID

import httpx

from app.roles import Role
from app.worker import run_job
from tests.system import Caller, System

HEADINGS = "客户名称,联系人,电话,省,市,区,地址,外部系统,外部编号"
ROW = "杭州顺丰茶业有限公司,王小明,13800000000,浙江省,杭州市,西湖区,文三路 1 号,erp,{}"


def a_file(*rows: str, headings: str = HEADINGS, end: str = "\r\n") -> bytes:
    return end.join([headings, *rows, ""]).encode()


async def sent(caller: Caller, content: bytes, name: str = "客户.csv", **fields: str) -> httpx.Response:
    headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
    return await caller.request(
        "POST", "/v1/imports", files={"file": (name, content)}, data=fields, headers=headers
    )


async def begun(system: System, content: bytes, name: str = "客户.csv", **fields: str) -> dict[str, Any]:
    answer = await sent(await system.as_role(Role.MARKETING), content, name, **fields)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def taken_in(system: System, content: bytes, name: str = "客户.csv", **fields: str) -> dict[str, Any]:
    """The import after the worker has done its work."""
    made = await begun(system, content, name, **fields)
    await run_job(system.database.sessions, UUID(made["job_id"]))
    done = await read(system, made["id"])
    assert done["state"] == "done", done
    return done


async def read(system: System, import_id: str) -> dict[str, Any]:
    return dict((await (await system.as_role(Role.MARKETING)).get(f"/v1/imports/{import_id}")).json())


async def taken_back(system: System, import_id: str) -> dict[str, Any]:
    answer = await (await system.as_role(Role.MARKETING)).post(f"/v1/imports/{import_id}/undo")
    assert answer.status_code == 202, answer.text
    job_id = await system.scalar("SELECT undo_job_id FROM import_files WHERE id = :id", id=UUID(import_id))
    await run_job(system.database.sessions, job_id)
    done = await read(system, import_id)
    assert done["undo_state"] == "done", done
    return done


def counts(done: dict[str, Any]) -> dict[str, int]:
    """What became of the rows, without what became of none."""
    return {
        name: done[name]
        for name in ("created", "updated", "skipped", "failed", "removed", "restored", "kept")
        if done[name]
    }


async def errors(system: System, import_id: str, language: str = "en") -> list[tuple[str, ...]]:
    """The rows of the file of errors, its headings left out."""
    caller = await system.as_role(Role.MARKETING)
    answer = await caller.get(f"/v1/imports/{import_id}/errors", headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    return [tuple(row) for row in rows[1:]]


async def customer_of(system: System, external_id: str) -> dict[str, Any]:
    """The customer whom system `erp` calls so."""
    found = await system.scalar(
        "SELECT customer_id FROM external_ids WHERE system = 'erp' AND external_id = :id", id=external_id
    )
    caller = await system.as_role(Role.MARKETING)
    return dict((await caller.get(f"/v1/customers/{found}")).json())
