"""Feeds: how each scan of a query gets its rows, live from commits or from its own position."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import numpy as np
import pyarrow as pa

from engine.backfill import Backfill
from engine.batch import StreamSlice
from engine.expiry import KeepFilter
from engine.log.records import Commit, cut_slice, merge_slices
from engine.sharing import Chunk, SharedChain
from engine.sql.logical import Scan
from engine.steps import SourceStart


class Reader(Protocol):
    """The past of a stream in slices that never split an append."""

    @property
    def next_sn(self) -> int:
        """The first number that it has not returned yet."""
        ...

    def __iter__(self) -> Iterator[StreamSlice]: ...

    def __next__(self) -> StreamSlice: ...

    def close(self) -> None:
        """Stop reading."""
        ...


class View(Protocol):
    """What is durable of a stream at one instant."""

    @property
    def next_sn(self) -> int:
        """The number of the first append that it does not show."""
        ...

    @property
    def first_sn(self) -> int:
        """The number of the first append that it may show."""
        ...

    @property
    def hot(self) -> tuple[StreamSlice, ...]:
        """What is not in history yet, in order."""
        ...

    def __enter__(self) -> View: ...

    def __exit__(self, *_: object) -> None: ...


Listener = Callable[[Commit], None]


class Subscription(Protocol):
    """Live commits."""

    @property
    def close(self) -> Callable[[], None]:
        """Call it to have no more of them."""
        ...


class Storage(Protocol):
    """What a flow needs of `engine.storage.Storage`."""

    def listen(self, callback: Listener) -> Subscription:
        """Call with every commit from now on, in order, on the writer's thread."""
        ...

    def view(self, stream_id: str, from_sn: int = 0) -> View:
        """The durable rows of a stream from a number on."""
        ...

    def read(self, stream_id: str, from_sn: int = 0) -> Reader:
        """The past of a stream from a number on."""
        ...

    def sn_at(self, stream_id: str, time_ms: int) -> int:
        """The first append with a row at or after an event time."""
        ...

    def keep_sql(self, stream_id: str) -> str:
        """The condition of rows that its TTL has not let go; '' without a TTL."""
        ...

    def removed_sn(self, stream_id: str) -> int:
        """Above all appends of which rows were removed by TTL, DELETE or TRUNCATE."""
        ...

    def count_read(self, stream_id: str, rows: int, nbytes: int) -> None:
        """A query read this much of a stream."""
        ...


class Feed:
    """One scan of a running query. `next_sn` is the first append it has not read."""

    def __init__(
        self,
        source: int,
        chain: SharedChain,
        start: SourceStart,
        keep: Callable[[], KeepFilter] | None = None,
        backfill: Backfill | None = None,
    ) -> None:
        """`keep` makes the filter of what lies before the query was accepted (`past_filter`),
        `backfill` takes it when it is not read append by append."""
        self._make_filter = keep
        self._filter: KeepFilter | None = None
        self.source = source
        self.chain = chain
        self.stream_id = chain.key.stream_id
        self.next_sn = start.first_sn
        self.row = 0  # rows of that append which it has read: an append comes in parts
        self.accepted_sn = start.accepted_sn
        self._removed_sn = start.removed_sn
        # What was appended while the query was being started is read like the past.
        self.live = False
        self.short = False  # it took less than it was given: it reads the rest by itself
        self.inside = False  # the last append it read goes on: it must not stop here
        self._reader: Reader | None = None
        self._slice: StreamSlice | None = None
        self._backfill = backfill if start.first_sn < start.accepted_sn else None

    @property
    def backfilling(self) -> bool:
        """Whether its past is being sorted or played: no rows now do not mean that there are no
        more."""
        return self._backfill is not None

    @property
    def due_ms(self) -> int | None:
        """When the next rows of a past that is played are due; None = it may read at once."""
        return self._backfill.due_ms if self._backfill is not None else None

    @property
    def in_past(self) -> bool:
        """Whether what it reads next lies before the query was accepted."""
        return self.next_sn < self.accepted_sn

    def take(self, chunk: Chunk) -> Chunk | None:
        """The part of a live chunk that is new to it; None if there is none.

        After a gap it is no longer live and must read from its own position.
        """
        if chunk.first_sn > self.next_sn:
            self.live = False
            return None
        if chunk.first_sn == self.next_sn:
            return chunk
        part = cut_slice(chunk.part, self.next_sn)
        if part is None:
            return None
        return Chunk(part, chunk.instant_ms, continues=chunk.continues)

    def advance(self, chunk: Chunk) -> None:
        """A chunk of its rows went into the query."""
        if self._backfill is None:
            more = chunk.continues and chunk.next_sn == self.next_sn
            last = int(chunk.part.borders[-1] - chunk.part.borders[-2])
            self.row = (self.row if more else 0) + last if chunk.continues else 0
            self.next_sn = chunk.next_sn
        else:
            self._backfill.taken(chunk.part.rows.num_rows)

    def read(self, storage: Storage, instant_ms: int) -> StreamSlice | None:
        """The next slice from its own position; None when it has caught up, or when a past that
        is sorted or played has nothing yet (`backfilling`). Blocks on the disk.

        What was left of the last one comes first.
        """
        if self._backfill is not None:
            part = self._read_past(self._backfill, storage, instant_ms)
            if part is not None or self.backfilling:
                return part
        return self._read_on(storage)

    def _read_past(
        self, backfill: Backfill, storage: Storage, instant_ms: int
    ) -> StreamSlice | None:
        """What its past gives at an instant; reads at most one slice."""
        if backfill.wants:
            if self._reader is None:
                self._reader = storage.read(self.stream_id, self.next_sn)
            read = next(self._reader, None)
            part = self.unexpired(read)
            if part is not None and part.sn[0] < self.accepted_sn:
                backfill.add(split_at(part, self.accepted_sn)[0])
            if read is None or self._reader.next_sn >= self.accepted_sn:
                backfill.finish()
                self.stop_reading()
        if backfill.done:
            self.next_sn = max(self.next_sn, self.accepted_sn)
            self._backfill = None
        return backfill.next(instant_ms)

    def _read_on(self, storage: Storage) -> StreamSlice | None:
        rest = self._slice and cut_slice(self._slice, self.next_sn)
        if rest is not None:
            return self._unread(rest)
        if self._reader is None:
            self._reader = storage.read(self.stream_id, self.next_sn)
        for part in self._reader:
            self._slice = self.unexpired(cut_slice(part, self.next_sn))
            if self._slice is not None:
                return self._unread(self._slice)
        self.next_sn = max(self.next_sn, self._reader.next_sn)  # the last may have expired
        self.stop_reading()
        return None

    def _unread(self, part: StreamSlice) -> StreamSlice:
        """Without the parts of its first append that were read before a restart."""
        if self.row and part.sn[0] == self.next_sn:
            rest = after_rows(part, self.row)
            assert rest is not None, "an append that goes on has more rows"
            return rest
        return part

    def unexpired(self, part: StreamSlice | None) -> StreamSlice | None:
        """The slice without rows of the past that the TTL has let go, but not removed yet."""
        if part is None or self._make_filter is None or part.sn[0] >= self.accepted_sn:
            return part
        if self._filter is None:
            self._filter = self._make_filter()
        kept: list[StreamSlice] = []
        for each in split_at(part, self.accepted_sn):
            if each.sn[0] >= self.accepted_sn:
                kept.append(each)
            elif (left := filter_slice(each, self._filter.mask(each.rows))) is not None:
                kept.append(left)
        return merge_slices(kept) if kept else None

    def go_on(self, next_sn: int) -> None:
        """Begin at an append, its past being read: the state before it was restored."""
        self.next_sn, self.row = next_sn, 0
        self._backfill = None

    def expired(self, storage: Storage) -> bool:
        """Whether rows were removed since its query began that it has not read."""
        removed, first = storage.removed_sn(self.stream_id), self.next_sn
        if self._backfill is not None:
            first = self.accepted_sn
        return removed > max(first, self._removed_sn)

    def stop_reading(self) -> None:
        """Give back the reader's files."""
        self._slice = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._filter is not None:
            self._filter.close()
            self._filter = None


def past_filter(
    storage: Storage, stream_id: str, instant_ms: int
) -> Callable[[], KeepFilter] | None:
    """What makes the filter of a stream's expired rows at an instant; None without a TTL."""
    sql = storage.keep_sql(stream_id)
    return partial(KeepFilter, sql, instant_ms) if sql else None


def backfill_of(scan: Scan, instant_ms: int) -> Backfill | None:
    """What takes the past of a scan; None when it is read append by append."""
    if scan.past.plain:
        return None
    return Backfill(scan.past, tuple(c.stored or c.name for c in scan.schema), instant_ms)


def filter_slice(part: StreamSlice, mask: pa.Array) -> StreamSlice | None:
    """The rows of a slice for which `mask` holds; appends of which none is left are left out."""
    rows = part.rows.filter(mask)
    if rows.num_rows == part.rows.num_rows:
        return part
    if rows.num_rows == 0:
        return None
    before = np.concatenate(([0], np.cumsum(mask.to_numpy(zero_copy_only=False))))
    borders = before[part.borders]
    left = np.flatnonzero(np.diff(borders))
    return StreamSlice(
        part.stream_id,
        rows,
        np.append(borders[left], rows.num_rows),
        part.sn[left],
        part.append_time_ms[left],
    )


def after_rows(part: StreamSlice, rows: int) -> StreamSlice | None:
    """What follows the first rows of a slice; an append that was cut goes on in it."""
    if rows == part.rows.num_rows:
        return None
    first = int(np.searchsorted(part.borders, rows, "right")) - 1
    borders = np.maximum(part.borders[first:] - rows, 0)
    return StreamSlice(
        part.stream_id,
        part.rows.slice(rows),
        borders,
        part.sn[first:],
        part.append_time_ms[first:],
    )


def pieces(part: StreamSlice, rows_max: int, bytes_max: int) -> Iterator[tuple[StreamSlice, bool]]:
    """A slice in pieces of at most `rows_max` rows and, if its rows are alike, `bytes_max` bytes;
    True: the piece's last append goes on."""
    rows_max = max(1, min(rows_max, bytes_max * part.rows.num_rows // (part.rows.nbytes or 1)))
    begin = 0
    while begin < part.appends:
        row = int(part.borders[begin])
        end = int(np.searchsorted(part.borders, row + rows_max, "right")) - 1
        if end > begin:
            yield _cut(part, begin, end), False
            begin = end
            continue
        last = int(part.borders[begin + 1])
        for at in range(row, last, rows_max):
            rows = part.rows.slice(at, min(rows_max, last - at))
            yield (
                StreamSlice(
                    part.stream_id,
                    rows,
                    np.array([0, rows.num_rows]),
                    part.sn[begin : begin + 1],
                    part.append_time_ms[begin : begin + 1],
                ),
                at + rows_max < last,
            )
        begin += 1


def _cut(part: StreamSlice, begin: int, end: int) -> StreamSlice:
    """Appends begin to end of a slice, without a copy."""
    if begin == 0 and end == part.appends:
        return part
    row, last = int(part.borders[begin]), int(part.borders[end])
    return StreamSlice(
        part.stream_id,
        part.rows.slice(row, last - row),
        part.borders[begin : end + 1] - row,
        part.sn[begin:end],
        part.append_time_ms[begin:end],
    )


def split_at(part: StreamSlice, sn: int) -> list[StreamSlice]:
    """The appends below a number, and the rest; empty parts are left out."""
    at = int(np.searchsorted(part.sn, sn))
    parts = [_cut(part, 0, at)] if at else []
    return [*parts, _cut(part, at, part.appends)] if at < part.appends else parts


def split_appends(part: StreamSlice) -> list[StreamSlice]:
    """Every append by itself."""
    return [_cut(part, at, at + 1) for at in range(part.appends)]


def coalesced(commits: list[Commit]) -> list[StreamSlice]:
    """All slices of these commits, one per stream where their columns are equal."""
    by_stream: dict[str, list[list[StreamSlice]]] = {}
    for commit in commits:
        for part in commit.slices:
            runs = by_stream.setdefault(part.stream_id, [])
            if runs and runs[-1][0].rows.schema.equals(part.rows.schema):
                runs[-1].append(part)
            else:
                runs.append([part])
    return [merge_slices(run) for runs in by_stream.values() for run in runs]
