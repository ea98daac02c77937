"""Clocks on subjects that only these tests know, moved as the rooms above move them."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from uuid_utils.compat import uuid7

from app.models.clock import Clock, ClockKind, ClockMetric
from app.roles import Role
from app.security import Principal
from app.services.clocks import keeping, ledger
from app.services.clocks.fold import fold
from app.services.clocks.policies import Facts
from app.services.events import Subject
from tests.system import System

ACTOR = Principal.SYSTEM
HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 16, 4, tzinfo=UTC)
"""A Monday, 12:00 in Shanghai."""
KEY = Facts(category="damage", severity="high", tier="key", channel="phone")


def an_hour(after: float) -> datetime:
    return NOON + after * HOUR


async def start(system: System, facts: Facts = KEY, at: datetime = NOON, cycle: int = 1) -> UUID:
    """A new subject with clocks."""
    subject = Subject("complaint", uuid7())
    async with system.database.sessions.begin() as session:
        await keeping.start(session, ACTOR, subject, facts, at, cycle=cycle)
    return subject.id


async def move(system: System, verb: Callable[..., Awaitable[Any]], *arguments: Any, **more: Any) -> Any:
    """Let a verb happen, in a transaction of its own."""
    async with system.database.sessions.begin() as session:
        return await verb(session, ACTOR, *arguments, **more)


async def clocks_of(system: System, subject_id: UUID) -> list[Clock]:
    async with system.database.sessions() as session:
        return (await keeping.of(session, [subject_id]))[subject_id]


async def clock_of(
    system: System, subject_id: UUID, kind: ClockKind, metric: ClockMetric = ClockMetric.RESOLUTION
) -> Clock:
    """The latest one of this kind and metric."""
    fitting = [
        each for each in await clocks_of(system, subject_id) if (each.kind, each.metric) == (kind, metric)
    ]
    return fitting[-1]


async def differing(system: System, subject_ids: Sequence[UUID]) -> list[str]:
    """What of the stored clocks is not as the fold of their events says."""
    async with system.database.sessions() as session:
        found = list(await session.scalars(select(Clock).where(Clock.subject_id.in_(subject_ids))))
        accounts = await ledger.read(session, found)
        terms = await ledger.terms_of(session, accounts)
        return [
            f"{name}: {getattr(account.clock, name)} is not {value}"
            for account in accounts
            for name, value in ledger.stand(account, fold(account.events, terms)).items()
            if getattr(account.clock, name) != value
        ]


async def a_policy(system: System, **fields: Any) -> dict[str, Any]:
    """A limit of a code of its own, made over the API by an administrator; it fits a tier of its own."""
    code = f"limit_{secrets.token_hex(5)}"
    body = {
        "code": code,
        "kind": "contract",
        "metric": "resolution",
        "rank": 1,
        "counting": "elapsed",
        "amount": 36_000,
        "tiers": [code],
        "pause_reasons": ["awaiting_customer"],
        "valid_from": "2020-01-01",
        "source": "顺丰框架协议",
    } | fields
    answer = await (await system.as_role(Role.ADMIN)).post("/v1/sla-policies", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def a_version(system: System, policy: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A newer version of a limit, the same but for these fields."""
    names = ("rank", "counting", "amount", "tiers", "pause_reasons", "valid_from", "source", "calendar_id")
    body = {name: policy[name] for name in names} | fields
    path = f"/v1/sla-policies/{policy['code']}/versions"
    answer = await (await system.as_role(Role.ADMIN)).post(path, body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
