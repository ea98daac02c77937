"""Where a list came from: a line that everybody reads, and a mark that nobody sees."""

import re
from datetime import datetime
from uuid import UUID

EVERY = 10
"""So many rows lie between two that carry the mark."""

_SYMBOLS = "\u200b\u200c\u200d\u2060"
"""Zero-width characters: two bits each."""
_LENGTH = 16
_MARK = re.compile(f"[{_SYMBOLS}]{{{_LENGTH}}}")


def line(export_id: UUID, username: str, at: datetime) -> str:
    """Who took it, when, and as which export."""
    return f"导出 {export_id} · {username} · {at.isoformat(timespec='seconds')} · 内部资料，禁止外传"


def hidden(export_id: UUID) -> str:
    """The last 32 bits of the export's id, which are random, in characters without width."""
    number = export_id.int & 0xFFFFFFFF
    return "".join(_SYMBOLS[number >> shift & 3] for shift in range(2 * (_LENGTH - 1), -1, -2))


def read(text: str) -> set[str]:
    """The ends of the ids of the exports that a text was copied from, eight hexadecimal digits each."""
    found = set()
    for mark in _MARK.findall(text):
        number = 0
        for symbol in mark:
            number = number << 2 | _SYMBOLS.index(symbol)
        found.add(f"{number:08x}")
    return found
