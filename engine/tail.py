"""The hot tail: durable rows that are not in history yet, per stream as few Arrow batches."""

from __future__ import annotations

from bisect import bisect_left

from engine.batch import StreamSlice
from engine.log.records import cut_slice, merge_slices, rows_bytes

# So many small slices become one; again and again, so a row is copied log(n) times in all.
_FAN_IN = 32
# Slices of this many rows are left as they are.
_ROWS_MAX = 65_536
_LAST_LEVEL = 99  # of slices that are not joined any more
_SLICE_BYTES = 2_048  # objects of a slice and its batch, beside the rows


def _size(part: StreamSlice) -> int:
    return rows_bytes(part.rows) + _SLICE_BYTES


class HotTail:
    """Slices of one stream in order. Not thread-safe: its owner locks.

    `freeze` sets aside what is sealed; it still shows in `slices` until `finish`.
    """

    __slots__ = ("_frozen", "_levels", "_live", "nbytes")

    def __init__(self) -> None:
        self._frozen: list[StreamSlice] = []
        self._live: list[StreamSlice] = []
        self._levels: list[int] = []
        self.nbytes = 0

    def add(self, part: StreamSlice) -> int:
        """Append a slice; returns by how many bytes the tail grew."""
        self._live.append(part)
        self._levels.append(0 if part.rows.num_rows < _ROWS_MAX // _FAN_IN else _LAST_LEVEL)
        size = _size(part)
        self.nbytes += size
        return size

    @property
    def due(self) -> bool:
        """It has grown by enough slices to look for some that can be joined."""
        return self._levels[-_FAN_IN:].count(self._levels[-1]) == _FAN_IN

    def merge(self) -> bool:
        """Join the first neighbours of one level when there are enough; False when not."""
        levels = self._levels
        start = 0
        for at in range(len(levels)):
            if levels[at] != levels[start]:
                start = at
            if at - start + 1 == _FAN_IN and levels[start] < _LAST_LEVEL:
                self._join(start)
                return True
        return False

    def _join(self, start: int) -> None:
        end = start + _FAN_IN
        group = self._live[start:end]
        schema = group[0].rows.schema
        if not all(s.rows.schema.equals(schema) for s in group):
            self._levels[start:end] = [_LAST_LEVEL] * _FAN_IN
            return
        merged = merge_slices(group)
        large = merged.rows.num_rows >= _ROWS_MAX
        level = _LAST_LEVEL if large else self._levels[start] + 1
        self._live[start:end] = [merged]
        self._levels[start:end] = [level]

    def slices(self, from_sn: int = 0) -> list[StreamSlice]:
        """All appends from a number on, in order, without a copy."""
        parts = (cut_slice(s, from_sn) for s in (*self._frozen, *self._live))
        return [p for p in parts if p is not None]

    def freeze(self) -> list[StreamSlice]:
        """Set the live slices aside for sealing and return them."""
        self._frozen = self._live
        self._live = []
        self._levels = []
        return self._frozen

    def finish(self) -> None:
        """What was set aside is in history."""
        self._recount([])

    def thaw(self) -> None:
        """Sealing failed: everything is live again."""
        self._live = [*self._frozen, *self._live]
        self._levels = [_LAST_LEVEL] * len(self._frozen) + self._levels
        self._frozen = []

    def cut(self, min_sn: int) -> None:
        """Appends below a number are gone. Small neighbours that are left are joined on: readers of
        hidden streams cut a little again and again."""
        frozen = [p for p in (cut_slice(s, min_sn) for s in self._frozen) if p is not None]
        gone = bisect_left(self._live, min_sn, key=lambda part: int(part.sn[-1]))
        del self._live[:gone], self._levels[:gone]
        self._live[:1] = [
            p for p in (cut_slice(s, min_sn) for s in self._live[:1]) if p is not None
        ]
        self._recount(frozen)

    def _recount(self, frozen: list[StreamSlice]) -> None:
        self._frozen = frozen
        self.nbytes = sum(map(_size, (*frozen, *self._live)))

    @property
    def empty(self) -> bool:
        """There is nothing in it."""
        return not self._frozen and not self._live


class HotTails:
    """Hot tails of all streams, and how much memory they hold. Not thread-safe."""

    def __init__(self) -> None:
        self._tails: dict[str, HotTail] = {}
        self.nbytes = 0
        self.live_bytes = 0  # of it, what is not set aside for sealing
        self._due: dict[str, HotTail] = {}

    def add(self, part: StreamSlice) -> int:
        """Append a slice to its stream; returns by how many bytes it grew."""
        tail = self._tails.get(part.stream_id)
        if tail is None:
            tail = self._tails[part.stream_id] = HotTail()
        size = tail.add(part)
        self.nbytes += size
        self.live_bytes += size
        if tail.due:
            self._due[part.stream_id] = tail
        return size

    @property
    def due(self) -> bool:
        """Some slices can be joined: `tidy` wants to be called."""
        return bool(self._due)

    def tidy(self, joins_max: int) -> None:
        """Join small slices, so many times at most: many streams come due at once."""
        for _ in range(joins_max):
            stream_id = next(iter(self._due), None)
            if stream_id is None:
                return
            if not self._due[stream_id].merge():
                del self._due[stream_id]

    def slices(self, stream_id: str, from_sn: int) -> list[StreamSlice]:
        """Appends of a stream from a number on."""
        tail = self._tails.get(stream_id)
        return tail.slices(from_sn) if tail is not None else []

    def freeze(self) -> dict[str, list[StreamSlice]]:
        """Set everything aside; what each stream has."""
        self.live_bytes = 0
        frozen = {stream_id: tail.freeze() for stream_id, tail in self._tails.items()}
        return {stream_id: slices for stream_id, slices in frozen.items() if slices}

    def finish(self) -> None:
        """What was set aside is in history."""
        for tail in self._tails.values():
            tail.finish()
        self._tails = {k: tail for k, tail in self._tails.items() if not tail.empty}
        self._due = {k: tail for k, tail in self._due.items() if k in self._tails}
        self._recount()

    def thaw(self) -> None:
        """What was set aside is live again."""
        for tail in self._tails.values():
            tail.thaw()
        self.live_bytes = self.nbytes

    def cut(self, stream_id: str, min_sn: int) -> None:
        """Appends of a stream below a number are gone."""
        tail = self._tails.get(stream_id)
        if tail is not None:
            tail.cut(min_sn)
            self._recount()

    def drop(self, stream_id: str) -> None:
        """A stream is gone."""
        self._due.pop(stream_id, None)
        if self._tails.pop(stream_id, None) is not None:
            self._recount()

    def _recount(self) -> None:
        self.nbytes = sum(tail.nbytes for tail in self._tails.values())
        self.live_bytes = min(self.live_bytes, self.nbytes)
