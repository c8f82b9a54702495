"""What connectors ask in order to store the events of sources exactly once; a part of `Engine`.

An append of a source stores, in one durable commit, its rows, how far the source has read, and the
messages that are given up. This module imports no Arrow, numpy or DuckDB.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

import msgspec

from engine.dead_letter import DeadLetter

KIND: Final = "source"

SourceFormat = Literal["streaming", "lines", "compact"]


class SourceOpened(msgspec.Struct, frozen=True):
    """A source may store now. `epoch`: of this opening; `number`: of the newest append that is
    stored, 0 = none; `saved`: the records that appends stored, by key."""

    epoch: int
    number: int
    saved: dict[str, bytes]


class SourceAppend(msgspec.Struct, frozen=True):
    """Messages of a source, which become one append. The body travels beside it.

    `owner`: "source:<uuid>"; `name`: what its dead-letter stream is called after. `number`: one
    more than that of the append before. The body holds the messages in order with one line feed
    between two; `sizes` are their bytes as little-endian unsigned 32-bit numbers. A message is an
    object or an array of them (format streaming), a text (lines) or a compact body. `saved`:
    records to store, an empty one is removed. `letters`: messages that are given up, not in the
    body.

    `replay`: the messages are those of the `letters` that are replayed. `epoch` is then of
    `open_replay`; there is no number and nothing is saved: the marks say what was stored.
    """

    owner: str
    name: str
    epoch: int
    number: int
    stream: str
    format: SourceFormat = "streaming"
    sizes: bytes = b""
    saved: dict[str, bytes] = {}
    letters: tuple[DeadLetter, ...] = ()
    replay: bool = False


class SourceAck(msgspec.Struct, frozen=True):
    """It is durable, with so many rows; unless messages are `refused` (their index in the body, and
    why): then nothing of it is stored, and it is to be sent again without them."""

    rows: int = 0
    refused: tuple[tuple[int, str], ...] = ()


class SourceAppends(Protocol):
    """Owners are texts such as "source:<uuid>"."""

    async def open_source(self, owner: str) -> SourceOpened:
        """Begin to store: appends of earlier openings are stored before it returns or are refused
        from then on. Whoever does not know what became of an append opens anew and compares
        `number`."""
        ...

    async def append_source(self, request: SourceAppend, body: bytes) -> SourceAck:
        """Store the append, its records and its dead letters in one durable commit, or nothing.

        An append whose number is stored already is answered and not stored again. EngineUnavailable
        when it is not of the last opening. StorageFull when its dead-letter stream is full.
        NotFound without the stream.
        """
        ...

    async def open_replay(self, owner: str) -> int:
        """Begin to replay dead letters of a source, running or not; the epoch of its appends.

        As with `open_source` those of earlier replays are stored before it returns, or are refused:
        so whoever asks then which letters are marked knows all that were replayed. NotFound when
        the source has none.
        """
        ...

    async def forget_source(self, owner: str) -> None:
        """Its records and its dead-letter stream go; safe when it is unknown."""
        ...

    async def source_letters(self, owners: tuple[str, ...]) -> dict[str, str]:
        """The names of their dead-letter streams, of those that have one."""
        ...
