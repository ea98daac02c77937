"""The copy of what is known of a person, for that person."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.clock import now
from app.errors import Conflict
from app.models.account import AccessKind
from app.models.customer import Consent, Contact, CustomerContact, CustomerNote
from app.models.document import Document
from app.models.order import Order
from app.models.privacy import PrivacyRequest, PrivacyRequestState
from app.models.shipment import Shipment
from app.schemas.masking import mask_person
from app.security import Principal
from app.services import accesses, customers, privacy, views


async def take(session: AsyncSession, actor: Principal, request_id: UUID) -> dict[str, Any]:
    """Everything that is known of whoever asks, once it is sure that they do; each copy is written down."""
    request = await privacy.get(session, actor, request_id)
    if request.kind not in privacy.HANDED_OVER or request.state not in _COPIED_IN:
        raise Conflict(
            "Only a verified request for access or portability is answered with a copy.",
            "只有已核验身份的查阅、复制或转移请求才能提供副本。",
        )
    request.copied_at = request.updated_at = now()
    accesses.record(
        session,
        AccessKind.REVEALED,
        principal_id=actor.id,
        customer_id=request.customer_id,
        privacy_request_id=str(request.id),
    )
    await session.flush()
    taken = {"taken_at": request.copied_at, "consents": await _rows(session, _consents(request))}
    if request.contact_id is not None:
        nothing: dict[str, Any] = {
            "customer": None,
            "notes": [],
            "orders": [],
            "shipments": [],
            "documents": [],
        }
        return taken | nothing | {"contact": await _contact(session, request)}
    return taken | {
        "customer": await views.customer(session, actor, request.customer_id),
        "contact": None,
        "notes": await _rows(session, _of(request, CustomerNote, "text", "created_at")),
        "orders": await _rows(
            session, _of(request, Order, "number", "state", "received_at", "parcels", "note")
        ),
        "documents": await _rows(
            session, _of(request, Document, "id", "kind", "project", "state", "latest", "created_at")
        ),
        "shipments": [_parcel(row) for row in await _rows(session, _of(request, Shipment, *_PARCEL))],
    }


_COPIED_IN = (PrivacyRequestState.VERIFIED, PrivacyRequestState.DONE)
_PARCEL = ("tracking_no", "service", "status", "created_at", "sender", "recipient", "reference")


def _parcel(row: dict[str, Any]) -> dict[str, Any]:
    """What the person sent is theirs; whom they sent it to is somebody else."""
    return row | {"recipient": mask_person(row["recipient"])}


def _of(request: PrivacyRequest, model: Any, *columns: str) -> Select[Any]:
    named = [getattr(model, column) for column in columns]
    kin = customers.and_merged(request.customer_id)
    return select(*named).where(model.customer_id.in_(kin)).order_by(model.id)


def _consents(request: PrivacyRequest) -> Select[Any]:
    statement = _of(request, Consent, "channel", "purpose", "given", "given_at", "until", "evidence")
    return (
        statement if request.contact_id is None else statement.where(Consent.contact_id == request.contact_id)
    )


async def _contact(session: AsyncSession, request: PrivacyRequest) -> CustomerContact:
    return (
        await session.execute(
            select(CustomerContact)
            .where(
                CustomerContact.customer_id == request.customer_id,
                CustomerContact.contact_id == request.contact_id,
            )
            .options(selectinload(CustomerContact.contact).selectinload(Contact.points))
        )
    ).scalar_one()


async def _rows(session: AsyncSession, statement: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in (await session.execute(statement)).mappings()]
