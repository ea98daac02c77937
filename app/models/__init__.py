"""Everything that is stored; importing this package fills `Base.metadata`."""

from app.models import (
    account,
    code,
    customer,
    delivery_exception,
    division,
    event,
    job,
    order,
    segment,
    shipment,
    verification,
)
from app.models.base import Base

__all__ = [
    "Base",
    "account",
    "code",
    "customer",
    "delivery_exception",
    "division",
    "event",
    "job",
    "order",
    "segment",
    "shipment",
    "verification",
]
