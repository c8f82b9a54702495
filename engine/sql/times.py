"""Constant times and intervals: texts to milliseconds, spans to their sizes."""

from __future__ import annotations

import datetime as dt
import re

from engine.errors import Code, SqlError
from engine.sql.plan_parts import Span

_MOMENT = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?)?\s*"
)
# Units of fixed length in nanoseconds; months, quarters and years have none.
FIXED_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
MONTHS = {"M": 1, "q": 3, "y": 12}
TYPE_OF_UNIT = {
    "ns": "interval_nanosecond",
    "us": "interval_microsecond",
    "ms": "interval_millisecond",
    "s": "interval_second",
    "m": "interval_minute",
    "h": "interval_hour",
    "d": "interval_day",
    "w": "interval_week",
    "M": "interval_month",
    "q": "interval_quarter",
    "y": "interval_year",
}
_MONTH_MS = 30 * 86_400_000  # a month where only a length is wanted (timers, rewinds)


def parse_moment_ns(text: str) -> int | None:
    """Nanoseconds since the epoch of `YYYY-MM-DD[ hh:mm[:ss[.fraction]]][zone]`, UTC; else None."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[i] or 0) for i in range(1, 7))
    try:
        moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return None
    nanos = int((found[7] or "0").ljust(9, "0"))
    zone = found[8] or "Z"
    shift = 0
    if zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        shift = sign * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
    return (int(moment.timestamp()) - shift) * 1_000_000_000 + nanos


def span_ms(span: Span) -> int:
    """Milliseconds of a span, at least 1 unless it is empty; a month counts 30 days."""
    if span.unit in MONTHS:
        return span.count * MONTHS[span.unit] * _MONTH_MS
    nanos = span.count * FIXED_NS[span.unit]
    return max(nanos // 1_000_000, 1 if nanos > 0 else 0)


def parse_offset_ms(text: str) -> int | None:
    """`-2h` to milliseconds (negative); None when it is not of that form."""
    found = re.fullmatch(r"\s*-\s*(\d+)\s*(ms|s|m|h|d|w|M|q|y)\s*", text)
    return None if found is None else -span_ms(Span(int(found[1]), found[2]))


def positive(span: Span, what: str) -> Span:
    """The span, or SqlError 36 when it is not positive."""
    if span.count <= 0:
        raise SqlError(f"{what} must be longer than zero", Code.BAD_ARGUMENTS)
    return span
