"""Rows of a hidden stream as its reader gets them: JSON, by append and by query."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Final

import numpy as np
import pyarrow as pa

from engine.batch import TP_TIME, StreamSlice
from engine.encode import JsonEncoder, encode_values, event_time_ms
from engine.protocol import BackgroundRows, Definition, Position
from engine.sql.background import TAG, headers_of, hidden_columns
from engine.storage import Storage
from engine.type_parser import parse_type

# What is read at once, encoded at once, and handed to the reader at once.
READ_ROWS: Final = 2_000
BLOCK_ROWS: Final = 256
PIECE_BYTES_MAX: Final = 64 << 10
PIECES_MAX: Final = 64


class HiddenRows:
    """Reads one hidden stream from a position on. Blocks on the disk: for one thread at a time.

    `folds`: see Background.read_background."""

    def __init__(self, definition: Definition, storage: Storage, *, folds: bool = False) -> None:
        headers = headers_of(definition)
        self._id = definition.id
        self._storage = storage
        self._encoders = [
            JsonEncoder([(c.name, parse_type(c.type)) for c in header], folds=folds)
            for header in headers
        ]
        names = [column.name for column in hidden_columns(headers)]
        self._columns = [
            [n for n in names if n.startswith(f"c{at}_")] for at in range(len(headers))
        ]
        self._times = [
            next((n for n, c in zip(own, header, strict=True) if c.name == TP_TIME), "")
            for own, header in zip(self._columns, headers, strict=True)
        ]
        self._tagged = len(headers) > 1
        self._pieces: Iterator[BackgroundRows] = iter(())

    def next(self, after: Position) -> list[BackgroundRows]:
        """Some rows after a position, which is that of the last rows that were returned; none when
        there are no more now."""
        found = list(islice(self._pieces, PIECES_MAX))
        if not found:
            from_sn = max(after.sn, 0)
            reader = self._storage.read(self._id, from_sn, batch_rows=READ_ROWS)
            with contextlib.closing(reader):
                for part in reader:
                    self._pieces = self._cut(part, after)
                    found = list(islice(self._pieces, PIECES_MAX))
                    if found:
                        break
        return found

    def _cut(self, part: StreamSlice, after: Position) -> Iterator[BackgroundRows]:
        """The rows of a slice after a position, a block at a time."""
        first = 0
        if after.sn >= part.sn[0]:
            at = int(np.searchsorted(part.sn, after.sn, "right")) - 1
            found = int(part.sn[at]) == after.sn
            first = int(part.borders[at]) + after.row + 1 if found else int(part.borders[at + 1])
        for begin in range(first, part.rows.num_rows, BLOCK_ROWS):
            yield from self._block(part, begin, min(begin + BLOCK_ROWS, part.rows.num_rows))

    def _block(self, part: StreamSlice, first: int, last: int) -> Iterator[BackgroundRows]:
        """Some rows of a slice, encoded together and cut where the append or the query changes."""
        rows = part.rows.slice(first, last - first)
        appends = np.searchsorted(part.borders, np.arange(first, last), "right") - 1
        tags = np.zeros(last - first, np.int8)
        if self._tagged:
            tags = rows.column(TAG).to_numpy(zero_copy_only=False)
        changes = np.flatnonzero((np.diff(appends) != 0) | (np.diff(tags) != 0)) + 1
        made: dict[int, list[tuple[object, ...]]] = {}
        for start, stop in pairwise([0, *changes.tolist(), last - first]):
            which, append = int(tags[start]), int(appends[start])
            if which not in made:
                own = rows.select(self._columns[which])
                made[which] = self._encoders[which].values(own)
            row = first + start - int(part.borders[append])
            for at, values, payload in _pieces(made[which][start:stop]):
                time_ms = self._time_ms(rows.slice(start + at, len(values)), which)
                sn = int(part.sn[append])
                yield BackgroundRows(which, sn, row + at, len(values), payload, time_ms)

    def _time_ms(self, rows: pa.RecordBatch, which: int) -> int:
        name = self._times[which]
        return event_time_ms(rows, rows.schema.get_field_index(name)) if name else 0


def _pieces(
    values: list[tuple[object, ...]], at: int = 0
) -> Iterator[tuple[int, list[tuple[object, ...]], bytes]]:
    """Rows in pieces of not too many bytes, unless a single row has them."""
    payload = encode_values(values)
    if len(payload) <= PIECE_BYTES_MAX or len(values) == 1:
        yield at, values, payload
        return
    half = len(values) // 2
    yield from _pieces(values[:half], at)
    yield from _pieces(values[half:], at + half)


def last_of(rows: BackgroundRows) -> Position:
    """Where the last row of a piece stands."""
    return Position(rows.sn, rows.first_row + rows.count - 1)
