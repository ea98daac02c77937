"""Only an access token that this system signed, for this system, and that still lives, lets anybody in."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pydantic import SecretStr

from app import clock
from app.roles import Role
from app.security import SigningKey, Tokens, make_key, signing_keys
from tests.system import Caller, System, running

Json = dict[str, Any]
Forger = Callable[[SigningKey, Json, Json], str]

ATTACKER = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _signing_input(headers: Json, claims: Json) -> str:
    return ".".join(_b64(json.dumps(part).encode()) for part in (headers, claims))


def _ec_signature(key: ec.EllipticCurvePrivateKey, message: str) -> bytes:
    r, s = decode_dss_signature(key.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def signed(key: SigningKey, headers: Json, claims: Json) -> str:
    """A token with a true signature of this key over whatever it says."""
    private = serialization.load_pem_private_key(key.private_pem.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    message = _signing_input(headers, claims)
    return f"{message}.{_b64(_ec_signature(private, message))}"


def with_mac(headers: Json, claims: Json, secret: bytes) -> str:
    message = _signing_input(headers, claims)
    return f"{message}.{_b64(hmac.digest(secret, message.encode(), hashlib.sha256))}"


def by_attacker(headers: Json, claims: Json) -> str:
    message = _signing_input(headers, claims)
    return f"{message}.{_b64(_ec_signature(ATTACKER, message))}"


def attackers_jwk() -> Json:
    numbers = ATTACKER.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _b64(numbers.x.to_bytes(32)), "y": _b64(numbers.y.to_bytes(32))}


def der(key: SigningKey) -> bytes:
    public = serialization.load_pem_public_key(key.public_pem.encode())
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def in_rsa(headers: Json, claims: Json) -> str:
    message = _signing_input(headers | {"alg": "RS256"}, claims)
    return f"{message}.{_b64(RSA.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def with_header(**more: Any) -> Forger:
    return lambda key, headers, claims: signed(key, headers | more, claims)


def without_header(name: str) -> Forger:
    return lambda key, headers, claims: signed(
        key, {other: value for other, value in headers.items() if other != name}, claims
    )


def with_claim(**more: Any) -> Forger:
    return lambda key, headers, claims: signed(key, headers, claims | more)


def without_claim(name: str) -> Forger:
    return lambda key, headers, claims: signed(
        key, headers, {other: value for other, value in claims.items() if other != name}
    )


def unsigned(alg: str) -> Forger:
    return lambda _key, headers, claims: _signing_input(headers | {"alg": alg}, claims) + "."


FORGERIES: dict[str, Forger] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg nOnE with the old signature": lambda k, h, c: (
        _signing_input(h | {"alg": "nOnE"}, c) + "." + signed(k, h, c).rpartition(".")[2]
    ),
    "no signature": lambda _, h, c: _signing_input(h, c) + ".",
    "two parts": lambda _, h, c: _signing_input(h, c),
    "HS256 with the public key in PEM": lambda k, h, c: with_mac(
        h | {"alg": "HS256"}, c, k.public_pem.encode()
    ),
    "HS256 with the public key in PEM, stripped": lambda k, h, c: with_mac(
        h | {"alg": "HS256"}, c, k.public_pem.strip().encode()
    ),
    "HS256 with the public key in DER": lambda k, h, c: with_mac(h | {"alg": "HS256"}, c, der(k)),
    "a MAC of the public key under the right alg": lambda k, h, c: with_mac(h, c, k.public_pem.encode()),
    "HS256 under an empty secret": lambda _, h, c: with_mac(h | {"alg": "HS256"}, c, b""),
    "RS256": lambda _, h, c: in_rsa(h, c),
    "alg ES384": with_header(alg="ES384"),
    "alg es256": with_header(alg="es256"),
    "no alg": without_header("alg"),
    "another's signature": lambda _, h, c: by_attacker(h, c),
    "another's signature, its key in jwk": lambda _, h, c: by_attacker(h | {"jwk": attackers_jwk()}, c),
    "another's signature, its key at jku": lambda _, h, c: by_attacker(
        h | {"jku": "https://evil.test/jwks.json"}, c
    ),
    "jku": with_header(jku="https://crm.test/.well-known/jwks.json"),
    "x5u": with_header(x5u="https://crm.test/cert.pem"),
    "x5c": with_header(x5c=["MIIB"]),
    "jwk": with_header(jwk={"kty": "EC"}),
    "crit": with_header(crit=["exp"]),
    "b64": with_header(b64=False),
    "unknown kid": with_header(kid="nobody"),
    "kid that is a path": with_header(kid="../../../../dev/null"),
    "kid that is a list": with_header(kid=["a"]),
    "kid that is null": with_header(kid=None),
    "no kid": without_header("kid"),
    "typ JWT": with_header(typ="JWT"),
    "typ of a refresh token": with_header(typ="rt+jwt"),
    "no typ": without_header("typ"),
    **{
        f"no {name}": without_claim(name)
        for name in ("exp", "aud", "iss", "sub", "jti", "iat", "ver", "kind")
    },
    "another aud": with_claim(aud="billing"),
    "several auds without ours": with_claim(aud=["billing", "erp"]),
    "aud null": with_claim(aud=None),
    "another iss": with_claim(iss="https://evil.test"),
    "iss with a slash more": lambda k, h, c: signed(k, h, c | {"iss": c["iss"] + "/"}),
    "expired": with_claim(exp=1_700_000_000),
    "exp that is a text": with_claim(exp="tomorrow"),
    "exp beyond every calendar": with_claim(exp=10**18),
    "sub that is no id": with_claim(sub="张三"),
    "sub of nobody": with_claim(sub=str(uuid4())),
    "jti that is no id": with_claim(jti="1"),
    "a role nobody knows": with_claim(roles=["god"]),
    "a scope nobody knows": with_claim(scope="everything:do"),
    "another kind": with_claim(kind="system"),
    "an older version of the credentials": with_claim(ver=0),
    "a claim changed after signing": lambda k, h, c: ".".join(
        [
            _signing_input(h, c | {"scope": "users:write"}),
            signed(k, h, c).rpartition(".")[2],
        ]
    ),
}

NESTED = b'{"a":' * 9_000

GARBAGE = {
    "a word": "garbage",
    "dots": "..",
    "four parts": "a.b.c.d",
    "not base64": "§.§.§",
    "a header that is no object": f"{_b64(b'[1]')}.{_b64(b'{}')}.{_b64(b'x')}",
    "a header that is a number": f"{_b64(b'7')}.{_b64(b'{}')}.{_b64(b'x')}",
    "a header nested without end": f"{_b64(b'[' * 20_000)}.{_b64(b'{}')}.{_b64(b'x')}",
    "an object nested without end": f"{_b64(NESTED)}.{_b64(b'{}')}.{_b64(b'x')}",
    "bytes that are no text": f"{_b64(bytes(range(128, 200)))}.{_b64(b'{}')}.{_b64(b'x')}",
}


def untouched(system: System, caller: Caller) -> tuple[SigningKey, Json, Json]:
    """The key, and header and claims of the caller's own good token."""
    header, claims, _ = caller.token.split(".")
    parts = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]
    return signing_keys(system.settings.signing_keys.get_secret_value())[0], parts[0], parts[1]


async def ask(system: System, token: str) -> httpx.Response:
    headers = {b"Authorization": f"Bearer {token}".encode()}
    return await system.http.get("/v1/me", headers=headers)


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["type"] == "/problems/unauthenticated"


@pytest.fixture(scope="module")
async def somebody(system: System) -> Caller:
    return await system.staff(Role.HR)


@pytest.fixture
def at() -> Iterator[Callable[[timedelta], None]]:
    """Sets the clock this much ahead, until the test ends."""
    true = clock.now
    yield lambda ahead: clock.set_source(lambda: clock._system() + ahead)
    clock.set_source(None)
    assert clock.now is true


async def test_the_token_that_the_forgeries_are_made_from_is_good(system: System, somebody: Caller) -> None:
    assert (await ask(system, signed(*untouched(system, somebody)))).status_code == 200


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_lets_nobody_in(system: System, somebody: Caller, forgery: str) -> None:
    assert_refused(await ask(system, FORGERIES[forgery](*untouched(system, somebody))))


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_refused_and_breaks_nothing(system: System, garbage: str) -> None:
    assert_refused(await ask(system, GARBAGE[garbage]))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "bearer", "Token x", "Bearer  x"])
async def test_another_kind_of_authorization_is_refused(system: System, header: str) -> None:
    assert_refused(await system.http.get("/v1/me", headers={"Authorization": header}))


async def test_the_scheme_may_be_written_small(system: System, somebody: Caller) -> None:
    answer = await system.http.get("/v1/me", headers={"Authorization": f"bearer {somebody.token}"})
    assert answer.status_code == 200


async def test_a_token_in_the_address_is_no_token(system: System, somebody: Caller) -> None:
    assert_refused(await system.http.get(f"/v1/me?access_token={somebody.token}"))


async def test_a_token_lives_fifteen_minutes_also_one_that_was_seen_before(
    system: System, somebody: Caller, at: Callable[[timedelta], None]
) -> None:
    assert (await ask(system, somebody.token)).status_code == 200
    at(timedelta(minutes=14))
    assert (await ask(system, somebody.token)).status_code == 200
    at(timedelta(minutes=16))
    assert_refused(await ask(system, somebody.token))
    assert_refused(await ask(system, somebody.token))


async def test_a_token_says_what_rfc_9068_wants_and_no_name(system: System, somebody: Caller) -> None:
    _, header, claims = untouched(system, somebody)
    assert header["typ"] == "at+jwt"
    assert header["alg"] == "ES256"
    assert set(claims) == {"iss", "aud", "sub", "iat", "exp", "jti", "kind", "roles", "scope", "ver"}
    assert (claims["aud"], claims["iss"]) == ("crm", system.settings.base_url)
    assert claims["exp"] - claims["iat"] == 15 * 60


async def test_two_tokens_of_one_person_have_different_ids(system: System, somebody: Caller) -> None:
    tokens = {system.tokens.verify(system.tokens.issue(somebody.principal)).token_id for _ in range(5)}
    assert len(tokens) == 5


async def test_the_old_key_verifies_while_it_stands_second_and_not_after(
    system: System, somebody: Caller
) -> None:
    old, new = system.settings.signing_keys.get_secret_value(), make_key()
    url = system.settings.database_url
    async with running(url, signing_keys=SecretStr(new + old)) as during:
        assert (await ask(during, somebody.token)).status_code == 200
        fresh = during.tokens.issue(somebody.principal)
        assert (await ask(during, fresh)).status_code == 200
        listed = (await during.http.get("/.well-known/jwks.json")).json()["keys"]
        assert [key["kid"] for key in listed] == [key.kid for key in signing_keys(new + old)]
    async with running(url, signing_keys=SecretStr(new)) as after:
        assert_refused(await ask(after, somebody.token))
        assert (await ask(after, fresh)).status_code == 200


async def test_the_published_keys_are_public_and_verify_what_we_sign(
    system: System, somebody: Caller
) -> None:
    answer = await system.http.get("/.well-known/jwks.json")
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    x, y = (int.from_bytes(base64.urlsafe_b64decode(key[name] + "==")) for name in "xy")
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    mine = signing_keys(system.settings.signing_keys.get_secret_value())[0]
    assert public == serialization.load_pem_public_key(mine.public_pem.encode())
    assert untouched(system, somebody)[1]["kid"] == key["kid"]


@pytest.mark.parametrize("number", [0, 3])
def test_a_wrong_number_of_keys_stops_the_start(number: int) -> None:
    with pytest.raises(ValueError, match="one or two"):
        signing_keys("".join(make_key() for _ in range(number)))


def test_a_key_of_another_kind_stops_the_start() -> None:
    wrong = RSA.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with pytest.raises(ValueError, match="P-256"):
        signing_keys(wrong)


def test_no_more_than_ten_thousand_verified_tokens_are_kept(system: System, somebody: Caller) -> None:
    tokens = Tokens(system.settings)
    tokens.KEPT = 3
    for _ in range(5):
        tokens.verify(system.tokens.issue(somebody.principal))
    assert len(tokens._kept) == 3
