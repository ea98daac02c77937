"""What kind of file it is, judged by its content: text in an encoding, or a workbook that is no bomb."""

import io
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from app.models.import_file import FileFormat
from app.services import contents

DELIMITERS = ",;\t，；|"
_NAMES = {FileFormat.CSV: (".csv", ".txt", ".tsv"), FileFormat.XLSX: (".xlsx",)}
_QUOTED = re.compile('"(?:[^"]|"")*(?:"|$)')


@dataclass(frozen=True)
class Kind:
    """How a file is to be read; a workbook as the CSV that is made of it."""

    format: FileFormat
    encoding: str
    delimiter: str


def recognised(file: IO[bytes], filename: str) -> Kind:
    """Read through the file. Raises `Invalid` for one of another kind, or that is not what its name says."""
    head = contents.head(file)
    found = FileFormat.XLSX if head.startswith(b"PK") else FileFormat.CSV
    if not filename.lower().endswith(_NAMES[found]):
        wanted = ", ".join(name for names in _NAMES.values() for name in names)
        raise contents.refusal(
            f"The file is not what its name says, or of another kind; send {wanted}.",
            f"文件内容与扩展名不符，或类型不受支持；请上传 {wanted}。",
        )
    if found is FileFormat.XLSX:
        _must_be_workbook(file)
        return Kind(found, "utf-8", ",")
    encoding, begins = contents.text(file)
    return Kind(found, encoding, _delimiter(begins))


def _delimiter(text: str) -> str:
    """The one that stands most often in the first line that holds anything, quotes left out."""
    lines: Iterable[str] = io.StringIO(_QUOTED.sub("", text.lstrip("\ufeff\r\n \t")), newline=None)
    first = next(iter(lines), "")
    return max(DELIMITERS, key=first.count)


def _must_be_workbook(file: IO[bytes]) -> None:
    if not {"[Content_Types].xml", "xl/workbook.xml"} <= contents.archived(file):
        raise contents.refusal("The file is no workbook.", "文件不是工作簿。")


def as_csv(workbook: IO[bytes]) -> IO[bytes]:
    """The first sheet as UTF-8 CSV in a nameless file. Raises `Invalid` where it can't be read."""
    workbook.seek(0)
    written = TemporaryFile()  # noqa: SIM115  # the caller closes it
    done = subprocess.run(
        [sys.executable, "-m", "app.services.imports.workbook"],
        stdin=workbook,
        stdout=written,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        written.close()
        raise contents.refusal(
            "The workbook can't be read; save it as CSV.", "无法读取工作簿，请另存为 CSV。"
        )
    written.seek(0)
    return written
