"""Searches by several terms, each looked up first by an index of its own.

What few match is found by their ids; what many match is compared while the newest are walked through, where the page
is soon full. No plan of PostgreSQL's own is good at both. The newest are asked first: reading a word's part of an index
takes long where the word is everywhere.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Function, Select, Text, Uuid, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.paging import ListQuery
from app.services import names

FEW = 2000
"""Matches of one term that are looked up by id; of more, some are among the newest."""
SAMPLE, COMMON = 1000, 10
"""Who says a word is asked of so many of the newest; said by so many of them, it is compared on the walk."""


class Terms(ListQuery):
    """Binds a search's cursor to its terms."""

    terms: str


@dataclass
class Found:
    """What the terms so far leave: these ids, if they are few, and the conditions of those that many meet."""

    ids: set[UUID] | None = None
    conditions: list[ColumnElement[bool]] = field(default_factory=list)
    known: Sequence[UUID] | None = None
    """Some that the last of those conditions is met by, if its index was asked."""

    def narrow(self, ids: Sequence[UUID] | None, condition: ColumnElement[bool]) -> None:
        """Take in one more term: whom it matches, up to one more than `FEW`, or null for many; and what they meet."""
        if ids is None or len(ids) > FEW:
            self.conditions.append(condition)
            self.known = ids
        else:
            self.ids = set(ids) if self.ids is None else self.ids & set(ids)

    def among(self, rows: Select[Any], key: InstrumentedAttribute[UUID]) -> Select[Any]:
        """Those of the rows that every term matches."""
        matching = rows.where(*self.conditions)
        if self.ids is None:
            return matching
        return matching.where(_one_of(key, self.ids))

    def some(self, rows: Select[Any], key: InstrumentedAttribute[UUID]) -> Select[Any]:
        """The same, or at least `FEW` of them that are found sooner: enough to count."""
        if self.ids is None and self.known is not None and len(self.conditions) == 1:
            return rows.where(_one_of(key, self.known))
        return self.among(rows, key)


def _one_of(key: InstrumentedAttribute[UUID], ids: Collection[UUID]) -> ColumnElement[bool]:
    return key == any_(literal(sorted(ids), ARRAY(Uuid)))


def says(search: InstrumentedAttribute[Any], wanted: ColumnElement[Any]) -> ColumnElement[bool]:
    """Compared row by row on the walk: by its index, a plan for any words would fetch and sort all that match."""
    return search.op("@@")(wanted).is_(True)


async def saying(
    session: AsyncSession,
    newest: Select[Any],
    condition: ColumnElement[bool],
    by_index: Function[UUID],
) -> Sequence[UUID] | None:
    """Who meets a condition on words, up to one more than `FEW` by their index; null where many of the newest do."""
    sample = newest.with_only_columns(condition.label("meets")).limit(SAMPLE).subquery()
    counted = select((func.count() >= COMMON).label("common")).where(sample.c.meets).cte("counted")
    ids = select(literal(None, Uuid)).where(counted.c.common)
    found = (await session.scalars(ids.union_all(select(by_index).where(~counted.c.common)))).all()
    return None if found == [None] else found


def words(typed: str) -> ColumnElement[Any]:
    """The text search query of what was typed."""
    return cast(literal(names.query(typed), Text), TSQUERY)
