"""The common type of two types, as the dialect finds it for arrays, conditions and unions."""

from __future__ import annotations

from engine.errors import Code, SqlError
from engine.types import (
    DATE32,
    DATETIME,
    FLOAT32,
    FLOAT64,
    INT8,
    STRING,
    UINT8,
    DataType,
    array,
    datetime64,
    decimal,
    map_of,
    not_nullable,
    nullable,
    tuple_of,
)

_DECIMAL_DIGITS_MAX = 76
_WIDTHS = (8, 16, 32, 64, 128, 256)
# Digits that an integer of this width needs as a decimal.
_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20, 128: 39, 256: 76}


def supertype(a: DataType, b: DataType) -> DataType:
    """The smallest type that holds the values of both; nullable if one of them is.

    Raises SqlError 386 when there is none, naming both.
    """
    if a == b:
        return a
    if a.inner.name == "nothing" or b.inner.name == "nothing":
        other = b if a.inner.name == "nothing" else a
        return nullable(other)
    found = _common(a.inner, b.inner)
    if found is None:
        message = f"there is no common type of {a} and {b}; cast one of them"
        raise SqlError(message, Code.NO_COMMON_TYPE)
    both_low = a.name == b.name == "low_cardinality" and not found.is_nested
    result = nullable(found) if a.is_nullable or b.is_nullable else found
    return DataType("low_cardinality", (result,)) if both_low else result


def _common(a: DataType, b: DataType) -> DataType | None:
    if a == b:
        return a
    for rule in (_texts, _numbers, _times, _nested):
        found = rule(a, b)
        if found is not None:
            return found
    return None


def _texts(a: DataType, b: DataType) -> DataType | None:
    """Texts; an enum or JSON beside a text is a text."""
    like_text = ("string", "fixed_string", "enum8", "enum16", "json")
    both = a.name in like_text and b.name in like_text
    return STRING if both and (a.is_string or b.is_string or (a.is_enum and b.is_enum)) else None


def _numbers(a: DataType, b: DataType) -> DataType | None:
    # A bool beside a number is the number 0 or 1.
    a, b = (UINT8 if t.name == "bool" else t for t in (a, b))
    if not (a.is_numeric and b.is_numeric):
        return None
    if a.is_float or b.is_float:
        return _with_float(a, b)
    if a.is_decimal or b.is_decimal:
        return _with_decimal(a, b)
    return _integers(a, b)


def _with_float(a: DataType, b: DataType) -> DataType:
    """float32 only where it holds every value of the other."""

    def fits_single(t: DataType) -> bool:
        return t.name == "float32" or (t.is_integer and t.bits <= 16)

    return FLOAT32 if fits_single(a) and fits_single(b) else FLOAT64


def _with_decimal(a: DataType, b: DataType) -> DataType:
    def shape(t: DataType) -> tuple[int, int]:
        if t.is_decimal:
            return t.precision - t.scale, t.scale
        return _DIGITS[t.bits], 0

    (whole_a, scale_a), (whole_b, scale_b) = shape(a), shape(b)
    scale = max(scale_a, scale_b)
    return decimal(min(max(whole_a, whole_b) + scale, _DECIMAL_DIGITS_MAX), scale)


def _integers(a: DataType, b: DataType) -> DataType | None:
    """The wider of equal signs; beside a signed type an unsigned one needs a bit more.

    uint64 beside a signed type has no common type in 64 bits: then None, as in the dialect.
    """
    if a.is_signed == b.is_signed:
        return a if a.bits >= b.bits else b
    signed, unsigned = (a, b) if a.is_signed else (b, a)
    if signed.bits > unsigned.bits:
        return signed
    at = _WIDTHS.index(unsigned.bits) + 1
    if unsigned.bits == 64 or at == len(_WIDTHS):
        return None
    return DataType(f"int{_WIDTHS[at]}")


def _times(a: DataType, b: DataType) -> DataType | None:
    if not (a.is_temporal and b.is_temporal):
        return None
    if a.is_date and b.is_date:
        return DATE32
    zone = a.zone or b.zone
    if "datetime64" in (a.name, b.name):
        return datetime64(max(a.scale, b.scale), zone)
    return DataType("datetime", (), (zone,)) if zone else DATETIME


def _nested(a: DataType, b: DataType) -> DataType | None:
    if a.name != b.name or len(a.args) != len(b.args) or not a.args:
        return None
    args = tuple(_part(x, y, a.name) for x, y in zip(a.args, b.args, strict=True))
    if a.name == "array":
        return array(args[0])
    if a.name == "map":
        return map_of(not_nullable(args[0]), args[1])
    return tuple_of(args, a.fields if a.fields == b.fields else ())


def _part(a: DataType, b: DataType, holder: str) -> DataType:
    """The elements of [] and {} are of no type: there are none, so they add no NULL."""
    if holder != "tuple" and "nothing" in (a.name, b.name):
        return b if a.name == "nothing" else a
    return supertype(a, b)


def integer_type(value: int) -> DataType | None:
    """The type of an integer literal: the smallest that holds it, unsigned unless negative."""
    family, start = ("int", INT8) if value < 0 else ("uint", UINT8)
    for width in _WIDTHS:
        top = width - 1 if start is INT8 else width
        if -(1 << top) <= value < (1 << top):
            return DataType(f"{family}{width}")
    return None
