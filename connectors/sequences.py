"""Sets of message numbers as ranges: which ones are stored and may still come again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import chain
from operator import sub

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode


class Sequences:
    """A set of numbers from 0 on, small while they are mostly consecutive."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """`ranges`: first and last of each, ascending, with gaps between them."""
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in ranges:
            self._first.append(first)
            self._last.append(last)

    @classmethod
    def decoded(cls, data: bytes) -> Sequences:
        """What `encoded` gave; b"" is the empty set."""
        if not data:
            return cls()
        made, at = cls(), 0
        steps = iter(_decode(data))
        for gap, length in zip(steps, steps, strict=True):
            made._first.append(at + gap)
            at += gap + length
            made._last.append(at)
        return made

    def encoded(self) -> bytes:
        """Two small numbers a range: the distance to the last of the range before, and its length
        less one."""
        steps = [0] * (2 * len(self._first))  # by slices: there may be 100,000, for each batch
        steps[::2] = map(sub, self._first, chain((0,), self._last))
        steps[1::2] = map(sub, self._last, self._first)
        return _encode(steps)

    def __contains__(self, number: int) -> bool:
        """Whether a number is in the set."""
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]

    def __len__(self) -> int:
        """How many ranges it has."""
        return len(self._first)

    def add(self, number: int) -> None:
        """Put a number in."""
        if self._last and number == self._last[-1] + 1:  # nearly always
            self._last[-1] = number
            return
        if number in self:
            return
        at = bisect_left(self._first, number)
        joins_before = at > 0 and self._last[at - 1] == number - 1
        joins_after = at < len(self._first) and self._first[at] == number + 1
        if joins_before and joins_after:
            self._last[at - 1] = self._last.pop(at)
            del self._first[at]
        elif joins_before:
            self._last[at - 1] = number
        elif joins_after:
            self._first[at] = number
        else:
            self._first.insert(at, number)
            self._last.insert(at, number)

    def fill(self, up_to: int) -> None:
        """Put all numbers up to this one in."""
        over = bisect_right(self._last, up_to)
        del self._first[:over], self._last[:over]
        if self._first and self._first[0] <= up_to + 1:
            self._first[0] = 0
        else:
            self._first.insert(0, 0)
            self._last.insert(0, up_to)

    def ranges(self) -> list[tuple[int, int]]:
        """First and last of each range."""
        return list(zip(self._first, self._last, strict=True))
