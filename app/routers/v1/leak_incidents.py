"""Leaks of personal data, reported and handled."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.leak import LeakIncident, LeakState
from app.paging import ListQuery, Page, paginate
from app.roles import Scope
from app.routers.deps import EntityTag, IfMatch, OnceSession, Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.audit import AccessRead
from app.schemas.leak import LeakChange, LeakQuery, LeakRead, LeakReport
from app.security import Principal
from app.services import leaks

router = CourierRouter(prefix="/leak-incidents", tags=["privacy"])

Reporter = Annotated[Principal, holder_of(Scope.LEAKS_REPORT)]
Handler = Annotated[Principal, holder_of(Scope.LEAKS_HANDLE)]


@router.post("", summary="Report a leak", status_code=201, response_model=LeakRead)
async def report_leak(body: LeakReport, tag: Tag, actor: Reporter, session: OnceSession) -> LeakIncident:
    """Everybody on the staff may, at once and without being sure."""
    return _tagged(tag, await leaks.report(session, actor, body))


@router.get("", summary="List leaks", response_model=Page[LeakRead])
async def list_leaks(query: Annotated[LeakQuery, Query()], _: Handler, session: Reading) -> dict[str, Any]:
    """The newest first."""
    return await paginate(session, leaks.search(query), query)


@router.get("/{incident_id}", summary="Read a leak", response_model=LeakRead)
async def get_leak(incident_id: UUID, tag: Tag, _: Handler, session: Reading) -> LeakIncident:
    """With when the authority must know."""
    return _tagged(tag, await leaks.get(session, incident_id))


@router.get(
    "/{incident_id}/accesses", summary="List looks at a leak's customers", response_model=Page[AccessRead]
)
async def list_leak_accesses(
    incident_id: UUID, query: Annotated[ListQuery, Query()], _: Handler, session: Reading
) -> dict[str, Any]:
    """Who looked at them unmasked, and why they said; the newest first."""
    await leaks.get(session, incident_id)
    return await paginate(session, leaks.looks(incident_id), query)


@router.patch("/{incident_id}", summary="Write down what was found out", response_model=LeakRead)
async def change_leak(
    incident_id: UUID, body: LeakChange, *, actor: Handler, version: IfMatch, tag: Tag, session: Session
) -> LeakIncident:
    """Only the fields that are given change; `customer_ids` replaces the whole list."""
    return _tagged(tag, await leaks.change(session, actor, incident_id, body, version))


@router.post("/{incident_id}/investigate", summary="Look into a leak", response_model=LeakRead)
async def investigate_leak(incident_id: UUID, tag: Tag, actor: Handler, session: OnceSession) -> LeakIncident:
    """Somebody is on it."""
    return _tagged(tag, await leaks.move(session, actor, incident_id, LeakState.INVESTIGATING))


@router.post("/{incident_id}/contain", summary="Count a leak as contained", response_model=LeakRead)
async def contain_leak(incident_id: UUID, tag: Tag, actor: Handler, session: OnceSession) -> LeakIncident:
    """Nothing gets out any more."""
    return _tagged(tag, await leaks.move(session, actor, incident_id, LeakState.CONTAINED))


@router.post("/{incident_id}/notify", summary="Count a leak as told", response_model=LeakRead)
async def notify_leak(incident_id: UUID, tag: Tag, actor: Handler, session: OnceSession) -> LeakIncident:
    """Authority and people know what article 57 of the PIPL wants them to; what is missing is named."""
    return _tagged(tag, await leaks.move(session, actor, incident_id, LeakState.NOTIFIED))


@router.post("/{incident_id}/close", summary="Close a leak", response_model=LeakRead)
async def close_leak(incident_id: UUID, tag: Tag, actor: Handler, session: OnceSession) -> LeakIncident:
    """With a finding; what is missing is named."""
    return _tagged(tag, await leaks.move(session, actor, incident_id, LeakState.CLOSED))


@router.post("/{incident_id}/dismiss", summary="Find that it was no leak", response_model=LeakRead)
async def dismiss_leak(incident_id: UUID, tag: Tag, actor: Handler, session: OnceSession) -> LeakIncident:
    """With a finding that says why."""
    return _tagged(tag, await leaks.move(session, actor, incident_id, LeakState.NOT_A_LEAK))


def _tagged(tag: EntityTag, incident: LeakIncident) -> LeakIncident:
    tag.settle(incident.version)
    return incident
