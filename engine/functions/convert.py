"""Type conversions under their function names: to_int8 ... to_datetime64, _or_zero, _or_null."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import Code, SqlError
from engine.functions.build import bad_type, constant_int, constant_text, doc, given, special
from engine.functions.casts import cast_sql, or_null, or_zero
from engine.functions.render import text_sql
from engine.functions.table import Arg, Bound, Scalar
from engine.type_parser import parse_type
from engine.types import (
    BOOL,
    DATE,
    DATE32,
    STRING,
    DataType,
    datetime64,
    decimal,
    nullable,
    zero_sql,
)

_Form = Callable[[Arg, DataType], Bound]
_FORMS: tuple[tuple[str, _Form, str], ...] = (
    ("", cast_sql, ""),
    ("_or_zero", or_zero, "; zero if it cannot be parsed"),
    ("_or_null", or_null, "; NULL if it cannot be parsed"),
)

_NUMBERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64, 128, 256))
_ALIASES = {
    "int32": ("to_int", "to_integer"),
    "int64": ("to_bigint",),
    "uint32": ("to_uint",),
    "float64": ("to_float", "to_double"),
}
_SAMPLES = {
    "bool": ("'true'", "true"),
    "date": ("'2022-03-21'", '"2022-03-21"'),
    "date32": ("'2022-03-21'", '"2022-03-21"'),
    "uuid": (
        "'61f0c404-5cb3-11e7-907b-a6006ad3dba0'",
        '"61f0c404-5cb3-11e7-907b-a6006ad3dba0"',
    ),
    "ipv4": ("'1.2.3.4'", '"1.2.3.4"'),
    "ipv6": ("'::1'", '"::1"'),
}
_BAD = {"bool": "false", "date": '"1970-01-01"', "date32": '"1970-01-01"'}
_BAD["uuid"] = '"00000000-0000-0000-0000-000000000000"'
_BAD.update(ipv4='"0.0.0.0"', ipv6='"::"')


def _example(name: str, family: str, suffix: str, wide: bool) -> tuple[str, str]:
    text, value = _SAMPLES.get(family, ("'12'", '"12"' if wide else "12"))
    if suffix == "_or_zero":
        return f"{name}('x')", _BAD.get(family, '"0"' if wide else "0")
    if suffix == "_or_null":
        return f"{name}('x')", "null"
    return f"{name}({text})", value


def _to(t: DataType, form: _Form) -> Callable[[tuple[Arg, ...]], Bound]:
    """A time has another date in another zone, so that a second argument counts there."""

    def render(args: tuple[Arg, ...]) -> Bound:
        arg = args[0]
        if t.name in ("date", "date32") and arg.type.is_time and given(args, 1):
            seen = DataType("datetime64", (), (arg.type.scale, _zone(f"to_{t.name}", args, 1)))
            parse_type(str(seen))  # raises for an unknown zone
            return form(Arg(arg.sql, nullable(seen) if arg.type.is_nullable else seen), t)
        return form(arg, t)

    return render


def _simple(t: DataType) -> tuple[Scalar, ...]:
    """The three forms of a conversion to a type without parameters."""
    entries: list[Scalar] = []
    for suffix, form, words in _FORMS:
        name = f"to_{t.name}{suffix}"
        about = doc(f"As {t.name}{words}.", _example(name, t.name, suffix, t.is_wide_integer))
        aliases = tuple(a + suffix for a in _ALIASES.get(t.name, ()))
        entries.append(special(name, "any any?", _to(t, form), about, aliases))
    return tuple(entries)


def _with_default(t: DataType) -> Scalar:
    """The fourth form of a conversion: another value, or zero, where a text cannot be parsed."""
    name = f"to_{t.name}_or_default"

    def render(args: tuple[Arg, ...]) -> Bound:
        if not given(args, 1):
            return or_zero(args[0], t)
        other = cast_sql(args[1], t)
        found = nullable(t) if other.type.is_nullable else t
        return Bound(f"coalesce({or_null(args[0], t).sql}, {other.sql})", found)

    text, value = _SAMPLES.get(t.name, ("'12'", '"12"' if t.is_wide_integer else "12"))
    about = doc(f"As {t.name}; the second argument, else zero, if it cannot be parsed.",
                (f"{name}('x', {text})", value))  # fmt: skip
    aliases = tuple(f"{alias}_or_default" for alias in _ALIASES.get(t.name, ()))
    return special(name, "any any?", render, about, aliases)


def _decimal(digits: int, suffix: str, form: _Form, words: str) -> Scalar:
    name = f"to_decimal{digits or ''}{suffix}"
    precision = {32: 9, 64: 18, 128: 38, 256: 76}.get(digits, 38)

    def render(args: tuple[Arg, ...]) -> Bound:
        scale = constant_int(name, 1, args[1])
        if not 0 <= scale <= precision:
            message = f"the scale of {name} must be 0 to {precision}, not {scale}"
            raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
        return form(args[0], decimal(precision, scale))

    value = {"": '"1.23"', "_or_zero": '"0.00"', "_or_null": "null"}[suffix]
    sample = "'1.239'" if not suffix else "'x'"
    return special(
        name, "any any", render, doc(f"As a decimal{words}.", (f"{name}({sample}, 2)", value))
    )


def _zone(name: str, args: tuple[Arg, ...], at: int) -> str:
    return constant_text(name, at, args[at]) if given(args, at) else ""


def _datetime(suffix: str, form: _Form, words: str) -> Scalar:
    name = f"to_datetime{suffix}"

    def render(args: tuple[Arg, ...]) -> Bound:
        zone = _zone(name, args, 1)
        return form(args[0], parse_type(f"datetime('{zone}')") if zone else DataType("datetime"))

    value = {"": '"2022-03-24 17:17:11"', "_or_zero": '"1970-01-01 00:00:00"', "_or_null": "null"}
    sample = "'2022-03-24 17:17:11'" if not suffix else "'x'"
    about = doc(f"As datetime{words}.", (f"{name}({sample})", value[suffix]))
    return special(
        name,
        "any any?",
        render,
        about,
        (f"to_datetime32{suffix}", f"parse_datetime_best_effort{suffix}"),
    )


def _datetime64(
    name: str, form: _Form, summary: str, example: tuple[str, str], *aliases: str
) -> Scalar:
    def render(args: tuple[Arg, ...]) -> Bound:
        scale = constant_int(name, 1, args[1]) if given(args, 1) else 3
        if not 0 <= scale <= 9:
            message = f"the scale of {name} must be 0 to 9, not {scale}"
            raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
        zone = _zone(name, args, 2)
        t = parse_type(f"datetime64({scale}, '{zone}')") if zone else datetime64(scale)
        return form(args[0], t)

    return special(name, "any any? any?", render, doc(summary, example), aliases)


def _to_time(args: tuple[Arg, ...]) -> Bound:
    zone = _zone("to_time", args, 1)
    t = parse_type(f"datetime64(3, '{zone}')") if zone else datetime64(3)
    return cast_sql(args[0], t)


def _to_string(args: tuple[Arg, ...]) -> Bound:
    zone = _zone("to_string", args, 1)
    arg = args[0]
    if zone and arg.type.is_time:
        t = DataType("datetime64", (), (arg.type.scale, zone))
        parse_type(str(t))  # raises for an unknown zone
        return cast_sql(Arg(arg.sql, nullable(t) if arg.type.is_nullable else t), STRING)
    t = nullable(STRING) if arg.type.is_nullable else STRING
    return Bound(text_sql(arg.sql, arg.type), t)


def _to_fixed_string(args: tuple[Arg, ...]) -> Bound:
    return cast_sql(
        args[0], DataType("fixed_string", (), (constant_int("to_fixed_string", 1, args[1]),))
    )


def _cast(form: _Form, name: str) -> Callable[[tuple[Arg, ...]], Bound]:
    return lambda args: form(args[0], parse_type(constant_text(name, 1, args[1])))


def _type_name(args: tuple[Arg, ...]) -> Bound:
    return Bound("'" + str(args[0].type).replace("'", "''") + "'", STRING)


def _default_of_type(args: tuple[Arg, ...]) -> Bound:
    t = parse_type(constant_text("default_value_of_type_name", 0, args[0]))
    return Bound(zero_sql(t), t)


def _to_interval(unit: str) -> Scalar:
    name = f"to_interval_{unit}"

    def render(args: tuple[Arg, ...]) -> Bound:
        if not args[0].type.is_integer:
            raise bad_type(name, 0, args[0], "an integer")
        n = f"CAST({args[0].sql} AS BIGINT)"
        sql = (
            f"to_{unit}s({n})"
            if unit not in _SMALL
            else f"to_{unit}s(CAST({args[0].sql} AS INTEGER))"
        )
        return Bound(sql, DataType(f"interval_{unit}"))

    example = (f"to_datetime('2024-01-01 00:00:00') + {name}(0)", '"2024-01-01 00:00:00"')
    return special(name, "any", render, doc(f"An interval of n {unit}s.", example))


_SMALL = frozenset(("day", "week", "month", "quarter", "year"))
_UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")

_TYPES = tuple(DataType(n) for n in (*_NUMBERS, "float32", "float64", "uuid", "ipv4", "ipv6"))

SCALARS: tuple[Scalar, ...] = (
    *(entry for t in (*_TYPES, BOOL, DATE, DATE32) for entry in _simple(t)),
    *(_with_default(t) for t in (*_TYPES, BOOL, DATE, DATE32)),
    *(_decimal(digits, *form) for digits in (0, 32, 64, 128, 256) for form in _FORMS),
    *(_datetime(*form) for form in _FORMS),
    *(
        _datetime64(
            f"to_datetime64{suffix}",
            form,
            f"As datetime64(p[, zone]){words}.",
            (
                f"to_string(to_datetime64{suffix}('2022-03-24 17:17:11.5', 3))",
                '"2022-03-24 17:17:11.500"',
            ),
        )
        for suffix, form, words in _FORMS
    ),
    _datetime64(
        "parse_datetime64_best_effort",
        cast_sql,
        "Date and time from the usual written forms.",
        (
            "to_string(parse_datetime64_best_effort('11/02/2021 20:00:01'))",
            '"2021-11-02 20:00:01.000"',
        ),
        "parse_datetime64_best_effort_us",
    ),
    special(
        "to_time",
        "any any?",
        _to_time,
        doc(
            "As datetime64(3), from the usual written forms.",
            ("to_string(to_time('11/02/2021 20:00:01'))", '"2021-11-02 20:00:01.000"'),
        ),
    ),
    special(
        "to_string",
        "any any?",
        _to_string,
        doc(
            "The text of a value; of a time in a zone if one is given.",
            ("to_string(to_datetime64('2020-01-01 00:00:00', 3))", '"2020-01-01 00:00:00.000"'),
            ("to_string(true)", '"true"'),
            ("to_string([1, 2])", '"[1,2]"'),
        ),
    ),
    special(
        "to_fixed_string",
        "any any",
        _to_fixed_string,
        doc("As fixed_string(n); longer text is an error.", ("to_fixed_string('ab', 3)", '"ab"')),
    ),
    special(
        "cast", "any any", _cast(cast_sql, "cast"), doc("As a type.", ("cast('1', 'int8')", "1"))
    ),
    special(
        "accurate_cast_or_null",
        "any any",
        _cast(or_null, "accurate_cast_or_null"),
        doc("As a type, NULL if that fails.", ("accurate_cast_or_null('x', 'int8')", "null")),
        ("cast_or_null", "try_cast"),
    ),
    special(
        "accurate_cast_or_default",
        "any any",
        _cast(or_zero, "accurate_cast_or_default"),
        doc("As a type, zero if that fails.", ("accurate_cast_or_default('x', 'int8')", "0")),
    ),
    special(
        "to_type_name",
        "any",
        _type_name,
        doc("The name of the type of a value.", ("to_type_name('a')", '"string"')),
        ("type_of",),
    ),
    special(
        "default_value_of_type_name",
        "any",
        _default_of_type,
        doc("The zero of a type.", ("default_value_of_type_name('int8')", "0")),
    ),
    *(_to_interval(unit) for unit in _UNITS),
)
