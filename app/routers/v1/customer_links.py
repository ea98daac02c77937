"""How customers belong together, and what else they are called."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path

from app.models.customer import CustomerLinkKind, ExternalId
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Session, holder_of
from app.routers.routes import CourierRouter
from app.schemas.base import TrackingNo, Word
from app.schemas.customer_link import CustomerLinkRead, ExternalIdCreate, ExternalIdRead
from app.security import Principal
from app.services import customer_links

router = CourierRouter(prefix="/customers/{customer_id}", tags=["customers"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Writer = Annotated[Principal, holder_of(Scope.CUSTOMERS_WRITE)]


@router.get("/links", summary="List linked customers", response_model=list[CustomerLinkRead])
async def list_customer_links(customer_id: UUID, actor: Reader, session: Reading) -> list[dict[str, Any]]:
    """Parent, branches, payer and places to ship to, whichever of the two named the other."""
    return await customer_links.read(session, actor, customer_id)


@router.put("/links/{kind}/{other_id}", summary="Link two customers", status_code=204)
async def link_customers(
    customer_id: UUID, kind: CustomerLinkKind, other_id: UUID, actor: Writer, session: Session
) -> None:
    """A customer has one parent and one payer: another takes the place. A circle of parents is a conflict."""
    await customer_links.put(session, actor, customer_id, kind, other_id)


@router.delete("/links/{kind}/{other_id}", summary="Unlink two customers", status_code=204)
async def unlink_customers(
    customer_id: UUID, kind: CustomerLinkKind, other_id: UUID, actor: Writer, session: Session
) -> None:
    """The link goes; both customers stay."""
    await customer_links.remove(session, actor, customer_id, kind, other_id)


@router.get("/external-ids", summary="List a customer's external ids", response_model=list[ExternalIdRead])
async def list_external_ids(customer_id: UUID, actor: Reader, session: Reading) -> Sequence[ExternalId]:
    """What other systems call it."""
    return await customer_links.external_ids(session, actor, customer_id)


@router.post("/external-ids", summary="Add an external id", status_code=201, response_model=ExternalIdRead)
async def add_external_id(
    customer_id: UUID, body: ExternalIdCreate, actor: Writer, session: OnceSession
) -> ExternalId:
    """One that a customer has already is a conflict."""
    return await customer_links.add_external_id(session, actor, customer_id, body)


@router.delete("/external-ids/{system}/{external_id}", summary="Remove an external id", status_code=204)
async def remove_external_id(
    customer_id: UUID,
    system: Annotated[Word, Path()],
    external_id: Annotated[TrackingNo, Path()],
    actor: Writer,
    session: Session,
) -> None:
    """That system's records are found by it no more."""
    await customer_links.remove_external_id(session, actor, customer_id, system, external_id)
