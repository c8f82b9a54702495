"""xxHash of texts, 32 and 64 bits with seed 0, as the published algorithm defines it.

A text is cut into stripes of four words, each word mixed into a lane of its own; what is left is
mixed in word by word and byte by byte. Products need twice the bits of the hash, so 64 bits are
computed in UHUGEINT and 32 bits in UBIGINT.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.functions.build import doc, fn, let, no_longer
from engine.functions.table import Scalar
from engine.types import UINT32, UINT64, DataType

_LANES = 4
_BYTES_MAX = 1 << 20  # of a text: about a second
_MERGE_TURNS = (1, 7, 12, 18)


@dataclass(frozen=True, slots=True)
class _Variant:
    """A width of xxHash; its primes are counted from 1."""

    bits: int
    wide: str  # DuckDB type that holds a product
    primes: tuple[int, int, int, int, int]
    lane_turn: int
    shifts: tuple[int, int, int]  # of the avalanche at the end

    @property
    def digits(self) -> int:
        """Hexadecimal digits of a word."""
        return self.bits // 4

    @property
    def mask(self) -> int:
        """All bits of a hash."""
        return (1 << self.bits) - 1

    def number(self, value: int) -> str:
        """SQL of a constant modulo 2^bits."""
        return f"{value % (1 << self.bits)}::{self.wide}"

    def prime(self, at: int) -> str:
        """SQL of a prime."""
        return self.number(self.primes[at - 1])

    def cut(self, sql: str) -> str:
        """SQL of a number modulo 2^bits."""
        return f"(({sql}) & {self.number(-1)})"

    def turned(self, sql: str, turn: int | str) -> str:
        """SQL of a rotation to the left; `sql` is written twice."""
        left = turn if isinstance(turn, str) else self.number(turn)
        return self.cut(f"({sql} << {left}) | ({sql} >> ({self.number(self.bits)} - {left}))")

    def scrambled(self, word: str) -> str:
        """SQL of a 64-bit word, or of a lane, as it is mixed in."""
        turned = self.turned(self.cut(f"{word} * {self.prime(2)}"), self.lane_turn)
        return self.cut(f"{turned} * {self.prime(1)}")


_XX32 = _Variant(
    32,
    "UBIGINT",
    (2654435761, 2246822519, 3266489917, 668265263, 374761393),
    13,
    (15, 13, 16),
)
_XX64 = _Variant(
    64,
    "UHUGEINT",
    (
        11400714785074694791,
        14029467366897019727,
        1609587929392839161,
        9650029242287828579,
        2870177450012600261,
    ),
    31,
    (33, 29, 32),
)


def _numbers(v: _Variant, digits: str, size: int) -> str:
    """SQL of the little-endian numbers of pieces of `size` hexadecimal digits, the last one of what
    is left. In `digits` the two digits of each byte are swapped, so that a piece is turned round as
    a text."""
    one = f"CAST(CAST('0x' || reverse(__w) AS UBIGINT) AS {v.wide})"
    return f"list_transform(regexp_extract_all({digits}, '.{{1,{size}}}'), lambda __w: {one})"


def _lane(v: _Variant, at: int) -> str:
    """SQL of a lane (from 0) over the words `__m.w` of whole stripes."""
    start = (v.primes[0] + v.primes[1], v.primes[1], 0, -v.primes[0])[at]
    places = f"range({at + 1}, __m.stripes * {_LANES} + 1, {_LANES})"
    words = f"list_transform({places}, lambda __i: __m.w[__i])"
    total = v.cut(f"__a + __x * {v.prime(2)}")
    step = v.cut(f"{v.turned(total, v.lane_turn)} * {v.prime(1)}")
    return f"list_reduce({words}, lambda __a, __x: {step}, {v.number(start)})"


def _piece(v: _Variant, mixed: str, turn: int, factor: int, term: str) -> str:
    """SQL of an element that `_folded` takes: hash = rotl(hash <+> mixed) * factor + term."""
    return f"[{mixed}, {turn}::{v.wide}, {v.prime(factor)}, {term}]"


def _folded(v: _Variant, pieces: str, start: str) -> str:
    """SQL of a hash after pieces were mixed in: 64 bits by exclusive or, 32 bits by addition."""
    mixed = "xor(__h[1], __o[1])" if v.bits == 64 else v.cut("__h[1] + __o[1]")
    step = v.cut(f"{v.turned(mixed, '__o[2]')} * __o[3] + __o[4]")
    return f"list_reduce({pieces}, lambda __h, __o: [{step}], [{start}])[1]"


def _merged(v: _Variant) -> str:
    """SQL of the four lanes as one number."""
    lanes = ", ".join(_lane(v, at) for at in range(_LANES))
    turned = (v.turned(f"__l[{at}]", turn) for at, turn in enumerate(_MERGE_TURNS, 1))
    total = v.cut(" + ".join(turned))
    if v.bits == 64:
        piece = _piece(v, v.scrambled("__x"), 0, 1, v.prime(4))
        total = _folded(v, f"list_transform(__l, lambda __x: {piece})", total)
    return let("__l", f"[{lanes}]", total)


def _bytes(v: _Variant, word: str, count: str) -> str:
    """SQL of the pieces of the lowest bytes of a number."""
    byte = f"(({word} >> CAST(8 * __i AS {v.wide})) & {v.number(255)})"
    piece = _piece(v, v.cut(f"{byte} * {v.prime(5)}"), 11, 1, v.number(0))
    return f"list_transform(range({count}), lambda __i: {piece})"


def _rest32(v: _Variant) -> tuple[str, ...]:
    """SQL of the lists of pieces after the stripes: words, then bytes."""
    places = f"range(__m.stripes * {_LANES} + 1, __m.n // 4 + 1)"
    piece = _piece(v, v.cut(f"__m.w[__i] * {v.prime(3)}"), 17, 4, v.number(0))
    return f"list_transform({places}, lambda __i: {piece})", _bytes(v, "__m.w[-1]", "__m.n % 4")


def _rest64(v: _Variant) -> tuple[str, ...]:
    """SQL of the lists of pieces after the stripes: words, then half a word, then bytes."""
    places = f"range(__m.stripes * {_LANES} + 1, __m.n // 8 + 1)"
    piece = _piece(v, v.scrambled("__m.w[__i]"), 27, 1, v.prime(4))
    low = f"(__m.w[-1] & {_XX32.mask}::{v.wide})"
    half = _piece(v, v.cut(f"{low} * {v.prime(1)}"), 23, 2, v.prime(3))
    left = f"CASE WHEN __m.n % 8 >= 4 THEN __m.w[-1] >> {v.number(32)} ELSE __m.w[-1] END"
    return (
        f"list_transform({places}, lambda __i: {piece})",
        f"CASE WHEN __m.n % 8 >= 4 THEN [{half}] ELSE [] END",
        _bytes(v, f"({left})", "__m.n % 4"),
    )


def _hash(v: _Variant, text: str) -> str:
    text = no_longer(text, _BYTES_MAX, f"xxHash takes texts of up to {_BYTES_MAX} bytes")
    swapped = f"regexp_replace(hex(encode(CAST({text} AS VARCHAR))), '(.)(.)', '\\2\\1', 'g')"
    size = f"strlen(CAST({text} AS VARCHAR))"
    words = _numbers(v, swapped, v.digits)
    made = f"struct_pack(w := {words}, n := {size}, stripes := {size} // {_LANES * v.bits // 8})"
    start = f"CASE WHEN __m.stripes > 0 THEN {_merged(v)} ELSE {v.prime(5)} END"
    start = v.cut(f"{start} + CAST(__m.n AS {v.wide})")
    for pieces in _rest64(v) if v.bits == 64 else _rest32(v):
        start = _folded(v, pieces, start)
    one = v.number(1)
    ends = zip(v.shifts, (v.prime(2), v.prime(3), one), strict=True)
    pieces = ", ".join(f"[{shift}::{v.wide}, {factor}]" for shift, factor in ends)
    step = v.cut("xor(__h[1], __h[1] >> __o[1]) * __o[2]")
    found = let("__m", made, f"list_reduce([{pieces}], lambda __h, __o: [{step}], [{start}])[1]")
    return found


def _entry(name: str, v: _Variant, t: DataType, example: str) -> Scalar:
    about = doc(
        f"xxHash of {v.bits} bits of a text of up to 1 MiB; seed 0.", (f"{name}('a')", example)
    )
    return fn(name, "text", lambda a: _hash(v, a[0].sql), t, about)


SCALARS: tuple[Scalar, ...] = (
    _entry("xx_hash32", _XX32, UINT32, "1426945110"),
    _entry("xx_hash64", _XX64, UINT64, "15154266338359012955"),
)
