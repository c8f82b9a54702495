"""Adding to dates and times, differences between them, seconds since the epoch, zones."""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.build import (
    bad_type,
    constant_text,
    doc,
    fn,
    given,
    lifted,
    special,
    tried,
    wrapped,
)
from engine.functions.casts import cast_sql
from engine.functions.moments import as_storage
from engine.functions.render import unzoned, zoned
from engine.functions.spans import parse_unit, shifted, shifted_by
from engine.functions.table import Arg, Bound, Scalar
from engine.functions.times import EPOCH, kept_zone, result_of, zone_of
from engine.type_parser import parse_type
from engine.types import (
    DATE,
    DATETIME,
    INT64,
    STRING,
    UINT32,
    DataType,
    datetime64,
)


def _add(name: str, sign: str) -> Callable[[tuple[Arg, ...]], Bound]:
    """date_add(time, interval) or date_add(unit, n, time)."""

    def render(args: tuple[Arg, ...]) -> Bound:
        if len(args) == 3:
            unit = parse_unit(name, constant_text(name, 0, args[0]))
            _must(name, args, 1, args[1].type.is_integer, "an integer")
            _must(name, args, 2, args[2].type.is_temporal, "a date or datetime")
            return shifted(args[2], unit, args[1].sql, sign)
        moment, interval = args
        if moment.type.is_interval:
            moment, interval = interval, moment
        _must(name, (moment, interval), 0, moment.type.is_temporal, "a date or datetime")
        _must(name, (moment, interval), 1, interval.type.is_interval, "an interval")
        return shifted_by(moment, interval, sign)

    return render


def _must(name: str, args: tuple[Arg, ...], at: int, holds: bool, words: str) -> None:
    if not holds:
        raise bad_type(name, at, args[at], words)


def _units(unit: str, sign: str) -> Scalar:
    word = "add" if sign == "+" else "subtract"
    name = f"{word}_{unit}s"
    value = {
        "+": {"second": "00:00:02", "minute": "00:02:00", "hour": "02:00:00"},
        "-": {"second": "23:59:58", "minute": "23:58:00", "hour": "22:00:00"},
    }[sign]
    if unit in value:
        day = "2024-03-01" if sign == "+" else "2024-02-29"
        example = (f"{name}(to_datetime('2024-03-01 00:00:00'), 2)", f'"{day} {value[unit]}"')
    elif unit in ("millisecond", "microsecond", "nanosecond"):
        example = (
            f"to_string({name}(to_datetime64('2024-03-01 00:00:00', 9), 0))",
            '"2024-03-01 00:00:00.000000000"',
        )
    else:
        example = (f"{name}(to_date('2024-03-01'), 0)", '"2024-03-01"')

    def render(args: tuple[Arg, ...]) -> Bound:
        return shifted(args[0], unit, args[1].sql, sign)

    return special(name, "date integer", render, doc(f"{word.capitalize()}s {unit}s.", example))


_TICKS = {"millisecond": 1_000, "microsecond": 1_000_000}


def _number(unit: str, arg: Arg, zone: str) -> str:
    """The unit's number counted from a fixed start, so that a difference counts boundaries."""
    wall = wrapped(zoned(arg.sql, zone or arg.type.zone))
    if unit == "nanosecond":
        return f"epoch_ns(CAST({arg.sql} AS TIMESTAMP_NS))"
    if unit == "week":
        return (
            f"(date_diff('day', DATE '1970-01-05', CAST(date_trunc('week', {wall}) AS DATE)) // 7)"
        )
    return f"date_diff('{unit}', {EPOCH}, CAST({wall} AS TIMESTAMP))"


def _diff(args: tuple[Arg, ...]) -> Bound:
    """date_diff(unit, from, to[, zone])."""
    unit = parse_unit("date_diff", constant_text("date_diff", 0, args[0]))
    for at in (1, 2):
        ok = args[at].type.is_temporal or args[at].type.inner.name == "nothing"
        _must("date_diff", args, at, ok, "a date or datetime")
    zone = constant_text("date_diff", 3, args[3]) if given(args, 3) else ""
    start, end = args[1], args[2]
    fixed = unit not in ("nanosecond", "week")
    if fixed and not (zone or start.type.zone or end.type.zone):
        a, b = (f"CAST({x.sql} AS TIMESTAMP)" for x in (start, end))
        return Bound(f"date_diff('{unit}', {a}, {b})", lifted(INT64, args[1:3]))
    sql = f"({_number(unit, end, zone)} - {_number(unit, start, zone)})"
    return Bound(sql, lifted(INT64, args[1:3]))


def _age(args: tuple[Arg, ...]) -> Bound:
    """Whole units between two times."""
    unit = parse_unit("age", constant_text("age", 0, args[0]))
    a, b = (f"CAST({x.sql} AS TIMESTAMP)" for x in args[1:3])
    return Bound(f"datesub('{unit}', {a}, {b})", lifted(INT64, args[1:3]))


def _to_unix(args: tuple[Arg, ...]) -> Bound:
    arg = args[0]
    if arg.type.is_string:
        parsed = cast_sql(arg, DATETIME).sql
        return Bound(f"CAST(floor(epoch({parsed})) AS UINTEGER)", lifted(UINT32, args))
    _must("to_unix_timestamp", args, 0, arg.type.is_temporal, "a datetime")
    return Bound(f"CAST(floor(epoch({arg.sql})) AS UINTEGER)", lifted(UINT32, args))


def _ticks_of(function: str) -> Callable[[tuple[Arg, ...]], Bound]:
    def render(args: tuple[Arg, ...]) -> Bound:
        return Bound(f"{function}({args[0].sql})", lifted(INT64, args))

    return render


def _from_unix(digits: int) -> Callable[[tuple[Arg, ...]], Bound]:
    name = {0: "from_unix_timestamp", 3: "from_unix_timestamp64_milli"}.get(digits, "")
    name = name or f"from_unix_timestamp64_{'micro' if digits == 6 else 'nano'}"

    def render(args: tuple[Arg, ...]) -> Bound:
        zone = zone_of(name, args, 1) if given(args, 1) else ""
        n = f"CAST({args[0].sql} AS BIGINT)"
        if digits == 9:
            t = datetime64(9, zone)
            return Bound(f"make_timestamp_ns({n})", lifted(t, args[:1]))
        t = kept_zone(DATETIME, zone) if digits == 0 else datetime64(digits, zone)
        factor = {0: 1_000_000, 3: 1_000, 6: 1}[digits]
        return Bound(as_storage(f"make_timestamp({n} * {factor})", t, t), lifted(t, args[:1]))

    return render


def _to_timezone(args: tuple[Arg, ...]) -> Bound:
    """Another zone to show; the instant stays."""
    zone = zone_of("to_timezone", args, 1)
    t = kept_zone(args[0].type.inner, zone)
    return Bound(args[0].sql, result_of(t, args))


def _zone_name(args: tuple[Arg, ...]) -> Bound:
    return Bound(f"'{args[0].type.zone or 'UTC'}'", STRING)


def _zone_offset(args: tuple[Arg, ...]) -> str:
    zone = args[0].type.zone
    if zone in ("", "UTC"):
        return "0"
    return f"date_diff('second', CAST({args[0].sql} AS TIMESTAMP), {zoned(args[0].sql, zone)})"


def _from_utc(name: str, into: bool) -> Callable[[tuple[Arg, ...]], Bound]:
    """The wall clock moves, the type keeps no zone."""

    def render(args: tuple[Arg, ...]) -> Bound:
        zone = constant_text(name, 1, args[1])
        parse_type(f"datetime({zone!r})")
        t = args[0].type.inner
        move = zoned if into else unzoned
        sql = move(args[0].sql, zone, t.scale)
        return Bound(as_storage(sql, t, t), result_of(t, args))

    return render


def _make_date(args: tuple[Arg, ...]) -> Bound:
    parts = (f"CAST({a.sql} AS BIGINT)" for a in args)
    made = tried(lambda *p: f"make_date({', '.join(p)})", *parts)
    return Bound(f"coalesce({made}, DATE '1970-01-01')", lifted(DATE, args))


def _make_datetime(args: tuple[Arg, ...]) -> Bound:
    parts = [f"CAST({a.sql} AS BIGINT)" for a in args[:5]] + [f"CAST({args[5].sql} AS DOUBLE)"]
    made = tried(lambda *p: f"make_timestamp({', '.join(p)})", *parts)
    zero = "TIMESTAMP '1970-01-01'"
    return Bound(f"CAST(coalesce({made}, {zero}) AS TIMESTAMP_S)", lifted(DATETIME, args))


def _last_day(args: tuple[Arg, ...]) -> str:
    return f"last_day({zoned(args[0].sql, args[0].type.zone)})"


_T = "to_datetime('2024-01-01 00:00:00')"
_BEFORE = "to_datetime('2024-01-01 00:59:00')"
_AFTER = "to_datetime('2024-01-01 01:01:00')"
_SUB = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_FINE = ("millisecond", "microsecond", "nanosecond")

SCALARS: tuple[Scalar, ...] = (
    special(
        "date_add",
        "any any any?",
        _add("date_add", "+"),
        doc(
            "A time plus an interval, or plus n units.",
            (f"date_add({_T}, interval 5 second)", '"2024-01-01 00:00:05"'),
            (f"date_add('day', 1, {_T})", '"2024-01-02 00:00:00"'),
        ),
        ("timestamp_add",),
    ),
    special(
        "date_sub",
        "any any any?",
        _add("date_sub", "-"),
        doc(
            "A time minus an interval, or minus n units.",
            (f"date_sub({_T}, interval 5 second)", '"2023-12-31 23:59:55"'),
        ),
        ("timestamp_sub",),
    ),
    *(_units(unit, sign) for sign in "+-" for unit in (*_FINE, *_SUB)),
    special(
        "date_diff",
        "any any any any?",
        _diff,
        doc(
            "How many boundaries of a unit lie between two times.",
            (
                f"date_diff('hour', {_BEFORE}, {_AFTER})",
                "1",
            ),
        ),
        ("timestamp_diff",),
    ),
    special(
        "age",
        "any date date",
        _age,
        doc(
            "Whole units between two times.",
            (
                f"age('hour', {_BEFORE}, {_AFTER})",
                "0",
            ),
        ),
    ),
    special(
        "to_unix_timestamp",
        "any any?",
        _to_unix,
        doc("Seconds since 1970.", (f"to_unix_timestamp({_T})", "1704067200")),
    ),
    special(
        "to_unix_timestamp64_milli",
        "time",
        _ticks_of("epoch_ms"),
        doc("Milliseconds since 1970.", (f"to_unix_timestamp64_milli({_T})", "1704067200000")),
        ("to_unix_timestamp64",),
    ),
    special(
        "to_unix_timestamp64_micro",
        "time",
        _ticks_of("epoch_us"),
        doc("Microseconds since 1970.", (f"to_unix_timestamp64_micro({_T})", "1704067200000000")),
    ),
    special(
        "to_unix_timestamp64_nano",
        "time",
        _ticks_of("epoch_ns"),
        doc("Nanoseconds since 1970.", (f"to_unix_timestamp64_nano({_T})", "1704067200000000000")),
    ),
    special(
        "from_unix_timestamp",
        "integer any?",
        _from_unix(0),
        doc(
            "The time of seconds since 1970.",
            ("from_unix_timestamp(1704067200)", '"2024-01-01 00:00:00"'),
        ),
    ),
    special(
        "from_unix_timestamp64_milli",
        "integer any?",
        _from_unix(3),
        doc(
            "The time of milliseconds since 1970.",
            ("to_string(from_unix_timestamp64_milli(1704067200123))", '"2024-01-01 00:00:00.123"'),
        ),
    ),
    special(
        "from_unix_timestamp64_micro",
        "integer any?",
        _from_unix(6),
        doc(
            "The time of microseconds since 1970.",
            (
                "to_string(from_unix_timestamp64_micro(1704067200000000))",
                '"2024-01-01 00:00:00.000000"',
            ),
        ),
    ),
    special(
        "from_unix_timestamp64_nano",
        "integer any?",
        _from_unix(9),
        doc(
            "The time of nanoseconds since 1970.",
            (
                "to_string(from_unix_timestamp64_nano(1704067200000000000))",
                '"2024-01-01 00:00:00.000000000"',
            ),
        ),
    ),
    special(
        "to_timezone",
        "time any",
        _to_timezone,
        doc(
            "The same instant, shown in another zone.",
            (f"to_string(to_timezone({_T}, 'Asia/Shanghai'))", '"2024-01-01 08:00:00"'),
        ),
    ),
    special(
        "timezone_of",
        "time",
        _zone_name,
        doc("The zone that a time is shown in.", (f"timezone_of({_T})", '"UTC"')),
    ),
    fn(
        "timezone_offset",
        "time",
        _zone_offset,
        DataType("int32"),
        doc(
            "Seconds between the zone of a time and UTC.",
            (f"timezone_offset(to_timezone({_T}, 'Asia/Shanghai'))", "28800"),
        ),
    ),
    special(
        "from_utc_timestamp",
        "time any",
        _from_utc("from_utc_timestamp", True),
        doc(
            "A time of UTC as the wall clock of a zone.",
            (f"from_utc_timestamp({_T}, 'Asia/Shanghai')", '"2024-01-01 08:00:00"'),
        ),
    ),
    special(
        "to_utc_timestamp",
        "time any",
        _from_utc("to_utc_timestamp", False),
        doc(
            "The wall clock of a zone as a time of UTC.",
            (f"to_utc_timestamp({_T}, 'Asia/Shanghai')", '"2023-12-31 16:00:00"'),
        ),
    ),
    special(
        "make_date",
        "integer integer integer",
        _make_date,
        doc("A date of year, month and day.", ("make_date(2024, 2, 29)", '"2024-02-29"')),
    ),
    special(
        "make_datetime",
        "integer integer integer integer integer integer",
        _make_datetime,
        doc(
            "A time of its parts.", ("make_datetime(2024, 2, 29, 1, 2, 3)", '"2024-02-29 01:02:03"')
        ),
    ),
    fn(
        "to_last_day_of_month",
        "date",
        _last_day,
        DATE,
        doc(
            "The last day of the month.",
            ("to_last_day_of_month(to_date('2024-02-01'))", '"2024-02-29"'),
        ),
        ("last_day",),
    ),
)
