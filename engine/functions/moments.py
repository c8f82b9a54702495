"""Dates and times from text, and between precisions: cut, never rounded."""

from __future__ import annotations

from engine.functions.build import literal, wrapped
from engine.functions.render import unzoned, zoned
from engine.types import DataType, duckdb_type

_PLAIN = r"\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?"
_SECONDS = r"-?\d{1,10}"
_MILLIS = r"\d{11,13}"
# Since 2001: texts of 14 digits are a date and a time of day.
_MICROS = r"\d{16}"
_NANOS = r"\d{19}"
_CLOCKS = ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
# Month first, as the dialect reads it; day first where that is no date. Two-digit years are not
# guessed.
_DAYS = (
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%m.%d.%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_COMPACT = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S", "%Y%m%d %H:%M:%S")
_MAIL = ("%a, %d %b %Y %H:%M:%S GMT",)
_MAIL_OFFSET = "%a, %d %b %Y %H:%M:%S %z"


def _formats() -> str:
    with_clock = [f"{day} {clock}" for day in _DAYS for clock in _CLOCKS]
    every = [*with_clock, *_DAYS, *_COMPACT, *_MAIL]
    return "[" + ", ".join(literal(f) for f in every) + "]"


_FORMATS = _formats()


def parse_moment(text: str, t: DataType) -> str:
    """SQL of the date or time that a text says, NULL if none; in the storage type of `t`.

    ISO 8601 with or without offset, seconds to nanoseconds since the epoch by their number of
    digits, and the usual written forms. A text without offset is a wall clock in the zone of `t`.
    """
    fine = "TIMESTAMP_NS" if t.scale > 6 else "TIMESTAMP"
    text = wrapped(text)
    plain = unzoned(f"TRY_CAST({text} AS {fine})", t.zone, t.scale)
    written = unzoned(f"try_strptime({text}, {_FORMATS})", t.zone)
    number = f"TRY_CAST({text} AS BIGINT)"
    offset = (
        f"coalesce(TRY_CAST({text} AS TIMESTAMPTZ), try_strptime({text}, {literal(_MAIL_OFFSET)}))"
    )
    sql = (
        f"CASE WHEN regexp_full_match({text}, {literal(_PLAIN)}) THEN {plain} "
        f"WHEN regexp_full_match({text}, {literal(_SECONDS)}) AND length({text}) <> 8 "
        f"THEN TRY_CAST(make_timestamp({number} * 1000000) AS {fine}) "
        f"WHEN regexp_full_match({text}, {literal(_MILLIS)}) "
        f"THEN TRY_CAST(make_timestamp({number} * 1000) AS {fine}) "
        f"WHEN regexp_full_match({text}, {literal(_MICROS)}) "
        f"THEN TRY_CAST(make_timestamp({number}) AS {fine}) "
        f"WHEN regexp_full_match({text}, {literal(_NANOS)}) "
        f"THEN CAST(make_timestamp_ns({number}) AS {fine}) "
        f"ELSE TRY_CAST(coalesce(timezone('UTC', {offset}), {written}) AS {fine}) END"
    )
    return as_storage(sql, t)


def as_storage(sql: str, t: DataType, source: DataType | None = None) -> str:
    """SQL of a timestamp cut to the precision of `t` (a date: the day in the source's zone)."""
    if t.is_date:
        local = zoned(sql, source.zone, source.scale) if source else sql
        return f"CAST({local} AS DATE)"
    if source is not None and source.scale <= t.scale:
        return f"CAST({sql} AS {duckdb_type(t)})"
    return f"CAST({_cut(sql, t.scale)} AS {duckdb_type(t)})"


def _cut(sql: str, scale: int) -> str:
    if scale == 0:
        return f"date_trunc('second', {sql})"
    if scale == 3:
        return f"date_trunc('millisecond', {sql})"
    if scale in (6, 9):
        return sql
    if scale < 6:
        step = 10 ** (6 - scale)
        ticks = f"epoch_us({sql})"
        return f"make_timestamp({ticks} - (({ticks} % {step}) + {step}) % {step})"
    step = 10 ** (9 - scale)
    ticks = f"epoch_ns({sql})"
    return f"make_timestamp_ns({ticks} - (({ticks} % {step}) + {step}) % {step})"
