"""What happened and who looked, for the auditor."""

from typing import Annotated, Any

from fastapi import Query

from app.paging import ListQuery, Page, paginate
from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.audit import (
    AccessQuery,
    AccessRead,
    EventQuery,
    EventRead,
    SealRead,
    SealVerification,
    VerifySeals,
)
from app.security import Principal
from app.services import accesses, seals

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


@router.get("/seals", summary="List seals", response_model=Page[SealRead])
async def list_seals(query: Annotated[ListQuery, Query()], _: Auditor, session: Reading) -> dict[str, Any]:
    """The newest first. Each covers up to 1,000 accesses or events and the seal before."""
    return await paginate(session, seals.search(), query)


@router.post("/seals/verify", summary="Verify the audit trail", response_model=SealVerification)
async def verify_seals(body: VerifySeals, _: Auditor, session: Reading) -> seals.Verification:
    """Compares every row with its seal, and each seal with the one before. Go on with `next_number`."""
    known = (body.known.number, body.known.sha256) if body.known else None
    return await seals.verify(session, body.from_number, body.limit, known)
