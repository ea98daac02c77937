"""Figures, with what they are made of."""

from typing import Annotated, Any

from fastapi import Query

from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.kpi import OnTimeQuery, OnTimeRead
from app.security import Principal
from app.services import kpis

router = CourierRouter(prefix="/kpis", tags=["kpis"])

Reader = Annotated[Principal, holder_of(Scope.KPIS_READ)]


@router.get("/on_time/values", summary="On-time delivery", response_model=OnTimeRead)
async def read_on_time(query: Annotated[OnTimeQuery, Query()], _: Reader, session: Reading) -> dict[str, Any]:
    """By promise date, raw and adjusted; what the adjustment leaves out is counted."""
    return await kpis.on_time(session, query)
