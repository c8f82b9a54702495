"""Arrays. Indices count from 1, negative ones from the end; lambdas stand first."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import Code, SqlError
from engine.functions.build import (
    VALUE_BYTES_MAX,
    bad_type,
    bounded,
    doc,
    fill,
    fn,
    given,
    special,
    typed,
    up_to,
    wrapped,
)
from engine.functions.casts import cast_sql
from engine.functions.comparing import held_in
from engine.functions.logic import common, in_type
from engine.functions.math import wrap64
from engine.functions.ordering import extreme_of
from engine.functions.table import Arg, Bound, Scalar
from engine.types import (
    BOOL,
    FLOAT64,
    INT64,
    UINT32,
    UINT64,
    DataType,
    array,
    duckdb_type,
    tuple_of,
    zero_sql,
)

ELEMENTS_MAX = VALUE_BYTES_MAX // 8


def element(args: tuple[Arg, ...]) -> DataType:
    """The type of the elements of the first argument."""
    t = args[0].type.inner
    return t.args[0] if t.name == "array" else t


def _array(args: tuple[Arg, ...]) -> Bound:
    if not args:
        return Bound("[]::TINYINT[]", array(DataType("nothing")))
    t = common(args)
    parts = ", ".join(in_type(a, t) for a in args)
    return Bound(typed(f"[{parts}]", array(t)), array(t))


def _concat(args: tuple[Arg, ...]) -> Bound:
    t = common(args)
    parts = ", ".join(in_type(a, t) for a in args)
    return Bound(typed(f"flatten([{parts}])", t), t)


def _element_at(args: tuple[Arg, ...]) -> Bound:
    """The zero of the element type beyond the ends."""
    t = element(args)
    item = f"list_extract({args[0].sql}, CAST({args[1].sql} AS BIGINT))"
    return Bound(typed(f"coalesce({item}, {zero_sql(t)})", t), t)


def _slice(args: tuple[Arg, ...]) -> str:
    """Offset and length as the dialect has them, as begin and end."""
    items, offset = wrapped(args[0].sql), f"CAST({args[1].sql} AS BIGINT)"
    begin = (
        f"CASE WHEN {offset} < 0 THEN greatest(len({items}) + {offset} + 1, 1) ELSE {offset} END"
    )
    if not given(args, 2):
        return f"list_slice({items}, {begin}, len({items}))"
    length = f"CAST({args[2].sql} AS BIGINT)"
    end = f"CASE WHEN {length} < 0 THEN len({items}) + {length} ELSE ({begin}) + {length} - 1 END"
    return f"list_slice({items}, {begin}, {end})"


def _resize(args: tuple[Arg, ...]) -> str:
    t = element(args)
    filler = cast_sql(args[2], t).sql if given(args, 2) else zero_sql(t)
    length = bounded(args[1].sql, "8")
    return f"list_resize({args[0].sql}, {length}, CAST({filler} AS {_storage(t)}))"


def _storage(t: DataType) -> str:
    return duckdb_type(t)


def list_sum(sql: str, t: DataType) -> tuple[str, DataType]:
    """The sum of an array's SQL: 64 bits that wrap, decimal or float."""
    if t.inner.name == "nothing":  # an empty array
        return "CAST(0 AS UBIGINT)", UINT64
    if t.is_wide_integer:
        add = f"__wide('+', '{t.inner}', __a, __x)"
        return f"coalesce(list_reduce({sql}, lambda __a, __x: {add}), '0')", t.inner
    total = f"coalesce(list_sum({sql}), 0)"
    if t.is_integer or t.inner == BOOL:
        result = INT64 if t.is_signed else UINT64
        numbers = f"coalesce(list_sum(CAST({sql} AS HUGEINT[])), 0)"
        return wrap64(numbers, result), result
    if t.is_decimal:
        return typed(total, DataType("decimal", (), (38, t.scale))), DataType(
            "decimal", (), (38, t.scale)
        )
    if not t.is_float:
        raise SqlError(f"cannot add elements of type {t}", Code.ILLEGAL_TYPE_OF_ARGUMENT)
    return f"CAST({total} AS DOUBLE)", FLOAT64


def _array_sum(args: tuple[Arg, ...]) -> Bound:
    sql, t = list_sum(args[0].sql, element(args))
    return Bound(sql, t)


def _array_avg(args: tuple[Arg, ...]) -> str:
    return f"coalesce(list_avg({numbers('array_reduce', args)}), 'nan'::DOUBLE)"


def _extreme(function: str, args: tuple[Arg, ...]) -> Bound:
    t = element(args)
    found = extreme_of(args[0].sql, t, function)
    return Bound(typed(f"coalesce({found}, {zero_sql(t)})", t), t)


def _aggregated(args: tuple[Arg, ...]) -> Bound:
    """array_reduce('sum', arr) over the aggregates that a list takes."""
    name = args[0].constant
    if not isinstance(name, str) or name not in _REDUCTIONS:
        words = ", ".join(sorted(_REDUCTIONS))
        raise bad_type("array_reduce", 0, args[0], f"one of {words}")
    return _REDUCTIONS[name]((args[1],))


_REDUCTIONS = {
    "sum": _array_sum,
    "avg": lambda a: Bound(_array_avg(a), FLOAT64),
    "min": lambda a: _extreme("min", a),
    "max": lambda a: _extreme("max", a),
    "any": lambda a: _element_at((a[0], Arg("1", INT64, 1))),
    "count": lambda a: Bound(f"CAST(len({a[0].sql}) AS UBIGINT)", UINT64),
    "unique_exact": lambda a: Bound(f"CAST(list_unique({a[0].sql}) AS UBIGINT)", UINT64),
    "median": lambda a: Bound(
        f"coalesce(list_median({numbers('array_reduce', a)}), 'nan'::DOUBLE)", FLOAT64
    ),
}


def added(t: DataType) -> str:
    """SQL of the last element of `__a` plus the only one of `__x`."""
    return f"__wide('+', '{t}', __a[-1], __x[1])" if t.is_wide_integer else "__a[-1] + __x[1]"


def _cum_sum(args: tuple[Arg, ...]) -> Bound:
    """Running totals; the list grows by its last element plus the next."""
    t = element(args)
    _, total = list_sum("[]", t)
    storage = _storage(total)
    items = f"list_transform({args[0].sql}, lambda __x: [CAST(__x AS {storage})])"
    add = f"list_reduce({items}, lambda __a, __x: list_append(__a, {added(total)}))"
    sql = f"CASE WHEN len({args[0].sql}) = 0 THEN []::{storage}[] ELSE {add} END"
    return Bound(typed(sql, array(total)), array(total))


def _difference(args: tuple[Arg, ...]) -> Bound:
    t = element(args)
    result = FLOAT64 if t.is_float else INT64
    storage = _storage(result)
    items = wrapped(args[0].sql)
    step = f"CAST(__x AS {storage}) - CAST({items}[__i - 1] AS {storage})"
    body = f"CASE WHEN __i = 1 THEN 0 ELSE {step} END"
    return Bound(
        typed(f"list_transform({items}, lambda __x, __i: {body})", array(result)), array(result)
    )


def _zip(args: tuple[Arg, ...]) -> Bound:
    t = array(tuple_of(tuple(a.type.inner.args[0] for a in args)))
    zipped = "list_zip(" + ", ".join(a.sql for a in args) + ")"
    fields = ", ".join(f'"{i + 1}" := __z[{i + 1}]' for i in range(len(args)))
    return Bound(f"list_transform({zipped}, lambda __z: struct_pack({fields}))", t)


def _enumerate(args: tuple[Arg, ...]) -> str:
    return f"range(1, len({args[0].sql}) + 1)"


def _range(args: tuple[Arg, ...]) -> Bound:
    """range(end), range(start, end[, step]); above ELEMENTS_MAX elements code 69."""
    numbers = [f"CAST({a.sql} AS BIGINT)" for a in args]
    start, end = (numbers[0], numbers[1]) if given(args, 1) else ("0", numbers[0])
    step = numbers[2] if len(numbers) > 2 else "1"
    count = f"(CAST({end} AS DOUBLE) - {start}) / {step}"
    words = f"range makes at most {ELEMENTS_MAX} elements, and its step is not 0"
    bad = f"CASE WHEN {step} = 0 THEN {ELEMENTS_MAX + 1} ELSE {count} END"
    t = INT64 if any(a.type.is_signed for a in args) else UINT64
    # Around the call the guard would not do: see `no_longer`.
    last = up_to(bad, ELEMENTS_MAX, words, end)
    return Bound(typed(f"range({start}, CAST({last} AS BIGINT), {step})", array(t)), array(t))


def _with_constant(args: tuple[Arg, ...]) -> Bound:
    """array_with_constant(n, x)."""
    t = array(args[1].type)
    width = "greatest(strlen(CAST(__v AS VARCHAR)), 8)".replace("__v", args[1].sql)
    count = bounded(args[0].sql, width)
    return Bound(typed(f"list_transform(range({count}), lambda __i: {args[1].sql})", t), t)


def _position(args: tuple[Arg, ...]) -> str:
    return f"coalesce(list_position({args[0].sql}, {held_in(element(args), args[1])}), 0)"


def _has(args: tuple[Arg, ...]) -> str:
    return f"coalesce(list_contains({args[0].sql}, {held_in(element(args), args[1])}), false)"


def _count_equal(args: tuple[Arg, ...]) -> str:
    x = wrapped(held_in(element(args), args[1]))
    return f"len(list_filter({args[0].sql}, lambda __x: __x = {x}))"


def _both(template: str) -> Callable[[tuple[Arg, ...]], str]:
    """A template over two arrays, in their common type."""

    def sql(args: tuple[Arg, ...]) -> str:
        t = common(args)
        return fill(template, tuple(cast_sql(a, t).sql for a in args))

    return sql


def numbers(name: str, args: tuple[Arg, ...], at: int = 0) -> str:
    """SQL of an array of numbers as DOUBLE[]; SqlError 43 for other elements."""
    t = element(args[at:])
    if not (t.is_numeric or t.inner.name in ("bool", "nothing")):
        raise bad_type(name, at, args[at], "an array of numbers")
    return f"CAST({args[at].sql} AS DOUBLE[])"


def _flatten(args: tuple[Arg, ...]) -> Bound:
    """All levels."""
    sql, t = args[0].sql, args[0].type.inner
    while t.args[0].inner.name == "array":
        sql, t = f"flatten({sql})", t.args[0].inner
    return Bound(sql, t)


def _join(args: tuple[Arg, ...]) -> Bound:
    """One row per element; maps give (key, value) tuples."""
    return Bound(f"unnest({args[0].sql})", element(args))


def _keep(
    name: str, params: str, sql: str, summary: str, example: tuple[str, str], *aliases: str
) -> Scalar:
    """An entry whose result has the type of the first argument."""
    return fn(name, params, sql, lambda a: a[0].type.inner, doc(summary, example), aliases)


def _push(name: str, sql: str, summary: str, example: tuple[str, str]) -> Scalar:
    def render(args: tuple[Arg, ...]) -> Bound:
        one = Arg(f"[{args[1].sql}]", array(args[1].type))
        t = common((args[0], one))
        filled = sql.replace("$1", in_type(args[0], t)).replace("$2", in_type(one, t))
        return Bound(typed(filled, t), t)

    return special(name, "array any", render, doc(summary, example))


_BUILDING = (
    special(
        "array",
        "any*",
        _array,
        doc("An array of the arguments.", ("array(1, 2)", "[1, 2]")),
        ("array_cast",),
    ),
    special(
        "array_concat",
        "array+",
        _concat,
        doc("Arrays one after the other.", ("array_concat([1], [2, 3])", "[1, 2, 3]")),
    ),
    special(
        "range",
        "integer integer? integer?",
        _range,
        doc("Numbers from start to before end.", ("range(1, 4)", "[1, 2, 3]")),
    ),
    special(
        "array_with_constant",
        "integer any",
        _with_constant,
        doc("n times a value.", ("array_with_constant(2, 'x')", '["x", "x"]')),
    ),
    _push(
        "array_push_back",
        "flatten([$1, $2])",
        "With a value at the end.",
        ("array_push_back([1], 2)", "[1, 2]"),
    ),
    _push(
        "array_push_front",
        "flatten([$2, $1])",
        "With a value at the start.",
        ("array_push_front([1], 2)", "[2, 1]"),
    ),
    special(
        "array_zip",
        "array array+",
        _zip,
        doc(
            "Tuples of the elements at equal places.",
            ("array_zip([1, 2], ['a', 'b'])", '[[1, "a"], [2, "b"]]'),
        ),
    ),
    fn(
        "array_enumerate",
        "array",
        _enumerate,
        array(UINT32),
        doc("Indices of the elements.", ("array_enumerate(['a', 'b'])", "[1, 2]")),
    ),
    special(
        "array_flatten",
        "array",
        _flatten,
        doc("Arrays of arrays as one.", ("array_flatten([[1], [2]])", "[1, 2]")),
        ("flatten",),
    ),
)

_PARTS = (
    special(
        "array_element",
        "array integer",
        _element_at,
        doc("The n-th element, zero beyond the ends.", ("array_element([1, 2], -1)", "2")),
        ("element_at",),
    ),
    fn(
        "array_slice",
        "array bigint bigint?",
        _slice,
        lambda a: a[0].type.inner,
        doc("Part from an offset with a length.", ("array_slice([1, 2, 3, 4], 2, 2)", "[2, 3]")),
    ),
    _keep(
        "array_pop_back",
        "array",
        "list_slice($1, 1, len($1) - 1)",
        "Without the last element.",
        ("array_pop_back([1, 2])", "[1]"),
    ),
    _keep(
        "array_pop_front",
        "array",
        "list_slice($1, 2, len($1))",
        "Without the first element.",
        ("array_pop_front([1, 2])", "[2]"),
    ),
    fn(
        "array_resize",
        "array bigint any?",
        _resize,
        lambda a: a[0].type.inner,
        doc("Cut or filled to a length.", ("array_resize([1], 3, 7)", "[1, 7, 7]")),
    ),
    special("array_join", "array", _join, doc("One row per element.")),
)

_TESTS = (
    fn(
        "has",
        "array any",
        _has,
        BOOL,
        doc("Whether a value is an element.", ("has([1, 2], 2)", "true")),
        ("array_contains",),
    ),
    fn(
        "has_all",
        "array array",
        _both("list_has_all($1, $2)"),
        BOOL,
        doc("Whether all values are elements.", ("has_all([1, 2], [2])", "true")),
    ),
    fn(
        "has_any",
        "array array",
        _both("list_has_any($1, $2)"),
        BOOL,
        doc("Whether one value is an element.", ("has_any([1, 2], [3])", "false")),
    ),
    fn(
        "has_substr",
        "array array",
        "len($2) = 0 OR list_contains(list_transform(range(1, len($1) - len($2) + 2), "
        "lambda __i: list_slice($1, __i, __i + len($2) - 1) = $2), true)",
        BOOL,
        doc("Whether an array stands inside another.", ("has_substr([1, 2, 3], [2, 3])", "true")),
    ),
    fn(
        "index_of",
        "array any",
        _position,
        UINT64,
        doc("Index of the first equal element, 0 if none.", ("index_of([5, 6], 6)", "2")),
    ),
    fn(
        "count_equal",
        "array any",
        _count_equal,
        UINT64,
        doc("How many elements are equal.", ("count_equal([1, 2, 1], 1)", "2")),
    ),
)

_ORDER = (
    _keep(
        "array_reverse",
        "array",
        "list_reverse($1)",
        "In reverse order.",
        ("array_reverse([1, 2])", "[2, 1]"),
    ),
    _keep(
        "array_distinct",
        "array",
        "CASE WHEN len($1) > 1000 THEN list_distinct($1) "
        "ELSE list_filter($1, lambda __x, __i: list_position($1, __x) = __i) END",
        "Each value once, in order up to 1,000 elements.",
        ("array_distinct([2, 1, 2])", "[2, 1]"),
    ),
    _keep(
        "array_compact",
        "array",
        "list_filter($1, lambda __x, __i: __i = 1 OR __x IS DISTINCT FROM $1[__i - 1])",
        "Runs of equal elements as one.",
        ("array_compact([1, 1, 2, 1])", "[1, 2, 1]"),
    ),
    fn(
        "array_uniq",
        "array",
        "list_unique($1)",
        UINT64,
        doc("How many different elements.", ("array_uniq([1, 1, 2])", "2")),
        ("array_unique",),
    ),
    fn(
        "array_intersect",
        "array array",
        _both(
            "list_filter($1, lambda __x, __i: list_contains($2, __x) AND "
            "list_position($1, __x) = __i)"
        ),
        common,
        doc("Elements of both.", ("array_intersect([1, 2], [2, 3])", "[2]")),
    ),
)

_NUMBERS = (
    special(
        "array_product",
        "array",
        lambda a: Bound(f"coalesce(list_product({numbers('array_product', a)}), 1)", FLOAT64),
        doc("Product of the elements.", ("array_product([2, 3])", "6")),
    ),
    special(
        "array_cum_sum",
        "array",
        _cum_sum,
        doc("Running totals.", ("array_cum_sum([1, 2, 3])", "[1, 3, 6]")),
    ),
    special(
        "array_difference",
        "array",
        _difference,
        doc("Each element minus the one before.", ("array_difference([1, 4, 9])", "[0, 3, 5]")),
    ),
    special(
        "array_reduce",
        "any array",
        _aggregated,
        doc("An aggregate of the elements.", ("array_reduce('max', [1, 3])", "3")),
    ),
)

SCALARS = _BUILDING + _PARTS + _TESTS + _ORDER + _NUMBERS
