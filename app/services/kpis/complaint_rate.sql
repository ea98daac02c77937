SELECT c.id::text AS key, c.id AS complaint_id, c.number, c.customer_id, c.category, (
        SELECT a.root_cause FROM complaint_answers a
        WHERE a.complaint_id = c.id AND a.told_at <= :as_of ORDER BY a.number DESC LIMIT 1) AS cause,
    c.received_at AS at, 'complaints' AS part, NULL::text AS kind, NULL::text AS metric, NULL::int AS cycle,
    NULL::bigint AS seconds, NULL::bigint AS net_seconds
FROM complaints c
WHERE c.received_at >= :start AND c.received_at < :end AND c.received_at <= :as_of
