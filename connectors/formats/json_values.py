"""Values of rows, as JSON has them, as the values that Avro and Protobuf want."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from connectors.formats.column_types import ColumnType

# Of a time: up to the seconds; behind them a fraction and an offset may stand.
_SECONDS: Final = len("2026-10-25 02:30:00")
_OFFSET: Final = re.compile(r"[+-].*")
_TIMES: Final = frozenset(("datetime", "datetime64"))
_FLOATS: Final = frozenset(("nan", "inf", "-inf"))
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def row(values: Sequence[msgspec.Raw], count: int) -> list[Any]:
    """The first values of a row; numbers with a fraction are exact."""
    return [_decoder.decode(value) for value in values[:count]]


def zone_of(column: ColumnType | None) -> Any:
    """The time zone in which the texts of a time column are."""
    if column is None or not column.texts:
        return UTC
    try:
        return ZoneInfo(column.texts[0])
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def instant(value: Any, zone: Any) -> datetime:
    """A time; a text without an offset is in the zone, a number is seconds."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return datetime.fromtimestamp(float(value), UTC)
    found = datetime.fromisoformat(_text(value))
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _local(value: Any, t: ColumnType) -> Any:
    """A value with its times as the zone's clock shows them, without an offset; keys of maps keep
    theirs, since two would become one."""
    if isinstance(value, str) and t.name in _TIMES and t.texts:
        return value[:_SECONDS] + _OFFSET.sub("", value[_SECONDS:])
    if isinstance(value, dict):
        inner = t.inner[-1:] * len(value) if t.name == "map" else t.inner
        pairs = zip(value.items(), inner, strict=False)
        return {key: _local(each, type_) for (key, each), type_ in pairs} if inner else value
    if isinstance(value, list):
        inner = t.inner * len(value) if t.name == "array" else t.inner
        return [_local(*pair) for pair in zip(value, inner, strict=True)] if inner else value
    return value


def _has_times(t: ColumnType) -> bool:
    return (t.name in _TIMES and bool(t.texts)) or any(map(_has_times, t.inner))


def day(value: Any) -> date:
    """A date."""
    return date.fromisoformat(_text(value)[:10])


def hour(value: Any) -> time:
    """A time of a day."""
    return time.fromisoformat(_text(value))


def number(value: Any) -> int:
    """A whole number."""
    found = int(value)
    if isinstance(value, Decimal) and found != value:
        raise ValueError(f"{value} is no whole number")
    return found


def fraction(value: Any) -> float:
    """A number that may have a fraction; `nan` and `inf` are texts."""
    if isinstance(value, str) and value not in _FLOATS:
        raise ValueError(f"{value[:40]!r} is no number")
    return float(value)


def exact(value: Any) -> Decimal:
    """A decimal number."""
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError):
        raise ValueError(f"{str(value)[:40]!r} is no number") from None


def truth(value: Any) -> bool:
    """A boolean."""
    if not isinstance(value, bool):
        raise ValueError(f"{str(value)[:40]!r} is neither true nor false")
    return value


def text_of(column: ColumnType | None) -> Callable[[Any], str]:
    """What makes texts of the values of a column."""
    if column is None or not _has_times(column):
        return text
    return lambda value: text(_local(value, column))


def text(value: Any) -> str:
    """A text; of another value its JSON."""
    return value if isinstance(value, str) else _encode(value).decode()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:40]!r} is no time")
    return value
