"""A real HTTP server on the loopback address that answers as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What is answered; `cut`: the connection ends instead, `hang`: nothing comes."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    cut: bool = False
    hang: bool = False


Answering = Callable[[Received], Reply]


class Hostile:
    """The server, what it received and how many requests it had at a time."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answering: Answering = lambda _: Reply()
        self.seconds = 0.0
        self.at_once = self.most_at_once = 0
        self.port = 0
        self.connections = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        pairs = [line.partition(":") for line in head[1:] if line]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(method, path, headers, body)
        self.received.append(received)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.seconds)
            reply = self.answering(received)
            if reply.hang:
                await asyncio.sleep(60)
        finally:
            self.at_once -= 1
        if reply.cut:
            return False
        given = {"Content-Length": str(len(reply.body)), **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{k}: {v}" for k, v in given.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + reply.body)
        await writer.drain()
        return True


@asynccontextmanager
async def hostile() -> AsyncIterator[Hostile]:
    """A server on a free port."""
    found = Hostile()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    tasks = asyncio.all_tasks()
    try:
        yield found
    finally:
        server.close()
        for task in asyncio.all_tasks() - tasks:
            if "Hostile.serve" in repr(task):
                task.cancel()
                await asyncio.wait([task])
