"""Parts of dates and times, and the start of their second, hour, week, ...

Computed in the zone given as the last argument, else in the zone of the type, else in UTC.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.build import constant_int, constant_text, doc, given, special, typed, wrapped
from engine.functions.moments import as_storage
from engine.functions.render import unzoned, zoned
from engine.functions.spans import as_interval, parse_unit
from engine.functions.table import Arg, Bound, Scalar
from engine.type_parser import parse_type
from engine.types import (
    DATE,
    DATETIME,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    DataType,
    datetime64,
    nullable,
)

EPOCH = "TIMESTAMP '1970-01-01'"


def zone_of(name: str, args: tuple[Arg, ...], at: int) -> str:
    """The zone to compute in: the argument at `at`, else the zone of the first time."""
    if given(args, at):
        zone = constant_text(name, at, args[at])
        parse_type(f"datetime({zone!r})")  # raises for an unknown zone
        return zone
    return args[0].type.zone


def local(name: str, args: tuple[Arg, ...], at: int = 1) -> str:
    """The first argument as a wall clock; nanoseconds are cut, where DuckDB would round them."""
    sql = args[0].sql
    if args[0].type.scale > 6:
        rest = f"((epoch_ns({sql}) % 1000 + 1000) % 1000)"
        sql = f"make_timestamp((epoch_ns({sql}) - {rest}) // 1000)"
    return wrapped(zoned(sql, zone_of(name, args, at)))


def result_of(t: DataType, args: tuple[Arg, ...]) -> DataType:
    """`t`, nullable if the first argument is."""
    return nullable(t) if args[0].type.is_nullable else t


def kept_zone(t: DataType, zone: str) -> DataType:
    """datetime or datetime64 with a zone to show."""
    if not zone or not t.is_time:
        return t
    parameters = (t.scale, zone) if t.inner.name == "datetime64" else (zone,)
    return DataType(t.inner.name, (), parameters)


_MOMENT = "to_datetime('2024-02-29 13:45:59')"

# name, SQL over the wall clock, type, value of the example, aliases
_PARTS: tuple[tuple[str, str, DataType, str, tuple[str, ...]], ...] = (
    ("to_year", "year($1)", UINT16, "2024", ("year",)),
    ("to_quarter", "quarter($1)", UINT8, "1", ("quarter",)),
    ("to_month", "month($1)", UINT8, "2", ("month",)),
    ("to_week", "weekofyear($1)", UINT8, "9", ("week", "to_iso_week")),
    ("to_iso_year", "isoyear($1)", UINT16, "2024", ()),
    ("to_day_of_year", "dayofyear($1)", UINT16, "60", ("day_of_year",)),
    ("to_day_of_month", "day($1)", UINT8, "29", ("to_day", "day", "day_of_month")),
    ("to_day_of_week", "isodow($1)", UINT8, "4", ("day_of_week", "weekday")),
    ("to_hour", "hour($1)", UINT8, "13", ("hour",)),
    ("to_minute", "minute($1)", UINT8, "45", ("minute",)),
    ("to_second", "second($1)", UINT8, "59", ("second",)),
    ("to_millisecond", "millisecond($1) % 1000", UINT16, "0", ("millisecond",)),
    ("to_YYYYMM", "year($1) * 100 + month($1)", UINT32, "202402", ()),
    ("to_YYYYMMDD", "year($1) * 10000 + month($1) * 100 + day($1)", UINT32, "20240229", ()),
    (
        "to_YYYYMMDDhhmmss",
        "CAST(strftime($1, '%Y%m%d%H%M%S') AS UBIGINT)",
        UINT64,
        "20240229134559",
        (),
    ),
    ("to_year_week", "yearweek($1)", UINT32, "202409", ("year_week",)),
    ("to_days_in_month", "day(last_day($1))", UINT8, "29", ()),
    ("to_relative_day_num", f"date_diff('day', {EPOCH}, $1)", UINT32, "19782", ()),
    ("to_relative_month_num", "year($1) * 12 + month($1)", UINT32, "24290", ()),
    ("to_relative_year_num", "year($1)", UINT16, "2024", ()),
    ("to_relative_quarter_num", "year($1) * 4 + quarter($1) - 1", UINT32, "8096", ()),
    (
        "to_relative_week_num",
        "(date_diff('day', TIMESTAMP '1969-12-29', $1)) // 7",
        UINT32,
        "2826",
        (),
    ),
    ("to_relative_hour_num", f"date_diff('hour', {EPOCH}, $1)", UINT32, "474781", ()),
    ("to_relative_minute_num", f"date_diff('minute', {EPOCH}, $1)", UINT32, "28486905", ()),
    ("to_relative_second_num", f"date_diff('second', {EPOCH}, $1)", UINT32, "1709214359", ()),
    ("to_minute_of_day", "hour($1) * 60 + minute($1)", UINT16, "825", ()),
)


def _part(name: str, sql: str, t: DataType) -> Callable[[tuple[Arg, ...]], Bound]:
    def render(args: tuple[Arg, ...]) -> Bound:
        return Bound(typed(sql.replace("$1", local(name, args)), t), result_of(t, args))

    return render


def _same_time(args: tuple[Arg, ...]) -> DataType:
    """Fine starts keep the type of a time; a date becomes a datetime."""
    return args[0].type.inner if args[0].type.is_time else DATETIME


def _fixed(t: DataType) -> Callable[[tuple[Arg, ...]], DataType]:
    return lambda args: t


_Rule = Callable[[tuple[Arg, ...]], DataType]
# name, unit of date_trunc, result rule, value of the example, aliases
_STARTS: tuple[tuple[str, str, _Rule, str, tuple[str, ...]], ...] = (
    ("to_start_of_year", "year", _fixed(DATE), '"2024-01-01"', ()),
    ("to_start_of_quarter", "quarter", _fixed(DATE), '"2024-01-01"', ()),
    ("to_start_of_month", "month", _fixed(DATE), '"2024-02-01"', ()),
    ("to_start_of_iso_year", "isoyear", _fixed(DATE), '"2024-01-01"', ()),
    ("to_start_of_day", "day", _fixed(DATETIME), '"2024-02-29 00:00:00"', ()),
    ("to_start_of_hour", "hour", _fixed(DATETIME), '"2024-02-29 13:00:00"', ()),
    ("to_start_of_minute", "minute", _fixed(DATETIME), '"2024-02-29 13:45:00"', ()),
    ("to_start_of_second", "second", _same_time, '"2024-02-29 13:45:59"', ()),
    ("to_start_of_millisecond", "millisecond", _same_time, '"2024-02-29 13:45:59"', ()),
)


def truncated(unit: str, wall: str) -> str:
    """The start of a unit of a wall clock, as TIMESTAMP."""
    if unit == "isoyear":
        week = f"date_trunc('week', {wall})"
        return f"date_trunc('week', make_timestamp(isoyear({week}), 1, 4, 0, 0, 0))"
    return f"date_trunc('{unit}', {wall})"


def start_of(name: str, unit: str, t: DataType, args: tuple[Arg, ...], at: int = 1) -> Bound:
    """The start of a unit, as a type."""
    zone = zone_of(name, args, at)
    sql = truncated(unit, local(name, args, at))
    if t.is_date:
        return Bound(f"CAST({sql} AS DATE)", result_of(t, args))
    t = kept_zone(t, zone)
    return Bound(as_storage(unzoned(sql, zone), t, datetime64(0)), result_of(t, args))


def _start(name: str, unit: str, rule: _Rule) -> Callable[[tuple[Arg, ...]], Bound]:
    return lambda args: start_of(name, unit, rule(args), args)


def _week_start(args: tuple[Arg, ...]) -> Bound:
    """to_start_of_week(time[, mode][, zone]): modes as in MySQL, even ones begin on Sunday."""
    name = "to_start_of_week"
    if not given(args, 1) or isinstance(args[1].constant, str):
        return start_of(name, "week", DATE, args)
    mode = constant_int(name, 1, args[1])
    if mode % 2:
        return start_of(name, "week", DATE, args, 2)
    day = f"({local(name, args, 2)} + INTERVAL 1 DAY)"
    sql = f"CAST(date_trunc('week', {day}) - INTERVAL 1 DAY AS DATE)"
    return Bound(sql, result_of(DATE, args))


def _buckets(minutes: int) -> Callable[[tuple[Arg, ...]], Bound]:
    name = (
        f"to_start_of_{'fifteen' if minutes == 15 else 'ten' if minutes == 10 else 'five'}_minutes"
    )

    def render(args: tuple[Arg, ...]) -> Bound:
        return bucket(name, f"INTERVAL {minutes} MINUTE", DATETIME, args, 1)

    return render


def bucket(name: str, interval: str, t: DataType, args: tuple[Arg, ...], at: int) -> Bound:
    """The start of the interval, counted from 1970-01-01, that holds the first argument.

    Weeks start on Monday.
    """
    zone = zone_of(name, args, at)
    origin = "TIMESTAMP '1970-01-05'" if args[1:2] and _is_weeks(args[1]) else EPOCH
    sql = f"time_bucket({interval}, CAST({local(name, args, at)} AS TIMESTAMP), {origin})"
    t = kept_zone(t, zone)
    return Bound(as_storage(unzoned(sql, zone), t), result_of(t, args))


def _is_weeks(arg: Arg) -> bool:
    return arg.type.inner.name == "interval_week"


def _interval_start(args: tuple[Arg, ...]) -> Bound:
    """Calendar units give dates, day and shorter ones times."""
    unit = args[1].type.inner.name.removeprefix("interval_")
    if unit in ("week", "month", "quarter", "year"):
        found = bucket("to_start_of_interval", as_interval(args[1]), DATETIME, args, 2)
        return Bound(f"CAST({found.sql} AS DATE)", result_of(DATE, args))
    t = _same_time(args)
    if unit in ("day", "hour", "minute", "second") and not t.scale:
        t = DATETIME
    return bucket("to_start_of_interval", as_interval(args[1]), t, args, 2)


def _date_bin(args: tuple[Arg, ...]) -> Bound:
    """date_bin(interval, time[, origin])."""
    interval, moment = as_interval(args[0]), args[1]
    if not given(args, 2):
        return bucket("date_bin", interval, _same_time(args[1:]), (moment, args[0]), 2)
    t = _same_time(args[1:])
    at, origin = (f"CAST({a.sql} AS TIMESTAMP)" for a in (moment, args[2]))
    sql = f"time_bucket({interval}, {at}, {origin})"
    return Bound(as_storage(sql, t), result_of(t, args[1:]))


def _date_trunc(args: tuple[Arg, ...]) -> Bound:
    """date_trunc('unit', time[, zone])."""
    unit = parse_unit("date_trunc", constant_text("date_trunc", 0, args[0]))
    moment = args[1:]
    t = DATE if unit in ("year", "quarter", "month", "week") else _same_time(moment)
    if unit in ("day", "hour", "minute"):
        t = DATETIME
    return start_of("date_trunc", unit, t, moment)


_BUCKETS = (
    (5, "to_start_of_five_minutes", '"2024-02-29 13:45:00"', "to_start_of_five_minute"),
    (10, "to_start_of_ten_minutes", '"2024-02-29 13:40:00"', "to_start_of_ten_minute"),
    (15, "to_start_of_fifteen_minutes", '"2024-02-29 13:45:00"', "to_start_of_fifteen_minute"),
)

SCALARS: tuple[Scalar, ...] = (
    *(
        special(
            name.lower(),
            "date any?",
            _part(name.lower(), sql, t),
            doc(
                f"The part `{name.lower().removeprefix('to_')}` of a date or time.",
                (f"{name.lower()}({_MOMENT})", value),
            ),
            aliases,
        )
        for name, sql, t, value, aliases in _PARTS
    ),
    *(
        special(
            name,
            "date any?",
            _start(name, unit, rule),
            doc(f"The start of the {unit} (weeks start on Monday).", (f"{name}({_MOMENT})", value)),
            aliases,
        )
        for name, unit, rule, value, aliases in _STARTS
    ),
    special(
        "to_start_of_week",
        "date any? any?",
        _week_start,
        doc(
            "The start of the week: a Monday; with an even number as second argument a Sunday.",
            (f"to_start_of_week({_MOMENT})", '"2024-02-26"'),
            (f"to_start_of_week({_MOMENT}, 0)", '"2024-02-25"'),
        ),
    ),
    special(
        "to_monday",
        "date any?",
        _start("to_monday", "week", _fixed(DATE)),
        doc("The Monday of the week.", (f"to_monday({_MOMENT})", '"2024-02-26"')),
    ),
    *(
        special(
            name,
            "time any?",
            _buckets(minutes),
            doc(f"The start of the {minutes} minutes.", (f"{name}({_MOMENT})", value)),
            (alias,),
        )
        for minutes, name, value, alias in _BUCKETS
    ),
    special(
        "to_start_of_interval",
        "date interval any?",
        _interval_start,
        doc(
            "The start of an interval counted from 1970-01-01.",
            (f"to_start_of_interval({_MOMENT}, interval 15 minute)", '"2024-02-29 13:45:00"'),
        ),
        ("time_slot", "time_bucket"),
    ),
    special(
        "date_bin",
        "interval date date?",
        _date_bin,
        doc(
            "The start of an interval counted from an origin (1970-01-01).",
            (f"date_bin(interval 1 hour, {_MOMENT})", '"2024-02-29 13:00:00"'),
        ),
    ),
    special(
        "date_trunc",
        "any date any?",
        _date_trunc,
        doc("The start of a unit.", (f"date_trunc('hour', {_MOMENT})", '"2024-02-29 13:00:00"')),
    ),
)
