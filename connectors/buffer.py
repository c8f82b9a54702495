"""The bounded buffer between a source and the engine; waiting batches leave it as one append."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate

from connectors.contract import SourceBatch


@dataclass(frozen=True, slots=True)
class BufferLimits:
    """Bounds of one source. Messages and bytes of one append; batches and bytes that wait."""

    # One append: large enough that a commit is not the bottleneck, small enough to decode in 20 ms.
    append_rows_max: int = 10_000
    append_bytes_max: int = 4 << 20
    # What may wait while the engine is busy or away; then the source is not read any more.
    waiting_batches_max: int = 256
    waiting_bytes_max: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Append:
    """Batches of one format that are stored together; they are acknowledged together, in order."""

    parts: tuple[SourceBatch, ...]
    _ends: tuple[int, ...] = field(init=False, repr=False, compare=False)  # of each part's messages

    def __post_init__(self) -> None:
        """Know where each part ends: thousands of messages may be asked for."""
        ends = tuple(accumulate(len(part.messages) for part in self.parts))
        object.__setattr__(self, "_ends", ends)

    @property
    def messages(self) -> list[bytes]:
        """All of them in order."""
        return [message for part in self.parts for message in part.messages]

    @property
    def saved(self) -> dict[str, bytes]:
        """The newest record of each key."""
        together: dict[str, bytes] = {}
        for part in self.parts:
            together |= part.saved
        return together

    @property
    def refused(self) -> dict[int, str]:
        """The messages that their source gives up, and why."""
        together: dict[int, str] = {}
        begin = 0
        for part in self.parts:
            together |= {begin + at: why for at, why in part.refused.items()}
            begin += len(part.messages)
        return together

    @property
    def count(self) -> int:
        """Rows as far as they are known, else messages."""
        return sum(part.count for part in self.parts)

    def origin(self, index: int) -> str:
        """Where a message came from, '' if its source does not say."""
        at = bisect_right(self._ends, index)
        part = self.parts[at]
        if part.origin is None:
            return ""
        return part.origin(index - self._ends[at] + len(part.messages))


class Buffer:
    """A queue of batches for one reader and one writer task of the same loop."""

    def __init__(self, limits: BufferLimits) -> None:
        self._limits = limits
        self._waiting: deque[tuple[SourceBatch, int]] = deque()  # and its bytes, counted once
        self._bytes = 0
        self._closed = False
        self._changed = asyncio.Event()

    async def put(self, batch: SourceBatch) -> None:
        """Add a batch; waits while the buffer is full. One batch always fits into an empty one."""
        size = batch.size
        while self._waiting and (
            len(self._waiting) >= self._limits.waiting_batches_max
            or self._bytes + size > self._limits.waiting_bytes_max
        ):
            await self._change()
        self._waiting.append((batch, size))
        self._bytes += size
        self._changed.set()

    async def take(self) -> Append | None:
        """What waits, up to the bounds of one append; None once it is closed and empty."""
        while not self._waiting:
            if self._closed:
                return None
            await self._change()
        first, size = self._pop()
        parts = [first]
        rows = len(first.messages)
        while self._waiting:
            candidate, more = self._waiting[0]
            rows += len(candidate.messages)
            size += more
            if (
                candidate.format != first.format
                or candidate.format == "compact"
                or rows > self._limits.append_rows_max
                or size > self._limits.append_bytes_max
            ):
                break
            parts.append(self._pop()[0])
        self._changed.set()
        return Append(tuple(parts))

    def close(self) -> None:
        """Nothing more comes; what waits can still be taken."""
        self._closed = True
        self._changed.set()

    def _pop(self) -> tuple[SourceBatch, int]:
        batch, size = self._waiting.popleft()
        self._bytes -= size
        return batch, size

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
