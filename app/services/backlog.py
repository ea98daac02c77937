"""What waits in the database, as whoever watches it from outside wants to know: one cheap statement."""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.services.reactions import CONSUMERS

CAP = 100_000
"""No count goes further, so that the statement stays cheap however much waits."""


class Reading(NamedTuple):
    """One value; `label` tells the rows of the same name apart, where there are several."""

    name: str
    label: str | None
    value: float


_READ = text("""
    WITH known AS (
        SELECT consumer FROM unnest(CAST(:consumers AS text[])) AS each (consumer)
    ), pending AS (
        SELECT consumer, count(*) AS number, min(created_at) AS oldest FROM (
            SELECT consumer, created_at FROM outbox WHERE done_at IS NULL AND failed_at IS NULL
            ORDER BY available_at, id LIMIT :cap) first GROUP BY consumer
    ), dead AS (
        SELECT consumer, count(*) AS number FROM (
            SELECT consumer FROM outbox WHERE failed_at IS NOT NULL LIMIT :cap) first GROUP BY consumer
    )
    SELECT 'outbox_pending', consumer, coalesce(number, 0)::float8
    FROM known FULL JOIN pending USING (consumer)
    UNION ALL
    SELECT 'outbox_oldest_seconds', consumer, coalesce(extract(epoch FROM now() - oldest), 0)
    FROM known FULL JOIN pending USING (consumer)
    UNION ALL
    SELECT 'dead_letters', consumer, coalesce(number, 0)
    FROM known FULL JOIN dead USING (consumer)
    UNION ALL
    SELECT 'parked_events', NULL, count(*) FROM (SELECT FROM parked_events LIMIT :cap) first
    UNION ALL  -- their ids grow with time
    SELECT 'parked_oldest_seconds', NULL, coalesce(extract(epoch FROM now() - (
        SELECT received_at FROM parked_events ORDER BY id LIMIT 1)), 0)
    UNION ALL
    SELECT 'unmapped_codes', NULL, count(*) FROM (SELECT FROM unmapped_codes LIMIT :cap) first
    UNION ALL  -- said twice, so that the partial index serves
    SELECT 'jobs', each.state, count(jobs.id) FROM unnest(ARRAY['queued', 'running']) AS each (state)
    LEFT JOIN jobs ON jobs.state = each.state AND jobs.state IN ('queued', 'running') GROUP BY each.state
    UNION ALL
    SELECT 'jobs', 'failed', count(*) FROM (SELECT FROM jobs WHERE state = 'failed' LIMIT :cap) first
    UNION ALL
    SELECT 'exceptions', each.state, (SELECT count(*) FROM (
        SELECT FROM delivery_exceptions e WHERE e.state = each.state LIMIT :cap) first)
    FROM unnest(ARRAY['open', 'acknowledged', 'awaiting_customer']) AS each (state)
    UNION ALL
    SELECT 'workers', NULL, count(*) FROM worker_heartbeats WHERE beat_at > now() - interval '30 seconds'
    UNION ALL
    SELECT 'worker_seen_seconds', NULL, extract(epoch FROM now() - max(beat_at)) FROM worker_heartbeats
    HAVING max(beat_at) IS NOT NULL
""")


async def read(session: AsyncSession) -> list[Reading]:
    """Every reading that there is; a consumer, state or kind of which there is nothing reads 0."""
    rows = await session.execute(_READ, {"cap": CAP, "consumers": list(CONSUMERS)})
    return [Reading(name, label, float(value)) for name, label, value in rows]
