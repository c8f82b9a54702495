"""A strict reader of our event streams: raises on anything that the contract does not allow."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

# A reader's buffer limit.
EVENT_BYTES_MAX = 1 << 20
NAMED = ("query", "metrics")


class Violation(AssertionError):
    """The stream broke a rule of section 2.1 of the contract."""


@dataclass(frozen=True)
class Event:
    """`name` is query, metrics or rows; `data` its decoded JSON."""

    name: str
    data: Any


class Parser:
    """Feed it chunks as they arrive, take events; `close` checks the end."""

    def __init__(self) -> None:
        self._buffer = b""
        self._events = 0
        self._last = ""
        self.header: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Events that are complete now."""
        self._buffer += chunk
        while (end := self._buffer.find(b"\n\n")) >= 0:
            block, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            if len(block) > EVENT_BYTES_MAX:
                raise Violation(f"an event of {len(block)} bytes")
            yield self._event(block)

    def _event(self, block: bytes) -> Event:
        if b"\r" in block:
            raise Violation("carriage returns are mixed with line feeds")
        lines = block.split(b"\n")
        if lines[0].startswith(b"event: "):
            name = lines.pop(0)[7:].decode()
            if name not in NAMED:
                raise Violation(f"an event called {name!r}")
        else:
            name = "rows"
        if len(lines) != 1 or not lines[0].startswith(b"data: "):
            raise Violation(f"not exactly one data line after it: {block[:200]!r}")
        try:
            data = json.loads(lines[0][6:], parse_constant=_constant)
        except ValueError as error:
            raise Violation(f"data is not JSON: {error}") from error
        self._check(name, data)
        return Event(name, data)

    def _check(self, name: str, data: Any) -> None:
        self._events += 1
        if self._events == 1 and name != "query":
            raise Violation(f"the first event is {name}")
        if self._last == "ended":
            raise Violation("an event after the last query event")
        if name == "query":
            _check_query(data)
            if self._events > 1 and data["status"] == "running":
                raise Violation("a later query event says running")
            self.header = [column["name"] for column in data["result"]["header"]]
            self._last = "running" if data["status"] == "running" else "ended"
        elif name == "rows":
            if not isinstance(data, list) or not data:
                raise Violation("a batch is a list of at least one row")
            for row in data:
                if not isinstance(row, list) or len(row) != len(self.header):
                    raise Violation(f"a row that does not fit the header: {row!r}")

    def close(self) -> None:
        """The connection ended: there must be nothing left and a last query event."""
        if self._buffer:
            raise Violation(f"the stream ends inside an event: {self._buffer[:200]!r}")
        if self._last != "ended":
            raise Violation("the stream ends without a last query event")


REQUIRED = {
    "analysis": dict, "description": str, "duration": int, "end_time": int, "id": str,
    "message": str, "name": str, "response_time": int, "result": dict, "sql": str,
    "start_time": int, "status": str, "timeColumns": dict,
}  # fmt: skip


def _check_query(query: Any) -> None:
    for field, kind in REQUIRED.items():
        if not isinstance(query.get(field), kind):
            raise Violation(f"query.{field} is {query.get(field)!r}")
    if query["status"] not in ("running", "finished", "canceled", "failed"):
        raise Violation(f"query.status is {query['status']!r}")
    if query["status"] == "failed":
        code = query.get("code")
        if not query["message"].startswith(f"code {code}: "):
            raise Violation(f"a failure says {query['message']!r} with code {code!r}")
    if None in query.values():
        raise Violation(f"a null in {query!r}")


def _constant(text: str) -> Any:
    raise Violation(f"{text} is not JSON")


async def read_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """Events of a whole response; checks the end."""
    parser = Parser()
    async for chunk in chunks:
        for event in parser.feed(chunk):
            yield event
    parser.close()
