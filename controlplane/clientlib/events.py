"""Event streams: bytes, cut anywhere, to events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controlplane.clientlib.errors import ClientError

# An event of the server stays below 1 MiB, a single larger row excepted (10 MiB a value).
EVENT_BYTES_MAX: Final = 64 << 20

Event = tuple[str, bytes]


class EventParser:
    """Takes bytes as they come and gives the events that they complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """(event name or '', data) of each event; comments and other fields are skipped.

        Raises ClientError when an event is above 64 MiB.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) + self._size > EVENT_BYTES_MAX:
            raise ClientError("The server sent an event above 64 MiB.")
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line)
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
            elif not line:
                if self._data:
                    yield self._name, b"".join(self._data)
                self._name, self._data, self._size = "", [], 0


def parse_events(chunks: Iterator[bytes]) -> Iterator[Event]:
    """The events of a whole stream, as `EventParser` has them."""
    parser = EventParser()
    for chunk in chunks:
        yield from parser.feed(chunk)
