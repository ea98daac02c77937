"""How soon the law, or the house, wants something done: dated rows with their sources, not numbers in the code."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.privacy import LegalTerm


async def due(session: AsyncSession, code: str, since: datetime) -> datetime:
    """When the term that is in force ends, counted from `since`."""
    return since + await within(session, code)


async def within(session: AsyncSession, code: str) -> timedelta:
    """The term that is in force."""
    in_force = (
        select(LegalTerm.within)
        .where(LegalTerm.code == code, LegalTerm.valid_from <= func.current_date())
        .order_by(LegalTerm.valid_from.desc())
        .limit(1)
    )
    return (await session.execute(in_force)).scalar_one()
