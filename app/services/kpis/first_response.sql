SELECT c.id::text AS key, c.id AS complaint_id, c.number, c.customer_id, c.category, NULL::text AS cause,
    c.received_at AS at, CASE WHEN first.at IS NULL THEN 'unanswered' ELSE 'answered' END AS part,
    NULL::text AS kind, NULL::text AS metric, 1 AS cycle,
    floor(extract(epoch FROM first.at - c.received_at))::bigint AS seconds, NULL::bigint AS net_seconds
FROM complaints c
CROSS JOIN LATERAL (
    SELECT min(said.at) AS at FROM (
        SELECT a.told_at AS at FROM complaint_answers a WHERE a.complaint_id = c.id
        UNION ALL
        SELECT e.at FROM clocks k JOIN clock_events e ON e.clock_id = k.id
        WHERE k.subject_id = c.id AND k.metric = 'first_response' AND e.kind = 'met'
        UNION ALL
        SELECT c.responded_at
    ) said WHERE said.at <= :as_of
) first
WHERE c.received_at >= :start AND c.received_at < :end AND c.received_at <= :as_of
