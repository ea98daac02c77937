"""Complaints that belong together, who follows one, and two that are made one."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from app.models.complaint_link import ComplaintLinkKind, ComplaintWatcher
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Session, holder_of
from app.routers.routes import CourierRouter
from app.schemas.complaint_link import (
    ComplaintLinkRead,
    ComplaintMergeCreate,
    ComplaintMergeRead,
    WatcherRead,
)
from app.security import Principal
from app.services.complaints import links, merging

router = CourierRouter(tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.COMPLAINTS_WRITE)]
Investigator = Annotated[Principal, holder_of(Scope.COMPLAINTS_INVESTIGATE)]


@router.get(
    "/complaints/{complaint_id}/links",
    summary="List linked complaints",
    response_model=list[ComplaintLinkRead],
)
async def list_complaint_links(complaint_id: UUID, actor: Reader, session: Reading) -> list[dict[str, Any]]:
    """Whichever of the two named the other."""
    return await links.read(session, actor, complaint_id)


@router.put(
    "/complaints/{complaint_id}/links/{kind}/{other_id}",
    summary="Link two complaints",
    status_code=204,
    responses={409: {}},
)
async def link_complaints(
    complaint_id: UUID, kind: ComplaintLinkKind, other_id: UUID, actor: Investigator, session: Session
) -> None:
    """Both stay what they are; once more changes nothing."""
    await links.put(session, actor, complaint_id, kind, other_id)


@router.delete(
    "/complaints/{complaint_id}/links/{kind}/{other_id}", summary="Unlink two complaints", status_code=204
)
async def unlink_complaints(
    complaint_id: UUID, kind: ComplaintLinkKind, other_id: UUID, actor: Investigator, session: Session
) -> None:
    """The link goes; both complaints stay."""
    await links.remove(session, actor, complaint_id, kind, other_id)


@router.get("/complaints/{complaint_id}/watchers", summary="List watchers", response_model=list[WatcherRead])
async def list_complaint_watchers(
    complaint_id: UUID, actor: Reader, session: Reading
) -> Sequence[ComplaintWatcher]:
    """Who follows it; `GET /v1/complaints?watcher_id=` lists what somebody follows."""
    return await links.watchers(session, actor, complaint_id)


@router.put("/complaints/{complaint_id}/watchers/{user_id}", summary="Follow a complaint", status_code=204)
async def watch_complaint(complaint_id: UUID, user_id: UUID, actor: Investigator, session: Session) -> None:
    """Somebody of the staff; once more changes nothing."""
    await links.watch(session, actor, complaint_id, user_id)


@router.delete(
    "/complaints/{complaint_id}/watchers/{user_id}", summary="Follow a complaint no more", status_code=204
)
async def unwatch_complaint(complaint_id: UUID, user_id: UUID, actor: Investigator, session: Session) -> None:
    """The complaint goes on without them."""
    await links.unwatch(session, actor, complaint_id, user_id)


@router.get(
    "/complaints/{complaint_id}/merges",
    summary="List what was merged in",
    response_model=list[ComplaintMergeRead],
)
async def list_complaint_merges(complaint_id: UUID, actor: Reader, session: Reading) -> list[dict[str, Any]]:
    """The latest first, with what was answered under each number."""
    return await merging.listed(session, actor, complaint_id)


@router.post(
    "/complaints/{complaint_id}/merge", summary="Merge two complaints", response_model=ComplaintMergeRead
)
async def merge_complaints(
    complaint_id: UUID, body: ComplaintMergeCreate, actor: Writer, session: OnceSession
) -> dict[str, Any]:
    """The other one becomes a part of this one, which keeps the older time of receipt; its address leads here."""
    return await merging.merge(session, actor, complaint_id, body)


@router.get(
    "/complaint-merges/{merge_id}", summary="Read a merge of complaints", response_model=ComplaintMergeRead
)
async def get_complaint_merge(merge_id: UUID, actor: Reader, session: Reading) -> dict[str, Any]:
    """Who made which two one, and what was answered under the number that is no more."""
    return await merging.get(session, actor, merge_id)


@router.post(
    "/complaint-merges/{merge_id}/undo",
    summary="Undo a merge of complaints",
    response_model=ComplaintMergeRead,
)
async def undo_complaint_merge(merge_id: UUID, actor: Writer, session: OnceSession) -> dict[str, Any]:
    """Everything as it was, unless something that the merge moved was changed since: then 409 names it."""
    return await merging.undo(session, actor, merge_id)
