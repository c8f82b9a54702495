"""Answers that are kept as long as who gave them says that they are still right."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

# What an entry takes beside its own bytes, about.
ENTRY_BYTES: Final = 500
T = TypeVar("T")


class KeptAnswers(Generic[T]):
    """By what was asked; those that were not asked for longest go when the bytes are too many."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._answers: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        """The answer that is kept, if one is."""
        found = self._answers.get(key)
        if found is None:
            return None
        self._answers.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, answer: T, size: int) -> None:
        """Keep an answer that takes `size` bytes with its key; one beyond the bound is not kept."""
        self._forget(key)
        size += ENTRY_BYTES
        if size > self._bytes_max:
            return
        self._answers[key] = (answer, size)
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._forget(next(iter(self._answers)))

    def _forget(self, key: Hashable) -> None:
        gone = self._answers.pop(key, None)
        if gone is not None:
            self._bytes -= gone[1]
