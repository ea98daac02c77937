"""Numbers, mail addresses and WeChat ids: how they are compared, however they were written."""

import re
import unicodedata
from collections.abc import Sequence
from uuid import UUID

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.customer import Consent, Contact, ContactPoint, ContactPointKind, CustomerContact
from app.schemas.contact import ContactCreate, ContactPointCreate
from app.services import names

HOME = "CN"
"""A number without a country code is dialled from here."""

_SERVICE = re.compile(r"(?:1[012]\d{3}|1[012]\d|9[56]\d{3,6})")
"""Service numbers of the Chinese numbering plan (12305, 95338, 10086): they have no country code."""


def normal(kind: ContactPointKind, value: str) -> str:
    """What is compared: E.164, the digits of a service number, small letters for all else."""
    text = unicodedata.normalize("NFKC", value).strip()
    return _number(text) if kind is ContactPointKind.PHONE else text.lower()


def is_service_number(normalised: str) -> bool:
    """Whether it is a hotline of the plan rather than somebody's telephone."""
    return _SERVICE.fullmatch(normalised) is not None


def made(body: ContactPointCreate) -> ContactPoint:
    return ContactPoint(**body.model_dump(), normal=normal(body.kind, body.value))


def held(body: ContactCreate) -> CustomerContact:
    """The person, with every way to reach them, as somebody's contact."""
    points = [made(point) for point in body.reached()]
    person = Contact(name=body.name, romanised=names.romanised(body.name), points=points)
    return CustomerContact(role=body.role, contact=person)


async def forget_unlinked(session: AsyncSession, contact_ids: Sequence[UUID]) -> None:
    """Delete those of these people whom no customer has any more, and of whom no consent speaks."""
    if contact_ids:
        held = select(CustomerContact).where(CustomerContact.contact_id == Contact.id)
        consented = select(Consent).where(Consent.contact_id == Contact.id)
        await session.execute(
            delete(Contact)
            .where(Contact.id.in_(contact_ids), ~held.exists(), ~consented.exists())
            .execution_options(synchronize_session=False)
        )


def _number(text: str) -> str:
    digits = "".join(filter(str.isdigit, text))
    if is_service_number(digits) and not text.startswith("+"):
        return digits
    try:
        number = phonenumbers.parse(text, HOME)
    except NumberParseException:
        return digits
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
