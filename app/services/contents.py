"""What is in a file that somebody sent, whatever they call it: text in an encoding, or an archive that is no bomb."""

import codecs
import re
import zipfile
import zlib
from typing import IO

from app.errors import Invalid

HEAD = 64 * 1024
UNPACKED_MOST = 160 * 1024 * 1024
"""Bytes of an archive unpacked; a workbook of some 300,000 rows."""
FILES_MOST = 2000
RATIO = 200

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def refusal(en: str, zh: str) -> Invalid:
    return Invalid(en, zh, pointer="/body/file")


def head(file: IO[bytes]) -> bytes:
    """What the file begins with. Raises `Invalid` where there is nothing."""
    file.seek(0)
    found = file.read(HEAD)
    if not found.strip():
        raise refusal("The file is empty.", "文件为空。")
    return found


def text(file: IO[bytes]) -> tuple[str, str]:
    """The encoding, and the text it begins with. Raises `Invalid` for what is none throughout, or says it is more."""
    begins = head(file)
    encoding = _encoding(file, begins)
    found = codecs.getincrementaldecoder(encoding)().decode(begins)
    if _CONTROLS.search(found) or found.lstrip().startswith(("<", "%PDF", "{\\rtf")):
        raise refusal("The file is no plain text.", "文件不是纯文本。")
    return encoding, found


def _encoding(file: IO[bytes], begins: bytes) -> str:
    marked = next((name for mark, name in _BOMS if begins.startswith(mark)), None)
    for name in [marked] if marked else ["utf-8", "gb18030"]:
        if _decodes(file, name):
            return name
    raise refusal(
        "The text is neither UTF-8 nor GB18030 throughout; save the file as UTF-8.",
        "文本既不是完整的 UTF-8，也不是 GB18030；请另存为 UTF-8。",
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


def archived(file: IO[bytes]) -> set[str]:
    """The names of what is in an archive. Raises `Invalid` for one that is damaged, locked or a bomb.

    It is judged by the sizes that it declares itself, before anything is unpacked, and then held to them.
    """
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise _damaged() from None
    entries = archive.infolist()
    if any(each.flag_bits & 1 for each in entries):
        raise refusal("The file has a password; take it off.", "文件设有密码，请先去除。")
    unpacked = sum(each.file_size for each in entries)
    packed = sum(each.compress_size for each in entries)
    if unpacked > UNPACKED_MOST or len(entries) > FILES_MOST or unpacked > RATIO * max(packed, HEAD):
        raise refusal(
            "The file is too large unpacked; split it, or save a table as CSV.",
            "文件解压后过大，请拆分，表格可另存为 CSV。",
        )
    try:
        damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
        raise _damaged() from None
    if damaged:
        raise _damaged()
    return {each.filename for each in entries}


def _damaged() -> Invalid:
    return refusal("The file is damaged, or no workbook or document.", "文件已损坏，或不是工作簿或文档。")
