"""Numbers, mail addresses and WeChat ids: how they are compared, however they were written."""

import re
import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from app.models.customer import ContactPoint, ContactPointKind
from app.schemas.customer import ContactPointCreate

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


def _number(text: str) -> str:
    digits = "".join(filter(str.isdigit, text))
    if is_service_number(digits) and not text.startswith("+"):
        return digits
    try:
        number = phonenumbers.parse(text, HOME)
    except NumberParseException:
        return digits
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
