"""Complaints found by what people know of them, each term by an index of its own."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.models.complaint import Complaint
from app.models.customer import ContactPointKind
from app.paging import paginate
from app.schemas.base import normalised
from app.schemas.complaint import ComplaintSearch
from app.security import Principal
from app.services import contact_points
from app.services.complaints import reading
from app.services.searches import FEW, Found, Terms, saying, says, words


async def search(session: AsyncSession, principal: Principal, body: ComplaintSearch) -> dict[str, Any]:
    """A page of the complaints that match every given term, the newest first."""
    found = await _look_up(session, body)
    visible = reading.visible(principal).where(*reading.conditions(body))
    matching = found.among(visible, Complaint.id)
    terms = body.model_dump_json(exclude={"limit", "cursor"})
    page = Terms(limit=body.limit, cursor=body.cursor, terms=terms)
    rows = _newest(matching).options(selectinload(Complaint.parcels))
    return await paginate(session, rows, page)


def _newest(rows: Select[Any]) -> Select[Any]:
    return rows.order_by(Complaint.received_at.desc(), Complaint.id.desc())


async def _look_up(session: AsyncSession, body: ComplaintSearch) -> Found:
    found = Found()
    if body.q is not None:
        wanted = words(body.q)
        condition = says(Complaint.search, wanted)
        by_index = func.complaints_saying(wanted, FEW + 1)
        found.narrow(await saying(session, _newest(select(Complaint)), condition, by_index), condition)
    for exact in _exact(body):
        ids = await session.scalars(select(Complaint.id).where(exact).limit(FEW + 1))
        found.narrow(ids.all(), exact)
    return found


def _exact(body: ComplaintSearch) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if body.number is not None:
        conditions.append(Complaint.number == normalised(body.number).upper())
    if body.complainant_phone is not None:
        phone = contact_points.normal(ContactPointKind.PHONE, body.complainant_phone)
        conditions.append(Complaint.complainant_normal == phone)
    return conditions
