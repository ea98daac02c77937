"""People one talks to at a customer, as they come in and as everybody may see them."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, computed_field, field_serializer, model_validator

from app.models.customer import ContactPointKind
from app.schemas.base import Body, Email, Line, Phone, Read, Unset, refused
from app.schemas.masking import Redacted, mask_email, mask_name, mask_phone


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


class ContactChange(Body, json_schema_extra={"examples": [{"role": "仓库主管"}]}):
    """Only the fields that are given change; `points` replaces all of them, the first of each kind included."""

    name: Unset[Line] = None
    role: Line | None = None
    points: Unset[Points] = None

    @model_validator(mode="after")
    def _required_stay(self) -> "ContactChange":
        for name in ("name", "points"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise refused(f"{name} can be changed but not removed", f"{name} 可以修改，不能删除")
        return self


class ContactRole(Body, json_schema_extra={"examples": [{"role": "财务对接"}]}):
    """What somebody who is known from another customer is at this one."""

    role: Line | None = None


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
