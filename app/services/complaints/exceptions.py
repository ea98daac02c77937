"""From a delivery exception to a complaint or a task: by rules that are data, once for each exception."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from app.clock import ZONE, now
from app.models.code import Code, ExceptionReason
from app.models.complaint import (
    OPEN_STATES,
    ComplainantRole,
    Complaint,
    ComplaintChannel,
    ComplaintParcel,
)
from app.models.customer import Customer, CustomerKind
from app.models.delivery_exception import DeliveryException, ExceptionState
from app.models.exception_rule import ExceptionAction, ExceptionRule, FollowUp, FollowUpState
from app.models.shipment import Shipment
from app.schemas.complaint import Complainant, ComplaintRegistration
from app.security import Principal
from app.services import events
from app.services.complaints import intake, reading

PARCEL_LOCK = 7
"""Class of the advisory lock on a consignment and a category: of two exceptions, one opens the complaint."""
OTHER = "other"
REMEDY = "核查处理"


@dataclass(frozen=True)
class Found:
    """An exception with what the rules ask about it, and with who may be concerned."""

    exception: DeliveryException
    category: str | None
    label: str
    tier: str | None
    customer_id: UUID
    customer_name: str
    customer_kind: CustomerKind
    recipient: dict[str, Any] | None


async def follow_up(session: AsyncSession, exception_ids: Sequence[UUID]) -> None:
    """Do what the rules say about these exceptions; what was done about one before is done."""
    rules = await _in_force(session)
    for found in await _found(session, exception_ids):
        rule = next((each for each in rules if _fits(each, found)), None)
        if rule is None or rule.action is ExceptionAction.NONE:
            continue
        act = _complain if rule.action is ExceptionAction.COMPLAINT else _set_task
        await act(session, found, rule)


async def _in_force(session: AsyncSession) -> Sequence[ExceptionRule]:
    today = now().astimezone(ZONE).date()
    rows = await session.scalars(
        select(ExceptionRule)
        .where(
            ExceptionRule.valid_from <= today,
            or_(ExceptionRule.valid_until.is_(None), ExceptionRule.valid_until > today),
        )
        .order_by(ExceptionRule.rank, ExceptionRule.code)
    )
    return rows.all()


def _fits(rule: ExceptionRule, found: Found) -> bool:
    by_reason = not rule.reasons or found.exception.reason in rule.reasons
    return by_reason and (not rule.tiers or found.tier in rule.tiers)


async def _found(session: AsyncSession, exception_ids: Iterable[UUID]) -> list[Found]:
    """Those that still hold and that nothing was done about, in one order for all workers."""
    rows = await session.execute(_unseen().where(DeliveryException.id.in_(exception_ids)))
    return [Found(*row) for row in rows]


def _unseen() -> Select[Any]:
    home = aliased(Customer)
    return (
        select(
            DeliveryException,
            ExceptionReason.complaint_category,
            func.coalesce(Code.zh, DeliveryException.reason),
            home.tier,
            home.id,
            home.name,
            home.kind,
            Shipment.recipient,
        )
        .outerjoin(Code, (Code.list == "exception_reason") & (Code.code == DeliveryException.reason))
        .join(ExceptionReason, ExceptionReason.code == DeliveryException.reason)
        .join(Customer, Customer.id == DeliveryException.customer_id)
        .join(home, home.id == func.coalesce(Customer.merged_into_id, Customer.id))
        .join(
            Shipment,
            (Shipment.customer_id == DeliveryException.customer_id)
            & (Shipment.id == DeliveryException.shipment_id),
        )
        .outerjoin(FollowUp, FollowUp.exception_id == DeliveryException.id)
        .where(FollowUp.id.is_(None), DeliveryException.state != ExceptionState.DISMISSED)
        .order_by(DeliveryException.tracking_no, DeliveryException.opened_at, DeliveryException.id)
    )


async def _complain(session: AsyncSession, found: Found, rule: ExceptionRule) -> None:
    """Join it to the complaint about the same consignment and category that is open, or open one."""
    category = found.category or OTHER
    key = f"{found.exception.tracking_no}:{category}"
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, PARCEL_LOCK))))
    present = await session.scalar(_open_about(found.exception.tracking_no, category))
    if present is not None:
        await _tell_joined(session, found, present)
    complaint = present or await _register(session, found, rule, category)
    session.add(_followed(found, rule, FollowUpState.DONE, complaint.id, joined=present is not None))
    await session.flush()


def _open_about(tracking_no: str, category: str) -> Select[Complaint]:
    return (
        select(Complaint)
        .join(ComplaintParcel, ComplaintParcel.complaint_id == Complaint.id)
        .where(
            ComplaintParcel.tracking_no == tracking_no,
            Complaint.category == category,
            Complaint.state.in_(OPEN_STATES),
        )
        .order_by(Complaint.received_at, Complaint.id)
        .limit(1)
    )


async def _tell_joined(session: AsyncSession, found: Found, complaint: Complaint) -> None:
    await events.record(
        session,
        Principal.SYSTEM,
        "complaint.exception_joined",
        reading.subject(complaint),
        exception_id=str(found.exception.id),
        reason=found.exception.reason,
        severity=found.exception.severity,
    )


async def _register(session: AsyncSession, found: Found, rule: ExceptionRule, category: str) -> Complaint:
    body = ComplaintRegistration(
        category=category,
        description=f"运单异常自动受理：{found.label}（{found.exception.reason}）",
        tracking_nos=[found.exception.tracking_no],
        remedy_sought=REMEDY,
        complainant=_complainant(found),
    )
    where = intake.Circumstances(
        ComplaintChannel.DELIVERY_EXCEPTION,
        rule.severity or found.exception.severity,
        found.customer_id,
        now(),
        str(found.exception.id),
    )
    return await intake.register(session, Principal.SYSTEM, body, where)


def _complainant(found: Found) -> Complainant:
    """Whom the parcel was for, as far as one knows; else whose it is."""
    party = found.recipient or {}
    if name := party.get("name"):
        try:
            return Complainant(name=name, phone=party.get("phone"), role=ComplainantRole.RECIPIENT)
        except ValidationError:  # a telephone as somebody else's system wrote it
            return Complainant(name=name, role=ComplainantRole.RECIPIENT)
    is_company = found.customer_kind is CustomerKind.COMPANY
    role = ComplainantRole.MERCHANT if is_company else ComplainantRole.SENDER
    return Complainant(name=found.customer_name, role=role)


async def _set_task(session: AsyncSession, found: Found, rule: ExceptionRule) -> None:
    task = _followed(found, rule, FollowUpState.OPEN, None, joined=False)
    session.add(task)
    await session.flush()
    about = events.Subject("exception_follow_up", task.id, found.customer_id)
    await events.record(
        session, Principal.SYSTEM, "exception_task.opened", about, reason=task.reason, rule=task.rule
    )


def _followed(
    found: Found, rule: ExceptionRule, state: FollowUpState, complaint_id: UUID | None, *, joined: bool
) -> FollowUp:
    exception = found.exception
    return FollowUp(
        id=uuid7(),
        exception_id=exception.id,
        customer_id=exception.customer_id,
        tracking_no=exception.tracking_no,
        reason=exception.reason,
        severity=rule.severity or exception.severity,
        rule=rule.code,
        action=rule.action,
        complaint_id=complaint_id,
        joined=joined,
        state=state,
        done_at=now() if state is FollowUpState.DONE else None,
    )
