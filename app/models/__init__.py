"""Everything that is stored; importing this package fills `Base.metadata`."""

from app.models import (
    account,
    audit,
    code,
    customer,
    delivery_exception,
    division,
    document,
    event,
    export,
    import_file,
    job,
    leak,
    order,
    privacy,
    segment,
    shipment,
    verification,
)
from app.models.base import Base

__all__ = [
    "Base",
    "account",
    "audit",
    "code",
    "customer",
    "delivery_exception",
    "division",
    "document",
    "event",
    "export",
    "import_file",
    "job",
    "leak",
    "order",
    "privacy",
    "segment",
    "shipment",
    "verification",
]
