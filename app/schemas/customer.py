"""Customers, as they come in and as everybody may see them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, field_serializer, field_validator, model_validator

from app.models.customer import CustomerKind, CustomerState
from app.paging import Cursor, ListQuery, Page
from app.schemas.base import (
    SOMETHING,
    WHOLE,
    Address,
    Body,
    Grounds,
    Line,
    Prose,
    Read,
    TrackingNo,
    Unset,
    Word,
    refused,
)
from app.schemas.contact import ContactCreate, ContactRead
from app.schemas.division import DivisionCode
from app.schemas.masking import Redacted, mask_address, mask_name

Tier = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=SOMETHING["pattern"],
        examples=["large"],
        json_schema_extra={"x-code-list": "customer_tier"},
    ),
]
"""How much a customer weighs; the list is data."""


class CustomerAddressCreate(
    Address,
    json_schema_extra={
        "examples": [
            {
                "kind": "pickup",
                "province": "浙江省",
                "city": "杭州市",
                "district": "西湖区",
                "detail": "2 号楼",
            }
        ]
    },
):
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


class CustomerAddressRead(Read):
    """Masked below the district."""

    id: UUID
    kind: str | None
    address: dict[str, Any]
    division_code: DivisionCode | None

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


class CustomerSearch(Body, json_schema_extra={"examples": [{"q": "qinghe", "facets": True}]}):
    """People are searched for in a body, so that no name or phone stands in a URL or a log."""

    q: Annotated[
        Prose | None,
        Field(
            description="Of the name: two characters next to each other, the start of a word, pinyin, initials"
        ),
    ] = None
    contact: Annotated[Prose | None, Field(description="Of a contact's name, as `q`")] = None
    code: Word | None = None
    phone: Annotated[str | None, Field(max_length=40, description="A contact's whole number")] = None
    phone_suffix: Annotated[
        str | None, Field(pattern=r"^[0-9]{4,15}$", description="The last digits of a contact's number")
    ] = None
    tracking_no: TrackingNo | None = None
    external_id: Annotated[Word | None, Field(description="What another system calls it")] = None
    kind: CustomerKind | None = None
    state: CustomerState | None = None
    tier: Tier | None = None
    owner_id: UUID | None = None
    facets: Annotated[
        bool, Field(description="Count the matches by kind, state, tier and owner too", strict=True)
    ] = False
    limit: Annotated[int, Field(ge=1, le=200), WHOLE] = 50
    cursor: Cursor = None

    @field_validator("q", "contact", "phone")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        return value or None


class Facet(BaseModel):
    """How many of the matches have this value; `value` is null where they have none."""

    field: Literal["kind", "state", "tier", "owner_id"]
    value: str | None
    count: int


class CustomersFound(Page[CustomerSummary]):
    """A page of matches. Facets count 1,000 of them at the most."""

    facets: list[Facet] | None = None
