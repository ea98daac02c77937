"""What is said about a complaint, to and from the customer and among ourselves."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.complaint_message import ComplaintMessage
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.complaint_message import ComplaintNoteCreate, MessageCreate, MessageQuery, MessageRead
from app.security import Principal
from app.services.complaints import messages

router = CourierRouter(prefix="/complaints/{complaint_id}", tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.COMPLAINTS_WRITE)]
Investigator = Annotated[Principal, holder_of(Scope.COMPLAINTS_INVESTIGATE)]


@router.get("/messages", summary="List messages", response_model=Page[MessageRead])
async def list_complaint_messages(
    complaint_id: UUID, query: Annotated[MessageQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The latest first; those that were merged in among them."""
    return await paginate(session, await messages.listed(session, actor, complaint_id, query), query)


@router.post(
    "/messages",
    summary="Keep a message",
    status_code=201,
    response_model=MessageRead,
)
async def add_complaint_message(
    complaint_id: UUID, body: MessageCreate, actor: Writer, session: OnceSession
) -> ComplaintMessage:
    """A person's first word to the customer is the first response; the customer's word ends a pause for it.

    The same `message_id` of a channel again is the same message.
    """
    return (await messages.add(session, actor, complaint_id, body)).message


@router.post("/notes", summary="Add a note", status_code=201, response_model=MessageRead)
async def add_complaint_note(
    complaint_id: UUID, body: ComplaintNoteCreate, actor: Investigator, session: OnceSession
) -> ComplaintMessage:
    """Among ourselves: the customer never sees it. It stands among the messages."""
    return await messages.note(session, actor, complaint_id, body)
