"""An event stream over a raw socket, held to the letter of the contract, its framing included."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.journeys.server import Server
from tests.sse_parser import Event, Parser, Violation

HEAD_BYTES_MAX = 1 << 16
CHUNK_BYTES_MAX = 8 << 20
READ_SECONDS_MAX = 60.0
# The first metrics come one second after the start at the earliest.
METRICS_SECONDS_MIN = 1.0
METRICS_FIELDS = {
    "count": int, "eps": (int, float), "processing_time": int, "last_event_time": int,
    "response_time": int, "scanned_rows": int, "scanned_bytes": int,
}  # fmt: skip


@dataclass(frozen=True)
class Arrived:
    """An event and when it came, in seconds since the request was sent."""

    event: Event
    seconds: float


class Answer:
    """The answer to one query, read as it comes; every departure from the rules raises.

    `status` and `headers` are there after the making. A small `window` (bytes) makes a reader that
    stalls soon when it stops reading.
    """

    def __init__(self, server: Server, sql: str, *, window: int = 0, **fields: Any) -> None:
        self._socket = socket.socket()
        if window:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self._socket.settimeout(READ_SECONDS_MAX)
        self._socket.connect(("127.0.0.1", server.port))
        body = json.dumps({"sql": sql, **fields}).encode()
        self._sent_at = time.monotonic()
        self._socket.sendall(
            b"POST /default/api/v1beta2/queries HTTP/1.1\r\nHost: localhost\r\n"
            b"Accept: application/json\r\nContent-Type: application/json\r\n"
            b"X-Api-Key: %s\r\nContent-Length: %d\r\n\r\n" % (server.key.encode(), len(body)) + body
        )
        self._buffer = b""
        self._parser = Parser()
        self.status, self.headers = self._read_head()
        self._events = self._read_events()
        self.query: dict[str, Any] = {}
        if self.status == 200:
            _check_head(self.headers)
            self.query = next(self).event.data

    @property
    def id(self) -> str:
        """The query's id."""
        return str(self.query["id"])

    @property
    def columns(self) -> list[str]:
        """Names of the header."""
        return [column["name"] for column in self.query["result"]["header"]]

    def __iter__(self) -> Iterator[Arrived]:
        return self

    def __next__(self) -> Arrived:
        return next(self._events)

    def body(self) -> bytes:
        """The body of an answer that is no event stream."""
        return self._exactly(int(self.headers["content-length"]))

    def rows(self, count: int) -> list[list[Any]]:
        """Read until there are so many rows; metrics are passed over."""
        found: list[list[Any]] = []
        while len(found) < count:
            event = next(self).event
            if event.name == "query":
                raise AssertionError(f"it ended after {len(found)} rows: {event.data}")
            found += event.data if event.name == "rows" else []
        return found

    def rest(self) -> tuple[list[list[Any]], dict[str, Any]]:
        """All rows to the end, and the last query event."""
        rows: list[list[Any]] = []
        last: dict[str, Any] = self.query
        for arrived in self:
            if arrived.event.name == "rows":
                rows += arrived.event.data
            elif arrived.event.name == "query":
                last = arrived.event.data
        return rows, last

    def close(self) -> None:
        """Go away, as a client that is killed."""
        self._socket.close()

    def _read_head(self) -> tuple[int, dict[str, str]]:
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        if not first.startswith("HTTP/1.1 "):
            raise Violation(f"not an answer: {first!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(first.split(" ")[1]), headers

    def _read_events(self) -> Iterator[Arrived]:
        while True:
            line = self._until(b"\r\n")
            size = int(line, 16)
            if size > CHUNK_BYTES_MAX:
                raise Violation(f"a chunk of {size} bytes")
            chunk = self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise Violation("a chunk does not end where it says")
            if size == 0:
                self._parser.close()
                return
            for event in self._parser.feed(chunk):
                yield self._checked(Arrived(event, time.monotonic() - self._sent_at))

    def _checked(self, arrived: Arrived) -> Arrived:
        if arrived.event.name == "metrics":
            if arrived.seconds < METRICS_SECONDS_MIN:
                raise Violation(f"metrics after {arrived.seconds:.3f} s")
            for field, kind in METRICS_FIELDS.items():
                value = arrived.event.data.get(field)
                if not isinstance(value, kind) or value < 0:
                    raise Violation(f"metrics.{field} is {value!r}")
        return arrived

    def _until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > HEAD_BYTES_MAX:
                raise Violation(f"no {mark!r} in {len(self._buffer)} bytes")
            self._more()
        found, self._buffer = self._buffer[:end], self._buffer[end + len(mark) :]
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _more(self) -> None:
        received = self._socket.recv(1 << 16)
        if not received:
            raise Violation(f"the connection broke off after {self._buffer[:200]!r}")
        self._buffer += received


def _check_head(headers: dict[str, str]) -> None:
    wanted = {"transfer-encoding": ("chunked",), "cache-control": ("no-cache", "no-store")}
    for name, values in wanted.items():
        if headers.get(name) not in values:
            raise Violation(f"{name} is {headers.get(name)!r}")
    if headers.get("content-type", "").split(";")[0] != "text/event-stream":
        raise Violation(f"content-type is {headers.get('content-type')!r}")
    for name in ("content-length", "content-encoding"):
        if name in headers:
            raise Violation(f"{name} is {headers[name]!r}")
