"""The people one talks to, each at one customer or at several."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.clock import now
from app.errors import Conflict, NotFound, Stale
from app.models.customer import Contact, Customer, CustomerContact
from app.schemas.contact import ContactChange, ContactCreate, ContactRole
from app.security import Principal
from app.services import contact_points, customers, events, names
from app.services.duplicates import found as duplicates


async def get(
    session: AsyncSession, principal: Principal, customer_id: UUID, contact_id: UUID
) -> CustomerContact:
    """One person at one customer, with every way to reach them."""
    seen = customers.visible(principal).where(Customer.id == CustomerContact.customer_id)
    held = await session.scalar(
        select(CustomerContact)
        .where(
            CustomerContact.customer_id == customer_id,
            CustomerContact.contact_id == contact_id,
            seen.correlate(CustomerContact).exists(),
        )
        .options(joinedload(CustomerContact.contact).selectinload(Contact.points))
    )
    if held is None:
        raise NotFound
    return held


async def add(
    session: AsyncSession, actor: Principal, customer_id: UUID, body: ContactCreate
) -> CustomerContact:
    """Record a person who was not known before."""
    customer = await customers.must_stay(session, actor, customer_id)
    held = contact_points.held(body)
    held.customer_id = customer_id
    session.add(held)
    await session.flush()
    await _note(session, actor, "contact.added", customer, held.contact_id)
    return held


async def join(
    session: AsyncSession, actor: Principal, customer_id: UUID, contact_id: UUID, body: ContactRole
) -> CustomerContact:
    """Make somebody who is known from another customer a contact of this one as well."""
    customer = await customers.must_stay(session, actor, customer_id)
    seen = customers.visible(actor).with_only_columns(Customer.id)
    contact = await session.scalar(
        select(Contact)
        .where(
            Contact.id == contact_id,
            select(CustomerContact)
            .where(CustomerContact.contact_id == Contact.id, CustomerContact.customer_id.in_(seen))
            .exists(),
        )
        .options(joinedload(Contact.points))
    )
    if contact is None:
        raise NotFound
    if await session.get(CustomerContact, (customer_id, contact_id)):
        raise Conflict("This person is a contact of the customer already.", "该联系人已属于此客户。")
    held = CustomerContact(customer_id=customer_id, role=body.role, contact=contact)
    session.add(held)
    await session.flush()
    await _note(session, actor, "contact.joined", customer, contact_id)
    return held


async def change(
    session: AsyncSession,
    actor: Principal,
    customer_id: UUID,
    contact_id: UUID,
    *,
    body: ContactChange,
    version: int,
) -> CustomerContact:
    """Change the given fields. Name and points change at every customer that has this person, the role at this one."""
    held = await get(session, actor, customer_id, contact_id)
    if held.version != version:
        raise Stale(
            "The contact was changed since you read it; read it again and repeat your change.",
            "自您读取后联系人已被修改，请重新读取后再提交。",
        )
    contact = held.contact
    if "role" in body.model_fields_set:
        held.role = body.role
    if body.name is not None:
        contact.name, contact.romanised = body.name, names.romanised(body.name)
    if body.points is not None:
        contact.points = [contact_points.made(point) for point in body.points]
    contact.updated_at = now()
    await session.flush()
    await _touch_holders(session, contact_id)
    await events.record(
        session,
        actor,
        "contact.changed",
        events.Subject("contact", contact_id, customer_id),
        fields=sorted(body.model_fields_set),
    )
    return held


async def remove(session: AsyncSession, actor: Principal, customer_id: UUID, contact_id: UUID) -> None:
    """The person is no contact of this customer any more, and is forgotten where no other customer has them."""
    held = await get(session, actor, customer_id, contact_id)
    customer = await customers.must_see(session, actor, customer_id)
    await session.delete(held)
    await session.flush()
    await contact_points.forget_unlinked(session, [contact_id])
    await _note(session, actor, "contact.removed", customer, contact_id)


async def _touch_holders(session: AsyncSession, contact_id: UUID) -> None:
    """Whoever shows this person is not what it was: its entity tag changes."""
    holders = select(CustomerContact.customer_id).where(CustomerContact.contact_id == contact_id)
    touched = await session.scalars(
        update(Customer)
        .where(Customer.id.in_(holders))
        .values(version=Customer.version + 1, updated_at=func.now())
        .returning(Customer.id)
        .execution_options(synchronize_session=False)
    )
    await duplicates.note(session, touched.all())


async def _note(
    session: AsyncSession, actor: Principal, kind: str, customer: Customer, contact_id: UUID
) -> None:
    customer.updated_at = now()
    await session.flush()
    await duplicates.note(session, [customer.id])
    await events.record(session, actor, kind, events.Subject("contact", contact_id, customer.id))
