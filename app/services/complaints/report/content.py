"""What stands in a report: gathered from the case as it is at this moment, with the words as they read today."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.account import Team, User
from app.models.clock import Clock
from app.models.code import Code
from app.models.complaint import CaseTerm, CaseTree, Complaint, ComplaintAnswer
from app.models.complaint_end import ComplaintCallBack, ComplaintClosing
from app.models.customer import Customer
from app.models.event import Event
from app.models.shipment import Shipment, TrackingNumber

Term = dict[str, str]
LISTS = (
    "call_back_method",
    "clock_kind",
    "clock_metric",
    "complainant_role",
    "complaint_channel",
    "event_kind",
    "service",
    "severity",
    "shipment_status",
    "verdict",
)
MOST = 200
"""Events in a report: the first ones; a case that has more is told by its answers."""


class Words:
    """Codes with their labels of today."""

    def __init__(self, labels: Mapping[tuple[str, str], tuple[str, str]]) -> None:
        self._labels = labels

    def __call__(self, of: str, code: str) -> Term:
        zh, en = self._labels.get((of, code), (code, code))
        return {"code": code, "zh": zh, "en": en}


async def gathered(
    session: AsyncSession, complaint: Complaint, closing: ComplaintClosing | None
) -> dict[str, Any]:
    """All of it, as JSON. The complaint comes with its parcels, answers and clocks."""
    words, people = await _words(session), await _people(session, complaint)
    return {
        "complaint": await _registration(session, complaint, words),
        "handling": await _handling(session, complaint, people),
        "consignments": await _consignments(session, complaint, words),
        "timeline": await _timeline(session, complaint, words),
        "clocks": [_clock(each, words) for each in complaint.clocks if each.cycle == complaint.cycle],
        "answers": [
            _answer(each, words, people) for each in complaint.answers if each.cycle == complaint.cycle
        ],
        "call_backs": [_call_back(each, words) for each in await _call_backs(session, complaint)],
        "closing": closing and _closing(closing),
    }


async def _words(session: AsyncSession) -> Words:
    codes = await session.execute(select(Code.list, Code.code, Code.zh, Code.en).where(Code.list.in_(LISTS)))
    labels = {(row.list, row.code): (row.zh, row.en) for row in codes}
    terms = await session.execute(select(CaseTerm.tree, CaseTerm.code, CaseTerm.zh, CaseTerm.en))
    return Words(labels | {(row.tree, row.code): (row.zh, row.en) for row in terms})


async def _people(session: AsyncSession, complaint: Complaint) -> dict[UUID, str]:
    """Names of those of ours who worked on it."""
    ids = {complaint.handler_id} | {each.answered_by for each in complaint.answers}
    rows = await session.execute(select(User.id, User.name).where(User.id.in_(ids - {None})))
    return {row.id: row.name for row in rows}


async def _registration(session: AsyncSession, complaint: Complaint, words: Words) -> dict[str, Any]:
    customer = await session.scalar(select(Customer.name).where(Customer.id == complaint.customer_id))
    return {
        "number": complaint.number,
        "cycle": complaint.cycle,
        "category": words(CaseTree.COMPLAINT_CATEGORY, complaint.category),
        "severity": words("severity", complaint.severity),
        "channel": words("complaint_channel", complaint.channel),
        "received_at": _at(complaint.received_at),
        "acknowledged_at": _at(complaint.acknowledged_at),
        "due_at": _at(complaint.due_at),
        "customer": customer,
        "complainant": {
            "name": complaint.complainant_name,
            "phone": complaint.complainant_phone,
            "role": words("complainant_role", complaint.complainant_role),
            "has_authority": complaint.has_authority,
        },
        "description": complaint.description,
        "remedy_sought": complaint.remedy_sought,
    }


async def _handling(
    session: AsyncSession, complaint: Complaint, people: Mapping[UUID, str]
) -> dict[str, Any]:
    team = await session.scalar(select(Team.name).where(Team.id == complaint.team_id))
    return {"handler": complaint.handler_id and people.get(complaint.handler_id), "team": team}


async def _consignments(session: AsyncSession, complaint: Complaint, words: Words) -> list[dict[str, Any]]:
    """Those that we know, with what became of them, and the bare number of all others."""
    numbers = complaint.tracking_nos
    rows = await session.execute(
        select(TrackingNumber.number, Shipment)
        .join(
            Shipment,
            (Shipment.customer_id == TrackingNumber.customer_id)
            & (Shipment.id == TrackingNumber.shipment_id),
        )
        .where(TrackingNumber.number.in_(numbers))
    )
    known = {row.number: row.Shipment for row in rows}
    return [{"tracking_no": number} | _consignment(known.get(number), words) for number in numbers]


def _consignment(shipment: Shipment | None, words: Words) -> dict[str, Any]:
    if shipment is None:
        return dict.fromkeys(("service", "status", "origin", "destination", "promised_at", "delivered_at"))
    return {
        "service": words("service", shipment.service),
        "status": words("shipment_status", shipment.status),
        "origin": _city(shipment.sender),
        "destination": _city(shipment.recipient),
        "promised_at": _at(shipment.promised_at),
        "delivered_at": _at(shipment.delivered_at),
    }


def _city(person: Mapping[str, Any]) -> str | None:
    address = person.get("address") or {}
    city: str | None = address.get("city") or address.get("province")
    return city


async def _timeline(session: AsyncSession, complaint: Complaint, words: Words) -> list[dict[str, Any]]:
    """What happened to the case. Receipt and answers count when they happened, not when they were written down."""
    rows = await session.execute(
        select(Event.kind, Event.recorded_at)
        .where(Event.subject_id == complaint.id, Event.kind.startswith("complaint."))
        .order_by(Event.recorded_at, Event.sequence)
        .limit(MOST)
    )
    told = iter(complaint.answers)
    steps = []
    for kind, recorded_at in rows:
        at = recorded_at
        if kind == "complaint.received":
            at = complaint.received_at
        elif kind == "complaint.answered" and (answer := next(told, None)) is not None:
            at = answer.told_at
        steps.append({"at": _at(at), "event": words("event_kind", kind)})
    return steps


def _clock(clock: Clock, words: Words) -> dict[str, Any]:
    return {
        "kind": words("clock_kind", clock.kind),
        "metric": words("clock_metric", clock.metric),
        "started_at": _at(clock.started_at),
        "due_at": _at(clock.due_at),
        "stopped_at": _at(clock.stopped_at),
        "verdict": words("verdict", clock.verdict),
    }


def _answer(answer: ComplaintAnswer, words: Words, people: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "number": answer.number,
        "finding": answer.finding,
        "liable_party": words(CaseTree.LIABLE_PARTY, answer.liable_party),
        "root_cause": words(CaseTree.ROOT_CAUSE, answer.root_cause),
        "remedy": answer.remedy,
        "text": answer.text,
        "channel": words("complaint_channel", answer.channel),
        "told_at": _at(answer.told_at),
        "answered_by": people.get(answer.answered_by),
    }


async def _call_backs(session: AsyncSession, complaint: Complaint) -> Iterable[ComplaintCallBack]:
    return await session.scalars(
        select(ComplaintCallBack)
        .where(ComplaintCallBack.complaint_id == complaint.id, ComplaintCallBack.cycle == complaint.cycle)
        .order_by(ComplaintCallBack.attempted_at, ComplaintCallBack.id)
    )


def _call_back(made: ComplaintCallBack, words: Words) -> dict[str, Any]:
    return {
        "attempted_at": _at(made.attempted_at),
        "method": words("call_back_method", made.method),
        "reached": made.reached,
        "accepted": made.accepted,
        "note": made.note,
    }


def _closing(closing: ComplaintClosing) -> dict[str, Any]:
    return {
        "requested_at": _at(closing.requested_at),
        "reason": closing.reason,
        "means_exhausted": closing.means_exhausted,
        "told_of_appeal": closing.told_of_appeal,
    }


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
