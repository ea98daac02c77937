"""Who calls, and the tokens that say so.

The only module that touches python-jose. CVE-2026-85394 (an HS256 token signed with a public key) is met by
naming exactly one algorithm, by PEM keys, and by choosing the key by `kid` ourselves.
"""

import base64
import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
from app.roles import Role, Scope
from app.settings import Settings

ALGORITHM = "ES256"


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


Principal.SYSTEM = Principal(UUID(int=0), "system", scopes=frozenset({Scope.CUSTOMERS_ALL}))


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
