"""Customers found by what people know of them, each term by an index of its own."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.customer import (
    Contact,
    ContactPoint,
    ContactPointKind,
    Customer,
    CustomerContact,
    ExternalId,
)
from app.models.shipment import TrackingNumber
from app.paging import ListQuery, paginate
from app.schemas.customer import CustomerSearch
from app.security import Principal
from app.services import contact_points, customers, names

COUNTED = 10_000
"""Matches that facets look at: more would not tell people more, and cost a scan."""

_FACETS = ("kind", "state", "tier", "owner_id")


class _Terms(ListQuery):
    """Binds a search's cursor to its terms."""

    terms: str


async def search(session: AsyncSession, principal: Principal, body: CustomerSearch) -> dict[str, Any]:
    """A page of the customers that match every given term, the newest first."""
    matching = customers.visible(principal).where(*_conditions(body))
    terms = body.model_dump_json(exclude={"limit", "cursor", "facets"})
    page = _Terms(limit=body.limit, cursor=body.cursor, terms=terms)
    newest = matching.order_by(Customer.created_at.desc(), Customer.id.desc())
    found = await paginate(session, newest, page)
    return found | {"facets": await _facets(session, matching) if body.facets else None}


def _conditions(body: CustomerSearch) -> Iterator[ColumnElement[bool]]:
    for name in ("code", "kind", "state", "tier", "owner_id"):
        if (value := getattr(body, name)) is not None:
            yield getattr(Customer, name) == value
    if body.q is not None:
        yield names.matches(Customer.name, Customer.romanised, body.q)
    for term, known in (
        (body.contact, _named),
        (body.phone, _reached_at),
        (body.phone_suffix, _reached_at_ending),
        (body.tracking_no, _shipping),
        (body.external_id, _called),
    ):
        if term is not None:
            yield Customer.id.in_(known(term))


def _named(typed: str) -> Select[UUID]:
    """By the name of a contact."""
    held = select(CustomerContact.customer_id).join(Contact, Contact.id == CustomerContact.contact_id)
    return held.where(names.matches(Contact.name, Contact.romanised, typed))


def _reached_at(phone: str) -> Select[UUID]:
    return _with_phone(ContactPoint.normal == contact_points.normal(ContactPointKind.PHONE, phone))


def _reached_at_ending(digits: str) -> Select[UUID]:
    return _with_phone(func.reverse(ContactPoint.normal).like(f"{digits[::-1]}%"))


def _with_phone(condition: ColumnElement[bool]) -> Select[UUID]:
    held = select(CustomerContact.customer_id).join(
        ContactPoint, ContactPoint.contact_id == CustomerContact.contact_id
    )
    # Written out, for a partial index is used only where the plan can see that it applies.
    return held.where(ContactPoint.kind == literal(ContactPointKind.PHONE, literal_execute=True), condition)


def _shipping(tracking_no: str) -> Select[UUID]:
    return select(TrackingNumber.customer_id).where(TrackingNumber.number == tracking_no)


def _called(external_id: str) -> Select[UUID]:
    return select(ExternalId.customer_id).where(ExternalId.external_id == external_id)


async def _facets(session: AsyncSession, matching: Select[Customer]) -> list[dict[str, Any]]:
    columns = [getattr(Customer, name) for name in _FACETS]
    first = matching.with_only_columns(*columns).limit(COUNTED).cte("first")
    counted = union_all(
        *(
            select(
                literal(name).label("field"),
                cast(first.c[name], Text).label("value"),
                func.count().label("count"),
            ).group_by(first.c[name])
            for name in _FACETS
        )
    ).order_by("field", text("count DESC"), "value")
    rows = await session.execute(counted)
    return [{"field": field, "value": value, "count": count} for field, value, count in rows]
