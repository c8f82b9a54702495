"""Connection tests as the connector process runs them, and servers that they meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from connectors.checks import Checks
from connectors.contract import CheckStep
from connectors.surroundings import Surroundings
from engine.clock import SystemClock
from engine.protocol import Definition, Snapshot


class Named:
    """An engine of which only the definitions are asked for."""

    def __init__(self, streams: Iterable[str]) -> None:
        self._streams = streams

    async def definitions(self) -> Snapshot:
        """Streams without columns."""
        return Snapshot(1, tuple(Definition(name, name, "stream") for name in self._streams))


def checks(*, private: bool = True, streams: Sequence[str] = ()) -> Checks:
    """Those of a process of connectors whose workspaces have these streams."""

    async def engine(_workspace: str) -> Any:
        return Named(streams)

    return Checks(Surroundings(engine, SystemClock(), private=private))


def found(steps: Sequence[CheckStep]) -> list[tuple[str, bool]]:
    """What was done, and whether it went well."""
    return [(step.name, step.ok) for step in steps]


@asynccontextmanager
async def silent() -> AsyncGenerator[int]:
    """The port of a server that takes connections and never says anything."""
    writers: list[asyncio.StreamWriter] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()


@dataclass
class Target:
    """An HTTP server: (method, path, authorization) of what came, the status that it answers."""

    status: int = 405
    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)


@asynccontextmanager
async def answering(target: Target) -> AsyncGenerator[Target]:
    """It listens."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        target.requests.append((method, path, headers.get("authorization", "")))
        writer.write(
            b"HTTP/1.1 %d -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % target.status
        )
        await writer.drain()
        writer.close()

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await take(reader, writer)
        except asyncio.IncompleteReadError:  # only connected
            writer.close()

    server = await asyncio.start_server(quiet, "127.0.0.1", 0)
    target.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield target
    finally:
        server.close()
