"""PostgreSQL without an installation: one server, one directory, one unix socket."""

from app.embedded.programs import EmbeddedServerError, binaries
from app.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "EmbeddedServerError", "binaries"]
