"""`crm vault`: what is to be done with sealed documents when a key is replaced."""

import asyncio

import typer
from rich.console import Console

from app.database import connect
from app.services.documents import pieces
from app.settings import settings
from app.supervisor import join

commands = typer.Typer(no_args_is_help=True, help="The keys that documents are sealed with.")
console = Console(soft_wrap=True)


@commands.callback()
def main() -> None:
    """The keys that documents are sealed with."""


@commands.command()
def rotate() -> None:
    """Seal every document's key with the first of CRM_VAULT_KEY. Safe to stop, and to repeat."""
    join()
    console.print(
        f"Sealed {asyncio.run(_rotate())} keys anew; none is left that needs another than the first."
    )


async def _rotate() -> int:
    database = await connect(settings())
    try:
        whole, some = 0, 1
        while some:
            async with database.sessions.begin() as session:
                some = await pieces.seal_keys_anew(session)
            whole += some
        return whole
    finally:
        await database.close()
