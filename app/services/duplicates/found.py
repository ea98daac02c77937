"""Keys and pairs, kept up to date in the transaction that writes a customer."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.customer import Customer, CustomerKind
from app.models.duplicate import DuplicateOrigin, DuplicatePair
from app.services.duplicates import blocking, compare
from app.services.duplicates.record import Record, made

MOST_COMPARED = 30
"""Others that one record is compared with: those that share most keys with it."""

AT_ONCE = 100
"""Customers of many whose lookalikes are in memory at the same time."""

_RECORD = """
    c.id, c.kind, c.name,
    (SELECT json_agg(json_build_array(p.kind, p.normal)) FROM customer_contacts h
     CROSS JOIN LATERAL (SELECT * FROM contact_points WHERE contact_id = h.contact_id OFFSET 0) p
     WHERE h.customer_id = c.id) AS points,
    (SELECT json_agg(a.address) FROM customer_addresses a WHERE a.customer_id = c.id) AS addresses,
    (SELECT json_agg(json_build_array(e.system, e.external_id)) FROM external_ids e WHERE e.customer_id = c.id) AS ids
"""
"""`OFFSET 0`: one after the other and each by its index, even while a table that grows has no statistics."""
_COMPARED = "c.merged_into_id IS NULL AND c.anonymised_at IS NULL"
_RECORDS = text(f"SELECT {_RECORD} FROM customers c WHERE c.id = ANY (:ids) AND {_COMPARED}")
_NEAR = f"""
    shared AS (
        SELECT g.customer_id AS of_id, k.customer_id AS id
        FROM given g CROSS JOIN LATERAL (
            SELECT d.customer_id, count(*) OVER () AS sharing
            FROM (SELECT customer_id FROM duplicate_keys WHERE key = g.key LIMIT {blocking.MOST_SHARED + 1}) d
        ) k WHERE k.sharing <= {blocking.MOST_SHARED} AND k.customer_id <> g.customer_id
    ), near AS (
        SELECT of_id, id FROM (
            SELECT of_id, id, row_number() OVER (PARTITION BY of_id ORDER BY count(*) DESC, id) AS place
            FROM shared GROUP BY of_id, id
        ) ranked WHERE place <= {MOST_COMPARED}
    )
    SELECT near.of_id, {_RECORD}
    FROM near CROSS JOIN LATERAL (SELECT * FROM customers WHERE id = near.id OFFSET 0) c WHERE {_COMPARED}
"""
_LOCK = text(
    "SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT unnest(CAST(:keys AS bigint[])) AS key) k"
)
_LOOK = text(
    "WITH given AS (SELECT CAST(:id AS uuid) AS customer_id, unnest(CAST(:keys AS bigint[])) AS key)," + _NEAR
)
_WRITE = text(
    """
    WITH given AS (
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS bigint[])) AS given (customer_id, key)
    ), gone AS (
        DELETE FROM duplicate_keys d WHERE d.customer_id = ANY (:all)
        AND (d.customer_id, d.key) NOT IN (SELECT customer_id, key FROM given)
    ), kept AS (
        INSERT INTO duplicate_keys (customer_id, key) SELECT customer_id, key FROM given ON CONFLICT DO NOTHING
    ),"""
    + _NEAR
)
_PROPOSE = text("""
    WITH found AS (
        SELECT * FROM unnest(CAST(:ones AS uuid[]), CAST(:others AS uuid[]), CAST(:scores AS float8[]))
            AS found (one_id, other_id, score)
    ), kin AS (
        SELECT id, id AS now FROM unnest(CAST(:ends AS uuid[])) AS id
        UNION ALL SELECT id, merged_into_id FROM customers WHERE merged_into_id = ANY (CAST(:ends AS uuid[]))
    ), apart AS (
        SELECT least(a.now, b.now) AS one_id, greatest(a.now, b.now) AS other_id
        FROM kin a CROSS JOIN LATERAL (
            SELECT other_id FROM duplicate_pairs WHERE one_id = a.id AND dismissed_at IS NOT NULL OFFSET 0
        ) told JOIN kin b ON b.id = told.other_id
    ), fit AS (
        SELECT * FROM found WHERE (one_id, other_id) NOT IN (SELECT one_id, other_id FROM apart)
    ), gone AS (
        DELETE FROM duplicate_pairs p WHERE dismissed_at IS NULL
        AND (one_id = ANY (:judged) OR other_id = ANY (:judged))
        AND (one_id, other_id) NOT IN (SELECT one_id, other_id FROM fit)
        AND NOT EXISTS (SELECT FROM customers c WHERE c.id IN (p.one_id, p.other_id) AND c.merged_into_id IS NOT NULL)
        RETURNING one_id, other_id
    ), kept AS (
        INSERT INTO duplicate_pairs (one_id, other_id, cluster_id, score, found_by)
        SELECT one_id, other_id, one_id, score, :origin FROM fit
        ON CONFLICT (one_id, other_id) DO UPDATE SET score = excluded.score WHERE duplicate_pairs.dismissed_at IS NULL
        RETURNING one_id, other_id
    ) SELECT one_id, other_id, false AS gone FROM kept UNION ALL SELECT one_id, other_id, true FROM gone
""")
_CONNECT = text("""
    WITH RECURSIVE live AS NOT MATERIALIZED (
        SELECT p.one_id, p.other_id FROM duplicate_pairs p
        JOIN customers a ON a.id = p.one_id AND a.merged_into_id IS NULL
        JOIN customers b ON b.id = p.other_id AND b.merged_into_id IS NULL
        WHERE p.dismissed_at IS NULL
    ), reached (seed, id) AS (
        SELECT id, id FROM unnest(CAST(:ids AS uuid[])) AS id
        UNION
        SELECT r.seed, n.id FROM reached r CROSS JOIN LATERAL (
            SELECT other_id FROM live WHERE one_id = r.id UNION ALL SELECT one_id FROM live WHERE other_id = r.id
        ) AS n (id)
    ), labels AS (
        SELECT DISTINCT id, first_value(id) OVER (PARTITION BY seed ORDER BY id) AS label FROM reached
    )
    UPDATE duplicate_pairs p SET cluster_id = l.label FROM labels l, live
    WHERE l.id = live.one_id AND live.one_id = p.one_id AND live.other_id = p.other_id
      AND p.dismissed_at IS NULL AND p.cluster_id <> l.label
""")

_FORGET_KEYS = text("DELETE FROM duplicate_keys WHERE customer_id = ANY (:ids)")
_FORGET_PAIRS = text("""
    DELETE FROM duplicate_pairs WHERE one_id = ANY (:ids) OR other_id = ANY (:ids) RETURNING one_id, other_id
""")

Likeness = tuple[UUID, float]


async def note_new(session: AsyncSession, customer: Customer) -> list[Likeness]:
    """Write the keys of a customer that was just made, and propose whom it may be the same as."""
    return (await _note(session, {customer.id: _read(customer)}, DuplicateOrigin.CREATE)).get(customer.id, [])


async def note(
    session: AsyncSession, customer_ids: Sequence[UUID], origin: DuplicateOrigin = DuplicateOrigin.CHANGE
) -> dict[UUID, list[Likeness]]:
    """The same for customers that were changed, or imported; of each, whom it may be the same as.

    Whoever changes a customer's name, contacts, addresses or external ids calls this in the same transaction.
    """
    likely: dict[UUID, list[Likeness]] = {}
    for at in range(0, len(customer_ids), AT_ONCE):
        if given := await records(session, customer_ids[at : at + AT_ONCE]):
            likely |= await _note(session, given, origin)
    return likely


async def records(session: AsyncSession, customer_ids: Sequence[UUID]) -> dict[UUID, Record]:
    rows = await session.execute(_RECORDS, {"ids": list(customer_ids)})
    return {row["id"]: _of(row) for row in rows.mappings()}


async def alike(session: AsyncSession, record: Record, besides: UUID | None = None) -> list[Likeness]:
    """Whom a record that is not stored may be the same as, the most likely one first."""
    given = {"id": besides or UUID(int=0), "keys": blocking.keys(record)}
    rows = await session.execute(_LOOK, given)
    return _likely([(row["id"], compare.score(record, _of(row))) for row in rows.mappings()])


async def connect(session: AsyncSession, customer_ids: Iterable[UUID]) -> None:
    """Give the clusters in which these customers are the name of their oldest member."""
    await session.execute(_CONNECT, {"ids": list(customer_ids)})


async def rest(session: AsyncSession, customer_id: UUID) -> None:
    """Take away the keys of a customer that is merged away; its pairs wait for an undo."""
    await session.execute(_FORGET_KEYS, {"ids": [customer_id]})


async def forget(session: AsyncSession, customer_ids: Sequence[UUID]) -> None:
    """Take away the keys and pairs of customers that are removed or erased."""
    ids = list(customer_ids)
    await session.execute(_FORGET_KEYS, {"ids": ids})
    gone = await session.execute(_FORGET_PAIRS, {"ids": ids})
    await connect(session, {each for pair in gone for each in pair} - set(ids))


async def withdraw(session: AsyncSession, customer_id: UUID, since: datetime) -> None:
    """Take back what a merge proposed for its survivor and nobody has judged."""
    await session.execute(
        delete(DuplicatePair).where(
            or_(DuplicatePair.one_id == customer_id, DuplicatePair.other_id == customer_id),
            DuplicatePair.found_by == DuplicateOrigin.MERGE,
            DuplicatePair.created_at >= since,
            DuplicatePair.dismissed_at.is_(None),
        )
    )


async def _note(
    session: AsyncSession, given: Mapping[UUID, Record], origin: DuplicateOrigin
) -> dict[UUID, list[Likeness]]:
    keys = {customer_id: blocking.keys(record) for customer_id, record in given.items()}
    if len(given) == 1:
        # Two who write the same customer at once meet here; many at once would need more locks than there are.
        await session.execute(_LOCK, {"keys": next(iter(keys.values()))})
    scores = _among(given, keys)
    for row in (await session.execute(_WRITE, _flat(keys))).mappings():
        one, other = sorted((row["of_id"], row["id"]))
        scores[one, other] = compare.score(given[row["of_id"]], _of(row))
    pairs = {pair: likeness for pair, likeness in scores.items() if likeness >= compare.threshold()}
    if pairs or origin is not DuplicateOrigin.CREATE:
        await _propose(session, pairs, given.keys(), origin)
    found = defaultdict(list)
    for (one, other), likeness in pairs.items():
        found[one].append((other, likeness))
        found[other].append((one, likeness))
    return {customer_id: _likely(found[customer_id]) for customer_id in given}


def _among(given: Mapping[UUID, Record], keys: Mapping[UUID, list[int]]) -> dict[tuple[UUID, UUID], float]:
    """The scores of those that are written together, whose keys no statement sees yet."""
    sharing = defaultdict(list)
    for customer_id in sorted(given):
        for key in keys[customer_id]:
            sharing[key].append(customer_id)
    groups = (group for group in sharing.values() if 1 < len(group) <= blocking.MOST_SHARED)
    pairs = {pair for group in groups for pair in combinations(group, 2)}
    return {(one, other): compare.score(given[one], given[other]) for one, other in pairs}


def _flat(keys: Mapping[UUID, list[int]]) -> dict[str, Any]:
    rows = [(customer_id, key) for customer_id, each in keys.items() for key in each]
    return {"ids": [row[0] for row in rows], "keys": [row[1] for row in rows], "all": list(keys)}


async def _propose(
    session: AsyncSession,
    pairs: Mapping[tuple[UUID, UUID], float],
    given: Collection[UUID],
    origin: DuplicateOrigin,
) -> None:
    """Keep the pairs that were found, let go of those of these customers that were not, and join the clusters."""
    values = {
        "ones": [one for one, _ in pairs],
        "others": [other for _, other in pairs],
        "scores": list(pairs.values()),
        "ends": list({end for pair in pairs for end in pair}),
        "judged": [] if origin is DuplicateOrigin.MERGE else list(given),  # an undo needs what was there
        "origin": origin,
    }
    touched = (await session.execute(_PROPOSE, values)).all()
    ends = {end for row in touched for end in (row.one_id, row.other_id) if row.gone or end in given}
    if ends:
        await connect(session, ends)


def _likely(scored: Iterable[Likeness]) -> list[Likeness]:
    found = [(customer_id, round(score, 4)) for customer_id, score in scored if score >= compare.threshold()]
    return sorted(found, key=lambda each: (-each[1], each[0]))


def _read(customer: Customer) -> Record:
    points = [(point.kind, point.normal) for held in customer.contacts for point in held.contact.points]
    return made(
        customer.kind, customer.name, points=points, addresses=[each.address for each in customer.addresses]
    )


def _of(row: Mapping[Any, Any]) -> Record:
    kind = CustomerKind(row["kind"])
    return made(
        kind, row["name"], points=row["points"] or (), addresses=row["addresses"] or (), ids=row["ids"] or ()
    )
