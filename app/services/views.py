"""Screens that draw on several rooms at once."""

from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.code import Code
from app.models.shipment import Shipment
from app.services import delivery_exceptions, shipments


async def shipment(session: AsyncSession, row: Shipment, language: str) -> dict[str, Any]:
    """One shipment with everything that a person at a screen asks about it."""
    columns = {name: getattr(row, name) for name in inspect(Shipment).column_attrs.keys()}  # noqa: SIM118
    return {
        **columns,
        "declared_value": row.declared_value,
        "freight": row.freight,
        "exception": await _exception(session, row, language),
        **await shipments.details(session, row),
    }


def tag_of(view: dict[str, Any], language: str) -> str:
    """Changes with anything on the screen: its shipment, customer, exception or events."""
    exception, customer = view["exception"], view["customer"]
    parts = (
        view["version"],
        customer.version,
        exception and exception["version"],
        len(view["events"]),
        language,
    )
    return "-".join(str(part or 0) for part in parts)


async def _exception(session: AsyncSession, row: Shipment, language: str) -> dict[str, Any] | None:
    worst = await delivery_exceptions.worst(session, row)
    if worst is None:
        return None
    label = await session.scalar(
        select(Code.en if language == "en" else Code.zh).where(
            Code.list == "exception_reason", Code.code == worst.reason
        )
    )
    return {
        "reason": worst.reason,
        "label": label or worst.reason,
        "severity": worst.severity,
        "state": worst.state,
        "opened_at": worst.opened_at,
        "version": f"{worst.id.hex[-12:]}.{worst.version}",
    }
