"""What a partner's portal asks all day: one round trip, isolated twice."""

import unicodedata
from collections.abc import Sequence
from typing import cast

import asyncpg

from app.errors import Unauthenticated
from app.security import Principal


async def look_up(pool: asyncpg.Pool, principal: Principal, numbers: Sequence[str], language: str) -> str:
    """The JSON of the partner's own parcels among these numbers; the rest stands under `not_found`.

    One call of the database function `partner_shipments`: it asks whether the token still holds, sets the
    principal that row-level security goes by, and filters by the client's customers besides.
    """
    answer = await pool.fetchval(
        "SELECT partner_shipments($1, $2, $3, $4, $5)",
        principal.id,
        principal.credentials_version,
        principal.token_id,
        list(dict.fromkeys(unicodedata.normalize("NFKC", number).strip() for number in numbers)),
        language,
    )
    if answer is None:
        raise Unauthenticated
    return cast("str", answer)
