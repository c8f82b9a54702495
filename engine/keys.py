"""Group keys beside a slot table: numbers in numpy columns, texts in an arena, else objects."""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.arrays import (
    Bools,
    Int64s,
    Lane,
    enlarged,
    fixed_array,
    fixed_lane,
    is_fixed,
    numpy_type,
    object_array,
    object_lane,
    validity,
)

Bytes = npt.NDArray[np.uint8]
Heads = npt.NDArray[np.uint64]
Encoded = Any  # what `KeyColumn.encode` of the same column made of a batch

_ARENA_BYTES_MIN = 1024
_HEAD_BYTES = 16
_HEAD_POSITIONS = np.arange(_HEAD_BYTES)
# Of a text of so many bytes, which of its first eight and second eight bytes are its own.
_OWN = (np.arange(_HEAD_BYTES + 1)[:, None] > _HEAD_POSITIONS) * np.uint8(255)
_FIRST_MASKS = np.ascontiguousarray(_OWN[:, :8]).view(np.uint64).ravel()
_SECOND_MASKS = np.ascontiguousarray(_OWN[:, 8:]).view(np.uint64).ravel()
_OBJECT_BYTES = 96  # a small Python object with its place in a column, as measured


class KeyColumn(Protocol):
    """One column of the keys of a slot table."""

    def encode(self, array: pa.Array) -> Encoded:
        """A batch's column in the form that the methods below take."""
        ...

    def grow(self, capacity: int) -> None:
        """Make room for slots below `capacity`."""
        ...

    def store(self, slots: Int64s, keys: Encoded, rows: Int64s) -> None:
        """Keep the keys of these rows in these slots."""
        ...

    def equal(self, slots: Int64s, keys: Encoded, rows: Int64s) -> Bools:
        """Whether the slots hold the keys of these rows; NULL equals NULL, NaN equals NaN."""
        ...

    def take(self, slots: Int64s) -> pa.Array:
        """The keys of these slots."""
        ...

    def release(self, slots: Int64s) -> None:
        """These slots are free."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        ...


def key_column(kind: pa.DataType) -> KeyColumn:
    """The fitting column for keys of an Arrow type."""
    if is_fixed(kind):
        return FixedKey(kind)
    if pa.types.is_string(kind):
        return TextKey()
    return ObjectKey(kind)


class NumberKey:
    """Whole numbers that are never NULL, given and kept as int64."""

    def __init__(self) -> None:
        self.values = np.zeros(0, np.int64)

    def encode(self, array: pa.Array) -> Int64s:
        """Arrow int64 as numpy."""
        return array.to_numpy()

    def grow(self, capacity: int) -> None:
        """Make room."""
        self.values = enlarged(self.values, capacity)

    def store(self, slots: Int64s, keys: Encoded, rows: Int64s) -> None:
        """Keep."""
        self.values[slots] = keys[rows]

    def equal(self, slots: Int64s, keys: Encoded, rows: Int64s) -> Bools:
        """Compare."""
        return self.values[slots] == keys[rows]

    def take(self, slots: Int64s) -> pa.Array:
        """As Arrow int64."""
        return pa.array(self.values[slots])

    def release(self, slots: Int64s) -> None:
        """Nothing to give back."""

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return self.values.nbytes


class FixedKey:
    """Numbers, bools, dates and times; floats by their bits, -0 being 0 and NaN being one."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind
        self._values = np.zeros(0, numpy_type(kind))
        self._valid = np.zeros(0, np.bool_)
        self._floating = pa.types.is_floating(kind)

    def encode(self, array: pa.Array) -> Lane:
        """Values and which are there."""
        lane = fixed_lane(array)
        if not self._floating:
            return lane
        values = lane.values + lane.values.dtype.type(0)
        values[np.isnan(values)] = np.nan
        return Lane(values, lane.valid)

    def grow(self, capacity: int) -> None:
        """Make room."""
        self._values = enlarged(self._values, capacity)
        self._valid = enlarged(self._valid, capacity)

    def store(self, slots: Int64s, keys: Encoded, rows: Int64s) -> None:
        """Keep."""
        lane = cast(Lane, keys)
        self._values[slots] = lane.values[rows]
        self._valid[slots] = True if lane.valid is None else lane.valid[rows]

    def equal(self, slots: Int64s, keys: Encoded, rows: Int64s) -> Bools:
        """Compare."""
        lane = cast(Lane, keys)
        stored = self._values[slots]
        given = lane.values[rows]
        if self._floating:
            width = np.dtype(f"i{stored.dtype.itemsize}")
            same: Bools = stored.view(width) == given.view(width)
        else:
            same = stored == given
        there = self._valid[slots]
        return same & (there if lane.valid is None else there == lane.valid[rows])

    def take(self, slots: Int64s) -> pa.Array:
        """As Arrow."""
        valid = self._valid[slots]
        return fixed_array(Lane(self._values[slots], None if valid.all() else valid), self._kind)

    def release(self, slots: Int64s) -> None:
        """Nothing to give back."""

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return self._values.nbytes + self._valid.nbytes


class _Texts:
    """A batch of texts: bytes, where each begins, how long it is (-1 = NULL), and its first 16
    bytes as two numbers, zeros where it is shorter."""

    __slots__ = ("data", "first", "lengths", "second", "starts")

    def __init__(self, array: pa.Array) -> None:
        _, offsets, data = array.buffers()
        count = len(array)
        at = np.frombuffer(offsets, np.int32)[array.offset : array.offset + count + 1]
        self.starts = at[:-1].astype(np.int64)
        self.lengths = np.diff(at)
        held = b"" if data is None else memoryview(data)[: int(at[-1])]
        self.data: Bytes = np.frombuffer(bytes(held) + bytes(_HEAD_BYTES), np.uint8)
        # Eight bytes from any position on.
        words: Heads = np.ndarray(len(self.data) - 7, np.uint64, self.data, 0, (1,))
        valid = validity(array)
        if valid is not None:
            self.lengths[~valid] = 0  # whatever bytes stand there
        sizes = np.minimum(self.lengths, _HEAD_BYTES)
        self.first: Heads = words[self.starts] & _FIRST_MASKS[sizes]
        self.second: Heads = words[self.starts + 8] & _SECOND_MASKS[sizes]
        if valid is not None:
            self.lengths[~valid] = -1


def _positions(starts: Int64s, lengths: Int64s) -> Int64s:
    """Positions of all bytes of texts that begin at `starts`, one text after the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total)


class TextKey:
    """Texts: the first 16 bytes as two numbers, longer ones whole in a growing arena besides.

    The arena is compacted when less than half of it is in use.
    """

    def __init__(self) -> None:
        self._arena = np.zeros(_ARENA_BYTES_MIN, np.uint8)
        self._end = 0
        self._used = 0
        self._first: Heads = np.zeros(0, np.uint64)
        self._second: Heads = np.zeros(0, np.uint64)
        self._starts = np.zeros(0, np.int64)
        self._lengths = np.zeros(0, np.int32)

    def encode(self, array: pa.Array) -> _Texts:
        """Bytes and borders."""
        return _Texts(array)

    def grow(self, capacity: int) -> None:
        """Make room."""
        self._first = enlarged(self._first, capacity)
        self._second = enlarged(self._second, capacity)
        self._starts = enlarged(self._starts, capacity)
        self._lengths = enlarged(self._lengths, capacity)

    def store(self, slots: Int64s, keys: Encoded, rows: Int64s) -> None:
        """Keep; long texts go to the end of the arena."""
        texts = cast(_Texts, keys)
        lengths = texts.lengths[rows]
        self._lengths[slots] = lengths
        self._first[slots] = texts.first[rows]
        self._second[slots] = texts.second[rows]
        long = lengths > _HEAD_BYTES
        if not long.any():
            return
        sizes = lengths[long].astype(np.int64)
        total = int(sizes.sum())
        self._room(total)
        found = texts.data[_positions(texts.starts[rows[long]], sizes)]
        self._arena[self._end : self._end + total] = found
        self._starts[slots[long]] = self._end + np.cumsum(sizes) - sizes
        self._end += total
        self._used += total

    def equal(self, slots: Int64s, keys: Encoded, rows: Int64s) -> Bools:
        """Compare lengths and first bytes, then the bytes of long texts."""
        texts = cast(_Texts, keys)
        lengths = texts.lengths[rows]
        same: Bools = self._lengths[slots] == lengths
        same &= self._first[slots] == texts.first[rows]
        same &= self._second[slots] == texts.second[rows]
        check = np.flatnonzero(same & (lengths > _HEAD_BYTES))
        if not len(check):
            return same
        sizes = lengths[check].astype(np.int64)
        stored = self._arena[_positions(self._starts[slots[check]], sizes)]
        given = texts.data[_positions(texts.starts[rows[check]], sizes)]
        differs = np.flatnonzero(stored != given)
        if len(differs):
            ends = np.cumsum(sizes)
            same[check[np.searchsorted(ends, differs, "right")]] = False
        return same

    def take(self, slots: Int64s) -> pa.Array:
        """As Arrow texts."""
        lengths = self._lengths[slots]
        sizes = np.maximum(lengths, 0).astype(np.int64)
        offsets = np.zeros(len(slots) + 1, np.int32)
        np.cumsum(sizes, out=offsets[1:])
        heads = np.stack((self._first[slots], self._second[slots]), axis=1).view(np.uint8)
        long = lengths > _HEAD_BYTES
        if long.any():
            data = np.zeros(int(offsets[-1]), np.uint8)
            short = ~long
            kept = heads[short][sizes[short][:, None] > _HEAD_POSITIONS]
            data[_positions(offsets[:-1][short].astype(np.int64), sizes[short])] = kept
            found = self._arena[_positions(self._starts[slots[long]], sizes[long])]
            data[_positions(offsets[:-1][long].astype(np.int64), sizes[long])] = found
        else:
            data = heads[sizes[:, None] > _HEAD_POSITIONS]
        missing = lengths < 0
        mask = pa.array(~missing).buffers()[1] if missing.any() else None
        buffers = [mask, pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.string(), len(slots), buffers)

    def release(self, slots: Int64s) -> None:
        """Their bytes are garbage until the next compaction."""
        lengths = self._lengths[slots]
        self._used -= int(lengths[lengths > _HEAD_BYTES].sum())
        self._lengths[slots] = 0
        if self._end > _ARENA_BYTES_MIN and self._used * 2 < self._end:
            self._compact()

    def _room(self, more: int) -> None:
        if self._end + more <= len(self._arena):
            return
        arena = np.zeros(1 << (self._end + more - 1).bit_length(), np.uint8)
        arena[: self._end] = self._arena[: self._end]
        self._arena = arena

    def _compact(self) -> None:
        held = np.flatnonzero(self._lengths > _HEAD_BYTES)
        sizes = self._lengths[held].astype(np.int64)
        data = self._arena[_positions(self._starts[held], sizes)]
        self._starts[held] = np.cumsum(sizes) - sizes
        self._arena = np.zeros(max(_ARENA_BYTES_MIN, 2 * len(data)), np.uint8)
        self._arena[: len(data)] = data
        self._end = self._used = len(data)

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        columns = self._starts.nbytes + self._lengths.nbytes + self._first.nbytes
        return self._arena.nbytes + columns + self._second.nbytes


class ObjectKey:
    """Keys of any other type (decimals, lists, tuples, maps) as Python objects."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind
        self._values = np.zeros(0, object)

    def encode(self, array: pa.Array) -> npt.NDArray[Any]:
        """Python objects."""
        return object_lane(array).values

    def grow(self, capacity: int) -> None:
        """Make room."""
        values = np.empty(capacity, object)
        values[: len(self._values)] = self._values
        self._values = values

    def store(self, slots: Int64s, keys: Encoded, rows: Int64s) -> None:
        """Keep."""
        for slot, row in zip(slots.tolist(), rows.tolist(), strict=True):
            self._values[slot] = keys[row]

    def equal(self, slots: Int64s, keys: Encoded, rows: Int64s) -> Bools:
        """Compare one by one; texts of the values, since NaN inside a list differs from itself."""
        pairs = zip(slots.tolist(), rows.tolist(), strict=True)
        return np.fromiter(
            (
                self._values[slot] == keys[row] or repr(self._values[slot]) == repr(keys[row])
                for slot, row in pairs
            ),
            np.bool_,
            len(slots),
        )

    def take(self, slots: Int64s) -> pa.Array:
        """As Arrow."""
        return object_array(Lane(self._values[slots]), self._kind)

    def release(self, slots: Int64s) -> None:
        """Drop the objects."""
        self._values[slots] = None

    @property
    def nbytes(self) -> int:
        """Memory in use, estimated."""
        return len(self._values) * _OBJECT_BYTES
