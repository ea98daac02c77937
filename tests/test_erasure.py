"""Whoever asks to be forgotten is nowhere any more, and nothing else is lost; a hold stops it."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ARRAY, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB

from app import worker
from app.models.base import Base
from app.roles import Role
from tests.calls import ANSWER
from tests.canaries import CANARIES, MAIL, NAME, PERSON, PHONE, TEXT
from tests.complaints import an_answered
from tests.owner import execute, owner
from tests.papers import handed_in, sent
from tests.system import Caller, System, a_customer, a_shipment, an_event
from tests.world import World

WHO = f"{NAME}本人 {PHONE}"
PEOPLE = {
    "name": NAME,
    "kind": "person",
    "source": WHO,
    "needs": [WHO],
    "contacts": [{"name": NAME, "phone": PHONE, "email": MAIL, "role": WHO}],
    "addresses": [PERSON["address"] | {"kind": WHO}],
}
OTHER: dict[str, Any] = {
    "name": "王五",
    "phone": "13700001111",
    "address": {"city": "Zürich", "detail": "Bahnhofstrasse 1"},
}

ERASED: dict[str, str] = {
    "accesses": "data",
    "clock_waivers": "reason note",
    "complaint_answers": "finding remedy text",
    "complaint_attachment_parts": "content",
    "complaint_attachments": "sha256 sealed_key",
    "complaint_escalations": "reason",
    "complaint_merged_rows": "key before",
    "complaint_merges": "reason",
    "complaint_messages": "text message_id",
    "complaints": "message_id description remedy_sought complainant_name complainant_phone complainant_normal"
    " waiting_text ended_because",
    "complaint_call_backs": "note",
    "complaint_closings": "reason note",
    "complaint_report_confirmations": "pdf",
    "complaint_reports": "content",
    "confirmations": "note",
    "consents": "evidence",
    "contact_points": "value normal label",
    "contacts": "name romanised",
    "customer_addresses": "kind address division_code",
    "customer_contacts": "role",
    "customer_grants": "reason",
    "customer_notes": "text",
    "customers": "name code source needs romanised",
    "delivery_exceptions": "text resolution note",
    "document_parts": "content",
    "document_versions": "sha256 sealed_key",
    "documents": "project",
    "duplicate_pairs": "reason",
    "events": "data",
    "external_ids": "system external_id",
    "import_rows": "before problems",
    "legal_holds": "reason lift_reason",
    "merged_rows": "key before",
    "orders": "parcels note",
    "parked_events": "source tracking_no event",
    "privacy_requests": "note identity outcome",
    "proposals": "changes evidence reason",
    "raw_pushes": "headers body",
    "shipments": "sender recipient reference attributes",
    "tasks": "note",
    "tracking_events": "location text attributes",
}
"""Columns in which a customer's people may stand, and from which an erasure takes them."""

NOBODY: dict[str, str] = {
    "accesses": "operation correlation_id",
    "complaint_answers": "liable_party root_cause",
    "complaint_attachments": "media_type extension",
    "complaint_merged_rows": "table_name digest",
    "complaint_messages": "template_code",
    "complaints": "number category waiting_reason",
    "complaint_report_confirmations": "sha256",
    "complaint_reports": "number sha256",
    "customers": "tier",
    "delivery_exceptions": "tracking_no source code reason_code reason action_by",
    "document_versions": "media_type extension",
    "events": "kind subject_type actor_kind correlation_id",
    "merged_rows": "table_name digest",
    "merges": "fields",
    "orders": "number",
    "raw_pushes": "sha256",
    "shipments": "tracking_no declared_currency freight_currency flags",
    "tasks": "rule department fields",
    "tracking_events": "source event_id code reason_code status reason occurred_raw flags",
}
"""Columns of the same tables that hold codes, numbers and hashes."""

OF_THE_HOUSE = {
    "audit_seals",
    "carrier_codes",
    "carrier_sources",
    "confirmation_links",
    "confirmation_rules",
    "calendars",
    "calendar_versions",
    "case_terms",
    "clock_alarms",
    "clock_events",
    "clocks",
    "complaint_assignments",
    "complaint_handlers",
    "complaint_links",
    "complaint_parcels",
    "complaint_watchers",
    "message_templates",
    "sla_policies",
    "clients",
    "codes",
    "departments",
    "divisions",
    "event_keys",
    "exception_follow_ups",
    "exception_reasons",
    "exception_rules",
    "export_parts",
    "exports",
    "idempotency_keys",
    "import_chunks",
    "import_files",
    "import_keys",
    "import_mappings",
    "jobs",
    "kpi_benchmarks",
    "kpi_definitions",
    "leak_incidents",
    "legal_terms",
    "outbox",
    "refresh_tokens",
    "retention_rules",
    "segment_versions",
    "segments",
    "sign_in_failures",
    "silence_rules",
    "staleness_weights",
    "teams",
    "tracking_numbers",
    "unmapped_codes",
    "users",
    "verification_rules",
    "worker_heartbeats",
}
"""Tables without customers' people: the house's own, masked and gone within a day, or files sealed and gone in days."""


def test_of_every_column_it_is_known_whether_people_stand_in_it() -> None:
    """A new table or column belongs into one of these lists, and, if people stand in it, into `erasure.sql`."""
    unknown = []
    for name, table in Base.metadata.tables.items():
        known = (ERASED.get(name, "") + " " + NOBODY.get(name, "")).split()
        free = {
            column.name
            for column in table.columns
            if isinstance(column.type, Text | JSONB | ARRAY | LargeBinary)
        }
        unknown += [f"{name}.{column}" for column in free - set(known) if name not in OF_THE_HOUSE]
        assert set(known) <= free, name
        assert not (known and name in OF_THE_HOUSE), name
    assert unknown == []


async def places(system: System, words: tuple[str, ...] = CANARIES) -> list[str]:
    """Every table in which one of these words stands: in a text, a document, a list, or the bytes of a file."""
    found = []
    async with owner(system) as connection:
        columns = await connection.fetch(
            "SELECT c.oid::regclass::text AS name, attname AS column, atttypid::regtype::text AS type"
            " FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
            " AND atttypid IN ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype, 'json'::regtype,"
            " 'bytea'::regtype, 'varchar'::regtype)"
        )
        for name, column, kind in columns:
            value = f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"
            for word in words:
                sought = "encode(convert_to($1, 'UTF8'), 'escape')" if kind == "bytea" else "$1::text"
                query = f"SELECT count(*) FROM {name} WHERE position({sought} IN {value}) > 0"
                if await connection.fetchval(query, word):
                    found.append(f"{name}.{column} {word}")
    return found


async def a_known_person(system: System) -> dict[str, Any]:
    """Somebody who stands wherever somebody can: with a merged twin, parcels, notes, consents, looks and moves."""
    service, marketing = await system.as_role(Role.CUSTOMER_SERVICE), await system.as_role(Role.MARKETING)
    person, twin = [await a_customer(system, **PEOPLE, code=None) for _ in range(2)]
    for each in (person, twin):
        await handed_in(system, service, customer_id=each["id"], project=f"{NAME}身份证 {PHONE}")
        number = (await a_shipment(system, each["id"], **PARCEL))["tracking_no"]
        await trouble(system, number)
        order = {
            "customer_id": each["id"],
            "note": WHO,
            "parcels": [{"description": WHO, "pieces": 2, "destination": PERSON["address"]}],
        }
        assert (await service.post("/v1/orders", order)).status_code == 201
        assert (await service.post(f"/v1/customers/{each['id']}/reveal", {"reason": WHO})).status_code == 200
        assert (await service.post(f"/v1/shipments/{number}/reveal", {"reason": WHO})).status_code == 200
        await marketing.post(f"/v1/customers/{each['id']}/lose", {"reason": WHO})
        await write_in(system, UUID(each["id"]), UUID(service.id))
        await complain(system, each["id"])
    apart = {"one_id": person["id"], "other_id": (await a_customer(system))["id"], "reason": WHO}
    assert (await marketing.post("/v1/customers/duplicates/dismiss", apart)).status_code == 200
    merge = await marketing.post(f"/v1/customers/{person['id']}/merge", {"merged_id": twin["id"]})
    assert merge.status_code == 200, merge.text
    return person


PARCEL = {
    "sender": PERSON,
    "recipient": PERSON,
    "reference": WHO,
    "attributes": {"words": [WHO]},
    "declared_value": {"amount": "128.00", "currency": "CNY"},
}


async def complain(system: System, customer: str) -> None:
    """A complaint that says it everywhere, with another one merged into it and a third taken back."""
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    body = {
        "category": "damage",
        "description": WHO,
        "remedy_sought": WHO,
        "complainant": {"name": NAME, "phone": PHONE, "role": "recipient"},
        "customer_id": customer,
    }
    made = [(await service.post("/v1/complaints", body)).json()["id"] for _ in range(4)]
    one, other, gone, resting = (f"/v1/complaints/{each}" for each in made)
    said = {
        f"{one}/messages": {
            "direction": "in",
            "channel": "wechat",
            "text": WHO,
            "message_id": f"wx{customer}",
        },
        f"{one}/notes": {"text": WHO},
        f"{one}/escalate": {"reason": WHO},
        f"{one}/investigate": {},
        f"{one}/answer": ANSWER | {"finding": WHO, "remedy": WHO, "text": WHO},
        f"{one}/merge": {"merged_id": made[1], "reason": WHO},
        f"{gone}/withdraw": {"reason": WHO},
        f"{resting}/pause": {"reason": "awaiting_customer", "text": WHO},
    }
    assert (await sent(service, f"{WHO}".encode(), "a.txt", to=f"{one}/attachments")).status_code == 201
    for path, words in said.items():
        answer = await service.post(path, words)
        assert answer.is_success, (path, answer.text)
    clock = "SELECT id::text FROM clocks WHERE subject_id = :id AND kind = 'internal' AND state = 'running' LIMIT 1"
    path = f"/v1/clocks/{await system.scalar(clock, id=UUID(made[3]))}/waivers"
    assert (await service.post(path, {"reason": WHO})).status_code == 201
    await execute(system, "UPDATE clock_waivers SET note = :who", who=WHO)
    assert other


async def trouble(system: System, number: str) -> None:
    dispatch, operations = await system.as_role(Role.DISPATCH), await system.as_role(Role.OPERATIONS)
    said = {"text": WHO, "location": WHO, "attributes": {"words": [WHO]}}
    for path, code in (("tracking-events", "in_transit"), ("delivery-exceptions", "carrier_damage")):
        pushed = await dispatch.post(f"/v1/{path}", an_event(number, code, **said))
        assert pushed.status_code == 202, pushed.text
    await system.drain()
    one = await system.scalar("SELECT id::text FROM delivery_exceptions WHERE tracking_no = :n", n=number)
    body = {"resolution": WHO, "note": WHO}
    assert (await operations.post(f"/v1/delivery-exceptions/{one}/resolve", body)).status_code == 200


async def write_in(system: System, customer: UUID, by: UUID) -> None:
    """What has its operations elsewhere."""
    named = {"customer": customer, "by": by, "who": WHO, "id": uuid4()}
    contact = "(SELECT contact_id FROM customer_contacts WHERE customer_id = :customer)"
    for statement in (
        "INSERT INTO customer_notes (id, customer_id, author_id, text) VALUES (:id, :customer, :by, :who)",
        "INSERT INTO external_ids (system, external_id, customer_id) VALUES ('erp', :who || gen_random_uuid(), :customer)",
        (
            "INSERT INTO customer_grants (customer_id, user_id, reason, granted_by)"
            " VALUES (:customer, :by, :who, :by)"
        ),
        (
            "WITH made AS (INSERT INTO clocks (id, subject_type, subject_id, customer_id, cycle, kind, metric, policy_id,"
            " state, started_at, paused_s, elapsed_s) SELECT :id, 'complaint', :id, :customer, 1, kind, metric, id,"
            " 'running', now(), 0, 0 FROM sla_policies LIMIT 1 RETURNING id)"
            " INSERT INTO clock_waivers (id, clock_id, state, reason, note, requested_by)"
            " SELECT id, id, 'requested', :who, :who, :by FROM made"
        ),
        (
            "INSERT INTO consents (id, customer_id, contact_id, channel, purpose, given, given_at, evidence,"
            f" recorded_by) VALUES (:id, :customer, {contact}, 'phone', 'care', true, now(), :who, :by)"
        ),
        (
            "INSERT INTO events (id, kind, subject_type, subject_id, customer_id, actor_kind, actor_id, data) VALUES"
            " (:id, 'customer.changed', 'customer', :customer, :customer, 'user', :by,"
            " jsonb_build_object('fields', '[\"name\"]'::jsonb, 'inner', jsonb_build_object('x', CAST(:who AS text))))"
        ),
    ):
        used = {name: value for name, value in named.items() if re.search(rf":{name}\b", statement)}
        await execute(system, statement, **used)


async def asked(system: System, kind: str, customer: dict[str, Any], **fields: Any) -> tuple[Caller, str]:
    """Customer service, and the path of a request that was verified."""
    service = await system.as_role(Role.CUSTOMER_SERVICE)
    body = {"kind": kind, "customer_id": customer["id"], "note": WHO} | fields
    made = await service.post("/v1/privacy-requests", body)
    assert made.status_code == 201, made.text
    path = f"/v1/privacy-requests/{made.json()['id']}"
    assert (await service.post(f"{path}/verify", {"identity": WHO})).status_code == 200
    return service, path


FACTS = (
    "SELECT md5(string_agg(line, ';' ORDER BY line)) FROM ("
    " SELECT concat_ws(',', id, customer_id, tracking_no, service, status, declared_amount, created_at,"
    " promised_at, delivered_at, recipient #> '{address,city}') AS line FROM shipments"
    " UNION ALL SELECT concat_ws(',', id, kind, state, created_at, owner_id) FROM customers"
    " UNION ALL SELECT concat_ws(',', id, number, state, received_at, jsonb_array_length(parcels)) FROM orders"
    " UNION ALL SELECT concat_ws(',', id, code, status, occurred_at) FROM tracking_events"
    " UNION ALL SELECT concat_ws(',', id, reason, severity, state, opened_at) FROM delivery_exceptions"
    " UNION ALL SELECT concat_ws(',', id, channel, purpose, given, given_at) FROM consents"
    " UNION ALL SELECT concat_ws(',', id, kind, subject_id, recorded_at) FROM events WHERE kind NOT LIKE 'privacy%'"
    " AND kind <> 'audit.redacted') AS facts"
)


SAID = (
    (
        "INSERT INTO confirmations (id, customer_id, field, method, note, confirmed_by)"
        " VALUES (gen_random_uuid(), $1, 'name', 'call', $2, $1)"
    ),
    (
        "INSERT INTO proposals (id, customer_id, base_version, changes, evidence, state, proposed_by, reason, version)"
        " VALUES (gen_random_uuid(), $1, 1, jsonb_build_object('name', $2::text), $2, 'rejected', $1, $2, 1)"
    ),
    (
        "INSERT INTO tasks (id, customer_id, rule, department, fields, due_at, state, note, version)"
        " VALUES (gen_random_uuid(), $1, 'x', 'sales', '{name}', now(), 'done', $2, 1)"
    ),
    (
        "INSERT INTO import_rows (import_id, line, outcome, customer_id, version, before, problems)"
        " SELECT id, 1, 'updated', $1, 1, jsonb_build_object('name', $2::text),"
        " jsonb_build_array(jsonb_build_object('detail', $2::text)) FROM import_files LIMIT 1"
    ),
)


ENDED = (
    (
        "INSERT INTO complaint_call_backs (id, complaint_id, cycle, answer_number, method, reached, note, attempted_at,"
        " made_by, by_answerer) VALUES (gen_random_uuid(), $1, 1, 1, 'call', false, $2, now(), $1, false)"
    ),
    (
        "INSERT INTO complaint_closings (id, complaint_id, cycle, answer_number, state, reason, means_exhausted,"
        " told_of_appeal, requested_by, note) VALUES (gen_random_uuid(), $1, 1, 1, 'requested', $2, true, true, $1, $2)"
    ),
    (
        "INSERT INTO complaint_reports (complaint_id, version, number, cycle, answer_number, content,"
        " sha256, composed_by) VALUES ($1, 1, 'R', 1, 1, jsonb_build_object('x', $2::text), '', $1)"
    ),
    (
        "INSERT INTO complaint_report_confirmations (complaint_id, version, pdf, sha256, confirmed_by)"
        " VALUES ($1, 1, convert_to($2, 'UTF8'), '', $1)"
    ),
)


async def ended(system: System, customer: str) -> None:
    """What was said of the customer at the end of a complaint."""
    complaint = await an_answered(system, customer_id=customer)
    async with owner(system) as connection:
        for statement in ENDED:
            await connection.execute(statement, UUID(complaint), WHO)


async def said_elsewhere(system: System, customer: str) -> None:
    """What was said of the customer while its data were confirmed and taken in from files."""
    await ended(system, customer)
    await World(system).import_id()
    async with owner(system) as connection:
        for statement in SAID:
            await connection.execute(statement, UUID(customer), WHO)
        await connection.execute(
            "DELETE FROM import_chunks; UPDATE import_files SET filename = 'x', columns = '[]'"
        )


async def test_whoever_is_erased_stands_nowhere_and_every_figure_stays(empty_system: System) -> None:
    system = empty_system
    person = await a_known_person(system)
    other = await a_shipment(system, recipient=OTHER)
    await worker.seal_audit(system.database.sessions)
    await said_elsewhere(system, person["id"])
    service, path = await asked(system, "erasure", person)
    planted = {place.split()[0] for place in await places(system)}
    expected = {f"{table}.{column}" for table, columns in ERASED.items() for column in columns.split()}
    unplanted = {
        "contacts.romanised",
        "customers.romanised",
        "customers.code",
        "contact_points.label",
        "customer_addresses.division_code",
        "external_ids.system",
        "parked_events.source",
        "parked_events.tracking_no",
        "parked_events.event",
        "legal_holds.reason",
        "legal_holds.lift_reason",
        "raw_pushes.headers",
        "privacy_requests.outcome",
        "document_parts.content",
        "complaint_attachment_parts.content",
        "complaint_attachments.sealed_key",
        "complaint_attachments.sha256",
        "complaint_merged_rows.key",
        "complaint_messages.message_id",
        "complaints.message_id",
        "document_versions.sealed_key",
        "document_versions.sha256",
    }
    assert expected - planted <= unplanted, "nothing was planted there, so nothing is proven"
    before = await system.scalar(FACTS)
    done = await service.post(f"{path}/complete", {"outcome": WHO})
    assert (done.status_code, done.json()["state"]) == (200, "done"), done.text
    assert await places(system) == []
    assert await system.scalar(FACTS) == before
    assert await places(system, (OTHER["name"], OTHER["phone"])) != [], other
    left = await service.get(f"/v1/customers/{person['id']}")
    assert (left.status_code, left.json()["contacts"][0]["points"]) == (200, [])
    for parcel in (await service.get("/v1/shipments", params={"customer_id": person["id"]})).json()["items"]:
        shown = (await service.get(f"/v1/shipments/{parcel['tracking_no']}")).json()
        assert (shown["recipient"]["name"], shown["recipient"]["address"]) == (
            None,
            {"country": "CN", "city": "杭州市"},
        )
    await worker.seal_audit(system.database.sessions)
    audit = await (await system.as_role(Role.AUDITOR)).post("/v1/audit/seals/verify", {})
    assert (audit.json()["intact"], audit.json()["faults"]) == (True, [])
    assert audit.json()["redacted"] >= 4


async def test_what_was_redacted_and_then_edited_is_found(empty_system: System) -> None:
    system = empty_system
    person = await a_known_person(system)
    await worker.seal_audit(system.database.sessions)
    service, path = await asked(system, "erasure", person)
    await service.post(f"{path}/complete", {"outcome": "-"})
    row = await system.scalar(
        "SELECT subject_id FROM events WHERE kind = 'audit.redacted' AND subject_type = 'events' LIMIT 1"
    )
    async with owner(system) as connection:
        await connection.execute("UPDATE events SET actor_id = gen_random_uuid() WHERE id = $1", row)
    audit = await (await system.as_role(Role.AUDITOR)).post("/v1/audit/seals/verify", {})
    assert [(each["fault"], each["row_id"]) for each in audit.json()["faults"]] == [("row_changed", str(row))]


async def test_a_contact_is_erased_alone(empty_system: System) -> None:
    system = empty_system
    company = await a_customer(
        system,
        name="杭州青禾茶业有限公司",
        contacts=[{"name": NAME, "phone": PHONE}, {"name": "王五", "phone": OTHER["phone"]}],
    )
    contact = await system.scalar(
        "SELECT contact_id::text FROM customer_contacts JOIN contacts c ON c.id = contact_id WHERE c.name = :n",
        n=NAME,
    )
    service, path = await asked(system, "erasure", company, contact_id=contact)
    assert (await service.post(f"{path}/complete", {"outcome": "-"})).status_code == 200
    assert await places(system) == []
    left = (await service.get(f"/v1/customers/{company['id']}")).json()
    assert (left["name"], len(left["contacts"])) == ("杭州青禾茶业有限公司", 2)
    assert len(await places(system, (OTHER["phone"],))) == 2


async def test_somebody_who_is_another_customers_contact_too_stays_there(empty_system: System) -> None:
    system = empty_system
    person = await a_customer(system, **PEOPLE, code=None)
    company = await a_customer(system, name="青禾")
    await execute(
        system,
        "INSERT INTO customer_contacts (customer_id, contact_id) SELECT :to, contact_id FROM customer_contacts",
        to=UUID(company["id"]),
    )
    service, path = await asked(system, "erasure", person)
    assert (await service.post(f"{path}/complete", {"outcome": "-"})).status_code == 200
    assert {place.split()[0] for place in await places(system)} == {
        "contacts.name",
        "contact_points.value",
        "contact_points.normal",
    }


async def test_a_legal_hold_stops_an_erasure_until_it_is_lifted_or_over(system: System) -> None:
    auditor, person = await system.as_role(Role.AUDITOR), await a_customer(system, **PEOPLE, code=None)
    service, path = await asked(system, "erasure", person)
    held = {"customer_id": person["id"], "reason": "诉讼保全 杭州"}
    hold = (await auditor.post("/v1/legal-holds", held)).json()
    refused = await service.post(f"{path}/complete", {"outcome": "-"})
    assert (refused.status_code, refused.json()["hold_id"]) == (409, hold["id"])
    assert "法律保全" in refused.text
    assert (await service.get(path)).json()["state"] == "verified"
    assert (await service.post(f"/v1/customers/{person['id']}/reveal", {"reason": "x"})).json()[
        "name"
    ] == NAME
    lifted = await auditor.post(f"/v1/legal-holds/{hold['id']}/lift", {"reason": "结案"})
    assert lifted.json()["lifted_by"] == auditor.id
    await auditor.post("/v1/legal-holds", held | {"until": "2020-01-01T00:00:00+08:00"})
    assert (await service.post(f"{path}/complete", {"outcome": "-"})).status_code == 200


async def test_nothing_is_done_before_it_is_sure_who_asks(system: System) -> None:
    service, person = (
        await system.as_role(Role.CUSTOMER_SERVICE),
        await a_customer(system, **PEOPLE, code=None),
    )
    for kind in ("erasure", "access", "portability", "withdraw_consent", "correction"):
        made = await service.post("/v1/privacy-requests", {"kind": kind, "customer_id": person["id"]})
        path = f"/v1/privacy-requests/{made.json()['id']}"
        assert (await service.post(f"{path}/complete", {"outcome": "-"})).status_code == 409
        assert (await service.post(f"{path}/copy")).status_code == 409
    assert (await service.post(f"/v1/customers/{person['id']}/reveal", {"reason": "x"})).json()[
        "name"
    ] == NAME


async def test_a_request_is_due_fifteen_days_after_it_came(system: System) -> None:
    service, person = (
        await system.as_role(Role.CUSTOMER_SERVICE),
        await a_customer(system, **PEOPLE, code=None),
    )
    body = {"kind": "access", "customer_id": person["id"], "received_at": "2026-11-01T09:00:00+08:00"}
    made = (await service.post("/v1/privacy-requests", body)).json()
    assert made["due_at"] == "2026-11-16T01:00:00Z"
    company = await a_customer(system)
    refused = await service.post("/v1/privacy-requests", body | {"customer_id": company["id"]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/contact_id")


async def test_the_copy_holds_the_person_whole_and_others_masked_and_leaves_a_row(system: System) -> None:
    person = await a_customer(system, **PEOPLE, code=None)
    await a_shipment(system, person["id"], sender=PERSON, recipient=OTHER)
    service, path = await asked(system, "access", person)
    assert (await service.post(f"{path}/complete", {"outcome": "-"})).status_code == 409
    answer = await service.post(f"{path}/copy")
    assert "attachment" in answer.headers["Content-Disposition"]
    copy = answer.json()
    assert (copy["customer"]["name"], copy["customer"]["contacts"][0]["points"][0]["value"]) == (NAME, PHONE)
    assert copy["shipments"][0]["sender"]["phone"] == PHONE
    assert OTHER["phone"] not in answer.text
    row = "SELECT count(*) FROM accesses WHERE kind = 'revealed' AND customer_id = :id"
    assert await system.scalar(row, id=UUID(person["id"])) == 1
    assert (await service.post(f"{path}/complete", {"outcome": "当面交付"})).json()["state"] == "done"


async def test_consents_are_taken_back_by_a_request(system: System) -> None:
    person, service = (
        await a_customer(system, **PEOPLE, code=None),
        await system.as_role(Role.CUSTOMER_SERVICE),
    )
    await execute(
        system,
        "INSERT INTO consents (id, customer_id, channel, purpose, given, given_at, evidence, recorded_by)"
        " SELECT gen_random_uuid(), :id, channel, 'care', given, now() - interval '1 day', '-', :id"
        " FROM (VALUES ('sms', true), ('phone', false)) AS v (channel, given)",
        id=UUID(person["id"]),
    )
    service, path = await asked(system, "withdraw_consent", person)
    assert (await service.post(f"{path}/complete", {"outcome": "已撤回"})).status_code == 200
    rows = (
        "SELECT string_agg(channel || given::text, ' ' ORDER BY channel, given_at) FROM consents"
        " WHERE customer_id = :id"
    )
    assert await system.scalar(rows, id=UUID(person["id"])) == "phonefalse smstrue smsfalse"


async def test_a_refusal_names_its_legal_ground(system: System) -> None:
    person = await a_customer(system, **PEOPLE, code=None)
    service, path = await asked(system, "erasure", person)
    refused = await service.post(f"{path}/refuse", {"ground": "because", "outcome": "-"})
    assert refused.status_code == 422
    done = await service.post(
        f"{path}/refuse", {"ground": "retention_required", "outcome": "运单保存期限未届满"}
    )
    assert (done.json()["state"], done.json()["refused_on"]) == ("refused", "retention_required")
    assert TEXT not in done.text


async def test_retention_forgets_who_is_long_gone_and_nobody_under_hold(empty_system: System) -> None:
    system = empty_system
    gone, held, fresh, twin = [await a_customer(system, **PEOPLE, code=None) for _ in range(4)]
    auditor = await system.as_role(Role.AUDITOR)
    await auditor.post("/v1/legal-holds", {"customer_id": twin["id"], "reason": "诉讼"})
    for each in (gone, held, fresh, twin):
        number = (await a_shipment(system, each["id"], sender=PERSON, recipient=PERSON))["tracking_no"]
        pushed = await (await system.as_role(Role.DISPATCH)).post(
            "/v1/tracking-events", an_event(number, text=WHO)
        )
        assert pushed.status_code == 202
    await system.drain()
    await execute(
        system,
        "UPDATE customers SET state = 'merged', merged_into_id = :to WHERE id = :id",
        to=UUID(held["id"]),
        id=UUID(twin["id"]),
    )
    for each in (gone, held):
        await execute(
            system,
            "UPDATE customers SET state = 'closed', updated_at = now() - interval '1096 days' WHERE id = :id",
            id=UUID(each["id"]),
        )
        await execute(
            system,
            "UPDATE shipments SET created_at = now() - interval '1096 days' WHERE customer_id = :id",
            id=UUID(each["id"]),
        )
    await worker.apply_retention(system.database.sessions)
    whole = "SELECT array_agg(id::text ORDER BY id) FROM customers WHERE name = :name"
    assert await system.scalar(whole, name=NAME) == sorted([held["id"], fresh["id"], twin["id"]])
    parcels = "SELECT array_agg(customer_id::text ORDER BY customer_id) FROM shipments WHERE recipient ->> 'name' = :name"
    assert await system.scalar(parcels, name=NAME) == sorted([held["id"], fresh["id"], twin["id"]])
    told = "SELECT count(*) FROM events WHERE kind = 'customer.anonymised' AND subject_id = :id"
    assert await system.scalar(told, id=UUID(gone["id"])) == 1
    before = await system.scalar("SELECT sum(version) FROM customers")
    await worker.apply_retention(system.database.sessions)
    assert await system.scalar("SELECT sum(version) FROM customers") == before


@pytest.mark.parametrize("table", ["legal_terms", "retention_rules"])
async def test_every_term_has_its_source(system: System, table: str) -> None:
    assert await system.scalar(f"SELECT count(*) FROM {table}") >= 4
    assert await system.scalar(f"SELECT count(*) FROM {table} WHERE length(source) < 20") == 0


async def test_the_bytes_of_old_pushes_go_and_their_hashes_stay(empty_system: System) -> None:
    system = empty_system
    person, held = [await a_customer(system, **PEOPLE, code=None) for _ in range(2)]
    auditor, dispatch = await system.as_role(Role.AUDITOR), await system.as_role(Role.DISPATCH)
    await auditor.post("/v1/legal-holds", {"customer_id": held["id"], "reason": "诉讼"})
    for each in (person, held):
        number = (await a_shipment(system, each["id"]))["tracking_no"]
        assert (await dispatch.post("/v1/tracking-events", an_event(number, text=WHO))).status_code == 202
    await worker.apply_retention(system.database.sessions)
    whole = "SELECT count(*) FROM raw_pushes WHERE body <> ''"
    assert await system.scalar(whole) == 2
    async with owner(system) as connection:
        await connection.execute(
            "UPDATE retention_rules SET keep = '0 s' WHERE retention_class = 'raw_pushes'"
        )
    await worker.apply_retention(system.database.sessions)
    assert await system.scalar(whole) == 1
    assert await system.scalar("SELECT count(*) FROM raw_pushes WHERE length(sha256) = 32") == 2
