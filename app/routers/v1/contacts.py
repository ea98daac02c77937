"""People one talks to at customers."""

from typing import Annotated
from uuid import UUID

from app.models.customer import CustomerContact
from app.roles import Scope
from app.routers.deps import IfMatch, OnceSession, Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.contact import ContactChange, ContactCreate, ContactRead, ContactRole
from app.security import Principal
from app.services import contacts

router = CourierRouter(prefix="/customers/{customer_id}/contacts", tags=["contacts"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Writer = Annotated[Principal, holder_of(Scope.CUSTOMERS_WRITE)]


@router.post("", summary="Add a contact", status_code=201, response_model=ContactRead)
async def add_contact(
    customer_id: UUID, body: ContactCreate, tag: Tag, actor: Writer, session: OnceSession
) -> CustomerContact:
    """Somebody who was not known before; who is known from another customer is joined instead."""
    held = await contacts.add(session, actor, customer_id, body)
    tag.settle(held.version)
    return held


@router.get("/{contact_id}", summary="Read a contact", response_model=ContactRead)
async def get_contact(
    customer_id: UUID, contact_id: UUID, tag: Tag, actor: Reader, session: Reading
) -> CustomerContact:
    """Masked, with every way to reach the person."""
    held = await contacts.get(session, actor, customer_id, contact_id)
    tag.settle(held.version)
    return held


@router.post(
    "/{contact_id}/join", summary="Make a known person a contact", status_code=201, response_model=ContactRead
)
async def join_contact(
    customer_id: UUID, contact_id: UUID, body: ContactRole, actor: Writer, session: OnceSession
) -> CustomerContact:
    """One person, several customers: a new number is new at all of them."""
    return await contacts.join(session, actor, customer_id, contact_id, body)


@router.patch("/{contact_id}", summary="Change a contact", response_model=ContactRead)
async def change_contact(
    customer_id: UUID,
    contact_id: UUID,
    *,
    body: ContactChange,
    actor: Writer,
    version: IfMatch,
    tag: Tag,
    session: Session,
) -> CustomerContact:
    """Name and points change at every customer that has this person, the role at this one."""
    held = await contacts.change(session, actor, customer_id, contact_id, body=body, version=version)
    tag.settle(held.version)
    return held


@router.delete("/{contact_id}", summary="Remove a contact", status_code=204)
async def remove_contact(customer_id: UUID, contact_id: UUID, actor: Writer, session: Session) -> None:
    """From this customer; who is left without any is forgotten."""
    await contacts.remove(session, actor, customer_id, contact_id)
