"""Changes of customers that somebody asks for and somebody else decides on."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.verification import Proposal
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import EntityTag, OnceSession, Reading, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.verification import ProposalCreate, ProposalDecision, ProposalQuery, ProposalRead
from app.security import Principal
from app.services import proposals

router = CourierRouter(tags=["verification"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Proposer = Annotated[Principal, holder_of(Scope.CUSTOMERS_PROPOSE)]
Writer = Annotated[Principal, holder_of(Scope.CUSTOMERS_WRITE)]


@router.get("/proposals", summary="List proposals", response_model=Page[ProposalRead])
async def list_proposals(
    query: Annotated[ProposalQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The newest first; `state=proposed` gives those that wait."""
    return await paginate(session, proposals.search(actor, query), query)


@router.get("/proposals/{proposal_id}", summary="Read a proposal", response_model=ProposalRead)
async def get_proposal(proposal_id: UUID, tag: Tag, actor: Reader, session: Reading) -> Proposal:
    """What is proposed is masked like the customer itself."""
    return _tagged(tag, await proposals.get(session, actor, proposal_id))


@router.post(
    "/customers/{customer_id}/proposals",
    summary="Propose a change of a customer",
    status_code=201,
    response_model=ProposalRead,
)
async def create_proposal(
    customer_id: UUID, body: ProposalCreate, tag: Tag, actor: Proposer, session: OnceSession
) -> Proposal:
    """It is made for the customer as it stands now; somebody else decides on it."""
    return _tagged(tag, await proposals.propose(session, actor, customer_id, body))


@router.post("/proposals/{proposal_id}/approve", summary="Approve a proposal", response_model=ProposalRead)
async def approve_proposal(
    proposal_id: UUID, body: ProposalDecision, tag: Tag, actor: Writer, session: OnceSession
) -> Proposal:
    """Makes the change. A customer that has changed since is a conflict; `changed` names the fields."""
    return _tagged(tag, await proposals.approve(session, actor, proposal_id, body))


@router.post("/proposals/{proposal_id}/reject", summary="Reject a proposal", response_model=ProposalRead)
async def reject_proposal(
    proposal_id: UUID, body: ProposalDecision, tag: Tag, actor: Writer, session: OnceSession
) -> Proposal:
    """The customer stays as it is."""
    return _tagged(tag, await proposals.reject(session, actor, proposal_id, body))


def _tagged(tag: EntityTag, proposal: Proposal) -> Proposal:
    tag.settle(proposal.version)
    return proposal
