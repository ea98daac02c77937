"""Passwords that people choose and secrets that we make for machines, and what is stored of either."""

import hashlib
import secrets
from functools import lru_cache

from pwdlib import PasswordHash

_passwords = PasswordHash.recommended()
_dummy_hash = lru_cache(lambda: _passwords.hash(secrets.token_urlsafe(16)))


def hash_password(password: str) -> str:
    """Argon2id with the library's recommended cost."""
    return _passwords.hash(password)


def check_password(password: str, hashed: str | None) -> bool:
    """Whether it fits; an unknown account (`None`) takes just as long and never fits."""
    fits = _passwords.verify(password, hashed or _dummy_hash())
    return fits and hashed is not None


def new_secret() -> str:
    """A secret for a machine or a refresh token: 256 bits, safe in a form body."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> bytes:
    """What is stored of a high-entropy secret; argon2 is for passwords, which people choose."""
    return hashlib.sha256(secret.encode()).digest()
