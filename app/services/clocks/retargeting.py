"""All clocks of a policy brought to its newest version, and to its calendar's: looked at first, then done in steps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict
from app.models.clock import Clock, ClockState, SlaPolicy
from app.models.job import Job
from app.security import Principal
from app.services import jobs
from app.services.clocks import ledger, policies, versions
from app.services.clocks.fold import Key, fold
from app.services.clocks.ledger import Account

JOB = "retarget_clocks"
CHUNK = 1000
SHOWN = 200
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Target:
    """What the clocks of a policy's older versions are brought to."""

    policy: SlaPolicy
    key: Key
    at: datetime

    def behind(self, ids: list[UUID]) -> Select[Clock]:
        """Open clocks of these versions that count by something else."""
        return select(Clock).where(
            Clock.policy_id.in_(ids),
            Clock.state.in_([ClockState.RUNNING, ClockState.PAUSED]),
            or_(Clock.policy_id != self.key[0], Clock.calendar_version_id.is_distinct_from(self.key[1])),
        )


async def preview(session: AsyncSession, code: str) -> dict[str, Any]:
    """What would become of the clocks if it were done now: how many there are, and the first of them with both times."""
    target, behind = await _behind(session, code, await _now(session))
    clocks = list(await session.scalars(behind.order_by(Clock.id).limit(SHOWN)))
    accounts = await ledger.read(session, clocks)
    before = {each.clock.id: each.clock.due_at for each in accounts}
    for account in accounts:
        account.retarget(Principal.SYSTEM, target.key, target.at)
    terms = await ledger.terms_of(session, accounts)
    return {
        "code": code,
        "number": target.policy.number,
        "calendar_version_id": target.key[1],
        "clocks": await _count(session, behind),
        "items": [
            {
                "clock_id": each.clock.id,
                "subject_type": each.clock.subject_type,
                "subject_id": each.clock.subject_id,
                "due_at": before[each.clock.id],
                "new_due_at": fold(each.events, terms).due_at,
            }
            for each in accounts
        ],
    }


async def enqueue(session: AsyncSession, actor: Principal, code: str) -> Job:
    """Have the worker do it; while it does, the same job is returned."""
    at = await _now(session)
    _, behind = await _behind(session, code, at)
    payload = {"code": code, "at": at.isoformat(), "actor": str(actor.id), "kind": actor.kind}
    job = await jobs.enqueue(session, JOB, payload, key=f"{JOB}:{code}", requested_by=actor.id)
    job.total = job.total or await _count(session, behind)
    return job


async def step(session: AsyncSession, job: Job) -> bool:
    """Retarget the next thousand; says whether there may be more. Clocks count by it from when it was asked for."""
    payload = job.payload
    target, behind = await _behind(session, payload["code"], datetime.fromisoformat(payload["at"]))
    after = UUID(payload.get("after") or str(NOBODY))
    accounts = await ledger.hold(session, behind.where(Clock.id > after).limit(CHUNK))
    await _move(session, Principal(UUID(payload["actor"]), payload["kind"]), accounts, target)
    job.done += len(accounts)
    if len(accounts) < CHUNK:
        return False
    job.payload = {**payload, "after": str(accounts[-1].clock.id)}
    return True


async def _move(session: AsyncSession, actor: Principal, accounts: list[Account], target: Target) -> None:
    for account in accounts:
        account.retarget(actor, target.key, target.at)
    await ledger.store(session, actor, accounts)


async def _behind(session: AsyncSession, code: str, at: datetime) -> tuple[Target, Select[Clock]]:
    rows = await policies.versions(session, code)
    newest = await policies.newest(session, code, at)
    if newest is None:
        raise Conflict(
            "No version of this policy is in force; its clocks keep to what they have.",
            "该时限规则当前没有生效的版本，时钟保持不变。",
        )
    ((_, key),) = await versions.keys(session, [newest], at)
    target = Target(newest, key, at)
    return target, target.behind([row.id for row in rows])


async def _count(session: AsyncSession, behind: Select[Clock]) -> int:
    return await session.scalar(select(func.count()).select_from(behind.subquery())) or 0


async def _now(session: AsyncSession) -> datetime:
    instant: datetime = (await session.execute(select(func.now()))).scalar_one()
    return instant
