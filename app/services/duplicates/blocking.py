"""Keys by which records are found that may be the same: two that share none are never compared.

A key is 64 bits of a hash, so that the table of keys holds nothing of anybody's.
"""

import hashlib
import re
from collections.abc import Iterator

from app.models.customer import CustomerKind
from app.services.duplicates.record import Record

_SOFT = re.compile(r"[aeiouyhw]|(.)(?=\1)")

MOST_SHARED = 200
"""A key that more customers have says too little and is passed over: 王伟 of 北京, a building of a thousand firms."""


def keys(record: Record) -> list[int]:
    """In ascending order, in which they are also locked."""
    named = {f"{record.kind}:{text}" for text in (*_reached(record), *_named(record), *_placed(record))}
    return sorted(
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True) for text in named
    )


def _reached(record: Record) -> Iterator[str]:
    """The last seven digits are the same with and without an area code's changes."""
    yield from (f"phone {phone[-7:]}" for phone in record.phones if len(phone) >= 7)
    yield from (f"mail {mail}" for mail in record.mails)
    yield from (f"id {value}" for value in record.ids.values())


def _named(record: Record) -> Iterator[str]:
    """A company by its sound, one syllable or word left out; a person's name alone is too common for that."""
    sound = record.name.sound
    if not sound:
        return
    yield f"name {' '.join(sorted(sound))}"
    yield f"name {' '.join(sorted(record.name.whole_sound))}"
    if record.kind is CustomerKind.COMPANY and len(sound) > 2:
        yield from (
            f"name {' '.join(sorted(sound[:at] + sound[at + 1 :]))}" for at in range(min(len(sound), 12))
        )
    if record.kind is CustomerKind.COMPANY:
        yield from (f"brand {' '.join(record.name.brand_sound)} {place}" for place in record.name.places)


def _placed(record: Record) -> Iterator[str]:
    """Parts of the name and of the street, each with the parts of the place that would have to agree as well."""
    parts = list(_parts(record))
    for place in record.places:
        street, number = _bones(place.line), " ".join(place.numbers)
        near = {place.postcode, _bones(place.city), f"{street} {number}".strip()} - {""}
        yield from (f"at {part} {spot}" for part in parts for spot in near)
        spots = {place.postcode, _bones(place.city)} - {""}
        yield from (
            f"street {each} {spot}"
            for each in {street, number} - {""}
            for spot in spots
            if not record.name.is_han
        )
        yield from (f"house {street} {number} {spot}" for spot in spots if street and number)


def _bones(text: str) -> str:
    """The first letters and the consonants of a word's beginning, in which fewer slips happen; Chinese as it is."""
    first = next((word for word in text.split() if len(word) > 2), text)
    return first if not first.isascii() else first[:1] + _SOFT.sub("", first[1:])[:3]


def _parts(record: Record) -> Iterator[str]:
    name = record.name
    if record.kind is CustomerKind.COMPANY:
        yield " ".join(name.brand_sound)
    elif name.is_han:
        yield " ".join(sorted(name.sound))
        if len(name.sound) > 2:
            yield from (
                " ".join(sorted(name.sound[:at] + name.sound[at + 1 :])) for at in range(len(name.sound))
            )
    else:
        yield from {_bones(word) for word in name.sound}
