"""What differs between one installation and the next, read from the environment once."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Every variable is `CRM_` and the field's name in capitals; `docs/operations.md` lists them.

    Secrets have no default: `crm up` makes its own under `data_dir`, production brings them.
    """

    model_config = SettingsConfigDict(
        env_prefix="CRM_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: str
    """What the API and the worker use; several hosts may be given, separated by commas."""
    owner_database_url: str | None = None
    """What `crm migrate` uses: the owner of the tables. The same login as `database_url` unless given."""
    partner_database_url: str | None = None
    """Where partner requests go, if not to `database_url`: a pooler keeps connections of one role apart."""
    app_role: str = "crm_app"
    """The database role the application acts in; it owns nothing and is held by row-level security."""
    partner_role: str = "crm_partner"
    """The database role of partner requests."""
    pool_size: int = Field(30, ge=1)
    statement_cache: bool = True
    """False behind a pooler in transaction mode: then neither driver keeps prepared statements."""
    statement_timeout_s: float = Field(15, gt=0)

    data_dir: Path = Path(".data")
    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str = "http://127.0.0.1:8000"
    """Where clients reach the API; it is the `iss` of every token."""
    audience: str = "crm"

    signing_keys: SecretStr
    """One or two private keys in PEM (EC P-256). The first signs; all of them verify."""
    cursor_secret: SecretStr = Field(min_length=32)
    """Encrypts paging cursors, so that a client can neither read one nor make one up."""

    vault_key: SecretStr
    """Encrypts documents and files; several are separated by commas, of which the first seals and all open."""
    second_store: str | None = None
    """Where contracts are kept a second time: `file:///...`, `s3://...` or what else obstore knows."""

    access_token_minutes: int = 15
    refresh_token_days: int = 30
    lockout_failures: int = 5
    lockout_minutes: int = 15

    partner_rate: int = 10
    """Requests a second a partner client may make, with bursts of four seconds' worth."""
    dispatch_rate: int = 100
    staff_rate: int = 300
    concurrency: int = 20
    """Requests of one client under way at the same time; fewer than the pool has connections."""
    body_limit: int = 1024 * 1024
    """Bytes of a request body, uploads and imports apart."""
    import_limit: int = 512 * 1024 * 1024
    """Bytes of a file of customers."""
    document_limit: int = 20 * 1024 * 1024
    """Bytes of a document, the form around it included."""
    export_days: int = Field(7, ge=1)
    """Days for which the file of an export can be fetched."""

    reveals_per_day: int = Field(200, ge=1)
    """How many records one person may look at unmasked in a day; the day is Shanghai's."""

    metrics_token: SecretStr | None = Field(None, min_length=32)
    """What Prometheus brings as a bearer token to `/metrics`; without one there is no such page."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("signing_keys")
    @classmethod
    def _one_key_or_two(cls, value: SecretStr) -> SecretStr:
        if not 1 <= value.get_secret_value().count("-----BEGIN PRIVATE KEY-----") <= 2:
            raise ValueError("must hold one or two PKCS#8 private keys in PEM")
        return value

    @field_validator("vault_key")
    @classmethod
    def _keys_of_some_length(cls, value: SecretStr) -> SecretStr:
        if min(map(len, vault_keys(value))) < 32:
            raise ValueError("must hold keys of 32 characters or more, separated by commas")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return tuple(filter(None, value.split(","))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _leaves_connections(self) -> Self:
        if self.concurrency >= self.pool_size:
            raise ValueError(
                "CRM_CONCURRENCY must be below CRM_POOL_SIZE, or one client takes every connection"
            )
        return self


def vault_keys(value: SecretStr) -> list[str]:
    return [key.strip() for key in value.get_secret_value().split(",")]


@lru_cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
