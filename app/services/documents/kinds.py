"""Which files are taken as documents: a dated list, and what their content has to be."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import IO, Any

from app.clock import ZONE, now
from app.services import contents

TAIL = 1024
PIECE = 1024 * 1024


@dataclass(frozen=True)
class Content:
    """A file that may be kept, and what is to be known of it."""

    file: IO[bytes]
    media_type: str
    extension: str
    size: int
    sha256: bytes


def recognised(file: IO[bytes], filename: str) -> Content:
    """Read through the file. Raises `Invalid` for one of no admitted type, or that is not what its name says."""
    extension = filename.lower().rpartition(".")[2]
    begins = contents.head(file)
    types = [each for each in _types() if _admitted(each, now().astimezone(ZONE).date())]
    kind = next((each for each in types if extension in each["extensions"]), None)
    if kind is None or not _fits(kind, file, begins):
        wanted = ", ".join(f".{name}" for each in types for name in each["extensions"])
        raise contents.refusal(
            f"The file is not what its name says, or of a type that is not taken; send {wanted}.",
            f"文件内容与扩展名不符，或类型不受支持；请上传 {wanted}。",
        )
    return Content(file, kind["media_type"], kind["extensions"][0], *_measured(file))


def _fits(kind: dict[str, Any], file: IO[bytes], begins: bytes) -> bool:
    if not kind["begins"]:
        contents.text(file)
        return True
    if not begins.startswith(bytes.fromhex(kind["begins"])):
        return False
    if kind["holds"]:
        names = contents.archived(file)
        return set(kind["holds"]) <= names and not any(name.endswith("vbaProject.bin") for name in names)
    file.seek(max(file.seek(0, 2) - TAIL, 0))
    return bytes.fromhex(kind["ends"]) in file.read()


def _measured(file: IO[bytes]) -> tuple[int, bytes]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(PIECE):
        digest.update(piece)
        size += len(piece)
    return size, digest.digest()


def media_types() -> list[str]:
    """Of everything that was ever taken."""
    return [each["media_type"] for each in _types()]


def _admitted(kind: dict[str, Any], on: date) -> bool:
    until = kind["valid_until"]
    return date.fromisoformat(kind["valid_from"]) <= on and (until is None or on < date.fromisoformat(until))


@lru_cache
def _types() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        resources.files("app.reference").joinpath("document_types.json").read_text(encoding="utf-8")
    )
    return found
