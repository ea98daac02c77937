"""Customers of whom nothing may be erased, and why."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.privacy import LegalHold
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.privacy import HoldCreate, HoldLift, HoldQuery, HoldRead
from app.security import Principal
from app.services import holds

router = CourierRouter(prefix="/legal-holds", tags=["privacy"])

Keeper = Annotated[Principal, holder_of(Scope.HOLDS_PLACE)]


@router.get("", summary="List legal holds", response_model=Page[HoldRead])
async def list_legal_holds(
    query: Annotated[HoldQuery, Query()], actor: Keeper, session: Reading
) -> dict[str, Any]:
    """The newest first."""
    return await paginate(session, holds.search(actor, query), query)


@router.post("", summary="Place a legal hold", status_code=201, response_model=HoldRead)
async def place_legal_hold(body: HoldCreate, tag: Tag, actor: Keeper, session: OnceSession) -> LegalHold:
    """Until it ends or is lifted nothing of the customer is erased, asked for or run out."""
    hold = await holds.place(session, actor, body)
    tag.settle(hold.version)
    return hold


@router.post("/{hold_id}/lift", summary="Lift a legal hold", response_model=HoldRead)
async def lift_legal_hold(
    hold_id: UUID, body: HoldLift, tag: Tag, actor: Keeper, session: OnceSession
) -> LegalHold:
    """It stays on record."""
    hold = await holds.lift(session, actor, hold_id, body)
    await session.flush()
    tag.settle(hold.version)
    return hold
