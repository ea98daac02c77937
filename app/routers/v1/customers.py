"""Companies and persons the courier serves."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.errors import NotFound
from app.models.customer import Customer, CustomerState
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import EntityTag, IfMatch, OnceSession, Reading, Session, SettingsOf, Tag, holder_of
from app.routers.problems import MovedTo
from app.routers.routes import CourierRouter
from app.schemas.customer import (
    CustomerChange,
    CustomerCreate,
    CustomerMove,
    CustomerQuery,
    CustomerRead,
    CustomerSearch,
    CustomersFound,
    CustomerSummary,
)
from app.schemas.reveal import CustomerWhole, Reveal
from app.security import Principal
from app.services import customer_search, customers, merges, reveals, views

router = CourierRouter(prefix="/customers", tags=["customers"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Writer = Annotated[Principal, holder_of(Scope.CUSTOMERS_WRITE)]
Revealer = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ, Scope.CUSTOMERS_PII)]


@router.get("", summary="List customers", response_model=Page[CustomerSummary])
async def list_customers(
    query: Annotated[CustomerQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """Sales see the customers they own, others all of them."""
    return await paginate(session, customers.listed(actor, query), query)


@router.post("/search", summary="Search customers", response_model=CustomersFound)
async def search_customers(body: CustomerSearch, actor: Reader, session: Reading) -> dict[str, Any]:
    """By what people know of them, in characters, pinyin or letters. The terms stand in no log."""
    return await customer_search.search(session, actor, body)


@router.post("", summary="Create a customer", status_code=201, response_model=CustomerRead)
async def create_customer(body: CustomerCreate, tag: Tag, actor: Writer, session: OnceSession) -> Customer:
    """A code that another customer has is a conflict."""
    return _tagged(tag, await customers.create(session, actor, body))


@router.get(
    "/{customer_id}",
    summary="Read a customer",
    response_model=CustomerRead,
    responses={
        308: {"description": "It was merged; the customer that it has become a part of is at Location"}
    },
)
async def get_customer(customer_id: UUID, tag: Tag, actor: Reader, session: Reading) -> dict[str, Any]:
    """Contacts and addresses are masked. One that was merged leads to the other."""
    try:
        customer = await views.customer(session, actor, customer_id)
    except NotFound:
        raise MovedTo(f"/v1/customers/{await merges.successor(session, actor, customer_id)}") from None
    tag.settle(customer["version"])
    return customer


@router.patch("/{customer_id}", summary="Change a customer", response_model=CustomerRead)
async def change_customer(
    customer_id: UUID,
    body: CustomerChange,
    *,
    actor: Writer,
    version: IfMatch,
    tag: Tag,
    session: Session,
) -> Customer:
    """A list, where given, replaces the whole list."""
    return _tagged(tag, await customers.change(session, actor, customer_id, body, version))


@router.post("/{customer_id}/activate", summary="Count a customer as active", response_model=CustomerRead)
async def activate_customer(
    customer_id: UUID, body: CustomerMove, tag: Tag, actor: Writer, session: OnceSession
) -> Customer:
    """It ships with us, or does so again."""
    return _tagged(tag, await customers.move(session, actor, customer_id, CustomerState.ACTIVE, body))


@router.post("/{customer_id}/rest", summary="Count a customer as dormant", response_model=CustomerRead)
async def rest_customer(
    customer_id: UUID, body: CustomerMove, tag: Tag, actor: Writer, session: OnceSession
) -> Customer:
    """It has not shipped for a while."""
    return _tagged(tag, await customers.move(session, actor, customer_id, CustomerState.DORMANT, body))


@router.post("/{customer_id}/lose", summary="Count a customer as lost", response_model=CustomerRead)
async def lose_customer(
    customer_id: UUID, body: CustomerMove, tag: Tag, actor: Writer, session: OnceSession
) -> Customer:
    """It ships with somebody else, or not at all."""
    return _tagged(tag, await customers.move(session, actor, customer_id, CustomerState.LOST, body))


@router.post("/{customer_id}/close", summary="Close a customer", response_model=CustomerRead)
async def close_customer(
    customer_id: UUID, body: CustomerMove, tag: Tag, actor: Writer, session: OnceSession
) -> Customer:
    """The house does no business with it any more; the record stays."""
    return _tagged(tag, await customers.move(session, actor, customer_id, CustomerState.CLOSED, body))


@router.post("/{customer_id}/reveal", summary="Look behind the mask", response_model=CustomerWhole)
async def reveal_customer(
    customer_id: UUID, body: Reveal, actor: Revealer, session: Session, settings: SettingsOf
) -> dict[str, Any]:
    """One customer unmasked. Who looked, and why, is written down; so many looks a day."""
    return await reveals.customer(session, actor, customer_id, body.reason, settings.reveals_per_day)


def _tagged(tag: EntityTag, customer: Customer) -> Customer:
    tag.settle(customer.version)
    return customer
