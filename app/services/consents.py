"""What customers agreed to, and took back, for each channel and purpose; and notes about them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Exists, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.errors import Invalid
from app.models.customer import (
    Consent,
    ConsentChannel,
    ConsentPurpose,
    CustomerContact,
    CustomerNote,
)
from app.schemas.consent import ConsentCreate, ConsentQuery, NoteCreate
from app.security import Principal
from app.services import customers, events


async def listed(
    session: AsyncSession, principal: Principal, customer_id: UUID, query: ConsentQuery
) -> Select[Consent]:
    """The newest first."""
    await customers.must_see(session, principal, customer_id)
    kin = customers.and_merged(customer_id)
    statement = select(Consent).where(Consent.customer_id.in_(kin))
    if query.channel is not None:
        statement = statement.where(Consent.channel == query.channel)
    if query.purpose is not None:
        statement = statement.where(Consent.purpose == query.purpose)
    if query.current:
        statement = statement.where(~_superseded(kin))
    return statement.order_by(Consent.given_at.desc(), Consent.id.desc())


async def holds(
    session: AsyncSession,
    customer_id: UUID,
    channel: ConsentChannel,
    purpose: ConsentPurpose,
    *,
    at: datetime,
) -> bool:
    """Whether the customer, as the latest word is, may be reached so and for this; silence is no consent."""
    latest = (
        select(Consent.given & or_(Consent.until.is_(None), Consent.until > at))
        .where(
            Consent.customer_id.in_(customers.and_merged(customer_id)),
            Consent.contact_id.is_(None),
            Consent.channel == channel,
            Consent.purpose == purpose,
            Consent.given_at <= at,
        )
        .order_by(Consent.given_at.desc(), Consent.id.desc())
        .limit(1)
    )
    return bool(await session.scalar(latest))


async def record(session: AsyncSession, actor: Principal, customer_id: UUID, body: ConsentCreate) -> Consent:
    """Write it down for good; the one with the latest `given_at` counts."""
    customer = await customers.must_stay(session, actor, customer_id)
    await _must_be_contact(session, customer_id, body.contact_id)
    if body.given_at > (await session.scalar(select(func.now())) or body.given_at):
        raise Invalid(
            "A consent can't be given in the future.", "同意时间不能在将来。", pointer="/body/given_at"
        )
    consent = Consent(**body.model_dump(), customer_id=customer_id, recorded_by=actor.id)
    session.add(consent)
    await session.flush()
    await events.record(
        session,
        actor,
        "consent.given" if body.given else "consent.withdrawn",
        customers.subject(customer),
        channel=body.channel,
        purpose=body.purpose,
    )
    return consent


async def notes(session: AsyncSession, principal: Principal, customer_id: UUID) -> Select[CustomerNote]:
    """The newest first."""
    await customers.must_see(session, principal, customer_id)
    return (
        select(CustomerNote)
        .where(CustomerNote.customer_id == customer_id)
        .order_by(CustomerNote.created_at.desc(), CustomerNote.id.desc())
    )


async def note(session: AsyncSession, actor: Principal, customer_id: UUID, body: NoteCreate) -> CustomerNote:
    customer = await customers.must_stay(session, actor, customer_id)
    row = CustomerNote(customer_id=customer_id, author_id=actor.id, text=body.text)
    session.add(row)
    await session.flush()
    await events.record(session, actor, "customer.noted", customers.subject(customer))
    return row


def _superseded(kin: Select[UUID]) -> Exists:
    later = aliased(Consent)
    return (
        select(later)
        .where(
            later.customer_id.in_(kin),
            later.contact_id.is_not_distinct_from(Consent.contact_id),
            later.channel == Consent.channel,
            later.purpose == Consent.purpose,
            or_(
                later.given_at > Consent.given_at,
                (later.given_at == Consent.given_at) & (later.id > Consent.id),
            ),
        )
        .exists()
    )


async def _must_be_contact(session: AsyncSession, customer_id: UUID, contact_id: UUID | None) -> None:
    if contact_id is not None and await session.get(CustomerContact, (customer_id, contact_id)) is None:
        raise Invalid(
            "The customer has no such contact.", "此客户没有这个联系人。", pointer="/body/contact_id"
        )
