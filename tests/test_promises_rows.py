"""Whatever is refused changes nothing, whatever is read changes nothing, and every other operation does."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.roles import Role
from tests.operations import described, parameters, path_to_nothing
from tests.owner import owner, tables
from tests.policy import MAY
from tests.shapes import faults
from tests.system import Caller, System, running
from tests.world import World

pytestmark = pytest.mark.sweep

PARTS = 4
"""So that several processes share the work."""

AGAIN: dict[str, int] = {
    "create_token": 200,
    "revoke_token": 200,
    "create_department": 409,
    "create_user": 409,
    "change_user": 412,
    "disable_user": 200,
    "enable_user": 200,
    "reset_password": 200,
    "create_client": 409,
    "change_client": 412,
    "disable_client": 200,
    "enable_client": 200,
    "rotate_client_secret": 200,
    "create_customer": 409,
    "change_customer": 412,
    "activate_customer": 409,
    "rest_customer": 409,
    "lose_customer": 409,
    "close_customer": 409,
    "dismiss_duplicate": 200,
    "scan_duplicates": 202,
    "merge_customers": 422,
    "undo_merge": 409,
    "add_contact": 201,
    "join_contact": 409,
    "change_contact": 412,
    "remove_contact": 404,
    "add_address": 201,
    "replace_address": 200,
    "remove_address": 404,
    "link_customers": 204,
    "unlink_customers": 404,
    "add_external_id": 409,
    "remove_external_id": 404,
    "record_consent": 201,
    "add_customer_note": 201,
    "hand_over_customers": 200,
    "transfer_customer": 200,
    "lend_customer": 200,
    "take_customer_back": 404,
    "create_sla_policy": 409,
    "add_sla_policy_version": 201,
    "end_sla_policy": 409,
    "retarget_clocks": 202,
    "approve_clock_waiver": 409,
    "decline_clock_waiver": 409,
    "create_calendar": 409,
    "add_calendar_version": 201,
    "create_team": 409,
    "change_team": 412,
    "name_liaison": 200,
    "verify_customer": 200,
    "complete_task": 409,
    "cancel_task": 409,
    "create_proposal": 201,
    "approve_proposal": 409,
    "reject_proposal": 409,
    "create_segment": 409,
    "change_segment": 412,
    "change_segment_member": 200,
    "change_segment_members": 200,
    "create_document": 201,
    "add_document_version": 201,
    "withdraw_document": 409,
    "reinstate_document": 409,
    "create_complaint": 201,
    "create_partner_complaint": 201,
    "add_partner_complaint_message": 201,
    "accept_partner_complaint": 200,
    "reject_partner_complaint": 409,
    "finish_exception_follow_up": 409,
    "change_complaint": 412,
    "acknowledge_complaint": 409,
    "assign_complaint": 200,
    "investigate_complaint": 409,
    "pause_complaint": 409,
    "resume_complaint": 409,
    "answer_complaint": 409,
    "escalate_complaint": 200,
    "withdraw_complaint": 409,
    "reopen_complaint": 409,
    "request_clock_waiver": 409,
    "add_complaint_message": 201,
    "add_complaint_note": 201,
    "create_message_template": 201,
    "add_complaint_attachment": 201,
    "withdraw_complaint_attachment": 409,
    "link_complaints": 204,
    "unlink_complaints": 404,
    "watch_complaint": 204,
    "unwatch_complaint": 404,
    "merge_complaints": 409,
    "undo_complaint_merge": 409,
    "compose_complaint_report": 201,
    "confirm_complaint_report": 409,
    "close_complaint": 409,
    "record_complaint_call_back": 201,
    "make_confirmation_link": 201,
    "answer_confirmation": 404,
    "request_complaint_closing": 409,
    "approve_complaint_closing": 409,
    "decline_complaint_closing": 409,
    "set_complaint_handler": 200,
    "create_order": 201,
    "hand_over_order": 409,
    "accept_order": 409,
    "cancel_order": 409,
    "create_shipment": 409,
    "create_shipments": 200,
    "reopen_shipment": 409,
    "push_tracking_event": 202,
    "push_tracking_events": 200,
    "push_delivery_exception": 202,
    "push_delivery_exceptions": 200,
    "acknowledge_delivery_exception": 409,
    "await_customer_on_delivery_exception": 409,
    "resolve_delivery_exception": 409,
    "dismiss_delivery_exception": 409,
    "create_carrier_code": 409,
    "end_carrier_code": 200,
    "cancel_job": 409,
    "report_leak": 201,
    "change_leak": 412,
    "investigate_leak": 409,
    "contain_leak": 409,
    "notify_leak": 409,
    "close_leak": 409,
    "dismiss_leak": 409,
    "create_privacy_request": 201,
    "verify_privacy_request": 409,
    "copy_privacy_request": 200,
    "complete_privacy_request": 409,
    "refuse_privacy_request": 409,
    "place_legal_hold": 201,
    "lift_legal_hold": 409,
    "create_import": 202,
    "cancel_import": 409,
    "undo_import": 409,
    "put_import_mapping": 200,
    "create_export": 201,
    "approve_export": 409,
    "reject_export": 409,
}
"""Every operation that changes something, and what the same request gets that comes again without a key."""

Request = dict[str, Any]


def strangers(name: str) -> Iterator[tuple[int, str]]:
    """A member of staff and a partner who may not call the operation, and what they are told."""
    others = {role.value for role in Role} - MAY[name]
    yield 403, min(others - {Role.PARTNER})
    if Role.PARTNER not in MAY[name]:
        yield 404, Role.PARTNER


def spoilt(name: str, request: Request) -> Iterator[tuple[int, Request]]:
    """The request with one thing wrong, and the status of its answer."""
    operation = described()[name]
    if parameters(operation, "path") and name != "put_import_mapping":
        yield 404, request | {"path": path_to_nothing(operation)}
    yield 422, request | {"params": {"unheard_of": "1"}}
    if "json" in request:
        yield 422, request | {"json": request["json"] | {"unheard_of": 1}}
        yield 415, request | {"json": None, "content": b"{}"}
        yield 413, request | {"json": request["json"] | {"unheard_of": "x" * 1024 * 1024}}
    if "If-Match" in request["headers"]:
        yield 412, request | {"headers": {"If-Match": '"99"'}}
        yield 428, request | {"headers": {}}
    if "data" in request and "password" in request["data"]:
        yield 400, request | {"data": request["data"] | {"password": "wrong"}}


async def refusals(
    world: World, busy: World, name: str, caller: Caller | None, request: Request
) -> list[tuple[int, World, Caller | None, Request]]:
    found = [(status, world, caller, each) for status, each in spoilt(name, request)]
    if caller is None:
        return found
    revoked = await world.system.staff(*caller.principal.roles)
    await world.system.http.post("/v1/auth/revoke", data={"token": revoked.token})
    found += [
        (401, world, each, request) for each in (None, Caller(caller.http, caller.principal, "x"), revoked)
    ]
    found += [(status, world, await world.caller(role), request) for status, role in strangers(name)]
    again = Caller(busy.system.http, caller.principal, caller.token)
    return [*found, (429, busy, again, request)]


def keyed(name: str, request: Request, key: str) -> Request:
    """The request with an idempotency key, where the operation takes one."""
    if "idempotency-key" not in parameters(described()[name], "header"):
        return request
    return request | {"headers": request["headers"] | {"Idempotency-Key": key}}


@pytest.fixture
async def world(empty_system: System) -> World:
    """Everybody there and at home, so that nobody is made while rows are compared."""
    made = World(empty_system)
    for role in Role:
        await made.caller(role)
    return made


def test_the_table_names_every_operation_that_changes_something() -> None:
    reading = {name for name, each in described().items() if each["method"] == "GET"}
    looking = {
        "calculate_clock",
        "search_complaints",
        "search_customers",
        "check_duplicates",
        "preview_merge",
        "preview_retarget",
        "preview_segment",
        "verify_seals",
        "check_complaint",
        "render_message_template",
        "reveal_complaint",
        "reveal_customer",
        "reveal_shipment",
    }
    assert described().keys() - reading - AGAIN.keys() == looking
    assert not reading & AGAIN.keys()


class Rows:
    """What is written to any table, as a trigger on each of them tells; what is rolled back is not."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def watch(self) -> "Rows":
        await self.connection.execute(
            "CREATE SCHEMA seen CREATE TABLE written (name text);"
            "CREATE FUNCTION seen.tell() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO seen.written VALUES (TG_TABLE_NAME); RETURN NULL; END $$"
        )
        for table in await tables(self.connection):
            await self.connection.execute(
                f"CREATE TRIGGER seen AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION seen.tell()"
            )
        return self

    async def changed(self) -> bool:
        """Whether any row has changed since the last look."""
        deleted: str = await self.connection.execute("DELETE FROM seen.written")
        return deleted != "DELETE 0"


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_refused_request_changes_no_row_whatever_it_asked_for(world: World, part: int) -> None:
    """Then it is sent as it should be, and changes something; and what comes again changes nothing more."""
    url = world.system.settings.database_url
    async with owner(world.system) as connection, running(url, concurrency=0) as busy:
        rows = await Rows(connection).watch()
        for name, second in list(AGAIN.items())[part::PARTS]:
            caller, request, key = await world.somebody(name), await world.request(name), str(uuid4())
            first = keyed(name, request, key)
            refused = await refusals(world, World(busy), name, caller, first)
            other = keyed(name, await something_else(world, name, request), key)
            await rows.changed()
            for status, place, who, each in refused:
                answer = await place.send(who, each)
                assert answer.status_code == status, (name, each, answer.text)
            assert not await rows.changed(), name
            done = await world.send(caller, first)
            assert (done.is_success, await rows.changed()) == (True, True), (name, done.text)
            if (
                "Idempotency-Key" in other["headers"] and other != first
            ):  # a scan can't be asked for otherwise
                reused = await world.send(caller, other)
                assert (faults(reused, 422, "idempotency-key-reused"), await rows.changed()) == ([], False)
            again = await world.send(caller, request)
            assert again.status_code == second, (name, again.text)
            assert again.is_success or (faults(again, second), await rows.changed()) == ([], False), name


async def something_else(world: World, name: str, request: Request) -> Request:
    """The same body written differently, or, without a body, another place."""
    if "json" not in request:
        return await world.request(name)
    headers = request["headers"] | {"Content-Type": "application/json"}
    return request | {"json": None, "content": f"{json.dumps(request['json'])} ", "headers": headers}


async def test_reading_changes_no_row(world: World) -> None:
    async with owner(world.system) as connection:
        rows = await Rows(connection).watch()
        for name in described().keys() - AGAIN.keys():
            caller, request = await world.somebody(name), await world.request(name)
            await rows.changed()
            answer = await world.send(caller, request)
            assert (answer.status_code, await rows.changed()) == (200, False), (name, answer.text)
