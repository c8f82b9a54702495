"""Single values of Kronicle rows and filters: checked and converted to what is stored."""

from __future__ import annotations

import datetime
import math
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.timeseries.kronicle_messages import Column

# Whole epoch seconds that stand for a time.
EPOCH_SECONDS_MIN: Final = 1_000_000_000
EPOCH_SECONDS_MAX: Final = 2_524_604_400
# Times are of the years 1 to 9999, which ISO texts of four digits and all clients can tell.
TIME_US_MIN: Final = -62_135_596_800_000_000
TIME_US_MAX: Final = 253_402_300_799_999_999
INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
_PARTIAL: Final = re.compile(r"(\d{4})(?:-(\d{2}))?", re.ASCII)
# A time of an address whose + was not encoded: it came as a blank before the zone.
_BLANK_ZONE: Final = re.compile(r"(.*:\d{2}(?:\.\d+)?) (\d{2}:?\d{2})", re.ASCII)
_SHOWN_MAX: Final = 40
_NAMES: Final = {str: "str", int: "int", float: "float", bool: "bool", dict: "dict", list: "list"}


class Unfit(Exception):
    """A value that its column does not take; the text says why."""


def parse_time(text: str) -> int:
    """Microseconds since the epoch of an ISO time, also `2025-01` and `2025`; without a zone it is
    UTC. Unfit otherwise."""
    text = text.strip()
    partial = _PARTIAL.fullmatch(text)
    try:
        if partial is not None:
            found = datetime.datetime(int(partial[1]), int(partial[2] or 1), 1)
        else:
            found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"Expected an ISO time, got '{_shown(text)}'") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=datetime.UTC)
    us = (found - _EPOCH) // _MICROSECOND
    if not TIME_US_MIN <= us <= TIME_US_MAX:
        raise Unfit(f"Expected a time from the years 1 to 9999, got '{_shown(text)}'")
    return us


def time_us(value: Any) -> int:
    """Microseconds of a JSON value: ISO text, or whole epoch seconds. Unfit otherwise."""
    if isinstance(value, str):
        return parse_time(value)
    if type(value) is int and EPOCH_SECONDS_MIN <= value <= EPOCH_SECONDS_MAX:
        return value * 1_000_000
    if type(value) is int:
        raise Unfit(
            f"Expected an ISO time or epoch seconds from {EPOCH_SECONDS_MIN} to "
            f"{EPOCH_SECONDS_MAX}, got {_shown(str(value))}"
        )
    raise Unfit(f"Expected an ISO time, got {_kind(value)}")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Unfit(f"Expected str, got {_kind(value)}")


def _int(value: Any) -> int:
    if type(value) is not int:
        raise Unfit(f"Expected int, got {_kind(value)}")
    if not INT64_MIN <= value <= INT64_MAX:
        raise Unfit(f"Expected an int of 64 bits, got {_shown(str(value))}")
    return value


def _float(value: Any) -> float:
    if type(value) not in (int, float):
        raise Unfit(f"Expected float, got {_kind(value)}")
    try:
        return float(value)
    except OverflowError:
        raise Unfit(f"Expected float, got the too large {_shown(str(value))}") from None


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Unfit(f"Expected bool, got {_kind(value)}")


def _uuid(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit(f"Expected uuid as text, got {_kind(value)}")
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise Unfit(f"Expected uuid, got '{_shown(value)}'") from None


def _json(wanted: type) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if not isinstance(value, wanted):
            raise Unfit(f"Expected {_NAMES[wanted]}, got {_kind(value)}")
        return json_text(value)

    return convert


def json_text(value: Any) -> str:
    """A value as the JSON text that is stored of it."""
    return msgspec.json.encode(value).decode()


CONVERT: Final[dict[str, Callable[[Any], Any]]] = {
    "str": _text,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "uuid": _uuid,
    "datetime": time_us,
    "dict": _json(dict),
    "list": _json(list),
}


def check_value(column: Column, value: Any) -> Any:
    """What is stored of a JSON value; None for null. Unfit when the column does not take it."""
    if value is None:
        if column.optional:
            return None
        raise Unfit(f"Column '{column.name}': a value is required, got null")
    try:
        return CONVERT[column.type](value)
    except Unfit as error:
        raise Unfit(f"Column '{column.name}': {error}") from None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    name = _NAMES.get(type(value), "a value")
    return f"{name} {_shown(json_text(value))}"


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def filter_value(kind: str, text: str) -> Any:
    """The value of a filter on a column of a type; Unfit when it cannot be one of it."""
    if kind == "bool":
        word = text.strip().lower()
        if word in ("true", "1"):
            return True
        if word in ("false", "0"):
            return False
        raise Unfit(f"Expected true or false, got '{_shown(text)}'")
    if kind in ("int", "float"):
        return _number(text)
    if kind == "datetime":
        text = _BLANK_ZONE.sub(r"\1+\2", text.strip())
        return _digits(text) if text.isdigit() else parse_time(text)
    if kind == "uuid":
        return _uuid(text.strip())
    return text


def _digits(text: str) -> int:
    """A time of digits: a year, or epoch seconds."""
    return parse_time(text) if len(text) == 4 else time_us(int(text[:20]))


def _number(text: str) -> int | float:
    try:
        found = int(text)
        if INT64_MIN <= found <= INT64_MAX:
            return found
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        raise Unfit(f"Expected a number, got '{_shown(text)}'") from None
    if not math.isfinite(number):
        raise Unfit(f"Expected a finite number, got '{_shown(text)}'")
    return number
