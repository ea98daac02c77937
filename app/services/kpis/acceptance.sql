SELECT b.id::text AS key, c.id AS complaint_id, c.number, c.customer_id, c.category, NULL::text AS cause,
    b.attempted_at AS at, CASE
        WHEN NOT b.reached THEN 'unreached'
        WHEN b.accepted THEN 'accepted'
        WHEN b.accepted IS NULL THEN 'undecided'
        ELSE 'not_accepted' END AS part,
    b.method AS kind, NULL::text AS metric, b.cycle AS cycle, NULL::bigint AS seconds, NULL::bigint AS net_seconds
FROM complaint_call_backs b
JOIN complaints c ON c.id = b.complaint_id
WHERE b.attempted_at >= :start AND b.attempted_at < :end AND b.attempted_at <= :as_of
