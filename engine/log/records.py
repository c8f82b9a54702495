"""What goes into the commit log and what comes out of it: appends, notes, commits, receipts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.batch import Int64s, StreamSlice
from engine.errors import TailraceError


@dataclass(frozen=True, slots=True)
class Append:
    """Appends of one stream that wait together, to be stored in this order.

    Append i is `rows[borders[i]:borders[i + 1]]`; `borders` begins with 0 and ends with the number
    of rows. `rows` has the stored columns, `_tp_time` included, and no dictionary-encoded column.
    `idempotency` pairs the index of an append with the id its writer gave; an append whose id is
    known for the stream is left out and answered with the number of the first one.
    """

    stream_id: str
    rows: pa.RecordBatch
    borders: Int64s
    idempotency: tuple[tuple[int, str], ...] = ()

    @classmethod
    def single(cls, stream_id: str, rows: pa.RecordBatch, idempotency_id: str = "") -> Append:
        """All of `rows` as one append; an empty id is none."""
        borders = np.array((0, rows.num_rows), np.int64)
        ids = ((0, idempotency_id),) if idempotency_id else ()
        return cls(stream_id, rows, borders, ids)

    @property
    def appends(self) -> int:
        """How many appends it holds."""
        return len(self.borders) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of its rows; exact for large ones, for small ones an upper bound that is cheap."""
        return rows_bytes(self.rows)


def rows_bytes(rows: pa.RecordBatch) -> int:
    """Memory of a batch. `nbytes` costs 20 us, so it is only asked where sharing matters."""
    size = rows.get_total_buffer_size()
    return rows.nbytes if size > 65536 else size


@dataclass(frozen=True, slots=True)
class Note:
    """A record that is not rows: `kind` names its keeper, `data` is the keeper's own encoding."""

    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """What one fdatasync made durable: whole or not at all.

    `slices` hold the appends in log order, per stream in order of sequence number; a stream may
    have more than one slice. Positions count commits from 1; instants never go back.
    """

    position: int
    instant_ms: int
    slices: tuple[StreamSlice, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class AppendReceipt:
    """Outcome of one `Append`: the sequence number of each append, and which were known already.

    A duplicate's number is that of the append which was stored first under its id.
    """

    stream_id: str
    sn: Int64s
    duplicates: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A submission is durable; one `AppendReceipt` per `Append` of it, in its order."""

    position: int
    instant_ms: int
    appends: tuple[AppendReceipt, ...]


Record = Append | Note
Outcome = Receipt | TailraceError
Done = Callable[[Outcome], None]
Listener = Callable[[Commit], None]


def merge_slices(slices: list[StreamSlice]) -> StreamSlice:
    """One slice out of consecutive ones of a stream with equal schemas; copies the rows."""
    if len(slices) == 1:
        return slices[0]
    rows = pa.concat_batches([s.rows for s in slices])
    counts = np.concatenate([counts_of(s.borders) for s in slices])
    return StreamSlice(
        slices[0].stream_id,
        rows,
        borders_of(counts),
        np.concatenate([s.sn for s in slices]),
        np.concatenate([s.append_time_ms for s in slices]),
    )


def counts_of(borders: Int64s) -> Int64s:
    """Rows per append out of borders; `np.diff` costs ten times as much for a few."""
    return borders[1:] - borders[:-1]


def borders_of(counts: Int64s) -> Int64s:
    """Borders out of rows per append."""
    borders = np.zeros(len(counts) + 1, np.int64)
    counts.cumsum(out=borders[1:])
    return borders


def cut_slice(part: StreamSlice, first_sn: int) -> StreamSlice | None:
    """The appends of a slice from `first_sn` on, without a copy; None if there are none."""
    if part.sn[0] >= first_sn:  # nearly always; a search costs ten times as much
        return part
    skip = int(np.searchsorted(part.sn, first_sn))
    if skip == part.appends:
        return None
    start = int(part.borders[skip])
    return StreamSlice(
        part.stream_id,
        part.rows.slice(start),
        part.borders[skip:] - start,
        part.sn[skip:],
        part.append_time_ms[skip:],
    )


def head_of(part: StreamSlice, rows: int) -> StreamSlice:
    """The first rows of a slice; its last append may be cut."""
    if rows == part.rows.num_rows:
        return part
    appends = int(np.searchsorted(part.borders, rows, "left"))
    borders = np.append(part.borders[:appends], rows)
    return StreamSlice(
        part.stream_id,
        part.rows.slice(0, rows),
        borders,
        part.sn[:appends],
        part.append_time_ms[:appends],
    )
