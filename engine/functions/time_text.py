"""Now, dates and times as text, and text in a given format as dates and times."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import Code, SqlError
from engine.functions.build import (
    bad_type,
    constant_int,
    constant_text,
    doc,
    given,
    lifted,
    literal,
    special,
    volatile,
)
from engine.functions.casts import failure
from engine.functions.moments import as_storage
from engine.functions.render import unzoned, zoned
from engine.functions.table import NOW_MS, Arg, Bound, Scalar
from engine.functions.times import kept_zone, result_of, zone_of
from engine.type_parser import parse_type
from engine.types import (
    DATE,
    DATETIME,
    STRING,
    datetime64,
    nullable,
    zero_sql,
)

INSTANT = f"make_timestamp_ms({NOW_MS})"

# The dialect's format letters as strftime has them; %Q, %C and %z are SQL of their own.
_LETTERS: dict[str, str] = {
    "%a": "%a",
    "%b": "%b",
    "%c": "%m",
    "%d": "%d",
    "%D": "%m/%d/%y",
    "%e": "%-d",
    "%f": "%f",
    "%F": "%Y-%m-%d",
    "%g": "%y",
    "%G": "%G",
    "%h": "%I",
    "%H": "%H",
    "%i": "%M",
    "%I": "%I",
    "%j": "%j",
    "%k": "%-H",
    "%l": "%-I",
    "%m": "%m",
    "%M": "%B",
    "%n": "\n",
    "%p": "%p",
    "%r": "%I:%M %p",
    "%R": "%H:%M",
    "%s": "%S",
    "%S": "%S",
    "%t": "\t",
    "%T": "%H:%M:%S",
    "%u": "%u",
    "%V": "%V",
    "%w": "%w",
    "%W": "%A",
    "%y": "%y",
    "%Y": "%Y",
    "%%": "%%",
}


def _letters(name: str, text: str) -> list[str]:
    """The format cut into letters and plain text; SqlError 36 for an unknown letter."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "%":
            end = text.find("%", at)
            end = len(text) if end < 0 else end
            parts.append(text[at:end])
            at = end
            continue
        letter = text[at : at + 2]
        if letter not in _LETTERS and letter not in ("%Q", "%C", "%z"):
            raise SqlError(f"{name} knows no format letter {letter!r}", Code.BAD_ARGUMENTS)
        parts.append(letter)
        at += 2
    return parts


def _offset(utc: str, wall: str) -> str:
    """+hhmm of a wall clock."""
    minutes = f"date_diff('minute', CAST({utc} AS TIMESTAMP), CAST({wall} AS TIMESTAMP))"
    digits = f"lpad(CAST(abs({minutes}) // 60 * 100 + abs({minutes}) % 60 AS VARCHAR), 4, '0')"
    return f"(CASE WHEN {minutes} < 0 THEN '-' ELSE '+' END || {digits})"


def _format(args: tuple[Arg, ...]) -> Bound:
    """format_datetime(time, format[, zone])."""
    name = "format_datetime"
    zone = zone_of(name, args, 2)
    wall = zoned(args[0].sql, zone, args[0].type.scale)
    pieces: list[str] = []
    pattern = ""
    own = {
        "%Q": f"CAST(quarter({wall}) AS VARCHAR)",
        "%C": f"lpad(CAST(year({wall}) // 100 AS VARCHAR), 2, '0')",
        "%z": _offset(args[0].sql, wall),
    }
    for part in _letters(name, constant_text(name, 1, args[1])):
        if part not in own:
            pattern += _LETTERS.get(part, part)
            continue
        if pattern:
            pieces.append(f"strftime({wall}, {literal(pattern)})")
        pieces.append(own[part])
        pattern = ""
    if pattern or not pieces:
        pieces.append(f"strftime({wall}, {literal(pattern)})")
    return Bound("(" + " || ".join(pieces) + ")", result_of(STRING, args))


def _parse(form: str, digits: int) -> Callable[[tuple[Arg, ...]], Bound]:
    """parse_datetime(text, format[, zone]); `form` is '', 'null' or 'zero'."""
    name = f"parse_datetime{'64' if digits else ''}{'_or_' + form if form else ''}"

    def render(args: tuple[Arg, ...]) -> Bound:
        if given(args, 1):
            parts = _letters(name, constant_text(name, 1, args[1]))
            pattern = "".join(_LETTERS.get(p, p) for p in parts)
        else:
            pattern = "%Y-%m-%d %H:%M:%S" + (".%f" if digits else "")
        zone = constant_text(name, 2, args[2]) if given(args, 2) else ""
        t = datetime64(digits, zone) if digits else kept_zone(DATETIME, zone)
        parse_type(str(t))  # raises for an unknown zone
        attempt = unzoned(f"try_strptime({args[0].sql}, {literal(pattern)})", zone)
        sql = as_storage(attempt, t)
        if form == "null":
            return Bound(sql, nullable(t))
        if form == "zero":
            return Bound(f"coalesce({sql}, {zero_sql(t)})", t)
        broken = failure(args[0].sql, t)
        if args[0].type.is_nullable:
            broken = f"CASE WHEN ({args[0].sql}) IS NOT NULL THEN {broken} END"
        return Bound(f"coalesce({sql}, {broken})", lifted(t, args[:1]))

    return render


def _now(args: tuple[Arg, ...]) -> Bound:
    zone = constant_text("now", 0, args[0]) if args else ""
    t = parse_type(f"datetime({zone!r})") if zone else DATETIME
    return Bound(as_storage(INSTANT, t), t)


def _now64(args: tuple[Arg, ...]) -> Bound:
    """now64([scale[, zone]]) or now64(zone); the instant of a step has milliseconds."""
    zone, scale = "", 3
    for at, arg in enumerate(args):
        if isinstance(arg.constant, str):
            zone = arg.constant
        elif at == 0:
            scale = constant_int("now64", 0, arg)
        else:
            raise bad_type("now64", at, arg, "a constant zone")
    if not 0 <= scale <= 9:
        message = f"the scale of now64 must be 0 to 9, not {scale}"
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
    t = parse_type(f"datetime64({scale}, {zone!r})") if zone else datetime64(scale)
    return Bound(as_storage(INSTANT, t), t)


def _day(offset: int) -> Callable[[tuple[Arg, ...]], Bound]:
    def render(args: tuple[Arg, ...]) -> Bound:
        zone = constant_text("today", 0, args[0]) if args else ""
        parse_type(f"datetime({zone!r})" if zone else "datetime")  # raises for an unknown zone
        sql = f"CAST({zoned(INSTANT, zone)} AS DATE)"
        return Bound(f"CAST({sql} - {offset} AS DATE)" if offset else sql, DATE)

    return render


def _name_of(function: str) -> Callable[[tuple[Arg, ...]], Bound]:
    def render(args: tuple[Arg, ...]) -> Bound:
        return Bound(
            f"{function}({zoned(args[0].sql, args[0].type.zone)})", result_of(STRING, args)
        )

    return render


def _date_name(args: tuple[Arg, ...]) -> Bound:
    """date_name('month', time)."""
    part = constant_text("date_name", 0, args[0]).lower()
    functions = {
        "weekday": "dayname",
        "month": "monthname",
        "year": "year",
        "quarter": "quarter",
        "day": "day",
        "dayofyear": "dayofyear",
        "week": "weekofyear",
        "hour": "hour",
        "minute": "minute",
        "second": "second",
    }
    if part not in functions:
        raise SqlError(f"date_name knows no part {part!r}", Code.BAD_ARGUMENTS)
    wall = zoned(args[1].sql, args[1].type.zone)
    return Bound(f"CAST({functions[part]}({wall}) AS VARCHAR)", lifted(STRING, args[1:]))


_T = "to_datetime('2024-02-29 13:45:59')"


def _parser(form: str, digits: int) -> Scalar:
    name = f"parse_datetime{'64' if digits else ''}{'_or_' + form if form else ''}"
    otherwise = {"": "an error", "null": "NULL", "zero": "1970"}[form]
    summary = (
        f"A text in a format (as in format_datetime) as a time; {otherwise} if it does not fit."
    )
    if digits:
        example = (
            f"to_string({name}('2024-02-29 13:45:59.5', '%Y-%m-%d %H:%i:%S.%f'))",
            '"2024-02-29 13:45:59.500000"',
        )
    else:
        example = (f"{name}('29/02/2024 13:45', '%d/%m/%Y %H:%i')", '"2024-02-29 13:45:00"')
    return special(name, "text any? any?", _parse(form, digits), doc(summary, example))


SCALARS: tuple[Scalar, ...] = (
    volatile(
        special(
            "now",
            "any?",
            _now,
            doc("The instant of the step, in seconds.", ("now() >= to_datetime(0)", "true")),
            ("current_timestamp", "utc_timestamp"),
        )
    ),
    volatile(
        special(
            "now64",
            "any? any?",
            _now64,
            doc(
                "The instant of the step, in milliseconds.",
                ("now64() >= to_datetime64(0, 3)", "true"),
            ),
        )
    ),
    volatile(
        special(
            "today",
            "any?",
            _day(0),
            doc("The date of the step.", ("today() = to_date(now())", "true")),
            ("current_date",),
        )
    ),
    volatile(
        special(
            "yesterday", "any?", _day(1), doc("The day before.", ("yesterday() < today()", "true"))
        )
    ),
    special(
        "format_datetime",
        "date any any?",
        _format,
        doc(
            "A time as text: %Y %m %d %H %i %S and the other letters of MySQL.",
            (f"format_datetime({_T}, '%Y-%m-%d %H:%i:%S')", '"2024-02-29 13:45:59"'),
        ),
        ("date_format",),
    ),
    *(_parser(form, digits) for digits in (0, 6) for form in ("", "null", "zero")),
    special(
        "day_name",
        "date",
        _name_of("dayname"),
        doc("Name of the day.", (f"day_name({_T})", '"Thursday"')),
    ),
    special(
        "month_name",
        "date",
        _name_of("monthname"),
        doc("Name of the month.", (f"month_name({_T})", '"February"')),
    ),
    special(
        "date_name",
        "any date",
        _date_name,
        doc("A part of a time as text.", (f"date_name('month', {_T})", '"February"')),
    ),
)
