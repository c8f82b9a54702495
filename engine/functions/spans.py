"""Units of time by their names, and adding them to dates and times."""

from __future__ import annotations

from engine.errors import Code, SqlError
from engine.functions.moments import as_storage
from engine.functions.render import unzoned, zoned
from engine.functions.table import Arg, Bound
from engine.types import DATE, DataType, datetime64, nullable

UNITS = (
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
)
_SHORT = {
    "ns": "nanosecond",
    "us": "microsecond",
    "ms": "millisecond",
    "s": "second",
    "ss": "second",
    "sec": "second",
    "mi": "minute",
    "n": "minute",
    "min": "minute",
    "h": "hour",
    "hh": "hour",
    "d": "day",
    "dd": "day",
    "w": "week",
    "wk": "week",
    "ww": "week",
    "mm": "month",
    "qq": "quarter",
    "q": "quarter",
    "y": "year",
    "yy": "year",
    "yyyy": "year",
}
_CALENDAR = frozenset(("day", "week", "month", "quarter", "year"))
_NANOS = {"nanosecond": 1, "microsecond": 1_000, "millisecond": 1_000_000}


def parse_unit(name: str, text: str) -> str:
    """A unit's name from any case, plural or short form. Raises SqlError 36 for others."""
    exact = {"m": "minute", "M": "month"}.get(text)
    word = text.lower()
    found = exact or _SHORT.get(word) or (word if word in UNITS else word.removesuffix("s"))
    if found not in UNITS:
        raise SqlError(f"{name} knows no unit {text!r}; use second, day, ...", Code.BAD_ARGUMENTS)
    return found


def time_result(t: DataType, unit: str) -> DataType:
    """The type of a date or time after adding this unit: fine units need a fine type."""
    inner = t.inner
    if inner.is_date:
        found = DATE if unit in _CALENDAR else DataType("datetime")
        inner = inner if found == DATE else found
    digits = {"millisecond": 3, "microsecond": 6, "nanosecond": 9}.get(unit, 0)
    if digits > inner.scale:
        inner = datetime64(digits, inner.zone)
    return nullable(inner) if t.is_nullable else inner


def interval_of(unit: str, count: str) -> str:
    """SQL of an interval of `count` (an integer's SQL) units; nanoseconds are not an interval."""
    if unit == "microsecond":
        return f"to_microseconds(CAST({count} AS BIGINT))"
    if unit == "millisecond":
        return f"to_microseconds(CAST({count} AS BIGINT) * 1000)"
    if unit in _CALENDAR:
        return f"to_{unit}s(CAST({count} AS INTEGER))"
    return f"to_{unit}s(CAST({count} AS BIGINT))"


def shifted(moment: Arg, unit: str, count: str, sign: str = "+") -> Bound:
    """A date or time plus or minus `count` units; calendar units count in the zone of the type."""
    t = time_result(moment.type, unit)
    if t.scale > 6:
        return Bound(_nanoseconds(moment, unit, count, sign), t)
    if unit == "nanosecond":
        unit, count = "microsecond", f"(CAST({count} AS BIGINT) // 1000)"
    zone = moment.type.zone if unit in _CALENDAR else ""
    sql = f"({zoned(moment.sql, zone)} {sign} {interval_of(unit, count)})"
    return Bound(as_storage(unzoned(sql, zone), t), t)


def _nanoseconds(moment: Arg, unit: str, count: str, sign: str) -> str:
    """Interval arithmetic would cut to microseconds: the rest is carried along."""
    ticks = f"epoch_ns(CAST({moment.sql} AS TIMESTAMP_NS))"
    if unit in _NANOS:
        return f"make_timestamp_ns({ticks} {sign} CAST({count} AS BIGINT) * {_NANOS[unit]})"
    zone = moment.type.zone if unit in _CALENDAR else ""
    micros = f"make_timestamp({ticks} // 1000)"
    moved = unzoned(f"({zoned(micros, zone)} {sign} {interval_of(unit, count)})", zone)
    return f"make_timestamp_ns(epoch_us({moved}) * 1000 + {ticks} % 1000)"


def nanoseconds(interval: Arg) -> str:
    """SQL of the length of an interval of no months, a BIGINT."""
    if isinstance(interval.constant, int):
        return str(interval.constant)
    if interval.type.inner.name == "interval_nanosecond":
        return interval.sql
    return f"(CAST(epoch_us(TIMESTAMP '1970-01-01' + {interval.sql}) AS BIGINT) * 1000)"


def as_interval(interval: Arg) -> str:
    """SQL of DuckDB's INTERVAL, which cuts nanoseconds to microseconds."""
    if interval.type.inner.name != "interval_nanosecond":
        return interval.sql
    return interval_of("microsecond", f"({interval.sql} // 1000)")


def stored_as(interval: Arg, t: DataType) -> str:
    """SQL of an interval as another interval type is stored; NULL where that cannot hold it."""
    if t.inner.name == "interval_nanosecond":
        return nanoseconds(interval)
    sql = as_interval(interval)
    return sql if sql == interval.sql else f"CASE WHEN {interval.sql} % 1000 = 0 THEN {sql} END"


def shifted_by(moment: Arg, interval: Arg, sign: str = "+") -> Bound:
    """A date or time plus or minus an interval value (`ts + interval 5 second`, `ts - 2h`)."""
    unit = interval.type.inner.name.removeprefix("interval_")
    if unit == "nanosecond":
        return shifted(moment, unit, interval.sql, sign)
    t = time_result(moment.type, unit)
    zone = moment.type.zone if unit in _CALENDAR else ""
    if t.scale > 6:
        ticks = f"epoch_ns(CAST({moment.sql} AS TIMESTAMP_NS))"
        wall = zoned(f"make_timestamp({ticks} // 1000)", zone)
        moved = unzoned(f"({wall} {sign} {interval.sql})", zone)
        return Bound(f"make_timestamp_ns(epoch_us({moved}) * 1000 + {ticks} % 1000)", t)
    sql = f"({zoned(moment.sql, zone)} {sign} {interval.sql})"
    return Bound(as_storage(unzoned(sql, zone), t), t)
