"""How far a Kafka source has read: the next offset of each partition, stored with its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from connectors.contract import SourceBatch
from engine.source_appends import SourceFormat

_SCOPE_DIGITS: Final = 12


class KafkaPositions:
    """Next offsets by partition. Records of another topic, group or cluster are not taken for
    those of this one, and go with the next batch."""

    def __init__(self, saved: Mapping[str, bytes], *of: object) -> None:
        """`of`: what the offsets belong to: brokers, topic, group."""
        digest = hashlib.sha256(msgspec.json.encode(of)).hexdigest()
        self._scope = f"{digest[:_SCOPE_DIGITS]}/"
        self._next: dict[int, int] = {}
        self._others: dict[str, bytes] = {}
        for key, value in saved.items():
            if key.startswith(self._scope):
                self._next[int(key.removeprefix(self._scope))] = int(value)
            else:
                self._others[key] = b""

    def next(self, partition: int) -> int | None:
        """The offset after the last record that was handed over; None before the first one."""
        return self._next.get(partition)

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
        offsets = [record.offset for record in new]
        saved = {**self._others, f"{self._scope}{partition.partition}": str(after).encode()}
        self._others = {}
        return SourceBatch(
            [record.value or b"" for record in new],
            created,
            format_,
            token=(partition, after),
            saved=saved,
            origin=lambda at: f"{partition.topic}/{partition.partition}@{offsets[at]}",
        )
