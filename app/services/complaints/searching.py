"""Complaints found by what people know of them, each term by an index of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.models.complaint import Complaint
from app.models.customer import ContactPointKind
from app.paging import ListQuery, paginate
from app.schemas.base import normalised
from app.schemas.complaint import ComplaintSearch
from app.security import Principal
from app.services import contact_points, names
from app.services.complaints import reading

FEW = 5000
"""Matches of one term that are looked up by id; of more, some are among the newest."""


class _Terms(ListQuery):
    """Binds a search's cursor to its terms."""

    terms: str


@dataclass
class _Found:
    """What the terms so far leave: these ids, if they are few, and the conditions of those that many meet."""

    ids: set[UUID] | None = None
    conditions: list[ColumnElement[bool]] = field(default_factory=list)

    def narrow(self, ids: Sequence[UUID], condition: ColumnElement[bool]) -> None:
        if len(ids) > FEW:
            self.conditions.append(condition)
        else:
            self.ids = set(ids) if self.ids is None else self.ids & set(ids)


async def search(session: AsyncSession, principal: Principal, body: ComplaintSearch) -> dict[str, Any]:
    """A page of the complaints that match every given term, the newest first.

    Words that few have are looked up first, by their index; what many have is compared while the newest are walked
    through, where the page is soon full. No plan of PostgreSQL's own is good at both.
    """
    found = await _look_up(session, body)
    matching = reading.visible(principal).where(*reading.conditions(body), *found.conditions)
    if found.ids is not None:
        matching = matching.where(Complaint.id == any_(literal(sorted(found.ids), ARRAY(Uuid))))
    terms = body.model_dump_json(exclude={"limit", "cursor"})
    page = _Terms(limit=body.limit, cursor=body.cursor, terms=terms)
    newest = matching.order_by(Complaint.received_at.desc(), Complaint.id.desc())
    return await paginate(session, newest.options(selectinload(Complaint.parcels)), page)


async def _look_up(session: AsyncSession, body: ComplaintSearch) -> _Found:
    found = _Found()
    if body.q is not None:
        wanted = cast(literal(names.query(body.q), Text), TSQUERY)
        ids = await session.scalars(select(func.complaints_saying(wanted, FEW + 1)))
        found.narrow(ids.all(), Complaint.search.op("@@")(wanted))
    for condition in _exact(body):
        ids = await session.scalars(select(Complaint.id).where(condition).limit(FEW + 1))
        found.narrow(ids.all(), condition)
    return found


def _exact(body: ComplaintSearch) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if body.number is not None:
        conditions.append(Complaint.number == normalised(body.number).upper())
    if body.complainant_phone is not None:
        phone = contact_points.normal(ContactPointKind.PHONE, body.complainant_phone)
        conditions.append(Complaint.complainant_normal == phone)
    return conditions
