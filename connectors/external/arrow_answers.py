"""Rows of an HTTP answer that is an Arrow stream, as they come."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from typing import Any, Final

import httpx
import pyarrow as pa

from connectors.external import tables_contract as common
from connectors.external.tables_contract import TableError

READ_BYTES: Final = 1 << 16
# One message of the stream, which is in memory in one piece: a block of rows.
MESSAGE_BYTES_MAX: Final = 128 << 20


async def batches_of(
    response: httpx.Response, schema: pa.Schema, threads: Executor
) -> AsyncGenerator[pa.RecordBatch]:
    """The rows of an answer as they come, in these types; TableError. Arrow reads on a thread, as
    it waits for the parts of a message."""
    loop = asyncio.get_running_loop()
    source = _Parts(response, loop)
    try:
        await source.fill()
        reader = await loop.run_in_executor(threads, pa.ipc.open_stream, source)
        while True:
            batch = await loop.run_in_executor(threads, _next, reader)
            if batch is None:
                return
            yield await loop.run_in_executor(threads, _fitted, batch, schema)
    except (pa.ArrowException, OSError, EOFError):
        raise TableError("the answer of ClickHouse broke off") from None
    finally:
        source.stop()


def _next(reader: Any) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays: list[pa.Array] = []
    for field, column in zip(schema, batch.columns, strict=True):
        try:
            made = column.cast(field.type)
            made.validate(full=True)  # its texts may be any bytes
        except pa.ArrowException:
            raise TableError(
                f"column {field.name} has a value that {field.type} cannot hold; select the other "
                "columns, or read a view of the database that casts it"
            ) from None
        arrays.append(made)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Parts:
    """A file for Arrow over the parts of an answer; read on another thread than they come on."""

    closed = False

    def __init__(self, response: httpx.Response, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parts = response.aiter_bytes(READ_BYTES)
        self._held: deque[bytes | memoryview] = deque()
        self._size = 0
        self._over = False
        self._awaited: concurrent.futures.Future[None] | None = None

    async def fill(self) -> None:
        """The next part."""
        try:
            part = await anext(self._parts)
        except StopAsyncIteration:
            self._over = True
            return
        self._held.append(part)
        self._size += len(part)

    def stop(self) -> None:
        """Nobody wants the rest: a thread that waits for it is let go."""
        self._over = True
        if self._awaited is not None:
            self._awaited.cancel()

    def read(self, count: int = -1) -> bytes:
        """So many bytes, fewer at the end; TableError for more than one message may have."""
        wanted = MESSAGE_BYTES_MAX + 1 if count < 0 else count
        while not self._over and self._size < wanted and self._size <= MESSAGE_BYTES_MAX:
            self._awaited = asyncio.run_coroutine_threadsafe(self.fill(), self._loop)
            self._awaited.result(common.STATEMENT_SECONDS)
        if wanted > MESSAGE_BYTES_MAX and self._size > MESSAGE_BYTES_MAX:
            raise TableError(f"a block of rows of over {MESSAGE_BYTES_MAX >> 20} MiB came")
        taken: list[bytes | memoryview] = []
        missing = min(wanted, self._size)
        self._size -= missing
        while missing:
            part = self._held.popleft()
            if len(part) > missing:
                view = memoryview(part)
                self._held.appendleft(view[missing:])
                part = view[:missing]
            taken.append(part)
            missing -= len(part)
        return b"".join(taken)

    def readable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Whoever asked closes the answer."""
