"""Who calls: staff, a dispatch system and partners, with tokens that live as long as the run."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.database import connect
from app.models.account import Client, ClientCustomer, User, UserLevel
from app.passwords import fingerprint, new_secret
from app.roles import Role, scopes_of
from app.security import Principal, Tokens
from app.settings import Settings
from bench.rows import customer_id

PARTNERS = 20
CUSTOMERS_EACH = 5


@dataclass(frozen=True)
class Caller:
    id: UUID
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """A token for the product; the bare server, which checks none, is told who asks."""
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "x-client": str(self.id),
        }


@dataclass(frozen=True)
class Callers:
    operations: Caller
    marketing: Caller
    dispatch: Caller
    partners: list[Caller]


async def make(settings: Settings) -> Callers:
    """Accounts in the database, once a run; the partners own the first hundred customers among them."""
    database = await connect(settings)
    tokens = Tokens(settings)
    operations, marketing = _user(Role.OPERATIONS), _user(Role.MARKETING)
    dispatch = _client(Role.DISPATCH, 0, ["native"])
    partners = [_client(Role.PARTNER, index, []) for index in range(PARTNERS)]
    async with database.sessions.begin() as session:
        session.add_all([operations, marketing, dispatch, *partners])
    await database.close()
    return Callers(
        _signed_in(tokens, operations, Role.OPERATIONS),
        _signed_in(tokens, marketing, Role.MARKETING),
        _signed_in(tokens, dispatch, Role.DISPATCH),
        [_signed_in(tokens, client, Role.PARTNER) for client in partners],
    )


def customers_of(partner: int) -> range:
    """The indexes of the customers whose parcels this partner may see."""
    return range(partner * CUSTOMERS_EACH + 1, (partner + 1) * CUSTOMERS_EACH + 1)


def _user(role: Role) -> User:
    return User(
        username=f"bench_{role}",
        password_hash="-",
        name="测试员",
        roles=[role],
        level=UserLevel.SPECIALIST,
        credentials_version=1,
    )


def _client(role: Role, index: int, sources: list[str]) -> Client:
    bound = customers_of(index) if role is Role.PARTNER else ()
    return Client(
        client_id=f"bench_{role}_{index}",
        secret_hash=fingerprint(new_secret()),
        name="测试客户端",
        role=role,
        sources=sources,
        credentials_version=1,
        customers=[ClientCustomer(customer_id=UUID(customer_id(each))) for each in bound],
    )


def _signed_in(tokens: Tokens, account: User | Client, role: Role) -> Caller:
    kind: Literal["user", "client"] = "user" if isinstance(account, User) else "client"
    principal = Principal(account.id, kind, (role,), scopes_of([role]), 1)
    return Caller(account.id, tokens.issue(principal))
