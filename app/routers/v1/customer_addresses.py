"""Places of customers, one by one."""

from typing import Annotated
from uuid import UUID

from app.models.customer import CustomerAddress
from app.roles import Scope
from app.routers.deps import OnceSession, Session, holder_of
from app.routers.routes import CourierRouter
from app.schemas.customer import CustomerAddressCreate, CustomerAddressRead
from app.security import Principal
from app.services import customer_addresses

router = CourierRouter(prefix="/customers/{customer_id}/addresses", tags=["customers"])

Writer = Annotated[Principal, holder_of(Scope.CUSTOMERS_WRITE)]


@router.post("", summary="Add an address", status_code=201, response_model=CustomerAddressRead)
async def add_address(
    customer_id: UUID, body: CustomerAddressCreate, actor: Writer, session: OnceSession
) -> CustomerAddress:
    """Answered masked; it is read with its customer."""
    return await customer_addresses.add(session, actor, customer_id, body)


@router.put("/{address_id}", summary="Replace an address", response_model=CustomerAddressRead)
async def replace_address(
    customer_id: UUID, address_id: UUID, body: CustomerAddressCreate, actor: Writer, session: Session
) -> CustomerAddress:
    """Whole: what is left out is gone."""
    return await customer_addresses.replace(session, actor, customer_id, address_id, body)


@router.delete("/{address_id}", summary="Remove an address", status_code=204)
async def remove_address(customer_id: UUID, address_id: UUID, actor: Writer, session: Session) -> None:
    """From the customer; shipments keep theirs."""
    await customer_addresses.remove(session, actor, customer_id, address_id)
