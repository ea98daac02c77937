-- of: parcels
UPDATE shipments SET anonymised_at = now(), reference = NULL, attributes = '{}',
    sender = jsonb_build_object('address', (SELECT coalesce(jsonb_object_agg(key, value), '{}')
        FROM jsonb_each(nullif(sender -> 'address', 'null')) WHERE key IN ('country', 'province', 'city'))),
    recipient = jsonb_build_object('address', (SELECT coalesce(jsonb_object_agg(key, value), '{}')
        FROM jsonb_each(nullif(recipient -> 'address', 'null')) WHERE key IN ('country', 'province', 'city')))
WHERE customer_id = ANY (:customers) AND id = ANY (:shipments);
SELECT forget_pushes(ARRAY(SELECT DISTINCT raw_id FROM tracking_events
    WHERE customer_id = ANY (:customers) AND shipment_id = ANY (:shipments) AND raw_id IS NOT NULL));
UPDATE tracking_events SET text = NULL, location = NULL, attributes = '{}'
WHERE customer_id = ANY (:customers) AND shipment_id = ANY (:shipments);
UPDATE delivery_exceptions SET text = NULL, note = NULL, resolution = NULL
WHERE customer_id = ANY (:customers) AND shipment_id = ANY (:shipments);
DELETE FROM parked_events WHERE tracking_no IN (
    SELECT tracking_no FROM shipments WHERE customer_id = ANY (:customers) AND id = ANY (:shipments));

-- of: documents
UPDATE documents SET project = '已匿名', state = 'erased', updated_at = now(), version = version + 1
WHERE id = ANY (:documents);
DELETE FROM document_parts WHERE document_id = ANY (:documents);
UPDATE document_versions SET sealed_key = NULL, sha256 = NULL, size = 0, compared_at = NULL,
    compare_at = CASE WHEN compare_at IS NOT NULL THEN now() END
WHERE document_id = ANY (:documents);

-- of: complaints
UPDATE complaints SET description = '已匿名', remedy_sought = '已匿名', complainant_name = '已匿名',
    complainant_phone = NULL, complainant_normal = NULL, message_id = NULL, waiting_text = NULL, ended_because = NULL,
    anonymised_at = now(), updated_at = now(), version = version + 1
WHERE id = ANY (:complaints);
UPDATE complaint_answers SET finding = '', remedy = '', text = '' WHERE complaint_id = ANY (:complaints);
UPDATE complaint_escalations SET reason = NULL WHERE complaint_id = ANY (:complaints);
UPDATE complaint_messages SET text = '', message_id = NULL WHERE complaint_id = ANY (:complaints);
DELETE FROM complaint_attachment_parts WHERE attachment_id IN (
    SELECT id FROM complaint_attachments WHERE complaint_id = ANY (:complaints));
UPDATE complaint_attachments SET sealed_key = NULL, sha256 = NULL, size = 0 WHERE complaint_id = ANY (:complaints);
DELETE FROM complaint_merged_rows WHERE merge_id IN (
    SELECT id FROM complaint_merges WHERE survivor_id = ANY (:complaints) OR merged_id = ANY (:complaints));
UPDATE complaint_merges SET reason = NULL
WHERE survivor_id = ANY (:complaints) OR merged_id = ANY (:complaints);
UPDATE clock_waivers SET reason = '', note = NULL
WHERE clock_id IN (SELECT id FROM clocks WHERE subject_id = ANY (:complaints));
UPDATE legal_holds SET reason = '', lift_reason = NULL WHERE complaint_id = ANY (:complaints);

-- of: people
UPDATE contacts SET name = '已匿名', romanised = '', version = version + 1, updated_at = now()
WHERE id = ANY (:contacts);
DELETE FROM contact_points WHERE contact_id = ANY (:contacts);
UPDATE customer_contacts SET role = NULL WHERE contact_id = ANY (:contacts);
UPDATE merged_rows SET before = before || '{"role": null, "note": null, "identity": null, "outcome": null}'
WHERE before ->> 'contact_id' = ANY (CAST(CAST(:contacts AS uuid[]) AS text[]));
SELECT forget_evidence(ARRAY(SELECT id FROM consents
    WHERE customer_id = ANY (:customers) OR contact_id = ANY (:contacts)));
UPDATE privacy_requests SET note = NULL, identity = NULL, outcome = NULL
WHERE customer_id = ANY (:customers) OR contact_id = ANY (:contacts);

-- of: customers
UPDATE customers SET name = '已匿名', romanised = '', code = NULL, source = NULL, needs = '{}',
    anonymised_at = now(), updated_at = now(), version = version + 1
WHERE id = ANY (:customers);
UPDATE customer_contacts SET role = NULL WHERE customer_id = ANY (:customers);
UPDATE customer_addresses SET kind = NULL, division_code = left(division_code, 4) || '00',
    address = (SELECT coalesce(jsonb_object_agg(key, value), '{}')
        FROM jsonb_each(address) WHERE key IN ('country', 'province', 'city'))
WHERE customer_id = ANY (:customers);
DELETE FROM merged_rows WHERE merge_id IN (
    SELECT id FROM merges WHERE survivor_id = ANY (:customers) OR merged_id = ANY (:customers));
DELETE FROM external_ids WHERE customer_id = ANY (:customers);
DELETE FROM customer_notes WHERE customer_id = ANY (:customers);
UPDATE customer_grants SET reason = '' WHERE customer_id = ANY (:customers);
UPDATE legal_holds SET reason = '', lift_reason = NULL WHERE customer_id = ANY (:customers);
UPDATE proposals SET changes = '{}', evidence = '', reason = NULL WHERE customer_id = ANY (:customers);
UPDATE tasks SET note = NULL WHERE customer_id = ANY (:customers);
UPDATE clock_waivers SET reason = '', note = NULL
WHERE clock_id IN (SELECT id FROM clocks WHERE customer_id = ANY (:customers));
SELECT forget_confirmations(:customers);
UPDATE import_rows SET before = NULL, problems = NULL WHERE customer_id = ANY (:customers);
UPDATE orders SET note = NULL, parcels = (
    SELECT coalesce(jsonb_agg(jsonb_build_object('weight_kg', parcel -> 'weight_kg', 'pieces', parcel -> 'pieces')), '[]')
    FROM jsonb_array_elements(parcels) AS parcel)
WHERE customer_id = ANY (:customers);
UPDATE complaint_closings SET reason = '', note = NULL
WHERE complaint_id IN (SELECT id FROM complaints WHERE customer_id = ANY (:customers));
SELECT forget_complaint_ends(ARRAY(SELECT id FROM complaints WHERE customer_id = ANY (:customers)));
