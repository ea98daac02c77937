"""A TCP proxy that breaks connections in the ways networks do."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Self

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""A simple query, as asyncpg writes it: a message of its own at the end of what is sent."""


def is_commit(chunk: bytes) -> bool:
    return chunk.endswith(COMMIT)


def is_post(chunk: bytes) -> bool:
    return chunk.startswith(b"POST /v1/")


class Proxy:
    """Passes bytes on between whoever connects and whom `reach` reaches, as well as it is told to.

    `delay_s` holds back every chunk, `bytes_per_s` slows them, `black_hole` keeps them until `restore`, as TCP
    does when packets are lost. `lose_replies` lets requests of one kind through and resets the connection when
    their answer comes: `lost` counts those.
    """

    def __init__(self, reach: Callable[[], Awaitable[Stream]], loses: Callable[[bytes], bool]) -> None:
        self.delay_s = 0.0
        self.bytes_per_s = 0
        self.lost = 0
        self._to_lose = 0
        self._reach, self._loses = reach, loses
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        self.restore()
        self.cut()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the proxy does not run")
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Reset every connection there is."""
        for link in list(self._links):
            link.reset()

    def black_hole(self) -> None:
        self._flowing.clear()

    def lose_replies(self, how_many: int) -> None:
        self._to_lose = how_many

    def restore(self) -> None:
        """Be a good network again."""
        self.delay_s, self.bytes_per_s, self._to_lose = 0.0, 0, 0
        self._flowing.set()

    def loses_answer_to(self, chunk: bytes) -> bool:
        if not self._to_lose or not self._loses(chunk):
            return False
        self._to_lose -= 1
        return True

    async def carry(self, size: int) -> None:
        """Wait as long as so many bytes take."""
        seconds = self.delay_s + (size / self.bytes_per_s if self.bytes_per_s else 0)
        if seconds:
            await asyncio.sleep(seconds)
        await self._flowing.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await self._reach()
        except OSError:
            _reset(writer)
            return
        link = _Link(self, (reader, writer), server)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)
            link.close()


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: Stream, server: Stream) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._deaf = False

    async def run(self) -> None:
        pumps = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    def reset(self) -> None:
        for _, writer in (self._client, self._server):
            _reset(writer)

    def close(self) -> None:
        for _, writer in (self._client, self._server):
            writer.close()

    async def _up(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := await self._client[0].read(65536):
                await self._proxy.carry(len(chunk))
                self._deaf = self._deaf or self._proxy.loses_answer_to(chunk)
                await _write(self._server[1], chunk)
        await self._proxy.carry(0)

    async def _down(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := await self._server[0].read(65536):
                if self._deaf:
                    self._proxy.lost += 1
                    self.reset()
                    return
                await self._proxy.carry(len(chunk))
                await _write(self._client[1], chunk)
        await self._proxy.carry(0)


async def _write(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    writer.write(chunk)
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets a RST, not an orderly end."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.family == socket.AF_INET and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
