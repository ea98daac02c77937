"""What a row adds or changes, gathered for many rows and written with a few statements."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.models.customer import (
    Contact,
    ContactPoint,
    Customer,
    CustomerAddress,
    CustomerContact,
    CustomerState,
    ExternalId,
)
from app.models.import_file import ImportRow, RowOutcome
from app.schemas.contact import ContactCreate, ContactPointCreate
from app.schemas.customer import CustomerAddressCreate
from app.schemas.import_file import ImportedCustomer
from app.security import Principal
from app.services import contact_points, divisions, events, names
from app.services.imports import bulk
from app.services.imports.rows import Draft

Before = dict[str, Any]
"""What it takes to undo a row: `fields` and `roles` as they were, and the ids of what was added."""


@dataclass
class Writes:
    """Rows of each table, inserted in the order in which they point at each other."""

    import_id: UUID
    customers: list[bulk.Row] = field(default_factory=list)
    contacts: list[bulk.Row] = field(default_factory=list)
    customer_contacts: list[bulk.Row] = field(default_factory=list)
    points: list[bulk.Row] = field(default_factory=list)
    addresses: list[bulk.Row] = field(default_factory=list)
    external_ids: list[bulk.Row] = field(default_factory=list)
    rows: list[bulk.Row] = field(default_factory=list)
    changed: list[bulk.Row] = field(default_factory=list)
    roles: list[bulk.Row] = field(default_factory=list)
    happenings: list[events.Happening] = field(default_factory=list)

    @property
    def touched(self) -> list[UUID]:
        """The customers that these rows made or changed."""
        return [each["id"] for each in (*self.customers, *self.changed)]

    async def flush(self, session: AsyncSession, actor: Principal) -> None:
        """Write all of it. Raises `IntegrityError` where somebody else made the same meanwhile."""
        await bulk.update(session, Customer, self.changed)
        for model, rows in (
            (Customer, self.customers),
            (Contact, self.contacts),
            (CustomerContact, self.customer_contacts),
            (ContactPoint, self.points),
            (CustomerAddress, self.addresses),
            (ExternalId, self.external_ids),
            (ImportRow, self.rows),
        ):
            await bulk.insert(session, model, rows)
        await bulk.update(session, CustomerContact, self.roles)
        await events.record_all(session, actor, self.happenings)

    def create(self, draft: Draft) -> None:
        """A customer as `customers.create` makes it."""
        body, customer_id = draft.body, uuid7()
        fields = {name: getattr(body, name) for name in SCALARS}
        state = CustomerState.ACTIVE if body.code else CustomerState.PROSPECT
        romanised = names.romanised(body.name)
        self.customers.append(
            {
                "id": customer_id,
                **fields,
                "kind": body.kind,
                "state": state,
                "romanised": romanised,
                "version": 1,
            }
        )
        before: Before = {}
        for contact in body.contacts:
            self.add_contact(customer_id, contact, before)
        for address in body.addresses:
            self.add_address(customer_id, address, before)
        self.add_external_id(customer_id, body, before)
        self.note(draft, RowOutcome.CREATED, customer_id, 1, before)
        self._tell("customer.created", customer_id, customer_kind=body.kind)

    def change(self, draft: Draft, customer_id: UUID, version: int, new: bulk.Row, before: Before) -> None:
        """Other fields for a customer, and note what it takes to undo that."""
        self.changed.append({"id": customer_id, **new})
        self.note(draft, RowOutcome.UPDATED, customer_id, version + 1, before)
        self._tell("customer.changed", customer_id, fields=sorted(draft.body.model_fields_set))

    def add_contact(self, customer_id: UUID, body: ContactCreate, before: Before) -> None:
        contact_id = uuid7()
        self.contacts.append(
            {"id": contact_id, "name": body.name, "romanised": names.romanised(body.name), "version": 1}
        )
        self.customer_contacts.append(
            {"customer_id": customer_id, "contact_id": contact_id, "role": body.role}
        )
        before.setdefault("contacts", []).append(contact_id)
        for point in body.reached():
            self.add_point(contact_id, point, None)

    def add_point(self, contact_id: UUID, body: ContactPointCreate, before: Before | None) -> None:
        """`before` is for a person who was there already; the points of a new one go with them."""
        normal = contact_points.normal(body.kind, body.value)
        point = {"id": uuid7(), "contact_id": contact_id, **body.model_dump(), "normal": normal}
        self.points.append(point)
        if before is not None:
            before.setdefault("points", []).append(point["id"])

    def add_address(self, customer_id: UUID, body: CustomerAddressCreate, before: Before) -> None:
        address, division = divisions.normalised(plain(body))
        row = {"id": uuid7(), "customer_id": customer_id, "kind": body.kind, "address": address}
        row["division_code"] = division
        self.addresses.append(row)
        before.setdefault("addresses", []).append(row["id"])

    def add_external_id(self, customer_id: UUID, body: ImportedCustomer, before: Before) -> None:
        if body.external_id:
            key = {"system": body.external_system, "external_id": body.external_id}
            self.external_ids.append({**key, "customer_id": customer_id})
            before.setdefault("external_ids", []).append([body.external_system, body.external_id])

    def note(
        self,
        draft: Draft,
        outcome: RowOutcome,
        customer_id: UUID | None = None,
        version: int | None = None,
        before: Before | None = None,
    ) -> None:
        """What became of the row."""
        self.rows.append(
            {
                "import_id": self.import_id,
                "line": draft.line,
                "outcome": outcome,
                "customer_id": customer_id,
                "version": version,
                "before": before,
                "problems": draft.problems or None,
            }
        )

    def _tell(self, kind: str, customer_id: UUID, **data: Any) -> None:
        subject = events.Subject("customer", customer_id, customer_id)
        self.happenings.append(events.Happening(kind, subject, {**data, "import_id": str(self.import_id)}))


SCALARS = ("name", "code", "tier", "source", "needs", "owner_id")


def plain(address: CustomerAddressCreate) -> dict[str, Any]:
    """The address as it was written."""
    return address.model_dump(exclude={"kind"}, exclude_none=True)
