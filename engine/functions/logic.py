"""Conditions, NULLs, comparisons and logical operators under their function names."""

from __future__ import annotations

from functools import reduce

from engine.errors import Code, SqlError
from engine.functions.build import (
    as_condition,
    bad_type,
    doc,
    fn,
    special,
    typed,
    wrapped,
)
from engine.functions.comparing import compare
from engine.functions.ordering import extreme_of, is_keyed
from engine.functions.table import Arg, Bound, Scalar
from engine.functions.wide import digits
from engine.type_promotion import supertype
from engine.types import BOOL, INT8, DataType, not_nullable, nullable, zero_sql


def common(args: tuple[Arg, ...]) -> DataType:
    """The type that holds the values of all arguments, nullable if one of them is."""
    return reduce(supertype, (a.type for a in args))


def in_type(arg: Arg, t: DataType) -> str:
    """SQL of the argument in the storage of a common type."""
    if t.is_wide_integer:
        return digits(arg)
    if arg.type.inner == t.inner and not isinstance(arg.constant, int | float):
        return arg.sql
    return typed(arg.sql, t)


def _if(args: tuple[Arg, ...]) -> Bound:
    return _multi_if(args)


def _multi_if(args: tuple[Arg, ...]) -> Bound:
    """Odd positions are conditions, the last argument is the default."""
    if len(args) % 2 == 0:
        message = "multi_if takes conditions and values in turn, then a default"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    for at in range(0, len(args) - 1, 2):
        test = args[at].type
        if not (test.is_numeric or test.inner.name in ("bool", "nothing")):
            raise bad_type("multi_if", at, args[at], "a condition")
    values = (*args[1::2], args[-1])
    t = common(values)
    cases = " ".join(
        f"WHEN {as_condition(test)} THEN {in_type(value, t)}"
        for test, value in zip(args[0:-1:2], args[1::2], strict=False)
    )
    return Bound(typed(f"CASE {cases} ELSE {in_type(args[-1], t)} END", t), t)


def _by_value(args: tuple[Arg, ...]) -> Bound:
    """A value, then values to compare it with and results in turn, last the default."""
    if len(args) % 2:
        message = "case_with_expression takes a value, values and results in turn, then a default"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    tests = (compare("=", args[0], other) for other in args[1:-1:2])
    pairs = zip(tests, args[2:-1:2], strict=True)
    return _multi_if((*(part for pair in pairs for part in pair), args[-1]))


def _coalesce(args: tuple[Arg, ...]) -> Bound:
    t = common(args)
    if any(not a.type.is_nullable for a in args):
        t = not_nullable(t)
    parts = ", ".join(in_type(a, t) for a in args)
    return Bound(typed(f"coalesce({parts})", t), t)


def _null_if(args: tuple[Arg, ...]) -> Bound:
    t = nullable(args[0].type)
    equal = compare("=", *args).sql
    return Bound(typed(f"CASE WHEN {equal} THEN NULL ELSE {args[0].sql} END", t), t)


def _is_null(args: tuple[Arg, ...]) -> Bound:
    return Bound(f"({wrapped(args[0].sql)} IS NULL)", BOOL)


def _is_not_null(args: tuple[Arg, ...]) -> Bound:
    return Bound(f"({wrapped(args[0].sql)} IS NOT NULL)", BOOL)


def _assume_not_null(args: tuple[Arg, ...]) -> Bound:
    t = not_nullable(args[0].type)
    return Bound(typed(f"coalesce({args[0].sql}, {zero_sql(t)})", t), t)


def _to_nullable(args: tuple[Arg, ...]) -> Bound:
    t = nullable(args[0].type)
    return Bound(typed(args[0].sql, t), t)


def _comparison(name: str, operator: str, summary: str, examples: str) -> Scalar:
    def render(args: tuple[Arg, ...]) -> Bound:
        found = compare(operator, *args)
        return Bound(found.sql, found.type)

    sql, value = examples.split(" = ")
    return special(name, "any any", render, doc(summary, (sql, value)))


def _compare(args: tuple[Arg, ...]) -> str:
    less, more = (compare(symbol, *args).sql for symbol in "<>")
    return f"CASE WHEN {less} THEN -1 WHEN {more} THEN 1 ELSE 0 END"


def _extreme(function: str) -> Scalar:
    word = "largest" if function == "greatest" else "smallest"

    def render(args: tuple[Arg, ...]) -> Bound:
        t = common(args)
        parts = ", ".join(in_type(a, t) for a in args)
        if is_keyed(t):
            side = "max" if function == "greatest" else "min"
            return Bound(typed(extreme_of(f"[{parts}]", t, side), t), t)
        return Bound(typed(f"{function}({parts})", t), t)

    value = "3" if function == "greatest" else "1"
    example = (f"{function}(1, 3, 2)", value)
    return special(function, "any any+", render, doc(f"The {word} argument.", example))


_CONDITIONS = (
    special(
        "if",
        "condition any any",
        _if,
        doc(
            "The second argument if the first holds, else the third.",
            ("if(1 < 2, 'a', 'b')", '"a"'),
        ),
    ),
    special(
        "multi_if",
        "any any any any*",
        _multi_if,
        doc(
            "Conditions and values in turn, then the default.",
            ("multi_if(1 > 2, 'a', 2 > 1, 'b', 'c')", '"b"'),
        ),
        ("case_when",),
    ),
    special(
        "case_with_expression",
        "any any any any+",
        _by_value,
        doc(
            "The result that stands behind the value equal to the first argument, else the last.",
            ("case_with_expression(2, 1, 'a', 2, 'b', 'c')", '"b"'),
        ),
    ),
    special(
        "coalesce",
        "any any*",
        _coalesce,
        doc("The first argument that is not NULL.", ("coalesce(null, 5)", "5")),
    ),
    special(
        "if_null",
        "any any",
        _coalesce,
        doc("The first argument unless NULL, else the second.", ("if_null(null, 'x')", '"x"')),
    ),
    special(
        "null_if",
        "any any",
        _null_if,
        doc("NULL if both are equal, else the first.", ("null_if(1, 1)", "null")),
        ("nullif",),
    ),
    special("is_null", "any", _is_null, doc("Whether NULL.", ("is_null(null)", "true"))),
    special(
        "is_not_null", "any", _is_not_null, doc("Whether not NULL.", ("is_not_null(1)", "true"))
    ),
    special(
        "assume_not_null",
        "any",
        _assume_not_null,
        doc(
            "The value; the zero of its type for NULL.",
            ("assume_not_null(to_nullable(3))", "3"),
        ),
    ),
    special(
        "to_nullable",
        "any",
        _to_nullable,
        doc("The same value, of nullable type.", ("to_nullable('a')", '"a"')),
    ),
)

_COMPARISONS = (
    _comparison("equals", "=", "a = b.", "equals(1, 1) = true"),
    _comparison("not_equals", "!=", "a != b.", "not_equals(1, 1) = false"),
    _comparison("less", "<", "a < b.", "less(1, 2) = true"),
    _comparison("greater", ">", "a > b.", "greater(1, 2) = false"),
    _comparison("less_or_equals", "<=", "a <= b.", "less_or_equals(2, 2) = true"),
    _comparison("greater_or_equals", ">=", "a >= b.", "greater_or_equals(1, 2) = false"),
    fn(
        "compare",
        "any any",
        _compare,
        INT8,
        doc("-1, 0 or 1 as the first is less, equal or greater.", ("compare('a', 'b')", "-1")),
    ),
    _extreme("greatest"),
    _extreme("least"),
)

_LOGICAL = (
    fn(
        "and",
        "condition condition+",
        lambda a: "(" + " AND ".join(wrapped(x.sql) for x in a) + ")",
        BOOL,
        doc("Whether all hold.", ("and(true, 1 < 2)", "true")),
    ),
    fn(
        "or",
        "condition condition+",
        lambda a: "(" + " OR ".join(wrapped(x.sql) for x in a) + ")",
        BOOL,
        doc("Whether one holds.", ("or(false, 1 < 2)", "true")),
    ),
    fn("not", "condition", "(NOT $1)", BOOL, doc("Whether it does not hold.", ("not(0)", "true"))),
    fn(
        "xor",
        "condition condition",
        "($1 <> $2)",
        BOOL,
        doc("Whether exactly one holds.", ("xor(true, true)", "false")),
    ),
)

SCALARS = _CONDITIONS + _COMPARISONS + _LOGICAL
