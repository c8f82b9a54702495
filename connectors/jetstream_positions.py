"""Which messages of a JetStream consumer are stored and may come again, kept with their rows."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from connectors.contract import SourceBatch
from connectors.sequences import Sequences
from engine.source_appends import SourceFormat

_SCOPE_DIGITS: Final = 12
# With more ranges a batch is made in a thread: one that fills gaps everywhere changes all of the
# record, 10 ms of 100,000 ranges.
HERE_RANGES_MAX: Final = 10_000
# In the origin of a letter: a stream that is made anew gives the same numbers again.
ORIGIN_DIGITS: Final = 8
# $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer's>.<time>.<pending>; a longer
# form, with domain and account, is left to the library.
_TOKENS: Final = 9
_SEQUENCE: Final = 5


class JetStreamPositions:
    """The stream sequences that were handed over, as ranges above the consumer's ack floor.

    A mark on the highest one would not do: messages come again and by others in any order. Records
    of another stream or consumer are not taken for those of this one, and go with the next batch.
    """

    def __init__(self, saved: Mapping[str, bytes], *of: str) -> None:
        """`of`: what the sequences belong to: stream, its creation, consumer."""
        digest = hashlib.sha256(msgspec.json.encode(of)).hexdigest()
        self._key = digest[:_SCOPE_DIGITS]
        self._stream = of[0]
        self._sequences = Sequences.decoded(saved.get(self._key, b""))
        self._others = {key: b"" for key in saved if key != self._key}
        self.since_ms = 0  # when the stream was looked at
        # A message of later, given for the first time, has a number that is known.
        self.made_anew = False

    def __len__(self) -> int:
        """How many ranges there are."""
        return len(self._sequences)

    def acknowledged(self, up_to: int) -> None:
        """The consumer has all messages up to this sequence as acknowledged: they are taken for
        stored, also when a consumer that was made anew gives them again."""
        self._sequences.fill(up_to)

    async def batch(
        self, fetched: Sequence[Any], format_: SourceFormat, created: float
    ) -> SourceBatch:
        """The messages that were not handed over before; all are acknowledged with them."""
        if len(self._sequences) <= HERE_RANGES_MAX:
            return self._batch(fetched, format_, created)
        return await asyncio.to_thread(self._batch, fetched, format_, created)

    def _batch(self, fetched: Sequence[Any], format_: SourceFormat, created: float) -> SourceBatch:
        new: list[bytes] = []
        places: list[int] = []
        for message in fetched:
            sequence = _sequence(message)
            if sequence not in self._sequences:
                self._sequences.add(sequence)
                new.append(message.data)
                places.append(sequence)
                continue
            message.data = b""  # it waits for its acknowledgement only
            metadata = message.metadata
            if metadata.num_delivered == 1:
                came_ms = int(metadata.timestamp.timestamp() * 1000)
                self.made_anew = self.made_anew or came_ms > self.since_ms
        saved = {**self._others, self._key: self._sequences.encoded()} if new else {}
        if new:
            self._others = {}
        stream, scope = self._stream, self._key[:ORIGIN_DIGITS]
        return SourceBatch(
            new,
            created,
            format_,
            token=fetched,
            saved=saved,
            origin=lambda at: f"{stream}@{places[at]}:{scope}",
        )


def _sequence(message: Any) -> int:
    """The stream sequence in the subject for the answer: a fifth of the cost of all metadata."""
    tokens = message.reply.split(".")
    if len(tokens) == _TOKENS:
        return int(tokens[_SEQUENCE])
    return int(message.metadata.sequence.stream)
