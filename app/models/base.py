"""What every stored thing has in common."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import JSON, DateTime, Enum, MetaData, ScalarSelect, Select, Table, Text, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from uuid_utils.compat import uuid7

from app.errors import IllegalTransition, NotFound

Transitions = Mapping[Any, set[Any]]


def choice(enum: type[StrEnum]) -> Enum:
    """A column of this enum's values, held by a check constraint named after it."""
    return Enum(
        enum,
        native_enum=False,
        create_constraint=True,
        length=40,
        name=f"{enum.__name__.lower()}_known",
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    """Naming of constraints and mapping of Python types to PostgreSQL's."""

    __table__: ClassVar[Table]

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }

    @classmethod
    async def fetch(cls, session: AsyncSession, key: Any) -> Self:
        """The row with this primary key, or `NotFound`."""
        row = await session.get(cls, key)
        if row is None:
            raise NotFound
        return row


def as_json(rows: Select[Any], of: type["Base"]) -> ScalarSelect[Any]:
    """These rows `of` an enclosing one, as a JSON array in a column of its: a screen is read with one statement."""
    table = rows.correlate(of).subquery()
    array = func.coalesce(func.json_agg(table.table_valued()), text("'[]'::json"), type_=JSON)
    return select(array).scalar_subquery()


Id = Annotated[UUID, mapped_column(primary_key=True, default=uuid7)]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]
UpdatedAt = Annotated[datetime, mapped_column(server_default=func.now(), onupdate=func.now())]


class Versioned:
    """Counts its changes: the loser of a race gets a conflict, and the count is the entity tag."""

    version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  # SQLAlchemy's protocol: a class method
        return {"version_id_col": cls.version, "eager_defaults": True}


class Stateful:
    """Has a `state` that moves along the edges of `transitions` and no others."""

    transitions: ClassVar[Transitions]
    state: Mapped[Any]

    def advance(self, to: StrEnum) -> None:
        """Move, or raise `IllegalTransition` naming the moves there are."""
        allowed = self.transitions.get(self.state, set())
        if to not in allowed:
            names = sorted(allowed)
            raise IllegalTransition(
                f"Cannot move from {self.state} to {to}; allowed: {', '.join(names) or 'nothing'}.",
                f"不能从 {self.state} 变为 {to}；允许：{'、'.join(names) or '无'}。",
                current=str(self.state),
                allowed=names,
            )
        self.state = to
