"""What a partner's portal asks all day: one round trip, isolated twice."""

import asyncio
from collections.abc import Sequence
from typing import cast

import asyncpg

from app.errors import Unauthenticated
from app.schemas.base import normalised
from app.security import Principal

WAIT_S = 10
"""For a connection and the answer together; then the portal is told to come again."""
HAND_OVER_S = 5
"""To get a connection, and to give it back: one that hears nothing any more would be waited for."""


async def look_up(pool: asyncpg.Pool, principal: Principal, numbers: Sequence[str], language: str) -> str:
    """The JSON of the partner's own parcels among these numbers; the rest stands under `not_found`.

    One call of the database function `partner_shipments`: it asks whether the token still holds, sets the
    principal that row-level security goes by, and filters by the client's customers besides.
    """
    wanted = list(dict.fromkeys(normalised(number) for number in numbers))
    async with asyncio.timeout(WAIT_S), pool.acquire(timeout=HAND_OVER_S) as connection:
        answer = await connection.fetchval(
            "SELECT partner_shipments($1, $2, $3, $4, $5)",
            principal.id,
            principal.credentials_version,
            principal.token_id,
            wanted,
            language,
        )
    if answer is None:
        raise Unauthenticated
    return cast("str", answer)
