"""Cells that a spreadsheet shows and never runs."""

import csv
import io
import unicodedata
from collections.abc import Iterable

_STARTS = frozenset("=+-@|")
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def guarded(cell: str) -> str:
    """The text behind an apostrophe where a spreadsheet might take it for a formula.

    That goes by its first visible character, full-width forms included, and by a tab or line end in front.
    """
    if cell[:1] in {"\t", "\r", "\n"}:
        return f"'{cell}"
    first = next((each for each in cell if unicodedata.category(each) not in _INVISIBLE), "")
    return f"'{cell}" if unicodedata.normalize("NFKC", first)[:1] in _STARTS else cell


def as_csv(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV (RFC 4180), each cell guarded."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()
