"""How customers belong together: branches and parents, whoever pays, where it ships to; and their other names."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, NotFound
from app.models.customer import Customer, CustomerLink, CustomerLinkKind, ExternalId
from app.schemas.customer_link import ExternalIdCreate
from app.security import Principal
from app.services import customers, events
from app.services.duplicates import found as duplicates

_HIERARCHY = text("SELECT pg_advisory_xact_lock(hashtextextended('customer_links', 6))")
"""One at a time changes who is whose parent, so that two changes can't close a circle together."""

_ABOVE = text("""
    WITH RECURSIVE above AS (
        SELECT CAST(:start AS uuid) AS id
        UNION SELECT other_id FROM customer_links JOIN above ON customer_id = above.id WHERE kind = 'parent'
    ) SELECT CAST(:below AS uuid) IN (SELECT id FROM above)
""")


async def read(session: AsyncSession, principal: Principal, customer_id: UUID) -> list[dict[str, Any]]:
    """Every customer linked to this one, either way, as far as this principal may know of it."""
    await customers.must_see(session, principal, customer_id)
    seen = customers.visible(principal).subquery()
    near, far = CustomerLink.customer_id, CustomerLink.other_id
    rows = []
    for one, other, inverse in ((near, far, False), (far, near, True)):
        found = await session.execute(
            select(CustomerLink.kind, Customer, CustomerLink.created_at)
            .join(Customer, Customer.id == other)
            .where(one == customer_id, other.in_(select(seen.c.id)))
            .order_by(CustomerLink.kind, CustomerLink.created_at, Customer.id)
        )
        rows += [
            {"kind": kind, "inverse": inverse, "customer": customer, "created_at": created_at}
            for kind, customer, created_at in found
        ]
    return rows


async def put(
    session: AsyncSession, actor: Principal, customer_id: UUID, kind: CustomerLinkKind, other_id: UUID
) -> None:
    """Link them; once more changes nothing. A customer has one parent and one payer: another takes the place."""
    customer = await customers.must_stay(session, actor, customer_id)
    await customers.must_stay(session, actor, other_id)
    if customer_id == other_id:
        raise _circle()
    if kind is CustomerLinkKind.PARENT:
        await session.execute(_HIERARCHY)
        if await session.scalar(_ABOVE, {"start": other_id, "below": customer_id}):
            raise _circle()
    if kind is not CustomerLinkKind.SHIP_TO:
        await _clear(session, customer_id, kind, other_id)
    added = await session.execute(
        insert(CustomerLink)
        .values(customer_id=customer_id, kind=kind, other_id=other_id)
        .on_conflict_do_nothing()
        .returning(CustomerLink.other_id)
    )
    if added.first():
        await events.record(
            session, actor, "customer.linked", customers.subject(customer), link=kind, other_id=str(other_id)
        )


async def remove(
    session: AsyncSession, actor: Principal, customer_id: UUID, kind: CustomerLinkKind, other_id: UUID
) -> None:
    customer = await customers.must_see(session, actor, customer_id)
    await customers.must_see(session, actor, other_id)
    link = await session.get(CustomerLink, (customer_id, kind, other_id))
    if link is None:
        raise NotFound
    await session.delete(link)
    await events.record(
        session, actor, "customer.unlinked", customers.subject(customer), link=kind, other_id=str(other_id)
    )


async def external_ids(
    session: AsyncSession, principal: Principal, customer_id: UUID
) -> Sequence[ExternalId]:
    await customers.must_see(session, principal, customer_id)
    return (
        await session.scalars(
            select(ExternalId)
            .where(ExternalId.customer_id == customer_id)
            .order_by(ExternalId.system, ExternalId.external_id)
        )
    ).all()


async def add_external_id(
    session: AsyncSession, actor: Principal, customer_id: UUID, body: ExternalIdCreate
) -> ExternalId:
    """Note what another system calls the customer. One that is another customer's is a conflict."""
    customer = await customers.must_stay(session, actor, customer_id)
    if await session.get(ExternalId, (body.system, body.external_id)):
        raise Conflict(
            f"{body.external_id} of {body.system} belongs to a customer already.",
            f"{body.system} 的编号 {body.external_id} 已属于一个客户。",
            pointer="/body/external_id",
        )
    row = ExternalId(**body.model_dump(), customer_id=customer_id)
    session.add(row)
    await session.flush()
    await duplicates.note(session, [customer_id])
    await events.record(
        session, actor, "customer.external_id_added", customers.subject(customer), system=body.system
    )
    return row


async def remove_external_id(
    session: AsyncSession, actor: Principal, customer_id: UUID, system: str, external_id: str
) -> None:
    customer = await customers.must_see(session, actor, customer_id)
    row = await session.get(ExternalId, (system, external_id))
    if row is None or row.customer_id != customer_id:
        raise NotFound
    await session.delete(row)
    await session.flush()
    await duplicates.note(session, [customer_id])
    await events.record(
        session, actor, "customer.external_id_removed", customers.subject(customer), system=system
    )


async def _clear(session: AsyncSession, customer_id: UUID, kind: CustomerLinkKind, but: UUID) -> None:
    rows = await session.scalars(
        select(CustomerLink).where(
            CustomerLink.customer_id == customer_id, CustomerLink.kind == kind, CustomerLink.other_id != but
        )
    )
    for row in rows:
        await session.delete(row)
    await session.flush()


def _circle() -> Conflict:
    return Conflict(
        "A customer can't stand above itself, not even by way of others.",
        "客户不能成为自己的上级，间接也不行。",
        pointer="/path/other_id",
    )
