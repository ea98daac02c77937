"""The measure: what the same work costs with nothing around it. No token, no check, no mask, no log.

Starlette and asyncpg, one statement per table that the answer needs, plain JSON. Every ratio of the benchmark
is against this, in the same run, on the same rows.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

SHIPMENT = (
    "s.id, s.tracking_no, s.customer_id, s.order_id, s.service, s.status, s.status_at, s.promised_at, s.picked_up_at,"
    " s.delivered_at, s.flags, s.sender, s.recipient, s.reference, s.created_at, s.version"
)
CUSTOMER = "id, name, kind, code, source, needs, owner_id, created_at, updated_at, version"


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def answer(value: Any, status: int = 200) -> Response:
    return Response(
        json.dumps(value, default=_text, ensure_ascii=False), status, media_type="application/json"
    )


async def look_up(request: Request) -> Response:
    numbers = request.query_params.getlist("tracking_no")
    subject = UUID(request.headers["x-client"])
    async with request.app.state.partners.acquire() as connection:
        found = await connection.fetchval("SELECT partner_shipments($1, 1, $1, $2, 'zh')", subject, numbers)
    return Response(found, media_type="application/json")


async def get_customer(request: Request) -> Response:
    key = UUID(request.path_params["customer_id"])
    async with request.app.state.pool.acquire() as connection:
        customer = await connection.fetchrow(f"SELECT {CUSTOMER} FROM customers WHERE id = $1", key)
        contacts = await connection.fetch(
            "SELECT c.id, c.name, h.role, c.version FROM customer_contacts h JOIN contacts c ON c.id = h.contact_id"
            " WHERE h.customer_id = $1 ORDER BY c.id",
            key,
        )
        points = await connection.fetch(
            "SELECT p.id, p.contact_id, p.kind, p.value, p.label FROM customer_contacts h"
            " JOIN contact_points p ON p.contact_id = h.contact_id WHERE h.customer_id = $1 ORDER BY p.id",
            key,
        )
        addresses = await connection.fetch(
            "SELECT id, kind, address FROM customer_addresses WHERE customer_id = $1 ORDER BY id", key
        )
    return answer(
        {
            **customer,
            "contacts": [
                {**row, "points": [dict(each) for each in points if each["contact_id"] == row["id"]]}
                for row in contacts
            ],
            "addresses": [dict(row) for row in addresses],
        }
    )


async def get_shipment(request: Request) -> Response:
    async with request.app.state.pool.acquire() as connection:
        shipment = await connection.fetchrow(
            f"SELECT {SHIPMENT} FROM tracking_numbers t JOIN shipments s ON s.customer_id = t.customer_id"
            " AND s.id = t.shipment_id WHERE t.number = $1",
            request.path_params["tracking_no"],
        )
        key = shipment["customer_id"], shipment["id"]
        exception = await connection.fetchrow(
            "SELECT reason, severity, state, opened_at FROM delivery_exceptions WHERE customer_id = $1"
            " AND shipment_id = $2 AND state IN ('open', 'acknowledged', 'awaiting_customer') LIMIT 1",
            *key,
        )
        legs = await connection.fetch(
            "SELECT leg_no, kind, status, started_at, ended_at FROM shipment_legs WHERE customer_id = $1"
            " AND shipment_id = $2 ORDER BY leg_no",
            *key,
        )
        scans = await connection.fetch(
            "SELECT id, occurred_at, received_at, source, code, reason_code, status, reason, location, text, flags,"
            " attributes FROM tracking_events WHERE customer_id = $1 AND shipment_id = $2 AND superseded_at IS NULL"
            " ORDER BY occurred_at, received_at, id",
            *key,
        )
        customer = await connection.fetchrow(f"SELECT {CUSTOMER} FROM customers WHERE id = $1", key[0])
    return answer(
        {
            **shipment,
            "exception": exception and dict(exception),
            "legs": [dict(row) for row in legs],
            "events": [dict(row) for row in scans],
            "customer": dict(customer),
        }
    )


async def list_customers(request: Request) -> Response:
    return await _list(request, CUSTOMER, "customers")


async def list_shipments(request: Request) -> Response:
    return await _list(request, SHIPMENT, "shipments s")


async def _list(request: Request, columns: str, table: str) -> Response:
    after = request.query_params.get("after")
    where = "WHERE (created_at, id) < ($1, $2)" if after else ""
    values = _bookmark(after) if after else ()
    async with request.app.state.pool.acquire() as connection:
        rows = await connection.fetch(
            f"SELECT {columns} FROM {table} {where} ORDER BY created_at DESC, id DESC LIMIT 51", *values
        )
    return answer({"items": [dict(row) for row in rows[:50]], "next_cursor": str(rows[49]["id"])})


def _bookmark(after: str) -> tuple[datetime, UUID]:
    at, _, key = after.partition("|")
    return datetime.fromisoformat(at), UUID(key)


async def create_customer(request: Request) -> Response:
    body = json.loads(await request.body())
    key = uuid7()
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            "INSERT INTO customers (id, name, kind, code, source, needs, version) VALUES ($1, $2, $3, $4, $5, $6, 1)"
            f" RETURNING {CUSTOMER}",
            key, body["name"], body["kind"], body.get("code"), body.get("source"), body["needs"],
        )  # fmt: skip
        people = [(uuid7(), each) for each in body["contacts"]]
        await connection.executemany(
            "INSERT INTO contacts (id, name, version) VALUES ($1, $2, 1)",
            [(person, each["name"]) for person, each in people],
        )
        await connection.executemany(
            "INSERT INTO contact_points (id, contact_id, kind, value, normal) VALUES ($1, $2, 'phone', $3, $3)",
            [(uuid7(), person, each["phone"]) for person, each in people],
        )
        await connection.executemany(
            "INSERT INTO customer_contacts (customer_id, contact_id, role) VALUES ($1, $2, $3)",
            [(key, person, each["role"]) for person, each in people],
        )
        await connection.executemany(
            "INSERT INTO customer_addresses (id, customer_id, kind, address) VALUES ($1, $2, $3, $4)",
            [(uuid7(), key, None, address) for address in body["addresses"]],
        )
        await _record(connection, "customer.created", "customer", key, key)
    return answer(dict(row), 201)


async def create_shipment(request: Request) -> Response:
    body = json.loads(await request.body())
    key = uuid7()
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        customer_id = await connection.fetchval(
            "SELECT id FROM customers WHERE code = $1", body["customer_code"]
        )
        value = body["declared_value"]
        row = await connection.fetchrow(
            "INSERT INTO shipments AS s (id, customer_id, tracking_no, service, promised_at, declared_amount,"
            " declared_currency, sender, recipient, attributes, status, leg_no, flags, created_by, version)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '{}', 'created', 1, '{}', $1, 1)"
            f" RETURNING {SHIPMENT}",
            key, customer_id, body["tracking_no"], body["service"], datetime.fromisoformat(body["promised_at"]),
            Decimal(value["amount"]), value["currency"], body["sender"], body["recipient"],
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO tracking_numbers (number, customer_id, shipment_id) VALUES ($1, $2, $3)",
            body["tracking_no"], customer_id, key,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO shipment_legs (customer_id, shipment_id, leg_no, kind, status)"
            " VALUES ($1, $2, 1, 'forward', 'created')",
            customer_id, key,
        )  # fmt: skip
        await _record(connection, "shipment.created", "shipment", key, customer_id)
    return answer(dict(row), 201)


async def _record(connection: asyncpg.Connection, kind: str, of: str, key: UUID, customer_id: UUID) -> None:
    await connection.execute(
        "INSERT INTO events (id, kind, subject_type, subject_id, customer_id, actor_kind, actor_id, data)"
        " VALUES ($1, $2, $3, $4, $5, 'user', $4, '{}')",
        uuid7(), kind, of, key, customer_id,
    )  # fmt: skip


COPIED = (
    "id", "customer_id", "shipment_id", "source", "event_id", "code", "reason_code", "status", "mapped", "alarm",
    "reopens", "occurred_at", "occurred_raw", "occurred_estimated", "location", "attributes", "flags",
)  # fmt: skip


async def copy_events(request: Request) -> Response:
    """The rows of a push by COPY, in a transaction of their own; the request already says which shipment."""
    items = json.loads(await request.body())["items"]
    rows: list[tuple[Any, ...]] = [
        (
            uuid7(), UUID(item["customer_id"]), UUID(item["shipment_id"]), item["source"], item["event_id"],
            item["code"], "", item["code"], True, False, False, datetime.fromisoformat(item["occurred_at"]),
            item["occurred_at"], False, item["location"], {}, [],
        )
        for item in items
    ]  # fmt: skip
    async with request.app.state.owners.acquire() as connection:
        await connection.copy_records_to_table("tracking_events", records=rows, columns=COPIED)
    return answer({"results": [{"index": index, "id": row[0]} for index, row in enumerate(rows)]})


async def binary_json_columns(connection: asyncpg.Connection) -> None:
    """COPY is binary: a version byte stands before the text of a `jsonb`."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + json.dumps(value).encode(),
        decoder=lambda value: json.loads(value[1:]),
        format="binary",
    )


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    url = os.environ["BENCH_DSN"]
    app.state.pool = await asyncpg.create_pool(
        url, min_size=2, max_size=10, init=binary_json_columns, server_settings={"role": "crm_app"}
    )
    # COPY does not pass row-level security; only the owner of the table is above it.
    app.state.owners = await asyncpg.create_pool(url, min_size=2, max_size=10, init=binary_json_columns)
    app.state.partners = await asyncpg.create_pool(
        url, min_size=2, max_size=10, server_settings={"role": "crm_partner"}
    )
    yield
    await app.state.pool.close()
    await app.state.owners.close()
    await app.state.partners.close()


app = Starlette(
    lifespan=_lifespan,
    routes=[
        Route("/v1/partner/shipments", look_up),
        Route("/v1/customers", create_customer, methods=["POST"]),
        Route("/v1/customers", list_customers),
        Route("/v1/customers/{customer_id}", get_customer),
        Route("/v1/shipments", create_shipment, methods=["POST"]),
        Route("/v1/shipments", list_shipments),
        Route("/v1/shipments/{tracking_no}", get_shipment),
        Route("/v1/tracking-events/batch", copy_events, methods=["POST"]),
    ],
)
