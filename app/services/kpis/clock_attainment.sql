SELECT k.id::text AS key, c.id AS complaint_id, c.number, c.customer_id, c.category, NULL::text AS cause,
    k.due_at AS at, CASE
        WHEN latest.kind = 'waived' THEN 'waived'
        WHEN latest.kind = 'met' THEN CASE WHEN latest.at <= k.due_at THEN 'met' ELSE 'breached' END
        WHEN k.due_at < :as_of THEN 'breached'
        ELSE 'open' END AS part,
    k.kind::text AS kind, k.metric::text AS metric, k.cycle,
    CASE latest.kind WHEN 'met' THEN floor(extract(epoch FROM latest.at - k.started_at))::bigint END AS seconds, NULL::bigint AS net_seconds
FROM clocks k
JOIN complaints c ON c.id = k.subject_id
CROSS JOIN LATERAL (
    SELECT e.kind, e.at FROM clock_events e
    WHERE e.clock_id = k.id AND e.at <= :as_of AND e.kind IN ('started', 'met', 'revoked', 'cancelled', 'waived')
    ORDER BY e.number DESC LIMIT 1
) latest
WHERE k.due_at >= :start AND k.due_at < :end AND latest.kind <> 'cancelled'
