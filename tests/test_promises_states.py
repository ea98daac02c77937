"""Every verb of the API moves its thing along the graph, and an illegal move is told the legal ones."""

from enum import StrEnum
from typing import Any, NamedTuple

import pytest

from app.models.base import Base, Stateful
from app.models.clock import ClockWaiver, WaiverState
from app.models.complaint import Complaint, ComplaintState
from app.models.complaint_end import ClosingState, ComplaintClosing
from app.models.customer import Customer, CustomerState
from app.models.delivery_exception import DeliveryException, ExceptionState
from app.models.document import Document, DocumentState
from app.models.exception_rule import FollowUp, FollowUpState
from app.models.export import Export, ExportState
from app.models.job import Job, JobState
from app.models.leak import LeakIncident, LeakState
from app.models.order import Order, OrderState
from app.models.privacy import PrivacyRequest, PrivacyRequestState
from app.models.shipment import ShipmentStatus
from app.models.verification import Proposal, ProposalState, Task, TaskState
from app.services.fold import TERMINAL
from tests.operations import described
from tests.owner import owner
from tests.shapes import faults
from tests.system import System
from tests.world import World


class Move(NamedTuple):
    """A verb of a state machine, and the state it leads to."""

    model: Any
    to: StrEnum


MOVES: dict[str, Move] = {
    "activate_customer": Move(Customer, CustomerState.ACTIVE),
    "rest_customer": Move(Customer, CustomerState.DORMANT),
    "lose_customer": Move(Customer, CustomerState.LOST),
    "close_customer": Move(Customer, CustomerState.CLOSED),
    "acknowledge_complaint": Move(Complaint, ComplaintState.ACKNOWLEDGED),
    "pause_complaint": Move(Complaint, ComplaintState.WAITING),
    "answer_complaint": Move(Complaint, ComplaintState.ANSWERED),
    "withdraw_complaint": Move(Complaint, ComplaintState.WITHDRAWN),
    "hand_over_order": Move(Order, OrderState.HANDED_OVER),
    "accept_order": Move(Order, OrderState.ACCEPTED),
    "cancel_order": Move(Order, OrderState.CANCELLED),
    "acknowledge_delivery_exception": Move(DeliveryException, ExceptionState.ACKNOWLEDGED),
    "await_customer_on_delivery_exception": Move(DeliveryException, ExceptionState.AWAITING_CUSTOMER),
    "resolve_delivery_exception": Move(DeliveryException, ExceptionState.RESOLVED),
    "dismiss_delivery_exception": Move(DeliveryException, ExceptionState.DISMISSED),
    "complete_task": Move(Task, TaskState.DONE),
    "finish_exception_follow_up": Move(FollowUp, FollowUpState.DONE),
    "cancel_task": Move(Task, TaskState.CANCELLED),
    "approve_proposal": Move(Proposal, ProposalState.APPROVED),
    "reject_proposal": Move(Proposal, ProposalState.REJECTED),
    "withdraw_document": Move(Document, DocumentState.WITHDRAWN),
    "reinstate_document": Move(Document, DocumentState.KEPT),
    "cancel_job": Move(Job, JobState.CANCELLED),
    "investigate_leak": Move(LeakIncident, LeakState.INVESTIGATING),
    "contain_leak": Move(LeakIncident, LeakState.CONTAINED),
    "notify_leak": Move(LeakIncident, LeakState.NOTIFIED),
    "close_leak": Move(LeakIncident, LeakState.CLOSED),
    "dismiss_leak": Move(LeakIncident, LeakState.NOT_A_LEAK),
    "verify_privacy_request": Move(PrivacyRequest, PrivacyRequestState.VERIFIED),
    "complete_privacy_request": Move(PrivacyRequest, PrivacyRequestState.DONE),
    "refuse_privacy_request": Move(PrivacyRequest, PrivacyRequestState.REFUSED),
    "approve_clock_waiver": Move(ClockWaiver, WaiverState.APPROVED),
    "decline_clock_waiver": Move(ClockWaiver, WaiverState.DECLINED),
    "approve_export": Move(Export, ExportState.APPROVED),
    "reject_export": Move(Export, ExportState.REJECTED),
}
DEEDS = {
    "disable_user",
    "enable_user",
    "reset_password",
    "disable_client",
    "enable_client",
    "rotate_client_secret",
    "end_carrier_code",
    "merge_customers",  # ends one of two customers; tests/test_merges.py judges it
    "preview_merge",
    "undo_merge",
    "add_contact",
    "join_contact",
    "add_address",
    "add_calendar_version",
    "add_sla_policy_version",
    "end_sla_policy",
    "preview_retarget",
    "retarget_clocks",
    "add_external_id",
    "record_consent",
    "add_customer_note",
    "transfer_customer",
    "verify_customer",
    "create_proposal",
    "add_document_version",
    "change_segment_member",
    "change_segment_members",
    "assign_complaint",
    "add_partner_complaint_message",
    "accept_partner_complaint",  # an answer; see tests/test_partner_complaints.py
    "reject_partner_complaint",
    "reveal_complaint",
    "add_complaint_message",
    "add_complaint_note",
    "render_message_template",
    "add_complaint_attachment",
    "withdraw_complaint_attachment",
    "merge_complaints",  # ends one of two; tests/test_complaint_merges.py judges it
    "undo_complaint_merge",
    "request_clock_waiver",
    "escalate_complaint",
    "investigate_complaint",  # not from an answer, which a call-back judges; see tests/test_complaints.py
    "resume_complaint",  # out of a pause only
    "compose_complaint_report",
    "confirm_complaint_report",
    "record_complaint_call_back",
    "make_confirmation_link",
    "close_complaint",  # with all that it needs; tests/test_complaint_closing.py judges it
    "request_complaint_closing",
    "approve_complaint_closing",  # by a superior alone; tests/test_complaint_closing.py
    "decline_complaint_closing",
    "reopen_complaint",  # for some time only
    "reopen_shipment",  # judged below: a shipment's status is what its events say
    "reveal_customer",
    "reveal_shipment",
    "copy_privacy_request",
    "lift_legal_hold",
    "cancel_import",
    "undo_import",
}
"""What is made under a thing, and verbs on what has no state machine: they may be said at any time."""

CASES = [(name, state) for name, move in MOVES.items() for state in type(move.to)]


async def put(system: System, table: str, key: str, column: str, value: str) -> None:
    """Put one row into a state, however it would have got there."""
    name = "tracking_no" if table == "shipments" else "id::text"
    async with owner(system) as connection:
        done = await connection.execute(f"UPDATE {table} SET {column} = $1 WHERE {name} = $2", value, key)
    assert done == "UPDATE 1"


@pytest.fixture(scope="module")
async def things(system: System) -> dict[type[Any], str]:
    """One of each, to be put into one state after the other."""
    world = World(system)
    return {
        Customer: await world.home_id(),
        Complaint: await world.complaint_id(),
        Order: await world.order_id(),
        DeliveryException: await world.exception_id(),
        Job: await world.job_id(),
        Task: await world.task_id(),
        FollowUp: await world.task_follow_up_id(),
        Proposal: await world.proposal_id(),
        LeakIncident: await world.incident_id(),
        ClockWaiver: await world.waiver_id(),
        Export: await world.export_id(),
        Document: await world.document_id(),
        PrivacyRequest: await world.request_id(),
    }


@pytest.mark.parametrize(("name", "state"), CASES)
async def test_a_verb_moves_along_the_graph_or_is_told_how_one_may(
    system: System, things: dict[type[Any], str], name: str, state: StrEnum
) -> None:
    (model, to), world = MOVES[name], World(system)
    (place,) = [each[1:-1] for each in described()[name]["path"].split("/") if each.startswith("{")]
    await put(system, model.__tablename__, things[model], "state", state)
    answer = await world.send(await world.somebody(name), await world.request(name, **{place: things[model]}))
    legal = model.transitions[state]
    if to in legal:
        moved = answer.json()
        assert (answer.status_code, moved.get("state", moved.get("status"))) == (200, to)
        return
    problem = answer.json()
    assert faults(answer, 409, "illegal-transition") == []
    assert (problem["current"], problem["allowed"]) == (state, sorted(legal))
    assert all(each in problem["detail"] for each in legal)


@pytest.mark.parametrize("status", ShipmentStatus)
async def test_only_a_finished_shipment_is_reopened_and_to_another_status(
    system: System, status: ShipmentStatus
) -> None:
    world = World(system)
    number = await world.known_no()
    await put(system, "shipments", number, "status", status)
    request = await world.request("reopen_shipment", tracking_no=number)
    body = request["json"] | {"status": status}
    answer = await world.send(await world.somebody("reopen_shipment"), request | {"json": body})
    problem = answer.json()
    assert faults(answer, 409, "illegal-transition") == []
    others = sorted(set(ShipmentStatus) - {status}) if status in TERMINAL else []
    assert (problem["current"], problem["allowed"]) == (status, others)


def test_every_verb_of_the_api_is_on_one_of_the_lists() -> None:
    verbs = {name for name, each in described().items() if each["method"] == "POST" and "}/" in each["path"]}
    assert verbs == MOVES.keys() | DEEDS


def test_every_state_that_a_person_may_choose_has_a_verb() -> None:
    """The others are entered by the worker, or by a merge."""
    models = {mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Stateful)}
    assert models == {move.model for move in MOVES.values()} | {ComplaintClosing}
    chosen: set[tuple[Any, Any]] = {(move.model, move.to) for move in MOVES.values()}
    entered: set[tuple[Any, Any]] = {
        (model, to) for model in models for targets in model.transitions.values() for to in targets
    }
    assert entered - chosen == {
        (Job, JobState.RUNNING),
        (Job, JobState.DONE),
        (Job, JobState.FAILED),
        (Complaint, ComplaintState.INVESTIGATING),  # from some states only; tests/test_complaints.py
        (Complaint, ComplaintState.REOPENED),
        (Complaint, ComplaintState.CLOSED),
        (Complaint, ComplaintState.CLOSED_NOT_ACCEPTED),
        (Complaint, ComplaintState.MERGED),
        (ComplaintClosing, ClosingState.APPROVED),
        (ComplaintClosing, ClosingState.DECLINED),
        (Customer, CustomerState.MERGED),
        (Document, DocumentState.ERASED),
        (Export, ExportState.READY),
        (Export, ExportState.EXPIRED),
        (Export, ExportState.FAILED),
    }
