"""What happened and who looked, for the auditor."""

from typing import Annotated, Any

from fastapi import Query

from app.paging import Page, paginate
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.audit import AccessQuery, AccessRead, EventQuery, EventRead
from app.security import Principal, Scope
from app.services import accesses

router = CourierRouter(prefix="/audit", tags=["audit"])

Auditor = Annotated[Principal, holder_of(Scope.AUDIT_READ)]


@router.get("/accesses", summary="List logins and denials", response_model=Page[AccessRead])
async def list_accesses(
    query: Annotated[AccessQuery, Query()], _: Auditor, session: Reading
) -> dict[str, Any]:
    """The newest first."""
    return await paginate(session, accesses.search(query), query)


@router.get("/events", summary="List events", response_model=Page[EventRead])
async def list_audit_events(
    query: Annotated[EventQuery, Query()], _: Auditor, session: Reading
) -> dict[str, Any]:
    """The newest first; by kind or by subject."""
    return await paginate(session, accesses.search_events(query), query)
