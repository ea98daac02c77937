"""Groups of customers, picked by hand or by a filter."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request

from app.models.segment import Segment, SegmentVersion
from app.paging import Page, paginate
from app.roles import Scope
from app.routers import batches
from app.routers.deps import EntityTag, IfMatch, OnceSession, Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.customer import CustomerSummary
from app.schemas.segment import (
    RfmPage,
    RfmQuery,
    RfmRead,
    RfmSummary,
    RfmSummaryQuery,
    SegmentChange,
    SegmentCreate,
    SegmentMemberRead,
    SegmentMembershipBatch,
    SegmentMembershipBatchAnswer,
    SegmentMembershipChange,
    SegmentPage,
    SegmentPartQuery,
    SegmentPreview,
    SegmentPreviewRequest,
    SegmentQuery,
    SegmentRead,
    SegmentSnapshotRead,
    SegmentVersionRead,
)
from app.security import Principal
from app.services import rfm
from app.services.segments import history, keeping, membership

router = CourierRouter(prefix="/segments", tags=["segments"])

Reader = Annotated[Principal, holder_of(Scope.SEGMENTS_READ)]
Overseer = Annotated[Principal, holder_of(Scope.SEGMENTS_READ, Scope.CUSTOMERS_ALL)]
Writer = Annotated[Principal, holder_of(Scope.SEGMENTS_WRITE)]
Parts = Annotated[SegmentPartQuery, Query()]


@router.get("", summary="List segments", response_model=Page[SegmentRead])
async def list_segments(
    query: Annotated[SegmentQuery, Query()], _: Reader, session: Reading
) -> dict[str, Any]:
    """The newest first."""
    return await paginate(session, keeping.search(query), query)


@router.post("", summary="Create a segment", status_code=201, response_model=SegmentRead)
async def create_segment(body: SegmentCreate, tag: Tag, actor: Writer, session: OnceSession) -> Segment:
    """A name that another segment has is a conflict."""
    return _tagged(tag, await keeping.create(session, actor, body))


@router.post("/preview", summary="Preview a filter", response_model=SegmentPreview)
async def preview_segment(body: SegmentPreviewRequest, actor: Reader, session: Session) -> dict[str, Any]:
    """Counts whom the filter would hold, stores nothing, and refuses a filter that takes longer than seconds."""
    return await membership.preview(session, actor, body.filter)


@router.get("/{segment_id}", summary="Read a segment", response_model=SegmentRead)
async def get_segment(segment_id: UUID, tag: Tag, _: Reader, session: Reading) -> Segment:
    """With its filter, if it has one."""
    return _tagged(tag, await keeping.get(session, segment_id))


@router.patch("/{segment_id}", summary="Change a segment", response_model=SegmentRead)
async def change_segment(
    segment_id: UUID, body: SegmentChange, *, actor: Writer, version: IfMatch, tag: Tag, session: Session
) -> Segment:
    """A new filter is a new version of it; members change at once."""
    return _tagged(tag, await keeping.change(session, actor, segment_id, body, version))


@router.get(
    "/{segment_id}/versions", summary="List a filter's versions", response_model=list[SegmentVersionRead]
)
async def list_segment_versions(segment_id: UUID, _: Reader, session: Reading) -> list[SegmentVersion]:
    """Every wording of the filter, the latest first; none of a static segment."""
    await keeping.get(session, segment_id)
    return list(await session.scalars(keeping.versions(segment_id).limit(200)))


@router.get("/{segment_id}/members", summary="List members", response_model=Page[CustomerSummary])
async def list_segment_members(
    segment_id: UUID, query: Parts, actor: Reader, session: Reading
) -> dict[str, Any]:
    """Sales see those of their own customers. A dynamic segment is evaluated now."""
    segment = await keeping.get(session, segment_id)
    found = membership.in_order(membership.members(actor, segment))
    return await paginate(session, found, SegmentPage.of(query, segment_id))


@router.get(
    "/{segment_id}/member-changes",
    summary="List who was added and removed",
    response_model=Page[SegmentMemberRead],
)
async def list_segment_member_changes(
    segment_id: UUID, query: Parts, actor: Reader, session: Reading
) -> dict[str, Any]:
    """Of a static segment: who put whom in, and who took them out, when."""
    await keeping.get(session, segment_id)
    return await paginate(session, membership.record_of(actor, segment_id), SegmentPage.of(query, segment_id))


@router.post("/{segment_id}/members", summary="Add or remove a customer", response_model=SegmentRead)
async def change_segment_member(
    segment_id: UUID, body: SegmentMembershipChange, tag: Tag, actor: Writer, session: OnceSession
) -> Segment:
    """Of a static segment. That somebody was in it stays on record."""
    return _tagged(tag, await membership.put(session, actor, segment_id, body))


@router.post(
    "/{segment_id}/members/batch",
    summary="Add and remove customers",
    response_model=SegmentMembershipBatchAnswer,
)
async def change_segment_members(
    segment_id: UUID, body: SegmentMembershipBatch, request: Request, actor: Writer, session: OnceSession
) -> dict[str, Any]:
    """Up to 1,000, in their order, each answered on its own."""
    segment = await keeping.get(session, segment_id)
    read = [
        batches.read(request, raw, index, SegmentMembershipChange) for index, raw in enumerate(body.items)
    ]
    sound = [each for each in read if not isinstance(each, dict)]
    applied = iter(await membership.change_all(session, actor, segment, sound))
    return {"results": [_result(request, index, each, applied) for index, each in enumerate(read)]}


def _result(request: Request, index: int, item: Any, applied: Any) -> dict[str, Any]:
    if isinstance(item, dict):
        return {"index": index, "result": "rejected", "problem": item}
    if (result := next(applied)) is None:
        problem = batches.problem(request, membership.unknown_customer(), index)
        return {"index": index, "result": "rejected", "problem": problem}
    return {"index": index, "result": result}


@router.get("/{segment_id}/sizes", summary="List a segment's sizes", response_model=Page[SegmentSnapshotRead])
async def list_segment_sizes(segment_id: UUID, query: Parts, _: Overseer, session: Reading) -> dict[str, Any]:
    """A snapshot a day, the latest first, of all members; for those who see every customer."""
    await keeping.get(session, segment_id)
    return await paginate(session, history.sizes(segment_id), SegmentPage.of(query, segment_id))


@router.get("/{segment_id}/rfm", summary="Count a segment's RFM classes", response_model=RfmSummary)
async def get_segment_rfm(
    segment_id: UUID, query: Annotated[RfmSummaryQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """Recency, frequency and value by quintiles inside the segment; who ties shares a score."""
    segment = await keeping.get(session, segment_id)
    seen = membership.members_ids(actor, segment)
    return await rfm.summary(session, query.days, query.currency, membership.everybody(segment), seen)


@router.get(
    "/{segment_id}/rfm/customers", summary="List a segment's RFM scores", response_model=Page[RfmRead]
)
async def list_segment_rfm(
    segment_id: UUID, query: Annotated[RfmQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The best first. Scores are those inside the whole segment; sales see them of their own customers."""
    segment = await keeping.get(session, segment_id)
    among, seen = membership.everybody(segment), membership.members_ids(actor, segment)
    found = rfm.listed(query.days, query.currency, among, seen, query.rfm_class)
    return await paginate(session, found, RfmPage.of(query, segment_id))


def _tagged(tag: EntityTag, segment: Segment) -> Segment:
    tag.settle(segment.version)
    return segment
