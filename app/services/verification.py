"""How fresh a customer's data are: who must confirm what by when, and who did."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    Subquery,
    and_,
    any_,
    extract,
    func,
    insert,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from app.errors import NotFound
from app.models.account import Department, User
from app.models.base import as_json
from app.models.customer import Customer, CustomerState
from app.models.verification import Confirmation, StalenessWeight, Task, TaskState, VerificationRule
from app.schemas.verification import CustomerVerify, VerificationQuery
from app.security import Principal
from app.services import customers, events, tasks

BATCH = 500
LOOKED_AFTER = (CustomerState.PROSPECT, CustomerState.ACTIVE, CustomerState.DORMANT)
"""Whose data the house keeps true; of the others they may age."""


def staleness() -> ScalarSelect[int]:
    """0 to 100 for a customer of the enclosing statement: the ages of its confirmations, by the fields' weights.

    A field counts in full once it is as old as its rule allows; unconfirmed, it is as old as the customer.
    """
    last = select(func.max(Confirmation.confirmed_at)).where(
        Confirmation.customer_id == Customer.id, Confirmation.field == StalenessWeight.field
    )
    known_at = func.coalesce(last.correlate(Customer, StalenessWeight).scalar_subquery(), Customer.created_at)
    days = extract("epoch", func.now() - known_at) / 86400
    share = func.greatest(0, func.least(1, days / StalenessWeight.stale_after_days))
    score = func.round(100 * func.sum(StalenessWeight.weight * share) / func.sum(StalenessWeight.weight))
    return (
        select(func.coalesce(score, 0).cast(Integer))
        .select_from(StalenessWeight)
        .correlate(Customer)
        .scalar_subquery()
    )


def _in_force(rule: Any) -> ColumnElement[bool]:
    ended = rule.valid_until <= func.current_date()
    return and_(rule.valid_from <= func.current_date(), ended.is_not(true()))


def _rule_of_customer() -> ColumnElement[bool]:
    """A department's rule for the customer's tier or, where it has none, that for all."""
    closer = aliased(VerificationRule)
    overruled = select(closer.code).where(
        closer.department == VerificationRule.department, closer.tier == Customer.tier, _in_force(closer)
    )
    general = and_(VerificationRule.tier.is_(None), ~overruled.correlate(Customer, VerificationRule).exists())
    return and_(_in_force(VerificationRule), or_(VerificationRule.tier == Customer.tier, general))


def _oldest() -> FromClause:
    """Since when a rule's fields are known, of each customer: the oldest was confirmed, or the customer recorded."""
    wanted = func.unnest(VerificationRule.fields).table_valued("field", name="wanted").render_derived()
    last = (
        select(func.max(Confirmation.confirmed_at))
        .where(Confirmation.customer_id == Customer.id, Confirmation.field == wanted.c.field)
        .correlate(Customer, wanted)
    )
    oldest = func.min(func.coalesce(last.scalar_subquery(), Customer.created_at))
    found = select(oldest.label("since")).select_from(wanted)
    return found.correlate(Customer, VerificationRule).lateral("oldest")


def _due_at(oldest: FromClause) -> ColumnElement[Any]:
    interval = func.make_interval(0, 0, 0, VerificationRule.every_days)
    return cast(ColumnElement[Any], (oldest.c.since + interval).label("due_at"))


def _duties(of: Select[Customer]) -> Select[Any]:
    """One row for each customer and department that must confirm something of it."""
    oldest = _oldest()
    columns: list[Any] = [
        Customer.id.label("customer_id"),
        Customer.name,
        Customer.kind,
        Customer.tier,
        Customer.owner_id,
        VerificationRule.code.label("rule"),
        VerificationRule.department,
        VerificationRule.fields,
        _due_at(oldest),
        staleness().label("staleness"),
    ]
    return (
        of.with_only_columns(*columns)
        .join(VerificationRule, _rule_of_customer())
        .join(oldest, true())
        .where(Customer.state.in_(LOOKED_AFTER))
    )


def listed(principal: Principal, query: VerificationQuery) -> Select[Any]:
    """What each department must confirm of the customers this principal may know of, as JSON objects."""
    found = customers.visible(principal)
    if query.tier is not None:
        found = found.where(Customer.tier == query.tier)
    duty = _duties(found)
    if query.department is not None:
        duty = duty.where(VerificationRule.department == query.department)
    row = duty.subquery()
    statement = select(_as_object(row))
    if query.due is not None:
        overdue = row.c.due_at <= func.now()
        statement = statement.where(overdue if query.due else ~overdue)
    first = row.c.due_at if query.sort == "due_at" else row.c.staleness.desc()
    return statement.order_by(first, row.c.customer_id, row.c.department)


def _as_object(row: Subquery) -> ColumnElement[Any]:
    pairs = [part for column in row.c for part in (text(f"'{column.name}'"), column)]
    return cast(ColumnElement[Any], func.json_build_object(*pairs).label("row"))


async def view(session: AsyncSession, principal: Principal, customer_id: UUID) -> dict[str, Any]:
    """How fresh one customer's data are, field by field, and whose turn it is when."""
    latest = (
        select(Confirmation.confirmed_at, Confirmation.method, Confirmation.confirmed_by, Confirmation.note)
        .where(Confirmation.customer_id == Customer.id, Confirmation.field == StalenessWeight.field)
        .order_by(Confirmation.confirmed_at.desc(), Confirmation.id.desc())
        .limit(1)
        .correlate(Customer, StalenessWeight)
        .lateral("latest")
    )
    fields = (
        select(StalenessWeight.field, StalenessWeight.weight, StalenessWeight.stale_after_days, latest)
        .select_from(StalenessWeight)
        .outerjoin(latest, true())
        .order_by(StalenessWeight.field)
    )
    oldest = _oldest()
    rule = (VerificationRule.department, VerificationRule.code.label("rule"), VerificationRule.fields)
    turns = (
        select(*rule, _due_at(oldest))
        .select_from(VerificationRule)
        .join(oldest, true())
        .where(_rule_of_customer(), Customer.state.in_(LOOKED_AFTER))
    )
    found = await session.execute(
        customers.visible(principal)
        .where(Customer.id == customer_id)
        .with_only_columns(
            Customer.id.label("customer_id"),
            staleness().label("staleness"),
            as_json(fields, Customer).label("fields"),
            as_json(turns.order_by(VerificationRule.department), Customer).label("duties"),
        )
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound
    return dict(row)


async def confirm(
    session: AsyncSession, actor: Principal, customer_id: UUID, body: CustomerVerify
) -> dict[str, Any]:
    """Write down that fields are true, one row each, and end the tasks that asked for it."""
    await customers.must_stay(session, actor, customer_id)
    rows = [
        {
            "customer_id": customer_id,
            "field": field,
            "method": body.method,
            "note": body.note,
            "confirmed_by": actor.id,
        }
        for field in body.fields
    ]
    await session.execute(insert(Confirmation), rows)
    subject = events.Subject("customer", customer_id, customer_id)
    await events.record(
        session, actor, "customer.verified", subject, fields=list(body.fields), method=body.method
    )
    await tasks.close_confirmed(session, actor, customer_id)
    return await view(session, actor, customer_id)


async def open_due(session: AsyncSession, after: UUID) -> UUID | None:
    """Open the tasks of what has come due among the next customers `after` one: one for each period of a rule.

    Returns the last customer looked at, or `None` at the end. To look again opens nothing again.
    """
    page = select(Customer.id).where(Customer.id > after).order_by(Customer.id).limit(BATCH).subquery()
    last = await session.scalar(select(page.c.id).order_by(page.c.id.desc()).limit(1))
    if last is not None:
        looked_at = select(Customer).where(
            Customer.id > after, Customer.id <= last, Customer.merged_into_id.is_(None)
        )
        rows = await session.execute(_unopened(_duties(looked_at).subquery()))
        await _open(session, [dict(row) for row in rows.mappings()])
    return last


def _unopened(duty: Subquery) -> Select[Any]:
    """The duties that are due and have no task yet; a task is the owner's, if it is their department's duty."""
    present = select(Task.id).where(
        Task.customer_id == duty.c.customer_id,
        or_(
            and_(Task.rule == duty.c.rule, Task.due_at == duty.c.due_at),
            and_(Task.department == duty.c.department, Task.state == TaskState.OPEN),
        ),
    )
    owner = and_(
        User.id == duty.c.owner_id, duty.c.department == any_(User.roles), User.disabled_at.is_(None)
    )
    names = ("customer_id", "rule", "department", "fields", "due_at")
    return (
        select(
            *(duty.c[name] for name in names),
            func.coalesce(User.id, Department.liaison_id, Department.head_id).label("assignee_id"),
        )
        .outerjoin(User, owner)
        .outerjoin(Department, Department.code == duty.c.department)
        .where(duty.c.due_at <= func.now(), ~present.exists())
    )


async def _open(session: AsyncSession, due: list[dict[str, Any]]) -> None:
    ids = {row["customer_id"] for row in due}
    there = select(Customer.id).where(Customer.id.in_(ids), Customer.merged_into_id.is_(None))
    stay = set(await session.scalars(customers.staying(there))) if due else set()
    if not stay:
        return
    rows = [
        {**row, "id": uuid7(), "state": TaskState.OPEN, "version": 1}
        for row in due
        if row["customer_id"] in stay
    ]
    opened = await session.scalars(insert_new(Task).on_conflict_do_nothing().returning(Task), rows)
    happenings = [
        events.Happening("task.opened", tasks.subject(task), {"department": task.department})
        for task in opened.all()
    ]
    await events.record_all(session, Principal.SYSTEM, happenings)
