"""What somebody may not see is for them as if it did not exist, wherever a request names it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.roles import ROLE_SCOPES, Role, Scope
from tests.calls import CALLS, ITEMS
from tests.operations import body_schema, described, parameters, resolved, schema_named
from tests.owner import execute
from tests.policy import MAY
from tests.steps import told
from tests.system import Caller, System, a_number
from tests.world import World

pytestmark = pytest.mark.sweep

WRITTEN = "the list holds what its requester may see, whatever it asks for; see test_exports.py"

IN_TERMS = "422 that points into the terms, where there is nothing; see test_exports.py"

HIDDEN = "404, for another's as for nothing"
EMPTY = "the same answer for another's as for nothing"
OWN_ONLY = "sales are refused another's as they are nothing; others, nothing"
REFUSED = "422 that points at it, where there is nothing"
PARTED = "422 that points at it, for another customer's as for nothing"
UNSEEN = "422 that points at it, for a customer of another's as for nothing"
GONE = "404 where there is nothing; the house's own, not a customer's"
NONE = "nothing is found; the house's own, not a customer's"
NEW = "it names what is made"
PARKED = "kept until the number is known"
APART = "200, under not_found"
FIGURES = "figures of all customers are for those who may read figures"

REFERENCES: dict[str, str] = {
    "list_users query department_id": NONE,
    "create_user body department_id": REFUSED,
    "create_user body superior_id": REFUSED,
    "create_user body deputy_id": REFUSED,
    "get_user path user_id": GONE,
    "change_user path user_id": GONE,
    "change_user body department_id": REFUSED,
    "change_user body superior_id": REFUSED,
    "change_user body deputy_id": REFUSED,
    "disable_user path user_id": GONE,
    "enable_user path user_id": GONE,
    "reset_password path user_id": GONE,
    "create_client body customer_ids": REFUSED,
    "get_client path client_id": GONE,
    "change_client path client_id": GONE,
    "change_client body customer_ids": REFUSED,
    "disable_client path client_id": GONE,
    "enable_client path client_id": GONE,
    "rotate_client_secret path client_id": GONE,
    "create_department body parent_id": REFUSED,
    "create_department body head_id": REFUSED,
    "list_customers query owner_id": EMPTY,
    "create_customer body owner_id": OWN_ONLY,
    "get_customer path customer_id": HIDDEN,
    "change_customer path customer_id": HIDDEN,
    "change_customer body owner_id": OWN_ONLY,
    "activate_customer path customer_id": HIDDEN,
    "rest_customer path customer_id": HIDDEN,
    "lose_customer path customer_id": HIDDEN,
    "close_customer path customer_id": HIDDEN,
    "list_duplicates query customer_id": EMPTY,
    "dismiss_duplicate body one_id": UNSEEN,
    "dismiss_duplicate body other_id": UNSEEN,
    "preview_merge path customer_id": HIDDEN,
    "preview_merge body merged_id": UNSEEN,
    "merge_customers path customer_id": HIDDEN,
    "merge_customers body merged_id": UNSEEN,
    "get_merge path merge_id": HIDDEN,
    "undo_merge path merge_id": HIDDEN,
    "add_contact path customer_id": HIDDEN,
    "get_contact path customer_id": HIDDEN,
    "get_contact path contact_id": HIDDEN,
    "join_contact path customer_id": HIDDEN,
    "join_contact path contact_id": HIDDEN,
    "change_contact path customer_id": HIDDEN,
    "change_contact path contact_id": HIDDEN,
    "remove_contact path customer_id": HIDDEN,
    "remove_contact path contact_id": HIDDEN,
    "add_address path customer_id": HIDDEN,
    "replace_address path customer_id": HIDDEN,
    "replace_address path address_id": HIDDEN,
    "remove_address path customer_id": HIDDEN,
    "remove_address path address_id": HIDDEN,
    "list_customer_links path customer_id": HIDDEN,
    "link_customers path customer_id": HIDDEN,
    "link_customers path other_id": HIDDEN,
    "unlink_customers path customer_id": HIDDEN,
    "unlink_customers path other_id": HIDDEN,
    "list_external_ids path customer_id": HIDDEN,
    "add_external_id path customer_id": HIDDEN,
    "remove_external_id path customer_id": HIDDEN,
    "list_consents path customer_id": HIDDEN,
    "record_consent path customer_id": HIDDEN,
    "list_customer_notes path customer_id": HIDDEN,
    "add_customer_note path customer_id": HIDDEN,
    "transfer_customer path customer_id": HIDDEN,
    "list_grants path customer_id": HIDDEN,
    "lend_customer path customer_id": HIDDEN,
    "take_customer_back path customer_id": HIDDEN,
    "read_timeline path customer_id": HIDDEN,
    "read_purchases path customer_id": HIDDEN,
    "search_customers body owner_id": EMPTY,
    "search_customers body tracking_no": EMPTY,
    "record_consent body contact_id": PARTED,
    "hand_over_customers body from_owner_id": REFUSED,
    "hand_over_customers body to_owner_id": REFUSED,
    "transfer_customer body owner_id": REFUSED,
    "transfer_customer body team_id": REFUSED,
    "lend_customer path user_id": GONE,
    "take_customer_back path user_id": GONE,
    "get_team path team_id": GONE,
    "create_team body department_id": REFUSED,
    "create_team body lead_id": REFUSED,
    "create_team body member_ids": REFUSED,
    "change_team path team_id": GONE,
    "change_team body department_id": REFUSED,
    "change_team body lead_id": REFUSED,
    "change_team body member_ids": REFUSED,
    "name_liaison path department_id": GONE,
    "name_liaison body liaison_id": REFUSED,
    "get_customer_verification path customer_id": HIDDEN,
    "verify_customer path customer_id": HIDDEN,
    "list_tasks query customer_id": EMPTY,
    "get_task path task_id": HIDDEN,
    "complete_task path task_id": HIDDEN,
    "cancel_task path task_id": HIDDEN,
    "list_proposals query customer_id": EMPTY,
    "get_proposal path proposal_id": HIDDEN,
    "create_proposal path customer_id": HIDDEN,
    "create_proposal body owner_id": REFUSED,
    "approve_proposal path proposal_id": HIDDEN,
    "reject_proposal path proposal_id": HIDDEN,
    "create_sla_policy body calendar_id": REFUSED,
    "create_sla_policy body customer_id": REFUSED,
    "add_sla_policy_version body calendar_id": REFUSED,
    "add_sla_policy_version body customer_id": REFUSED,
    "approve_clock_waiver path waiver_id": GONE,
    "decline_clock_waiver path waiver_id": GONE,
    "get_calendar path calendar_id": GONE,
    "get_calendar_year path calendar_id": GONE,
    "add_calendar_version path calendar_id": GONE,
    "get_segment path segment_id": GONE,
    "change_segment path segment_id": GONE,
    "list_segment_versions path segment_id": GONE,
    "list_segment_members path segment_id": GONE,
    "list_segment_member_changes path segment_id": GONE,
    "change_segment_member path segment_id": GONE,
    "change_segment_member body customer_id": REFUSED,
    "change_segment_members path segment_id": GONE,
    "change_segment_members item customer_id": REFUSED,
    "list_segment_sizes path segment_id": GONE,
    "get_segment_rfm path segment_id": GONE,
    "list_segment_rfm path segment_id": GONE,
    "list_documents query customer_id": EMPTY,
    "get_document path document_id": HIDDEN,
    "add_document_version path document_id": HIDDEN,
    "get_document_content path document_id": HIDDEN,
    "withdraw_document path document_id": HIDDEN,
    "reinstate_document path document_id": HIDDEN,
    "list_complaints query customer_id": EMPTY,
    "list_complaints query handler_id": EMPTY,
    "list_complaints query team_id": EMPTY,
    "list_complaints query tracking_no": EMPTY,
    "search_complaints body tracking_no": EMPTY,
    "search_complaints body customer_id": EMPTY,
    "search_complaints body handler_id": EMPTY,
    "search_complaints body team_id": EMPTY,
    "get_complaint path complaint_id": HIDDEN,
    "list_complaint_assignments path complaint_id": HIDDEN,
    "create_complaint body customer_id": REFUSED,
    "change_complaint path complaint_id": HIDDEN,
    "change_complaint body customer_id": REFUSED,
    "acknowledge_complaint path complaint_id": HIDDEN,
    "assign_complaint path complaint_id": HIDDEN,
    "assign_complaint body handler_id": REFUSED,
    "investigate_complaint path complaint_id": HIDDEN,
    "pause_complaint path complaint_id": HIDDEN,
    "resume_complaint path complaint_id": HIDDEN,
    "answer_complaint path complaint_id": HIDDEN,
    "escalate_complaint path complaint_id": HIDDEN,
    "withdraw_complaint path complaint_id": HIDDEN,
    "reopen_complaint path complaint_id": HIDDEN,
    "list_complaint_clocks path complaint_id": HIDDEN,
    "explain_complaint_clock path complaint_id": HIDDEN,
    "list_complaint_escalations query complaint_id": EMPTY,
    "list_complaint_escalations query to_id": EMPTY,
    "request_clock_waiver path clock_id": HIDDEN,
    "reveal_complaint path complaint_id": HIDDEN,
    "list_complaint_messages path complaint_id": HIDDEN,
    "add_complaint_message path complaint_id": HIDDEN,
    "add_complaint_note path complaint_id": HIDDEN,
    "list_complaint_attachments path complaint_id": HIDDEN,
    "add_complaint_attachment path complaint_id": HIDDEN,
    "get_complaint_attachment_content path complaint_id": HIDDEN,
    "get_complaint_attachment_content path attachment_id": HIDDEN,
    "withdraw_complaint_attachment path complaint_id": HIDDEN,
    "withdraw_complaint_attachment path attachment_id": HIDDEN,
    "list_complaint_links path complaint_id": HIDDEN,
    "link_complaints path complaint_id": HIDDEN,
    "link_complaints path other_id": HIDDEN,
    "unlink_complaints path complaint_id": HIDDEN,
    "unlink_complaints path other_id": HIDDEN,
    "list_complaint_watchers path complaint_id": HIDDEN,
    "watch_complaint path complaint_id": HIDDEN,
    "unwatch_complaint path complaint_id": HIDDEN,
    "list_complaint_merges path complaint_id": HIDDEN,
    "merge_complaints path complaint_id": HIDDEN,
    "get_complaint_merge path merge_id": HIDDEN,
    "undo_complaint_merge path merge_id": HIDDEN,
    "merge_complaints body merged_id": UNSEEN,
    "render_message_template body complaint_id": UNSEEN,
    "check_complaint body customer_id": REFUSED,
    "watch_complaint path user_id": GONE,
    "unwatch_complaint path user_id": GONE,
    "list_complaints query watcher_id": NONE,
    "search_complaints body watcher_id": EMPTY,
    "list_legal_holds query complaint_id": NONE,
    "place_legal_hold body complaint_id": REFUSED,
    "compose_complaint_report path complaint_id": HIDDEN,
    "get_complaint_report path complaint_id": HIDDEN,
    "confirm_complaint_report path complaint_id": HIDDEN,
    "get_complaint_report_pdf path complaint_id": HIDDEN,
    "get_complaint_closing path complaint_id": HIDDEN,
    "close_complaint path complaint_id": HIDDEN,
    "list_complaint_call_backs path complaint_id": HIDDEN,
    "record_complaint_call_back path complaint_id": HIDDEN,
    "make_confirmation_link path complaint_id": HIDDEN,
    "request_complaint_closing path complaint_id": HIDDEN,
    "approve_complaint_closing path closing_id": GONE,
    "decline_complaint_closing path closing_id": GONE,
    "set_complaint_handler path user_id": GONE,
    "list_orders query customer_id": EMPTY,
    "create_order body customer_id": REFUSED,
    "create_order body customer_code": REFUSED,
    "get_order path order_id": HIDDEN,
    "hand_over_order path order_id": HIDDEN,
    "accept_order path order_id": HIDDEN,
    "cancel_order path order_id": HIDDEN,
    "create_shipment body tracking_no": NEW,
    "create_shipment body customer_id": REFUSED,
    "create_shipment body customer_code": REFUSED,
    "create_shipment body order_id": PARTED,
    "create_shipments item tracking_no": NEW,
    "create_shipments item customer_id": REFUSED,
    "create_shipments item customer_code": REFUSED,
    "create_shipments item order_id": PARTED,
    "list_shipments query customer_id": EMPTY,
    "count_shipments query customer_id": EMPTY,
    "get_shipment path tracking_no": HIDDEN,
    "reopen_shipment path tracking_no": HIDDEN,
    "push_tracking_event body tracking_no": PARKED,
    "push_tracking_events item tracking_no": PARKED,
    "push_delivery_exception body tracking_no": PARKED,
    "push_delivery_exceptions item tracking_no": PARKED,
    "list_delivery_exceptions query customer_id": EMPTY,
    "list_delivery_exceptions query tracking_no": EMPTY,
    "get_delivery_exception path exception_id": HIDDEN,
    "acknowledge_delivery_exception path exception_id": HIDDEN,
    "await_customer_on_delivery_exception path exception_id": HIDDEN,
    "resolve_delivery_exception path exception_id": HIDDEN,
    "dismiss_delivery_exception path exception_id": HIDDEN,
    "list_carrier_codes query list": NONE,
    "create_carrier_code body list": REFUSED,
    "end_carrier_code path code_id": GONE,
    "get_code_list path list": GONE,
    "look_up_shipments query tracking_no": APART,
    "create_partner_complaint body customer_id": REFUSED,
    "create_partner_complaint body customer_code": REFUSED,
    "list_exception_follow_ups query tracking_no": EMPTY,
    "list_exception_follow_ups query complaint_id": EMPTY,
    "finish_exception_follow_up path follow_up_id": HIDDEN,
    "read_kpi query customer_id": FIGURES,
    "list_kpi_rows query customer_id": FIGURES,
    "read_on_time query customer_id": FIGURES,
    "get_job path job_id": GONE,
    "cancel_job path job_id": GONE,
    "list_accesses query principal_id": NONE,
    "list_audit_events query subject_id": NONE,
    "reveal_customer path customer_id": HIDDEN,
    "reveal_shipment path tracking_no": HIDDEN,
    "list_accesses query customer_id": NONE,
    "list_leaks query customer_id": NONE,
    "get_leak path incident_id": GONE,
    "list_leak_accesses path incident_id": GONE,
    "change_leak path incident_id": GONE,
    "change_leak body customer_ids": REFUSED,
    "investigate_leak path incident_id": GONE,
    "contain_leak path incident_id": GONE,
    "notify_leak path incident_id": GONE,
    "close_leak path incident_id": GONE,
    "dismiss_leak path incident_id": GONE,
    "list_privacy_requests query customer_id": EMPTY,
    "create_privacy_request body customer_id": REFUSED,
    "create_privacy_request body contact_id": REFUSED,
    "get_privacy_request path request_id": HIDDEN,
    "verify_privacy_request path request_id": HIDDEN,
    "copy_privacy_request path request_id": HIDDEN,
    "complete_privacy_request path request_id": HIDDEN,
    "refuse_privacy_request path request_id": HIDDEN,
    "list_legal_holds query customer_id": EMPTY,
    "place_legal_hold body customer_id": REFUSED,
    "lift_legal_hold path hold_id": HIDDEN,
    "get_import path import_id": GONE,
    "get_import_errors path import_id": GONE,
    "cancel_import path import_id": GONE,
    "undo_import path import_id": GONE,
    "create_export body owner_id": WRITTEN,
    "create_export body segment_id": IN_TERMS,
    "get_export path export_id": GONE,
    "get_export_file path export_id": GONE,
    "approve_export path export_id": GONE,
    "reject_export path export_id": GONE,
}

NUMBERS = {"tracking_no", "customer_code", "list"}
"""What names an object beside ids."""

INSTEAD = {"customer_code", "complaint_id"}
"""What is named in place of a customer."""

NARROW = frozenset(Scope) - {Scope.CUSTOMERS_ALL, Scope.PARTNER_TRACKING}
"""Everything, but for own customers only: no role has it, so that a role to come is covered too."""


def leaves(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field in a body of this schema that holds no others."""
    for name, each in schema.get("properties", {}).items():
        inner = resolved(each)
        inner = resolved(inner["items"]) if inner.get("type") == "array" else inner
        yield from leaves(inner) if "properties" in inner else [(name, inner)]


def named() -> Iterator[str]:
    """Every place in a request of any operation that names an object."""
    for name, operation in described().items():
        places: dict[str, Any] = {part: parameters(operation, part).items() for part in ("path", "query")}
        places["body"] = leaves(body_schema(operation) or {})
        places["item"] = leaves(schema_named(ITEMS.get(name, "ExceptionNote")))
        for part, fields in places.items():
            for field, schema in fields:
                if field in NUMBERS or resolved(schema).get("format") == "uuid":
                    yield f"{name} {part} {field}"


def where(outcome: str) -> list[str]:
    return [reference for reference, each in REFERENCES.items() if each == outcome]


def nothing(field: str) -> str:
    """What names nothing there is, in the form that the place asks for."""
    return a_number() if field in NUMBERS else str(uuid4())


def with_place(request: dict[str, Any], part: str, field: str, value: str) -> dict[str, Any]:
    """The request with another object named in one place of its query, its body or its first item."""
    if part == "query":
        return request | {"params": {**request["params"], field: value}}
    body = request["json"]["items"][0] if part == "item" else request["json"]
    changed = {name: each for name, each in body.items() if not (field in INSTEAD and name == "customer_id")}
    changed[field] = [value] if field.endswith("_ids") else value
    return request | {"json": {"items": [changed]} if part == "item" else changed}


def placed(name: str, field: str, request: dict[str, Any]) -> str:
    """What stands at one place of the request's path."""
    return str(request["path"].split("/")[described()[name]["path"].split("/").index(f"{{{field}}}")])


def at_another(request: dict[str, Any], name: str, field: str, key: str) -> dict[str, Any]:
    """The request with another object named at one place of its path."""
    words = request["path"].split("/")
    words[described()[name]["path"].split("/").index(f"{{{field}}}")] = key
    return request | {"path": "/".join(words)}


@pytest.fixture(scope="module")
async def own(system: System) -> World:
    return World(system)


@pytest.fixture(scope="module")
async def foreign(system: System) -> World:
    """Another's things, which nobody here gets at, so that they last."""
    return World(system, owned=False, uses_nothing_up=True)


@pytest.fixture(scope="module")
async def refused(system: System) -> World:
    """For requests of which none is granted."""
    return World(system, uses_nothing_up=True)


@pytest.fixture(scope="module")
async def filters(own: World, foreign: World) -> dict[str, list[str]]:
    """What lists may be asked for, another's and one's own, with something of every kind behind it."""
    watchers: list[str] = []
    for world in (foreign, own):
        await world.order_id()
        one, other = sorted([UUID(await world.home_id()), UUID(await world.customer_id())])
        pair = "INSERT INTO duplicate_pairs (one_id, other_id, cluster_id) VALUES (:a, :b, :a) ON CONFLICT DO NOTHING"
        await execute(world.system, pair, a=one, b=other)
        await world.task_id(of=await world.home_id())
        await world.proposal_id(of=await world.home_id())
        await world.request_id()
        await world.hold_id()
        await world.document_id()
        await world.watched_complaint_id()
        watchers.append(world.latest)
    raised = [await world.raised() for world in (foreign, own)]
    owners = [await own.system.as_role(role) for role in (Role.MARKETING, Role.SALES)]
    return {
        "customer_id": [await foreign.home_id(), await own.home_id()],
        "owner_id": [owner.id for owner in owners],
        **{name: [each[name] for each in raised] for name in raised[0]},
        "watcher_id": watchers,
    }


@pytest.fixture(scope="module")
async def seller(system: System) -> Caller:
    """Sales, with every scope there is for members of staff but the one that shows all customers."""
    sales = await system.as_role(Role.SALES)
    principal = replace(sales.principal, scopes=NARROW)
    return Caller(system.http, principal, system.tokens.issue(principal))


def test_the_table_names_every_place_that_names_an_object() -> None:
    assert sorted(named()) == sorted(REFERENCES)


@pytest.mark.parametrize("reference", where(HIDDEN))
async def test_in_a_path_anothers_is_as_if_it_were_not_there(
    own: World, foreign: World, seller: Caller, reference: str
) -> None:
    name, _, field = reference.split()
    mine = await own.request(name)
    theirs = at_another(mine, name, field, placed(name, field, await foreign.request(name)))
    absent = at_another(mine, name, field, nothing(field))
    answers = [await own.send(seller, request) for request in (theirs, absent)]
    assert answers[0].status_code == 404, answers[0].text
    assert told(answers[0]) == told(answers[1])
    assert answers[0].headers.keys() == answers[1].headers.keys()
    assert (await own.send(seller, mine)).status_code == CALLS[name].status


@pytest.mark.parametrize("reference", where(EMPTY))
async def test_a_filter_by_anothers_finds_what_one_by_nothing_finds(
    own: World, filters: dict[str, list[str]], seller: Caller, reference: str
) -> None:
    name, part, field = reference.split()
    theirs, mine = filters[field]
    request = await own.request(name)
    found = [
        (await own.send(seller, with_place(request, part, field, value))).json()
        for value in (theirs, nothing(field), mine)
    ]
    assert found[0] == found[1]
    assert found[0]["items"] == []
    assert found[2]["items"], reference


@pytest.mark.parametrize("reference", where(OWN_ONLY))
async def test_sales_give_a_customer_to_nobody_whether_there_is_somebody_or_not(
    own: World, reference: str
) -> None:
    name, part, field = reference.split()
    request = await own.request(name)
    sales, marketing = [await own.caller(role) for role in (Role.SALES, Role.MARKETING)]
    others = (marketing.id, nothing(field))
    answers = [await own.send(sales, with_place(request, part, field, each)) for each in others]
    assert told(answers[0]) == told(answers[1])
    assert answers[0].status_code == 403
    absent = await own.send(marketing, with_place(request, part, field, nothing(field)))
    assert pointers(absent) == [f"/body/{field}"]


def pointers(answer: Any) -> list[str]:
    """Where a 422 points, or that of the first item of a batch."""
    body = answer.json()
    body = body["results"][0]["problem"] if "results" in body else body
    assert body["status"] == 422, answer.text
    return [each["pointer"].replace("/items/0", "") for each in body["errors"]]


@pytest.mark.parametrize("reference", where(REFUSED))
async def test_a_body_that_names_nothing_is_refused_and_told_where(refused: World, reference: str) -> None:
    name, part, field = reference.split()
    request = with_place(await refused.request(name), part, field, nothing(field))
    answer = await refused.send(await refused.somebody(name), request)
    assert pointers(answer) == [f"/body/{field}" + "/0" * field.endswith("_ids")]


@pytest.mark.parametrize("reference", where(PARTED))
async def test_a_body_that_names_another_customers_is_refused_like_one_that_names_nothing(
    own: World, foreign: World, reference: str
) -> None:
    name, part, field = reference.split()
    request, caller = await own.request(name), await own.somebody(name)
    asked = [with_place(request, part, field, each) for each in (await foreign.thing(field), nothing(field))]
    answers = [await own.send(caller, each) for each in asked]
    assert [pointers(answer) for answer in answers] == [[f"/body/{field}"]] * 2
    assert (await own.send(caller, with_place(request, part, field, await own.thing(field)))).is_success


@pytest.mark.parametrize("reference", where(UNSEEN))
async def test_a_body_that_names_a_customer_out_of_sight_is_refused_like_one_that_names_nothing(
    own: World, foreign: World, seller: Caller, reference: str
) -> None:
    name, part, field = reference.split()
    request = await own.request(name)
    asked = [with_place(request, part, field, each) for each in (await foreign.home_id(), nothing(field))]
    answers = [await own.send(seller, each) for each in asked]
    assert [pointers(answer) for answer in answers] == [[f"/body/{field}"]] * 2
    assert told(answers[0]) == told(answers[1])
    assert (await own.send(seller, request)).status_code == CALLS[name].status


@pytest.mark.parametrize("reference", where(GONE))
async def test_where_there_is_nothing_of_the_houses_own_is_404(refused: World, reference: str) -> None:
    name, _, field = reference.split()
    request = at_another(await refused.request(name), name, field, nothing(field))
    answer = await refused.send(await refused.somebody(name), request)
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize("reference", where(NONE))
async def test_a_filter_by_nothing_of_the_houses_own_finds_nothing(own: World, reference: str) -> None:
    name, part, field = reference.split()
    request = with_place(await own.request(name), part, field, nothing(field))
    answer = await own.send(await own.somebody(name), request)
    assert answer.json() == {"items": [], "next_cursor": None, "count": 0}


@pytest.mark.parametrize("reference", where(PARKED))
async def test_a_number_that_nobody_knows_is_parked(own: World, reference: str) -> None:
    name, part, field = reference.split()
    request = with_place(await own.request(name), part, field, nothing(field))
    answer = (await own.send(await own.somebody(name), request)).json()
    assert answer.get("results", [answer])[0]["result"] == "parked"


async def test_a_partner_is_told_of_anothers_number_what_it_is_told_of_none(
    own: World, foreign: World
) -> None:
    partner, numbers = await own.caller(Role.PARTNER), [await foreign.tracking_no(), a_number()]
    for number in numbers:
        answer = await partner.get("/v1/partner/shipments", params={"tracking_no": number})
        assert answer.json() == {"items": [], "not_found": [number]}
    assert (await own.call("look_up_shipments")).json()["items"]


def test_whoever_names_any_customer_in_what_they_make_sees_all_of_them(own: World) -> None:
    """Else a body would tell them which customers there are. Dispatch makes shipments for everybody."""
    for name in ("create_order", "create_shipment", "create_shipments", "create_client", "change_client"):
        for role in MAY[name] - {Role.DISPATCH, Role.ADMIN}:
            assert Scope.CUSTOMERS_ALL in ROLE_SCOPES[Role(role)], (name, role)
    assert where(NEW)
    assert where(APART)
    assert where(FIGURES)
    assert where(WRITTEN)
    assert where(IN_TERMS)
    assert own.owned
