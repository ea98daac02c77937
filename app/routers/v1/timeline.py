"""One story per customer, and what it shipped."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request

from app.paging import Page
from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.problems import language_of
from app.routers.routes import CourierRouter
from app.schemas.timeline import PurchaseQuery, PurchasesRead, TimelineEntry, TimelineQuery
from app.security import Principal
from app.services import timeline

router = CourierRouter(prefix="/customers/{customer_id}", tags=["customers"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]


@router.get("/timeline", summary="Read a customer's timeline", response_model=Page[TimelineEntry])
async def read_timeline(
    customer_id: UUID,
    query: Annotated[TimelineQuery, Query()],
    request: Request,
    actor: Reader,
    session: Reading,
) -> dict[str, Any]:
    """Everything that happened with it in any room of the house, the newest first."""
    return await timeline.read(session, actor, customer_id, query, language_of(request))


@router.get("/purchases", summary="Read what a customer shipped", response_model=PurchasesRead)
async def read_purchases(
    customer_id: UUID, query: Annotated[PurchaseQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """By month and service; freight is added up in each currency apart."""
    return await timeline.purchases(session, actor, customer_id, query)
