"""What a row changes of a customer that is there: what it says, and nothing that it does not say."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.customer import Contact, ContactPoint, Customer, CustomerAddress, CustomerContact, ExternalId
from app.schemas.contact import ContactCreate
from app.services import contact_points, divisions, names
from app.services.imports import writes
from app.services.imports.rows import Draft


@dataclass
class Person:
    """Somebody at a customer: what they are there, and where they are reached."""

    id: UUID
    role: str | None
    reached: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Present:
    """A customer as it stands, locked."""

    fields: Row[Any]
    people: dict[str, Person] = field(default_factory=dict)
    addresses: list[dict[str, Any]] = field(default_factory=list)
    external_ids: set[tuple[str, str]] = field(default_factory=set)


async def present(session: AsyncSession, customer_ids: set[UUID]) -> dict[UUID, Present]:
    """These customers with what belongs to them; locked in the order of their ids, against deadlock."""
    if not customer_ids:
        return {}
    columns = [getattr(Customer, name) for name in ("id", "version", *writes.SCALARS)]
    there = select(*columns).where(Customer.id.in_(customer_ids), Customer.merged_into_id.is_(None))
    locked = there.order_by(Customer.id).with_for_update()
    found = {row.id: Present(row) for row in await session.execute(locked)}
    people = (
        select(CustomerContact.customer_id, CustomerContact.role, Contact.id, Contact.name)
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .where(CustomerContact.customer_id.in_(customer_ids))
    )
    persons: dict[UUID, list[Person]] = defaultdict(list)
    for row in await session.execute(people):
        person = found[row.customer_id].people.setdefault(row.name, Person(row.id, row.role))
        persons[row.id].append(person)
    points = select(ContactPoint).where(ContactPoint.contact_id.in_(persons))
    for point in await session.scalars(points):
        for person in persons[point.contact_id]:
            person.reached.add((point.kind, point.normal))
    for address in await session.scalars(
        select(CustomerAddress).where(CustomerAddress.customer_id.in_(customer_ids))
    ):
        found[address.customer_id].addresses.append({"kind": address.kind, **address.address})
    for known in await session.scalars(select(ExternalId).where(ExternalId.customer_id.in_(customer_ids))):
        found[known.customer_id].external_ids.add((known.system, known.external_id))
    return found


def update(gathered: writes.Writes, draft: Draft, current: Present) -> bool:
    """Gather what this row changes; says whether that is anything."""
    body, before = draft.body, dict[str, Any]()
    given = [name for name in writes.SCALARS if getattr(body, name) not in (None, [])]
    was = {name: getattr(current.fields, name) for name in writes.SCALARS}
    new = was | {name: getattr(body, name) for name in given}
    if new != was:
        before["fields"] = {name: was[name] for name in given if new[name] != was[name]}
    customer_id: UUID = current.fields.id
    for contact in body.contacts:
        person = current.people.get(contact.name)
        if person is None:
            gathered.add_contact(customer_id, contact, before)
        else:
            _meet(gathered, customer_id, contact, person, before)
    for address in body.addresses:
        known, _ = divisions.normalised(writes.plain(address))
        if {"kind": address.kind, **known} not in current.addresses:
            gathered.add_address(customer_id, address, before)
    if (body.external_system, body.external_id) not in current.external_ids:
        gathered.add_external_id(customer_id, body, before)
    if before:
        new["romanised"] = names.romanised(new["name"])
        gathered.change(draft, customer_id, current.fields.version, new, before)
    return bool(before)


def _meet(
    gathered: writes.Writes,
    customer_id: UUID,
    contact: ContactCreate,
    person: Person,
    before: writes.Before,
) -> None:
    """Somebody of this name is there: they gain what is new."""
    for point in contact.reached():
        if (point.kind, contact_points.normal(point.kind, point.value)) not in person.reached:
            gathered.add_point(person.id, point, before)
    if contact.role and contact.role != person.role:
        gathered.roles.append({"customer_id": customer_id, "contact_id": person.id, "role": contact.role})
        before["roles"] = [[person.id, person.role]]
