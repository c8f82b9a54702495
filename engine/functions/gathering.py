"""Aggregates that keep values: quantiles, arrays, sets, the k best, the k most frequent."""

from __future__ import annotations

from dataclasses import replace

from engine.errors import Code, SqlError
from engine.functions.aggregation import (
    FILTER,
    K_MAX,
    Names,
    Partial,
    agg,
    arrived,
    composed,
    distinct_values,
    empty,
    gathered,
    k_of,
    or_nan,
    or_zero,
)
from engine.functions.arrays import added, list_sum
from engine.functions.build import (
    bad_type,
    constant_int,
    constant_text,
    doc,
    given,
    literal,
    up_to,
    wrapped,
)
from engine.functions.ordering import is_keyed, key_type, order_key, sorted_list
from engine.functions.render import text_sql
from engine.functions.table import ROW, Aggregate, Arg, BoundAggregate
from engine.types import (
    FLOAT64,
    STRING,
    UINT64,
    DataType,
    array,
    duckdb_type,
    map_of,
    tuple_of,
    zero_sql,
)

LOAD_MAX = 100  # of top_k's sketch
ARRAY_MAX = 1 << 21  # elements of a result; the state itself is bounded by the query's budget


def _level(name: str, args: tuple[Arg, ...]) -> float:
    if not given(args, 1):
        return 0.5
    level = args[1].constant
    if isinstance(level, bool) or not isinstance(level, int | float):
        raise bad_type(name, 1, args[1], "a constant number")
    if not 0 <= level <= 1:
        message = f"the level of {name} must be 0 to 1, not {level}"
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
    return float(level)


def _values(arg: Arg, name: str) -> tuple[Partial, DataType]:
    """All values: numbers as float64, times as they are."""
    if arg.type.is_temporal:
        t = arg.type.inner
        return Partial(gathered(arg), array(t), "concat", each=arg.sql), t
    if not (arg.type.is_numeric or arg.type.inner.name == "bool"):
        raise bad_type(name, 0, arg, "a number, date or datetime")
    number = f"CAST({arg.sql} AS DOUBLE)"
    return Partial(gathered(arg, number), array(FLOAT64), "concat", each=number), FLOAT64


def _quantile(name: str, level: float, args: tuple[Arg, ...]) -> BoundAggregate:
    """Between two values the weighted mean is taken."""
    partial, t = _values(args[0], name)
    value = args[0].sql if t != FLOAT64 else f"CAST({args[0].sql} AS DOUBLE)"
    native = f"quantile_cont({value}, {level}){FILTER}"

    def rounded(sql: str) -> str:
        return or_nan(sql) if t == FLOAT64 else or_zero(sql, t)

    return composed(
        (partial,),
        lambda p: rounded(f"list_aggregate({p[0]}, 'quantile_cont', {level})"),
        t,
        native=rounded(native),
    )


def _quantile_exact(name: str, args: tuple[Arg, ...]) -> BoundAggregate:
    """The value at place floor(level * n) of the sorted values."""
    level = _level(name, args)
    t = args[0].type.inner
    partial = Partial(gathered(args[0]), array(t), "concat", each=args[0].sql)

    def final(p: tuple[str, ...]) -> str:
        at = f"least(CAST(floor(len({p[0]}) * {level}) AS BIGINT) + 1, len({p[0]}))"
        return f"coalesce(list_sort({p[0]})[{at}], {zero_sql(t)})"

    return composed((partial,), final, t)


def _percentile(level: int) -> Aggregate:
    name = f"p{level}"
    about = doc(f"The {level} % quantile.", (f"round({name}(x), 2)", _PERCENTILES[level]))
    names = Names(name, "any", about)
    return agg(names, lambda a: _quantile(name, level / 100, a))


_PERCENTILES = {50: "2", 90: "2.7", 95: "2.85", 99: "2.97"}


def _size(name: str, args: tuple[Arg, ...]) -> int:
    """How many elements are wanted at most, 0 = all."""
    if not given(args, 1):
        return 0
    size = args[1].constant
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= ARRAY_MAX:
        message = f"the size of {name} must be a constant from 1 to {ARRAY_MAX}"
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
    return size


def _first(values: str, size: int, t: DataType) -> str:
    """SQL of the first elements of a list; of all of them, which may not be above ARRAY_MAX."""
    if size:
        return f"coalesce(list_slice({values}, 1, {size}), {empty(t)})"
    words = f"an array has at most {ARRAY_MAX} elements; give the aggregate a size"
    return f"coalesce({up_to(f'len({values})', ARRAY_MAX, words, values)}, {empty(t)})"


def _some(partial: Partial, word: str, size: int) -> Partial:
    """The partial, which keeps the first (`min`) or last values alone in a bounded statement."""
    if not 1 <= size <= K_MAX:
        return partial
    found = f"arg_{word}({partial.each}, {ROW}, {size}){FILTER}"
    return replace(partial, native=found if word == "min" else f"list_reverse({found})")


def _group_array(args: tuple[Arg, ...]) -> BoundAggregate:
    t, size = args[0].type.inner, _size("group_array", args)
    return composed(
        (_some(arrived(args[0], t), "min", size),),
        lambda p: _first(p[0], size, t),
        array(t),
        mergeable=False,
    )


def _group_array_last(args: tuple[Arg, ...]) -> BoundAggregate:
    t, size = args[0].type.inner, _size("group_array_last", args)
    return composed(
        (_some(arrived(args[0], t), "max", size),),
        lambda p: (
            f"coalesce(list_slice({p[0]}, -{size}, -1), {empty(t)})" if size else _first(p[0], 0, t)
        ),
        array(t),
        mergeable=False,
    )


def _group_array_sorted(args: tuple[Arg, ...]) -> BoundAggregate:
    t, size = args[0].type.inner, _size("group_array_sorted", args)
    partial = Partial(gathered(args[0]), array(t), "concat", each=args[0].sql)
    return composed(
        (partial,),
        lambda p: _first(sorted_list(p[0], t), size, t),
        array(t),
    )


def _group_uniq_array(args: tuple[Arg, ...]) -> BoundAggregate:
    """Sorted, so that the same rows give the same array."""
    t, size = args[0].type.inner, _size("group_uniq_array", args)
    return composed(
        (distinct_values(args[0]),),
        lambda p: _first(sorted_list(p[0], t), size, t),
        array(t),
    )


def _group_concat(args: tuple[Arg, ...]) -> BoundAggregate:
    separator = constant_text("group_concat", 1, args[1]) if given(args, 1) else ","
    text = text_sql(args[0].sql, args[0].type)
    return composed(
        (arrived(args[0], STRING, text),),
        lambda p: f"coalesce(array_to_string({p[0]}, {literal(separator)}), '')",
        STRING,
        mergeable=False,
    )


def _running_sum(args: tuple[Arg, ...]) -> BoundAggregate:
    """The array of running totals in order of arrival."""
    _, t = list_sum("[]", args[0].type.inner)
    storage = duckdb_type(t)
    value = f"CAST({args[0].sql} AS {storage})"
    partial = arrived(args[0], t, value)

    def final(p: tuple[str, ...]) -> str:
        items = f"list_transform({p[0]}, lambda __x: [__x])"
        total = f"list_reduce({items}, lambda __a, __x: list_append(__a, {added(t)}))"
        return f"CASE WHEN coalesce(len({p[0]}), 0) = 0 THEN {empty(t)} ELSE {total} END"

    return composed((partial,), final, array(t), mergeable=False)


def _best(name: str, args: tuple[Arg, ...]) -> BoundAggregate:
    """min_k(x, k[, columns]): values, or tuples of the value and the columns, best first.

    Of equal values those that arrived first come first: that shows only beside other columns.
    """
    up = name == "min_k"
    k = k_of(name, 1, args, 1)
    columns, keep = (args[0], *args[2:]), k if up else -k
    value = args[0]
    if len(columns) == 1 and not is_keyed(value.type):
        t, each = value.type.inner, value.sql
        sql = f"{'min' if up else 'max'}({each}, {k}){FILTER}"
        partial = Partial(sql, array(t), "concat", keep=keep, each=each)
        order = "ASC" if up else "DESC"
        return composed(
            (partial,),
            lambda p: f"coalesce(list_slice(list_sort({p[0]}, '{order}'), 1, {k}), {empty(t)})",
            array(t),
        )
    ordered = Arg(order_key(value.sql, value.type), key_type(value.type))
    t = value.type.inner if len(columns) == 1 else tuple_of(tuple(a.type for a in columns))
    held = tuple_of((ordered.type.inner, *(a.type for a in columns)))
    each = _row((ordered, *columns))
    if value.type.is_nullable:
        each = f"CASE WHEN {wrapped(value.sql)} IS NOT NULL THEN {each} END"
    place = ROW if up else f"-{ROW}"
    rank = f"struct_pack(k := {ordered.sql}, n := {place})"
    sql = f"{'arg_min' if up else 'arg_max'}({each}, {rank}, {k}){FILTER}"
    partial = Partial(sql, array(held), "concat", keep=keep, each=each)
    shown = range(2, len(columns) + 2)
    return composed(
        (partial,),
        lambda p: _ranked(p[0], k, shown, t, up=up),
        array(t),
        mergeable=len(columns) == 1,
    )


def _row(columns: tuple[Arg, ...]) -> str:
    fields = ", ".join(
        f'"{i}" := CAST({a.sql} AS {duckdb_type(a.type)})' for i, a in enumerate(columns, 1)
    )
    return f"struct_pack({fields})"


def _ranked(rows: str, k: int, shown: range, t: DataType, *, up: bool) -> str:
    """The k best of rows by their first field, of equals the first; of each the fields `shown`."""
    place, order = ("__i", "ASC") if up else ("-__i", "DESC")
    pairs = f'lambda __r, __i: struct_pack(k := __r."1", n := {place}, r := __r)'
    best = f"list_slice(list_sort(list_transform({rows}, {pairs}), '{order}'), 1, {k})"
    if len(shown) == 1:
        value = f'__p.r."{shown[0]}"'
    else:
        fields = ", ".join(f'"{i}" := __p.r."{at}"' for i, at in enumerate(shown, 1))
        value = f"struct_pack({fields})"
    return f"coalesce(list_transform({best}, lambda __p: {value}), {empty(t)})"


def frequent(values: str, k: int, counts: bool, t: DataType) -> str:
    """The k most frequent of a list; of equally frequent ones the first arrived comes first.

    Sorting (value, place) pairs puts equal values together with their first place in front, so the
    distances between the fronts are the counts: n log n, without a look-up per value.
    """
    pairs = "lambda __v, __i: struct_pack(v := __v, i := __i)"
    ordered = f"list_sort(list_transform(coalesce({values}, {empty(t)}), {pairs}))"
    front = "__j = 1 OR __s[__j].v IS DISTINCT FROM __s[__j - 1].v"
    fronts = f"list_filter(range(1, len(__s) + 1), lambda __j: {front})"
    entry = (
        "struct_pack(c := __j - coalesce(__b[__n + 1], len(__s) + 1), i := __s[__j].i, "
        "v := __s[__j].v)"
    )
    ranked = f"list_slice(list_sort(list_transform(__b, lambda __j, __n: {entry})), 1, {k})"
    shown = 'struct_pack("1" := __t.v, "2" := CAST(-__t.c AS UBIGINT))' if counts else "__t.v"
    best = f"list_transform({ranked}, lambda __t: {shown})"
    inner = f"list_transform([{fronts}], lambda __b: {best})[1]"
    return f"list_transform([{ordered}], lambda __s: {inner})[1]"


def _top_k(args: tuple[Arg, ...]) -> BoundAggregate:
    """top_k(x[, k[, with counts[, load factor]]]): exact, unless a load factor asks for a sketch of
    k times so many counters."""
    k = k_of("top_k", 1, args, 10)
    counts = not given(args, 2) or bool(args[2].constant)
    t = args[0].type.inner
    partial = arrived(args[0], t)
    result = array(tuple_of((t, UINT64)) if counts else t)
    if not given(args, 3):
        return composed((partial,), lambda p: frequent(p[0], k, counts, t), result, mergeable=False)
    load = constant_int("top_k", 3, args[3])
    if not 1 <= load <= LOAD_MAX or k * load > K_MAX:
        message = (
            f"the load factor of top_k must be 1 to {LOAD_MAX}, and k times it at most {K_MAX}"
        )
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)

    def final(p: tuple[str, ...]) -> str:
        return sketched(p[0], (k, k * load), counts, t)

    return composed((partial,), final, result, mergeable=False)


def sketched(values: str, sizes: tuple[int, int], counts: bool, t: DataType) -> str:
    """The k most frequent of a list by a sketch; `sizes`: k, and the number of counters."""
    key = "CAST(__v AS HUGEINT) & 18446744073709551615::HUGEINT"
    if not t.is_integer or t.is_wide_integer:
        key = "hash(__v)"
    keys = f"list_transform(__s, lambda __v: CAST({key} AS UBIGINT))"
    found = f"__frequent({keys}, {sizes[0]}::BIGINT, {sizes[1]}::BIGINT)"
    value, count = "__s[__f[2 * __i + 1] + 1]", "CAST(__f[2 * __i + 2] AS UBIGINT)"
    shown = f'struct_pack("1" := {value}, "2" := {count})' if counts else value
    best = f"list_transform(range(len(__f) // 2), lambda __i: {shown})"
    inner = f"list_transform([{found}], lambda __f: {best})[1]"
    return f"list_transform([coalesce({values}, {empty(t)})], lambda __s: {inner})[1]"


def _histogram(args: tuple[Arg, ...]) -> BoundAggregate:
    t = map_of(args[0].type.inner, UINT64)
    arg = args[0]
    partial = Partial(gathered(arg), array(arg.type.inner), "concat", each=arg.sql)
    nothing = f"MAP {{}}::{duckdb_type(t)}"
    return composed(
        (partial,), lambda p: f"coalesce(list_aggregate({p[0]}, 'histogram'), {nothing})", t
    )


AGGREGATES: tuple[Aggregate, ...] = (
    agg(
        Names(
            "quantile",
            "any any?",
            doc("Quantile with interpolation, level 0.5 by default.", ("quantile(x, 0.5)", "2")),
            ("quantile_cont", "quantile_timing", "quantile_tdigest"),
        ),
        lambda a: _quantile("quantile", _level("quantile", a), a),
    ),
    agg(
        Names(
            "quantile_exact",
            "any any?",
            doc("Quantile that is one of the values.", ("quantile_exact(x, 0.9)", "3")),
        ),
        lambda a: _quantile_exact("quantile_exact", a),
    ),
    agg(
        Names("median", "any", doc("The middle value.", ("median(x)", "2"))),
        lambda a: _quantile("median", 0.5, a),
    ),
    *(_percentile(level) for level in _PERCENTILES),
    agg(
        Names(
            "group_array",
            "any any?",
            doc(
                "All values in order of arrival, at most as many as given.",
                ("group_array(x)", "[1, 2, 3, 2]"),
            ),
        ),
        _group_array,
        _group_uniq_array,
    ),
    agg(
        Names(
            "group_array_last",
            "any any?",
            doc("The last values in order of arrival.", ("group_array_last(x, 2)", "[3, 2]")),
        ),
        _group_array_last,
    ),
    agg(
        Names(
            "group_array_sorted",
            "any any?",
            doc("All values, sorted.", ("group_array_sorted(x)", "[1, 2, 2, 3]")),
        ),
        _group_array_sorted,
    ),
    agg(
        Names(
            "group_uniq_array",
            "any any?",
            doc("The different values, sorted.", ("group_uniq_array(x)", "[1, 2, 3]")),
        ),
        _group_uniq_array,
        _group_uniq_array,
    ),
    agg(
        Names(
            "group_concat",
            "any any?",
            doc("Texts of all values, joined.", ("group_concat(s, '-')", '"a-b-c-b"')),
            ("string_agg",),
        ),
        _group_concat,
    ),
    agg(
        Names(
            "group_array_moving_sum",
            "exact",
            doc("Running totals as an array.", ("group_array_moving_sum(x)", "[1, 3, 6, 8]")),
            ("moving_sum",),
        ),
        _running_sum,
    ),
    agg(
        Names(
            "min_k",
            "any any any*",
            doc(
                "The k smallest values, with further columns as tuples.", ("min_k(x, 2)", "[1, 2]")
            ),
        ),
        lambda a: _best("min_k", a),
    ),
    agg(
        Names(
            "max_k",
            "any any any*",
            doc(
                "The k largest values, with further columns as tuples.",
                ("max_k(x, 1, s)", '[[3, "c"]]'),
            ),
        ),
        lambda a: _best("max_k", a),
    ),
    agg(
        Names(
            "top_k",
            "any any? any? any?",
            doc("The k (10) most frequent values with their counts.", ("top_k(x, 1)", "[[2, 2]]")),
            ("top_k_exact", "approx_top_k"),
        ),
        _top_k,
    ),
    agg(
        Names(
            "histogram",
            "any",
            doc("How often each value occurs.", ("histogram(s)", '{"a": 1, "b": 2, "c": 1}')),
        ),
        _histogram,
    ),
)
