"""Searches by several terms, each looked up first by an index of its own.

What few match is found by their ids; what many match is compared while the newest are walked through, where the page
is soon full. No plan of PostgreSQL's own is good at both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, Uuid, any_, cast, literal
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.orm import InstrumentedAttribute

from app.paging import ListQuery
from app.services import names

FEW = 5000
"""Matches of one term that are looked up by id; of more, some are among the newest."""


class Terms(ListQuery):
    """Binds a search's cursor to its terms."""

    terms: str


@dataclass
class Found:
    """What the terms so far leave: these ids, if they are few, and the conditions of those that many meet."""

    ids: set[UUID] | None = None
    conditions: list[ColumnElement[bool]] = field(default_factory=list)

    def narrow(self, ids: Sequence[UUID], condition: ColumnElement[bool]) -> None:
        """Take in one more term: whom it matches, up to one more than `FEW`, and what they meet."""
        if len(ids) > FEW:
            self.conditions.append(condition)
        else:
            self.ids = set(ids) if self.ids is None else self.ids & set(ids)

    def among(self, rows: Select[Any], key: InstrumentedAttribute[UUID]) -> Select[Any]:
        """Those of the rows that every term matches."""
        matching = rows.where(*self.conditions)
        if self.ids is None:
            return matching
        return matching.where(key == any_(literal(sorted(self.ids), ARRAY(Uuid))))


def words(typed: str) -> ColumnElement[Any]:
    """The text search query of what was typed."""
    return cast(literal(names.query(typed), Text), TSQUERY)
