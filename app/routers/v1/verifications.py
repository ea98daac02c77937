"""How fresh customers' data are, and who confirms them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.verification import (
    CustomerVerificationRead,
    CustomerVerify,
    VerificationQuery,
    VerificationRead,
)
from app.security import Principal
from app.services import verification

router = CourierRouter(tags=["verification"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Verifier = Annotated[Principal, holder_of(Scope.CUSTOMERS_VERIFY)]


@router.get("/verifications", summary="List what is to be confirmed", response_model=Page[VerificationRead])
async def list_verifications(
    query: Annotated[VerificationQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """A row for each customer and department, the most overdue first, or the stalest with `sort=-staleness`."""
    return await paginate(session, verification.listed(actor, query), query)


@router.get(
    "/customers/{customer_id}/verification",
    summary="Read how fresh a customer's data are",
    response_model=CustomerVerificationRead,
)
async def get_customer_verification(customer_id: UUID, actor: Reader, session: Reading) -> dict[str, Any]:
    """Field by field when, how and by whom it was confirmed; and whose turn it is when."""
    return await verification.view(session, actor, customer_id)


@router.post(
    "/customers/{customer_id}/verify",
    summary="Confirm fields of a customer",
    response_model=CustomerVerificationRead,
)
async def verify_customer(
    customer_id: UUID, body: CustomerVerify, actor: Verifier, session: OnceSession
) -> dict[str, Any]:
    """Keeps one confirmation for each field and ends the tasks that asked for them."""
    return await verification.confirm(session, actor, customer_id, body)
