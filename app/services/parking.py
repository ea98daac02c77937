"""Gives parked events to their shipment once that becomes known."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.shipment import ParkedEvent, Shipment
from app.schemas.shipment import TrackingEventPush
from app.services import codes, scans, tracking


async def adopt_parked(session: AsyncSession, places: Sequence[tracking.Place]) -> set[tracking.Place]:
    """Give shipments that have just become known the events that came before; returns which got any."""
    numbers = await session.execute(
        select(Shipment.tracking_no, Shipment.customer_id, Shipment.id).where(
            Shipment.id.in_([shipment_id for _, shipment_id in places]),
            Shipment.customer_id.in_({customer_id for customer_id, _ in places}),
        )
    )
    directory = {number: (customer_id, shipment_id) for number, customer_id, shipment_id in numbers}
    parked = list(
        await session.scalars(
            delete(ParkedEvent).where(ParkedEvent.tracking_no.in_(sorted(directory))).returning(ParkedEvent)
        )
    )
    arrivals = [_unpark(row) for row in parked]
    await session.execute(select(codes.unchanged()))
    await tracking.read_codes(session, arrivals)
    rows = [
        tracking.row_of(arrival, directory[arrival.item.tracking_no], row.raw_id, row.received_at)
        for arrival, row in zip(arrivals, parked, strict=True)
    ]
    await scans.store(session, rows)
    return {directory[row.tracking_no] for row in parked}


def _unpark(row: ParkedEvent) -> tracking.Pushed:
    fields = {name: value for name, value in row.event.items() if name in TrackingEventPush.model_fields}
    item = TrackingEventPush.model_validate(fields)
    return tracking.Pushed(item, row.event["raw_time"], row.id, alarm=row.event["alarm"])
