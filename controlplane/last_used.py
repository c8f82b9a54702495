"""The things that were used last, up to so many bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

# What an entry takes beside its own bytes, about.
ENTRY_BYTES: Final = 500
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class LastUsed(Generic[K, T]):
    """By key; those that were not asked for longest go when the bytes are too many. Who gets
    something must not change it."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[K, tuple[T, int]] = OrderedDict()

    def get(self, key: K) -> T | None:
        """What is kept under the key, if anything is."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, thing: T, size: int) -> None:
        """Keep what takes `size` bytes with its key; one beyond the bound is not kept."""
        self.drop(key)
        size += ENTRY_BYTES
        if size > self._bytes_max:
            return
        self._kept[key] = (thing, size)
        self._bytes += size
        while self._bytes > self._bytes_max:
            self.drop(next(iter(self._kept)))

    def drop(self, key: K) -> None:
        """Forget it, if it is kept."""
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= gone[1]

    def drop_where(self, goes: Callable[[K], bool]) -> None:
        """Forget what is kept under such keys."""
        for key in [key for key in self._kept if goes(key)]:
            self.drop(key)
