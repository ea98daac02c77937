"""Who may do what: scopes, roles, principals, and the tokens that carry them.

The only module that touches python-jose. CVE-2026-85394 (an HS256 token signed with a public key) is met by
naming exactly one algorithm, by PEM keys, and by choosing the key by `kid` ourselves.
"""

import base64
import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Literal
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwt
from jose.exceptions import JOSEError
from uuid_utils.compat import uuid7

from app.clock import now
from app.errors import Unauthenticated
from app.settings import Settings

ALGORITHM = "ES256"


class Role(StrEnum):
    MARKETING = "marketing"
    SALES = "sales"
    CUSTOMER_SERVICE = "customer_service"
    OPERATIONS = "operations"
    FINANCE = "finance"
    PRODUCT = "product"
    HR = "hr"
    EXECUTIVE = "executive"
    AUDITOR = "auditor"
    ADMIN = "admin"
    DISPATCH = "dispatch"
    PARTNER = "partner"


MACHINE_ROLES = frozenset({Role.DISPATCH, Role.PARTNER})


class Scope(StrEnum):
    PROFILE_READ = "profile:read"
    CODES_READ = "codes:read"
    CODES_WRITE = "codes:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    CUSTOMERS_ALL = "customers:all"
    """Sees every customer and what belongs to it, not only those one owns."""
    CUSTOMERS_ASSIGN = "customers:assign"
    """Gives customers to colleagues; in sales, managers and directors do."""
    CUSTOMERS_VERIFY = "customers:verify"
    CUSTOMERS_PROPOSE = "customers:propose"
    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    CUSTOMERS_PII = "customers:pii"
    """Sees one record whole, with a reason that is written down; no list ever."""
    CUSTOMERS_MERGE = "customers:merge"
    """Makes two customers one, undoes that, and tells apart those that only look alike."""
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    SHIPMENTS_READ = "shipments:read"
    SHIPMENTS_CREATE = "shipments:create"
    SHIPMENTS_WRITE = "shipments:write"
    TRACKING_PUSH = "tracking:push"
    EXCEPTIONS_READ = "exceptions:read"
    EXCEPTIONS_HANDLE = "exceptions:handle"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    IMPORTS_WRITE = "imports:write"
    EXPORTS_READ = "exports:read"
    EXPORTS_WRITE = "exports:write"
    EXPORTS_APPROVE = "exports:approve"
    KPIS_READ = "kpis:read"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    CLIENTS_READ = "clients:read"
    CLIENTS_WRITE = "clients:write"
    JOBS_READ = "jobs:read"
    AUDIT_READ = "audit:read"
    LEAKS_REPORT = "leaks:report"
    LEAKS_HANDLE = "leaks:handle"
    PRIVACY_HANDLE = "privacy:handle"
    """Answers people's requests about their data; an erasure can't be taken back."""
    HOLDS_PLACE = "holds:place"
    PARTNER_TRACKING = "partner:tracking"


_STAFF = {Scope.PROFILE_READ, Scope.CODES_READ, Scope.LEAKS_REPORT}
_CUSTOMERS = {Scope.CUSTOMERS_READ, Scope.CUSTOMERS_ALL}
_KEEPING = {Scope.CUSTOMERS_WRITE, Scope.CUSTOMERS_ASSIGN, Scope.CUSTOMERS_VERIFY, Scope.SEGMENTS_READ}
_CHECKING = {Scope.CUSTOMERS_VERIFY, Scope.CUSTOMERS_PROPOSE}
"""Those who may not write customers say what they find wrong."""
_EXPORTS = {Scope.EXPORTS_READ, Scope.EXPORTS_WRITE}
_PAPERS = {Scope.DOCUMENTS_READ, Scope.DOCUMENTS_WRITE}
_PARCELS = {Scope.ORDERS_READ, Scope.SHIPMENTS_READ, Scope.EXCEPTIONS_READ}

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.MARKETING: frozenset(
        _STAFF
        | _CUSTOMERS
        | _KEEPING
        | _EXPORTS
        | {Scope.CUSTOMERS_MERGE, Scope.SEGMENTS_WRITE, Scope.IMPORTS_WRITE, Scope.KPIS_READ},
    ),
    Role.SALES: frozenset(
        _STAFF | _PARCELS | _KEEPING | _EXPORTS | _PAPERS | {Scope.CUSTOMERS_READ, Scope.CUSTOMERS_PII}
    ),
    Role.CUSTOMER_SERVICE: frozenset(
        _STAFF
        | _CUSTOMERS
        | _PARCELS
        | _KEEPING
        | _EXPORTS
        | _PAPERS
        | {
            Scope.CUSTOMERS_MERGE,
            Scope.CUSTOMERS_PII,
            Scope.IMPORTS_WRITE,
            Scope.ORDERS_WRITE,
            Scope.KPIS_READ,
            Scope.PRIVACY_HANDLE,
        }
    ),
    Role.OPERATIONS: frozenset(
        _STAFF
        | _CUSTOMERS
        | _PARCELS
        | _CHECKING
        | {
            Scope.ORDERS_WRITE,
            Scope.SHIPMENTS_CREATE,
            Scope.SHIPMENTS_WRITE,
            Scope.EXCEPTIONS_HANDLE,
            Scope.KPIS_READ,
        }
    ),
    Role.FINANCE: frozenset(_STAFF | _CUSTOMERS | _CHECKING),
    Role.PRODUCT: frozenset(_STAFF | {Scope.KPIS_READ}),
    Role.HR: frozenset(_STAFF),
    Role.EXECUTIVE: frozenset(
        _STAFF | {Scope.EXPORTS_READ, Scope.EXPORTS_APPROVE, Scope.KPIS_READ, Scope.LEAKS_HANDLE}
    ),
    Role.AUDITOR: frozenset(
        _STAFF
        | _CUSTOMERS
        | _PARCELS
        | {
            Scope.KPIS_READ,
            Scope.AUDIT_READ,
            Scope.LEAKS_HANDLE,
            Scope.HOLDS_PLACE,
            Scope.USERS_READ,
            Scope.CLIENTS_READ,
            Scope.SEGMENTS_READ,
        }
    ),
    Role.ADMIN: frozenset(
        _STAFF
        | {
            Scope.CODES_WRITE,
            Scope.USERS_READ,
            Scope.USERS_WRITE,
            Scope.CLIENTS_READ,
            Scope.CLIENTS_WRITE,
            Scope.JOBS_READ,
        }
    ),
    Role.DISPATCH: frozenset({Scope.SHIPMENTS_CREATE, Scope.TRACKING_PUSH}),
    Role.PARTNER: frozenset({Scope.PARTNER_TRACKING}),
}


def scopes_of(roles: list[Role]) -> frozenset[Scope]:
    """Everything the roles may do together."""
    return frozenset().union(*(ROLE_SCOPES[role] for role in roles))


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as the verified token says; the database is still asked whether that holds."""

    id: UUID
    kind: Literal["user", "client", "system"]
    roles: tuple[Role, ...] = ()
    scopes: frozenset[Scope] = frozenset()
    credentials_version: int = 0
    token_id: UUID | None = None
    expires_at: datetime = field(default=datetime.max.replace(tzinfo=UTC))

    SYSTEM: ClassVar["Principal"]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    @property
    def is_partner(self) -> bool:
        return Role.PARTNER in self.roles


Principal.SYSTEM = Principal(UUID(int=0), "system")


@dataclass(frozen=True)
class SigningKey:
    """One EC P-256 key; `kid` is the RFC 7638 thumbprint of its public half."""

    private_pem: str
    public_pem: str
    kid: str
    jwk: dict[str, str]


@lru_cache
def signing_keys(pem: str) -> tuple[SigningKey, ...]:
    """The keys in a PEM text, first the one that signs. Two are live while one replaces the other."""
    blocks = [f"{block}-----END PRIVATE KEY-----\n" for block in pem.split("-----END PRIVATE KEY-----")[:-1]]
    if not 1 <= len(blocks) <= 2:
        raise ValueError("CRM_SIGNING_KEYS must hold one or two PKCS#8 private keys in PEM")
    return tuple(_read_key(block.strip() + "\n") for block in blocks)


def make_key() -> str:
    """A new private key in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _read_key(pem: str) -> SigningKey:
    private = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise ValueError("a signing key must be EC P-256")  # noqa: TRY004  # the value is at fault, not its type
    public = private.public_key()
    numbers = public.public_numbers()
    point = {"crv": "P-256", "kty": "EC", "x": _base64url(numbers.x), "y": _base64url(numbers.y)}
    canonical = json.dumps(point, sort_keys=True, separators=(",", ":"))
    kid = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).decode().rstrip("=")
    public_pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    return SigningKey(pem, public_pem, kid, {**point, "kid": kid, "alg": ALGORITHM, "use": "sig"})


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).decode().rstrip("=")


class Tokens:
    """Issues and verifies access tokens; a verified one is kept until it expires, for one check is 0.3 ms."""

    KEPT = 10_000
    _FORBIDDEN_HEADERS = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64"})
    _REQUIRED = ("exp", "iat", "aud", "iss", "sub", "jti")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = signing_keys(settings.signing_keys.get_secret_value())
        self._kept: OrderedDict[str, Principal] = OrderedDict()
        self.lifetime = timedelta(minutes=settings.access_token_minutes)

    def issue(self, principal: Principal) -> str:
        """An access token (RFC 9068) for this principal, with an id of its own or the one it brings."""
        issued = now()
        key = self._keys[0]
        claims = {
            "iss": self._settings.base_url,
            "aud": self._settings.audience,
            "sub": str(principal.id),
            "iat": issued,
            "exp": issued + self.lifetime,
            "jti": str(principal.token_id or uuid7()),
            "kind": principal.kind,
            "roles": [role.value for role in principal.roles],
            "scope": " ".join(sorted(principal.scopes)),
            "ver": principal.credentials_version,
        }
        headers = {"kid": key.kid, "typ": "at+jwt"}
        return str(jwt.encode(claims, key.private_pem, algorithm=ALGORITHM, headers=headers))

    def verify(self, token: str) -> Principal:
        """The principal of a token of ours. Raises `Unauthenticated` for anything else."""
        principal = self._kept.get(token)
        if principal is None:
            principal = self._decode(token)
            self._keep(token, principal)
        if principal.expires_at <= now():
            self._kept.pop(token, None)
            raise Unauthenticated("The access token has expired; refresh it.", "访问令牌已过期，请刷新。")
        return principal

    def jwks(self) -> dict[str, Any]:
        """The public halves of all live keys (RFC 7517)."""
        return {"keys": [key.jwk for key in self._keys]}

    def _keep(self, token: str, principal: Principal) -> None:
        self._kept[token] = principal
        if len(self._kept) > self.KEPT:
            self._kept.popitem(last=False)

    def _decode(self, token: str) -> Principal:
        try:
            header = jwt.get_unverified_header(token)
            key = self._key_for(header)
            claims = jwt.decode(
                token,
                key.public_pem,
                algorithms=[ALGORITHM],
                audience=self._settings.audience,
                issuer=self._settings.base_url,
                options={f"require_{name}": True for name in self._REQUIRED} | {"verify_exp": False},
            )
            return _principal_of(claims)
        except (JOSEError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as problem:
            raise Unauthenticated from problem

    def _key_for(self, header: dict[str, Any]) -> SigningKey:
        if (
            header.get("alg") != ALGORITHM
            or header.get("typ") != "at+jwt"
            or self._FORBIDDEN_HEADERS & header.keys()
        ):
            raise ValueError("not an access token of ours")
        return {key.kid: key for key in self._keys}[header["kid"]]


def _principal_of(claims: dict[str, Any]) -> Principal:
    kind = claims["kind"]
    if kind not in {"user", "client"}:
        raise ValueError("unknown kind of principal")
    return Principal(
        id=UUID(claims["sub"]),
        kind=kind,
        roles=tuple(Role(role) for role in claims["roles"]),
        scopes=frozenset(Scope(scope) for scope in claims["scope"].split()),
        credentials_version=int(claims["ver"]),
        token_id=UUID(claims["jti"]),
        expires_at=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=claims["exp"]),
    )
