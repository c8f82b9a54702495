"""Rows as JSON: read by the types of their columns, decimals exactly; written without loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, Final, cast

import msgspec

from controlplane.clientlib.answers import Column
from controlplane.clientlib.column_types import ColumnType, parse

WIDE: Final = frozenset({"int128", "int256", "uint128", "uint256"})
TEXTS: Final = frozenset(
    {"string", "fixed_string", "json", "uuid", "ipv4", "ipv6", "enum8", "enum16"}
)
TIMES: Final = frozenset({"date", "date32", "datetime", "datetime64"})
FLOATS: Final = frozenset({"float32", "float64"})

Row = tuple[Any, ...]

_encode: Final = msgspec.json.Encoder().encode


def is_integer(family: str) -> bool:
    """Integers of up to 64 bits, and intervals, which are numbers of their unit."""
    narrow = family.startswith(("int", "uint")) and family not in WIDE
    return narrow or family.startswith("interval_")


def json_type(t: ColumnType) -> Any:
    """The Python type that a value of this type is read as; None is a value of each."""
    family = t.family
    if family in WIDE or family in TEXTS or family in TIMES:
        return str | None
    if family in FLOATS:
        return float | str | None  # inf, -inf and nan are texts
    if family == "bool":
        return bool | None
    if family == "decimal":
        return Decimal | None
    if family == "array":
        return list[json_type(t.args[0])] | None
    if family == "map":
        return dict[str, json_type(t.args[1])] | None
    if family == "tuple" and t.args:
        return tuple[tuple(json_type(part) for part in t.args)] | None
    if family == "tuple":
        return list[Any] | None
    return int | None if is_integer(family) else Any


def encoded(value: Any) -> bytes:
    """JSON of rows to be stored: infinity and NaN as texts, which JSON has no numbers for."""
    body = _encode(value)
    # The encoder makes null of them, so without null there is none: few bodies are looked through.
    return _encode(_with_texts(value)) if b"null" in body else body


def _with_texts(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {key: _with_texts(one) for key, one in items}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_with_texts(one) for one in cast("Sequence[Any]", value)]
    return value


def row_decoder(header: Sequence[Column]) -> Callable[[bytes], list[Row]]:
    """Reads arrays of rows with these columns; msgspec.MsgspecError when a row does not fit."""
    if not header:
        return msgspec.json.Decoder(list[Row]).decode
    types = tuple(json_type(parse(column.type)) for column in header)
    return msgspec.json.Decoder(list[tuple[types]]).decode
