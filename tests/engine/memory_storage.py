"""Storage of tests: streams as lists of appends in memory, live commits to listeners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from engine.batch import TP_TIME, StreamSlice
from engine.clock import ManualClock
from engine.log.records import Commit, cut_slice, merge_slices


@dataclass
class MemoryView:
    next_sn: int
    hot: tuple[StreamSlice, ...] = ()
    first_sn: int = 0

    def __enter__(self) -> MemoryView:
        return self

    def __exit__(self, *_: object) -> None:
        return


@dataclass
class MemoryReader:
    slices: Iterator[StreamSlice]
    next_sn: int

    def __iter__(self) -> Iterator[StreamSlice]:
        return self

    def __next__(self) -> StreamSlice:
        part = next(self.slices)
        self.next_sn = int(part.sn[-1]) + 1
        return part

    def close(self) -> None:
        self.slices = iter(())


@dataclass
class MemorySubscription:
    close: Callable[[], None]


@dataclass
class MemoryStorage:
    clock: ManualClock
    streams: dict[str, list[StreamSlice]] = field(default_factory=dict)
    listeners: list[Callable[[Commit], None]] = field(default_factory=list)
    position: int = 0
    reads: int = 0
    read_rows: int = 10_000
    sealed: int = 0  # so many appends of every stream are in history

    def listen(self, callback: Callable[[Commit], None]) -> MemorySubscription:
        self.listeners.append(callback)
        return MemorySubscription(lambda: self.listeners.remove(callback))

    def view(self, stream_id: str, from_sn: int = 0) -> MemoryView:
        held = self.streams.get(stream_id, [])
        return MemoryView(len(held), tuple(held[self.sealed :]))

    def next_sn(self, stream_id: str) -> int:
        return self.view(stream_id).next_sn

    def count_read(self, stream_id: str, rows: int, nbytes: int) -> None:
        """Rates are not kept here."""

    def removed_sn(self, stream_id: str) -> int:
        return 0

    def keep_sql(self, stream_id: str) -> str:
        """Nothing has a TTL here."""
        return ""

    def sn_at(self, stream_id: str, time_ms: int) -> int:
        for sn, part in enumerate(self.streams.get(stream_id, ())):
            times = part.rows.column(TP_TIME).view(pa.int64()).to_numpy()
            if (times >= time_ms).any():
                return sn
        return self.view(stream_id).next_sn

    def read(self, stream_id: str, from_sn: int = 0) -> MemoryReader:
        self.reads += 1
        return MemoryReader(self._slices(stream_id, from_sn), from_sn)

    def _slices(self, stream_id: str, from_sn: int) -> Iterator[StreamSlice]:
        at = from_sn
        while at < len(self.streams.get(stream_id, ())):
            group: list[StreamSlice] = []
            rows = 0
            for part in self.streams[stream_id][at:]:
                if group and rows + part.rows.num_rows > self.read_rows:
                    break
                group.append(part)
                rows += part.rows.num_rows
            at += len(group)
            found = cut_slice(merge_slices(group), from_sn)
            assert found is not None
            yield found

    def append(self, stream_id: str, *appends: pa.RecordBatch) -> None:
        """Each batch is one append; all of them are one commit."""
        kept = self.streams.setdefault(stream_id, [])
        slices: list[StreamSlice] = []
        for rows in appends:
            part = StreamSlice(
                stream_id,
                rows,
                np.array([0, rows.num_rows]),
                np.array([len(kept)]),
                np.array([self.clock.now_ms()]),
            )
            kept.append(part)
            slices.append(part)
        self.position += 1
        merged = (merge_slices(slices),) if slices else ()
        commit = Commit(self.position, self.clock.now_ms(), merged, ())
        for listener in list(self.listeners):
            listener(commit)


def batch(schema: pa.Schema, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    """Rows as a record batch."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.RecordBatch.from_arrays(
        [pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )
