"""Filtered Space-Saving: the most frequent values with a bounded number of counters.

The sketch of `top_k(x, k, counts, load factor)`: k times the load factor counters. A value without
one takes over the smallest, with the count that its hash has been seen with since; so counts may be
too high, which is what readers of that form expect. With enough counters it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_POLYNOMIAL = 0x82F63B78  # CRC-32C
_CELLS_PER_COUNTER = 6
_HASHES_CACHED = 1 << 16


def _table() -> tuple[int, ...]:
    found: list[int] = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ _POLYNOMIAL if crc & 1 else crc >> 1
        found.append(crc)
    return tuple(found)


_BYTES = _table()


@lru_cache(_HASHES_CACHED)
def _crc(key: int) -> int:
    crc = 0xFFFFFFFF
    for shift in range(0, 64, 8):
        crc = _BYTES[(crc ^ (key >> shift)) & 255] ^ (crc >> 8)
    return crc


@dataclass(slots=True)
class _Counter:
    key: int
    first: int  # where the value stands in the list
    count: int
    error: int = 0


class _Sketch:
    """Counters, the largest count first; of equal counts the one with the smaller error."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._mask = (1 << (capacity * _CELLS_PER_COUNTER - 1).bit_length()) - 1
        self._filter: dict[int, int] = {}  # counts of what has no counter, by hash
        self.counters: list[_Counter] = []
        self._held: dict[int, _Counter] = {}

    def add(self, key: int, place: int) -> None:
        """The next value."""
        counter = self._held.get(key)
        if counter is not None:
            counter.count += 1
            self._rise(self.counters.index(counter))
            return
        error = 0
        if len(self.counters) >= self._capacity:
            least = self.counters[-1]
            cell = _crc(key) & self._mask
            error = self._filter.get(cell, 0)
            if error + 1 < least.count:
                self._filter[cell] = error + 1
                return
            self._filter[_crc(least.key) & self._mask] = least.count
            del self._held[self.counters.pop().key]
        counter = _Counter(key, place, error + 1, error)
        self._held[key] = counter
        self.counters.append(counter)
        self._rise(len(self.counters) - 1)

    def _rise(self, at: int) -> None:
        counters = self.counters
        while at > 0:
            one, ahead = counters[at], counters[at - 1]
            if (one.count, -one.error) <= (ahead.count, -ahead.error):
                return
            counters[at], counters[at - 1] = ahead, one
            at -= 1


def _exact(keys: npt.NDArray[np.uint64], k: int) -> list[int]:
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))[:k]
    return np.stack((first[order], counts[order]), axis=1).ravel().tolist()


def _frequent(keys: npt.NDArray[np.uint64], k: int, capacity: int) -> list[int]:
    if len(np.unique(keys)) <= capacity:
        return _exact(keys, k)
    sketch = _Sketch(capacity)
    for place, key in enumerate(keys.tolist()):
        sketch.add(key, place)
    return [n for counter in sketch.counters[:k] for n in (counter.first, counter.count)]


def frequent(keys: pa.Array, k: pa.Array, capacity: pa.Array) -> pa.Array:
    """Of each list of keys the k most frequent: place of the first one (from 0), count, and so on.

    NULL for no list. Time grows with the length of the list times the number of counters at most.
    """
    found: list[list[int] | None] = []
    for row, (most, counters) in enumerate(zip(k.to_pylist(), capacity.to_pylist(), strict=True)):
        values = keys[row].values
        if values is None:
            found.append(None)
            continue
        found.append(_frequent(values.to_numpy(zero_copy_only=False), most, counters))
    return pa.array(found, pa.list_(pa.int64()))
