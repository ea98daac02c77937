"""`crm audit`: the chain of seals from the command line, for whoever keeps a copy of its end elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import connect
from app.services import seals
from app.settings import settings
from app.supervisor import join

commands = typer.Typer(no_args_is_help=True, help="The sealed audit trail.")
console = Console(soft_wrap=True)
Result = TypeVar("Result")

PIECE = 50


@commands.command()
def head() -> None:
    """Print number and SHA-256 of the last seal. Keep it where nobody of this system can write."""
    last = _read(seals.head)
    if last is None:
        console.print("Nothing is sealed yet.")
        raise typer.Exit(1)
    print(f"{last.number}:{last.sha256.hex()}")  # noqa: T201  # for $(...)


@commands.command()
def verify(
    known: Annotated[
        str | None, typer.Option(help="What `crm audit head` printed once: NUMBER:SHA256.")
    ] = None,
) -> None:
    """Compare every row with its seal, and each seal with the one before; exit code 1 if anything was touched."""
    result = _read(lambda session: _walk(session, _known(known)))
    for each in result.faults:
        of = f"{each.stream} {each.row_id}" if each.row_id else "the seal itself"
        console.print(
            f"seal {each.number}: {each.fault.replace('_', ' ')}: {of}", style="red", highlight=False
        )
    if not result.intact:
        console.print(f"The audit trail was touched: {result.faults_found} faults.", style="bold red")
        raise typer.Exit(1)
    console.print(
        f"Intact: {result.seals} seals over {result.rows} rows, {result.redacted} of them redacted on record."
    )


async def _walk(session: AsyncSession, known: tuple[int, str] | None) -> seals.Verification:
    whole = await seals.verify(session, most=PIECE, known=known)
    with console.status("Verifying ...") as status:
        while whole.next_number is not None:
            whole += await seals.verify(session, whole.next_number, PIECE)
            status.update(f"Verifying ... {whole.seals} seals, {whole.rows} rows")
    return whole


def _known(given: str | None) -> tuple[int, str] | None:
    if given is None:
        return None
    number, _, sha256 = given.partition(":")
    if not number.isdigit() or len(sha256) != 64:
        raise typer.BadParameter("write it as NUMBER:SHA256, as `crm audit head` does")
    return int(number), sha256.lower()


def _read(act: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
    join()

    async def inside() -> Result:
        database = await connect(settings())
        try:
            async with database.readings() as session:
                return await act(session)
        finally:
            await database.close()

    return asyncio.run(inside())
