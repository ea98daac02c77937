"""Code lists as data: labels, and what carriers' codes mean on a given day."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, any_, bindparam, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import func

from app.clock import ZONE, now
from app.errors import Conflict, Invalid, NotFound
from app.models.code import CarrierCode, CarrierSource, Code, ExceptionReason, UnmappedCode
from app.schemas.code import CarrierCodeCreate, CarrierCodeEnd, CarrierCodeQuery
from app.security import Principal
from app.services import events, jobs

REMAP = "remap_carrier_code"
CODE_LOCK = 6
"""Class of the advisory lock on the code table: shared by whoever stores what it says, alone for a change."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says: a status, a reason, both, or (informational) neither."""

    status: str | None
    reason: str | None
    mapped: bool = True
    """False where the code, or the reason code beside it, has no row."""


UNMAPPED = Meaning("unknown", "unmapped", mapped=False)

_BOOK = (
    select(CarrierSource.source, CarrierSource.lists, CarrierCode)
    .outerjoin(
        CarrierCode,
        (CarrierCode.list == any_(CarrierSource.lists))
        & CarrierCode.code.in_(bindparam("words", expanding=True)),
    )
    .where(CarrierSource.source.in_(bindparam("sources", expanding=True)))
)


@dataclass(frozen=True)
class CodeBook:
    """The rows needed to read one batch of codes; made by `code_book`."""

    lists: dict[str, list[str]]
    rows: dict[tuple[str, str, str], list[CarrierCode]] = field(default_factory=dict)

    def read(self, source: str, code: str, reason_code: str, at: datetime) -> Meaning:
        """What `code`, made more precise by `reason_code`, meant on that day.

        An exact row for the pair wins. Else the two are read apart, each in the lists of the source; the
        reason code is the more precise and may leave the status to the code, or say that nothing changed.
        """
        exact = self._row(source, code, reason_code, at)
        if exact is not None:
            return Meaning(exact.status, exact.reason)
        base = self._row(source, code, "", at) or None
        detail = self._row(source, reason_code, "", at) if reason_code else None
        if base is None and detail is None:
            return UNMAPPED
        if detail is None or (base is not None and detail.id == base.id):
            known = not reason_code or detail is not None
            return Meaning(base.status, base.reason, mapped=known) if base else UNMAPPED
        return _combine(base, detail)

    def _row(self, source: str, code: str, reason_code: str, at: datetime) -> CarrierCode | None:
        day = at.astimezone(ZONE).date()
        for name in self.lists.get(source, []):
            for row in self.rows.get((name, code, reason_code), []):
                if row.valid_from <= day and (row.valid_until is None or day < row.valid_until):
                    return row
        return None


def _combine(base: CarrierCode | None, detail: CarrierCode) -> Meaning:
    """The detail leads, unless all it says is that it does not know."""
    mapped = base is not None
    if detail.status == UNMAPPED.status and base is not None:
        return Meaning(base.status, base.reason)
    if detail.status is not None:
        return Meaning(detail.status, detail.reason, mapped)
    if detail.reason is not None:
        return Meaning(base.status if base else None, detail.reason, mapped)
    return Meaning(None, None, mapped)


async def code_book(session: AsyncSession, pairs: Iterable[tuple[str, str, str]]) -> CodeBook:
    """The rows to read these `(source, code, reason_code)` triples by, in one statement."""
    triples = list(pairs)
    words = {word for _, code, reason_code in triples for word in (code, reason_code)}
    given = {"words": sorted(words), "sources": sorted({source for source, _, _ in triples})}
    rows = await session.execute(_BOOK, given)
    book = CodeBook({})
    for source, lists, row in rows:
        book.lists[source] = lists
        if row is not None:
            known = book.rows.setdefault((row.list, row.code, row.reason_code), [])
            if row not in known:
                known.append(row)
    return book


def unchanged() -> ColumnElement[Any]:
    """Select it before reading the table: no row comes or goes until what was read is committed.

    So the remapping that a new row causes meets every event that was read without it.
    """
    return func.pg_advisory_xact_lock_shared(CODE_LOCK, 0)


async def _change(session: AsyncSession) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(CODE_LOCK, 0)))


async def reasons(session: AsyncSession) -> dict[str, ExceptionReason]:
    """All exception reasons by code; fifty-odd rows."""
    return {row.code: row for row in await session.scalars(select(ExceptionReason))}


async def note_unmapped(
    session: AsyncSession, actor: Principal, triples: Iterable[tuple[str, str, str]]
) -> None:
    """Count codes without a meaning; each new one raises one event, the alert, however often it comes."""
    for source, code, reason_code in sorted(set(triples)):
        first = await session.scalar(
            insert(UnmappedCode)
            .values(source=source, code=code, reason_code=reason_code)
            .on_conflict_do_update(
                index_elements=["source", "code", "reason_code"],
                set_={"seen": UnmappedCode.seen + 1, "last_seen_at": func.now()},
            )
            .returning(UnmappedCode.seen)
        )
        if first == 1:
            subject = events.Subject("carrier_source", UUID(int=0))
            await events.record(
                session,
                actor,
                "carrier_code.unmapped",
                subject,
                source=source,
                code=code,
                reason_code=reason_code,
            )


async def get_list(session: AsyncSession, name: str) -> dict[str, Any]:
    """A code list with its labels, in its own order."""
    items = list(
        await session.scalars(select(Code).where(Code.list == name).order_by(Code.position, Code.code))
    )
    if not items:
        raise NotFound("There is no such code list.", "没有这个代码表。")
    return {"list": name, "items": items}


async def list_names(session: AsyncSession) -> list[str]:
    return list(await session.scalars(select(Code.list).distinct().order_by(Code.list)))


def sources() -> Select[CarrierSource]:
    return select(CarrierSource).order_by(CarrierSource.source)


def search(query: CarrierCodeQuery) -> Select[CarrierCode]:
    statement = select(CarrierCode)
    if query.list is not None:
        statement = statement.where(CarrierCode.list == query.list)
    if query.code is not None:
        statement = statement.where(
            or_(CarrierCode.code == query.code, CarrierCode.reason_code == query.code)
        )
    return statement.order_by(CarrierCode.list, CarrierCode.code, CarrierCode.reason_code, CarrierCode.id)


def unmapped() -> Select[UnmappedCode]:
    return select(UnmappedCode).order_by(UnmappedCode.last_seen_at.desc()).limit(200)


async def strike_mapped(session: AsyncSession, list_name: str, word: str) -> None:
    """Take codes off the list of those without a meaning that have one now; the next new one alarms again."""
    reading = select(CarrierSource.source).where(literal(list_name) == any_(CarrierSource.lists))
    rows = list(
        await session.scalars(
            select(UnmappedCode).where(
                UnmappedCode.source.in_(reading),
                or_(UnmappedCode.code == word, UnmappedCode.reason_code == word),
            )
        )
    )
    book = await code_book(session, {(row.source, row.code, row.reason_code) for row in rows})
    for row in rows:
        if book.read(row.source, row.code, row.reason_code, now()).mapped:
            await session.delete(row)


async def create(session: AsyncSession, actor: Principal, body: CarrierCodeCreate) -> CarrierCode:
    """Add a meaning and have the worker re-read the stored events that carry the code."""
    await _must_be_known(session, body)
    await _change(session)
    row = CarrierCode(**body.model_dump())
    session.add(row)
    await session.flush()
    await events.record(session, actor, "carrier_code.created", events.Subject("carrier_code", row.id))
    await _remap(session, actor, row, row.valid_from)
    return row


async def end(session: AsyncSession, actor: Principal, code_id: UUID, body: CarrierCodeEnd) -> CarrierCode:
    """End a meaning on a day; events from then on are re-read, and may become unmapped."""
    await _change(session)
    row = await CarrierCode.fetch(session, code_id)
    if body.valid_until <= row.valid_from:
        raise Invalid(
            "valid_until must come after valid_from.",
            "失效日期必须晚于生效日期。",
            pointer="/body/valid_until",
        )
    if row.valid_until is not None and body.valid_until > row.valid_until:
        raise Conflict("It has ended earlier already.", "该代码已更早失效。", pointer="/body/valid_until")
    row.valid_until = body.valid_until
    await session.flush()
    await events.record(session, actor, "carrier_code.ended", events.Subject("carrier_code", row.id))
    await _remap(session, actor, row, body.valid_until)
    return row


async def _must_be_known(session: AsyncSession, body: CarrierCodeCreate) -> None:
    if body.reason is not None and await session.get(ExceptionReason, body.reason) is None:
        raise Invalid(
            f"There is no reason {body.reason}; see /v1/codes/exception_reason.",
            f"没有原因代码 {body.reason}，见 /v1/codes/exception_reason。",
            pointer="/body/reason",
        )
    if not await session.scalar(
        select(CarrierSource.source).where(literal(body.list) == any_(CarrierSource.lists)).limit(1)
    ):
        raise Invalid(
            f"No source uses a list {body.list}; see /v1/carrier-sources.",
            f"没有来源使用代码表 {body.list}，见 /v1/carrier-sources。",
            pointer="/body/list",
        )


async def _remap(session: AsyncSession, actor: Principal, row: CarrierCode, since: date) -> None:
    payload = {"list": row.list, "code": row.code, "reason_code": row.reason_code, "since": since.isoformat()}
    await jobs.enqueue(session, REMAP, payload, requested_by=actor.id)
