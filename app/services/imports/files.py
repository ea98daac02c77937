"""Files in the database: kept in sealed pieces, read again as they stream."""

import asyncio
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import IO, TypeVar
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import vault
from app.models.import_file import FileFormat, ImportChunk, ImportFile
from app.schemas.import_file import Problem, problem
from app.services import contents
from app.services.imports import formats

Found = TypeVar("Found")

CHUNK = 256 * 1024
LONGEST_LINE = 1024 * 1024
"""Characters; one that goes on is read as several, none of which is a row. A cell ends at 131,072."""


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of a row and the line it begins at, or what keeps it from being one."""

    line: int
    cells: list[str]
    problem: Problem | None = None


@dataclass
class Upload:
    """A file as somebody sent it: what kind it is, and what is kept of it."""

    name: str
    kind: formats.Kind
    content: IO[bytes]
    sent: IO[bytes]

    @classmethod
    def of(cls, file: IO[bytes], name: str) -> "Upload":
        """Look at a file as a whole; takes seconds where it is large. Raises `Invalid` for what can't be read."""
        kind = formats.recognised(file, name)
        name = _UNSAFE.sub("_", re.split(r"[/\\]", name)[-1])[-200:]
        content = formats.as_csv(file) if kind.format is FileFormat.XLSX else file
        return cls(name, kind, content, file)

    def close(self) -> None:
        """Let go of what was made of the file; the file itself is its sender's."""
        if self.content is not self.sent:
            self.content.close()

    def headings(self) -> list[str]:
        self.content.seek(0)
        head = io.BytesIO(self.content.read(contents.HEAD))
        found = next(iter(records(head, self.kind.encoding, self.kind.delimiter, headed=False)), None)
        return found.cells if found and not found.problem else []


async def keep(session: AsyncSession, import_id: UUID, content: IO[bytes]) -> int:
    """Store the file piece by piece; returns how many bytes it has."""
    content.seek(0)
    number = size = 0
    while piece := await asyncio.to_thread(content.read, CHUNK):
        sealed = vault.seal(piece, _place(import_id, number))
        await session.execute(
            insert(ImportChunk), [{"import_id": import_id, "number": number, "content": sealed}]
        )
        number, size = number + 1, size + len(piece)
    return size


def _place(import_id: UUID, number: int) -> str:
    return f"import_chunks.content:{import_id}:{number}"


_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no name of a file should hold, or hide behind."""


class _Pieces(io.RawIOBase):
    """The file as a stream for a thread; each piece is fetched by the event loop when it is asked for."""

    def __init__(self, import_id: UUID) -> None:
        self._import_id, self._number, self._rest = import_id, 0, b""
        self.fetch: Callable[[int], bytes | None]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # what BufferedReader brings
        if not self._rest:
            sealed = self.fetch(self._number)
            if sealed is None:
                return 0
            self._rest = vault.unseal(sealed, _place(self._import_id, self._number))
            self._number += 1
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


class Source:
    """A file that is being read: it stands behind the first `position` rows."""

    def __init__(self, file: ImportFile) -> None:
        self.position = 0
        self._id = file.id
        self._pieces = _Pieces(file.id)
        stream = io.BufferedReader(self._pieces, CHUNK)  # type: ignore[type-var]  # it is a raw stream
        self._records = records(stream, file.encoding, file.delimiter)

    async def skip(self, session: AsyncSession, rows: int) -> int:
        """Go on by so many rows, or to the end; returns how many there were."""
        return await self._read(session, lambda some: sum(1 for _ in some), rows)

    async def take(self, session: AsyncSession, rows: int) -> list[Record]:
        return await self._read(session, list, rows)

    async def _read(
        self, session: AsyncSession, gather: Callable[[Iterable[Record]], Found], rows: int
    ) -> Found:
        loop = asyncio.get_running_loop()

        async def piece(number: int) -> bytes | None:
            return await session.scalar(
                select(ImportChunk.content).where(
                    ImportChunk.import_id == self._id, ImportChunk.number == number
                )
            )

        self._pieces.fetch = lambda number: asyncio.run_coroutine_threadsafe(piece(number), loop).result()
        return await asyncio.to_thread(lambda: gather(self._counted(rows)))

    def _counted(self, rows: int) -> Iterator[Record]:
        for record in islice(self._records, rows):
            self.position += 1
            yield record


def records(binary: IO[bytes], encoding: str, delimiter: str, *, headed: bool = True) -> Iterator[Record]:
    """Every row that holds anything, behind the headings; one that can't be read tells why."""
    width = 0
    for record in _rows(binary, encoding, delimiter):
        if headed and not width:
            width = len(record.cells)
        elif record.problem is None and headed and len(record.cells) != width:
            yield Record(record.line, record.cells, _ragged(width, len(record.cells)))
        else:
            yield record


def _rows(binary: IO[bytes], encoding: str, delimiter: str) -> Iterator[Record]:
    """Lines end with CR, LF or both."""
    with closing(io.TextIOWrapper(binary, encoding, newline="")) as text:
        rows = csv.reader(iter(lambda: text.readline(LONGEST_LINE), ""), delimiter=delimiter)
        while True:
            line = rows.line_num + 1
            try:
                cells = next(rows, None)
            except csv.Error:
                yield Record(line, [], problem(None, *_UNREADABLE))
                continue
            if cells is None:
                return
            if any(map(str.strip, cells)):
                yield Record(line, cells)


_UNREADABLE = (
    "from this line on a quote is not closed, or a cell is longer than 131,072 characters",
    "自此行起引号未闭合，或单元格超过 131072 个字符",
)


def _ragged(wanted: int, found: int) -> Problem:
    return problem(
        None,
        f"the row has {found} cells, the headings are {wanted}; check delimiters and quotes",
        f"该行有 {found} 个单元格，标题有 {wanted} 个；请检查分隔符和引号",
    )
