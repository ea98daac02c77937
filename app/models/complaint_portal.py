"""What a customer is told of where a complaint stands; how the house works is its own business."""

from enum import StrEnum

from app.models.complaint import ComplaintState


class CustomerComplaintStatus(StrEnum):
    """`waiting`: for the customer. Whoever else is waited for, to the customer it is being looked into."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    WAITING = "waiting"
    ANSWERED = "answered"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


FOR_THE_CUSTOMER = "awaiting_customer"
"""The one reason for waiting that the customer can do something about."""

_SHOWN = {
    ComplaintState.RECEIVED: CustomerComplaintStatus.RECEIVED,
    ComplaintState.ACKNOWLEDGED: CustomerComplaintStatus.ACKNOWLEDGED,
    ComplaintState.INVESTIGATING: CustomerComplaintStatus.INVESTIGATING,
    ComplaintState.WAITING: CustomerComplaintStatus.INVESTIGATING,
    ComplaintState.ANSWERED: CustomerComplaintStatus.ANSWERED,
    ComplaintState.CLOSED: CustomerComplaintStatus.CLOSED,
    ComplaintState.CLOSED_NOT_ACCEPTED: CustomerComplaintStatus.CLOSED,
    ComplaintState.REOPENED: CustomerComplaintStatus.INVESTIGATING,
    ComplaintState.WITHDRAWN: CustomerComplaintStatus.WITHDRAWN,
    ComplaintState.MERGED: CustomerComplaintStatus.CLOSED,
}


def customer_status(state: ComplaintState, waiting_reason: str | None) -> CustomerComplaintStatus:
    if state is ComplaintState.WAITING and waiting_reason == FOR_THE_CUSTOMER:
        return CustomerComplaintStatus.WAITING
    return _SHOWN[state]
