"""A storage as it was at an instant that moves on: a flow reads the past as if it came now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from engine.batch import StreamSlice
from engine.feeds import Listener, split_at
from engine.log.records import Commit, merge_slices
from engine.parquet import first_sn_appended
from engine.slices import SliceReader
from engine.storage import Storage
from engine.storage_types import Subscription, TableView

# Rows that are read at once of a stream.
READ_ROWS: Final = 10_000


def appended_at(storage: Storage, stream_id: str, time_ms: int) -> int:
    """The first append of a stream that was stored at or after an instant. Blocks on the disk."""
    with storage.view(stream_id) as view:
        found = view.next_sn
        for part in view.hot:
            at = int(np.searchsorted(part.append_time_ms, time_ms))
            if at < part.appends:
                found = int(part.sn[at])
                break
        for path in reversed(view.files):  # instants never go back from one append to the next
            first = first_sn_appended(path, time_ms)
            if first is None:
                break
            found = first
        return found


class PastReader:
    """The past of a stream up to an append."""

    def __init__(self, reader: SliceReader, until_sn: int) -> None:
        self._reader = reader
        self._until = until_sn
        self._done = False

    @property
    def next_sn(self) -> int:
        """The first number that it has not returned yet."""
        return self._until if self._done else min(self._reader.next_sn, self._until)

    def __iter__(self) -> Iterator[StreamSlice]:
        return self

    def __next__(self) -> StreamSlice:
        part = None if self._done else next(self._reader, None)
        if part is None or int(part.sn[0]) >= self._until:
            self._done = True
            self._reader.close()
            raise StopIteration
        return split_at(part, self._until)[0]

    def close(self) -> None:
        """Give back the files."""
        self._reader.close()


class PastStorage:
    """See `engine.feeds.Storage`. Of each stream of `shown` the appends below the number are there,
    until `commit` shows more. For one thread."""

    def __init__(self, storage: Storage, shown: dict[str, int]) -> None:
        self._storage = storage
        self._shown = dict(shown)
        self._listeners: list[Listener] = []

    def commit(self, commit: Commit) -> None:
        """Its rows are there from now on."""
        for part in commit.slices:
            self._shown[part.stream_id] = int(part.sn[-1]) + 1
        for listener in self._listeners:
            listener(commit)

    def listen(self, callback: Listener) -> Subscription:
        """See `Storage.listen`."""
        self._listeners.append(callback)
        return Subscription(0, lambda: self._listeners.remove(callback))

    def view(self, stream_id: str, from_sn: int = 0) -> TableView:
        """See `Storage.view`; what is hot is not cut within a slice."""
        view = self._storage.view(stream_id, from_sn)
        until = self._shown[stream_id]
        hot = tuple(part for part in view.hot if int(part.sn[0]) < until)
        return replace(view, hot=hot, next_sn=until, first_sn=min(view.first_sn, until))

    def read(self, stream_id: str, from_sn: int = 0) -> PastReader:
        """See `Storage.read`."""
        reader = self._storage.read(stream_id, from_sn, batch_rows=READ_ROWS)
        return PastReader(reader, self._shown[stream_id])

    def sn_at(self, stream_id: str, time_ms: int) -> int:
        """See `Storage.sn_at`."""
        return min(self._storage.sn_at(stream_id, time_ms), self._shown[stream_id])

    def keep_sql(self, stream_id: str) -> str:
        """See `Storage.keep_sql`."""
        return self._storage.keep_sql(stream_id)

    def removed_sn(self, stream_id: str) -> int:
        """See `Storage.removed_sn`."""
        return self._storage.removed_sn(stream_id)

    def count_read(self, stream_id: str, rows: int, nbytes: int) -> None:
        """See `Storage.count_read`."""
        self._storage.count_read(stream_id, rows, nbytes)


class Arrivals:
    """What was appended to some streams, in the order in which it came: by the time, and at one
    time in the order of the streams. Holds a slice of each; blocks on the disk."""

    def __init__(self, storage: Storage, ranges: dict[str, tuple[int, int]]) -> None:
        """`ranges`: of each stream the first append, and the first that is left out."""
        self._readers = {
            stream_id: PastReader(storage.read(stream_id, first, batch_rows=READ_ROWS), end)
            for stream_id, (first, end) in ranges.items()
        }
        self._heads: dict[str, StreamSlice] = {}
        for stream_id in ranges:
            self._fill(stream_id)

    @property
    def next_ms(self) -> int | None:
        """When the next append came; None when there is none."""
        times = [int(part.append_time_ms[0]) for part in self._heads.values()]
        return min(times, default=None)

    def take(self, until_ms: int, rows_max: int) -> tuple[StreamSlice, ...]:
        """The next appends up to an instant, at least one, of not many more rows."""
        taken: list[StreamSlice] = []
        rows = 0
        while rows < rows_max:
            first = self._first()
            if first is None or (taken and int(first.append_time_ms[0]) > until_ms):
                break
            part = self._cut(first, until_ms, rows_max - rows)
            taken.append(part)
            rows += part.rows.num_rows
        return tuple(_joined(taken))

    def _first(self) -> StreamSlice | None:
        return min(self._heads.values(), key=lambda p: int(p.append_time_ms[0]), default=None)

    def _cut(self, part: StreamSlice, until_ms: int, rows_max: int) -> StreamSlice:
        """Take the appends of a head that come before those of the other streams."""
        names = list(self._readers)
        mine = names.index(part.stream_id)
        count = int(np.searchsorted(part.append_time_ms, until_ms, "right"))
        for stream_id, other in self._heads.items():
            if stream_id != part.stream_id:
                side = "right" if mine < names.index(stream_id) else "left"
                time = int(other.append_time_ms[0])
                count = min(count, int(np.searchsorted(part.append_time_ms, time, side)))
        count = min(count, int(np.searchsorted(part.borders, rows_max)))
        count = max(1, min(count, part.appends))
        if count == part.appends:
            self._fill(part.stream_id)
            return part
        taken, rest = split_at(part, int(part.sn[count]))
        self._heads[part.stream_id] = rest
        return taken

    def _fill(self, stream_id: str) -> None:
        part = next(self._readers[stream_id], None)
        if part is None:
            self._heads.pop(stream_id, None)
        else:
            self._heads[stream_id] = part

    def close(self) -> None:
        """Give back the files."""
        for reader in self._readers.values():
            reader.close()


def _joined(parts: Iterable[StreamSlice]) -> Iterator[StreamSlice]:
    """Neighbours of one stream and one shape as one."""
    run: list[StreamSlice] = []
    for part in parts:
        fits = run and run[0].stream_id == part.stream_id
        if fits and run[0].rows.schema.equals(part.rows.schema):
            run.append(part)
            continue
        if run:
            yield merge_slices(run)
        run = [part]
    if run:
        yield merge_slices(run)
