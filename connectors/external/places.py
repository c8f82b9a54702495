"""How far a reader of a partitioned topic is: the next offset of each partition, and its end."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connectors.saved_record import SavedRecord


class _Kept(msgspec.Struct):
    """As it is stored: offsets by partition."""

    next: dict[int, int] = {}
    ends: dict[int, int] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


class Places:
    """Kept as one record under the scope that the offsets belong to; what is stored under another
    goes with the next batch."""

    def __init__(self, saved: Mapping[str, bytes], *of: object) -> None:
        """`of`: what the offsets belong to."""
        self._record = SavedRecord(saved, *of)
        self._kept = _decode(self._record.stored) if self._record.stored else _Kept()
        self.begun = bool(self._kept.next)
        """Whether an earlier life has stored where it began."""

    def next(self, partition: int) -> int | None:
        """The offset after the last message that was handed over; None before it began."""
        return self._kept.next.get(partition)

    def last(self, partition: int) -> int | None:
        """The offset at which it ends; None without one."""
        return self._kept.ends.get(partition)

    def begin(self, partition: int, offset: int) -> None:
        """It begins there."""
        self._kept.next[partition] = offset

    def end(self, partition: int, offset: int) -> None:
        """It ends there, unless an earlier life has said where."""
        self._kept.ends.setdefault(partition, offset)

    def go_on(self, partition: int, offset: int) -> bool:
        """Everything before this offset was handed over; whether that is more than before."""
        if offset <= self._kept.next.get(partition, 0):
            return False
        self._kept.next[partition] = offset
        return True

    @property
    def done(self) -> bool:
        """Whether all partitions are at their ends."""
        return all(self._kept.next.get(p, 0) >= end for p, end in self._kept.ends.items())

    def saved(self) -> dict[str, bytes]:
        """The record, to be stored with what was handed over."""
        return self._record.written(_encode(self._kept))
