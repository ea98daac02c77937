"""Makes the things that operations are called with, and calls them."""

import json
import re
import secrets
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import httpx

from app.security import Role
from tests.calls import ALARM, CALLS, CODE, CUSTOMER, EVENT, SHIPMENT
from tests.operations import described, parameters
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
    """One customer's things; each is made anew when it is asked for, and holds `many` of whatever it holds."""

    system: System
    many: int = 1
    owned: bool = True
    """Whether sales look after the customer."""
    home: str | None = None
    partner: Caller | None = None
    bound: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)

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
        places = {
            place: things.get(place) or await self.thing(call.places.get(place, place))
            for place in re.findall(r"{(\w+)}", operation["path"])
        }
        request = {
            "method": operation["method"],
            "path": operation["path"].format(**places),
            "params": await self.filled(dict(call.query), things),
            "headers": {"If-Match": ETAG} if "if-match" in parameters(operation, "header") else {},
        }
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
