"""Random values: a hash of the row, the call site's seed and a salt.

So a step that is replayed gives the same values. The binder replaces `{seed}` at every call site by
another integer and `__row` by the number of the row (see `engine.functions.table`).
"""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.addresses import ipv4_text
from engine.functions.build import (
    bad_type,
    bounded,
    constant_text,
    doc,
    literal,
    special,
    substitute,
    volatile,
)
from engine.functions.casts import cast_sql
from engine.functions.table import ROW, SEED, Arg, Bound, Scalar
from engine.type_parser import parse_type
from engine.types import FLOAT64, INT64, STRING, UINT32, UINT64, UUID, DataType, duckdb_type

TEXT_MAX = 1 << 20  # characters of a random text: each takes 16 bytes while it is made
_TEXT_LENGTH = 10  # of random_in_type('string')
_DAYS = 65_536


def bits(salt: str) -> str:
    """64 random bits as UBIGINT."""
    return f"hash({ROW}, {SEED}, {salt})"


def uniform(salt: str) -> str:
    """A DOUBLE in [0, 1)."""
    return f"(CAST({bits(salt)} >> 11 AS DOUBLE) / 9007199254740992)"


def _salt(args: tuple[Arg, ...]) -> str:
    return args[0].sql if args else "0"


def _normal(salt: str) -> str:
    """Standard normal, Box and Muller."""
    first, second = uniform(f"{salt}1"), uniform(f"{salt}2")
    return f"sqrt(-2 * ln(1 - {first})) * cos(2 * pi() * {second})"


def _text(count: str, low: int, span: int) -> str:
    length = bounded(count, most=TEXT_MAX)
    letter = f"chr(CAST({low} + {bits('__i')} % {span} AS INTEGER))"
    return (
        f"coalesce(array_to_string(list_transform(range({length}), lambda __i: {letter}), ''), '')"
    )


def _uuid() -> str:
    """Version 4, variant 1."""
    text = f"md5(concat_ws('-', {ROW}, {SEED}))"
    variant = f"substring('89ab', CAST(1 + {bits('7')} % 4 AS INTEGER), 1)"
    return (
        f"(substring({text}, 1, 8) || '-' || substring({text}, 9, 4) || '-4' "
        f"|| substring({text}, 14, 3) || '-' || {variant} || substring({text}, 18, 3) "
        f"|| '-' || substring({text}, 21, 12))"
    )


def _whole(t: DataType, most: str) -> str:
    """A random integer of a type, below `most` if given."""
    if most:
        return (
            f"CAST({bits('0')} % CAST({most} AS UBIGINT) AS VARCHAR)"
            if t.bits > 64
            else (f"{bits('0')} % CAST({most} AS UBIGINT)")
        )
    if t.bits > 64:
        sign = f"CASE WHEN {bits('3')} % 2 = 0 THEN '-' ELSE '' END || " if t.is_signed else ""
        digits = 10**18
        front = f"CAST(1 + {bits('1')} % {digits} AS VARCHAR)"
        return f"{sign}{front} || CAST({digits} + {bits('2')} % {digits} AS VARCHAR)"
    low = f"({bits('0')} & {(1 << t.bits) - 1})"
    return low if not t.is_signed else f"{low}::HUGEINT - {1 << (t.bits - 1)}::HUGEINT"


def _moment(t: DataType, most: str) -> str:
    span = f"CAST({most} AS UBIGINT)" if most else ""
    if t.is_date:
        return f"DATE '1970-01-01' + CAST({bits('0')} % {span or _DAYS} AS INTEGER)"
    ticks = f"CAST({bits('0')} % {span or 4294967296 * 10**t.scale} AS BIGINT)"
    if t.scale > 6:
        return f"make_timestamp_ns(CAST({ticks} * {10 ** (9 - t.scale)} AS BIGINT))"
    return f"make_timestamp({ticks} * {10 ** (6 - t.scale)})"


def _of_type(t: DataType, most: str) -> str | None:
    """SQL of a random value of a type; None for types that have none."""
    if t.is_integer:
        return _whole(t, most)
    if t.is_float:
        return f"{uniform('0')} * {most or '1'}"
    if t.is_temporal:
        return _moment(t, most)
    if t.is_decimal:
        digits = min(t.precision, 18)
        whole = f"CAST({bits('0')} % {10**digits} AS DECIMAL(38, 0))"
        scaled = f"CAST({whole} AS DOUBLE) / {10 ** min(t.scale, digits)}"
        return f"CAST({scaled} AS DECIMAL(38, {min(t.scale, 18)}))" if t.precision > 38 else scaled
    if t.is_enum:
        names = "[" + ", ".join(literal(n) for n in t.members) + "]"
        return f"{names}[CAST(1 + {bits('0')} % {len(t.members)} AS INTEGER)]"
    simple: dict[str, Callable[[], str]] = {
        "bool": lambda: f"{bits('0')} % 2 = 0",
        "string": lambda: _text(most or str(_TEXT_LENGTH), 32, 95),
        "fixed_string": lambda: _text(str(t.parameters[0]), 97, 26),
        "uuid": _uuid,
        "ipv4": lambda: ipv4_text(f"({bits('0')} & 4294967295)"),
        "ipv6": lambda: (
            "concat_ws(':', "
            + ", ".join(f"lower(hex(CAST({bits(str(i))} & 65535 AS BIGINT)))" for i in range(8))
            + ")"
        ),
    }
    make = simple.get(t.name)
    return make() if make else None


def drawn_type(t: DataType) -> DataType:
    """What the lambda of random_in_type gets: a value of a numeric type, else a whole number."""
    return t.inner if t.is_numeric or t.inner.name == "bool" else UINT64


def _in_type(args: tuple[Arg, ...]) -> Bound:
    """random_in_type('type'[, max][, lambda])."""
    name = "random_in_type"
    if args[0].lambda_names:
        raise bad_type(name, 0, args[0], "the name of a type")
    t = parse_type(constant_text(name, 0, args[0]))
    rest = [a for a in args[1:] if not a.lambda_names]
    funs = [a for a in args[1:] if a.lambda_names]
    if rest and not rest[0].type.is_numeric:
        raise bad_type(name, 1, rest[0], "a number")
    drawn = drawn_type(t) if funs else t
    made = _of_type(drawn.inner, rest[0].sql if rest else "")
    if made is None:
        raise bad_type(name, 0, args[0], "the name of a type that is not nested")
    sql = f"CAST({made} AS {duckdb_type(drawn)})"
    if not funs:
        return Bound(sql, t)
    fun = funs[0]
    if len(fun.lambda_names) != 1:
        raise bad_type(name, len(args) - 1, fun, "a lambda of one value")
    body = substitute(fun.sql, {fun.lambda_names[0]: f"({sql})"})
    return cast_sql(Arg(body, fun.type), t)


def _draw(
    make: Callable[[tuple[Arg, ...]], str], t: DataType
) -> Callable[[tuple[Arg, ...]], Bound]:
    return lambda args: Bound(f"CAST({make(args)} AS {duckdb_type(t)})", t)


def _rand_text(low: int, span: int) -> Callable[[tuple[Arg, ...]], Bound]:
    return lambda args: Bound(_text(args[0].sql, low, span), STRING)


def _number(args: tuple[Arg, ...], at: int) -> str:
    return f"CAST({args[at].sql} AS DOUBLE)"


SCALARS: tuple[Scalar, ...] = tuple(
    volatile(entry)
    for entry in (
        special(
            "rand",
            "any?",
            _draw(lambda a: f"{bits(_salt(a))} & 4294967295", UINT32),
            doc("A random uint32.", ("rand() >= 0", "true")),
            ("rand32",),
        ),
        special(
            "rand64",
            "any?",
            _draw(lambda a: bits(_salt(a)), UINT64),
            doc("A random uint64.", ("rand64() >= 0", "true")),
        ),
        special(
            "rand_uniform",
            "float float any?",
            _draw(
                lambda a: f"{_number(a, 0)} + {uniform('0')} * ({_number(a, 1)} - {_number(a, 0)})",
                FLOAT64,
            ),
            doc("Evenly distributed from a to b.", ("rand_uniform(5, 5)", "5")),
        ),
        special(
            "rand_normal",
            "float float any?",
            _draw(lambda a: f"{_number(a, 0)} + {_number(a, 1)} * {_normal('0')}", FLOAT64),
            doc("Normally distributed: mean, standard deviation.", ("rand_normal(5, 0)", "5")),
        ),
        special(
            "rand_log_normal",
            "float float any?",
            _draw(lambda a: f"exp({_number(a, 0)} + {_number(a, 1)} * {_normal('0')})", FLOAT64),
            doc(
                "A number whose logarithm is normally distributed: mean, standard deviation.",
                ("rand_log_normal(0, 0)", "1"),
            ),
        ),
        special(
            "rand_exponential",
            "float any?",
            _draw(lambda a: f"-ln(1 - {uniform('0')}) / {_number(a, 0)}", FLOAT64),
            doc("Exponentially distributed with a rate.", ("rand_exponential(1) >= 0", "true")),
        ),
        special(
            "rand_bernoulli",
            "float any?",
            _draw(lambda a: f"CASE WHEN {uniform('0')} < {_number(a, 0)} THEN 1 ELSE 0 END", INT64),
            doc("1 with a probability, else 0.", ("rand_bernoulli(1)", "1")),
        ),
        special(
            "random_printable_ascii",
            "integer any?",
            _rand_text(32, 95),
            doc(
                "A random text of n printable characters, up to 1 MiB.",
                ("length(random_printable_ascii(5))", "5"),
            ),
        ),
        special(
            "random_string",
            "integer any?",
            _rand_text(97, 26),
            doc(
                "A random text of n lower-case letters, up to 1 MiB.",
                ("length(random_string(5))", "5"),
            ),
            ("random_string_utf8", "random_fixed_string"),
        ),
        special(
            "random_in_type",
            "any either? either?",
            _in_type,
            doc(
                "A random value of a type, below a maximum, changed by a lambda.",
                ("random_in_type('uint8', 1)", "0"),
                ("random_in_type('string', 1, x -> concat('n', to_string(x)))", '"n0"'),
            ),
        ),
        special(
            "uuid",
            "any?",
            _draw(lambda a: _uuid(), UUID),
            doc("A random UUID.", ("length(uuid())", "36")),
            ("generate_uuid_v4", "generate_uuidv4"),
        ),
    )
)
