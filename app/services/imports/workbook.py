"""The first sheet of a workbook as CSV: a process of its own, which a bomb may take down without harm.

What unpacks a workbook lays its sheet out from the first cell to the last, however far apart they are.
"""

import csv
import io
import resource
import sys
from datetime import date
from typing import Any

MEMORY = 1024 * 1024 * 1024
SECONDS = 120


def main() -> None:
    """Read a workbook from standard input and write its first sheet, a line a row."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    from python_calamine import load_workbook  # noqa: PLC0415  # under the limits

    sheet = load_workbook(io.BytesIO(sys.stdin.buffer.read())).get_sheet_by_index(0)
    with io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="") as text:
        writer = csv.writer(text)
        top = sheet.start[0] if sheet.start else 0
        writer.writerows([[]] * top)
        writer.writerows([[_text(cell) for cell in row] for row in sheet.iter_rows()])


def _text(cell: Any) -> str:
    """As it would be typed: 13800000000 and not 13800000000.0, 2026-11-22, and never more than a line."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return cell.isoformat()
    return " ".join(str(cell).splitlines())


if __name__ == "__main__":
    main()
