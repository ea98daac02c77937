"""A person says that a shipment's final status no longer holds."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.clock import now
from app.errors import Forbidden, IllegalTransition
from app.models.account import User, UserLevel
from app.models.shipment import Shipment, ShipmentStatus
from app.schemas.masking import redact
from app.schemas.shipment import Reopen
from app.security import Principal
from app.services import events, own_events, shipments, status
from app.services.fold import TERMINAL

BY_ANYONE = frozenset({ShipmentStatus.DELIVERED, ShipmentStatus.LOST})
"""Delivered and lost parcels turn up again; the other ends are reopened by a supervisor only."""

JUST_AFTER = timedelta(microseconds=1)
"""What a person says comes after all that was reported, also where that lies in the future."""


async def reopen(session: AsyncSession, actor: Principal, tracking_no: str, body: Reopen) -> Shipment:
    """Put a finished shipment back on its way, with the reason written into the audit trail."""
    shipment = await shipments.find(session, actor, tracking_no)
    if shipment.status not in TERMINAL or body.status == shipment.status:
        raise IllegalTransition(
            f"The shipment is {shipment.status}; only a final status can be reopened, to another one.",
            f"运单状态为 {shipment.status}；只有终态可以重新打开，且必须改为其他状态。",
            current=str(shipment.status),
            allowed=sorted(set(ShipmentStatus) - {shipment.status}) if shipment.status in TERMINAL else [],
        )
    if shipment.status not in BY_ANYONE:
        await _must_supervise(session, actor)
    place = (shipment.customer_id, shipment.id)
    at = max(now(), (shipment.last_event_at or now()) + JUST_AFTER)
    said = own_events.Own(place, f"reopen:{uuid7()}", body.status, body.status, None, at, reopens=True)
    await own_events.report(session, [said])
    await events.record(
        session,
        actor,
        "shipment.reopened",
        shipments.subject(shipment),
        to=body.status,
        reason=redact(body.reason),
    )
    await status.refold(session, [place])
    await session.refresh(shipment)
    return shipment


async def _must_supervise(session: AsyncSession, actor: Principal) -> None:
    user = await User.fetch(session, actor.id)
    if user.level is UserLevel.SPECIALIST:
        raise Forbidden(
            "Only a manager or director may reopen a returned, cancelled or disposed shipment.",
            "已退回、已取消或已处置的运单只能由经理或总监重新打开。",
        )
