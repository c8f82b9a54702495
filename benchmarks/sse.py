"""A light reader of event streams for benchmarks: many at once on one loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Rows = list[list[Any]]


class Subscriber:
    """One running query; `on_rows` gets the rows of each frame as it arrives."""

    def __init__(self, on_rows: Callable[[Rows], None]) -> None:
        self._on_rows = on_rows
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, api: str, key: str, sql: str) -> None:
        """Start the query; returns when its first frame is there."""
        parts = urlsplit(api)
        body = json.dumps({"sql": sql}).encode()
        reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port)
        self._writer.write(
            f"POST {parts.path}/queries HTTP/1.1\r\nHost: {parts.netloc}\r\nX-Api-Key: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"query refused: {head.decode()} {await reader.read(2_000)!r}")
        first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._read(reader, first))
        await first

    async def _read(self, reader: asyncio.StreamReader, first: asyncio.Future[None]) -> None:
        rest = b""
        while size := int(await reader.readline(), 16):
            rest += (await reader.readexactly(size + 2))[:-2]
            *frames, rest = rest.split(b"\n\n")
            for frame in frames:
                if not first.done():
                    first.set_result(None)
                elif frame.startswith(b"data: ["):
                    self._on_rows(json.loads(frame[6:]))

    def close(self) -> None:
        """Leave: the server ends the query."""
        if self._task is not None:
            self._task.cancel()
        if self._writer is not None:
            self._writer.close()
