"""Segments, as they come in and go out."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator, model_validator

from app.models.customer import CustomerKind
from app.models.segment import RfmClass, SegmentKind
from app.paging import ListQuery
from app.schemas.base import Body, Line, Problem, Read, Unset, refused
from app.schemas.customer import CustomerSummary
from app.schemas.masking import Redacted, RedactedObject, mask_name
from app.schemas.segment_filter import Currency, Days, Filter, must_be_small

_FILTER = {
    "test": "and",
    "of": [
        {"test": "division", "any_of": ["330000"]},
        {"test": "last_shipment", "before_days": 30},
        {"test": "not", "of": {"test": "state", "any_of": ["closed"]}},
    ],
}


def _small(filter_: Any) -> Any:
    if filter_ is not None:
        must_be_small(filter_)
    return filter_


class SegmentCreate(
    Body, json_schema_extra={"examples": [{"name": "浙江 30 天未寄件", "kind": "dynamic", "filter": _FILTER}]}
):
    """A dynamic segment has a filter, a static one has none: its members are added one by one."""

    name: Line
    kind: SegmentKind
    filter: Filter | None = None

    _filter = field_validator("filter")(_small)

    @model_validator(mode="after")
    def _filter_where_dynamic(self) -> "SegmentCreate":
        if (self.kind is SegmentKind.DYNAMIC) != (self.filter is not None):
            raise refused(
                "a dynamic segment has a filter, a static one has none",
                "动态分群须有筛选条件，静态分群不能有",
            )
        return self


class SegmentChange(Body, json_schema_extra={"examples": [{"name": "浙江沉睡客户"}]}):
    """Only the fields that are given change; the wording of a filter before stays on record."""

    name: Unset[Line] = None
    filter: Annotated[Unset[Filter], Field(examples=[_FILTER])] = None

    _filter = field_validator("filter")(_small)

    @model_validator(mode="after")
    def _required_stay(self) -> "SegmentChange":
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise refused(f"{name} can be changed but not removed", f"{name} 可以修改，不能删除")
        return self


class SegmentPreviewRequest(Body, json_schema_extra={"examples": [{"filter": _FILTER}]}):
    filter: Filter

    _filter = field_validator("filter")(_small)


class SegmentPreview(Read):
    """How many of the customers that the caller may see a filter finds, and the first of them."""

    count: int
    items: list[CustomerSummary]


class SegmentRead(Read):
    id: UUID
    name: Redacted
    kind: SegmentKind
    filter: RedactedObject | None
    filter_version: int
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    version: int


class SegmentVersionRead(Read):
    filter_version: int
    filter: RedactedObject
    changed_by: UUID
    created_at: datetime


class SegmentSnapshotRead(Read):
    """`joined` and `left` count since the snapshot before."""

    day: date
    size: int
    joined: int
    left: int


class SegmentMembershipChange(
    Body, json_schema_extra={"examples": [{"customer_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55"}]}
):
    """In, or with `member: false` out."""

    customer_id: UUID
    member: bool = True


_MEMBERS = [{"customer_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55", "member": True}]


class SegmentMembershipBatch(Body, json_schema_extra={"examples": [{"items": _MEMBERS}]}):
    """Customers to be added or removed."""

    items: Annotated[
        list[Any], Field(max_length=1000, description="Each as for POST /v1/segments/{segment_id}/members")
    ]


class SegmentMembershipResult(Read):
    index: int
    result: Literal["added", "removed", "unchanged", "rejected"]
    problem: Problem | None = None


class SegmentMembershipBatchAnswer(Read):
    results: list[SegmentMembershipResult]


class SegmentMemberRead(Read):
    """A customer's time in a static segment."""

    id: UUID
    customer_id: UUID
    added_by: UUID
    added_at: datetime
    removed_by: UUID | None
    removed_at: datetime | None


class SegmentQuery(ListQuery):
    kind: SegmentKind | None = None


class SegmentPartQuery(ListQuery):
    """A list of what belongs to one segment."""


class SegmentPage(ListQuery):
    """Binds a list's cursor to its segment."""

    segment_id: UUID

    @classmethod
    def of(cls, query: ListQuery, segment_id: UUID) -> Self:
        return cls(segment_id=segment_id, **query.model_dump())


class RfmSummaryQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: Annotated[Days, Field(description="Shipments of the last so many days count")] = 365
    currency: Annotated[Currency, Field(description="Freight in this currency is the value")] = "CNY"


class RfmQuery(ListQuery):
    days: Annotated[Days, Field(description="Shipments of the last so many days count")] = 365
    currency: Annotated[Currency, Field(description="Freight in this currency is the value")] = "CNY"
    rfm_class: RfmClass | None = None


class RfmPage(RfmQuery, SegmentPage):
    """Binds the cursor to the segment as well."""


class RfmRead(Read):
    """One customer's scores, 1 to 5 each; null for one that did not ship."""

    customer_id: UUID
    name: str
    kind: CustomerKind
    rfm_class: RfmClass
    recency: int | None
    frequency: int | None
    value: int | None
    last_shipment_at: datetime | None
    shipments: int
    freight: str
    other_currencies: list[str]

    @field_serializer("name")
    def _mask(self, name: str) -> str | None:
        return mask_name(name) if self.kind is CustomerKind.PERSON else name


class RfmClassCount(Read):
    rfm_class: RfmClass
    customers: int
    shipments: int
    freight: str


class RfmSummary(Read):
    days: int
    currency: str
    definition: str
    customers: int
    with_other_currencies: int
    classes: list[RfmClassCount]
