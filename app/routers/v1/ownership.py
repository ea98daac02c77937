"""Who looks after customers."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from app.models.customer import Customer, CustomerGrant
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.customer import CustomerRead
from app.schemas.ownership import GrantCreate, GrantRead, HandedOver, HandOver, Transfer
from app.security import Principal
from app.services import ownership

router = CourierRouter(prefix="/customers", tags=["customers"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Giver = Annotated[Principal, holder_of(Scope.CUSTOMERS_ASSIGN)]


@router.post("/hand-over", summary="Hand all of one's customers over", response_model=HandedOver)
async def hand_over_customers(body: HandOver, actor: Giver, session: OnceSession) -> HandedOver:
    """5,000 at a time. In sales, managers and directors only."""
    return HandedOver(customers=await ownership.hand_over(session, actor, body))


@router.post("/{customer_id}/transfer", summary="Transfer a customer", response_model=CustomerRead)
async def transfer_customer(
    customer_id: UUID, body: Transfer, tag: Tag, actor: Giver, session: OnceSession
) -> Customer:
    """To another owner or team. In sales, managers and directors only."""
    customer = await ownership.transfer(session, actor, customer_id, body)
    tag.settle(customer.version)
    return customer


@router.get(
    "/{customer_id}/grants", summary="List to whom a customer is lent", response_model=list[GrantRead]
)
async def list_grants(customer_id: UUID, actor: Reader, session: Reading) -> Sequence[CustomerGrant]:
    """Those that hold at present."""
    return await ownership.grants(session, actor, customer_id)


@router.put("/{customer_id}/grants/{user_id}", summary="Lend a customer", response_model=GrantRead)
async def lend_customer(
    customer_id: UUID, user_id: UUID, body: GrantCreate, actor: Giver, session: Session
) -> CustomerGrant:
    """The colleague sees it from the next request on, until then."""
    return await ownership.lend(session, actor, customer_id, user_id, body)


@router.delete("/{customer_id}/grants/{user_id}", summary="Take a customer back", status_code=204)
async def take_customer_back(customer_id: UUID, user_id: UUID, actor: Giver, session: Session) -> None:
    """Counts from the colleague's next request on."""
    await ownership.take_back(session, actor, customer_id, user_id)
