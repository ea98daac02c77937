"""What customers agreed to, and what colleagues noted about them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.customer import Consent, CustomerNote
from app.paging import ListQuery, Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.consent import ConsentCreate, ConsentQuery, ConsentRead, NoteCreate, NoteRead
from app.security import Principal
from app.services import consents

router = CourierRouter(prefix="/customers/{customer_id}", tags=["customers"])

Reader = Annotated[Principal, holder_of(Scope.CUSTOMERS_READ)]
Writer = Annotated[Principal, holder_of(Scope.CUSTOMERS_WRITE)]


@router.get("/consents", summary="List a customer's consents", response_model=Page[ConsentRead])
async def list_consents(
    customer_id: UUID, query: Annotated[ConsentQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The newest first, those taken back among them."""
    statement = await consents.listed(session, actor, customer_id, query)
    return await paginate(session, statement, query)


@router.post("/consents", summary="Record a consent", status_code=201, response_model=ConsentRead)
async def record_consent(
    customer_id: UUID, body: ConsentCreate, actor: Writer, session: OnceSession
) -> Consent:
    """Given or taken back, for good: the latest word counts, and silence is no consent."""
    return await consents.record(session, actor, customer_id, body)


@router.get("/notes", summary="List notes about a customer", response_model=Page[NoteRead])
async def list_customer_notes(
    customer_id: UUID, query: Annotated[ListQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The newest first."""
    statement = await consents.notes(session, actor, customer_id)
    return await paginate(session, statement, query)


@router.post("/notes", summary="Note something about a customer", status_code=201, response_model=NoteRead)
async def add_customer_note(
    customer_id: UUID, body: NoteCreate, actor: Writer, session: OnceSession
) -> CustomerNote:
    """For colleagues; no customer reads it."""
    return await consents.note(session, actor, customer_id, body)
