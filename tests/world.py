"""Makes the things that operations are called with, and calls them."""

import json
import re
import secrets
from dataclasses import dataclass, field
from importlib import resources
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx

from app import worker
from app.models.clock import ClockKind
from app.roles import Role
from app.services.clocks import waivers
from app.services.clocks.policies import Facts
from app.services.complaints.confirming import drawn
from app.worker import run_job, seal_audit
from tests.calls import ALARM, CALLS, CODE, CUSTOMER, EVENT, EXPORT, LIMIT, MAPPING, NOTE, SHIPMENT
from tests.canaries import NAME, PERSON, TEXT
from tests.clocks import clock_of, start
from tests.operations import described, parameters
from tests.owner import owner
from tests.policy import MAY, PUBLIC
from tests.system import PASSWORD, Caller, System, a_number, an_event, an_instant

REASONS = [
    row["code"]
    for row in json.loads(
        resources.files("app.reference").joinpath("exception_reasons.json").read_text("utf-8")
    )
]
ETAG = '"1"'
"""Of everything that was just made."""


@dataclass
class World:
    """One customer's things, each with `many` of whatever it holds; what is changed is made anew for each request."""

    system: System
    many: int = 1
    owned: bool = True
    """Whether sales look after the customer."""
    home: str | None = None
    partner: Caller | None = None
    bound: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    uses_nothing_up: bool = False
    """Whether no request will be granted."""
    kept: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Things that are only read, and what was `latest` after them, if they left anything there."""
    latest: str = ""
    """What was made last under the thing that stands before it in a path."""

    # Calls

    async def caller(self, role: str) -> Caller:
        """The one who calls in this role; the partner is bound to this world's customer."""
        if role != Role.PARTNER:
            return await self.system.as_role(Role(role))
        if self.partner is None:
            self.partner = await self.system.partner(await self.home_id())
        return self.partner

    async def somebody(self, name: str) -> Caller | None:
        """One of those who may call the operation; nobody where everybody may."""
        return None if name in PUBLIC else await self.caller(min(MAY[name]))

    async def request(self, name: str, **things: str) -> dict[str, Any]:
        """What to send so that the operation succeeds, with new things apart from those that are given."""
        call, operation = CALLS[name], described()[name]
        reads = operation["method"] == "GET" and "export" not in name  # an export is for who asked for it
        at = self.at if reads or self.uses_nothing_up else self.thing
        places = {
            place: things.get(place) or await at(call.places.get(place, place))
            for place in re.findall(r"{(\w+)}", operation["path"])
        }
        request = {
            "method": operation["method"],
            "path": operation["path"].format(**places),
            "params": await self.filled(dict(call.query), things),
            "headers": {"If-Match": ETAG} if "if-match" in parameters(operation, "header") else {},
        }
        if call.file is not None:
            file = await self.filled(call.file, things)
            request["files"] = {"file": (f"{TEXT}.csv", file.encode())}
        if call.form is not None:
            return request | {"data": await self.filled(dict(call.form), things)}
        return request | ({} if call.body is None else {"json": await self.filled(call.body, things)})

    async def call(self, name: str, caller: Caller | None = None) -> httpx.Response:
        """Call the operation with new things, so that it succeeds if the caller may."""
        return await self.send(caller or await self.somebody(name), await self.request(name))

    async def send(self, caller: Caller | None, request: dict[str, Any]) -> httpx.Response:
        """Send a request of `request`'s, with or without a token."""
        rest = {**request}
        method, path = rest.pop("method"), rest.pop("path")
        if caller is None:
            return await self.system.http.request(method, path, **rest)
        return await caller.request(method, path, **rest)

    async def filled(self, value: Any, things: dict[str, str]) -> Any:
        """The value with a thing wherever a text asks for one."""
        if isinstance(value, dict):
            return {name: await self.filled(each, things) for name, each in value.items()}
        if isinstance(value, list):
            return [await self.filled(each, things) for each in value]
        asked = re.fullmatch(r"{(\w+)}", value) if isinstance(value, str) else None
        return things.get(asked[1]) or await self.thing(asked[1]) if asked else value

    async def thing(self, name: str) -> str:
        """Make the thing of this name."""
        return str(await getattr(self, name)())

    async def at(self, name: str) -> str:
        """The thing of this name, the same one as before, unless it goes with the one before it in a path."""
        if name not in self.kept:
            before, thing = self.latest, await self.thing(name)
            if thing == before:
                return thing
            self.kept[name] = thing, self.latest if self.latest != before else None
        thing, latest = self.kept[name]
        self.latest = latest or self.latest
        return thing

    async def made(self, role: Role, path: str, body: Any) -> dict[str, Any]:
        answer = await (await self.caller(role)).post(path, await self.filled(body, {}))
        assert answer.status_code < 300, (path, answer.text)
        return dict(answer.json())

    # Things

    async def home_id(self) -> str:
        """The customer that everything here belongs to."""
        if self.home is None:
            self.home = await self.customer_id()
        return self.home

    async def prospect_id(self) -> str:
        return await self.customer_id(code=None)

    async def customer_id(self, **fields: Any) -> str:
        seller = await self.system.as_role(Role.SALES) if self.owned else None
        several = {name: list(CUSTOMER[name]) * self.many for name in ("contacts", "addresses")}
        body = CUSTOMER | several | {"owner_id": seller and seller.id} | fields
        return str((await self.made(Role.MARKETING, "/v1/customers", body))["id"])

    async def merge_id(self) -> str:
        """A merge of two customers, each with much behind it."""
        path = f"/v1/customers/{await self.customer_id()}/merge"
        return str((await self.made(Role.MARKETING, path, {"merged_id": "{customer_id}"}))["id"])

    async def contact_id(self) -> str:
        path = f"/v1/customers/{await self.home_id()}/contacts"
        return str((await self.made(Role.MARKETING, path, CALLS["add_contact"].body))["id"])

    async def address_id(self) -> str:
        path = f"/v1/customers/{await self.home_id()}/addresses"
        return str((await self.made(Role.MARKETING, path, CALLS["add_address"].body))["id"])

    async def link_kind(self) -> str:
        return "ship_to"

    async def linked_id(self) -> str:
        """A customer to which the one at home ships."""
        return await self.linked(await self.home_id())

    async def linking_id(self) -> str:
        """A customer that ships to others."""
        customer = await self.customer_id()
        for _ in range(self.many):
            await self.linked(customer)
        return customer

    async def linked(self, customer: str) -> str:
        other, marketing = await self.customer_id(), await self.caller(Role.MARKETING)
        path = f"/v1/customers/{customer}/links/{await self.link_kind()}/{other}"
        assert (await marketing.request("PUT", path)).status_code == 204
        return other

    async def external_id(self) -> str:
        body = {"system": await self.system_name(), "external_id": await self.new_code()}
        path = f"/v1/customers/{await self.home_id()}/external-ids"
        return str((await self.made(Role.MARKETING, path, body))["external_id"])

    async def system_name(self) -> str:
        return "erp"

    async def talkative_id(self) -> str:
        """A customer with consents, notes and people to whom it is lent."""
        customer, marketing = await self.customer_id(), await self.caller(Role.MARKETING)
        for _ in range(50 if self.many > 1 else 1):
            for operation, path in (("record_consent", "consents"), ("add_customer_note", "notes")):
                body = CALLS[operation].body
                await self.made(Role.MARKETING, f"/v1/customers/{customer}/{path}", body)
        for _ in range(self.many):
            grant = f"/v1/customers/{customer}/grants/{await self.user_id()}"
            answer = await marketing.request("PUT", grant, json=CALLS["lend_customer"].body)
            assert answer.status_code == 200, answer.text
        return customer

    async def borrower_id(self) -> str:
        user, marketing = await self.user_id(), await self.caller(Role.MARKETING)
        path = f"/v1/customers/{await self.home_id()}/grants/{user}"
        assert (await marketing.request("PUT", path, json={"reason": "休假"})).status_code == 200
        return user

    async def seller_id(self) -> str:
        return (await self.system.staff(Role.SALES)).id

    async def leaving_id(self) -> str:
        """A colleague who looks after customers, and leaves."""
        seller = await self.seller_id()
        for _ in range(self.many):
            await self.customer_id(owner_id=seller)
        return seller

    async def team_id(self) -> str:
        members = [await self.user_id() for _ in range(self.many)]
        body = {"code": await self.new_code(), "name": "华东组", "member_ids": members}
        return str((await self.made(Role.ADMIN, "/v1/teams", body))["id"])

    async def department_id(self) -> str:
        body = {"code": await self.new_code(), "name": "运营部"}
        return str((await self.made(Role.ADMIN, "/v1/departments", body))["id"])

    async def verified_id(self) -> str:
        """A customer of which many fields were confirmed, often."""
        home = await self.customer_id()
        for _ in range(self.many):
            await self.made(Role.MARKETING, f"/v1/customers/{home}/verify", CALLS["verify_customer"].body)
        return home

    async def task_id(self, of: str | None = None) -> str:
        """One that is open: the customer was recorded so long ago that everything is due."""
        home = of or await self.customer_id()
        async with owner(self.system) as connection:
            await connection.execute(
                "UPDATE customers SET created_at = created_at - interval '10 years' WHERE id = $1", UUID(home)
            )
        await worker.open_tasks(self.system.database.sessions)
        found = "SELECT id FROM tasks WHERE customer_id = :id AND department = 'marketing'"
        return str(await self.system.scalar(found, id=home))

    async def done_task_id(self) -> str:
        task = await self.task_id()
        await self.made(Role.MARKETING, f"/v1/tasks/{task}/done", CALLS["complete_task"].body)
        return task

    async def proposal_id(self, of: str | None = None) -> str:
        path = f"/v1/customers/{of or await self.customer_id()}/proposals"
        return str((await self.made(Role.OPERATIONS, path, CALLS["create_proposal"].body))["id"])

    async def decided_proposal_id(self) -> str:
        proposal = await self.proposal_id()
        await self.made(Role.MARKETING, f"/v1/proposals/{proposal}/reject", {"reason": TEXT})
        return proposal

    async def year(self) -> str:
        return "2026"

    async def calendar_id(self) -> str:
        made = await self.made(Role.ADMIN, "/v1/calendars", CALLS["create_calendar"].body)
        for _ in range(1, self.many):
            body = CALLS["add_calendar_version"].body
            await self.made(Role.ADMIN, f"/v1/calendars/{made['id']}/versions", body)
        return str(made["id"])

    async def limit_code(self) -> str:
        """Of a limit for no tier that any other thing here has."""
        tier = await self.new_code()
        body = LIMIT | {"code": tier, "kind": "contract", "metric": "resolution", "rank": 0, "tiers": [tier]}
        return str((await self.made(Role.ADMIN, "/v1/sla-policies", body))["code"])

    async def outdated_code(self) -> str:
        """Of a limit with clocks that run by a version before the newest."""
        code = await self.limit_code()
        for _ in range(self.many):
            await start(self.system, Facts(tier=code))
        await self.made(Role.ADMIN, f"/v1/sla-policies/{code}/versions", LIMIT | {"amount": 60})
        return code

    async def waiver_id(self) -> str:
        """Asked for by customer service."""
        clock = await clock_of(self.system, await start(self.system), ClockKind.CONTRACT)
        service = await self.caller(Role.CUSTOMER_SERVICE)
        async with self.system.database.sessions.begin() as session:
            return str((await waivers.request(session, service.principal, clock, TEXT)).id)

    async def segment_id(self) -> str:
        """A dynamic one."""
        made = await self.made(Role.MARKETING, "/v1/segments", CALLS["create_segment"].body)
        return str(made["id"])

    async def worded_id(self) -> str:
        """One whose filter was worded often."""
        segment, marketing = await self.segment_id(), await self.caller(Role.MARKETING)
        for version in range(1, self.many):
            body = {"filter": CALLS["change_segment"].body["filter"]}
            tag = {"If-Match": f'"{version}"'}
            answer = await marketing.patch(f"/v1/segments/{segment}", body, headers=tag)
            assert answer.status_code == 200, answer.text
        return segment

    async def empty_segment_id(self) -> str:
        body = {"name": await self.new_code(), "kind": "static"}
        return str((await self.made(Role.MARKETING, "/v1/segments", body))["id"])

    async def static_id(self) -> str:
        """A static one with many members, this world's customer among them."""
        segment, home = await self.empty_segment_id(), await self.home_id()
        others = "SELECT array_agg(id::text) FROM (SELECT id FROM customers WHERE id <> :home LIMIT :most)"
        found = await self.system.scalar(others, home=UUID(home), most=60 if self.many > 1 else 0)
        items = [{"customer_id": each} for each in (home, *(found or ()))]
        await self.made(Role.MARKETING, f"/v1/segments/{segment}/members/batch", {"items": items})
        return segment

    async def counted_id(self) -> str:
        """One with a snapshot of today, and of many days before."""
        segment = await self.segment_id()
        await worker.snapshot_segments(self.system.database.sessions)
        async with owner(self.system) as connection:
            await connection.execute(
                'INSERT INTO segment_snapshots (segment_id, day, size, joined, "left")'
                " SELECT $1, current_date - 1 - n, 1, 0, 0 FROM generate_series(1, $2) AS n",
                UUID(segment),
                60 if self.many > 1 else 0,
            )
        return segment

    async def new_no(self) -> str:
        return a_number()

    async def new_code(self) -> str:
        return f"n{secrets.token_hex(8)}"

    async def code_list(self) -> str:
        return "shipment_status"

    async def known_no(self) -> str:
        """The number of a shipment that nothing was heard of yet."""
        return str((await self.made(Role.OPERATIONS, "/v1/shipments", SHIPMENT))["tracking_no"])

    async def tracking_no(self) -> str:
        """The number of a shipment with events, and exceptions of different reasons."""
        return await self.in_trouble(self.many)

    async def in_trouble(self, exceptions: int) -> str:
        number = await self.known_no()
        await self.push("tracking-events", number, ["in_transit"] * self.many, EVENT)
        await self.push("delivery-exceptions", number, REASONS[-exceptions:], ALARM)
        await self.system.drain()
        return number

    async def delivered_no(self) -> str:
        number = await self.known_no()
        await self.push("tracking-events", number, ["in_transit"] * self.many + ["delivered"], EVENT)
        await self.system.drain()
        return number

    async def push(self, path: str, number: str, codes: Any, event: dict[str, Any]) -> None:
        """Push an event for each code, each a minute after the one before."""
        items = [
            event | an_event(number, code, occurred_at=an_instant(-2 + place / 60))
            for place, code in enumerate(codes)
        ]
        answer = await self.made(Role.DISPATCH, f"/v1/{path}/batch", {"items": items})
        assert {each["result"] for each in answer["results"]} == {"accepted"}, answer

    async def exception_id(self) -> str:
        """One that is open; those of a shipment are handed out one after the other."""
        if not self.exceptions:
            number = await self.in_trouble(max(self.many, 5))
            found = "SELECT array_agg(id::text) FROM delivery_exceptions WHERE tracking_no = :n AND state = 'open'"
            self.exceptions = list(await self.system.scalar(found, n=number))
        return self.exceptions.pop()

    async def served_id(self) -> str:
        """This world's customer, for whose complaints there is somebody."""
        await self.handler_id()
        return await self.home_id()

    async def complaint_id(self) -> str:
        """One that was acknowledged, about many consignments, given to one after the other."""
        numbers = [await self.known_no() for _ in range(self.many)]
        body = CALLS["create_complaint"].body | {"tracking_nos": numbers}
        complaint = str((await self.made(Role.CUSTOMER_SERVICE, "/v1/complaints", body))["id"])
        for _ in range(self.many):
            await self.made(Role.CUSTOMER_SERVICE, f"/v1/complaints/{complaint}/assign", {})
        return complaint

    async def complaint_number(self) -> str:
        asked = "SELECT number FROM complaints WHERE id = :id"
        return str(await self.system.scalar(asked, id=UUID(await self.complaint_id())))

    async def answered_number(self) -> str:
        asked = "SELECT number FROM complaints WHERE id = :id"
        return str(await self.system.scalar(asked, id=UUID(await self.answered_complaint_id())))

    async def figure_name(self) -> str:
        await self.complaint_id()
        return "complaint_rate"

    async def task_follow_up_id(self) -> str:
        """A task that an exception has left."""
        number = await self.known_no()
        dispatch = await self.caller(Role.DISPATCH)
        alarm = an_event(number, "carrier_label_lost", occurred_at=an_instant(0.1))
        assert (await dispatch.post("/v1/delivery-exceptions", alarm)).status_code == 202
        await self.system.drain()
        asked = "SELECT id FROM exception_follow_ups WHERE tracking_no = :number AND state = 'open'"
        return str(await self.system.scalar(asked, number=number))

    async def complaint_in(self, state: str, **columns: str) -> str:
        """One that has got there, in whichever way."""
        complaint = await self.complaint_id()
        changes = "".join(f", {name} = {value}" for name, value in columns.items())
        async with owner(self.system) as connection:
            await connection.execute(
                f"UPDATE complaints SET state = $2{changes} WHERE id = $1", UUID(complaint), state
            )
        return complaint

    async def received_complaint_id(self) -> str:
        return await self.complaint_in("received", acknowledged_at="NULL")

    async def investigated_complaint_id(self) -> str:
        complaint = await self.complaint_id()
        await self.made(Role.OPERATIONS, f"/v1/complaints/{complaint}/investigate", {})
        return complaint

    async def waiting_complaint_id(self) -> str:
        complaint = await self.complaint_id()
        await self.made(
            Role.CUSTOMER_SERVICE, f"/v1/complaints/{complaint}/pause", CALLS["pause_complaint"].body
        )
        return complaint

    async def answered_complaint_id(self) -> str:
        complaint = await self.investigated_complaint_id()
        path = f"/v1/complaints/{complaint}/answer"
        await self.made(Role.CUSTOMER_SERVICE, path, CALLS["answer_complaint"].body)
        return complaint

    async def busy_complaint_id(self) -> str:
        """One with a page of messages and of files."""
        complaint, most = await self.complaint_id(), 50 if self.many > 1 else 1
        for _ in range(most):
            body = CALLS["add_complaint_message"].body
            await self.made(Role.CUSTOMER_SERVICE, f"/v1/complaints/{complaint}/messages", body)
        for _ in range(most):
            await self.handed_in("add_complaint_attachment", complaint_id=complaint)
        return complaint

    async def attached_complaint_id(self) -> str:
        """One with a file, which is the `attachment_id` of the same path."""
        complaint = await self.complaint_id()
        self.latest = await self.handed_in("add_complaint_attachment", complaint_id=complaint)
        return complaint

    async def attachment_id(self) -> str:
        return self.latest

    async def linking_complaint_id(self) -> str:
        """One with links, the last of which is the `other_id` of the same path."""
        complaint, caller = await self.complaint_id(), await self.caller(Role.CUSTOMER_SERVICE)
        for _ in range(self.many):
            self.latest = await self.complaint_id()
            path = f"/v1/complaints/{complaint}/links/{await self.case_link()}/{self.latest}"
            assert (await caller.request("PUT", path)).status_code == 204
        return complaint

    async def case_link(self) -> str:
        return "same_incident"

    async def linked_case_id(self) -> str:
        return self.latest

    async def watched_complaint_id(self) -> str:
        """One that some follow, the last of whom is the `user_id` of the same path."""
        complaint, caller = await self.complaint_id(), await self.caller(Role.CUSTOMER_SERVICE)
        for _ in range(self.many):
            self.latest = await self.colleague_id()
            answer = await caller.request("PUT", f"/v1/complaints/{complaint}/watchers/{self.latest}")
            assert answer.status_code == 204, answer.text
        return complaint

    async def follower_id(self) -> str:
        return self.latest

    async def merging_complaint_id(self) -> str:
        """One into which others were merged that had been answered."""
        complaint = await self.complaint_id()
        for _ in range(self.many):
            body = {"merged_id": await self.answered_complaint_id(), "reason": TEXT}
            path = f"/v1/complaints/{complaint}/merge"
            self.latest = str((await self.made(Role.CUSTOMER_SERVICE, path, body))["id"])
        return complaint

    async def complaint_merge_id(self) -> str:
        await self.merging_complaint_id()
        return self.latest

    async def template_code(self) -> str:
        """The code of a wording with a page of versions."""
        code = await self.new_code()
        for _ in range(50 if self.many > 1 else 1):
            body = CALLS["create_message_template"].body | {"code": code}
            await self.made(Role.CUSTOMER_SERVICE, "/v1/message-templates", body)
        return code

    async def closed_complaint_id(self) -> str:
        return await self.complaint_in("closed", closed_at="now()", outcome="'accepted'")

    async def clock_id(self) -> str:
        """A complaint's that the house has set."""
        found = "SELECT id FROM clocks WHERE subject_id = :id AND kind = 'internal' ORDER BY metric LIMIT 1"
        return str(await self.system.scalar(found, id=UUID(await self.complaint_id())))

    async def reportable_complaint_id(self) -> str:
        """One that was answered, and that is nobody's in particular."""
        complaint = await self.answered_complaint_id()
        async with owner(self.system) as connection:
            await connection.execute("UPDATE complaints SET handler_id = NULL WHERE id = $1", UUID(complaint))
        return complaint

    async def drafted_complaint_id(self) -> str:
        return await self.served(await self.reportable_complaint_id(), "report")

    async def reported_complaint_id(self) -> str:
        return await self.served(await self.drafted_complaint_id(), "report/confirm", {"version": 1})

    async def agreed_complaint_id(self) -> str:
        yes = CALLS["record_complaint_call_back"].body
        return await self.served(await self.reported_complaint_id(), "call-backs", yes)

    async def called_complaint_id(self) -> str:
        """One whose customer was called often, and not reached."""
        complaint = await self.reportable_complaint_id()
        for _ in range(50 if self.many > 1 else 1):
            await self.served(complaint, "call-backs", {"method": "call", "reached": False, "note": TEXT})
        return complaint

    async def refused_complaint_id(self) -> str:
        """One that was answered twice, and not accepted the first time."""
        complaint = await self.reportable_complaint_id()
        no = CALLS["record_complaint_call_back"].body | {"accepted": False}
        await self.served(complaint, "call-backs", no)
        return await self.served(complaint, "answer", CALLS["answer_complaint"].body)

    async def closing_id(self) -> str:
        """A request of somebody below all who may decide, with its report."""
        complaint = await self.refused_complaint_id()
        asking = await self.system.staff(Role.CUSTOMER_SERVICE)
        await self.put_below(asking, Role.CUSTOMER_SERVICE, Role.OPERATIONS, Role.EXECUTIVE)
        path = f"/v1/complaints/{complaint}/close-not-accepted"
        made = await asking.post(path, CALLS["request_complaint_closing"].body)
        assert made.status_code == 201, made.text
        await self.served(complaint, "report")
        await self.served(complaint, "report/confirm", {"version": 1})
        return str(made.json()["id"])

    async def fully_reported_complaint_id(self) -> str:
        """One whose second report tells of a handler, of call-backs and of a request to close it."""
        asked = "SELECT complaint_id FROM complaint_closings WHERE id = :id"
        complaint = await self.system.scalar(asked, id=UUID(await self.closing_id()))
        handler = await self.caller(Role.CUSTOMER_SERVICE)
        async with owner(self.system) as connection:
            await connection.execute(
                "UPDATE complaints SET handler_id = $2 WHERE id = $1", complaint, handler.principal.id
            )
        return await self.served(str(complaint), "report")

    async def put_below(self, somebody: Caller, *roles: Role) -> None:
        """Let the line of superiors be those who call in these roles."""
        line = [somebody, *[await self.caller(role) for role in roles]]
        async with owner(self.system) as connection:
            for one, above in pairwise(line):
                await connection.execute(
                    "UPDATE users SET superior_id = $2 WHERE id = $1", one.principal.id, above.principal.id
                )

    async def easy_complaint_id(self) -> str:
        """One whose customer need not be called by a person."""
        body = CALLS["create_complaint"].body | {"severity": "low", "tracking_nos": []}
        while (
            drawn(UUID(made := (await self.made(Role.CUSTOMER_SERVICE, "/v1/complaints", body))["id"])) < 10
        ):
            pass
        await self.served(made, "investigate")
        return await self.served(made, "answer", CALLS["answer_complaint"].body)

    async def link_token(self) -> str:
        path = f"/v1/complaints/{await self.easy_complaint_id()}/confirmation-link"
        return str((await self.made(Role.CUSTOMER_SERVICE, path, None))["token"])

    async def served(self, complaint: str, verb: str, body: Any = None) -> str:
        await self.made(Role.CUSTOMER_SERVICE, f"/v1/complaints/{complaint}/{verb}", body or {})
        return complaint

    async def handler_id(self) -> str:
        user = await self.colleague_id()
        caller = await self.caller(Role.CUSTOMER_SERVICE)
        answer = await caller.request("PUT", f"/v1/complaint-handlers/{user}", json={"capacity": 1000})
        assert answer.status_code == 200, answer.text
        return user

    async def colleague_id(self) -> str:
        return (await self.system.staff(Role.CUSTOMER_SERVICE)).id

    async def raised(self) -> dict[str, str]:
        """A complaint that an exception has opened and that was taken up, and what it can be found by."""
        number, handler, team = await self.tracking_no(), await self.handler_id(), await self.team_id()
        await self.push("delivery-exceptions", number, ["carrier_damage"], ALARM)
        await self.system.drain()
        asked = (
            "SELECT complaint_id FROM exception_follow_ups WHERE tracking_no = :n AND action = 'complaint'"
        )
        complaint = str(await self.system.scalar(asked, n=number))
        path = f"/v1/complaints/{complaint}"
        await self.made(Role.CUSTOMER_SERVICE, f"{path}/assign", {"handler_id": handler})
        await self.made(Role.CUSTOMER_SERVICE, f"{path}/escalate", {"reason": TEXT})
        async with owner(self.system) as connection:
            await connection.execute(
                "UPDATE complaints SET team_id = $2 WHERE id = $1", UUID(complaint), UUID(team)
            )
        return {
            "complaint_id": complaint,
            "handler_id": handler,
            "team_id": team,
            "to_id": handler,
            "tracking_no": number,
        }

    async def new_complaint_id(self) -> str:
        """One that nothing has happened to yet."""
        body = CALLS["create_complaint"].body
        return str((await self.made(Role.CUSTOMER_SERVICE, "/v1/complaints", body))["id"])

    async def order_id(self) -> str:
        body = CALLS["create_order"].body
        return str((await self.made(Role.CUSTOMER_SERVICE, "/v1/orders", body))["id"])

    async def full_order_id(self) -> str:
        """An order with shipments under it."""
        order = await self.order_id()
        items = [SHIPMENT | {"order_id": order}] * self.many
        await self.made(Role.OPERATIONS, "/v1/shipments/batch", {"items": items})
        return order

    async def handed_order_id(self) -> str:
        order = await self.order_id()
        await self.made(Role.CUSTOMER_SERVICE, f"/v1/orders/{order}/hand-over", None)
        return order

    async def user_id(self) -> str:
        return (await self.system.staff(Role.HR)).id

    async def username(self) -> str:
        body = CALLS["create_user"].body
        return str((await self.made(Role.ADMIN, "/v1/users", body))["username"])

    async def token(self) -> str:
        form = {"grant_type": "password", "username": await self.username(), "password": PASSWORD}
        answer = await self.system.http.post("/v1/auth/token", data=form)
        return str(answer.json()["refresh_token"])

    async def client_id(self) -> str:
        """A partner's client, bound to customers."""
        self.bound += [await self.customer_id() for _ in range(self.many - len(self.bound))]
        return (await self.system.partner(*self.bound)).id

    async def code_id(self) -> str:
        return str((await self.made(Role.ADMIN, "/v1/carrier-codes", CODE))["id"])

    async def job_id(self) -> str:
        await self.code_id()
        return str(await self.system.scalar("SELECT id FROM jobs ORDER BY created_at DESC, id DESC LIMIT 1"))

    async def seal(self) -> str:
        """The SHA-256 of the first seal, in hexadecimal."""
        await seal_audit(self.system.database.sessions)
        return str(await self.system.scalar("SELECT encode(sha256, 'hex') FROM audit_seals WHERE number = 1"))

    async def new_incident_id(self) -> str:
        return str((await self.made(Role.HR, "/v1/leak-incidents", CALLS["report_leak"].body))["id"])

    async def incident_id(self) -> str:
        """A leak of which everything is known, and that nobody has looked into yet."""
        incident = await self.new_incident_id()
        auditor = await self.caller(Role.AUDITOR)
        body = await self.filled(CALLS["change_leak"].body, {})
        answer = await auditor.patch(f"/v1/leak-incidents/{incident}", body, headers={"If-Match": ETAG})
        assert answer.status_code == 200, answer.text
        return incident

    async def investigated_incident_id(self) -> str:
        return await self.moved_incident("investigate")

    async def contained_incident_id(self) -> str:
        return await self.moved_incident("investigate", "contain")

    async def told_incident_id(self) -> str:
        return await self.moved_incident("investigate", "contain", "notify")

    async def moved_incident(self, *verbs: str) -> str:
        incident = await self.incident_id()
        for verb in verbs:
            await self.made(Role.AUDITOR, f"/v1/leak-incidents/{incident}/{verb}", None)
        return incident

    async def seen_incident_id(self) -> str:
        """A leak whose customer many have looked at."""
        incident = await self.incident_id()
        async with owner(self.system) as connection:
            await connection.execute(
                "INSERT INTO accesses (id, kind, customer_id, data) SELECT gen_random_uuid(), 'revealed', $1, '{}'"
                " FROM generate_series(1, 50)",
                UUID(await self.home_id()),
            )
        return incident

    async def request_id(self, kind: str = "correction") -> str:
        """A person's request, of whom it is not sure yet that they ask."""
        body = {**CALLS["create_privacy_request"].body, "kind": kind}
        return str((await self.made(Role.CUSTOMER_SERVICE, "/v1/privacy-requests", body))["id"])

    async def verified_request_id(self, kind: str = "correction") -> str:
        request = await self.request_id(kind)
        path = f"/v1/privacy-requests/{request}/verify"
        await self.made(Role.CUSTOMER_SERVICE, path, CALLS["verify_privacy_request"].body)
        return request

    async def verified_access_id(self) -> str:
        return await self.verified_request_id("access")

    async def hold_id(self) -> str:
        body = CALLS["place_legal_hold"].body
        return str((await self.made(Role.AUDITOR, "/v1/legal-holds", body))["id"])

    acting: str = Role.CUSTOMER_SERVICE

    async def customer_file(self) -> str:
        """A customer that is new, one that was there, and rows that fail."""
        rows = [f"{NAME},个人,{PERSON['phone']},{await self.new_code()},{TEXT}"] * 2
        rows += [f"{NAME},个人,{TEXT},{await self.new_code()},"] * self.many
        return "\r\n".join(["客户名称,客户类型,电话,客户代码,来源", *rows])

    async def import_id(self) -> str:
        service = await self.caller(Role.CUSTOMER_SERVICE)
        request = await self.request("create_import")
        answer = await self.send(service, request)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def ended_import_id(self) -> str:
        number = await self.import_id()
        await self.run("SELECT job_id FROM import_files WHERE id = :id", number)
        return number

    async def run(self, job: str, key: str) -> None:
        """Do what the worker would do for the job that a query finds."""
        await run_job(self.system.database.sessions, await self.system.scalar(job, id=UUID(key)))

    async def mapping_name(self) -> str:
        name = await self.new_code()
        answer = await (await self.caller(Role.MARKETING)).request(
            "PUT", f"/v1/import-mappings/{name}", json=MAPPING
        )
        assert answer.status_code == 200, answer.text
        return name

    async def document_file(self) -> str:
        return f"{TEXT}\r\n{await self.new_code()}"

    async def document_id(self) -> str:
        return await self.handed_in("create_document")

    async def handed_in(self, operation: str, **things: str) -> str:
        request = await self.request(operation, **things)
        answer = await self.send(await self.caller(Role.CUSTOMER_SERVICE), request)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def versioned_document_id(self) -> str:
        document = await self.document_id()
        for _ in range(1, self.many):
            await self.handed_in("add_document_version", document_id=document)
        return document

    async def withdrawn_document_id(self) -> str:
        document = await self.document_id()
        await self.made(Role.CUSTOMER_SERVICE, f"/v1/documents/{document}/withdraw", {"reason": TEXT})
        return document

    async def version_number(self) -> str:
        return "1"

    async def export_id(self) -> str:
        await self.home_id()
        acting = self.acting if self.acting in MAY["create_export"] else Role.CUSTOMER_SERVICE
        return str((await self.made(Role(acting), "/v1/exports", EXPORT))["id"])

    async def ready_export_id(self) -> str:
        number = await self.export_id()
        await self.made(Role.EXECUTIVE, f"/v1/exports/{number}/approve", NOTE)
        await self.run("SELECT job_id FROM exports WHERE id = :id", number)
        return number


class Book:
    """A request of every operation that would succeed, to be spoilt: what is refused uses nothing up."""

    def __init__(self, world: World, entries: dict[str, tuple[Caller | None, dict[str, Any]]]) -> None:
        self.world, self.entries = world, entries

    @classmethod
    async def of(cls, world: World) -> "Book":
        return cls(world, {name: (await world.somebody(name), await world.request(name)) for name in CALLS})

    async def ask(self, name: str, **changes: Any) -> httpx.Response:
        """Call an operation with something wrong, as somebody who may call it."""
        caller, request = self.entries[name]
        headers = {**request["headers"], **self.language(name), **changes.pop("headers", {})}
        return await self.world.send(caller, request | {"headers": headers} | changes)

    async def ask_at(self, other: System, name: str) -> httpx.Response:
        """Call an operation of an application that is in trouble, with a token that holds."""
        caller, request = self.entries[name]
        token = {"Authorization": f"Bearer {caller.token}"} if caller else {}
        headers = {**request["headers"], **self.language(name), **token}
        return await World(other).send(None, request | {"headers": headers})

    def language(self, name: str) -> dict[str, str]:
        """Every second operation is asked in English."""
        return {"Accept-Language": "en" if len(name) % 2 else "zh"}
