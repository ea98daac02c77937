"""Two records become one customer with everything that is linked to them, and two again, byte for byte."""

import asyncio
import secrets
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.models.base import Base
from app.roles import Role
from app.schemas.merge import MergeCreate
from app.services import erasure, merges, survivorship
from app.services.duplicates import found
from app.services.families import CUSTOMERS
from tests.calls import CALLS
from tests.owner import contents, execute, owner
from tests.steps import told
from tests.system import Caller, System, a_customer, a_number, a_shipment

ITS_OWN = {"merges", "merged_rows", "events"}
"""Tables that a merge and its undo may leave changed."""


async def merged(caller: Caller, survivor: str, other: str, **fields: str) -> Any:
    return await caller.post(f"/v1/customers/{survivor}/merge", {"merged_id": other, "fields": fields})


async def done(caller: Caller, survivor: str, other: str, **fields: str) -> dict[str, Any]:
    answer = await merged(caller, survivor, other, **fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def undone(caller: Caller, merge: dict[str, Any]) -> Any:
    return await caller.post(f"/v1/merges/{merge['id']}/undo")


def test_every_column_that_names_a_customer_moves_or_stays_for_a_reason() -> None:
    """A plain `customer_id` counts as much as a foreign key."""
    named = {(link.table.name, link.column) for link in CUSTOMERS.named()}
    moving = {(link.table.name, link.column) for link in CUSTOMERS.links}
    assert moving == {
        ("client_customers", "customer_id"),
        ("complaints", "customer_id"),
        ("customer_addresses", "customer_id"),
        ("customer_contacts", "customer_id"),
        ("customer_grants", "customer_id"),
        ("customer_links", "customer_id"),
        ("customer_links", "other_id"),
        ("customer_notes", "customer_id"),
        ("customers", "merged_into_id"),
        ("documents", "customer_id"),
        ("external_ids", "customer_id"),
        ("leak_customers", "customer_id"),
        ("legal_holds", "customer_id"),
        ("privacy_requests", "customer_id"),
        ("segment_members", "customer_id"),
        ("tasks", "customer_id"),
    }
    assert CUSTOMERS.stays.keys() == named - moving
    assert all(CUSTOMERS.stays.values())


OF_PEOPLE = {
    ("customer_contacts", "contact_id"): "moves with its customer; who the person is stays",
    ("contact_points", "contact_id"): "belongs to the person, who stays",
    ("consents", "contact_id"): "the person gave it, who stays",
    ("privacy_requests", "contact_id"): "moves with its customer; who asks stays",
}
"""A merge of customers merges no people: both customers' people are the survivor's afterwards."""


def test_every_column_that_names_a_person_is_on_a_literal_list() -> None:
    named = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name == "contact_id"
        or any(str(key.target_fullname) == "contacts.id" for key in column.foreign_keys)
    }
    assert named == OF_PEOPLE.keys()


async def test_the_database_itself_knows_no_other_link_to_a_customer(system: System) -> None:
    found = await system.scalar(
        "SELECT jsonb_agg(DISTINCT jsonb_build_array(c.conrelid::regclass::text, a.attname)) FROM pg_constraint c"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)"
        " JOIN pg_class t ON t.oid = c.conrelid AND NOT t.relispartition"
        " WHERE c.contype = 'f' AND c.confrelid = 'customers'::regclass"
    )
    assert {tuple(each) for each in found} <= {(link.table.name, link.column) for link in CUSTOMERS.named()}


async def test_everything_of_the_merged_one_is_the_survivors_and_its_address_leads_there(
    system: System,
) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one = await a_customer(
        system, name="青禾茶业", contacts=[{"name": "王小明", "phone": "13812345678"}], needs=["冷链"]
    )
    other = await a_customer(
        system,
        name="杭州青禾茶业有限公司",
        contacts=[{"name": "李芳"}],
        addresses=[{"city": "杭州市"}],
        needs=["次日达"],
    )
    merge = await done(marketing, one["id"], other["id"])
    assert (merge["survivor_id"], merge["merged_id"], merge["undone_at"]) == (one["id"], other["id"], None)
    read = (await marketing.get(f"/v1/customers/{one['id']}")).json()
    assert (read["name"], read["needs"], read["code"]) == (
        "杭州青禾茶业有限公司",
        ["冷链", "次日达"],
        one["code"],
    )
    assert sorted(each["name"] for each in read["contacts"]) == ["李*", "王**"]
    assert len(read["addresses"]) == 1
    led = await marketing.get(f"/v1/customers/{other['id']}")
    assert (led.status_code, led.headers["location"]) == (308, f"/v1/customers/{one['id']}")
    listed = (await marketing.get("/v1/customers", params={"limit": 200})).json()["items"]
    assert other["id"] not in {each["id"] for each in listed}
    assert (
        await marketing.patch(f"/v1/customers/{other['id']}", {"name": "x"}, headers={"If-Match": '"1"'})
    ).status_code == 404


async def test_whoever_may_not_see_the_survivor_is_led_nowhere(system: System) -> None:
    marketing, sales = await system.as_role(Role.MARKETING), await system.staff(Role.SALES)
    one, other = await a_customer(system), await a_customer(system, owner_id=sales.id)
    merge = await done(marketing, one["id"], other["id"], owner_id="survivor")
    led, nowhere = (
        await sales.get(f"/v1/customers/{other['id']}"),
        await sales.get(f"/v1/customers/{uuid4()}"),
    )
    assert led.status_code == 404
    assert told(led) == told(nowhere)
    await undone(marketing, merge)
    assert (await sales.get(f"/v1/customers/{other['id']}")).status_code == 200


async def test_a_preview_says_what_the_merge_then_does_and_changes_nothing(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one = await a_customer(system, name="青禾", code=None, kind="person", contacts=[{"name": "李芳"}])
    other = await a_customer(
        system, name="杭州青禾", kind="person", source="展会", contacts=[{"name": "赵四"}] * 2
    )
    body = {"merged_id": other["id"], "fields": {"name": "survivor"}}
    seen = (await marketing.post(f"/v1/customers/{one['id']}/merge/preview", body)).json()
    assert (await marketing.get(f"/v1/customers/{one['id']}")).json() == one
    assert seen["fields"]["name"] == {"kept": "survivor", "rule": "chosen"}
    assert seen["fields"]["code"] == {"kept": "merged", "rule": "survivors"}
    assert seen["moves"] == [{"table": "customer_contacts", "rows": 2}]
    merge = await done(marketing, one["id"], other["id"], name="survivor")
    assert merge["fields"] == seen["fields"]
    read = (await marketing.get(f"/v1/customers/{one['id']}")).json()
    later = {"version", "updated_at"}
    assert {name: read[name] for name in seen["customer"].keys() - later} == {
        name: seen["customer"][name] for name in seen["customer"].keys() - later
    }
    assert (read["name"], read["code"], read["source"], read["state"]) == (
        "青*",
        other["code"],
        "展会",
        "active",
    )


async def test_parcels_are_found_under_the_survivor_and_pushes_with_the_old_code_reach_it(
    system: System,
) -> None:
    marketing, operations = await system.as_role(Role.MARKETING), await system.as_role(Role.OPERATIONS)
    sales = await system.staff(Role.SALES)
    one, other = await a_customer(system, owner_id=sales.id), await a_customer(system)
    sent = await a_shipment(system, other["id"])
    await done(marketing, one["id"], other["id"])
    for caller in (operations, sales):
        rows = (await caller.get("/v1/shipments", params={"customer_id": one["id"]})).json()["items"]
        assert [row["tracking_no"] for row in rows] == [sent["tracking_no"]]
    assert (await sales.get(f"/v1/shipments/{sent['tracking_no']}")).status_code == 200
    body = CALLS["create_shipment"].body | {"tracking_no": a_number(), "customer_code": other["code"]}
    body.pop("customer_id")
    pushed = await (await system.as_role(Role.DISPATCH)).post("/v1/shipments", body)
    assert pushed.json()["customer_id"] == one["id"]


async def test_a_partner_sees_the_parcels_of_both_and_after_the_undo_its_own_again(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, other = await a_customer(system), await a_customer(system)
    sent = {each["id"]: (await a_shipment(system, each["id"]))["tracking_no"] for each in (one, other)}
    stranger = (await a_shipment(system))["tracking_no"]
    partners = [await system.partner(each["id"]) for each in (one, other)]

    async def seen() -> list[list[str]]:
        asked = {"tracking_no": [*sent.values(), stranger]}
        answers = [(await each.get("/v1/partner/shipments", params=asked)).json() for each in partners]
        return [[item["tracking_no"] for item in answer["items"]] for answer in answers]

    assert await seen() == [[sent[one["id"]]], [sent[other["id"]]]]
    merge = await done(marketing, one["id"], other["id"])
    assert await seen() == [list(sent.values())] * 2
    assert (await undone(marketing, merge)).status_code == 200
    assert await seen() == [[sent[one["id"]]], [sent[other["id"]]]]


async def test_a_chain_of_merges_leads_to_the_last_and_comes_apart_from_the_end(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    a, b, c = [(await a_customer(system))["id"] for _ in range(3)]
    first, second = await done(marketing, b, a), await done(marketing, c, b)
    for old in (a, b):
        assert (await marketing.get(f"/v1/customers/{old}")).headers["location"] == f"/v1/customers/{c}"
    refused = await undone(marketing, first)
    assert (refused.status_code, refused.json()["changed"][0]["table"]) == (409, "customers")
    assert (await undone(marketing, second)).status_code == 200
    assert (await marketing.get(f"/v1/customers/{a}")).headers["location"] == f"/v1/customers/{b}"
    assert (await undone(marketing, first)).status_code == 200
    assert (await marketing.get(f"/v1/customers/{a}")).status_code == 200
    assert (await undone(marketing, first)).status_code == 409


async def test_of_two_who_merge_the_same_customers_at_once_one_wins(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    for _ in range(5):
        a, b, c = [(await a_customer(system))["id"] for _ in range(3)]
        answers = await asyncio.gather(
            merged(marketing, a, b), merged(marketing, b, a), merged(marketing, c, b)
        )
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert {answer.status_code for answer in answers} <= {200, 404, 409, 422}, [
            answer.text for answer in answers
        ]
        assert 1 <= len(won) <= 2  # b into c, and a into b before that, may both come to pass
        assert len({each["merged_id"] for each in won}) == len(won)


async def test_an_undo_is_refused_and_named_when_a_moved_row_was_changed_since(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, other = await a_customer(system), await a_customer(system, addresses=[{"city": "Zürich"}])
    merge = await done(marketing, one["id"], other["id"])
    await execute(
        system, "UPDATE customer_addresses SET kind = 'x' WHERE customer_id = :id", id=UUID(one["id"])
    )
    refused = await undone(marketing, merge)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert [each["table"] for each in refused.json()["changed"]] == ["customer_addresses"]
    assert (await marketing.get(f"/v1/merges/{merge['id']}")).json()["undone_at"] is None


async def test_what_makes_no_sense_is_refused(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, person = (await a_customer(system))["id"], (await a_customer(system, kind="person"))["id"]
    assert (await merged(marketing, one, one)).status_code == 422
    assert (await merged(marketing, one, str(uuid4()))).status_code == 422
    assert (await merged(marketing, str(uuid4()), one)).status_code == 404
    assert (await merged(marketing, one, person)).status_code == 409
    other = (await a_customer(system))["id"]
    assert (await merged(marketing, one, other, name="both")).status_code == 422


async def test_what_was_said_to_the_merged_one_is_read_at_the_survivor(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, other = [(await a_customer(system))["id"] for _ in range(2)]
    consents = {}
    for customer, yes in ((one, True), (other, False)):
        body = {
            "channel": "sms",
            "purpose": "care",
            "given": yes,
            "given_at": GIVEN[yes],
            "evidence": "签字",
        }
        answer = await marketing.post(f"/v1/customers/{customer}/consents", body)
        assert answer.status_code == 201, answer.text
        consents[yes] = answer.json()["id"]
    await done(marketing, one, other)
    all_of_them = (await marketing.get(f"/v1/customers/{one}/consents")).json()["items"]
    assert [each["id"] for each in all_of_them] == [consents[False], consents[True]]
    current = await marketing.get(f"/v1/customers/{one}/consents", params={"current": "true"})
    assert [each["given"] for each in current.json()["items"]] == [False]
    story = (await marketing.get(f"/v1/customers/{one}/timeline", params={"limit": 50})).json()["items"]
    assert [each["kind"] for each in story].count("customer.created") == 2


GIVEN = {True: "2026-01-05T10:00:00+08:00", False: "2026-02-05T10:00:00+08:00"}


async def test_what_is_hung_on_a_customer_while_it_is_merged_is_moved_or_refused(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    for turn in range(8):
        one, other = [(await a_customer(system))["id"] for _ in range(2)]
        known = {"system": f"erp{secrets.token_hex(4)}", "external_id": str(turn)}
        hung, merge = await asyncio.gather(
            marketing.post(f"/v1/customers/{other}/external-ids", known), merged(marketing, one, other)
        )
        assert (hung.status_code in {201, 404}, merge.status_code) == (True, 200), (hung.text, merge.text)
        left = await system.scalar(
            "SELECT count(*) FROM external_ids WHERE customer_id = :id", id=UUID(other)
        )
        assert left == 0


async def test_whoever_comes_after_a_merge_under_way_waits_for_it_and_is_told(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, other = [(await a_customer(system))["id"] for _ in range(2)]
    async with system.database.sessions.begin() as session:
        await merges.merge(session, marketing.principal, UUID(one), MergeCreate(merged_id=UUID(other)))
        note = asyncio.create_task(marketing.post(f"/v1/customers/{other}/notes", {"text": "顺丰"}))
        await until_somebody_waits(system)
    assert (await note).status_code == 404


async def until_somebody_waits(system: System) -> None:
    async with asyncio.timeout(10), owner(system) as connection:
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            pass


async def test_a_proposal_about_a_customer_that_was_merged_is_told_where_it_belongs(system: System) -> None:
    marketing, finance = await system.as_role(Role.MARKETING), await system.as_role(Role.FINANCE)
    one, other = [(await a_customer(system))["id"] for _ in range(2)]
    proposal = await finance.post(
        f"/v1/customers/{other}/proposals", {"changes": {"name": "顺丰"}, "evidence": "发票"}
    )
    assert proposal.status_code == 201, proposal.text
    merge = await done(marketing, one, other)
    path = f"/v1/proposals/{proposal.json()['id']}/approve"
    refused = await marketing.post(path, {"reason": "属实"})
    assert (refused.status_code, refused.json()["customer_id"]) == (409, one)
    assert (await undone(marketing, merge)).status_code == 200
    assert (await marketing.post(path, {"reason": "属实"})).status_code == 200


async def test_after_an_erasure_nothing_is_kept_by_which_a_merge_could_be_undone(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    one, other = [(await a_customer(system))["id"] for _ in range(2)]
    merge = await done(marketing, one, other)
    async with system.database.sessions.begin() as session:
        await erasure.anonymise(
            session, marketing.principal, await erasure.of_customer(session, UUID(one)), None
        )
    assert (await undone(marketing, merge)).status_code == 409
    for table in ("merged_rows WHERE merge_id = :id", "duplicate_keys WHERE customer_id = :id"):
        of = merge["id"] if "merge" in table else one
        assert await system.scalar(f"SELECT count(*) FROM {table}", id=UUID(of)) == 0


async def test_a_customer_never_comes_to_stand_above_itself(system: System) -> None:
    marketing = await system.as_role(Role.MARKETING)
    below, between, top = [UUID((await a_customer(system))["id"]) for _ in range(3)]
    for child, parent in ((below, between), (between, top)):
        await link(system, child, "parent", parent)
    refused = await merged(marketing, str(below), str(top))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/body/merged_id")
    await done(marketing, str(between), str(top))


async def link(system: System, customer: UUID, kind: str, other: UUID) -> None:
    await execute(
        system,
        "INSERT INTO customer_links (customer_id, kind, other_id) VALUES (:a, :kind, :b) ON CONFLICT DO NOTHING",
        a=customer,
        kind=kind,
        b=other,
    )


LINKS: dict[str, str] = {
    "contact": "INSERT INTO customer_contacts VALUES ('{0}', '{person}') ON CONFLICT DO NOTHING",
    "address": "INSERT INTO customer_addresses (id, customer_id, address) VALUES (gen_random_uuid(), '{0}', '{{\"city\": \"Zürich\"}}')",
    "payer": "INSERT INTO customer_links (customer_id, kind, other_id) VALUES ('{0}', 'bill_to', '{1}') ON CONFLICT DO NOTHING",
    "place": "INSERT INTO customer_links (customer_id, kind, other_id) VALUES ('{0}', 'ship_to', '{1}') ON CONFLICT DO NOTHING",
    "id": "INSERT INTO external_ids VALUES ('erp', gen_random_uuid()::text, '{0}')",
    "consent": "INSERT INTO consents (id, customer_id, channel, purpose, given, given_at, evidence, recorded_by)"
    " VALUES (gen_random_uuid(), '{0}', 'sms', 'care', true, now(), '签字', '{user}')",
    "note": "INSERT INTO customer_notes (id, customer_id, author_id, text) VALUES (gen_random_uuid(), '{0}', '{user}', '顺丰')",
    "grant": "INSERT INTO customer_grants (customer_id, user_id, reason, granted_by) VALUES ('{0}', '{user}', '代班', '{user}')"
    " ON CONFLICT DO NOTHING",
    "partner": "INSERT INTO client_customers VALUES ('{client}', '{0}') ON CONFLICT DO NOTHING",
    "task": "INSERT INTO tasks (id, customer_id, rule, department, fields, due_at, state, version)"
    " VALUES (gen_random_uuid(), '{0}', 'r', 'sales', '{{name}}', now(), 'open', 1) ON CONFLICT DO NOTHING",
    "member": "INSERT INTO segment_members (id, segment_id, customer_id, added_by)"
    " VALUES (gen_random_uuid(), '{segment}', '{0}', '{user}') ON CONFLICT DO NOTHING",
    "was a member": "INSERT INTO segment_members (id, segment_id, customer_id, added_by, removed_at)"
    " VALUES (gen_random_uuid(), '{segment}', '{0}', '{user}', now())",
    "seen": "INSERT INTO segment_seen VALUES ('{segment}', '{0}') ON CONFLICT DO NOTHING",
    "hold": "INSERT INTO legal_holds (id, customer_id, reason, placed_by, version)"
    " VALUES (gen_random_uuid(), '{0}', '诉讼', '{user}', 1)",
    "paper": "INSERT INTO documents (id, customer_id, kind, project, state, latest, created_by, version)"
    " VALUES (gen_random_uuid(), '{0}', 'contract', '顺丰年框', 'kept', 1, '{user}', 1)",
    "request": "INSERT INTO privacy_requests (id, kind, state, customer_id, contact_id, received_at, due_at, created_by, version)"
    " VALUES (gen_random_uuid(), 'access', 'received', '{0}', '{person}', now(), now(), '{user}', 1)",
    "leak": "INSERT INTO leak_customers VALUES ('{leak}', '{0}') ON CONFLICT DO NOTHING",
    "confirmed": "INSERT INTO confirmations (id, customer_id, field, method, confirmed_by)"
    " VALUES (gen_random_uuid(), '{0}', 'name', 'call', '{user}')",
    "proposal": "INSERT INTO proposals (id, customer_id, base_version, changes, evidence, state, proposed_by, version)"
    " VALUES (gen_random_uuid(), '{0}', 1, '{{}}', '', 'proposed', '{user}', 1)",
    "code": "UPDATE customers SET code = NULL, owner_id = '{user}', tier = 'large' WHERE id = '{0}'",
    "pair": "INSERT INTO duplicate_pairs (one_id, other_id, cluster_id, dismissed_at, dismissed_by, reason)"
    " VALUES (least('{0}'::uuid, '{1}'), greatest('{0}'::uuid, '{1}'), '{0}', now(), '{user}', '不同') ON CONFLICT DO NOTHING",
}
PLACED = (
    (
        "INSERT INTO segments (id, name, kind, filter_version, created_by, version)"
        " VALUES ('{segment}', '{segment}', 'static', 1, '{user}', 1)"
    ),
    (
        "INSERT INTO leak_incidents (id, state, description, discovered_at, reported_by, kinds, version)"
        " VALUES ('{leak}', 'reported', '', now(), '{user}', '{{}}', 1)"
    ),
)
"""What several links lead to."""
PLACES = st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(lambda both: both[0] != both[1])


@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    links=st.lists(st.tuples(st.sampled_from(sorted(LINKS)), PLACES), max_size=25),
    merges=st.lists(PLACES, min_size=1, max_size=3),
    sides=st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(["survivor", "merged"]) for name in survivorship.RULES}
    ),
)
async def test_whatever_is_linked_a_merge_and_its_undo_leave_every_row_as_it_was(
    system: System, links: list[Any], merges: list[Any], sides: dict[str, str]
) -> None:
    marketing = await system.as_role(Role.MARKETING)
    own, phone = chr(0x4E00 + secrets.randbelow(9000)), f"139{secrets.randbelow(10**8):08d}"
    names = [f"杭州{own}禾茶业有限公司", f"{own}禾茶业", f"Zürich {own} AG", f"顺丰１２３{own}"]
    four = [await a_customer(system, name=name, contacts=[{"name": "王", "phone": phone}]) for name in names]
    ids = [each["id"] for each in four]
    person = await system.scalar(
        "SELECT contact_id FROM customer_contacts WHERE customer_id = :id", id=UUID(ids[0])
    )
    known = {"person": person, "user": marketing.id, "client": (await system.partner(ids[3])).principal.id}
    async with owner(system) as connection:
        known |= {"segment": uuid4(), "leak": uuid4()}
        for statement in PLACED:
            await connection.execute(statement.format(**known))
        for name, (a, b) in links:
            await connection.execute(LINKS[name].format(ids[a], ids[b], **known))
        async with system.database.sessions.begin() as session:
            await found.note(session, [UUID(each) for each in ids])
        before = {k: v for k, v in (await contents(connection)).items() if k not in ITS_OWN}
        made = []
        for a, b in merges:
            answer = await merged(marketing, ids[a], ids[b], **sides)
            assert answer.status_code in {200, 404, 409, 422}, answer.text
            made += [answer.json()] if answer.status_code == 200 else []
        for merge in reversed(made):
            answer = await undone(marketing, merge)
            assert answer.status_code == 200, answer.text
        after = {k: v for k, v in (await contents(connection)).items() if k not in ITS_OWN}
    assert {name for name in after if after[name] != before[name]} == set()
