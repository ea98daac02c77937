"""Parcels under way."""

from typing import Annotated, Any

from fastapi import Path, Query, Request

from app.models.shipment import Shipment
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.batches import answer_each
from app.routers.deps import OnceSession, Reading, Session, SettingsOf, Tag, holder_of
from app.routers.problems import language_of
from app.routers.routes import CourierRouter
from app.schemas.reveal import Reveal, ShipmentWhole
from app.schemas.shipment import (
    CountQuery,
    CountsRead,
    Reopen,
    ShipmentBatch,
    ShipmentBatchAnswer,
    ShipmentCreate,
    ShipmentQuery,
    ShipmentRead,
    ShipmentSummary,
)
from app.security import Principal
from app.services import reopening, reveals, shipments, views

router = CourierRouter(prefix="/shipments", tags=["shipments"])

Creator = Annotated[Principal, holder_of(Scope.SHIPMENTS_CREATE)]
Reader = Annotated[Principal, holder_of(Scope.SHIPMENTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.SHIPMENTS_WRITE)]
Revealer = Annotated[Principal, holder_of(Scope.SHIPMENTS_READ, Scope.CUSTOMERS_PII)]
TrackingNo = Annotated[str, Path(max_length=64)]


@router.post("", summary="Make a shipment known", status_code=201, response_model=ShipmentSummary)
async def create_shipment(body: ShipmentCreate, tag: Tag, actor: Creator, session: OnceSession) -> Shipment:
    """Events that came before it, parked under its number, join it."""
    shipment = await shipments.Intake(session, actor).create(body)
    tag.settle(shipment.version)
    return shipment


@router.post("/batch", summary="Make many shipments known", response_model=ShipmentBatchAnswer)
async def create_shipments(
    body: ShipmentBatch, request: Request, actor: Creator, session: OnceSession
) -> dict[str, Any]:
    """Up to 1,000, each applied and answered on its own."""
    intake = shipments.Intake(session, actor)
    await intake.expect(body.items)

    async def create(item: ShipmentCreate) -> dict[str, Any]:
        return {"result": "created", "id": (await intake.create(item)).id}

    return {"results": await answer_each(request, session, body.items, ShipmentCreate, create)}


@router.get("", summary="List shipments", response_model=Page[ShipmentSummary])
async def list_shipments(
    query: Annotated[ShipmentQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """Sales see those of their own customers."""
    return await paginate(session, shipments.search(actor, query), query)


@router.get("/counts", summary="Count shipments", response_model=CountsRead)
async def count_shipments(
    query: Annotated[CountQuery, Query()], request: Request, actor: Reader, session: Reading
) -> dict[str, Any]:
    """By status, service or customer, the largest first."""
    return await shipments.counts(session, actor, query, language_of(request))


@router.get("/{tracking_no}", summary="Read a shipment", response_model=ShipmentRead)
async def get_shipment(
    tracking_no: TrackingNo, request: Request, tag: Tag, actor: Reader, session: Reading
) -> dict[str, Any]:
    """With its legs, events, customer and the most severe open exception."""
    language = language_of(request)
    view = await views.shipment(session, actor, tracking_no, language)
    tag.settle(views.tag_of(view, language))
    return view


@router.post("/{tracking_no}/reopen", summary="Reopen a finished shipment", response_model=ShipmentSummary)
async def reopen_shipment(
    tracking_no: TrackingNo, body: Reopen, actor: Writer, session: OnceSession
) -> Shipment:
    """Delivered and lost ones by operations, others by a manager or director; the reason is kept."""
    return await reopening.reopen(session, actor, tracking_no, body)


@router.post("/{tracking_no}/reveal", summary="Look behind the mask", response_model=ShipmentWhole)
async def reveal_shipment(
    tracking_no: TrackingNo, body: Reveal, actor: Revealer, session: Session, settings: SettingsOf
) -> Shipment:
    """Sender and recipient unmasked. Who looked, and why, is written down; so many looks a day."""
    return await reveals.shipment(session, actor, tracking_no, body.reason, settings.reveals_per_day)
