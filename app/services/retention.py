"""What is kept how long: rules are rows, and a chore applies them in small steps, never to what is under hold."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.customer import Customer, CustomerKind, CustomerState
from app.models.privacy import RetentionAction, RetentionClass, RetentionRule
from app.models.shipment import RawPush, Shipment, TrackingEvent
from app.security import Principal
from app.services import erasure, events, holds
from app.services.complaints import archive
from app.services.documents import keeping

CUSTOMERS, PARCELS, PUSHES = 20, 500, 500
"""How many a step."""


def rules() -> Select[RetentionRule]:
    return select(RetentionRule).order_by(RetentionRule.retention_class, RetentionRule.valid_from.desc())


async def step(session: AsyncSession, of: RetentionClass) -> int:
    """Apply the rule of one class to a few rows; returns to how many."""
    keep = await _kept_for(session, of)
    if keep is None:
        return 0
    return await APPLIED[of](session, keep)


async def _kept_for(session: AsyncSession, of: RetentionClass) -> timedelta | None:
    """The time that the rule in force gives, or nothing where it says to keep."""
    in_force = (
        rules()
        .where(RetentionRule.retention_class == of, RetentionRule.valid_from <= func.current_date())
        .limit(1)
    )
    rule = await session.scalar(in_force)
    return rule.keep if rule is not None and rule.action is RetentionAction.ANONYMISE else None


async def _ended_customers(session: AsyncSession, keep: timedelta) -> int:
    ended = list(
        await session.scalars(
            select(Customer)
            .where(
                Customer.kind == CustomerKind.PERSON,
                Customer.state.in_([CustomerState.CLOSED, CustomerState.LOST]),
                Customer.anonymised_at.is_(None),
                Customer.updated_at < func.now() - keep,
                Customer.id.not_in(holds.held()),
            )
            .limit(CUSTOMERS)
            .with_for_update(skip_locked=True)
        )
    )
    for customer in ended:
        subjects = await erasure.of_customer(session, customer.id)
        about = events.Subject("customer", customer.id, customer.id)
        await events.record(session, Principal.SYSTEM, "customer.anonymised", about)
        await erasure.anonymise(session, Principal.SYSTEM, subjects, None)
    return len(ended)


async def _waybills(session: AsyncSession, keep: timedelta) -> int:
    rows = (
        await session.execute(
            select(Shipment.customer_id, Shipment.id)
            .where(
                Shipment.anonymised_at.is_(None),
                Shipment.created_at < func.now() - keep,
                Shipment.customer_id.not_in(holds.held()),
            )
            .order_by(Shipment.created_at)
            .limit(PARCELS)
            .with_for_update(skip_locked=True)
        )
    ).all()
    if rows:
        customers, shipments = zip(*rows, strict=True)
        await erasure.anonymise_parcels(session, list(set(customers)), shipments)
    return len(rows)


async def _raw_pushes(session: AsyncSession, keep: timedelta) -> int:
    needed = select(TrackingEvent.raw_id).where(
        TrackingEvent.customer_id.in_(holds.held()), TrackingEvent.raw_id.is_not(None)
    )
    old = select(RawPush.id).where(
        RawPush.received_at < func.now() - keep, RawPush.body != b"", RawPush.id.not_in(needed)
    )
    ids = list(await session.scalars(old.limit(PUSHES)))
    await session.execute(text("SELECT forget_pushes(:ids)"), {"ids": ids})
    return len(ids)


APPLIED: dict[RetentionClass, Callable[[AsyncSession, timedelta], Awaitable[int]]] = {
    RetentionClass.ENDED_CUSTOMERS: _ended_customers,
    RetentionClass.WAYBILLS: _waybills,
    RetentionClass.RAW_PUSHES: _raw_pushes,
    RetentionClass.WITHDRAWN_DOCUMENTS: keeping.erase_withdrawn,
    RetentionClass.COMPLAINTS: archive.forget,
}
"""What is done for a class whose rule says to anonymise; the audit trail stays whole."""
