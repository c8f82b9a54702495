"""The rows of a sink between the engine and the remote system: bounded, and advanced in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from connectors.contract import Sleep
from connectors.sink_contract import Delivery, SinkRow
from connectors.surroundings import pause
from engine.clock import Clock
from engine.dead_letter import DeadLetter
from engine.protocol import Position

# What may wait for delivery; then the engine is not read until there is room.
WAITING_ROWS_MAX: Final = 10_000
WAITING_BYTES_MAX: Final = 8 << 20
# What may be on its way, or delivered behind a row that is not; then nothing more is begun.
OPEN_ROWS_MAX: Final = 10_000
OPEN_BYTES_MAX: Final = 8 << 20
# Dead letters of one commit.
LETTERS_MAX: Final = 1_000
LETTER_CHARS_MAX: Final = 4 << 20


@dataclass(slots=True)
class Batch:
    """Rows that are delivered together. `created`: the monotonic second at which they were read.
    `alone`: no others are joined to them."""

    rows: Sequence[SinkRow]
    size: int
    created: float
    alone: bool = False

    @property
    def last(self) -> Position:
        """Where it ends."""
        return self.rows[-1].position


@dataclass(slots=True)
class _Open:
    """A batch that was taken; its letters are there once it is finished."""

    last: Position
    count: int
    size: int
    letters: tuple[DeadLetter, ...] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything up to a position was delivered, or is one of the letters."""

    to: Position
    letters: tuple[DeadLetter, ...]


class Window:
    """A queue for one reader, one advancer and some deliverers of the same loop."""

    def __init__(self, delivery: Delivery, clock: Clock, sleep: Sleep) -> None:
        self._rows_max = delivery.rows
        self._linger = delivery.linger
        self._clock = clock
        self._sleep = sleep
        self._waiting: deque[Batch] = deque()
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._open: deque[_Open] = deque()
        self._taken: dict[int, _Open] = {}
        self._open_rows = 0
        self._open_bytes = 0
        self._closed = False
        self._ended = False
        self._changed = asyncio.Event()

    async def put(
        self, rows: Sequence[SinkRow], size: int, created: float, *, alone: bool = False
    ) -> None:
        """Add rows of `size` bytes; waits while it is full. What is first always fits. Rows that
        go `alone` stay together, also when a batch was larger as they were first sent."""
        most = len(rows) if alone else self._rows_max
        for begin in range(0, len(rows), most):
            piece = rows[begin : begin + most]
            batch = Batch(piece, size * len(piece) // len(rows), created, alone)
            while self._waiting and (
                self._waiting_rows + len(piece) > WAITING_ROWS_MAX
                or self._waiting_bytes + batch.size > WAITING_BYTES_MAX
            ):
                await self._change()
            self._waiting.append(batch)
            self._waiting_rows += len(piece)
            self._waiting_bytes += batch.size
            self._changed.set()

    async def take(self) -> Batch | None:
        """The next rows to deliver, as many as one batch may have; None once it is closed."""
        while not self._closed:
            if not self._waiting or self._full():
                await self._change()
            elif (seconds := self._lingers()) > 0:
                await self._change(seconds)
            else:
                break
        if self._closed:
            return None
        batch = self._pop()
        if not batch.alone and len(batch.rows) < self._rows_max:
            batch = self._joined(batch)
        opened = _Open(batch.last, len(batch.rows), batch.size)
        self._open.append(opened)
        self._taken[id(batch)] = opened
        self._open_rows += opened.count
        self._open_bytes += opened.size
        self._changed.set()
        return batch

    def finish(self, batch: Batch, letters: tuple[DeadLetter, ...] = ()) -> None:
        """A batch that was taken is delivered but for the letters."""
        self._taken.pop(id(batch)).letters = letters
        self._changed.set()

    def part(self, batch: Batch) -> list[Batch]:
        """The rows of a batch that was taken as batches of their own, to be finished in order."""
        opened = self._taken.pop(id(batch))
        size = batch.size // len(batch.rows)
        parts = [Batch([row], size, batch.created, alone=True) for row in batch.rows]
        opens = [_Open(part.last, 1, size) for part in parts]
        at = self._open.index(opened)
        every = list(self._open)
        self._open = deque([*every[:at], *opens, *every[at + 1 :]])
        self._taken |= {id(part): each for part, each in zip(parts, opens, strict=True)}
        self._open_bytes += size * len(parts) - opened.size
        return parts

    async def progress(self) -> Progress | None:
        """How far everything is finished, more than last time; waits for it. None after the end."""
        while (found := self.finished()) is None and not self._ended:
            await self._change()
        return found

    def finished(self) -> Progress | None:
        """How far everything is finished, None when that is no more than last time."""
        to: Position | None = None
        letters: list[DeadLetter] = []
        chars = 0
        while self._open and self._open[0].letters is not None:
            if len(letters) >= LETTERS_MAX or chars >= LETTER_CHARS_MAX:
                break
            done = self._open.popleft()
            self._open_rows -= done.count
            self._open_bytes -= done.size
            letters += done.letters or ()
            chars += sum(len(letter.raw) for letter in done.letters or ())
            to = done.last
        if to is None:
            return None
        self._changed.set()
        return Progress(to, tuple(letters))

    def close(self) -> None:
        """Nothing more is taken; what waits is let go, since it can be read again."""
        self._closed = True
        self._waiting.clear()
        self._changed.set()

    def end(self) -> None:
        """Nothing more is finished."""
        self._ended = True
        self._changed.set()

    def _lingers(self) -> float:
        """How long what is first still waits for others."""
        first = self._waiting[0]
        if first.alone or self._waiting_rows >= self._rows_max:
            return 0.0
        return first.created + self._linger - self._clock.monotonic() if self._linger else 0.0

    def _full(self) -> bool:
        return bool(self._open) and (
            self._open_rows >= OPEN_ROWS_MAX or self._open_bytes >= OPEN_BYTES_MAX
        )

    def _joined(self, batch: Batch) -> Batch:
        rows = list(batch.rows)
        size = batch.size
        while self._waiting and len(rows) < self._rows_max and not self._waiting[0].alone:
            more = self._first(self._rows_max - len(rows))
            rows += more.rows
            size += more.size
        return Batch(rows, size, batch.created)

    def _first(self, rows_max: int) -> Batch:
        """What is first, or its first rows."""
        batch = self._waiting[0]
        if len(batch.rows) <= rows_max:
            return self._pop()
        size = batch.size * rows_max // len(batch.rows)
        taken = Batch(batch.rows[:rows_max], size, batch.created)
        self._waiting[0] = Batch(batch.rows[rows_max:], batch.size - size, batch.created)
        self._waiting_rows -= rows_max
        self._waiting_bytes -= size
        return taken

    def _pop(self) -> Batch:
        batch = self._waiting.popleft()
        self._waiting_rows -= len(batch.rows)
        self._waiting_bytes -= batch.size
        return batch

    async def _change(self, seconds: float | None = None) -> None:
        """Until something is another, or so many seconds have passed."""
        self._changed.clear()
        if seconds is None:
            await self._changed.wait()
        else:
            await pause(self._changed, self._sleep, seconds)
