"""What waits for one subscription of a socket, and what is dropped: credit, pace, conflation."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import msgspec

from controlplane.services.live_query import EVENT_BYTES_MAX
from engine.clock import Clock
from engine.protocol import Rows

Mode = Literal["latest", "all"]

# Batches that a client may have without having said that it took them.
CREDIT_BATCHES: Final = 8
# Result bytes that wait for one subscription, and for all of a socket together.
WAITING_BYTES_MAX: Final = 1 << 20
SOCKET_BYTES_MAX: Final = 16 << 20
# Rows of one batch; a frame stays below what a page can parse between two of its pictures.
ROWS_MAX: Final = 10_000
ROWS_DEFAULT: Final = 1_000
# Less often than this nobody watches; programs may want each append, screens do not.
HZ_MIN: Final = 0.2
HZ_MAX: Final = 1_000.0
HZ_DEFAULT: Final = 10.0

_encode = msgspec.json.Encoder().encode


class Pace(msgspec.Struct, frozen=True):
    """How often, and how many rows at once."""

    max_hz: float = HZ_DEFAULT
    max_rows: int = ROWS_DEFAULT


class _Chunk(NamedTuple):
    """Rows as they came: one JSON array."""

    rows: int
    payload: bytes


class Subscription:
    """The rows of a query on their way to one client.

    Mode latest keeps the newest `max_rows` and counts those that had to go; mode all keeps every
    row and is `full` until some were taken. `next` gives frame after frame, at most `max_hz` with
    rows a second and at most CREDIT_BATCHES of them beyond what was acknowledged. Pure: `due`
    says when `next` has something.
    """

    def __init__(self, identity: str, pace: Pace, clock: Clock) -> None:
        self.id = identity
        self.mode: Mode = "latest"
        self.bytes_max = WAITING_BYTES_MAX
        self.dropped = 0
        self.over = False
        self._pace = pace
        self._clock = clock
        self._label = b'"id":' + _encode(identity)
        self._chunks: deque[_Chunk] = deque()
        self._rows = 0
        self._bytes = 0
        self._sent = 0
        self._taken = 0
        self._not_before = 0.0
        self._told = 0
        self._hurried = False
        self._head: bytes | None = None
        self._metrics: bytes | None = None
        self._last: bytes | None = None

    # -- from the query ------------------------------------------------------------------------

    def begin(self, query: bytes, mode: Mode, *, restarted: bool = False) -> None:
        """The query runs: its JSON goes first. `restarted`: its rows begin anew."""
        self.mode = mode
        end = b',"restarted":true}' if restarted else b"}"
        self._head = b'{"ev":"query",' + self._label + b',"query":' + query + end

    def offer(self, rows: Rows) -> None:
        """The next rows of the query."""
        if self._hurried:
            self.dropped += rows.count
            return
        self._chunks.append(_Chunk(rows.count, rows.payload))
        self._rows += rows.count
        self._bytes += len(rows.payload)
        if self.mode == "latest":
            self._conflate()

    def measure(self, metrics: bytes) -> None:
        """What the query did so far; the newest counts."""
        self._metrics = b'{"ev":"metrics",' + self._label + b',"metrics":' + metrics + b"}"

    def end(self, query: bytes) -> None:
        """The query is over: its last JSON goes behind the rows that wait."""
        self._last = b'{"ev":"end",' + self._label + b',"query":' + query + b"}"

    def refuse(self, error: bytes) -> None:
        """There is no query: the body of the error, and nothing else."""
        self._head, self._metrics = None, None
        self._last = b'{"ev":"error",' + self._label + b',"error":' + error + b"}"

    def hurry(self) -> None:
        """Nothing is waited for any more: what waits and what comes counts as dropped."""
        self._hurried = True
        self._drop_all()

    @property
    def full(self) -> bool:
        """Whether a query must not give it more: mode all with a batch that waits."""
        if self.mode == "latest" or self.over:
            return False
        return self._rows >= self._pace.max_rows or self._bytes >= self.bytes_max

    @property
    def settled(self) -> bool:
        """Whether the client has said that it took every row."""
        return self._hurried or (not self._rows and self._taken == self._sent)

    @property
    def ending(self) -> bool:
        """Whether the query is over, and only what waits is left to send."""
        return self._last is not None

    # -- from the client -----------------------------------------------------------------------

    def acknowledge(self, number: int) -> bool:
        """The client has taken all batches up to this one; False for one that was not sent."""
        if number > self._sent:
            return False
        self._taken = max(self._taken, number)
        return True

    def repace(self, max_hz: float) -> None:
        """Another rate from now on."""
        if self._sent:
            self._not_before += 1 / max_hz - 1 / self._pace.max_hz
        self._pace = Pace(max_hz, self._pace.max_rows)

    # -- to the client -------------------------------------------------------------------------

    def due(self) -> float | None:
        """From when on `next` has a frame, on the monotonic clock; None: not before news."""
        if self._head is not None or self._metrics is not None:
            return 0.0
        if self._rows:
            if self._sent - self._taken >= CREDIT_BATCHES:
                return None
            return 0.0 if self._last is not None else self._not_before
        return 0.0 if self._last is not None and not self.over else None

    def next(self) -> bytes | None:
        """The next frame that may go now."""
        if self._head is not None:
            head, self._head = self._head, None
            return head
        with_rows = self._may_send()
        if with_rows and self.mode == "latest":
            self._trim()
        ending = self._last is not None and not self._rows
        if self.dropped > self._told and (with_rows or self._metrics is not None or ending):
            return self._tell()
        if with_rows:
            return self._batch()
        if self._metrics is not None:
            metrics, self._metrics = self._metrics, None
            return metrics
        if ending and not self.over:
            self.over = True
            return self._last
        return None

    def _may_send(self) -> bool:
        if not self._rows or self._sent - self._taken >= CREDIT_BATCHES:
            return False
        return self._last is not None or self._clock.monotonic() >= self._not_before

    def _tell(self) -> bytes:
        rows, self._told = self.dropped - self._told, self.dropped
        return b'{"ev":"dropped",%b,"rows":%d,"total":%d}' % (self._label, rows, self.dropped)

    def _batch(self) -> bytes:
        parts = self._take()
        self._sent += 1
        self._not_before = self._clock.monotonic() + 1 / self._pace.max_hz
        head = b'{"ev":"data",%b,"n":%d,"rows":[' % (self._label, self._sent)
        return head + b",".join(parts) + b"]}"

    def _take(self) -> list[bytes]:
        """The oldest rows that fit into a batch, as insides of arrays."""
        parts: list[bytes] = []
        room, size = self._pace.max_rows, 0
        while self._chunks and room:
            first = self._chunks[0]
            if parts and size + len(first.payload) > EVENT_BYTES_MAX:
                break
            if first.rows > room:
                self._cut_first(room)
                continue
            self._remove_first()
            parts.append(first.payload[1:-1])
            room -= first.rows
            size += len(first.payload)
        return parts

    def _cut_first(self, count: int) -> None:
        """Cut the oldest chunk: `count` rows, and then what fills a batch each."""
        first = self._chunks.popleft()
        rows = rows_of(first.payload)
        borders = [0, *range(count, len(rows), self._pace.max_rows), len(rows)]
        pieces = [rows[a:b] for a, b in pairwise(borders)]
        self._chunks.extendleft(_Chunk(len(piece), array_of(piece)) for piece in reversed(pieces))
        self._bytes += len(pieces) - 1  # a comma became two brackets

    # -- what is dropped -----------------------------------------------------------------------

    def _conflate(self) -> None:
        """Let whole chunks go of which no row is among the newest."""
        while len(self._chunks) > 1 and (
            self._rows - self._chunks[0].rows >= self._pace.max_rows or self._bytes > self.bytes_max
        ):
            self.dropped += self._remove_first()

    def _trim(self) -> None:
        """Let the rows of the oldest chunk go that are beyond the newest `max_rows`."""
        excess = self._rows - self._pace.max_rows
        if excess <= 0:
            return
        first = self._chunks.popleft()
        kept = array_of(rows_of(first.payload)[excess:])
        self._chunks.appendleft(_Chunk(first.rows - excess, kept))
        self._rows -= excess
        self._bytes += len(kept) - len(first.payload)
        self.dropped += excess

    def _remove_first(self) -> int:
        first = self._chunks.popleft()
        self._rows -= first.rows
        self._bytes -= len(first.payload)
        return first.rows

    def _drop_all(self) -> None:
        while self._chunks:
            self.dropped += self._remove_first()


def rows_of(payload: bytes) -> list[msgspec.Raw]:
    """The elements of a JSON array as they are written there."""
    return msgspec.json.decode(payload, type=list[msgspec.Raw])


def array_of(rows: list[msgspec.Raw]) -> bytes:
    """Encoded elements as one JSON array."""
    return b"[" + b",".join(rows) + b"]"
