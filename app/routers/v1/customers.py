"""Companies and persons the courier serves."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.errors import NotFound
from app.models.customer import Customer, CustomerState
from app.paging import Page, paginate
from app.routers.deps import EntityTag, IfMatch, OnceSession, Reading, Session, Tag, holder_of
from app.routers.problems import MovedTo
from app.routers.routes import CourierRouter
from app.schemas.customer import (
    CustomerChange,
    CustomerCreate,
    CustomerMove,
    CustomerQuery,
    CustomerRead,
    CustomerSearch,
    CustomerSummary,
)
from app.security import Principal, Scope
from app.services import customers, merges, views

router = CourierRouter(prefix="/customers", tags=["customers"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Writer = Annotated[Principal, holder_of(Scope.CUSTOMERS_WRITE)]


@router.get("", summary="List customers", response_model=Page[CustomerSummary])
async def list_customers(
    query: Annotated[CustomerQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """Sales see the customers they own, others all of them."""
    return await paginate(session, customers.listed(actor, query), query)


@router.post("/search", summary="Search customers", response_model=Page[CustomerSummary])
async def search_customers(body: CustomerSearch, actor: Reader, session: Reading) -> dict[str, Any]:
    """By name, code or phone. The terms travel in the body, so that they stand in no log."""
    statement, paging = customers.found(actor, body)
    return await paginate(session, statement, paging)


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


def _tagged(tag: EntityTag, customer: Customer) -> Customer:
    tag.settle(customer.version)
    return customer
