"""Customers, shipments and their events, made in SQL: ten million of them would take a day through the API."""

import asyncpg

EVENTS_EACH = 3
SHIPMENTS_A_CUSTOMER = 100
KEYS_EACH = 11
"""By which lookalikes are found; as many as a company with a phone number and an address has."""

_CUSTOMER = "('01900000-0000-7000-8000-' || lpad(to_hex({n}), 12, '0'))::uuid"
_SHIPMENT = "('01900000-0000-7000-9000-' || lpad(to_hex({n}), 12, '0'))::uuid"
_OWNER = "((i - 1) % $2 + 1)"
_AT = "timestamptz '2026-10-01 00:00:00Z' + i * interval '100 milliseconds'"

_CUSTOMERS = f"""
INSERT INTO customers (id, name, kind, code, needs, created_at, version)
SELECT {_CUSTOMER.format(n="i")}, '顺丰测试第' || i || '有限公司', 'company', 'B' || i, '{{冷链}}', {_AT}, 1
FROM generate_series($1::int + 1, $2::int) AS i
"""
_CONTACT = "('01900000-0000-7000-a000-' || lpad(to_hex(i * 2 + k), 12, '0'))::uuid"
_TWICE = "generate_series($1::int + 1, $2::int) AS i, generate_series(0, 1) AS k"
_CONTACTS = f"""
INSERT INTO contacts (id, name, romanised, version)
SELECT {_CONTACT}, '王小明', 'wang xiao ming', 1 FROM {_TWICE}
"""
_POINTS = f"""
INSERT INTO contact_points (id, contact_id, kind, value, normal)
SELECT uuidv7(), {_CONTACT}, 'phone', '13800000000', '+86138' || lpad(i::text, 8, '0') FROM {_TWICE}
"""
_HELD = f"""
INSERT INTO customer_contacts (customer_id, contact_id, role)
SELECT {_CUSTOMER.format(n="i")}, {_CONTACT}, '物流经理' FROM {_TWICE}
"""
_ADDRESSES = f"""
INSERT INTO customer_addresses (id, customer_id, kind, address)
SELECT uuidv7(), {_CUSTOMER.format(n="i")}, 'pickup', '{{"city": "杭州市", "detail": "2 号楼 301 室"}}'
FROM generate_series($1::int + 1, $2::int) AS i
"""
_LIKENESS = f"""
INSERT INTO duplicate_keys (customer_id, key)
SELECT {_CUSTOMER.format(n="i")}, hashtextextended(i || '-' || k, 0)
FROM generate_series($1::int + 1, $2::int) AS i, generate_series(1, {KEYS_EACH}) AS k
"""
_SHIPMENTS = f"""
INSERT INTO shipments (id, customer_id, tracking_no, service, promised_at, sender, recipient, attributes, status,
                       leg_no, flags, created_by, created_at, version)
SELECT {_SHIPMENT.format(n="i")}, {_CUSTOMER.format(n=_OWNER)}, 'B' || lpad(i::text, 10, '0'), 'inter_city',
       {_AT} + interval '3 days', '{{"name": "青禾茶业", "phone": "13800000000"}}',
       '{{"name": "张三丰", "phone": "13812345678", "address": {{"city": "杭州市", "detail": "1 幢 201"}}}}', '{{}}',
       'in_transit', 1, '{{}}', {_CUSTOMER.format(n="1")}, {_AT}, 1
FROM generate_series($1::int + 1, $3::int) AS i
"""
_NUMBERS = f"""
INSERT INTO tracking_numbers (number, customer_id, shipment_id)
SELECT 'B' || lpad(i::text, 10, '0'), {_CUSTOMER.format(n=_OWNER)}, {_SHIPMENT.format(n="i")}
FROM generate_series($1::int + 1, $3::int) AS i
"""
_LEGS = f"""
INSERT INTO shipment_legs (customer_id, shipment_id, leg_no, kind, status)
SELECT {_CUSTOMER.format(n=_OWNER)}, {_SHIPMENT.format(n="i")}, 1, 'forward', 'in_transit'
FROM generate_series($1::int + 1, $3::int) AS i
"""
_SCANS = f"""
INSERT INTO tracking_events (id, customer_id, shipment_id, received_at, source, event_id, code, reason_code, status,
                             mapped, alarm, reopens, occurred_at, occurred_raw, occurred_estimated, location,
                             attributes, flags)
SELECT uuidv7(), {_CUSTOMER.format(n=_OWNER)}, {_SHIPMENT.format(n="i")}, now(), 'native', i || '-' || k, 'in_transit',
       '', 'in_transit', true, false, false, {_AT} + k * interval '1 hour', '2026-10-01T00:00:00Z', false,
       '成都武侯营业部', '{{}}', '{{}}'
FROM generate_series($1::int + 1, $3::int) AS i, generate_series(1, {EVENTS_EACH}) AS k
"""
_KEYS = f"""
INSERT INTO event_keys (source, key, event_id)
SELECT 'native', 'id:B' || lpad(i::text, 10, '0') || chr(31) || i || '-' || k, uuidv7()
FROM generate_series($1::int + 1, $3::int) AS i, generate_series(1, {EVENTS_EACH}) AS k
"""


def customers_at(shipments: int) -> int:
    return max(shipments // SHIPMENTS_A_CUSTOMER, 1)


def number(index: int) -> str:
    """The tracking number of the shipment with this index, from 1."""
    return f"B{index:010d}"


def customer_id(index: int) -> str:
    """The id of the customer with this index, from 1."""
    return f"01900000-0000-7000-8000-{index:012x}"


async def grow(owner: asyncpg.Connection, have: int, want: int) -> None:
    """Bring the tables from `have` shipments to `want`, with statistics and caches as after a day's work."""
    await owner.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    before, after = customers_at(have) if have else 0, customers_at(want)
    for statement in (_CUSTOMERS, _CONTACTS, _POINTS, _HELD, _ADDRESSES, _LIKENESS):
        await owner.execute(statement, before, after, timeout=3600)
    for statement in (_SHIPMENTS, _NUMBERS, _LEGS, _SCANS, _KEYS):
        arguments = (have, after, want) if "$2" in statement else (have, want)
        text = statement if "$2" in statement else statement.replace("$3", "$2")
        await owner.execute(text, *arguments, timeout=3600)
    await owner.execute("VACUUM ANALYZE", timeout=3600)
    await owner.execute("CHECKPOINT", timeout=3600)
    await owner.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
    await owner.fetch(
        "SELECT pg_prewarm(c.oid::regclass) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i')",
        timeout=3600,
    )
