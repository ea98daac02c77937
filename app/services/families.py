"""What can be merged, and which columns name it.

Which tables there are is read off the models, so that a new one can't be forgotten: its rows move, unless it stands in
a family's `stays` with a reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Column, Table

from app.models.base import Base
from app.models.complaint import Complaint
from app.models.complaint_link import ComplaintMergedRow
from app.models.customer import Customer
from app.models.merge import MergedRow


@dataclass(frozen=True)
class Link:
    """A column of a table that names a record."""

    table: Table
    column: str


@dataclass(frozen=True)
class Family:
    """Records of one kind, and where the rows are kept that a merge of two of them has changed.

    `plain`: a column of this name names a record though no key says so. `stays`: columns that go on naming the record
    that was merged, and why. `moving_on`: columns that an undo neither looks at nor puts back.
    """

    records: Table
    kept: Table
    plain: str
    stays: Mapping[tuple[str, str], str]
    moving_on: tuple[str, ...] = ()

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The columns whose rows move."""
        return tuple(link for link in self.named() if (link.table.name, link.column) not in self.stays)

    def named(self) -> Iterator[Link]:
        """Every column of every table that names a record."""
        for table in Base.metadata.sorted_tables:
            for column in table.columns:
                if column.name == self.plain or self._is_key(column):
                    yield Link(table, column.name)

    def others(self, link: Link) -> list[str]:
        """Further columns of the same row that name a record."""
        return [each.column for each in self.links if each.table is link.table and each.column != link.column]

    def _is_key(self, column: Column[Any]) -> bool:
        return any(key.column is self.records.c.id for key in column.foreign_keys)


_PARCELS = (
    "parcels keep the customer they were sent under, which leads each of their keys; see `merged_into_id`"
)
_HISTORY = "what happened, happened to the customer of that day; only ever inserted"
_OF_THAT_DAY = "was said of the record of that day; of what it has become a part of, it may not be true"

_CUSTOMERS_STAY = {
    ("orders", "customer_id"): _PARCELS,
    ("shipments", "customer_id"): _PARCELS,
    ("shipment_legs", "customer_id"): _PARCELS,
    ("tracking_numbers", "customer_id"): _PARCELS,
    ("tracking_events", "customer_id"): _PARCELS,
    ("delivery_exceptions", "customer_id"): _PARCELS,
    ("exception_follow_ups", "customer_id"): _PARCELS,
    ("events", "customer_id"): _HISTORY,
    ("outbox", "customer_id"): "work under way names its parcel by the key that the parcel has",
    (
        "consents",
        "customer_id",
    ): "evidence is never rewritten; whoever reads consents reads those of merged ones too",
    ("accesses", "customer_id"): _HISTORY,
    (
        "clocks",
        "customer_id",
    ): "a clock's events are told under the customer of the day on which it was started",
    ("confirmations", "customer_id"): _OF_THAT_DAY,
    ("proposals", "customer_id"): _OF_THAT_DAY,
    (
        "import_rows",
        "customer_id",
    ): "what a line of a file did, and to whom; its undo leaves merged ones alone",
    ("segment_seen", "customer_id"): "who was there at the latest snapshot; the next one sees who has left",
    ("duplicate_keys", "customer_id"): "derived: written anew for both",
    ("duplicate_pairs", "one_id"): "rests while one of both is merged away, and still says who is not who",
    ("duplicate_pairs", "other_id"): "rests while one of both is merged away, and still says who is not who",
    (
        "sla_policies",
        "customer_id",
    ): "limits are only ever added: those of an agreement are written anew for the survivor",
    ("merges", "survivor_id"): "the merge's own record",
    ("merges", "merged_id"): "the merge's own record",
}

CUSTOMERS = Family(Customer.__table__, MergedRow.__table__, "customer_id", _CUSTOMERS_STAY)

_OF_ITS_HANDLING = "says how that one was handled, and is read there"
_COMPLAINTS_STAY = {
    ("complaint_answers", "complaint_id"): "what was answered under that number; read with the merge",
    ("complaint_assignments", "complaint_id"): _OF_ITS_HANDLING,
    ("complaint_escalations", "complaint_id"): _OF_ITS_HANDLING,
    ("complaint_call_backs", "complaint_id"): _OF_ITS_HANDLING,
    ("complaint_closings", "complaint_id"): _OF_ITS_HANDLING,
    ("complaint_reports", "complaint_id"): _OF_ITS_HANDLING,
    ("complaint_report_confirmations", "complaint_id"): _OF_ITS_HANDLING,
    ("confirmation_links", "complaint_id"): _OF_ITS_HANDLING,
    ("exception_follow_ups", "complaint_id"): "what it opened, it opened; that one leads to the other",
    (
        "complaints",
        "repeat_of_id",
    ): "came after that one; a third complaint does not change with a merge of two",
    ("complaint_merges", "survivor_id"): "the merge's own record",
    ("complaint_merges", "merged_id"): "the merge's own record",
}

COMPLAINTS = Family(
    Complaint.__table__,
    ComplaintMergedRow.__table__,
    "complaint_id",
    _COMPLAINTS_STAY,
    moving_on=("version", "updated_at"),
)
