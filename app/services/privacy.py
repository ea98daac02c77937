"""People's requests about their own data: received, their identity verified, then done or refused by the law."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Conflict, Invalid, NotFound
from app.models.customer import Consent, Contact, CustomerContact, CustomerKind
from app.models.privacy import PrivacyRequest, PrivacyRequestKind, PrivacyRequestState
from app.schemas.privacy import (
    PrivacyRequestComplete,
    PrivacyRequestCreate,
    PrivacyRequestQuery,
    PrivacyRequestRefuse,
    PrivacyRequestVerify,
)
from app.security import Principal
from app.services import customers, erasure, events, holds, terms

HANDED_OVER = {PrivacyRequestKind.ACCESS, PrivacyRequestKind.PORTABILITY}


def search(principal: Principal, query: PrivacyRequestQuery) -> Select[PrivacyRequest]:
    statement = _visible(principal)
    for column in ("state", "kind", "customer_id"):
        if (value := getattr(query, column)) is not None:
            statement = statement.where(getattr(PrivacyRequest, column) == value)
    return statement.order_by(PrivacyRequest.created_at.desc(), PrivacyRequest.id.desc())


async def get(session: AsyncSession, principal: Principal, request_id: UUID) -> PrivacyRequest:
    found = await session.scalar(_visible(principal).where(PrivacyRequest.id == request_id))
    if found is None:
        raise NotFound
    return found


async def create(session: AsyncSession, actor: Principal, body: PrivacyRequestCreate) -> PrivacyRequest:
    """Take a request down; the term runs from when it was received."""
    customer = await customers.named(session, actor, body.customer_id)
    if body.contact_id is None and customer.kind is not CustomerKind.PERSON:
        raise Invalid(
            "A company has no personal data of its own; name the contact.",
            "企业没有个人信息，请指明联系人。",
            pointer="/body/contact_id",
        )
    if body.contact_id is not None:
        await _must_be_contact(session, customer.id, body.contact_id)
    received_at = body.received_at or now()
    request = PrivacyRequest(
        **body.model_dump(exclude={"received_at"}),
        state=PrivacyRequestState.RECEIVED,
        received_at=received_at,
        due_at=await terms.due(session, "privacy_request", received_at),
        created_by=actor.id,
    )
    session.add(request)
    await session.flush()
    await events.record(session, actor, "privacy_request.received", _subject(request), wanted=request.kind)
    return request


async def verify(
    session: AsyncSession, actor: Principal, request_id: UUID, body: PrivacyRequestVerify
) -> PrivacyRequest:
    request = await get(session, actor, request_id)
    request.advance(PrivacyRequestState.VERIFIED)
    request.identity, request.verified_at, request.verified_by = body.identity, now(), actor.id
    return await _told(session, actor, request, "privacy_request.verified")


async def refuse(
    session: AsyncSession, actor: Principal, request_id: UUID, body: PrivacyRequestRefuse
) -> PrivacyRequest:
    request = await get(session, actor, request_id)
    request.advance(PrivacyRequestState.REFUSED)
    request.refused_on, request.outcome = body.ground, body.outcome
    request.closed_at, request.closed_by = now(), actor.id
    return await _told(session, actor, request, "privacy_request.refused", ground=body.ground)


async def complete(
    session: AsyncSession, actor: Principal, request_id: UUID, body: PrivacyRequestComplete
) -> PrivacyRequest:
    """Do what is asked, where the system can: take consents back, or erase. A copy has to be handed over before."""
    request = await get(session, actor, request_id)
    request.advance(PrivacyRequestState.DONE)
    if request.kind in HANDED_OVER and request.copied_at is None:
        raise Conflict("Hand the copy over first.", "请先提供个人信息副本。")
    request.outcome, request.closed_at, request.closed_by = body.outcome, now(), actor.id
    await _told(session, actor, request, "privacy_request.done")
    if request.kind is PrivacyRequestKind.WITHDRAW_CONSENT:
        await _withdraw(session, actor, request)
    if request.kind is PrivacyRequestKind.ERASURE:
        await _erase(session, actor, request)
    return request


async def _told(
    session: AsyncSession, actor: Principal, request: PrivacyRequest, kind: str, **data: Any
) -> PrivacyRequest:
    request.updated_at = now()
    await session.flush()
    await events.record(session, actor, kind, _subject(request), **data)
    return request


async def _erase(session: AsyncSession, actor: Principal, request: PrivacyRequest) -> None:
    if request.contact_id is None:
        subjects = await erasure.of_customer(session, request.customer_id)
        held = subjects.customers
    else:
        subjects = erasure.Subjects([], [request.contact_id])
        of = select(CustomerContact.customer_id).where(CustomerContact.contact_id == request.contact_id)
        held = list(await session.scalars(of))
    await holds.must_not_stand(session, held)
    await erasure.anonymise(session, actor, subjects, request.id)
    await session.refresh(request)


async def _withdraw(session: AsyncSession, actor: Principal, request: PrivacyRequest) -> None:
    """Everything that was agreed to is taken back; what shows it is this request."""
    latest = (
        select(Consent)
        .ext(distinct_on(Consent.contact_id, Consent.channel, Consent.purpose))
        .where(Consent.customer_id.in_(customers.and_merged(request.customer_id)))
        .order_by(Consent.contact_id, Consent.channel, Consent.purpose, Consent.given_at.desc())
    )
    if request.contact_id is not None:
        latest = latest.where(Consent.contact_id == request.contact_id)
    for consent in list(await session.scalars(latest)):
        if consent.given:
            session.add(
                Consent(
                    customer_id=consent.customer_id,
                    contact_id=consent.contact_id,
                    channel=consent.channel,
                    purpose=consent.purpose,
                    given=False,
                    given_at=now(),
                    evidence=f"privacy request {request.id}",
                    recorded_by=actor.id,
                )
            )


async def _must_be_contact(session: AsyncSession, customer_id: UUID, contact_id: UUID) -> None:
    link = (
        select(Contact.id)
        .join(CustomerContact, CustomerContact.contact_id == Contact.id)
        .where(Contact.id == contact_id, CustomerContact.customer_id == customer_id)
    )
    if await session.scalar(link) is None:
        raise Invalid(
            "The customer has no such contact.", "该客户没有这个联系人。", pointer="/body/contact_id"
        )


def _visible(principal: Principal) -> Select[PrivacyRequest]:
    return customers.within(principal, select(PrivacyRequest), PrivacyRequest.customer_id)


def _subject(request: PrivacyRequest) -> events.Subject:
    return events.Subject("privacy_request", request.id, request.customer_id)
