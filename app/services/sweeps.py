"""What has to be looked at again and again: silence, months to come, and what may be forgotten."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.code import SilenceKind, SilenceRule
from app.models.shipment import Shipment
from app.services import own_events, silence, status

BATCH = 200
CHUNK = 10_000

_TAKEN_IN = "import_id IN (SELECT f.id FROM import_files f JOIN jobs j ON j.id = f.job_id WHERE j.finished_at IS NOT NULL)"

FORGOTTEN = {
    "idempotency_keys": "created_at < now() - interval '24 hours'",
    "outbox": "done_at < now() - interval '7 days'",
    "revoked_tokens": "expires_at < now() - interval '1 day'",
    "refresh_tokens": "expires_at < now() - interval '30 days'",
    "event_keys": "received_at < now() - interval '180 days'",
    "sign_in_failures": "window_started_at < now() - interval '1 day'",
    "worker_heartbeats": "beat_at < now() - interval '1 day'",
    "import_chunks": _TAKEN_IN,
    "import_keys": _TAKEN_IN,
    "import_rows": "import_id IN (SELECT id FROM import_files WHERE created_at < now() - interval '30 days')",
    "export_parts": "export_id IN (SELECT id FROM exports WHERE state IN ('expired', 'failed'))",
}
"""What is deleted when; event keys stay 180 days, twice what is promised. Without its rows an import stays."""


async def listen_for_silence(session: AsyncSession) -> int:
    """Open the exceptions of shipments that have been silent too long. Returns how many were looked at.

    Shipments that somebody works on at this moment are left for the next look.
    """
    current = (await session.execute(select(func.now()))).scalar_one()
    due = list(
        await session.scalars(
            select(Shipment)
            .where(Shipment.check_at <= current)
            .order_by(Shipment.check_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True, key_share=True)
        )
    )
    rules = await silence.rules(session)
    found = [finding for shipment in due for finding in _findings(shipment, rules, current)]
    checks = [
        (shipment.customer_id, shipment.id, silence.next_check(silence.watched(shipment), rules, current))
        for shipment in due
    ]
    await status.refold(session, await own_events.report(session, found))
    await status.mark_checked(session, checks)
    return len(due)


def _findings(shipment: Shipment, rules: list[SilenceRule], current: datetime) -> list[own_events.Own]:
    return [
        own_events.Own(
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


async def make_months(session: AsyncSession) -> None:
    """Have the partitions of this month and the next three."""
    await session.execute(text("SELECT ensure_months(3)"))


async def forget(session: AsyncSession, table: str) -> bool:
    """Delete some of what is past its time in one of the `FORGOTTEN` tables; says whether there may be more."""
    some = (
        f"DELETE FROM {table} WHERE ctid = ANY (ARRAY("  # noqa: S608  # constants above
        f"SELECT ctid FROM {table} WHERE {FORGOTTEN[table]} LIMIT {CHUNK}))"
    )
    done = cast(CursorResult[Any], await session.execute(text(some)))
    return done.rowcount == CHUNK
