"""The bounded buffer between a source and the engine; waiting batches leave it as one append."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from connectors.contract import SourceBatch


@dataclass(frozen=True, slots=True)
class BufferLimits:
    """Bounds of one source. Rows and bytes of one append; batches and bytes that wait."""

    # One append: large enough that a commit is not the bottleneck, small enough to decode in 20 ms.
    append_rows_max: int = 10_000
    append_bytes_max: int = 4 << 20
    # What may wait while the engine is busy or away; then the source is not read any more.
    waiting_batches_max: int = 256
    waiting_bytes_max: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Append:
    """Batches joined into one body; `parts` are acknowledged together, in order."""

    body: bytes
    events: int
    parts: tuple[SourceBatch, ...]


# Formats whose bodies may be joined, and what must stand between two of them.
_JOINS = {"streaming": b"\n", "lines": b"\n"}


class Buffer:
    """A queue of batches for one reader and one writer task of the same loop."""

    def __init__(self, limits: BufferLimits) -> None:
        self._limits = limits
        self._waiting: deque[SourceBatch] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = asyncio.Event()

    async def put(self, batch: SourceBatch) -> None:
        """Add a batch; waits while the buffer is full. One batch always fits into an empty one."""
        while self._waiting and (
            len(self._waiting) >= self._limits.waiting_batches_max
            or self._bytes + len(batch.body) > self._limits.waiting_bytes_max
        ):
            await self._change()
        self._waiting.append(batch)
        self._bytes += len(batch.body)
        self._changed.set()

    async def take(self) -> Append | None:
        """What waits, up to the bounds of one append; None once it is closed and empty."""
        while not self._waiting:
            if self._closed:
                return None
            await self._change()
        parts = [self._pop()]
        while self._waiting and self._joins(parts):
            parts.append(self._pop())
        self._changed.set()
        first = parts[0]
        body = first.body if len(parts) == 1 else _JOINS[first.format].join(p.body for p in parts)
        return Append(body, sum(part.events for part in parts), tuple(parts))

    def close(self) -> None:
        """Nothing more comes; what waits can still be taken."""
        self._closed = True
        self._changed.set()

    def _joins(self, parts: list[SourceBatch]) -> bool:
        first, candidate = parts[0], self._waiting[0]
        return (
            candidate.format == first.format
            and first.format in _JOINS
            and not first.idempotency_id
            and not candidate.idempotency_id
            and sum(part.events for part in parts) + candidate.events
            <= self._limits.append_rows_max
            and sum(len(part.body) for part in parts) + len(candidate.body)
            <= self._limits.append_bytes_max
        )

    def _pop(self) -> SourceBatch:
        batch = self._waiting.popleft()
        self._bytes -= len(batch.body)
        return batch

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
