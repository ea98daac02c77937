SELECT e.id::text AS key, c.id AS complaint_id, c.number, c.customer_id, c.category, NULL::text AS cause,
    e.recorded_at AS at, CASE
        WHEN e.recorded_at + make_interval(days => :within_days) > :as_of THEN 'too_young'
        WHEN again.at IS NOT NULL THEN 'reopened'
        ELSE 'kept' END AS part,
    NULL::text AS kind, NULL::text AS metric, NULL::int AS cycle,
    floor(extract(epoch FROM again.at - e.recorded_at))::bigint AS seconds, NULL::bigint AS net_seconds
FROM events e
JOIN complaints c ON c.id = e.subject_id
CROSS JOIN LATERAL (
    SELECT min(r.recorded_at) AS at FROM events r
    WHERE r.subject_id = e.subject_id AND r.kind = 'complaint.reopened' AND r.recorded_at > e.recorded_at
      AND r.recorded_at <= e.recorded_at + make_interval(days => :within_days) AND r.recorded_at <= :as_of
) again
WHERE e.kind IN ('complaint.closed', 'complaint.closed_not_accepted') AND e.recorded_at >= :start
AND e.recorded_at < :end AND e.recorded_at <= :as_of
