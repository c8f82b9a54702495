"""Sets of message numbers as ranges: which ones are stored and may still come again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate, chain
from operator import attrgetter, sub
from typing import Final

import msgspec

# Ranges that are kept, and encoded, together: there may be 100,000 in all, of which a batch changes
# a few; to encode so many takes a tenth of a millisecond.
PIECE_RANGES_MAX: Final = 512

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode
# MessagePack's head of a list with its length in four bytes.
_LIST: Final = b"\xdd"


class _Piece:
    """Some ranges that follow each other, at least one."""

    __slots__ = ("_rest", "first", "last")

    def __init__(self, first: list[int], last: list[int]) -> None:
        self.first = first
        self.last = last
        self._rest = b""  # of `encoded`, since the piece last changed

    def changed(self) -> None:
        """Its ranges are others than before."""
        self._rest = b""

    @property
    def begin(self) -> int:
        """Its lowest number."""
        return self.first[0]

    @property
    def end(self) -> int:
        """Its highest number."""
        return self.last[-1]

    def encoded(self, behind: int) -> bytes:
        """Its numbers without the head of a list. `behind`: the last number before it."""
        if not self._rest:
            steps = [0] * (2 * len(self.first))
            steps[::2] = map(sub, self.first, chain((0,), self.last))
            steps[1::2] = map(sub, self.last, self.first)
            self._rest = _listed(steps[1:])
        return _encode(self.first[0] - behind) + self._rest


class Sequences:
    """A set of numbers from 0 on, small while they are mostly consecutive."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """`ranges`: first and last of each, ascending, with gaps between them."""
        given = list(ranges)
        self._pieces = _pieces([first for first, _ in given], [last for _, last in given])

    @classmethod
    def decoded(cls, data: bytes) -> Sequences:
        """What `encoded` gave; b"" is the empty set. Of 100,000 ranges it takes 20 ms."""
        made = cls()
        if data:
            steps = list(accumulate(_decode(data)))
            made._pieces = _pieces(steps[::2], steps[1::2])
            made.encoded()
        return made

    def encoded(self) -> bytes:
        """Two small numbers a range: the distance to the last of the range before, and its length
        less one. Costs what was changed."""
        parts = [_LIST + (2 * len(self)).to_bytes(4, "big")]
        behind = 0
        for piece in self._pieces:
            parts.append(piece.encoded(behind))
            behind = piece.end
        return b"".join(parts)

    def __contains__(self, number: int) -> bool:
        """Whether a number is in the set."""
        piece = self._piece(number)
        if piece is None or number > piece.end:
            return False
        at = bisect_right(piece.first, number) - 1
        return at >= 0 and number <= piece.last[at]

    def __len__(self) -> int:
        """How many ranges it has."""
        return sum(len(piece.first) for piece in self._pieces)

    def add(self, number: int) -> None:
        """Put a number in."""
        pieces = self._pieces
        if pieces and number == pieces[-1].end + 1:  # nearly always
            pieces[-1].last[-1] = number
            pieces[-1].changed()
            return
        if number in self:
            return
        piece = self._piece(number)
        if piece is None:
            pieces.append(_Piece([number], [number]))
            return
        at = len(piece.first) if number > piece.end else bisect_left(piece.first, number)
        if at > 0 and piece.last[at - 1] == number - 1:
            piece.last[at - 1] = number
            self._join(piece, at - 1)
        elif at < len(piece.first) and piece.first[at] == number + 1:
            piece.first[at] = number
        else:
            piece.first.insert(at, number)
            piece.last.insert(at, number)
            self._join(piece, at)
        piece.changed()
        if len(piece.first) > PIECE_RANGES_MAX:
            where = pieces.index(piece)
            pieces[where : where + 1] = _pieces(piece.first, piece.last)

    def fill(self, up_to: int) -> None:
        """Put all numbers up to this one in."""
        over = bisect_right(self._pieces, up_to, key=attrgetter("end"))
        del self._pieces[:over]
        if not self._pieces:
            self._pieces.append(_Piece([0], [up_to]))
            return
        piece = self._pieces[0]
        over = bisect_right(piece.last, up_to)
        del piece.first[:over], piece.last[:over]
        if piece.first[0] <= up_to + 1:
            piece.first[0] = 0
        else:
            piece.first.insert(0, 0)
            piece.last.insert(0, up_to)
        piece.changed()

    def ranges(self) -> list[tuple[int, int]]:
        """First and last of each range."""
        return [
            each for piece in self._pieces for each in zip(piece.first, piece.last, strict=True)
        ]

    def _piece(self, number: int) -> _Piece | None:
        """The piece that a number is in or would come to; None of an empty set."""
        if not self._pieces:
            return None
        if number >= self._pieces[-1].begin:
            return self._pieces[-1]
        at = bisect_right(self._pieces, number, key=attrgetter("begin")) - 1
        return self._pieces[max(at, 0)]

    def _join(self, piece: _Piece, at: int) -> None:
        """Make one of a range and the next, which may be in the next piece, if they touch."""
        if at + 1 < len(piece.first):
            if piece.first[at + 1] == piece.last[at] + 1:
                piece.last[at] = piece.last.pop(at + 1)
                del piece.first[at + 1]
            return
        if piece is self._pieces[-1]:
            return
        where = self._pieces.index(piece) + 1
        if self._pieces[where].begin == piece.last[at] + 1:
            after = self._pieces[where]
            piece.last[at] = after.last.pop(0)
            del after.first[0]
            after.changed()
            if not after.first:
                del self._pieces[where]


def _pieces(first: list[int], last: list[int]) -> list[_Piece]:
    """Ranges in pieces, with room for more in each."""
    size = PIECE_RANGES_MAX // 2
    return [
        _Piece(first[at : at + size], last[at : at + size]) for at in range(0, len(first), size)
    ]


def _listed(numbers: list[int]) -> bytes:
    """The numbers as MessagePack, without the head of their list."""
    count = len(numbers)
    return _encode(numbers)[1 if count < 16 else 3 if count < 1 << 16 else 5 :]
