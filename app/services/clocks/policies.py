"""Which limits hold for a subject, in a stated order; and the rows of limits, which are only ever added."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Select,
    any_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.errors import Conflict, Invalid, NotFound
from app.models.calendar import Calendar
from app.models.clock import ClockSubject, SlaPolicy
from app.models.customer import Customer
from app.schemas.clock import SlaPolicyCreate, SlaPolicyEnd, SlaPolicyQuery, SlaPolicyVersion
from app.security import Principal
from app.services import events
from app.services.events import Subject


@dataclass(frozen=True, slots=True)
class Facts:
    """What a policy may ask of a subject."""

    category: str | None = None
    severity: str | None = None
    tier: str | None = None
    channel: str | None = None
    customer_id: UUID | None = None


CONDITIONS = {
    "category": "categories",
    "severity": "severities",
    "tier": "tiers",
    "channel": "channels",
}
"""Facts, and the columns in which a policy asks for them."""


async def choose(
    session: AsyncSession, subject_type: ClockSubject, facts: Facts, at: datetime
) -> list[SlaPolicy]:
    """The one policy for each kind and metric that has any.

    Of each code the latest version of the day of `at`, by the policy's zone; of those not ended all whose conditions
    fit; of these the lowest rank, then the code that comes first. A version whose conditions no longer fit gives way
    to other codes, not to its own earlier versions.
    """
    policy, in_force = _OF_SUBJECT
    fitting = in_force.where(
        *(_fits(getattr(policy, column), getattr(facts, fact)) for fact, column in CONDITIONS.items()),
        or_(policy.customer_id.is_(None), policy.customer_id == facts.customer_id),
    )
    chosen = fitting.order_by(policy.kind, policy.metric, policy.rank, policy.code)
    asked = {"at": at, "subject_type": subject_type}
    return list(await session.scalars(chosen.ext(distinct_on(policy.kind, policy.metric)), asked))


async def newest(session: AsyncSession, code: str, at: datetime) -> SlaPolicy | None:
    """The version of this code that holds on the day of `at`."""
    _, in_force = _OF_CODE
    return (await session.scalars(in_force, {"at": at, "code": code})).one_or_none()


def _in_force(of: ColumnElement[bool]) -> tuple[Any, Select[SlaPolicy]]:
    """Of each code the latest version of the day of `at`, where that has not been ended."""
    latest = (
        select(SlaPolicy)
        .where(of, SlaPolicy.valid_from <= _day_of(SlaPolicy.zone))
        .order_by(SlaPolicy.code, SlaPolicy.number.desc())
        .ext(distinct_on(SlaPolicy.code))
        .subquery()
    )
    policy = aliased(SlaPolicy, latest)
    ended = policy.valid_until <= _day_of(policy.zone)
    return policy, select(policy).where(ended.is_not(true()))


def _day_of(zone: Any) -> Any:
    return cast(func.timezone(zone, bindparam("at", type_=DateTime(timezone=True))), Date)


# Composed once: it takes longer than sending them.
_OF_SUBJECT = _in_force(SlaPolicy.subject_type == bindparam("subject_type"))
_OF_CODE = _in_force(SlaPolicy.code == bindparam("code"))


def _fits(wanted: Any, fact: str | None) -> Any:
    return or_(wanted == [], literal(fact) == any_(wanted)) if fact is not None else wanted == []


def listed(query: SlaPolicyQuery) -> Select[SlaPolicy]:
    """Every version, of each code the latest first."""
    statement = select(SlaPolicy)
    for name in ("code", "kind", "metric"):
        wanted = getattr(query, name)
        if wanted is not None:
            statement = statement.where(getattr(SlaPolicy, name) == wanted)
    return statement.order_by(SlaPolicy.code, SlaPolicy.number.desc())


async def versions(session: AsyncSession, code: str, *, lock: bool = False) -> list[SlaPolicy]:
    """All of a code, the latest first; `NotFound` where there are none."""
    statement = select(SlaPolicy).where(SlaPolicy.code == code).order_by(SlaPolicy.number.desc())
    found = list(await session.scalars(statement.with_for_update() if lock else statement))
    if not found:
        raise NotFound
    return found


async def create(session: AsyncSession, actor: Principal, body: SlaPolicyCreate) -> SlaPolicy:
    """A limit with a code of its own."""
    if await session.scalar(select(SlaPolicy.id).where(SlaPolicy.code == body.code).limit(1)):
        raise Conflict(
            "There is a policy with this code; add a version to it.",
            "已有此编码的时限规则，请为其新增版本。",
            pointer="/body/code",
        )
    await _must_exist(session, body)
    return await _add(session, actor, SlaPolicy(number=1, **body.model_dump()))


async def add_version(
    session: AsyncSession, actor: Principal, code: str, body: SlaPolicyVersion
) -> SlaPolicy:
    """What the policy says from a day on; clocks that run keep to theirs until they are retargeted."""
    latest = (await versions(session, code, lock=True))[0]
    if body.valid_from < latest.valid_from:
        raise Invalid(
            f"It can't begin before version {latest.number}, on {latest.valid_from}.",
            f"生效日不能早于第 {latest.number} 版的 {latest.valid_from}。",
            pointer="/body/valid_from",
        )
    same = {name: getattr(latest, name) for name in ("code", "subject_type", "kind", "metric")}
    _must_pause_lawfully(same["kind"], body.pause_reasons)
    await _must_exist(session, body)
    return await _add(session, actor, SlaPolicy(number=latest.number + 1, **same, **body.model_dump()))


async def end(session: AsyncSession, actor: Principal, code: str, body: SlaPolicyEnd) -> SlaPolicy:
    """Let no clock start by this policy from a day on. Clocks that run are not touched."""
    latest = (await versions(session, code, lock=True))[0]
    if latest.valid_until is not None:
        raise Conflict("This policy has been ended already.", "该时限规则已终止。")
    if body.valid_until <= latest.valid_from:
        raise Invalid(
            "It ends on a later day than the one on which it begins.",
            "终止日须晚于生效日。",
            pointer="/body/valid_until",
        )
    latest.valid_until = body.valid_until
    await session.flush()
    await events.record(session, actor, "sla_policy.ended", _subject(latest), valid_until=body.valid_until)
    return latest


def _must_pause_lawfully(kind: str, reasons: Iterable[str]) -> None:
    if kind == "statutory" and list(reasons):
        raise Invalid(
            "A statutory limit is never paused; leave the reasons out.",
            "法定时限不得暂停，请勿填写暂停原因。",
            pointer="/body/pause_reasons",
        )


async def _must_exist(session: AsyncSession, body: SlaPolicyVersion) -> None:
    if body.calendar_id is not None and await session.get(Calendar, body.calendar_id) is None:
        raise Invalid("There is no such calendar.", "没有这个日历。", pointer="/body/calendar_id")
    if body.customer_id is not None and await session.get(Customer, body.customer_id) is None:
        raise Invalid("There is no such customer.", "没有这个客户。", pointer="/body/customer_id")


async def _add(session: AsyncSession, actor: Principal, policy: SlaPolicy) -> SlaPolicy:
    session.add(policy)
    await session.flush()
    data = {"code": policy.code, "number": policy.number, "source": policy.source}
    await events.record(session, actor, "sla_policy.added", _subject(policy), **data)
    return policy


def _subject(policy: SlaPolicy) -> Subject:
    return Subject("sla_policy", policy.id, policy.customer_id)
