"""`crm`: everything that a person does to the system from a terminal."""

import asyncio
import getpass
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import SecretStr, ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import audit_commands, importing, vault_commands
from app import demo as demonstration
from app.database import connect, owner_engine
from app.embedded import EmbeddedServerError
from app.errors import CourierError
from app.models.account import Client, User
from app.roles import Role
from app.schemas.account import ClientCreate, UserCreate
from app.security import Principal, Tokens
from app.services import accounts, customers, reference, sign_in
from app.services.readiness import alembic_config
from app.settings import settings
from app.supervisor import join
from app.supervisor import up as supervise
from app.worker import main as work

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Courier CRM from the command line.")
users = typer.Typer(no_args_is_help=True, help="The company's people.")
clients = typer.Typer(no_args_is_help=True, help="The machines of dispatch and partners.")
app.add_typer(users, name="user")
app.add_typer(clients, name="client")
app.add_typer(audit_commands.commands, name="audit")
app.add_typer(vault_commands.commands, name="vault")
app.command("import")(importing.main)

console = Console()
Result = TypeVar("Result")


def main() -> None:
    """Run the command; what a person did wrong is told in a sentence, not in a traceback."""
    try:
        app()
    except CourierError as error:
        _give_up(f"{error.detail.en} {error.detail.zh}")
    except ValidationError as error:
        _give_up(_told(error))
    except EmbeddedServerError as error:
        _give_up(str(error))


def _give_up(why: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(why, style="red", markup=False, highlight=False)
    sys.exit(1)


def _told(error: ValidationError) -> str:
    """Field by field; without the values, for they may be secrets."""
    fields = [(".".join(str(step) for step in each["loc"]), each["msg"]) for each in error.errors()]
    if error.title == "Settings":
        fields = [(f"CRM_{name.upper()}", message) for name, message in fields]
    return "\n".join(f"{name}: {message}" for name, message in fields)


@app.command()
def up(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty system with made-up data.")] = False,
) -> None:
    """Start everything: embedded PostgreSQL, migrations, API and worker."""
    raise SystemExit(supervise(partial(_prepare_system, fill=demo), demo=demo))


@app.command()
def serve() -> None:
    """Serve the API in one process."""
    import uvicorn  # half a second that only the API needs

    from app.main import create_app

    chosen = settings()
    uvicorn.run(
        create_app(chosen),
        host=chosen.host,
        port=chosen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


@app.command()
def worker() -> None:
    """Do the background work in one process; several may run."""
    asyncio.run(work(settings()))


@app.command()
def migrate() -> None:
    """Bring the database to this version: tables, reference rows, months ahead. Safe to repeat."""
    from alembic import command  # which no other command needs

    join()
    command.upgrade(alembic_config(), "head")
    asyncio.run(_prepare())


@app.command()
def demo() -> None:
    """Fill an empty system with made-up data and write the credentials."""
    join()
    path = settings().data_dir / "demo-credentials.json"
    demonstration.fill_once(settings(), path)


@app.command()
def openapi(
    target: Annotated[Path, typer.Argument(help="File to write.")] = Path("openapi/v1.json"),
) -> None:
    """Write the description of the API, for other teams and for the test that compares it."""
    from app.main import create_app  # as in `serve`

    spec = create_app(demonstration.throwaway_settings()).openapi()
    target.write_text(json.dumps(spec, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@users.command("add")
def add_user(
    username: Annotated[str, typer.Argument(help="What they sign in with.")],
    role: Annotated[list[Role], typer.Option(help="May be given several times.")],
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
) -> None:
    """Add a member of staff; the password is asked for, or read from standard input."""
    body = UserCreate(
        username=username, name=name or username, roles=role, password=SecretStr(_ask_password())
    )
    user = _run(lambda session: accounts.create_user(session, Principal.SYSTEM, body))
    console.print(f"Added {user.username} ({', '.join(user.roles)}).")


@users.command("add-first")
def add_first_user() -> None:
    """On a system without users, ask for the first admin."""
    join()
    if _run(lambda session: session.scalar(select(User.id).limit(1))) is not None:
        return
    if not sys.stdin.isatty():
        console.print("There is no user yet. Make the first one with: crm user add --role admin NAME")
        return
    console.print("There is no user yet. Who is the first admin?")
    username = typer.prompt("Username")
    body = UserCreate(
        username=username, name=username, roles=[Role.ADMIN], password=SecretStr(_ask_password())
    )
    _run(lambda session: accounts.create_user(session, Principal.SYSTEM, body))


@users.command("list")
def list_users() -> None:
    """Show who may sign in."""
    rows = _run(lambda session: _all(session, select(User).order_by(User.username)))
    columns = ("username", "roles", "level", "disabled")
    _show(columns, [(row.username, ", ".join(row.roles), row.level, _when(row.disabled_at)) for row in rows])


@users.command("disable")
def disable_user(username: str) -> None:
    """End a user's access as of the next request."""

    async def disable(session: AsyncSession) -> None:
        user = await _named(session, User, User.username, username)
        await accounts.disable_user(session, Principal.SYSTEM, user.id)

    _run(disable)


@clients.command("add")
def add_client(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    role: Annotated[Role, typer.Option(help="dispatch or partner.")],
    source: Annotated[list[str] | None, typer.Option(help="What dispatch pushes for; several.")] = None,
    customer: Annotated[
        list[str] | None, typer.Option(help="A partner's customer, by code; several.")
    ] = None,
) -> None:
    """Add a machine and print its secret, this once."""

    async def add(session: AsyncSession) -> tuple[Client, str]:
        body = ClientCreate.model_validate(
            {
                "name": name,
                "role": role,
                "sources": source or [],
                "customer_ids": [
                    (await customers.resolve(session, None, code)).id for code in customer or []
                ],
            }
        )
        return await accounts.create_client(session, Principal.SYSTEM, body)

    client, secret = _run(add)
    console.print_json(data={"client_id": client.client_id, "client_secret": secret})


@clients.command("list")
def list_clients() -> None:
    """Show which machines there are."""
    rows = _run(lambda session: _all(session, select(Client).order_by(Client.client_id)))
    _show(
        ("client_id", "name", "role", "sources", "disabled"),
        [(r.client_id, r.name, r.role, ", ".join(r.sources), _when(r.disabled_at)) for r in rows],
    )


@clients.command("rotate-secret")
def rotate_secret(client_id: str) -> None:
    """Give a machine a new secret; the old one ends at once."""

    async def rotate(session: AsyncSession) -> tuple[Client, str]:
        client = await _named(session, Client, Client.client_id, client_id)
        return await accounts.rotate_secret(session, Principal.SYSTEM, client.id)

    client, secret = _run(rotate)
    console.print_json(data={"client_id": client.client_id, "client_secret": secret})


@app.command()
def token(
    account: Annotated[str, typer.Argument(help="A username or a client_id.")],
) -> None:
    """Print an access token for somebody, for trying things out; it is written into the audit trail."""
    print(_run(lambda session: sign_in.token_for(session, Tokens(settings()), account)))  # noqa: T201  # for $(...)


def _run(act: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
    """Do something in one transaction of its own."""
    join()

    async def inside() -> Result:
        database = await connect(settings())
        try:
            async with database.sessions.begin() as session:
                return await act(session)
        finally:
            await database.close()

    return asyncio.run(inside())


def _prepare_system(*, fill: bool) -> None:
    migrate()
    demo() if fill else add_first_user()


async def _prepare() -> None:
    engine = owner_engine(settings())
    async with engine.begin() as connection:
        await reference.load(connection)
        await connection.execute(text("SELECT ensure_months(3)"))
    await engine.dispose()


async def _all(session: AsyncSession, statement: Any) -> list[Any]:
    return list(await session.scalars(statement))


async def _named(session: AsyncSession, model: Any, column: Any, name: str) -> Any:
    found = await session.scalar(select(model).where(column == name))
    if found is None:
        raise typer.BadParameter(f"there is no {name}")
    return found


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass("Password (12 characters or more): ")


def _show(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _when(moment: Any) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
