"""How far a Kafka source has read: the next offset of each partition, stored with its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from connectors.contract import SourceBatch
from connectors.saved_record import SavedRecord
from engine.source_appends import SourceFormat

# In the origin of a letter: a topic that is made anew gives the same offsets again.
ORIGIN_DIGITS: Final = 8
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[int, int]).decode


class KafkaPositions:
    """Next offsets by partition. Records of another topic, group or cluster are not taken for
    those of this one, and go with the next batch."""

    def __init__(self, saved: Mapping[str, bytes], *of: object) -> None:
        """`of`: what the offsets belong to: cluster, topic, group."""
        self._record = SavedRecord(saved, *of)
        stored = self._record.stored
        self._next: dict[int, int] = _decode(stored) if stored else {}

    def next(self, partition: int) -> int | None:
        """The offset after the last record that was handed over; None before the first one."""
        return self._next.get(partition)

    def is_behind(self, partition: int, records: Sequence[Any]) -> bool:
        """Whether records begin before the place at which the partition was told to begin: it is
        that of another topic with the name, made while this one was read."""
        return records[0].offset < self._next.get(partition, 0)

    def forget(self, partition: int) -> None:
        """The partition begins anew, as that of another topic with the name."""
        self._next.pop(partition, None)

    def batch(
        self, partition: Any, records: Sequence[Any], format_: SourceFormat, created: float
    ) -> SourceBatch | None:
        """The records of a partition that were not handed over before; None if there are none.

        A record without a value is a deletion mark: as JSON it holds no row.
        """
        begin = self._next.get(partition.partition, 0)
        new = [record for record in records if record.offset >= begin]
        if not new:
            return None
        after = self._next[partition.partition] = new[-1].offset + 1
        if format_ == "streaming":
            new = [record for record in new if record.value is not None]
        places = [(record.offset, record.timestamp) for record in new]
        # One record of all: a topic may have thousands of partitions, some bytes each.
        saved = self._record.written(_encode(self._next))

        def origin(at: int) -> str:
            # The time is the record's: nothing else tells the topic from another with its name.
            offset, time = places[at]
            digest = hashlib.sha256(f"{self._record.scope} {time}".encode()).hexdigest()
            scope = digest[:ORIGIN_DIGITS]
            return f"{partition.topic}/{partition.partition}@{offset}:{scope}"

        return SourceBatch(
            [record.value or b"" for record in new],
            created,
            format_,
            token=(partition, after),
            saved=saved,
            origin=origin,
        )
