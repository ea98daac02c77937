"""Segments themselves: made, renamed, worded anew; every wording of a filter stays on record."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Conflict, Invalid, NotFound, Stale
from app.models.segment import Segment, SegmentKind, SegmentVersion
from app.schemas.segment import SegmentChange, SegmentCreate, SegmentQuery
from app.security import Principal
from app.services import events


def search(query: SegmentQuery) -> Select[Segment]:
    statement = select(Segment)
    if query.kind is not None:
        statement = statement.where(Segment.kind == query.kind)
    return statement.order_by(Segment.created_at.desc(), Segment.id.desc())


def versions(segment_id: UUID) -> Select[SegmentVersion]:
    """Every wording of a segment's filter, the latest first."""
    return (
        select(SegmentVersion)
        .where(SegmentVersion.segment_id == segment_id)
        .order_by(SegmentVersion.filter_version.desc())
    )


async def get(session: AsyncSession, segment_id: UUID) -> Segment:
    segment = await session.scalar(select(Segment).where(Segment.id == segment_id))
    if segment is None:
        raise NotFound
    return segment


async def create(session: AsyncSession, actor: Principal, body: SegmentCreate) -> Segment:
    await _name_must_be_free(session, body.name)
    segment = Segment(name=body.name, kind=body.kind, filter=_stored(body.filter), created_by=actor.id)
    session.add(segment)
    await session.flush()
    await _keep_wording(session, actor, segment)
    await events.record(session, actor, "segment.created", subject(segment), segment_kind=segment.kind)
    return segment


async def change(
    session: AsyncSession, actor: Principal, segment_id: UUID, body: SegmentChange, version: int
) -> Segment:
    """Change the given fields, if the segment still is at `version`."""
    segment = await get(session, segment_id)
    if segment.version != version:
        raise Stale(
            "The segment was changed since you read it; read it again and repeat your change.",
            "自您读取后分群已被修改，请重新读取后再提交。",
        )
    if body.name is not None and body.name != segment.name:
        await _name_must_be_free(session, body.name)
        segment.name = body.name
    if body.filter is not None:
        _must_be(segment, SegmentKind.DYNAMIC, "/body/filter")
        segment.filter = _stored(body.filter)
        segment.filter_version += 1
    segment.updated_at = now()
    await session.flush()
    if body.filter is not None:
        await _keep_wording(session, actor, segment)
    fields = sorted(body.model_fields_set)
    await events.record(session, actor, "segment.changed", subject(segment), fields=fields)
    return segment


def must_be_static(segment: Segment) -> None:
    """Nobody is put by hand where a filter decides."""
    if segment.kind is not SegmentKind.STATIC:
        raise Conflict(
            "The members of a dynamic segment follow from its filter.", "动态分群的成员由筛选条件决定。"
        )


def subject(segment: Segment) -> events.Subject:
    return events.Subject("segment", segment.id)


def _must_be(segment: Segment, kind: SegmentKind, pointer: str) -> None:
    if segment.kind is not kind:
        raise Invalid("A static segment has no filter.", "静态分群没有筛选条件。", pointer=pointer)


def _stored(filter_: Any) -> dict[str, Any] | None:
    """The filter as it was worded."""
    return (
        None if filter_ is None else dict(filter_.model_dump(mode="json", by_alias=True, exclude_unset=True))
    )


async def _keep_wording(session: AsyncSession, actor: Principal, segment: Segment) -> None:
    if segment.filter is not None:
        session.add(
            SegmentVersion(
                segment_id=segment.id,
                filter_version=segment.filter_version,
                filter=segment.filter,
                changed_by=actor.id,
            )
        )
        await session.flush()


async def _name_must_be_free(session: AsyncSession, name: str) -> None:
    if await session.scalar(select(Segment.id).where(Segment.name == name)):
        raise Conflict("Another segment has this name.", "已有同名分群。", pointer="/body/name")
