"""How soon the law wants something done: dated rows with their sources, not numbers in the code."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.privacy import LegalTerm


async def due(session: AsyncSession, code: str, since: datetime) -> datetime:
    """When the term that is in force ends, counted from `since`."""
    in_force = (
        select(LegalTerm.within)
        .where(LegalTerm.code == code, LegalTerm.valid_from <= func.current_date())
        .order_by(LegalTerm.valid_from.desc())
        .limit(1)
    )
    return since + (await session.execute(in_force)).scalar_one()
