"""What several tests do on the way to what they are about."""

import asyncio
from typing import Any

import httpx

from tests.system import Caller, System


async def pages(caller: Caller, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a list."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await caller.get(path, params={"limit": 200, **params, **cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json()["next_cursor"]}


async def batch(dispatch: Caller, items: list[Any], path: str = "tracking-events") -> list[dict[str, Any]]:
    """Push many at once; the results, one for each in its place."""
    answer = await dispatch.post(f"/v1/{path}/batch", {"items": items})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert [each["index"] for each in results] == list(range(len(items)))
    return results


def told(answer: httpx.Response) -> dict[str, Any]:
    """Status and body without what differs from request to request."""
    body = {name: value for name, value in answer.json().items() if name not in {"trace_id", "instance"}}
    return {"status": answer.status_code, **body}


async def until_waiting(system: System, task: asyncio.Task[Any]) -> None:
    """Until the task has ended, or somebody waits for a lock."""
    deadline = asyncio.get_running_loop().time() + 60
    while not task.done() and not await system.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
