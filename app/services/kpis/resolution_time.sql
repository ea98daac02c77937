SELECT a.complaint_id || '/' || a.cycle || '/' || span.part AS key, c.id AS complaint_id, c.number, c.customer_id,
    c.category, a.root_cause AS cause, a.told_at AS at, span.part, NULL::text AS kind, NULL::text AS metric, a.cycle,
    floor(extract(epoch FROM a.told_at - span.since))::bigint AS seconds,
    floor(extract(epoch FROM a.told_at - span.since) - span.rested)::bigint AS net_seconds
FROM complaint_answers a
JOIN complaints c ON c.id = a.complaint_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(extract(epoch FROM least(p.until, a.told_at) - p.at)) FILTER (WHERE p.cycle = a.cycle), 0)
            AS of_cycle,
        coalesce(sum(extract(epoch FROM least(p.until, a.told_at) - p.at)), 0) AS of_life
    FROM (
        SELECT one.cycle, e.kind, e.at,
            least(e.until, lead(e.at) OVER (PARTITION BY one.id ORDER BY e.number)) AS until
        FROM (
            SELECT DISTINCT ON (k.cycle) k.id, k.cycle FROM clocks k
            WHERE k.subject_id = c.id AND k.metric = 'resolution' AND k.kind <> 'statutory'
            ORDER BY k.cycle, k.kind = 'contract' DESC, k.id
        ) one
        JOIN clock_events e ON e.clock_id = one.id AND e.kind IN ('paused', 'resumed')
    ) p WHERE p.kind = 'paused' AND p.at < a.told_at
) rest
CROSS JOIN LATERAL (
    SELECT 'cycle' AS part, rest.of_cycle AS rested, CASE a.cycle WHEN 1 THEN c.received_at ELSE (
        SELECT min(k.started_at) FROM clocks k WHERE k.subject_id = c.id AND k.cycle = a.cycle) END AS since
    UNION ALL
    SELECT 'life', rest.of_life, c.received_at WHERE NOT EXISTS (
        SELECT FROM complaint_answers later
        WHERE later.complaint_id = a.complaint_id AND later.cycle > a.cycle AND later.told_at <= :as_of)
) span
WHERE a.told_at >= :start AND a.told_at < :end AND a.told_at <= :as_of
AND NOT EXISTS (
    SELECT FROM complaint_answers later
    WHERE later.complaint_id = a.complaint_id AND later.cycle = a.cycle AND later.number > a.number
      AND later.told_at <= :as_of)
AND 'revoked' IS DISTINCT FROM (
    SELECT e.kind FROM clocks k JOIN clock_events e ON e.clock_id = k.id
    WHERE k.subject_id = c.id AND k.cycle = a.cycle AND k.metric = 'resolution' AND e.at <= :as_of
      AND e.kind IN ('met', 'revoked')
    ORDER BY e.at DESC, e.number DESC LIMIT 1)
