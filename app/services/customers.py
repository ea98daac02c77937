"""Customers: who they are and who looks after them."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased, selectinload

from app.clock import now
from app.errors import Conflict, Duplicate, Forbidden, Invalid, NotFound, Stale
from app.models.account import TeamMember, User
from app.models.code import Code
from app.models.customer import (
    Contact,
    Customer,
    CustomerAddress,
    CustomerContact,
    CustomerGrant,
    CustomerState,
)
from app.roles import Scope
from app.schemas.customer import (
    CustomerAddressCreate,
    CustomerChange,
    CustomerCreate,
    CustomerMove,
    CustomerQuery,
)
from app.schemas.masking import redact
from app.security import Principal
from app.services import contact_points, divisions, events, names
from app.services.duplicates import found as duplicates

Statement = TypeVar("Statement", bound=Select[Any])

LIKENESS = {"name", "contacts", "addresses"}
"""Fields by which customers are found to be the same."""


def owned_by(user_id: UUID | ColumnElement[UUID]) -> ColumnElement[bool]:
    """Of those who don't see every customer, whom they do see: their own, their teams', and those lent to them."""
    teams = select(TeamMember.team_id).where(TeamMember.user_id == user_id)
    lent = select(CustomerGrant.customer_id).where(
        CustomerGrant.user_id == user_id,
        or_(CustomerGrant.until.is_(None), CustomerGrant.until > func.now()),
    )
    return or_(Customer.owner_id == user_id, Customer.team_id.in_(teams), Customer.id.in_(lent))


def visible(principal: Principal) -> Select[Customer]:
    """The customers this principal may know of: all, or those it looks after. Merged ones are no more."""
    statement = select(Customer).where(Customer.merged_into_id.is_(None))
    return statement if principal.may(Scope.CUSTOMERS_ALL) else statement.where(owned_by(principal.id))


def visible_ids(principal: Principal) -> Select[UUID] | None:
    """The same as a sub-select of ids, for what belongs to customers, merged ones included; `None` means all."""
    if principal.may(Scope.CUSTOMERS_ALL):
        return None
    return seen_by(principal.id)


def within(principal: Principal, statement: Statement, column: InstrumentedAttribute[Any]) -> Statement:
    """The statement's rows whose customer, by this column, the principal may know of."""
    ids = visible_ids(principal)
    return statement if ids is None else statement.where(column.in_(ids))


def seen_by(user_id: UUID | ColumnElement[UUID]) -> Select[UUID]:
    """Ids of a user's own customers, and of those that have become a part of one."""
    gone = aliased(Customer)
    own = select(Customer.id).where(owned_by(user_id), Customer.merged_into_id.is_(None)).correlate(None)
    return own.union_all(select(gone.id).where(gone.merged_into_id.in_(own))).subquery().select()


def and_merged(customer_id: UUID | InstrumentedAttribute[UUID]) -> Select[UUID]:
    """A customer and those that have become a part of it: parcels, events and consents still name them."""
    kin = aliased(Customer)
    of = or_(kin.id == customer_id, kin.merged_into_id == customer_id)
    return select(kin.id).where(of).correlate(Customer)


def listed(principal: Principal, query: CustomerQuery) -> Select[Customer]:
    statement = visible(principal)
    if query.kind is not None:
        statement = statement.where(Customer.kind == query.kind)
    if query.state is not None:
        statement = statement.where(Customer.state == query.state)
    if query.tier is not None:
        statement = statement.where(Customer.tier == query.tier)
    if query.owner_id is not None:
        statement = statement.where(Customer.owner_id == query.owner_id)
    orders = {
        "-created_at": (Customer.created_at.desc(), Customer.id.desc()),
        "created_at": (Customer.created_at, Customer.id),
        "name": (Customer.name, Customer.id),
    }
    return statement.order_by(*orders[query.sort])


async def get(session: AsyncSession, principal: Principal, customer_id: UUID) -> Customer:
    """The customer with contacts and addresses, if this principal may know of it."""
    customer = await session.scalar(
        visible(principal)
        .where(Customer.id == customer_id)
        .options(
            selectinload(Customer.contacts).joinedload(CustomerContact.contact).selectinload(Contact.points),
            selectinload(Customer.addresses),
        )
    )
    if customer is None:
        raise NotFound
    return customer


async def must_see(session: AsyncSession, principal: Principal, customer_id: UUID) -> Customer:
    """The customer by itself, if this principal may know of it."""
    customer = await session.scalar(visible(principal).where(Customer.id == customer_id))
    if customer is None:
        raise NotFound
    return customer


async def must_stay(session: AsyncSession, actor: Principal, customer_id: UUID) -> Customer:
    """The same, for whoever hangs something on it: until the transaction ends, nobody merges it away."""
    customer: Customer | None = await session.scalar(
        staying(visible(actor).where(Customer.id == customer_id))
    )
    if customer is None:
        raise NotFound
    return customer


def staying(statement: Select[Any]) -> Select[Any]:
    """The lock that a foreign key takes, taken before it is looked whether the customer was merged."""
    return statement.order_by(Customer.id).with_for_update(read=True, key_share=True, of=Customer)


async def create(session: AsyncSession, actor: Principal, body: CustomerCreate) -> Customer:
    """Record a customer; whoever sees only their own becomes its owner."""
    await _code_must_be_free(session, body.code)
    await _tier_must_exist(session, body.tier)
    owner_id = await _owner(session, actor, body.owner_id)
    customer = Customer(
        **body.model_dump(exclude={"contacts", "addresses", "owner_id", "refuse_duplicates"}),
        romanised=names.romanised(body.name),
        state=CustomerState.ACTIVE if body.code else CustomerState.PROSPECT,
        owner_id=owner_id,
        contacts=[contact_points.held(contact) for contact in body.contacts],
        addresses=_addresses(body),
    )
    session.add(customer)
    await session.flush()
    likely = await duplicates.note_new(session, customer)
    await _none_may_be_like_it(session, actor, likely if body.refuse_duplicates else [])
    await events.record(session, actor, "customer.created", subject(customer), customer_kind=customer.kind)
    return customer


async def change(  # one line for each field that has a rule
    session: AsyncSession, actor: Principal, customer_id: UUID, body: CustomerChange, version: int
) -> Customer:
    """Change the given fields, if the customer still is at `version`."""
    customer = await get(session, actor, customer_id)
    if customer.version != version:
        raise Stale(
            "The customer was changed since you read it; read it again and repeat your change.",
            "自您读取后客户资料已被修改，请重新读取后再提交。",
        )
    changes = body.model_dump(exclude_unset=True, exclude={"contacts", "addresses", "refuse_duplicates"})
    if changes.get("code") not in {None, customer.code}:
        await _code_must_be_free(session, changes["code"])
    if changes.get("tier") != customer.tier:
        await _tier_must_exist(session, changes.get("tier"))
    if "owner_id" in changes:
        changes["owner_id"] = await _owner(session, actor, changes["owner_id"])
    for name, value in changes.items():
        setattr(customer, name, value)
    if "name" in changes:
        customer.romanised = names.romanised(customer.name)
    left = []
    if body.contacts is not None:
        left = [held.contact_id for held in customer.contacts]
        customer.contacts = [contact_points.held(contact) for contact in body.contacts]
    if body.addresses is not None:
        customer.addresses = _addresses(body)
    customer.updated_at = now()
    await session.flush()
    await contact_points.forget_unlinked(session, left)
    fields = body.model_fields_set - {"refuse_duplicates"}
    if fields & LIKENESS:
        likely = await duplicates.note(session, [customer_id])
        await _none_may_be_like_it(session, actor, likely[customer_id] if body.refuse_duplicates else [])
    await events.record(session, actor, "customer.changed", subject(customer), fields=sorted(fields))
    return customer


async def move(
    session: AsyncSession, actor: Principal, customer_id: UUID, to: CustomerState, body: CustomerMove
) -> Customer:
    """Change where the customer stands, with the reason why."""
    customer = await get(session, actor, customer_id)
    customer.advance(to)
    customer.updated_at = now()
    await events.record(session, actor, f"customer.{to}", subject(customer), reason=redact(body.reason))
    return customer


def subject(customer: Customer) -> events.Subject:
    return events.Subject("customer", customer.id, customer.id)


async def resolve(session: AsyncSession, customer_id: UUID | None, code: str | None) -> Customer:
    """The customer that an id or a code names, or what it was merged into; exactly one of them is given."""
    where: Any = Customer.id == customer_id if customer_id is not None else Customer.code == code
    customer = await session.scalar(select(Customer).where(where))
    if customer is None:
        field = "customer_id" if customer_id is not None else "customer_code"
        raise Invalid("There is no such customer.", "没有这个客户。", pointer=f"/body/{field}")
    if customer.merged_into_id is not None:
        return await Customer.fetch(session, customer.merged_into_id)
    return customer


def place(body: CustomerAddressCreate) -> CustomerAddress:
    written = body.model_dump(exclude={"kind"}, exclude_none=True)
    address, division = divisions.normalised(written)
    return CustomerAddress(kind=body.kind, address=address, division_code=division)


async def named(session: AsyncSession, actor: Principal, customer_id: UUID) -> Customer:
    """As `must_stay`, for a customer that a body names."""
    try:
        return await must_stay(session, actor, customer_id)
    except NotFound:
        raise Invalid("There is no such customer.", "没有这个客户。", pointer="/body/customer_id") from None


def _addresses(body: CustomerCreate | CustomerChange) -> list[CustomerAddress]:
    return [place(address) for address in body.addresses or []]


async def _owner(session: AsyncSession, actor: Principal, owner_id: UUID | None) -> UUID | None:
    if not actor.may(Scope.CUSTOMERS_ALL):
        if owner_id not in {None, actor.id}:
            raise Forbidden(
                "You can only be the owner yourself.", "您只能将客户归属于自己。", pointer="/body/owner_id"
            )
        return actor.id
    if owner_id is not None and await session.get(User, owner_id) is None:
        raise Invalid("There is no such user.", "没有这个用户。", pointer="/body/owner_id")
    return owner_id


async def _tier_must_exist(session: AsyncSession, tier: str | None) -> None:
    if tier is not None and await session.get(Code, ("customer_tier", tier)) is None:
        raise Invalid(
            f"There is no tier {tier}; see /v1/codes/customer_tier.",
            f"没有客户等级 {tier}，请查看 /v1/codes/customer_tier。",
            pointer="/body/tier",
        )


async def _code_must_be_free(session: AsyncSession, code: str | None) -> None:
    if code is not None and await session.scalar(select(Customer.id).where(Customer.code == code)):
        raise Conflict(
            f"Another customer has the code {code}.", f"客户代码 {code} 已被占用。", pointer="/body/code"
        )


async def _none_may_be_like_it(
    session: AsyncSession, actor: Principal, likely: Sequence[duplicates.Likeness]
) -> None:
    """Whom the actor may not know of is not spoken of; the pair is kept for those who may."""
    if not likely:
        return
    ids = [customer_id for customer_id, _ in likely]
    seen = set(
        await session.scalars(visible(actor).with_only_columns(Customer.id).where(Customer.id.in_(ids)))
    )
    if seen:
        raise Duplicate(
            "There are customers that may be the same; see candidates.",
            "已有疑似相同的客户，请查看 candidates。",
            candidates=[{"customer_id": str(each), "score": score} for each, score in likely if each in seen],
        )
