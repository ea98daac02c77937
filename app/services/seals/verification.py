"""Goes through the chain seal by seal and finds what was done behind the system's back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.audit import AuditFault, AuditSeal, AuditStream
from app.models.event import Event
from app.services.seals.sealing import (
    BATCH,
    FIRST,
    Place,
    digest,
    entries,
    hash_of,
    last_place,
    sealed_rows,
)

REPORTED = 200
"""Faults that are named one by one; beyond them they are counted."""
PAGE = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """`row_id` is the row of `stream` that was touched; of a seal's own faults there is none."""

    fault: AuditFault
    number: int
    stream: AuditStream | None = None
    row_id: UUID | None = None


@dataclass
class Verification:
    """What was found so far, and where to go on: `next_number` is null once the whole chain was walked."""

    next_number: int | None
    seals: int = 0
    rows: int = 0
    redacted: int = 0
    faults_found: int = 0
    faults: list[Fault] = field(default_factory=list)
    head_number: int | None = None
    head_sha256: str | None = None

    @property
    def intact(self) -> bool:
        return not self.faults_found

    def __iadd__(self, following: "Verification") -> Self:
        """The same with what was found further on."""
        self.seals += following.seals
        self.rows += following.rows
        self.redacted += following.redacted
        for fault in following.faults:
            self.add(fault)
        self.faults_found += following.faults_found - len(following.faults)
        self.next_number = following.next_number
        return self

    def add(self, fault: Fault) -> None:
        self.faults_found += 1
        if len(self.faults) < REPORTED:
            self.faults.append(fault)


async def verify(
    session: AsyncSession, first: int = 1, most: int | None = None, known: tuple[int, str] | None = None
) -> Verification:
    """Check the seals from number `first` on, at most so many, and every row that they cover.

    `known` is number and SHA-256 of a seal, copied when it was the last: whoever rewrites the whole chain, or cuts
    off its end, can't bring that one back.
    """
    walk = _Walk(session, Verification(first))
    await walk.compare(known)
    await walk.go(first, most)
    return walk.result


class _Walk:
    def __init__(self, session: AsyncSession, result: Verification) -> None:
        self.session, self.result = session, result
        self.before: bytes | None = FIRST
        self.places: dict[AuditStream, Place] = {}

    async def compare(self, known: tuple[int, str] | None) -> None:
        if known is None:
            return
        kept = await self.session.scalar(select(AuditSeal.sha256).where(AuditSeal.number == known[0]))
        if kept is None or kept.hex() != known[1]:
            self.result.add(Fault(AuditFault.CHAIN_REWRITTEN, known[0]))

    async def go(self, first: int, most: int | None) -> None:
        await self._start_at(first)
        left = most
        while left is None or left > 0:
            page = await self._page(PAGE if left is None else min(PAGE, left))
            for seal in page:
                await self._check(seal)
            if not page:
                self.result.next_number = None
                return
            left = None if left is None else left - len(page)

    async def _start_at(self, first: int) -> None:
        if first > 1:
            before = select(AuditSeal.sha256).where(AuditSeal.number == first - 1)
            self.before = await self.session.scalar(before)
        for stream in AuditStream:
            self.places[stream] = await last_place(self.session, stream, below=first)

    async def _page(self, size: int) -> list[AuditSeal]:
        # Rows and not entities: a session would keep what it has once seen, and not see it changed.
        seals = select(AuditSeal).where(AuditSeal.number >= self.result.next_number)
        statement = seals.order_by(AuditSeal.number).limit(size).execution_options(populate_existing=True)
        page = list(await self.session.scalars(statement))
        self.session.expunge_all()
        return page

    async def _check(self, seal: AuditSeal) -> None:
        result = self.result
        if result.next_number is not None and result.next_number < seal.number:
            result.add(Fault(AuditFault.SEAL_MISSING, result.next_number))
            self.before = None
        start = Place(seal.after_transaction, seal.after_id)
        if self.before is not None and (
            digest(self.before, seal) != seal.sha256 or start != self.places[seal.stream]
        ):
            result.add(Fault(AuditFault.SEAL_CHANGED, seal.number, seal.stream))
        await self._check_rows(seal)
        self.before = seal.sha256
        self.places[seal.stream] = Place(seal.to_transaction, seal.to_id)
        result.seals += 1
        result.next_number = seal.number + 1
        result.head_number, result.head_sha256 = seal.number, seal.sha256.hex()

    async def _check_rows(self, seal: AuditSeal) -> None:
        rows = await sealed_rows(self.session, seal, most=2 * BATCH)
        sealed, standing = entries(seal.manifest), {row.id: hash_of(row.line) for row in rows}
        self.result.rows += len(rows)
        for row, following in pairwise(rows):
            if row.id == following.id:  # the key of a month holds the time, too
                self.result.add(Fault(AuditFault.ROW_ADDED, seal.number, seal.stream, row.id))
        for fault, row_id in _differences(sealed, standing):
            if fault is AuditFault.ROW_CHANGED and await self._was_redacted(row_id, standing[row_id]):
                self.result.redacted += 1
            else:
                self.result.add(Fault(fault, seal.number, seal.stream, row_id))

    async def _was_redacted(self, row_id: UUID, now: bytes) -> bool:
        """Whether the trail itself says that fields were taken out of the row, and that this is what was left."""
        said = select(Event.id).where(
            Event.subject_id == row_id,
            Event.kind == "audit.redacted",
            Event.data["sha256"].astext == now.hex(),
        )
        return await self.session.scalar(said.limit(1)) is not None


def _differences(sealed: dict[UUID, bytes], standing: dict[UUID, bytes]) -> Iterator[tuple[AuditFault, UUID]]:
    for row_id in sealed.keys() - standing.keys():
        yield AuditFault.ROW_MISSING, row_id
    for row_id in standing.keys() - sealed.keys():
        yield AuditFault.ROW_ADDED, row_id
    for row_id in sealed.keys() & standing.keys():
        if sealed[row_id] != standing[row_id]:
            yield AuditFault.ROW_CHANGED, row_id
