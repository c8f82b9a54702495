"""Reads the past of a stream as slices: Parquet first, then the hot tail, until caught up."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Final

from engine.batch import StreamSlice
from engine.log.records import cut_slice, merge_slices
from engine.parquet import read_slices
from engine.storage_types import TableView

# Hot slices are joined, which copies them, up to this: many readers may stand still with one each.
JOINED_BYTES_MAX: Final = 256 << 10


class SliceReader:
    """An iterator over the past; `next_sn` is the first number that it has not returned yet.

    For one thread at a time; `close` frees the files it holds, the end of the iteration too.
    """

    def __init__(self, view: Callable[[int], TableView], from_sn: int, batch_rows: int) -> None:
        self._view = view
        self._batch_rows = batch_rows
        self._slices = self._read()
        self.next_sn = from_sn

    def __iter__(self) -> Iterator[StreamSlice]:
        return self

    def __next__(self) -> StreamSlice:
        part = next(self._slices)
        self.next_sn = int(part.sn[-1]) + 1
        return part

    def close(self) -> None:
        """Stop reading."""
        self._slices.close()

    def _read(self) -> Generator[StreamSlice, None, None]:
        """View after view, until one has nothing new: rows went on coming while files were read."""
        while True:
            from_sn = self.next_sn
            view = self._view(from_sn)
            with view.lease:
                for path in view.files:
                    yield from read_slices(view.stream_id, path, self.next_sn, self._batch_rows)
                yield from self._hot(view.hot)
            if self.next_sn == from_sn:
                # Appends without rows, lost ones, and those whose rows were taken out of a file,
                # leave no slice behind.
                self.next_sn = max(from_sn, view.next_sn)
                return

    def _hot(self, hot: tuple[StreamSlice, ...]) -> Iterator[StreamSlice]:
        """Hot slices, small neighbours joined."""
        waiting: list[StreamSlice] = []
        rows = nbytes = 0
        for piece in hot:
            part = cut_slice(piece, self.next_sn)
            if part is None:
                continue
            if waiting and (
                rows + part.rows.num_rows > self._batch_rows
                or nbytes + part.rows.nbytes > JOINED_BYTES_MAX
                or not part.rows.schema.equals(waiting[0].rows.schema)
            ):
                yield merge_slices(waiting)
                waiting, rows, nbytes = [], 0, 0
            waiting.append(part)
            rows += part.rows.num_rows
            nbytes += part.rows.nbytes
        if waiting:
            yield merge_slices(waiting)
