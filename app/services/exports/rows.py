"""Customers as rows of a list, behind the same masks as on a screen."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.account import User
from app.models.code import Code
from app.models.customer import (
    Contact,
    ContactPoint,
    ContactPointKind,
    Customer,
    CustomerAddress,
    CustomerContact,
    CustomerKind,
)
from app.models.export import Export, ExportColumn
from app.models.segment import Segment
from app.schemas.customer import CustomerQuery
from app.schemas.masking import mask_email, mask_name, mask_phone, redact
from app.security import Principal
from app.services import customers
from app.services.segments import membership


def matching(
    principal: Principal, export: Export, segment: Segment | None, after: UUID | None, limit: int
) -> Select[Any]:
    """The next customers of the list, of those that this principal may see, in the order of their ids."""
    terms = {name: value for name, value in export.terms.items() if name != "segment_id"}
    chosen = customers.listed(principal, CustomerQuery.model_validate(terms)).order_by(None)
    if segment is not None:
        chosen = chosen.where(Customer.id.in_(membership.members_ids(principal, segment)))
    if after is not None:
        chosen = chosen.where(Customer.id > after)
    person = (
        select(Contact.id, Contact.name, CustomerContact.role)
        .join(CustomerContact, CustomerContact.contact_id == Contact.id)
        .where(CustomerContact.customer_id == Customer.id)
        .order_by(Contact.id)
        .limit(1)
        .lateral("person")
    )
    address = (
        select(CustomerAddress.address)
        .where(CustomerAddress.customer_id == Customer.id)
        .order_by(CustomerAddress.id)
        .limit(1)
        .lateral("place")
    )
    return (
        chosen.with_only_columns(
            *Customer.__table__.columns,
            User.username.label("owner"),
            person.c.name.label("contact_name"),
            person.c.role.label("contact_role"),
            _reached(person.c.id, ContactPointKind.PHONE).label("phone"),
            _reached(person.c.id, ContactPointKind.EMAIL).label("email"),
            address.c.address,
        )
        .outerjoin(User, User.id == Customer.owner_id)
        .outerjoin(person, true())
        .outerjoin(address, true())
        .order_by(Customer.id)
        .limit(limit)
    )


def _reached(contact_id: ColumnElement[UUID], kind: ContactPointKind) -> Any:
    statement = select(ContactPoint.value).where(
        ContactPoint.contact_id == contact_id, ContactPoint.kind == kind
    )
    return statement.order_by(ContactPoint.id).limit(1).scalar_subquery()


def cells(row: Row[Any], columns: list[str]) -> list[str]:
    """What may leave of a customer."""
    return [_text(_SHOWN.get(name, _plain(name))(row)) for name in columns]


def _plain(name: str) -> Callable[[Row[Any]], Any]:
    return lambda row: getattr(row, name)


def _of_address(name: str) -> Callable[[Row[Any]], Any]:
    return lambda row: (row.address or {}).get(name)


_SHOWN: dict[str, Callable[[Row[Any]], Any]] = {
    ExportColumn.NAME: lambda row: mask_name(row.name) if row.kind is CustomerKind.PERSON else row.name,
    ExportColumn.SOURCE: lambda row: redact(row.source),
    ExportColumn.NEEDS: lambda row: "；".join(redact(need) or "" for need in row.needs),
    ExportColumn.CONTACT_NAME: lambda row: mask_name(row.contact_name),
    ExportColumn.PHONE: lambda row: mask_phone(row.phone),
    ExportColumn.EMAIL: lambda row: mask_email(row.email),
    ExportColumn.PROVINCE: _of_address("province"),
    ExportColumn.CITY: _of_address("city"),
    ExportColumn.DISTRICT: _of_address("district"),
    ExportColumn.CREATED_AT: lambda row: row.created_at.isoformat(timespec="seconds"),
    ExportColumn.UPDATED_AT: lambda row: row.updated_at.isoformat(timespec="seconds"),
}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


async def headings(session: AsyncSession, columns: list[str]) -> list[str]:
    """The columns' Chinese labels."""
    labels = {
        code.code: code.zh for code in await session.scalars(select(Code).where(Code.list == "export_column"))
    }
    return [labels.get(name, name) for name in columns]
