"""Customers that may be one and the same."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.models.customer import CustomerKind
from app.models.duplicate import DuplicateOrigin
from app.paging import ListQuery
from app.schemas.base import Body, Grounds, Line, Read, Word
from app.schemas.customer import Addresses, Contacts, CustomerSummary

Score = Annotated[float, Field(ge=0, le=1, description="How likely both are the same", examples=[0.97])]


class ExternalIdGiven(Body, json_schema_extra={"examples": [{"system": "erp", "external_id": "C-4711"}]}):
    """What another system calls the customer."""

    system: Word
    external_id: Line


class DuplicateCheck(
    Body,
    json_schema_extra={
        "examples": [
            {
                "name": "青禾茶叶",
                "kind": "company",
                "contacts": [{"name": "王小明", "phone": "138 0000 0000"}],
                "addresses": [{"city": "杭州", "district": "西湖"}],
            }
        ]
    },
):
    """A record as it would be made; nothing of it is stored."""

    name: Line
    kind: CustomerKind
    contacts: Contacts = []
    addresses: Addresses = []
    external_ids: Annotated[list[ExternalIdGiven], Field(max_length=20)] = []


class Lookalike(Read):
    score: Score
    customer: CustomerSummary


class Lookalikes(Read):
    """The most likely one first."""

    items: list[Lookalike]


class ClusterQuery(ListQuery):
    customer_id: Annotated[UUID | None, Field(description="Only the cluster in which this customer is")] = (
        None
    )


class PairRead(Read):
    one_id: UUID
    other_id: UUID
    score: Score | None
    found_by: DuplicateOrigin | None
    created_at: datetime


class ClusterRead(Read):
    """Customers that pairs lead from one to the other of; `score` is that of the likeliest pair."""

    score: Score | None
    customers: list[CustomerSummary]
    pairs: list[PairRead]


class PairDismiss(
    Body,
    json_schema_extra={
        "examples": [
            {
                "one_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55",
                "other_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e66",
                "reason": "两家不同的公司，同一办公楼",
            }
        ]
    },
):
    """Two customers that are not the same, and how one knows."""

    one_id: UUID
    other_id: UUID
    reason: Grounds


class PairDismissed(PairRead):
    dismissed_at: datetime
    dismissed_by: UUID
