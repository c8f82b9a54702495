"""Functions that DuckDB lacks, over whole columns: wide integers, IPv6 texts, zones, SipHash.

`engine.duck.Session` makes each entry of `NATIVES` callable in SQL under its name. They are pure:
no clock, no files, no randomness. NULL in gives NULL out.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from ipaddress import AddressValueError, IPv6Address

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine import codings
from engine.regression import fitted
from engine.spacesaving import frequent
from engine.zones import to_utc

Words = npt.NDArray[np.uint64]

_BITS_MAX = 256
_DIGITS_MAX = 400  # of a number that is read or of a float written out
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_EXACT = Context(prec=2 * _DIGITS_MAX)
_DECIMAL_DIGITS = 76
_DECIMAL_OPERATIONS: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _EXACT.add,
    "-": _EXACT.subtract,
    "*": _EXACT.multiply,
    "%": _EXACT.remainder,
}


@dataclass(frozen=True, slots=True)
class Native:
    """`call` takes as many Arrow columns of `takes` and gives one of `gives`, all of one length."""

    call: Callable[..., pa.Array]
    takes: tuple[pa.DataType, ...]
    gives: pa.DataType


def _quotient(a: int, b: int) -> int:
    """Towards zero; ZeroDivisionError by zero."""
    found = abs(a) // abs(b)
    return found if (a < 0) == (b < 0) else -found


def _remainder(a: int, b: int) -> int:
    """With the sign of the first."""
    return a - b * _quotient(a, b)


def _shifted_left(a: int, b: int) -> int:
    return a << b if 0 <= b < _BITS_MAX else 0


def _shifted_right(a: int, b: int) -> int:
    return a >> b if 0 <= b < _BITS_MAX else 0


_OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "div": _quotient,
    "%": _remainder,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "left": _shifted_left,
    "right": _shifted_right,
    "gcd": math.gcd,
    "lcm": math.lcm,
}


def folded(value: int, kind: str) -> int:
    """A whole number in the width of an integer type, as the dialect's integers wrap."""
    bits = int(kind.lstrip("uint"))
    low = value & ((1 << bits) - 1)
    return low - (1 << bits) if kind[0] == "i" and low >> (bits - 1) else low


def _calculated(symbol: str, kind: str, a: str, b: str) -> str | None:
    """NULL where it divides by zero."""
    try:
        return str(folded(_OPERATIONS[symbol](int(a), int(b)), kind))
    except ZeroDivisionError:
        return None


def _read(text: str, kind: str) -> str | None:
    """The only spelling of a whole number; NULL where a text is none or does not fit."""
    text = text.strip()
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        return None
    value = int(text)
    return str(value) if folded(value, kind) == value else None


def _folded(text: str, kind: str) -> str:
    """A number cut towards zero and folded; 0 for inf and nan."""
    value = Decimal(text)
    fits = value.is_finite() and value.adjusted() <= _DIGITS_MAX
    return str(folded(int(value) if fits else 0, kind))


def _decimal_calculated(symbol: str, scale: str, a: str, b: str) -> str | None:
    """`a symbol b` of decimals with so many digits behind the point, more are cut off; NULL for a
    result of more than 76 digits, and of a remainder by zero."""
    if symbol == "%" and not Decimal(b):
        return None
    found = _DECIMAL_OPERATIONS[symbol](Decimal(a), Decimal(b))
    if found and found.adjusted() >= _DECIMAL_DIGITS - int(scale):
        return None
    return format(found.quantize(Decimal(1).scaleb(-int(scale)), ROUND_DOWN, _EXACT), "f")


def _decimal(text: str, precision: str, scale: str) -> str | None:
    """A decimal with exactly so many digits behind the point, more are cut off; NULL where a text
    is none or has too many digits before it."""
    text = text.strip()
    if not _NUMBER.fullmatch(text) or len(text) > _DIGITS_MAX:
        return None
    value = Decimal(text)
    if value and value.adjusted() >= int(precision) - int(scale):
        return None
    return format(value.quantize(Decimal(1).scaleb(-int(scale)), ROUND_DOWN, _EXACT), "f")


def ipv6_text(text: str) -> str:
    """The stored spelling: shortest and lower case; mapped IPv4 addresses as ::ffff:1.2.3.4.

    Raises ValueError for what is no address.
    """
    address = IPv6Address(text if ":" in text else f"::ffff:{text}")
    if address.scope_id is not None:
        raise AddressValueError(text)
    mapped = address.ipv4_mapped
    return str(address) if mapped is None else f"::ffff:{mapped}"


def _ipv6(text: str) -> str | None:
    """An address as it is stored, NULL where a text is none."""
    try:
        return ipv6_text(text.strip())
    except ValueError:
        return None


# -- SipHash-2-4, key 0 ----------------------------------------------------------------------------

_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def _turned(words: Words, bits: int) -> Words:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))


def _round(v: list[Words]) -> None:
    v[0] = v[0] + v[1]
    v[1] = _turned(v[1], 13) ^ v[0]
    v[0] = _turned(v[0], 32)
    v[2] = v[2] + v[3]
    v[3] = _turned(v[3], 16) ^ v[2]
    v[0] = v[0] + v[3]
    v[3] = _turned(v[3], 21) ^ v[0]
    v[2] = v[2] + v[1]
    v[1] = _turned(v[1], 17) ^ v[2]
    v[2] = _turned(v[2], 32)


def _sip_state(rows: list[bytes]) -> list[Words]:
    """The four words after all texts and the final rounds."""
    lengths = np.array([len(row) for row in rows], np.int64)
    words = lengths // 8 + 1  # the last one holds what is left and the length
    v = [np.full(len(rows), start, np.uint64) for start in _START]
    # Rows of the same number of words run together; the longest come to their end last.
    for count in np.unique(words):
        at = np.flatnonzero(words == count)
        padded = b"".join(_padded(rows[row], int(count)) for row in at)
        columns = np.frombuffer(padded, "<u8").reshape(len(at), int(count))
        state = [each[at] for each in v]
        for column in range(int(count)):
            word = columns[:, column]
            state[3] = state[3] ^ word
            _round(state)
            _round(state)
            state[0] = state[0] ^ word
        state[2] = state[2] ^ np.uint64(0xFF)
        for _ in range(4):
            _round(state)
        for each, part in zip(v, state, strict=True):
            each[at] = part
    return v


def _padded(row: bytes, words: int) -> bytes:
    return row.ljust(words * 8 - 1, b"\0") + bytes((len(row) & 0xFF,))


def _bytes(texts: pa.Array) -> list[bytes]:
    return [(text or "").encode() for text in texts.to_pylist()]


def sip_hash64(texts: pa.Array) -> pa.Array:
    """SipHash-2-4 of the bytes with a key of zeros."""
    v = _sip_state(_bytes(texts))
    return pa.array(v[0] ^ v[1] ^ v[2] ^ v[3], pa.uint64(), mask=_nulls(texts))


def sip_hash128(texts: pa.Array) -> pa.Array:
    """The 128-bit form that keeps both halves of the same state, in hexadecimal, low byte first."""
    v = _sip_state(_bytes(texts))
    both = np.stack((v[0] ^ v[1], v[2] ^ v[3]), axis=1).astype("<u8").tobytes()
    found = [both[at : at + 16].hex() for at in range(0, len(both), 16)]
    return pa.array(found, pa.string(), mask=_nulls(texts))


def _nulls(texts: pa.Array) -> npt.NDArray[np.bool_]:
    return texts.is_null().to_numpy()


def _texts(call: Callable[..., str | None], arguments: int) -> Native:
    """A function of texts, called value by value: their numbers have no fixed width."""

    def over(*columns: pa.Array) -> pa.Array:
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return pa.array([None if None in row else call(*row) for row in rows], _TEXT)

    # DuckDB counts the parameters that a function names.
    named: dict[int, Callable[..., pa.Array]] = {
        1: lambda a: over(a),
        2: lambda a, b: over(a, b),
        3: lambda a, b, c: over(a, b, c),
        4: lambda a, b, c, d: over(a, b, c, d),
    }
    return Native(named[arguments], (_TEXT,) * arguments, _TEXT)


def _to_utc(walls: pa.Array, zones: pa.Array) -> pa.Array:
    """Instants of wall-clock times, all of one zone; see `engine.zones.to_utc`."""
    return to_utc(walls, zones[0].as_py()) if len(walls) else walls


_TEXT = pa.string()
_TIME = pa.timestamp("us")
NATIVES: Mapping[str, Native] = {
    "__wide": _texts(_calculated, 4),
    "__wide_read": _texts(_read, 2),
    "__wide_folded": _texts(_folded, 2),
    "__decimal": _texts(_decimal, 3),
    "__decimal_calculated": _texts(_decimal_calculated, 4),
    "__ipv6": _texts(_ipv6, 1),
    "__base58_encode": _texts(codings.base58_encode, 1),
    "__base58_decode": _texts(codings.base58_decode, 1),
    "__crc32": _texts(codings.crc32, 1),
    "__md4": _texts(codings.md4, 1),
    "__jump_hash": _texts(codings.jump_hash, 2),
    "__ipv6_range": _texts(codings.ipv6_range, 2),
    "__in_network": _texts(codings.in_network, 2),
    "__to_utc": Native(_to_utc, (_TIME, _TEXT), _TIME),
    "__sip_hash64": Native(sip_hash64, (_TEXT,), pa.uint64()),
    "__sip_hash128": Native(sip_hash128, (_TEXT,), _TEXT),
    "__frequent": Native(
        frequent, (pa.list_(pa.uint64()), pa.int64(), pa.int64()), pa.list_(pa.int64())
    ),
    "__fit": Native(fitted, (pa.list_(pa.float64()),), pa.list_(pa.float64())),
}
