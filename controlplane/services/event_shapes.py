"""Columns that an event has, and whether values fit the declared types of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

# An instant of ISO 8601; a date alone is a text.
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?"
)
_INTEGER: Final = re.compile(r"(u?)int(\d+)")
_WRAPPERS: Final = ("nullable(", "low_cardinality(")
INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)
UINT64_MAX: Final = 2**64 - 1


def columns_of(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and type of each key, in the order of the event."""
    return [(name, type_of(value)) for name, value in event.items()]


def type_of(value: Any) -> str:
    """The dialect's type for a JSON value; a text for null, of which nothing is known."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return "float64"
    if isinstance(value, dict):
        return "json"
    if isinstance(value, list):
        return f"array({_element(value)})"
    return "datetime64(3)" if isinstance(value, str) and _is_instant(value) else "string"


def _integer(value: int) -> str:
    if INT64_MIN <= value <= INT64_MAX:
        return "int64"
    return "uint64" if 0 <= value <= UINT64_MAX else "float64"


def _element(values: list[Any]) -> str:
    """The one type that fits all elements."""
    found = {type_of(value) for value in values if value is not None}
    if len(found) == 1:
        return found.pop()
    if found and found <= {"int64", "uint64", "float64"}:
        return "float64"
    return "string"


def _is_instant(text: str) -> bool:
    if not _INSTANT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return False
    return True


def fits(event: Mapping[str, Any], types: Mapping[str, str]) -> bool:
    """Whether each key is a column whose type takes its value."""
    return all(name in types and takes(types[name], value) for name, value in event.items())


def takes(type_: str, value: Any) -> bool:
    """Whether a column of this type takes a JSON value; null gives the column's default."""
    if value is None:
        return True
    type_ = _plain(type_)
    if isinstance(value, bool):
        return type_ == "bool"
    if isinstance(value, int):
        return _takes_integer(type_, value)
    if isinstance(value, float):
        return type_.startswith(("float", "decimal"))
    if isinstance(value, dict):
        return type_ == "json" or type_.startswith(("tuple(", "map("))
    if isinstance(value, list):
        return type_.startswith("array(") and _all_take(type_[6:-1], value)
    return _takes_text(type_, str(value))


def _plain(type_: str) -> str:
    type_ = type_.strip().lower()
    while type_.startswith(_WRAPPERS):
        type_ = type_[type_.index("(") + 1 : -1].strip()
    return type_


def _all_take(type_: str, values: Iterable[Any]) -> bool:
    return all(takes(type_, value) for value in values)


def _takes_integer(type_: str, value: int) -> bool:
    found = _INTEGER.fullmatch(type_)
    if found is None:
        return type_.startswith(("float", "decimal", "datetime"))
    bits = int(found[2])
    low, high = (0, 2**bits - 1) if found[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return low <= value <= high


def _takes_text(type_: str, text: str) -> bool:
    if type_.startswith("date"):
        try:
            datetime.fromisoformat(text.replace(",", "."))
        except ValueError:
            return False
        return True
    return type_.startswith(("string", "fixed_string", "enum", "uuid", "ipv", "json"))
