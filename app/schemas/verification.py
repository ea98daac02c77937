"""Confirmations, tasks and proposals, as they come in and go out."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, field_serializer, field_validator, model_validator

from app.models.customer import CustomerKind
from app.models.verification import ConfirmationMethod, ProposalState, TaskState, VerifiedField
from app.paging import ListQuery
from app.schemas.base import Body, Grounds, Prose, Read, refused
from app.schemas.customer import CustomerChange, Tier
from app.schemas.masking import Redacted, mask_address, mask_email, mask_name, mask_phone, redact_all

DutyOf = Annotated[
    str,
    Field(max_length=40, examples=["customer_service"], json_schema_extra={"x-code-list": "role"}),
]
"""The department whose duty it is, named like the role of its people."""
Staleness = Annotated[
    int, Field(ge=0, le=100, description="0: all confirmed just now; 100: as old as can be")
]


class CustomerVerify(
    Body, json_schema_extra={"examples": [{"fields": ["phones", "addresses"], "method": "call"}]}
):
    """What was found to be true, and how one knows."""

    fields: Annotated[list[VerifiedField], Field(min_length=1, max_length=6)]
    method: ConfirmationMethod
    note: Annotated[Grounds | None, Field(description="What shows it")] = None

    @field_validator("fields")
    @classmethod
    def _once_each(cls, fields: list[VerifiedField]) -> list[VerifiedField]:
        return sorted(set(fields))


class FieldVerification(Read):
    """A field's latest confirmation; null where nobody has confirmed it yet."""

    field: VerifiedField
    weight: int
    stale_after_days: int
    confirmed_at: datetime | None
    method: ConfirmationMethod | None
    confirmed_by: UUID | None
    note: Redacted | None


class Duty(Read):
    """A department's turn to confirm some fields."""

    department: DutyOf
    rule: str
    fields: list[VerifiedField]
    due_at: datetime


class CustomerVerificationRead(Read):
    customer_id: UUID
    staleness: Staleness
    fields: list[FieldVerification]
    duties: list[Duty]


class VerificationRead(Duty):
    """One customer and one department. A person's name is masked, a company's is not."""

    customer_id: UUID
    name: str
    kind: CustomerKind
    tier: Tier | None
    owner_id: UUID | None
    staleness: Staleness

    @field_serializer("name")
    def _mask(self, name: str) -> str | None:
        return mask_name(name) if self.kind is CustomerKind.PERSON else name


class VerificationQuery(ListQuery):
    due: Annotated[bool | None, Field(description="Only what is due by now, or only what is not yet")] = None
    department: DutyOf | None = None
    tier: Tier | None = None
    sort: Literal["due_at", "-staleness"] = "due_at"


class TaskQuery(ListQuery):
    mine: Annotated[bool, Field(description="Only what is mine")] = False
    department: DutyOf | None = None
    state: TaskState | None = None
    customer_id: UUID | None = None


class TaskClose(Body, json_schema_extra={"examples": [{"note": "客户已注销"}]}):
    """Why a task ends."""

    note: Grounds


class TaskRead(Read):
    id: UUID
    customer_id: UUID
    rule: str
    department: DutyOf
    fields: list[VerifiedField]
    due_at: datetime
    assignee_id: UUID | None
    state: TaskState
    note: Redacted | None
    closed_by: UUID | None
    closed_at: datetime | None
    created_at: datetime
    version: int


class ProposedChange(CustomerChange, json_schema_extra={"examples": [{"needs": ["冷链"]}]}):
    """A change of what the record says; who looks after the customer is not for others to propose."""

    @model_validator(mode="after")
    def _something_of_the_record(self) -> "ProposedChange":
        if not self.model_fields_set:
            raise refused("propose at least one change", "请至少提出一项修改")
        if "owner_id" in self.model_fields_set:
            raise refused("the owner is not a matter of proposals", "归属人不能通过建议修改")
        return self


class ProposalCreate(
    Body,
    json_schema_extra={
        "examples": [{"changes": {"needs": ["冷链"]}, "evidence": "2026-11-20 上门时客户告知"}]
    },
):
    changes: ProposedChange
    evidence: Annotated[Prose, Field(min_length=1, description="What shows that the record is wrong")]


class ProposalDecision(Body, json_schema_extra={"examples": [{"reason": "与客户电话核对一致"}]}):
    reason: Grounds


class ProposalQuery(ListQuery):
    state: ProposalState | None = None
    customer_id: UUID | None = None


class ProposalRead(Read):
    """Masked, what is proposed as well."""

    id: UUID
    customer_id: UUID
    base_version: int
    changes: dict[str, Any]
    evidence: Redacted
    state: ProposalState
    proposed_by: UUID
    decided_by: UUID | None
    decided_at: datetime | None
    reason: Redacted | None
    created_at: datetime
    version: int

    @field_serializer("changes")
    def _mask(self, changes: dict[str, Any]) -> dict[str, Any]:
        return {name: _MASKS.get(name, redact_all)(value) for name, value in changes.items()}


def _mask_contacts(contacts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": mask_name(contact["name"]),
            "role": redact_all(contact.get("role")),
            "phone": mask_phone(contact.get("phone")),
            "email": mask_email(contact.get("email")),
            "points": len(contact.get("points", [])),
        }
        for contact in contacts
    ]


_MASKS: dict[str, Any] = {
    "name": mask_name,
    "contacts": _mask_contacts,
    "addresses": lambda addresses: [mask_address(address) for address in addresses],
}
