"""Whoever does whatever in whichever order: no complaint is closed past its report or the customer's word."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import select

from app.models.account import UserLevel
from app.models.clock import Clock, ClockEvent, ClockEventKind, ClockKind
from app.models.complaint import ComplaintState
from app.roles import MACHINE_ROLES, Role
from app.services.complaints import confirming
from tests.clocks import differing
from tests.complaints import ANSWER, ENOUGH, NO, UNREACHED, YES
from tests.system import Caller, System

GROUNDS = {"reason": "客户来电"}
DEEDS: dict[str, tuple[str, Any, str]] = {
    "investigate": ("investigate", {}, "complaint.investigating"),
    "pause": ("pause", {"reason": "awaiting_customer"}, "complaint.waiting"),
    "resume": ("resume", {}, "complaint.investigating"),
    "answer": ("answer", ANSWER, "complaint.answered"),
    "withdraw": ("withdraw", GROUNDS, "complaint.withdrawn"),
    "reopen": ("reopen", GROUNDS, "complaint.reopened"),
    "compose": ("report", {}, "complaint.report_composed"),
    "confirm": ("report/confirm", None, "complaint.report_confirmed"),
    "yes": ("call-backs", YES, "complaint.called_back"),
    "message": ("call-backs", YES | {"method": "message"}, "complaint.called_back"),
    "no": ("call-backs", NO, "complaint.not_accepted"),
    "unreached": ("call-backs", UNREACHED, "complaint.called_back"),
    "close": ("close", {}, "complaint.closed"),
    "ask": ("close-not-accepted", ENOUGH, "complaint.closing_requested"),
    "link": ("confirmation-link", {}, "complaint.link_made"),
}
LIKELY = ("investigate", "answer", "compose", "confirm", "yes", "no", "close", "ask")
"""Drawn more often than the rest, so that a walk gets somewhere."""
STAFF = tuple(role for role in Role if role not in MACHINE_ROLES)
ROLES = (*[Role.CUSTOMER_SERVICE] * 8, *STAFF)
ROLE = st.sampled_from(ROLES)
OTHERS = ("approve", "decline", "tap yes", "tap no")


class Walk:
    """One complaint, and what must be true of it after each step."""

    def __init__(self, system: System, complaint: str, boss: Caller) -> None:
        self.system, self.complaint, self.boss = system, complaint, boss
        self.closing = self.token = ""
        self.version = 0

    async def step(self, role: Role, deed: str) -> None:
        before, events = await self.now(), await self.events()
        answer = await self.do(await self.system.as_role(role), deed)
        assert answer.status_code < 500, (deed, answer.text)
        state, told = await self.now(), await self.events()
        if answer.status_code >= 400:
            assert (state, told) == (before, events), (role, deed, answer.text)
            return
        assert role is Role.CUSTOMER_SERVICE or deed not in DEEDS or deed == "investigate", (role, deed)
        assert told[: len(events)] == events
        assert told[len(events) :] == [self.event_of(deed)], deed
        self.remember(deed, answer.json())
        await self.must_be_sound(state)
        if state != before and state in {"closed", "closed_not_accepted"}:
            await self.must_have_ended_well(state)

    async def do(self, caller: Caller, deed: str) -> Any:
        if deed in {"approve", "decline"}:
            return await self.boss.post(f"/v1/complaint-closings/{self.closing or UUID(int=1)}/{deed}", {})
        if deed.startswith("tap"):
            path = f"/v1/confirmations/{self.token or 'nothing'}"
            return await self.system.http.post(path, json={"accepted": deed == "tap yes"})
        verb, body, _ = DEEDS[deed]
        body = {"version": self.version or 1} if deed == "confirm" else body
        return await caller.post(f"/v1/complaints/{self.complaint}/{verb}", body)

    def event_of(self, deed: str) -> str:
        others = {
            "approve": "complaint.closed_not_accepted",
            "decline": "complaint.closing_declined",
            "tap yes": "complaint.called_back",
            "tap no": "complaint.not_accepted",
        }
        return others.get(deed) or DEEDS[deed][2]

    def remember(self, deed: str, body: Any) -> None:
        if deed == "ask":
            self.closing = body["id"]
        elif deed == "link":
            self.token = body["token"]
        elif deed == "compose":
            self.version = body["version"]

    async def now(self) -> str:
        return str(
            await self.system.scalar("SELECT state FROM complaints WHERE id = :id", id=UUID(self.complaint))
        )

    async def events(self) -> list[str]:
        found = await self.system.scalar(
            "SELECT array_agg(kind ORDER BY sequence) FROM events WHERE subject_id = :id"
            " AND kind LIKE 'complaint.%' AND kind NOT IN ('complaint.escalated', 'complaint.assigned')",
            id=UUID(self.complaint),
        )
        return list(found)

    async def must_be_sound(self, state: str) -> None:
        """The law's clocks never rest, and each clock says what its events say, to anybody and by the fold."""
        async with self.system.database.sessions() as session:
            clocks = await session.scalars(select(Clock).where(Clock.subject_id == UUID(self.complaint)))
            for clock in clocks:
                happened = await session.scalars(
                    select(ClockEvent.kind).where(ClockEvent.clock_id == clock.id).order_by(ClockEvent.number)
                )
                kinds = happened.all()
                assert clock.kind is not ClockKind.STATUTORY or ClockEventKind.PAUSED not in kinds
                assert clock.state == plain_fold(kinds), (clock.kind, clock.metric, kinds)
        assert not await differing(self.system, [UUID(self.complaint)])
        assert state in set(ComplaintState)

    async def must_have_ended_well(self, state: str) -> None:
        """A confirmed report on the latest answer of this cycle, and the customer's word, or a superior's."""
        latest = (
            "SELECT max(a.number) FROM complaint_answers a JOIN complaints c ON c.id = a.complaint_id"
            " WHERE c.id = :id AND a.cycle = c.cycle"
        )
        reported = (
            "SELECT count(*) FROM complaint_reports JOIN complaint_report_confirmations USING (complaint_id, version)"
            f" WHERE complaint_id = :id AND answer_number = ({latest})"
        )
        heard = (
            "SELECT count(*) FROM complaint_call_backs WHERE complaint_id = :id AND accepted"
            f" AND answer_number = ({latest})"
        )
        agreed = (
            "SELECT count(*) FROM complaint_closings WHERE complaint_id = :id AND state = 'approved'"
            f" AND decided_by <> requested_by AND answer_number = ({latest})"
        )
        key = UUID(self.complaint)
        assert await self.system.scalar(latest, id=key) is not None
        assert await self.system.scalar(reported, id=key) > 0
        word = heard if state == "closed" else agreed
        assert await self.system.scalar(word, id=key) > 0


def plain_fold(kinds: Any) -> str:
    """The state of a clock as anybody would read it off its events."""
    rests = False
    ended = None
    for kind in kinds:
        if kind in {ClockEventKind.MET, ClockEventKind.CANCELLED, ClockEventKind.WAIVED}:
            ended = str(kind)
        elif kind is ClockEventKind.REVOKED:
            ended = None
        elif kind in {ClockEventKind.PAUSED, ClockEventKind.RESUMED}:
            rests = kind is ClockEventKind.PAUSED
    return ended or ("paused" if rests else "running")


async def begun(system: System, severity: str) -> str:
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    body = {
        "category": "damage",
        "description": "外箱破损",
        "remedy_sought": "赔偿",
        "severity": severity,
        "complainant": {"name": "李明", "role": "recipient"},
    }
    made = await service.post("/v1/complaints", body)
    await service.request("PUT", f"/v1/complaint-handlers/{service.id}", json={"capacity": 1000})
    complaint = str(made.json()["id"])
    given_to = await service.post(f"/v1/complaints/{complaint}/assign", {"handler_id": service.id})
    assert given_to.status_code == 200, given_to.text
    return complaint


class Desk(RuleBasedStateMachine):
    """One complaint in the hands of everybody."""

    def __init__(self, system: System, boss: Caller, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.system, self.boss, self.loop = system, boss, loop

    def wait(self, deed: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(deed, self.loop).result()

    @initialize(severity=st.sampled_from(["low", "critical"]))
    def begin(self, severity: str) -> None:
        self.walk = Walk(self.system, self.wait(begun(self.system, severity)), self.boss)

    @rule(role=ROLE, deed=st.sampled_from(LIKELY))
    def do_what_leads_on(self, role: Role, deed: str) -> None:
        self.wait(self.walk.step(role, deed))

    @rule(role=ROLE, deed=st.sampled_from(tuple(DEEDS)))
    def do_anything(self, role: Role, deed: str) -> None:
        self.wait(self.walk.step(role, deed))

    @rule(role=ROLE, deed=st.sampled_from(OTHERS))
    def decide_or_tap(self, role: Role, deed: str) -> None:
        self.wait(self.walk.step(role, deed))


async def test_no_way_leads_past_the_report_or_the_customers_word(system: System) -> None:
    boss = await system.staff(Role.CUSTOMER_SERVICE, level=UserLevel.MANAGER)
    loop = asyncio.get_running_loop()
    walks = settings(max_examples=8, stateful_step_count=22, suppress_health_check=list(HealthCheck))
    desk: Any = lambda: Desk(system, boss, loop)  # noqa: E731  # typed as a class, though a factory will do
    await asyncio.to_thread(run_state_machine_as_test, desk, settings=walks)


async def test_the_walk_can_get_to_both_ends(system: System) -> None:
    """Else the walks above would prove nothing."""
    boss, service = await system.staff(Role.CUSTOMER_SERVICE, level=UserLevel.MANAGER), Role.CUSTOMER_SERVICE
    first = ["investigate", "answer", "no", "answer"]
    ways = {
        "closed": [*first, "compose", "confirm", "yes", "close"],
        "closed_not_accepted": [*first, "ask", "compose", "confirm", "approve"],
    }
    for end, deeds in ways.items():
        walk = Walk(system, await begun(system, "critical"), boss)
        for deed in deeds:
            await walk.step(service, deed)
        assert await walk.now() == end


async def test_a_tap_is_a_step_as_well(system: System) -> None:
    boss, service = await system.staff(Role.CUSTOMER_SERVICE, level=UserLevel.MANAGER), Role.CUSTOMER_SERVICE
    while confirming.drawn(UUID(complaint := await begun(system, "low"))) < 10:
        pass
    walk = Walk(system, complaint, boss)
    for deed in (
        "investigate",
        "answer",
        "link",
        "tap no",
        "answer",
        "link",
        "tap yes",
        "compose",
        "confirm",
        "close",
    ):
        await walk.step(service, deed)
    assert await walk.now() == "closed"
