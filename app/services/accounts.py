"""The company's people and the machines: who they are, and what they may do."""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.clock import now
from app.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from app.models.account import Client, ClientCustomer, Department, User
from app.models.code import CarrierSource
from app.models.customer import Customer
from app.passwords import fingerprint, hash_password, new_secret
from app.roles import Role
from app.schemas.account import (
    ClientChange,
    ClientCreate,
    ClientQuery,
    DepartmentCreate,
    UserChange,
    UserCreate,
    UserQuery,
)
from app.security import Principal
from app.services import events

Account = TypeVar("Account", User, Client)

_REFERENCES: dict[str, type[User | Department]] = {
    "department_id": Department,
    "superior_id": User,
    "deputy_id": User,
    "parent_id": Department,
    "head_id": User,
    "lead_id": User,
    "liaison_id": User,
}


def search_users(query: UserQuery) -> Select[User]:
    statement = select(User)
    if query.role is not None:
        statement = statement.where(User.roles.contains([query.role]))
    if query.department_id is not None:
        statement = statement.where(User.department_id == query.department_id)
    if query.disabled is not None:
        statement = statement.where(User.disabled_at.is_not(None) == query.disabled)
    if query.sort == "username":
        return statement.order_by(User.username)
    return statement.order_by(User.created_at.desc(), User.id.desc())


async def create_user(session: AsyncSession, actor: Principal, body: UserCreate) -> User:
    await must_be_free(session, User.username, body.username, "/body/username")
    fields = body.model_dump(exclude={"password"})
    await references_must_exist(session, fields)
    user = User(**fields, password_hash=hash_password(body.password.get_secret_value()))
    session.add(user)
    await session.flush()
    await events.record(session, actor, "user.created", _subject(user), roles=user.roles)
    return user


async def change_user(
    session: AsyncSession, actor: Principal, user_id: UUID, body: UserChange, version: int
) -> User:
    """Change the given fields. New roles end every token given out before."""
    user = await User.fetch(session, user_id)
    must_match(user.version, version)
    changes = body.model_dump(exclude_unset=True)
    await references_must_exist(session, changes)
    if "roles" in changes and set(changes["roles"]) != set(user.roles):
        user.credentials_version += 1
    return await _change(session, actor, user, "user.changed", changes)


async def disable_user(session: AsyncSession, actor: Principal, user_id: UUID) -> User:
    """End the user's access as of the next request."""
    if user_id == actor.id:
        raise Forbidden(
            "Nobody disables their own account; ask another admin.", "不能停用自己的账号，请找其他管理员。"
        )
    user = await User.fetch(session, user_id)
    user.credentials_version += 1
    return await _change(session, actor, user, "user.disabled", {"disabled_at": user.disabled_at or now()})


async def enable_user(session: AsyncSession, actor: Principal, user_id: UUID) -> User:
    user = await User.fetch(session, user_id)
    return await _change(session, actor, user, "user.enabled", {"disabled_at": None})


async def reset_password(session: AsyncSession, actor: Principal, user_id: UUID, password: str) -> User:
    """Give a new password; every token given out before ends."""
    user = await User.fetch(session, user_id)
    user.credentials_version += 1
    user.password_hash = hash_password(password)
    return await _change(session, actor, user, "user.password_reset", {})


async def create_department(session: AsyncSession, actor: Principal, body: DepartmentCreate) -> Department:
    await must_be_free(session, Department.code, body.code, "/body/code")
    await references_must_exist(session, body.model_dump())
    department = Department(**body.model_dump())
    session.add(department)
    await session.flush()
    await events.record(session, actor, "department.created", events.Subject("department", department.id))
    return department


def departments() -> Select[Department]:
    return select(Department).order_by(Department.code)


def search_clients(query: ClientQuery) -> Select[Client]:
    statement = select(Client).options(selectinload(Client.customers))
    if query.role is not None:
        statement = statement.where(Client.role == query.role)
    return statement.order_by(Client.client_id)


async def get_client(session: AsyncSession, client_id: UUID) -> Client:
    client = await session.scalar(
        select(Client).where(Client.id == client_id).options(selectinload(Client.customers))
    )
    if client is None:
        raise NotFound
    return client


async def create_client(session: AsyncSession, actor: Principal, body: ClientCreate) -> tuple[Client, str]:
    """Make a client and its secret, which is told this once and stored as a hash."""
    name = body.client_id or f"{body.role}_{new_secret()[:12].lower().replace('-', '0')}"
    await must_be_free(session, Client.client_id, name, "/body/client_id")
    await must_exist(session, CarrierSource.source, body.sources, "/body/sources")
    await must_exist(session, Customer.id, body.customer_ids, "/body/customer_ids")
    secret = new_secret()
    client = Client(
        client_id=name,
        secret_hash=fingerprint(secret),
        name=body.name,
        role=body.role,
        sources=body.sources,
        customers=_bindings(body.customer_ids),
    )
    session.add(client)
    await session.flush()
    await events.record(session, actor, "client.created", _subject(client), role=client.role)
    return client, secret


async def change_client(
    session: AsyncSession, actor: Principal, client_id: UUID, body: ClientChange, version: int
) -> Client:
    client = await get_client(session, client_id)
    must_match(client.version, version)
    changes = body.model_dump(exclude_unset=True, exclude_none=True)
    _must_fit_role(client, changes)
    customer_ids = changes.pop("customer_ids", None)
    await must_exist(session, CarrierSource.source, changes.get("sources", []), "/body/sources")
    if customer_ids is not None:
        await must_exist(session, Customer.id, customer_ids, "/body/customer_ids")
        kept = {binding.customer_id: binding for binding in client.customers}
        client.customers = [
            kept.get(each) or ClientCustomer(customer_id=each) for each in dict.fromkeys(customer_ids)
        ]
    client.updated_at = now()
    return await _change(session, actor, client, "client.changed", changes)


async def disable_client(session: AsyncSession, actor: Principal, client_id: UUID) -> Client:
    client = await get_client(session, client_id)
    client.credentials_version += 1
    return await _change(
        session, actor, client, "client.disabled", {"disabled_at": client.disabled_at or now()}
    )


async def enable_client(session: AsyncSession, actor: Principal, client_id: UUID) -> Client:
    client = await get_client(session, client_id)
    return await _change(session, actor, client, "client.enabled", {"disabled_at": None})


async def rotate_secret(session: AsyncSession, actor: Principal, client_id: UUID) -> tuple[Client, str]:
    """A new secret; the old one and every token it gave end at once."""
    client = await get_client(session, client_id)
    secret = new_secret()
    client.credentials_version += 1
    client.secret_hash = fingerprint(secret)
    await _change(session, actor, client, "client.secret_rotated", {})
    return client, secret


def _must_fit_role(client: Client, changes: dict[str, Any]) -> None:
    field = "customer_ids" if client.role == Role.DISPATCH else "sources"
    if changes.get(field):
        raise Invalid(
            f"A {client.role} client has no {field}.",
            f"{client.role} 客户端没有 {field}。",
            pointer=f"/body/{field}",
        )


def _bindings(customer_ids: list[UUID]) -> list[ClientCustomer]:
    return [ClientCustomer(customer_id=customer_id) for customer_id in dict.fromkeys(customer_ids)]


def _subject(account: User | Client) -> events.Subject:
    return events.Subject("user" if isinstance(account, User) else "client", account.id)


async def _change(
    session: AsyncSession, actor: Principal, account: Account, kind: str, changes: dict[str, Any]
) -> Account:
    for name, value in changes.items():
        setattr(account, name, value)
    await session.flush()
    await events.record(session, actor, kind, _subject(account), fields=sorted(changes))
    return account


def must_match(version: int, expected: int) -> None:
    if version != expected:
        raise Stale(
            "It was changed since you read it; read it again and repeat your change.",
            "自您读取后已被修改，请重新读取后再提交。",
        )


async def must_be_free(session: AsyncSession, column: Any, value: str, pointer: str) -> None:
    if await session.scalar(select(column).where(column == value)) is not None:
        raise Conflict(f"{value} is taken; choose another.", f"{value} 已被占用，请换一个。", pointer=pointer)


async def references_must_exist(session: AsyncSession, fields: dict[str, Any]) -> None:
    for name, model in _REFERENCES.items():
        if fields.get(name) is not None and await session.get(model, fields[name]) is None:
            raise Invalid(f"There is no {fields[name]}.", f"不存在 {fields[name]}。", pointer=f"/body/{name}")


async def must_exist(session: AsyncSession, column: Any, values: list[Any], pointer: str) -> None:
    known = set(await session.scalars(select(column).where(column.in_(values)))) if values else set()
    for index, value in enumerate(values):
        if value not in known:
            raise Invalid(f"There is no {value}.", f"不存在 {value}。", pointer=f"{pointer}/{index}")
