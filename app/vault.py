"""What must not lie about in plain: sealed with AES-256-GCM, bound to the place where it stands.

The keys of `CRM_VAULT_KEY` form a ring: the first seals, all of them open, and what is sealed names its key. What stays
for years is sealed with a key of its own, and only that key with the ring's, so that a new key is a matter of bytes.
"""

import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.settings import settings, vault_keys

NONCE, TAG = 12, 16
NAME = 4
"""Bytes in front of what the ring has sealed, which name the key."""
SEALED_KEY = NAME + NONCE + 32 + TAG


def seal(content: bytes, place: str) -> bytes:
    """Encrypt for one place: table, column and id. Elsewhere it can't be opened."""
    name, cipher = next(iter(_ring().items()))
    return name + _encrypt(cipher, content, place)


def unseal(sealed: bytes, place: str) -> bytes:
    """What was sealed for this place. Raises `cryptography.exceptions.InvalidTag` if a bit of either differs."""
    cipher = _ring().get(sealed[:NAME])
    if cipher is None:
        raise InvalidTag
    return _decrypt(cipher, sealed[NAME:], place)


def current() -> bytes:
    """What begins all that is sealed today; anything else is sealed with a key that is on its way out."""
    return next(iter(_ring()))


def new_key(place: str) -> bytes:
    """A key for one thing alone, sealed for its place."""
    return seal(AESGCM.generate_key(256), place)


class Box:
    """Seals and opens with a key that is sealed itself."""

    def __init__(self, sealed_key: bytes, place: str) -> None:
        self._cipher = AESGCM(unseal(sealed_key, place))

    def seal(self, content: bytes, place: str) -> bytes:
        return _encrypt(self._cipher, content, place)

    def unseal(self, sealed: bytes, place: str) -> bytes:
        return _decrypt(self._cipher, sealed, place)


def _encrypt(cipher: AESGCM, content: bytes, place: str) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + cipher.encrypt(nonce, content, place.encode())


def _decrypt(cipher: AESGCM, sealed: bytes, place: str) -> bytes:
    if len(sealed) < NONCE + TAG:
        raise InvalidTag
    return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())


@lru_cache
def _ring() -> dict[bytes, AESGCM]:
    keys = [hashlib.sha256(key.encode()).digest() for key in vault_keys(settings().vault_key)]
    return {hashlib.sha256(b"name of " + key).digest()[:NAME]: AESGCM(key) for key in keys}
