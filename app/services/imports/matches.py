"""Whose row it is: customers that are there already, and people and tiers that a row names."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.account import User
from app.models.code import Code
from app.models.import_file import ImportFile, ImportKey
from app.schemas.import_file import problem
from app.services.imports.rows import Draft

_BY_CODE = text("""
    SELECT 'code:' || code, coalesce(merged_into_id, id) FROM customers WHERE code = ANY (CAST(:codes AS text[]))
""")
_BY_ID = text("""
    SELECT 'id:' || system || ':' || external_id, coalesce(merged_into_id, id)
    FROM unnest(CAST(:systems AS text[]), CAST(:ids AS text[])) AS given (system, external_id)
    JOIN external_ids USING (system, external_id) JOIN customers ON id = customer_id
""")
TO_COME = UUID(int=0)
"""A customer that an earlier row of a dry run would have made."""


async def existing(session: AsyncSession, file: ImportFile, drafts: list[Draft]) -> dict[int, set[UUID]]:
    """The customers that each row means, by its line. The one place that says what counts as the same customer.

    So far that is its code, or its id at another system.
    """
    lines: dict[str, set[int]] = defaultdict(set)
    for draft in drafts:
        for key in draft.keys:
            lines[key].add(draft.line)
    found: dict[int, set[UUID]] = defaultdict(set)
    for key, customer_id in await _known(session, file, drafts, list(lines)):
        for line in lines[key]:
            found[line].add(customer_id)
    return {line: ids - {TO_COME} or ids for line, ids in found.items()}


async def _known(
    session: AsyncSession, file: ImportFile, drafts: list[Draft], keys: list[str]
) -> list[tuple[str, UUID]]:
    """Of a merged customer, the one it has become a part of."""
    bodies = [draft.body for draft in drafts]
    pairs = [(body.external_system, body.external_id) for body in bodies if body.external_id]
    codes = {"codes": [body.code for body in bodies if body.code]}
    ids = {"systems": [system for system, _ in pairs], "ids": [external_id for _, external_id in pairs]}
    known: list[tuple[str, UUID]] = []
    for statement, values in ((_BY_CODE, codes), (_BY_ID, ids)):
        if any(values.values()):
            known += [(row[0], row[1]) for row in await session.execute(statement, values)]
    if file.dry_run:
        made = select(ImportKey.key).where(ImportKey.import_id == file.id, ImportKey.key.in_(keys))
        known += [(key, TO_COME) for key in await session.scalars(made)]
    return known


def apart(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    """The rows in their order, in groups in which nothing is named twice: a later row meets what an earlier made."""
    group: list[Draft] = []
    seen: set[str] = set()
    for draft in drafts:
        if seen.intersection(draft.keys):
            yield group
            group, seen = [], set()
        group.append(draft)
        seen.update(draft.keys)
    if group:
        yield group


async def name_owners(session: AsyncSession, drafts: list[Draft]) -> None:
    """Put the ids of those who look after customers in the place of their user names."""
    names = {draft.body.owner for draft in drafts if draft.body.owner}
    if not names:
        return
    statement = select(User.username, User.id).where(User.username.in_(names), User.disabled_at.is_(None))
    ids = {row.username: row.id for row in await session.execute(statement)}
    for draft in drafts:
        if draft.body.owner:
            draft.body.owner_id = ids.get(draft.body.owner)
            if draft.body.owner_id is None:
                draft.problems.append(
                    problem("owner", "there is no such user; write a user name", "没有这个用户，请填写用户名")
                )


async def name_tiers(session: AsyncSession, drafts: list[Draft]) -> None:
    """Take tiers by their code or by either label."""
    if not any(draft.body.tier for draft in drafts):
        return
    statement = select(Code).where(Code.list == "customer_tier")
    rows = list(await session.scalars(statement))
    codes = {word: row.code for row in rows for word in (row.en, row.zh, row.code)}
    for draft in drafts:
        if draft.body.tier:
            if draft.body.tier in codes:
                draft.body.tier = codes[draft.body.tier]
            else:
                draft.problems.append(
                    problem(
                        "tier",
                        "there is no such tier; see /v1/codes/customer_tier",
                        "没有这个客户等级，请查看 /v1/codes/customer_tier",
                    )
                )
