"""Sums with working time."""

import asyncio
from datetime import datetime
from typing import Annotated

from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.calculation import CalculationRequest, DueRead, ElapsedRead
from app.security import Principal
from app.services.clocks import calculation

router = CourierRouter(prefix="/clocks", tags=["clocks"])

Reckoner = Annotated[Principal, holder_of(Scope.CLOCKS_CALCULATE)]


@router.post("/calculate", summary="Calculate with working time", response_model=DueRead | ElapsedRead)
async def calculate_clock(
    body: CalculationRequest, _: Reckoner, _admitted: Reading
) -> dict[str, datetime | int | float]:
    """By a calendar of your own: when something is due, or how much working time has passed. Stores nothing."""
    return await asyncio.to_thread(calculation.calculate, body)
