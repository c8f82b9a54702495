"""Arrays cut, filled and turned: functions that go over neighbours."""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.arrays import element
from engine.functions.build import as_condition, bad_type, doc, fn, given, lambda_sql
from engine.functions.casts import cast_sql
from engine.functions.table import Arg, Bound, Scalar
from engine.types import UINT32, array, duckdb_type, zero_sql


def _marks(name: str, args: tuple[Arg, ...]) -> str:
    """SQL of the list of what the lambda says of each element."""
    fun, items = args
    if len(fun.lambda_names) != 1:
        raise bad_type(name, 0, fun, "a lambda of one value")
    if items.type.inner.name != "array":
        raise bad_type(name, 1, items, "an array")
    held = Arg(f"coalesce({as_condition(fun)}, false)", fun.type, lambda_names=fun.lambda_names)
    return f"list_transform({items.sql}, {lambda_sql(held)})"


def _split(name: str, shift: int) -> Callable[[tuple[Arg, ...]], Bound]:
    """Cut before each element for which the lambda holds (shift 0), or behind it (shift 1)."""

    def render(args: tuple[Arg, ...]) -> Bound:
        marks, t = _marks(name, args), array(args[1].type.inner)
        starts = f"list_filter(range(2, len(__m) + 1), lambda __i: __m[__i - {shift}])"
        pieces = (
            "list_transform(__s, lambda __b, __n: "
            "list_slice(__a, __b, coalesce(__s[__n + 1], len(__a) + 1) - 1))"
        )
        cut = f"list_transform([flatten([[1], {starts}])], lambda __s: {pieces})[1]"
        whole = f"CASE WHEN len(__a) = 0 THEN []::{duckdb_type(t)} ELSE {cut} END"
        inner = f"list_transform([{marks}], lambda __m: {whole})[1]"
        return Bound(f"list_transform([{args[1].sql}], lambda __a: {inner})[1]", t)

    return render


def _fill(name: str, back: bool) -> Callable[[tuple[Arg, ...]], Bound]:
    """Elements for which the lambda does not hold take the one before them (`back`: behind)."""

    def render(args: tuple[Arg, ...]) -> Bound:
        own, best, reach = ("len(__a)", "min", ">=") if back else ("1", "max", "<=")
        good = f"lambda __j: __j {reach} __i AND (__m[__j] OR __j = {own})"
        places = f"list_filter(range(1, len(__a) + 1), {good})"
        filled = f"list_transform(__a, lambda __x, __i: __a[list_{best}({places})])"
        inner = f"list_transform([{_marks(name, args)}], lambda __m: {filled})[1]"
        sql = f"list_transform([{args[1].sql}], lambda __a: {inner})[1]"
        return Bound(sql, args[1].type.inner)

    return render


def _shift(sign: str) -> Callable[[tuple[Arg, ...]], str]:
    """Elements moved by n places; the freed ones get a value, the zero of the type if none."""

    def sql(args: tuple[Arg, ...]) -> str:
        t = element(args)
        value = cast_sql(args[2], t).sql if given(args, 2) else zero_sql(t)
        place = f"__i {sign} {args[1].sql}"
        inside = f"{place} BETWEEN 1 AND len({args[0].sql})"
        body = f"CASE WHEN {inside} THEN ({args[0].sql})[{place}] ELSE {value} END"
        return f"list_transform({args[0].sql}, lambda __x, __i: {body})"

    return sql


def _entry(
    name: str, render: Callable[[tuple[Arg, ...]], Bound], summary: str, *example: str
) -> Scalar:
    """An entry with a lambda first, which checks its own arguments."""
    about = doc(summary, (example[0], example[1]))
    return Scalar(
        name, 2, 2, render, summary=about.summary, examples=about.examples, params="lambda array"
    )


_BEFORE = "1 + (-$2 % len($1) + len($1)) % len($1)"  # where an array turned right begins

SCALARS: tuple[Scalar, ...] = (
    _entry(
        "array_split",
        _split("array_split", 0),
        "Cut before every element for which it holds.",
        "array_split(x -> x = 3, [1, 2, 3, 4])",
        "[[1, 2], [3, 4]]",
    ),
    _entry(
        "array_reverse_split",
        _split("array_reverse_split", 1),
        "Cut behind every element for which it holds.",
        "array_reverse_split(x -> x = 3, [1, 2, 3, 4])",
        "[[1, 2, 3], [4]]",
    ),
    _entry(
        "array_fill",
        _fill("array_fill", False),
        "Elements for which it does not hold become the one before them.",
        "array_fill(x -> x > 0, [0, 3, 0, 0, 5, 0])",
        "[0, 3, 3, 3, 5, 5]",
    ),
    _entry(
        "array_reverse_fill",
        _fill("array_reverse_fill", True),
        "Elements for which it does not hold become the one behind them.",
        "array_reverse_fill(x -> x > 0, [0, 3, 0, 0, 5, 0])",
        "[3, 3, 5, 5, 5, 0]",
    ),
    fn(
        "array_enumerate_uniq",
        "array",
        "list_transform($1, lambda __x, __i: len(list_filter(list_slice($1, 1, __i), "
        "lambda __y: __y IS NOT DISTINCT FROM __x)))",
        array(UINT32),
        doc(
            "How often each element has come up to its place.",
            ("array_enumerate_uniq([5, 5, 7, 5])", "[1, 2, 1, 3]"),
        ),
    ),
    fn(
        "array_rotate_left",
        "array bigint",
        "CASE WHEN len($1) = 0 THEN $1 ELSE flatten([list_slice($1, 1 + ($2 % len($1)), len($1)), "
        "list_slice($1, 1, $2 % len($1))]) END",
        lambda a: a[0].type.inner,
        doc("Moved to the left, in a circle.", ("array_rotate_left([1, 2, 3], 1)", "[2, 3, 1]")),
    ),
    fn(
        "array_rotate_right",
        "array bigint",
        f"CASE WHEN len($1) = 0 THEN $1 ELSE flatten([list_slice($1, {_BEFORE}, len($1)), "
        f"list_slice($1, 1, {_BEFORE} - 1)]) END",
        lambda a: a[0].type.inner,
        doc("Moved to the right, in a circle.", ("array_rotate_right([1, 2, 3], 1)", "[3, 1, 2]")),
    ),
    fn(
        "array_shift_left",
        "array bigint any?",
        _shift("+"),
        lambda a: a[0].type.inner,
        doc("Moved to the left, filled up.", ("array_shift_left([1, 2, 3], 1)", "[2, 3, 0]")),
    ),
    fn(
        "array_shift_right",
        "array bigint any?",
        _shift("-"),
        lambda a: a[0].type.inner,
        doc("Moved to the right, filled up.", ("array_shift_right([1, 2, 3], 1, 9)", "[9, 1, 2]")),
    ),
)
