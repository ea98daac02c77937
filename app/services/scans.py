"""Scans on their way into the table of tracking events."""

from typing import Any

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ROW = """id uuid, customer_id uuid, shipment_id uuid, received_at timestamptz, source text, event_id text,
    code text, reason_code text, status text, reason text, mapped boolean, alarm boolean, reopens boolean,
    occurred_at timestamptz, occurred_raw text, occurred_estimated boolean, location text, text text,
    attributes jsonb, flags text[], raw_id uuid"""
_NAMES = ", ".join(column.split()[0] for column in _ROW.split(","))
_INSERT_EVENTS = text(
    f"INSERT INTO tracking_events ({_NAMES})"  # noqa: S608  # names from the line above
    f" SELECT {_NAMES} FROM json_to_recordset(CAST(:rows AS json)) AS row ({_ROW})"
)
"""A batch as one statement: the driver's own way, one round for each row, costs three times as much."""


async def store(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
    """Insert in the order in which shipments are locked everywhere, against deadlock."""
    if rows:
        rows.sort(key=lambda row: (row["customer_id"], row["shipment_id"]))
        await session.execute(_INSERT_EVENTS, {"rows": to_json(rows).decode()})
