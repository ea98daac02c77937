"""Places of customers, one by one."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import NotFound
from app.models.customer import Customer, CustomerAddress
from app.schemas.customer import CustomerAddressCreate
from app.security import Principal
from app.services import customers, events
from app.services.duplicates import found as duplicates


async def add(
    session: AsyncSession, actor: Principal, customer_id: UUID, body: CustomerAddressCreate
) -> CustomerAddress:
    customer = await customers.must_stay(session, actor, customer_id)
    place = customers.place(body)
    place.customer_id = customer_id
    session.add(place)
    await session.flush()
    await _note(session, actor, "address.added", customer, place)
    return place


async def replace(
    session: AsyncSession,
    actor: Principal,
    customer_id: UUID,
    address_id: UUID,
    body: CustomerAddressCreate,
) -> CustomerAddress:
    """The address as it is now called; the place stays the same one."""
    customer = await customers.must_see(session, actor, customer_id)
    place, now_called = await _of(session, customer_id, address_id), customers.place(body)
    place.kind, place.address = now_called.kind, now_called.address
    place.division_code = now_called.division_code
    await _note(session, actor, "address.changed", customer, place)
    return place


async def remove(session: AsyncSession, actor: Principal, customer_id: UUID, address_id: UUID) -> None:
    customer = await customers.must_see(session, actor, customer_id)
    place = await _of(session, customer_id, address_id)
    await session.delete(place)
    await _note(session, actor, "address.removed", customer, place)


async def _of(session: AsyncSession, customer_id: UUID, address_id: UUID) -> CustomerAddress:
    place = await session.get(CustomerAddress, address_id)
    if place is None or place.customer_id != customer_id:
        raise NotFound
    return place


async def _note(
    session: AsyncSession, actor: Principal, kind: str, customer: Customer, place: CustomerAddress
) -> None:
    customer.updated_at = now()
    await session.flush()
    await duplicates.note(session, [customer.id])
    await events.record(session, actor, kind, events.Subject("address", place.id, customer.id))
