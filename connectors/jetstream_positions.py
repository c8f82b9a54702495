"""Which messages of a JetStream consumer are stored and may come again, kept with their rows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.contract import SourceBatch
from connectors.jetstream_numbers import in_stream
from connectors.saved_record import SavedRecord
from connectors.sequences import Sequences
from engine.source_appends import SourceFormat

# With more ranges a batch is made in a thread: one that fills gaps everywhere changes all of the
# record, 10 ms of 100,000 ranges.
HERE_RANGES_MAX: Final = 10_000
# In the origin of a letter: a stream that is made anew gives the same numbers again.
ORIGIN_DIGITS: Final = 8


class JetStreamPositions:
    """The stream sequences that were handed over, as ranges above the consumer's ack floor.

    A mark on the highest one would not do: messages come again and by others in any order. Records
    of another stream or consumer are not taken for those of this one, and go with the next batch.
    """

    def __init__(self, saved: Mapping[str, bytes], *of: str) -> None:
        """`of`: what the sequences belong to: stream, its creation, consumer."""
        self._record = SavedRecord(saved, *of)
        self._stream = of[0]
        self._sequences = Sequences.decoded(self._record.stored)
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
            sequence = in_stream(message)
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
        saved = self._record.written(self._sequences.encoded()) if new else {}
        stream, scope = self._stream, self._record.scope[:ORIGIN_DIGITS]
        return SourceBatch(
            new,
            created,
            format_,
            token=fetched,
            saved=saved,
            origin=lambda at: f"{stream}@{places[at]}:{scope}",
        )
