"""How urgent a complaint is, and what of it decides on limits."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.code import Severity
from app.models.complaint import Complaint
from app.models.customer import Customer
from app.services.clocks.policies import Facts

_SEVERITY = {Severity.LOW: 0, Severity.MEDIUM: 10, Severity.HIGH: 20, Severity.CRITICAL: 30}
_TIER = {"key": 15, "large": 10}
REPEAT = 5
ESCALATION = 10
NOT_ACCEPTED = 10


async def tier_of(session: AsyncSession, complaint: Complaint) -> str | None:
    """The tier of the customer, where the complaint has one."""
    if complaint.customer_id is None:
        return None
    tier: str | None = await session.scalar(select(Customer.tier).where(Customer.id == complaint.customer_id))
    return tier


def priority(complaint: Complaint, tier: str | None) -> int:
    """The sum of how severe it is, whose it is, how often it was said, how far up it went, how often answered in vain."""
    repeats = complaint.repeats + (complaint.repeat_of_id is not None)
    return (
        _SEVERITY[complaint.severity]
        + _TIER.get(tier or "", 0)
        + REPEAT * repeats
        + ESCALATION * complaint.escalation
        + NOT_ACCEPTED * (complaint.not_accepted or 0)
    )


def facts(complaint: Complaint, tier: str | None) -> Facts:
    return Facts(
        category=complaint.category,
        severity=complaint.severity,
        tier=tier,
        channel=complaint.channel,
        customer_id=complaint.customer_id,
    )
