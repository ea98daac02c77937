"""Customers, as they come in and as everybody may see them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    Field,
    TypeAdapter,
    ValidationError,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)

from app.models.customer import ContactPointKind, CustomerKind, CustomerState
from app.paging import ListQuery
from app.schemas.base import (
    WHOLE,
    Address,
    Body,
    Email,
    Grounds,
    Line,
    Phone,
    Prose,
    Read,
    Unset,
    Word,
    refused,
)
from app.schemas.masking import Redacted, mask_address, mask_email, mask_name, mask_phone

Tier = Annotated[
    str,
    Field(
        min_length=1, max_length=64, examples=["large"], json_schema_extra={"x-code-list": "customer_tier"}
    ),
]
"""How much a customer weighs; the list is data."""


class ContactPointCreate(Body, json_schema_extra={"examples": [{"kind": "wechat", "value": "qinghe_cha"}]}):
    """One more way to reach a person."""

    kind: ContactPointKind
    value: Line
    label: Annotated[Line | None, Field(examples=["仓库"])] = None

    @model_validator(mode="after")
    def _is_what_it_says(self) -> "ContactPointCreate":
        try:
            _POINTS[self.kind].validate_python(self.value)
        except ValidationError:
            raise refused(f"this is no {self.kind}", f"不是有效的 {self.kind}") from None
        return self


_POINTS: dict[ContactPointKind, TypeAdapter[str]] = {
    ContactPointKind.PHONE: TypeAdapter(Phone),
    ContactPointKind.EMAIL: TypeAdapter(Email),
    ContactPointKind.WECHAT: TypeAdapter(Line),
}

Points = Annotated[list[ContactPointCreate], Field(max_length=20)]


class ContactCreate(
    Body,
    json_schema_extra={"examples": [{"name": "王小明", "role": "物流经理", "phone": "13800000000"}]},
):
    """A person. `phone` and `email` are the first of their kind; `points` are all others."""

    name: Line
    role: Annotated[Line | None, Field(description="What the person is at this customer")] = None
    phone: Phone | None = None
    email: Email | None = None
    points: Points = []

    def reached(self) -> list[ContactPointCreate]:
        """Every way to reach this person, the first of each kind in front."""
        first = {ContactPointKind.PHONE: self.phone, ContactPointKind.EMAIL: self.email}
        given = [ContactPointCreate(kind=kind, value=value) for kind, value in first.items() if value]
        return [*given, *self.points]


class CustomerAddressCreate(Address):
    kind: Annotated[Line | None, Field(examples=["pickup"])] = None


Contacts = Annotated[list[ContactCreate], Field(max_length=50)]
Addresses = Annotated[list[CustomerAddressCreate], Field(max_length=50)]
Needs = Annotated[list[Line], Field(max_length=50)]


RefuseDuplicates = Annotated[
    bool,
    Field(
        description="Rather 409 than a customer that may be there already; else it is proposed for a merge"
    ),
]


class CustomerCreate(
    Body,
    json_schema_extra={
        "examples": [
            {
                "name": "杭州青禾茶业有限公司",
                "kind": "company",
                "code": "QINGHE",
                "contacts": [{"name": "王小明", "role": "物流经理", "phone": "13800000000"}],
                "addresses": [
                    {"province": "浙江省", "city": "杭州市", "district": "西湖区", "detail": "2 号楼 301 室"}
                ],
                "needs": ["冷链", "次日达"],
            }
        ]
    },
):
    name: Annotated[Line, Field(examples=["杭州青禾茶业有限公司"])]
    kind: CustomerKind
    code: Annotated[Word | None, Field(description="Customers that ship under contract have one")] = None
    contacts: Contacts = []
    addresses: Addresses = []
    needs: Needs = []
    tier: Tier | None = None
    source: Annotated[Line | None, Field(description="How the customer was found")] = None
    owner_id: UUID | None = None
    refuse_duplicates: RefuseDuplicates = False


class CustomerChange(
    Body, json_schema_extra={"examples": [{"name": "Alpenblick Uhren AG, Zürich", "needs": ["保价"]}]}
):
    """Only the fields that are given change; a list replaces the whole list."""

    name: Unset[Line] = None
    code: Word | None = None
    contacts: Unset[Contacts] = None
    addresses: Unset[Addresses] = None
    needs: Unset[Needs] = None
    tier: Tier | None = None
    source: Line | None = None
    owner_id: UUID | None = None
    refuse_duplicates: RefuseDuplicates = False

    @model_validator(mode="after")
    def _required_stay(self) -> "CustomerChange":
        for name in ("name", "contacts", "addresses", "needs"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise refused(f"{name} can be changed but not removed", f"{name} 可以修改，不能删除")
        return self


class ContactPointRead(Read):
    """Masked."""

    id: UUID
    kind: ContactPointKind
    value: Annotated[str, Field(examples=["138******78"])]
    label: Redacted | None

    @field_serializer("value")
    def _mask(self, value: str) -> str | None:
        return MASKS[self.kind](value)


MASKS: dict[ContactPointKind, Callable[[str], str | None]] = {
    ContactPointKind.PHONE: mask_phone,
    ContactPointKind.EMAIL: mask_email,
    ContactPointKind.WECHAT: mask_name,
}


class ContactRead(Read):
    """Masked. `phone` and `email` are the first of their kind among the `points`."""

    id: UUID
    name: str
    role: str | None
    points: list[ContactPointRead]
    version: int

    _name = field_serializer("name")(mask_name)

    @computed_field
    def phone(self) -> str | None:
        return self._first(ContactPointKind.PHONE)

    @computed_field
    def email(self) -> str | None:
        return self._first(ContactPointKind.EMAIL)

    def _first(self, kind: ContactPointKind) -> str | None:
        return next((MASKS[kind](point.value) for point in self.points if point.kind is kind), None)


class CustomerAddressRead(Read):
    """Masked below the district."""

    id: UUID
    kind: str | None
    address: dict[str, Any]

    _address = field_serializer("address")(mask_address)


class CustomerSummary(Read):
    """A row of a list. A person's name is masked, a company's is not."""

    id: UUID
    name: str
    kind: CustomerKind
    state: CustomerState
    code: str | None
    tier: Tier | None
    source: Redacted | None
    needs: list[Redacted]
    owner_id: UUID | None
    team_id: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int

    @field_serializer("name")
    def _mask(self, name: str) -> str | None:
        return mask_name(name) if self.kind is CustomerKind.PERSON else name


class CustomerRead(CustomerSummary):
    contacts: list[ContactRead]
    addresses: list[CustomerAddressRead]


class CustomerMove(Body, json_schema_extra={"examples": [{"reason": "三个月没有寄件"}]}):
    """Why a customer's standing changes."""

    reason: Grounds


class CustomerQuery(ListQuery):
    kind: CustomerKind | None = None
    state: CustomerState | None = None
    tier: Tier | None = None
    owner_id: UUID | None = None
    sort: Literal["-created_at", "created_at", "name"] = "-created_at"


class CustomerSearch(Body, json_schema_extra={"examples": [{"q": "青禾"}]}):
    """People are searched for in a body, so that no name or phone stands in a URL or a log."""

    q: Annotated[Prose | None, Field(description="Part of the name")] = None
    code: Word | None = None
    phone: Annotated[str | None, Field(max_length=40, description="A contact's whole number")] = None
    kind: CustomerKind | None = None
    limit: Annotated[int, Field(ge=1, le=200), WHOLE] = 50
    cursor: Annotated[str | None, Field(max_length=2000)] = None

    @field_validator("q", "phone")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        return value or None
