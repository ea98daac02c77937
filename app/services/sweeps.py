"""What has to be looked at again and again: silence, months to come, and what may be forgotten."""

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.code import SilenceKind
from app.models.shipment import Shipment
from app.security import Principal
from app.services import silence, status, tracking

BATCH = 500

_FORGET = {
    "idempotency_keys": "created_at < now() - interval '24 hours'",
    "outbox": "done_at < now() - interval '7 days'",
    "revoked_tokens": "expires_at < now() - interval '1 day'",
    "refresh_tokens": "expires_at < now() - interval '30 days'",
    "event_keys": "received_at < now() - interval '180 days'",
    "sign_in_failures": "window_started_at < now() - interval '1 day'",
    "worker_heartbeats": "beat_at < now() - interval '1 day'",
}


async def listen_for_silence(session: AsyncSession) -> int:
    """Report the exceptions of shipments that have been silent too long. Returns how many were looked at."""
    current = (await session.execute(select(func.now()))).scalar_one()
    due = list(
        await session.scalars(
            select(Shipment)
            .where(Shipment.check_at <= current)
            .order_by(Shipment.check_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
    )
    rules = await silence.rules(session)
    found = []
    for shipment in due:
        found += [
            tracking.Own(
                (shipment.customer_id, shipment.id),
                f"silence:{shipment.id}:{alarm.rule.code}:{alarm.at.isoformat()}",
                alarm.rule.code,
                None,
                alarm.rule.reason,
                alarm.at,
            )
            for alarm in silence.alarms(silence.watched(shipment), rules)
            if alarm.at <= current and alarm.rule.kind is not SilenceKind.RETIRE
        ]
        await status.mark_checked(session, shipment, current, rules)
    await tracking.report(session, Principal.SYSTEM, found)
    return len(due)


async def make_months(session: AsyncSession) -> None:
    """Have the partitions of this month and the next three."""
    await session.execute(text("SELECT ensure_months(3)"))


async def forget(session: AsyncSession) -> None:
    """Delete what is past its time; event keys stay 180 days, twice what is promised."""
    for table, condition in _FORGET.items():
        await session.execute(text(f"DELETE FROM {table} WHERE {condition}"))  # noqa: S608  # constants above
