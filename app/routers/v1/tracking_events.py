"""What dispatch systems push: scans and exceptions, one or many."""

from typing import Annotated, Any

from fastapi import Request

from app.roles import Scope
from app.routers import batches
from app.routers.deps import Session, holder_of
from app.routers.routes import CourierRouter
from app.schemas.shipment import PushAnswer, PushBatchAnswer, TrackingEventBatch, TrackingEventPush
from app.security import Principal
from app.services import tracking

router = CourierRouter(tags=["tracking"])

Pusher = Annotated[Principal, holder_of(Scope.TRACKING_PUSH)]

_HEADERS = ("content-type", "user-agent", "x-request-id", "content-length")


@router.post("/tracking-events", summary="Push one event", status_code=202, response_model=PushAnswer)
async def push_tracking_event(
    body: TrackingEventPush, request: Request, actor: Pusher, session: Session
) -> dict[str, Any]:
    """Stored for good before it is answered. A repeat is a duplicate, an unknown number is parked."""
    return await _push_one(request, session, actor, body, alarms=False)


@router.post("/delivery-exceptions", summary="Push one exception", status_code=202, response_model=PushAnswer)
async def push_delivery_exception(
    body: TrackingEventPush, request: Request, actor: Pusher, session: Session
) -> dict[str, Any]:
    """As an event, and opens an exception; a code that plainly means none is refused."""
    return await _push_one(request, session, actor, body, alarms=True)


@router.post("/tracking-events/batch", summary="Push many events", response_model=PushBatchAnswer)
async def push_tracking_events(
    body: TrackingEventBatch, request: Request, actor: Pusher, session: Session
) -> dict[str, Any]:
    """Up to 1,000, each answered on its own, in order; a bad one stops nobody."""
    return await _push_many(request, session, actor, body, alarms=False)


@router.post("/delivery-exceptions/batch", summary="Push many exceptions", response_model=PushBatchAnswer)
async def push_delivery_exceptions(
    body: TrackingEventBatch, request: Request, actor: Pusher, session: Session
) -> dict[str, Any]:
    """Up to 1,000, each answered on its own, in order."""
    return await _push_many(request, session, actor, body, alarms=True)


async def _push_one(
    request: Request, session: Session, actor: Principal, body: TrackingEventPush, *, alarms: bool
) -> dict[str, Any]:
    raw = await request.json()
    arrival = tracking.pushed(body, raw["occurred_at"])
    await tracking.push(session, actor, await _envelope(request, alarms=alarms), [arrival])
    if arrival.problem is not None:
        raise arrival.problem
    return _outcome(arrival)


async def _push_many(
    request: Request, session: Session, actor: Principal, body: TrackingEventBatch, *, alarms: bool
) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    arrivals: dict[int, tracking.Pushed] = {}
    for index, raw in enumerate(body.items):
        item = batches.read(request, raw, index, TrackingEventPush)
        results.append({"index": index})
        if isinstance(item, dict):
            results[index] |= {"result": "rejected", "problem": item}
        else:
            arrivals[index] = tracking.pushed(item, raw["occurred_at"])
    await tracking.push(session, actor, await _envelope(request, alarms=alarms), list(arrivals.values()))
    for index, arrival in arrivals.items():
        if arrival.problem is not None:
            results[index] |= {
                "result": "rejected",
                "problem": batches.problem(request, arrival.problem, index),
            }
        else:
            results[index] |= _outcome(arrival)
    return {"results": results}


def _outcome(arrival: tracking.Pushed) -> dict[str, Any]:
    meaning = arrival.meaning
    return {"id": arrival.id, "result": arrival.result, "status": meaning.status, "reason": meaning.reason}


async def _envelope(request: Request, *, alarms: bool) -> tracking.Envelope:
    headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
    return tracking.Envelope(await request.body(), headers, alarms)
