"""What is wrong with parcels, and who sees to it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.delivery_exception import DeliveryException
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.delivery_exception import ExceptionNote, ExceptionQuery, ExceptionRead, ExceptionResolution
from app.security import Principal
from app.services import delivery_exceptions

router = CourierRouter(prefix="/delivery-exceptions", tags=["delivery exceptions"])

Reader = Annotated[Principal, holder_of(Scope.EXCEPTIONS_READ)]
Handler = Annotated[Principal, holder_of(Scope.EXCEPTIONS_HANDLE)]


@router.get("", summary="List exceptions", response_model=Page[ExceptionRead])
async def list_delivery_exceptions(
    query: Annotated[ExceptionQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """`live=true` gives the work list."""
    return await paginate(session, delivery_exceptions.search(actor, query), query)


@router.get("/{exception_id}", summary="Read an exception", response_model=ExceptionRead)
async def get_delivery_exception(
    exception_id: UUID, tag: Tag, actor: Reader, session: Reading
) -> DeliveryException:
    """With its ETag."""
    row = await delivery_exceptions.get(session, actor, exception_id)
    tag.settle(row.version)
    return row


@router.post("/{exception_id}/acknowledge", summary="Take on an exception", response_model=ExceptionRead)
async def acknowledge_delivery_exception(
    exception_id: UUID, body: ExceptionNote, tag: Tag, actor: Handler, session: OnceSession
) -> DeliveryException:
    """Somebody sees to it from here on."""
    row = await delivery_exceptions.acknowledge(session, actor, exception_id, body)
    tag.settle(row.version)
    return row


@router.post("/{exception_id}/await-customer", summary="Wait for the customer", response_model=ExceptionRead)
async def await_customer_on_delivery_exception(
    exception_id: UUID, body: ExceptionNote, tag: Tag, actor: Handler, session: OnceSession
) -> DeliveryException:
    """The customer must answer before it goes on."""
    row = await delivery_exceptions.await_customer(session, actor, exception_id, body)
    tag.settle(row.version)
    return row


@router.post("/{exception_id}/resolve", summary="Resolve an exception", response_model=ExceptionRead)
async def resolve_delivery_exception(
    exception_id: UUID, body: ExceptionResolution, tag: Tag, actor: Handler, session: OnceSession
) -> DeliveryException:
    """Only a later scan with the same reason opens another one."""
    row = await delivery_exceptions.resolve(session, actor, exception_id, body)
    tag.settle(row.version)
    return row


@router.post("/{exception_id}/dismiss", summary="Dismiss an exception", response_model=ExceptionRead)
async def dismiss_delivery_exception(
    exception_id: UUID, body: ExceptionResolution, tag: Tag, actor: Handler, session: OnceSession
) -> DeliveryException:
    """There was nothing to it."""
    row = await delivery_exceptions.dismiss(session, actor, exception_id, body)
    tag.settle(row.version)
    return row
