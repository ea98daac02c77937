"""What must not lie about in plain: sealed with AES-GCM, bound to the place where it stands."""

import hashlib
import os
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.settings import settings

NONCE = 12


def seal(content: bytes, place: str) -> bytes:
    """Encrypt for one place: table, column and id. Elsewhere it can't be opened."""
    nonce = os.urandom(NONCE)
    return nonce + _cipher().encrypt(nonce, content, place.encode())


def unseal(sealed: bytes, place: str) -> bytes:
    """What was sealed for this place. Raises `cryptography.exceptions.InvalidTag` if a bit of either differs."""
    return _cipher().decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())


@lru_cache
def _cipher() -> AESGCM:
    return AESGCM(hashlib.sha256(settings().vault_key.get_secret_value().encode()).digest())
