"""Customers found by what people know of them, each term by an index of its own."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, literal, select, text, union_all
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
from app.paging import paginate
from app.roles import Scope
from app.schemas.customer import CustomerSearch
from app.security import Principal
from app.services import contact_points, customers
from app.services.searches import FEW, Found, Terms, saying, says, words

COUNTED = 1000
"""Matches that facets look at: more would not tell people more, and cost a scan."""

_FACETS = ("kind", "state", "tier", "owner_id")


async def search(session: AsyncSession, principal: Principal, body: CustomerSearch) -> dict[str, Any]:
    """A page of the customers that match every given term, the newest first."""
    found = await _look_up(session, body)
    narrower = list(_plain(body))
    visible = customers.visible(principal).where(*narrower)
    terms = body.model_dump_json(exclude={"limit", "cursor", "facets"})
    page = Terms(limit=body.limit, cursor=body.cursor, terms=terms)
    answer = await paginate(session, _newest(found.among(visible, Customer.id)), page)
    everybody = principal.may(Scope.CUSTOMERS_ALL) and not narrower
    counted = (found.some if everybody else found.among)(visible, Customer.id)
    return answer | {"facets": await _facets(session, counted) if body.facets else None}


def _newest(rows: Select[Any]) -> Select[Any]:
    return rows.order_by(Customer.created_at.desc(), Customer.id.desc())


def _plain(body: CustomerSearch) -> Iterator[ColumnElement[bool]]:
    for name in ("code", "kind", "state", "tier", "owner_id"):
        if (value := getattr(body, name)) is not None:
            yield getattr(Customer, name) == value


async def _look_up(session: AsyncSession, body: CustomerSearch) -> Found:
    found = Found()
    if body.q is not None:
        wanted = words(body.q)
        condition = says(Customer.search, wanted)
        by_index = func.customers_named(wanted, FEW + 1)
        found.narrow(await saying(session, _newest(select(Customer)), condition, by_index), condition)
    if body.contact is not None:
        wanted = words(body.contact)
        ids = await session.scalars(select(func.customers_of_contacts_named(wanted, FEW + 1)))
        found.narrow(ids.all(), Customer.id.in_(_named(wanted)))
    for term, known in (
        (body.phone, _reached_at),
        (body.phone_suffix, _reached_at_ending),
        (body.tracking_no, _shipping),
        (body.external_id, _called),
    ):
        if term is not None:
            ids = await session.scalars(known(term).limit(FEW + 1))
            found.narrow(ids.all(), Customer.id.in_(known(term)))
    return found


def _named(wanted: ColumnElement[Any]) -> Select[UUID]:
    """By the name of a contact."""
    held = select(CustomerContact.customer_id).join(Contact, Contact.id == CustomerContact.contact_id)
    return held.where(Contact.search.op("@@")(wanted))


def _reached_at(phone: str) -> Select[UUID]:
    return _with_phone(ContactPoint.normal == contact_points.normal(ContactPointKind.PHONE, phone))


def _reached_at_ending(digits: str) -> Select[UUID]:
    """By bounds, for a plan that is kept for any digits can't tell whether `LIKE` may use the index."""
    backwards, first = func.reverse(ContactPoint.normal), digits[::-1]
    return _with_phone(and_(backwards.op("~>=~")(first), backwards.op("~<~")(f"{first}:")))


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
