"""Screens that draw on several rooms at once, each read with one statement that is built once."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import KeyedColumnElement

from app.errors import NotFound
from app.models.base import Base, as_json
from app.models.code import Code
from app.models.customer import Contact, ContactPoint, Customer, CustomerAddress, CustomerContact
from app.models.delivery_exception import DeliveryException
from app.models.shipment import Shipment, ShipmentLeg, TrackingEvent, TrackingNumber
from app.roles import Scope
from app.schemas.base import normalised
from app.security import Principal
from app.services import customers, delivery_exceptions


async def customer(session: AsyncSession, principal: Principal, customer_id: UUID) -> dict[str, Any]:
    """The customer with contacts and addresses, if this principal may know of it."""
    found = await _one(session, principal, _customer, key=customer_id)
    return _fields(found.Customer) | {"contacts": found.contacts, "addresses": found.addresses}


async def shipment(
    session: AsyncSession, principal: Principal, tracking_no: str, language: str
) -> dict[str, Any]:
    """The shipment with everything that a person at a screen asks about it, if this principal may know of it."""
    found = await _one(session, principal, _shipment, number=normalised(tracking_no))
    worst = next(iter(found.exceptions), None)
    return {
        **_fields(found.Shipment),
        "declared_value": found.Shipment.declared_value,
        "freight": found.Shipment.freight,
        "exception": worst and {**worst, "label": worst[language] or worst["reason"]},
        "legs": found.legs,
        "events": found.events,
        "customer": found.Customer,
    }


def tag_of(view: dict[str, Any], language: str) -> str:
    """Changes with anything on the screen: its shipment, customer, exception or events."""
    exception = view["exception"]
    parts = (
        view["version"],
        view["customer"].version,
        exception and f"{exception['id'][-12:]}.{exception['version']}",
        len(view["events"]),
        language,
    )
    return "-".join(str(part or 0) for part in parts)


async def _one(session: AsyncSession, principal: Principal, screen: Any, **keys: Any) -> Row[Any]:
    statement = screen()
    if not principal.may(Scope.CUSTOMERS_ALL):
        statement = screen(own=True)
        keys["owner_id"] = principal.id
    found = (await session.execute(statement, keys)).one_or_none()
    if found is None:
        raise NotFound
    return found


@cache
def _customer(*, own: bool = False) -> Select[Any]:
    statement = select(
        Customer,
        as_json(_people(), Customer).label("contacts"),
        as_json(
            _rows(CustomerAddress, CustomerAddress.customer_id == Customer.id).order_by(CustomerAddress.id),
            Customer,
        ).label("addresses"),
    ).where(Customer.id == bindparam("key"), Customer.merged_into_id.is_(None))
    return statement.where(customers.owned_by(bindparam("owner_id"))) if own else statement


def _people() -> Select[Any]:
    points = _rows(ContactPoint, ContactPoint.contact_id == Contact.id).order_by(ContactPoint.id)
    return (
        select(
            Contact.id,
            Contact.name,
            Contact.version,
            CustomerContact.role,
            as_json(points, Contact).label("points"),
        )
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .where(CustomerContact.customer_id == Customer.id)
        .order_by(Contact.id)
    )


@cache
def _shipment(*, own: bool = False) -> Select[Any]:
    scans = _rows(TrackingEvent, *_of(TrackingEvent), TrackingEvent.superseded_at.is_(None))
    statement = (
        select(
            Shipment,
            Customer,
            as_json(_worst_exception(), Shipment).label("exceptions"),
            as_json(_rows(ShipmentLeg, *_of(ShipmentLeg)).order_by(ShipmentLeg.leg_no), Shipment).label(
                "legs"
            ),
            as_json(
                scans.order_by(TrackingEvent.occurred_at, TrackingEvent.received_at, TrackingEvent.id),
                Shipment,
            ).label("events"),
        )
        .join(TrackingNumber, and_(*_of(TrackingNumber)))
        .join(Customer, Customer.id == Shipment.customer_id)
        .where(TrackingNumber.number == bindparam("number"))
    )
    if own:
        statement = statement.where(Shipment.customer_id.in_(customers.seen_by(bindparam("owner_id"))))
    return statement


def _worst_exception() -> Select[Any]:
    label = (Code.list == "exception_reason") & (Code.code == DeliveryException.reason)
    rows = select(*_columns(DeliveryException), Code.zh, Code.en).outerjoin(Code, label)
    return delivery_exceptions.worst_first(rows.where(*_of(DeliveryException))).limit(1)


def _of(part: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Of the shipment that the statement is about."""
    return part.customer_id == Shipment.customer_id, part.shipment_id == Shipment.id


def _rows(model: type[Base], *where: ColumnElement[bool]) -> Select[Any]:
    return select(*_columns(model)).where(*where)


def _columns(model: type[Base]) -> list[KeyedColumnElement[Any]]:
    return list(model.__table__.columns)


@cache
def _names(model: type[Base]) -> tuple[str, ...]:
    return tuple(each.key for each in inspect(model).column_attrs if not each.deferred)


def _fields(row: Base) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _names(type(row))}
