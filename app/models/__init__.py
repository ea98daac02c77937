"""Everything that is stored; importing this package fills `Base.metadata`."""

from app.models import (
    account,
    code,
    customer,
    delivery_exception,
    duplicate,
    event,
    job,
    merge,
    order,
    shipment,
)
from app.models.base import Base

__all__ = [
    "Base",
    "account",
    "code",
    "customer",
    "delivery_exception",
    "duplicate",
    "event",
    "job",
    "merge",
    "order",
    "shipment",
]
