"""What tests of segments have in common."""

import secrets
from typing import Any

from app.roles import Role
from tests.owner import owner
from tests.system import Caller, System


async def put(system: System, statement: str, *arguments: Any) -> None:
    async with owner(system) as connection:
        await connection.execute(statement, *arguments)


async def members_by_hand(system: System) -> tuple[Caller, str]:
    """Somebody of marketing and the path of a new static segment."""
    marketing = await system.as_role(Role.MARKETING)
    made = await marketing.post("/v1/segments", {"name": secrets.token_hex(8), "kind": "static"})
    return marketing, f"/v1/segments/{made.json()['id']}"
