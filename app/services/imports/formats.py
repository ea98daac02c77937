"""What kind of file it is, judged by its content: text in an encoding, or a workbook that is no bomb."""

import codecs
import io
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from app.errors import Invalid
from app.models.import_file import FileFormat

DELIMITERS = ",;\t，；|"
HEAD = 64 * 1024
WORKBOOK_MOST = 160 * 1024 * 1024
"""Bytes of a workbook unpacked: some 300,000 rows. Larger ones come as CSV, which is read as it streams."""
WORKBOOK_FILES = 2000
RATIO = 200

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_NAMES = {FileFormat.CSV: (".csv", ".txt", ".tsv"), FileFormat.XLSX: (".xlsx",)}
_QUOTED = re.compile('"(?:[^"]|"")*(?:"|$)')


@dataclass(frozen=True)
class Kind:
    """How a file is to be read; a workbook as the CSV that is made of it."""

    format: FileFormat
    encoding: str
    delimiter: str


def refusal(en: str, zh: str) -> Invalid:
    return Invalid(en, zh, pointer="/body/file")


def recognised(file: IO[bytes], filename: str) -> Kind:
    """Read through the file. Raises `Invalid` for one of another kind, or that is not what its name says."""
    head = _head(file)
    if not head.strip():
        raise refusal("The file is empty.", "文件为空。")
    found = FileFormat.XLSX if head.startswith(b"PK") else FileFormat.CSV
    if not filename.lower().endswith(_NAMES[found]):
        wanted = ", ".join(name for names in _NAMES.values() for name in names)
        raise refusal(
            f"The file is not what its name says, or of another kind; send {wanted}.",
            f"文件内容与扩展名不符，或类型不受支持；请上传 {wanted}。",
        )
    if found is FileFormat.XLSX:
        _must_be_harmless(file)
        return Kind(found, "utf-8", ",")
    encoding = _encoding(file, head)
    text = codecs.getincrementaldecoder(encoding)().decode(head)
    if _CONTROLS.search(text) or text.lstrip().startswith(("<", "%PDF", "{\\rtf")):
        raise refusal("The file is no table of text.", "文件不是文本表格。")
    return Kind(found, encoding, _delimiter(text))


def _head(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(HEAD)


def _encoding(file: IO[bytes], head: bytes) -> str:
    marked = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    for name in [marked] if marked else ["utf-8", "gb18030"]:
        if _decodes(file, name):
            return name
    raise refusal(
        "The text is neither UTF-8 nor GB18030 throughout; save the file as CSV UTF-8.",
        "文本既不是完整的 UTF-8，也不是 GB18030；请另存为 CSV UTF-8。",
    )


def _decodes(file: IO[bytes], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while piece := file.read(HEAD):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(text: str) -> str:
    """The one that stands most often in the first line that holds anything, quotes left out."""
    lines: Iterable[str] = io.StringIO(_QUOTED.sub("", text.lstrip("\ufeff\r\n \t")), newline=None)
    first = next(iter(lines), "")
    return max(DELIMITERS, key=first.count)


def _must_be_harmless(file: IO[bytes]) -> None:
    """Judged by the sizes that the file itself declares, before anything is unpacked, and then held to them."""
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise _no_workbook() from None
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if not {"[Content_Types].xml", "xl/workbook.xml"} <= names or any(each.flag_bits & 1 for each in entries):
        raise refusal("The file is no workbook, or one with a password.", "文件不是工作簿，或设有密码。")
    unpacked, packed = (
        sum(sizes) for sizes in zip(*((e.file_size, e.compress_size) for e in entries), strict=True)
    )
    if unpacked > WORKBOOK_MOST or len(entries) > WORKBOOK_FILES or unpacked > RATIO * max(packed, HEAD):
        raise refusal(
            "The workbook is too large unpacked; save it as CSV.", "工作簿解压后过大，请另存为 CSV。"
        )
    try:
        damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        raise _no_workbook() from None
    if damaged:
        raise _no_workbook()


def _no_workbook() -> Invalid:
    return refusal("The file is no workbook.", "文件不是工作簿。")


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
        raise refusal("The workbook can't be read; save it as CSV.", "无法读取工作簿，请另存为 CSV。")
    written.seek(0)
    return written
