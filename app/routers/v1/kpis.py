"""Figures, with what they are made of."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.routers.deps import CourierRoute, Session, holder_of
from app.schemas.kpi import OnTimeQuery, OnTimeRead
from app.security import Principal, Scope
from app.services import kpis

router = APIRouter(prefix="/kpis", tags=["kpis"], route_class=CourierRoute)

Reader = Annotated[Principal, holder_of(Scope.KPIS_READ)]


@router.get("/on_time/values", summary="On-time delivery", response_model=OnTimeRead)
async def read_on_time(query: Annotated[OnTimeQuery, Query()], _: Reader, session: Session) -> dict[str, Any]:
    """By promise date, raw and adjusted; what the adjustment leaves out is counted."""
    return await kpis.on_time(session, query)
