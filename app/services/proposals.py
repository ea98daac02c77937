"""Proposals: what somebody who may not write customers found to be wrong, for somebody else to decide."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Conflict, Forbidden, NotFound
from app.models.customer import Customer
from app.models.event import Event
from app.models.verification import Proposal, ProposalState
from app.schemas.customer import CustomerChange
from app.schemas.verification import ProposalCreate, ProposalDecision, ProposalQuery
from app.security import Principal
from app.services import customers, events


def visible(principal: Principal) -> Select[Proposal]:
    """The proposals about the customers this principal may know of."""
    return customers.within(principal, select(Proposal), Proposal.customer_id)


def search(principal: Principal, query: ProposalQuery) -> Select[Proposal]:
    statement = visible(principal)
    if query.state is not None:
        statement = statement.where(Proposal.state == query.state)
    if query.customer_id is not None:
        statement = statement.where(Proposal.customer_id.in_(customers.and_merged(query.customer_id)))
    return statement.order_by(Proposal.created_at.desc(), Proposal.id.desc())


async def get(session: AsyncSession, principal: Principal, proposal_id: UUID) -> Proposal:
    proposal = await session.scalar(visible(principal).where(Proposal.id == proposal_id))
    if proposal is None:
        raise NotFound
    return proposal


async def propose(
    session: AsyncSession, actor: Principal, customer_id: UUID, body: ProposalCreate
) -> Proposal:
    """Keep the change as it was asked for, beside the version of the customer that it was made for."""
    customer = await customers.must_stay(session, actor, customer_id)
    proposal = Proposal(
        customer_id=customer_id,
        base_version=customer.version,
        changes=body.changes.model_dump(mode="json", exclude_unset=True),
        evidence=body.evidence,
        proposed_by=actor.id,
    )
    session.add(proposal)
    await session.flush()
    await _record(session, actor, "proposal.made", proposal)
    return proposal


async def approve(
    session: AsyncSession, actor: Principal, proposal_id: UUID, body: ProposalDecision
) -> Proposal:
    """Make the change, if the customer still is as the proposer saw it."""
    proposal = await _decide(session, actor, proposal_id, ProposalState.APPROVED, body)
    await _must_not_be_merged(session, proposal)
    customer = await customers.get(session, actor, proposal.customer_id)
    if customer.version != proposal.base_version:
        raise await _overtaken(session, proposal)
    change = CustomerChange.model_validate(proposal.changes)
    await customers.change(session, actor, customer.id, change, proposal.base_version)
    await _record(session, actor, "proposal.approved", proposal)
    return proposal


async def reject(
    session: AsyncSession, actor: Principal, proposal_id: UUID, body: ProposalDecision
) -> Proposal:
    proposal = await _decide(session, actor, proposal_id, ProposalState.REJECTED, body)
    await session.flush()
    await _record(session, actor, "proposal.rejected", proposal)
    return proposal


async def _decide(
    session: AsyncSession, actor: Principal, proposal_id: UUID, to: ProposalState, body: ProposalDecision
) -> Proposal:
    proposal = await get(session, actor, proposal_id)
    if proposal.proposed_by == actor.id:
        raise Forbidden(
            "Nobody decides on their own proposal.", "不能审批自己提出的建议。", reason="own_proposal"
        )
    proposal.advance(to)
    proposal.reason, proposal.decided_by, proposal.decided_at = body.reason, actor.id, now()
    proposal.updated_at = now()
    return proposal


async def _must_not_be_merged(session: AsyncSession, proposal: Proposal) -> None:
    """What was found wrong with a record that was merged since may be right in what it has become a part of."""
    into = await session.scalar(select(Customer.merged_into_id).where(Customer.id == proposal.customer_id))
    if into is not None:
        raise Conflict(
            "The customer was merged into another since the proposal was made; propose it there.",
            "提出建议后该客户已被合并，请对合并后的客户重新提出。",
            customer_id=str(into),
        )


async def _overtaken(session: AsyncSession, proposal: Proposal) -> Conflict:
    """What has changed since the proposal was made, as the customer's events tell."""
    listed = func.jsonb_array_elements_text(Event.data["fields"])
    fields = listed.table_valued("field", name="listed").render_derived()
    changed = await session.scalars(
        select(fields.c.field)
        .select_from(Event)
        .join(fields, true())
        .where(
            Event.subject_id == proposal.customer_id,
            Event.kind == "customer.changed",
            Event.recorded_at > proposal.created_at,
        )
        .distinct()
        .order_by(fields.c.field)
    )
    names = list(changed) or ["state"]
    return Conflict(
        f"The customer has changed since the proposal was made: {', '.join(names)}.",
        f"提出建议后客户资料已变更：{'、'.join(names)}。",
        changed=names,
    )


async def _record(session: AsyncSession, actor: Principal, kind: str, proposal: Proposal) -> None:
    subject = events.Subject("proposal", proposal.id, proposal.customer_id)
    data: dict[str, Any] = {"fields": sorted(proposal.changes)}
    await events.record(session, actor, kind, subject, **data)
