"""Complaints as partners' portals bring and read them, isolated twice."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import paging
from app.clock import now
from app.errors import Invalid, NotFound, Unauthenticated
from app.models.account import ClientCustomer
from app.models.clock import ClockKind
from app.models.code import Code
from app.models.complaint import Complaint, ComplaintChannel, ComplaintState
from app.models.complaint_end import CallBackMethod
from app.models.complaint_message import ComplaintMessage, MessageDirection
from app.models.complaint_portal import customer_status
from app.models.customer import Customer
from app.models.shipment import TrackingNumber
from app.schemas.base import normalised
from app.schemas.partner_complaint import (
    PartnerComplaintCreate,
    PartnerComplaintQuery,
    PartnerMessageCreate,
)
from app.security import Principal
from app.services import partners
from app.services.complaints import confirming, intake, messages, reading

_PROMISED = {ClockKind.STATUTORY, ClockKind.CONTRACT}
"""Whose limits a partner gets to see; what the house sets itself is its own business."""


async def create(session: AsyncSession, actor: Principal, body: PartnerComplaintCreate) -> Complaint:
    """Register what a partner brings, for a customer of its own."""
    where = intake.Circumstances(
        ComplaintChannel.PARTNER_API,
        body.severity,
        await _customer_of(session, actor, body),
        now(),
        _own(actor, body.message_id),
    )
    return await intake.register(session, actor, body, where)


async def say(
    session: AsyncSession, actor: Principal, number: str, body: PartnerMessageCreate
) -> ComplaintMessage:
    """Keep what the partner writes about its complaint; the first word after a pause for the customer ends that."""
    complaint = await _taken(session, actor, number)
    posted = await messages.post(
        session,
        actor,
        complaint,
        direction=MessageDirection.IN,
        channel=ComplaintChannel.PARTNER_API,
        text=body.text,
        message_id=_own(actor, body.message_id),
    )
    return posted.message


async def judge(
    session: AsyncSession, actor: Principal, number: str, *, accepted: bool, note: str | None = None
) -> Complaint:
    """Keep whether the partner accepts the answer. A no puts the complaint back to work."""
    complaint = await _taken(session, actor, number)
    answer = await confirming.answered(session, complaint)
    said = {"reached": True, "accepted": accepted, "note": note, "attempted_at": now()}
    await confirming.heard(session, actor, complaint, answer, method=CallBackMethod.PARTNER, **said)
    return await reading.get(session, actor, complaint.id)


def _own(actor: Principal, message_id: str | None) -> str | None:
    """What a client calls a message is its own: another client may say the same."""
    return None if message_id is None else f"{actor.id}:{message_id}"


async def _taken(session: AsyncSession, actor: Principal, number: str) -> Complaint:
    """The partner's own complaint that the number has become, for this transaction alone to change."""
    asked = Complaint.number == normalised(number).upper()
    while True:
        found = await session.scalar(reading.visible(actor).where(asked).with_for_update())
        if found is None:
            raise NotFound
        if found.merged_into_id is None:
            return await reading.taken(session, actor, found.id)
        asked = Complaint.id == found.merged_into_id


async def listed(
    pool: asyncpg.Pool, principal: Principal, query: PartnerComplaintQuery, language: str
) -> dict[str, Any]:
    """A page of the partner's own, the newest first."""
    at, last = paging.place_of(query) or (None, None)
    before = at and datetime.fromisoformat(at), last and UUID(last)
    found = await _read(pool, principal, language, None, *before, query.limit + 1, query.count)
    page = found["items"][: query.limit]
    is_last = len(found["items"]) <= query.limit
    following = None if is_last else paging.after(query, (page[-1]["received_at"], page[-1]["id"]))
    return {"items": page, "next_cursor": following, "count": found["count"]}


async def get(pool: asyncpg.Pool, principal: Principal, number: str, language: str) -> dict[str, Any]:
    """The partner's own complaint of this number, or what it became."""
    asked = normalised(number).upper()
    found = await _read(pool, principal, language, asked, None, None, 1, False)  # noqa: FBT003  # counts none
    if not found["items"]:
        raise NotFound
    only: dict[str, Any] = found["items"][0]
    return only


async def shown(session: AsyncSession, complaint: Complaint, language: str) -> dict[str, Any]:
    """A complaint that staff's own code has read, as its partner sees it."""
    label = Code.en if language == "en" else Code.zh
    labels = await session.execute(select(Code.code, label).where(Code.list == "customer_complaint_status"))
    row = {column: getattr(complaint, column) for column in _COLUMNS}
    told = [each.text for each in complaint.answers if each.cycle == complaint.cycle]
    clocks = [
        clock for clock in complaint.clocks if clock.kind in _PROMISED and clock.cycle == complaint.cycle
    ]
    return _told(row | {"answer": told[-1] if told else None, "clocks": clocks}, dict(labels.all()))


_COLUMNS = (
    "id",
    "number",
    "state",
    "waiting_reason",
    "category",
    "tracking_nos",
    "received_at",
    "due_at",
    "closed_at",
)


def _told(row: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    status = customer_status(ComplaintState(row["state"]), row["waiting_reason"])
    return {**row, "status": status, "status_label": labels.get(status, status)}


async def _read(pool: asyncpg.Pool, principal: Principal, language: str, *asked: Any) -> dict[str, Any]:
    """One call of the database function `partner_complaints`, as the role that row-level security holds."""
    async with asyncio.timeout(partners.WAIT_S), pool.acquire(timeout=partners.HAND_OVER_S) as connection:
        answer = await connection.fetchval(
            "SELECT partner_complaints($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            principal.id,
            principal.credentials_version,
            principal.token_id,
            language,
            *asked,
        )
    if answer is None:
        raise Unauthenticated
    found: dict[str, Any] = json.loads(answer)
    return found | {"items": [_told(row, found["labels"]) for row in found["items"]]}


async def _customer_of(session: AsyncSession, actor: Principal, body: PartnerComplaintCreate) -> UUID:
    mine = await _bound(session, actor)
    candidates = await _senders(session, mine, body.tracking_nos)
    if body.customer_id is not None or body.customer_code is not None:
        candidates.add(_named(mine, body))
    candidates = candidates or set(mine)
    if len(candidates) != 1:
        raise Invalid(
            "Say for which of your customers this is; one complaint is about one of them.",
            "请指明是您的哪个客户；一件投诉只对应一个客户。",
            pointer="/body/customer_id",
        )
    return candidates.pop()


async def _bound(session: AsyncSession, actor: Principal) -> dict[UUID, str | None]:
    """The customers that the client is bound to, with their codes."""
    rows = await session.execute(
        select(Customer.id, Customer.code)
        .join(ClientCustomer, ClientCustomer.customer_id == Customer.id)
        .where(ClientCustomer.client_id == actor.id, Customer.merged_into_id.is_(None))
    )
    return dict(rows.all())


async def _senders(session: AsyncSession, mine: Iterable[UUID], numbers: Sequence[str]) -> set[UUID]:
    """Whose the consignments are. One of somebody else's is refused as one that nobody has."""
    home = func.coalesce(Customer.merged_into_id, Customer.id)
    rows = await session.execute(
        select(TrackingNumber.number, home)
        .join(Customer, Customer.id == TrackingNumber.customer_id)
        .where(TrackingNumber.number.in_(numbers), home.in_(mine))
    )
    found = dict(rows.all())
    for index, number in enumerate(numbers):
        if number not in found:
            raise Invalid(
                "There is no such consignment.", "没有这个运单。", pointer=f"/body/tracking_nos/{index}"
            )
    return set(found.values())


def _named(mine: Mapping[UUID, str | None], body: PartnerComplaintCreate) -> UUID:
    by = "customer_id" if body.customer_id is not None else "customer_code"
    named = {key for key, code in mine.items() if body.customer_id in {None, key}}
    if body.customer_code is not None:
        named &= {key for key, code in mine.items() if code == body.customer_code}
    if not named:
        raise Invalid("There is no such customer.", "没有这个客户。", pointer=f"/body/{by}")
    return named.pop()
