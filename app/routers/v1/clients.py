"""The machines of dispatch and partners."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.account import Client
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import IfMatch, OnceSession, Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.account import ClientChange, ClientCreate, ClientQuery, ClientRead, ClientSecret
from app.security import Principal
from app.services import accounts

router = CourierRouter(prefix="/clients", tags=["clients"])

Reader = Annotated[Principal, holder_of(Scope.CLIENTS_READ)]
Admin = Annotated[Principal, holder_of(Scope.CLIENTS_WRITE)]


@router.get("", summary="List clients", response_model=Page[ClientRead])
async def list_clients(query: Annotated[ClientQuery, Query()], _: Reader, session: Reading) -> dict[str, Any]:
    """By client_id."""
    return await paginate(session, accounts.search_clients(query), query)


@router.post("", summary="Create a client", status_code=201, response_model=ClientSecret, responses={409: {}})
async def create_client(body: ClientCreate, actor: Admin, session: Session) -> dict[str, Any]:
    """The secret is told in this answer and never again; it takes no Idempotency-Key for that reason."""
    client, secret = await accounts.create_client(session, actor, body)
    return _with_secret(client, secret)


@router.get("/{client_id}", summary="Read a client", response_model=ClientRead)
async def get_client(client_id: UUID, tag: Tag, _: Reader, session: Reading) -> Client:
    """With its ETag."""
    client = await accounts.get_client(session, client_id)
    tag.settle(client.version)
    return client


@router.patch("/{client_id}", summary="Change a client", response_model=ClientRead)
async def change_client(
    client_id: UUID,
    body: ClientChange,
    *,
    actor: Admin,
    version: IfMatch,
    tag: Tag,
    session: Session,
) -> Client:
    """Sources and customers count from the client's next request on."""
    client = await accounts.change_client(session, actor, client_id, body, version)
    tag.settle(client.version)
    return client


@router.post("/{client_id}/disable", summary="Disable a client", response_model=ClientRead)
async def disable_client(client_id: UUID, tag: Tag, actor: Admin, session: OnceSession) -> Client:
    """Counts from the client's next request on."""
    row = await accounts.disable_client(session, actor, client_id)
    tag.settle(row.version)
    return row


@router.post("/{client_id}/enable", summary="Enable a client again", response_model=ClientRead)
async def enable_client(client_id: UUID, tag: Tag, actor: Admin, session: OnceSession) -> Client:
    """The client must sign in anew."""
    row = await accounts.enable_client(session, actor, client_id)
    tag.settle(row.version)
    return row


@router.post(
    "/{client_id}/rotate-secret",
    summary="Give a new secret",
    response_model=ClientSecret,
    responses={409: {}},
)
async def rotate_client_secret(client_id: UUID, actor: Admin, session: Session) -> dict[str, Any]:
    """The old secret and its tokens end at once."""
    client, secret = await accounts.rotate_secret(session, actor, client_id)
    return _with_secret(client, secret)


def _with_secret(client: Client, secret: str) -> dict[str, Any]:
    return ClientRead.model_validate(client).model_dump() | {"client_secret": secret}
