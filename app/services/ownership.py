"""Who looks after a customer: its owner, a team, and those to whom it is lent."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Forbidden, Invalid, NotFound
from app.models.account import Team, User, UserLevel
from app.models.customer import Customer, CustomerGrant
from app.roles import Role, Scope
from app.schemas.ownership import GrantCreate, HandOver, Transfer
from app.security import Principal
from app.services import customers, events

MOST = 5000
"""Customers that one hand-over moves; whoever looks after more hands over twice."""


async def transfer(session: AsyncSession, actor: Principal, customer_id: UUID, body: Transfer) -> Customer:
    """Give the customer to another owner or team."""
    customer = await customers.get(session, actor, customer_id)
    await _must_lead(session, actor)
    await _must_be_sales(session, body.owner_id, "/body/owner_id")
    await _must_be_team(session, body.team_id)
    before = customer.owner_id
    customer.owner_id, customer.team_id = body.owner_id, body.team_id
    customer.updated_at = now()
    await session.flush()
    await events.record(
        session,
        actor,
        "customer.transferred",
        customers.subject(customer),
        from_owner_id=before and str(before),
        to_owner_id=body.owner_id and str(body.owner_id),
        team_id=body.team_id and str(body.team_id),
    )
    return customer


async def hand_over(session: AsyncSession, actor: Principal, body: HandOver) -> int:
    """Give every customer of one person to another; says how many there were."""
    await _must_lead(session, actor)
    if await session.get(User, body.from_owner_id) is None:
        raise Invalid("There is no such user.", "没有这个用户。", pointer="/body/from_owner_id")
    await _must_be_sales(session, body.to_owner_id, "/body/to_owner_id")
    theirs = customers.visible(actor).where(Customer.owner_id == body.from_owner_id)
    chosen = theirs.with_only_columns(Customer.id).order_by(Customer.id).limit(MOST).with_for_update()
    given = await session.scalars(
        update(Customer)
        .where(Customer.id.in_(chosen))
        .values(owner_id=body.to_owner_id, version=Customer.version + 1, updated_at=func.now())
        .returning(Customer.id)
        .execution_options(synchronize_session=False)
    )
    customer_ids = list(given)
    await events.record_all(
        session,
        actor,
        [
            events.Happening(
                "customer.transferred",
                events.Subject("customer", customer_id, customer_id),
                {"from_owner_id": str(body.from_owner_id), "to_owner_id": str(body.to_owner_id)},
            )
            for customer_id in customer_ids
        ],
    )
    return len(customer_ids)


async def grants(session: AsyncSession, principal: Principal, customer_id: UUID) -> Sequence[CustomerGrant]:
    """To whom the customer is lent at present."""
    await customers.must_see(session, principal, customer_id)
    return (
        await session.scalars(
            select(CustomerGrant)
            .where(
                CustomerGrant.customer_id == customer_id,
                or_(CustomerGrant.until.is_(None), CustomerGrant.until > func.now()),
            )
            .order_by(CustomerGrant.created_at, CustomerGrant.user_id)
        )
    ).all()


async def lend(
    session: AsyncSession, actor: Principal, customer_id: UUID, user_id: UUID, body: GrantCreate
) -> CustomerGrant:
    """Let somebody see the customer who does not own it; once more changes until when."""
    customer = await customers.must_stay(session, actor, customer_id)
    await _must_lead(session, actor)
    if await session.get(User, user_id) is None:
        raise NotFound
    grant = await session.get(CustomerGrant, (customer_id, user_id)) or CustomerGrant(
        customer_id=customer_id, user_id=user_id
    )
    grant.until, grant.reason, grant.granted_by = body.until, body.reason, actor.id
    session.add(grant)
    await session.flush()
    await events.record(session, actor, "customer.lent", customers.subject(customer), user_id=str(user_id))
    return grant


async def take_back(session: AsyncSession, actor: Principal, customer_id: UUID, user_id: UUID) -> None:
    customer = await customers.must_see(session, actor, customer_id)
    await _must_lead(session, actor)
    grant = await session.get(CustomerGrant, (customer_id, user_id))
    if grant is None:
        raise NotFound
    await session.delete(grant)
    await events.record(
        session, actor, "customer.taken_back", customers.subject(customer), user_id=str(user_id)
    )


async def _must_lead(session: AsyncSession, actor: Principal) -> None:
    """In sales, customers are given out by managers and directors."""
    if actor.may(Scope.CUSTOMERS_ALL):
        return
    user = await session.get(User, actor.id)
    if user is None or user.level is UserLevel.SPECIALIST:
        raise Forbidden(
            "Managers and directors give customers out; ask yours.",
            "客户由经理或总监分配，请联系您的上级。",
        )


async def _must_be_sales(session: AsyncSession, user_id: UUID | None, pointer: str) -> None:
    """An owner is somebody who may see customers and whose account is open."""
    if user_id is None:
        return
    user = await session.get(User, user_id)
    fit = user is not None and user.disabled_at is None
    if not fit or not {Role.SALES, Role.MARKETING, Role.CUSTOMER_SERVICE} & set(user.roles if user else []):
        raise Invalid(
            "The owner must be an active colleague in sales, marketing or customer service.",
            "负责人应为销售、市场或客服的在职同事。",
            pointer=pointer,
        )


async def _must_be_team(session: AsyncSession, team_id: UUID | None) -> None:
    if team_id is not None and await session.get(Team, team_id) is None:
        raise Invalid("There is no such team.", "没有这个团队。", pointer="/body/team_id")
