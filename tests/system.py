"""The application under test, the people and machines that call it, and the things they make."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from app import worker
from app.database import Database
from app.main import create_app
from app.models.account import Client, ClientCustomer, User, UserLevel
from app.passwords import fingerprint, new_secret
from app.roles import Role, scopes_of
from app.security import Principal, Tokens
from app.settings import Settings, settings

PASSWORD = "correct horse battery staple"  # for tests


@dataclass
class System:
    """The application, its database, and a client without a token."""

    app: FastAPI
    http: httpx.AsyncClient
    database: Database
    settings: Settings
    callers: dict[str, "Caller"] = field(default_factory=dict)

    @property
    def tokens(self) -> Tokens:
        tokens: Tokens = self.app.state.tokens
        return tokens

    async def drain(self) -> None:
        """Do what the worker's relay would do, until nothing is pending."""
        await worker.drain(self.database.sessions)

    async def scalar(self, statement: str, **parameters: Any) -> Any:
        """One value straight from the database."""
        async with self.database.sessions() as session:
            return await session.scalar(text(statement), parameters)

    async def staff(self, *roles: Role, level: UserLevel = UserLevel.SPECIALIST) -> "Caller":
        """A new member of staff, signed in. The password is not set: `sign_in` has its own tests."""
        user = User(
            username=f"user_{secrets.token_hex(6)}",
            password_hash="-",
            name="测试员",
            roles=list(roles),
            level=level,
            credentials_version=1,
        )
        async with self.database.sessions.begin() as session:
            session.add(user)
        return self._caller(user.id, "user", list(roles))

    async def as_role(self, role: Role) -> "Caller":
        """Somebody with this role, the same one for the whole test process, with a token that has not run out."""
        if role not in self.callers:
            self.callers[role] = await self.of_role(role)
        caller = self.callers[role]
        return replace(caller, token=self.tokens.issue(caller.principal))

    async def of_role(self, role: Role) -> "Caller":
        """Somebody new with this role; in sales, one who leads others."""
        if made := {Role.DISPATCH: self.dispatch, Role.PARTNER: self.partner}.get(role):
            return await made()
        level = UserLevel.MANAGER if role is Role.SALES else UserLevel.SPECIALIST
        return await self.staff(role, level=level)

    async def dispatch(self, *sources: str) -> "Caller":
        """A new dispatch client; pushes for `native`, `kuaidi100` and `sf` unless told otherwise."""
        return await self._client(Role.DISPATCH, list(sources or ("native", "kuaidi100", "sf")), [])

    async def partner(self, *customer_ids: str) -> "Caller":
        """A new partner client bound to these customers."""
        return await self._client(Role.PARTNER, [], [UUID(each) for each in customer_ids])

    async def _client(self, role: Role, sources: list[str], customer_ids: list[UUID]) -> "Caller":
        client = Client(
            client_id=f"{role}_{secrets.token_hex(6)}",
            secret_hash=fingerprint(new_secret()),
            name="测试客户端",
            role=role,
            sources=sources,
            credentials_version=1,
            customers=[ClientCustomer(customer_id=each) for each in customer_ids],
        )
        async with self.database.sessions.begin() as session:
            session.add(client)
        return self._caller(client.id, "client", [role])

    def _caller(self, account_id: UUID, kind: Any, roles: list[Role]) -> "Caller":
        principal = Principal(account_id, kind, tuple(roles), scopes_of(roles), 1)
        return Caller(self.http, principal, self.tokens.issue(principal))


@dataclass
class Caller:
    """Somebody who calls the API with a token of their own."""

    http: httpx.AsyncClient
    principal: Principal
    token: str

    @property
    def id(self) -> str:
        return str(self.principal.id)

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **arguments.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **arguments)

    async def get(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("GET", path, **arguments)

    async def post(self, path: str, json: Any = None, **arguments: Any) -> httpx.Response:
        return await self.request("POST", path, json=json, **arguments)

    async def patch(self, path: str, json: Any, **arguments: Any) -> httpx.Response:
        return await self.request("PATCH", path, json=json, **arguments)


@asynccontextmanager
async def running(url: str, **changes: Any) -> AsyncIterator[System]:
    """The application on this database; `changes` are settings that differ from the tests' own."""
    chosen = settings().model_copy(update={"database_url": url, **changes})
    app = create_app(chosen)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://crm.test") as http:
            yield System(app, http, app.state.database, chosen)


def a_number(prefix: str = "SF") -> str:
    """A tracking number nobody has used."""
    return f"{prefix}{secrets.randbelow(10**13):013d}"


def an_instant(hours: float = 0) -> str:
    """An hour and a half ago, give or take, as RFC 3339 in Shanghai's offset."""
    return (datetime.now(UTC) - timedelta(hours=1.5) + timedelta(hours=hours)).isoformat()


async def a_customer(system: System, **fields: Any) -> dict[str, Any]:
    """A customer made over the API by marketing."""
    body = {"name": "顺丰测试有限公司", "kind": "company", "code": f"C{secrets.token_hex(5)}"} | fields
    answer = await (await system.as_role(Role.MARKETING)).post("/v1/customers", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def a_shipment(system: System, customer_id: str | None = None, **fields: Any) -> dict[str, Any]:
    """A shipment made over the API by operations, for a customer of its own unless told whose."""
    body = {
        "tracking_no": a_number(),
        "customer_id": customer_id or (await a_customer(system))["id"],
        "service": "inter_city",
        "promised_at": an_instant(48),
        "sender": {"name": "青禾茶业", "phone": "13800000000"},
        "recipient": {
            "name": "张三丰",
            "phone": "13812345678",
            "address": {"city": "杭州市", "detail": "1 幢 201"},
        },
    } | fields
    answer = await (await system.as_role(Role.OPERATIONS)).post("/v1/shipments", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def an_event(tracking_no: str, code: str = "in_transit", **fields: Any) -> dict[str, Any]:
    """The body of a push of source `native`."""
    return {
        "source": "native",
        "tracking_no": tracking_no,
        "code": code,
        "occurred_at": an_instant(),
    } | fields
