"""Users, machines, departments and tokens."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator

from app.models.account import UserLevel
from app.paging import ListQuery
from app.roles import MACHINE_ROLES, Role
from app.schemas.base import Body, Email, Line, Read, Unset, Word, refused

StaffRoles = Annotated[list[Role], Field(min_length=1, max_length=10, examples=[["operations"]])]
MachineRole = Annotated[
    Literal[Role.DISPATCH, Role.PARTNER], Field(json_schema_extra={"x-code-list": "role"})
]
Password = Annotated[SecretStr, Field(min_length=12, max_length=200)]


def _only_staff(roles: list[Role]) -> list[Role]:
    if MACHINE_ROLES & set(roles):
        raise refused(
            "dispatch and partner are roles of machines; make a client instead",
            "dispatch 和 partner 是机器的角色，请改为创建客户端",
        )
    return sorted(set(roles))


class UserCreate(
    Body,
    json_schema_extra={
        "examples": [
            {"username": "li.ming", "password": "a long pass phrase", "name": "李明", "roles": ["operations"]}
        ]
    },
):
    username: Word
    password: Password
    name: Line
    email: Email | None = None
    roles: StaffRoles
    department_id: UUID | None = None
    level: UserLevel = UserLevel.SPECIALIST
    superior_id: UUID | None = None
    deputy_id: UUID | None = None

    _roles = field_validator("roles")(_only_staff)


class UserChange(Body, json_schema_extra={"examples": [{"roles": ["operations", "auditor"]}]}):
    """Only the fields that are given change."""

    name: Unset[Line] = None
    email: Email | None = None
    roles: Unset[StaffRoles] = None
    department_id: UUID | None = None
    level: Unset[UserLevel] = None
    superior_id: UUID | None = None
    deputy_id: UUID | None = None

    @field_validator("roles")
    @classmethod
    def _roles(cls, roles: list[Role] | None) -> list[Role] | None:
        return None if roles is None else _only_staff(roles)

    @model_validator(mode="after")
    def _required_stay(self) -> "UserChange":
        if missing := [
            f for f in ("name", "roles", "level") if f in self.model_fields_set and getattr(self, f) is None
        ]:
            raise refused(f"{missing[0]} can be changed but not removed", f"{missing[0]} 可以修改，不能删除")
        return self


class PasswordReset(Body, json_schema_extra={"examples": [{"password": "another long pass phrase"}]}):
    password: Password


class UserRead(Read):
    id: UUID
    username: str
    name: str
    email: str | None
    roles: list[Role]
    department_id: UUID | None
    level: UserLevel
    superior_id: UUID | None
    deputy_id: UUID | None
    disabled_at: datetime | None
    created_at: datetime
    version: int


class UserQuery(ListQuery):
    role: Role | None = None
    department_id: UUID | None = None
    disabled: bool | None = None
    sort: Literal["username", "-created_at"] = "username"


class ClientCreate(
    Body,
    json_schema_extra={
        "examples": [
            {"name": "青禾门户", "role": "partner", "customer_ids": ["01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55"]}
        ]
    },
):
    name: Line
    role: MachineRole
    client_id: Annotated[Word | None, Field(description="Made up where it is left out")] = None
    sources: Annotated[
        list[Word], Field(max_length=50, description="What a dispatch client may push for")
    ] = []
    customer_ids: Annotated[
        list[UUID], Field(max_length=200, description="Whom a partner client may see")
    ] = []

    @model_validator(mode="after")
    def _fits_role(self) -> "ClientCreate":
        if self.role is Role.DISPATCH and (self.customer_ids or not self.sources):
            raise refused("a dispatch client has sources and no customers", "dispatch 客户端有来源，没有客户")
        if self.role is Role.PARTNER and (self.sources or not self.customer_ids):
            raise refused("a partner client has customers and no sources", "partner 客户端有客户，没有来源")
        return self


class ClientChange(Body, json_schema_extra={"examples": [{"sources": ["native", "kuaidi100"]}]}):
    name: Line | None = None
    sources: Annotated[list[Word] | None, Field(max_length=50)] = None
    customer_ids: Annotated[list[UUID] | None, Field(max_length=200)] = None


class ClientRead(Read):
    id: UUID
    client_id: str
    name: str
    role: Role
    sources: list[str]
    customer_ids: list[UUID]
    disabled_at: datetime | None
    created_at: datetime
    version: int


class ClientSecret(ClientRead):
    """The only answer that ever carries the secret."""

    client_secret: str


class ClientQuery(ListQuery):
    role: MachineRole | None = None


class DepartmentCreate(Body, json_schema_extra={"examples": [{"code": "operations", "name": "运营部"}]}):
    code: Word
    name: Line
    parent_id: UUID | None = None
    head_id: UUID | None = None


class DepartmentRead(Read):
    id: UUID
    code: str
    name: str
    parent_id: UUID | None
    head_id: UUID | None
    liaison_id: UUID | None


class TokenRead(Read):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the scheme's name
    expires_in: Annotated[int, Field(description="Seconds", examples=[900])]
    refresh_token: Annotated[str | None, Field(description="Staff only; each can be used once")] = None
    scope: str


class Jwk(Read):
    """The public half of a key (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    alg: str
    use: Literal["sig"]


class Jwks(Read):
    keys: list[Jwk]


class MenuEntry(Read):
    code: str
    label: str


class MeRead(Read):
    """Who I am and what I may do, with labels to draw menus from."""

    id: UUID
    kind: Literal["user", "client"]
    name: str
    roles: list[MenuEntry]
    scopes: list[str]
    department: DepartmentRead | None
    level: UserLevel | None
    superior_id: UUID | None
    deputy_id: UUID | None
