"""What the SPA needs to know about the person in front of it."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.account import Department, User
from app.models.code import Code
from app.security import Principal


async def read(session: AsyncSession, principal: Principal, language: str) -> dict[str, Any]:
    """The signed-in user with labelled roles and scopes."""
    user = await User.fetch(session, principal.id)
    label = Code.en if language == "en" else Code.zh
    labels = await session.execute(
        select(Code.code, label).where(Code.list == "role", Code.code.in_(user.roles))
    )
    department = await session.get(Department, user.department_id) if user.department_id else None
    return {
        "id": user.id,
        "kind": "user",
        "name": user.name,
        "roles": [{"code": code, "label": text} for code, text in labels],
        "scopes": sorted(principal.scopes),
        "department": department,
        "level": user.level,
        "superior_id": user.superior_id,
        "deputy_id": user.deputy_id,
    }
