"""Made-up data to look at and to try things on; nothing in it belongs to anybody."""

import asyncio
import json
import random
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.database import connect
from app.errors import NotFound
from app.models.account import Client, Department, User, UserLevel
from app.models.customer import Customer, CustomerKind
from app.models.shipment import Service, Shipment
from app.roles import MACHINE_ROLES, Role, scopes_of
from app.schemas.account import ClientCreate, UserCreate
from app.schemas.customer import CustomerCreate
from app.schemas.shipment import ShipmentCreate, TrackingEventPush
from app.security import Principal, make_key
from app.services import accounts, customers, shipments, status, tracking
from app.settings import Settings

DEPARTMENTS = {
    "marketing": "市场部",
    "sales": "销售部",
    "service": "客服部",
    "operations": "运营部",
    "management": "总经办",
}
HOME = {
    Role.MARKETING: "marketing",
    Role.SALES: "sales",
    Role.CUSTOMER_SERVICE: "service",
    Role.OPERATIONS: "operations",
}

COMPANIES = (
    ("QINGHE", "杭州青禾茶业有限公司", "浙江省", "杭州市", "西湖区", ["冷链", "次日达"]),
    ("LANTU", "深圳蓝图电子商务有限公司", "广东省", "深圳市", "南山区", ["代收货款"]),
    ("ALPEN", "Alpenblick Uhren AG, Zürich", "Zürich", "Zürich", "Kreis 5", ["保价", "国际件"]),
)
JOURNEYS = (
    ("created",),
    ("created", "picked_up", "in_transit"),
    ("created", "picked_up", "in_transit", "out_for_delivery"),
    ("created", "picked_up", "in_transit", "out_for_delivery", "delivered"),
    ("created", "picked_up", "in_transit", "out_for_delivery", "recipient_absent"),
    ("created", "picked_up", "in_transit", "carrier_damage"),
    ("created", "picked_up", "in_transit", "external_weather", "out_for_delivery", "delivered"),
    ("created", "picked_up", "in_transit", "recipient_refused", "returning"),
)
PLACES = ("杭州转运中心", "上海分拨中心", "深圳南山营业部", "成都武侯营业部", "Zürich-Mülligen")


def throwaway_settings() -> Settings:
    """Settings that reach nothing, for describing the API without a system."""
    return Settings(
        database_url="postgresql://nowhere/crm",
        signing_keys=SecretStr(make_key()),
        cursor_secret=SecretStr("-" * 32),
        vault_key=SecretStr("-" * 32),
    )


def fill_once(settings: Settings, credentials: Path) -> None:
    """Fill the system and write who may sign in; one with the file beside it is left as it is."""
    if credentials.exists():
        return
    written = asyncio.run(_fill_in_one_transaction(settings))
    credentials.parent.mkdir(parents=True, exist_ok=True)
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


async def _fill_in_one_transaction(settings: Settings) -> dict[str, Any]:
    database = await connect(settings)
    try:
        async with database.sessions.begin() as session:
            return await _fill(session)
    finally:
        await database.close()


async def _fill(session: AsyncSession) -> dict[str, Any]:
    suffix = "" if await session.scalar(select(User.id).limit(1)) is None else f"_{secrets.token_hex(2)}"
    people = await _people(session, suffix)
    owner = await session.scalar(select(User).where(User.username == f"sales{suffix}"))
    companies = [await _company(session, row, suffix, owner.id if owner else None) for row in COMPANIES]
    machines = await _machines(session, suffix, companies)
    await _parcels(session, suffix, companies, machines["dispatch"]["client_id"])
    return {"users": people, "clients": machines}


async def _people(session: AsyncSession, suffix: str) -> dict[str, dict[str, str]]:
    departments = {code: Department(code=f"{code}{suffix}", name=name) for code, name in DEPARTMENTS.items()}
    session.add_all(departments.values())
    await session.flush()
    written = {}
    for role in [role for role in Role if role not in MACHINE_ROLES]:
        password = secrets.token_urlsafe(15)
        body = UserCreate(
            username=f"{role}{suffix}",
            password=SecretStr(password),
            name=f"演示{role}",
            roles=[role],
            department_id=departments[HOME.get(role, "management")].id,
            level=UserLevel.DIRECTOR if role is Role.EXECUTIVE else UserLevel.SPECIALIST,
        )
        await accounts.create_user(session, Principal.SYSTEM, body)
        written[role.value] = {"username": body.username, "password": password}
    return written


async def _company(session: AsyncSession, row: Any, suffix: str, owner_id: UUID | None) -> Customer:
    code, name, province, city, district, needs = row
    body = CustomerCreate.model_validate(
        {
            "name": name,
            "kind": CustomerKind.COMPANY,
            "code": f"{code}{suffix}",
            "contacts": [
                {"name": "王小明", "role": "物流经理", "phone": "13800000000", "email": "ops@example.com"}
            ],
            "addresses": [
                {
                    "country": "CH" if city == "Zürich" else "CN",
                    "province": province,
                    "city": city,
                    "district": district,
                    "street": "演示路 8 号",
                    "detail": "2 号楼 301 室",
                }
            ],
            "needs": needs,
            "source": "市场调研",
            "owner_id": owner_id,
        }
    )
    everything = Principal(UUID(int=0), "system", scopes=scopes_of([Role.MARKETING]))
    return await customers.create(session, everything, body)


async def _machines(
    session: AsyncSession, suffix: str, companies: list[Customer]
) -> dict[str, dict[str, str]]:
    bodies: dict[str, dict[str, Any]] = {
        "dispatch": {"role": Role.DISPATCH, "sources": ["native", "kuaidi100", "sf"]},
        "partner_a": {"role": Role.PARTNER, "customer_ids": [companies[0].id]},
        "partner_b": {"role": Role.PARTNER, "customer_ids": [companies[1].id]},
    }
    written = {}
    for name, fields in bodies.items():
        body = ClientCreate.model_validate({"name": f"demo {name}", "client_id": f"{name}{suffix}", **fields})
        client, secret = await accounts.create_client(session, Principal.SYSTEM, body)
        written[name] = {"client_id": client.client_id, "client_secret": secret}
    return written


async def _parcels(session: AsyncSession, suffix: str, companies: list[Customer], client_id: str) -> None:
    client = await session.scalar(select(Client).where(Client.client_id == client_id))
    if client is None:
        raise NotFound
    actor = Principal(client.id, "client", (Role.DISPATCH,), scopes_of([Role.DISPATCH]))
    dice = random.Random(2026)  # a story, not a secret
    made: list[Shipment] = []
    pushed: list[tracking.Pushed] = []
    for number in range(48):
        shipment = await _parcel(
            session, actor, companies[number % 3], f"CR{20260001 + number}{suffix.upper()}", dice
        )
        made.append(shipment)
        pushed += _journey(shipment, JOURNEYS[number // 3 % len(JOURNEYS)], dice)
    await tracking.push(session, actor, tracking.Envelope(b"[]", {}), pushed)
    await status.refold(session, [(shipment.customer_id, shipment.id) for shipment in made])


async def _parcel(
    session: AsyncSession, actor: Principal, company: Customer, tracking_no: str, dice: random.Random
) -> Shipment:
    body = ShipmentCreate.model_validate(
        {
            "tracking_no": tracking_no,
            "customer_id": company.id,
            "service": Service.INTERNATIONAL if company.name.endswith("Zürich") else Service.INTER_CITY,
            "promised_at": now() + timedelta(hours=dice.randint(-12, 72)),
            "declared_value": {"amount": f"{dice.randint(20, 900)}.00", "currency": "CNY"},
            "freight": {"amount": f"{dice.randint(8, 60)}.00", "currency": "CNY"},
            "sender": {"name": company.name, "phone": "13800000000"},
            "recipient": {
                "name": "李晓华",
                "phone": "13900000000",
                "address": {"city": "成都市", "detail": "1 单元 202"},
            },
        }
    )
    return await shipments.Intake(session, actor).create(body)


def _journey(shipment: Shipment, codes: tuple[str, ...], dice: random.Random) -> list[tracking.Pushed]:
    at = now() - timedelta(hours=30)
    events = []
    for code in codes:
        at += timedelta(minutes=dice.randint(60, 240))
        item = TrackingEventPush(
            source="native",
            tracking_no=shipment.tracking_no,
            code=code,
            occurred_at=at,
            location=dice.choice(PLACES),
            text="演示轨迹",
        )
        events.append(tracking.pushed(item, at.isoformat()))
    return events
