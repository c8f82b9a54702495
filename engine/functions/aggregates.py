"""Aggregates of every day: count, sum, avg, min, max, any, latest, earliest, arg_min, bits."""

from __future__ import annotations

from dataclasses import replace

from engine.errors import Code, SqlError
from engine.functions.aggregation import (
    FILTER,
    Names,
    Partial,
    agg,
    composed,
    distinct_values,
    gathered,
    like,
    one,
    or_nan,
    or_zero,
)
from engine.functions.build import Doc, doc, given, wrapped
from engine.functions.math import wrap64
from engine.functions.ordering import is_keyed, key_type, order_key
from engine.functions.sums import PARTS, float_sum, float_total, integer_sum
from engine.functions.table import ROW, Aggregate, Arg, BoundAggregate
from engine.functions.wide import folded
from engine.types import (
    BOOL,
    FLOAT64,
    INT8,
    INT64,
    UINT8,
    UINT64,
    DataType,
    array,
    decimal,
    duckdb_type,
    not_nullable,
)


def _about(summary: str, sql: str = "", value: str = "") -> Doc:
    return doc(summary, (sql, value)) if sql else doc(summary)


def _count(args: tuple[Arg, ...]) -> BoundAggregate:
    if len(args) > 1:
        message = f"function count takes 0 or 1 argument(s), not {len(args)}"
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    what = args[0].sql if args and args[0].type.is_nullable else "*"
    partial = Partial(f"count({what}){FILTER}", INT64, "add")
    return composed((partial,), lambda p: f"coalesce({p[0]}, 0)", UINT64)


def _count_distinct(args: tuple[Arg, ...]) -> BoundAggregate:
    """Several arguments count different tuples."""
    arg = args[0]
    if given(args, 1):
        fields = ", ".join(f'"{i}" := {a.sql}' for i, a in enumerate(args, 1))
        t = DataType("tuple", tuple(a.type for a in args))
        arg = Arg(f"struct_pack({fields})", t)
    native = f"count(DISTINCT {arg.sql}){FILTER}"
    values = distinct_values(arg)
    partial = replace(values, type=INT64, merge="distinct", items=values.type)
    return composed((partial,), lambda p: f"coalesce({p[0]}, 0)", UINT64, native=native)


def sum_type(t: DataType) -> DataType:
    """int64 or uint64 for integers, wider ones as they are, decimal(38, s), float64."""
    inner = t.inner
    if inner == BOOL:
        return UINT64
    if inner.is_wide_integer:
        return inner
    if inner.is_integer:
        return INT64 if inner.is_signed else UINT64
    return decimal(38, inner.scale) if inner.is_decimal and inner.precision <= 38 else FLOAT64


def _sum(args: tuple[Arg, ...]) -> BoundAggregate:
    arg = args[0]
    result = sum_type(arg.type)
    total = like(result, args)
    if result.is_wide_integer:
        # The sum itself has no width; it is folded into that of the type at the end.
        partial = Partial(f"sum(CAST({arg.sql} AS BIGNUM)){FILTER}", result, "add")
        if not total.is_nullable:
            return composed((partial,), lambda p: or_zero(folded(p[0], result), total), total)
        count = Partial(f"count({arg.sql}){FILTER}", INT64, "add")
        return composed(
            (partial, count),
            lambda p: f"CASE WHEN {p[1]} > 0 THEN {folded(p[0], result)} END",
            total,
        )
    if result.is_integer:
        return _added(arg, wrap64(f"sum({arg.sql}){FILTER}", result), total)
    if result.is_decimal:
        return _added(arg, f"sum({arg.sql}){FILTER}", total)
    number = f"CAST({arg.sql} AS DOUBLE)"
    return replace(
        _added(arg, f"sum({number}){FILTER}", total), weighted=_exact_sum(arg, number, total)
    )


def _exact_sum(arg: Arg, number: str, total: DataType) -> BoundAggregate:
    """The sum of floats from which values can be taken back without a trace."""
    parts = float_sum(number)
    if not total.is_nullable:
        return composed(parts, float_total, total)
    return composed(
        (*parts, Partial(f"count({arg.sql}){FILTER}", INT64, "add")),
        lambda p: f"CASE WHEN {p[-1]} > 0 THEN {float_total(p[:-1])} END",
        total,
    )


def _added(arg: Arg, sql: str, total: DataType) -> BoundAggregate:
    """A sum; of values that may be NULL they are counted too: the last one may be taken back."""
    if not arg.type.is_nullable:
        return one(Partial(sql, total, "add"))
    parts = (Partial(sql, total, "add"), Partial(f"count({arg.sql}){FILTER}", INT64, "add"))
    return composed(parts, lambda p: f"CASE WHEN {p[1]} > 0 THEN {p[0]} END", total)


def _sum_distinct(args: tuple[Arg, ...]) -> BoundAggregate:
    arg, result = args[0], sum_type(args[0].type)
    total = like(result, args)
    if result.is_wide_integer:
        return composed(
            (distinct_values(arg),), lambda p: or_zero(_folded_sum(p[0], result), total), total
        )
    wide = "HUGEINT[]" if result.is_integer else f"{duckdb_type(result)}[]"

    def final(p: tuple[str, ...]) -> str:
        added = f"list_sum(CAST({p[0]} AS {wide}))"
        return or_zero(wrap64(added, result) if result in (INT64, UINT64) else added, total)

    return composed((distinct_values(arg),), final, total)


def _folded_sum(values: str, t: DataType) -> str:
    """SQL of the sum of a list of wide integers."""
    add = f"__wide('+', '{t}', __a, __x)"
    return f"list_reduce({values}, lambda __a, __x: {add})"


def _avg(args: tuple[Arg, ...]) -> BoundAggregate:
    """Over appends one sum per batch; over changelogs an exact one, as values are taken back."""
    arg = args[0]
    t = like(FLOAT64, args)
    count = Partial(f"count({arg.sql}){FILTER}", INT64, "add")
    exact = arg.type.inner == BOOL or (arg.type.is_integer and not arg.type.is_wide_integer)
    number = arg.sql if exact else f"CAST({arg.sql} AS DOUBLE)"
    if exact:
        parts, template = integer_sum(arg)
    else:
        parts, template = float_sum(number), ""

    def mean(total: str, counted: str) -> str:
        found = f"{total} / nullif({counted}, 0)"
        return found if t.is_nullable else or_nan(found)

    def final(p: tuple[str, ...]) -> str:
        return mean(template.format(*p) if template else float_total(p[:-1]), p[-1])

    plain = (Partial(f"sum({number}){FILTER}", FLOAT64, "add"), count)
    whole = composed(plain, lambda p: mean(p[0], p[1]), t)
    return replace(whole, weighted=composed((*parts, count), final, t))


def _avg_distinct(args: tuple[Arg, ...]) -> BoundAggregate:
    t = like(FLOAT64, args)

    def final(p: tuple[str, ...]) -> str:
        mean = f"list_avg(CAST({p[0]} AS DOUBLE[]))"
        return mean if t.is_nullable else or_nan(mean)

    return composed((distinct_values(args[0]),), final, t)


def _avg_weighted(args: tuple[Arg, ...]) -> BoundAggregate:
    x, w = (f"CAST({a.sql} AS DOUBLE)" for a in args)
    terms = (f"({x} * {w})", f"(CASE WHEN {x} IS NOT NULL THEN {w} END)")

    def final(p: tuple[str, ...]) -> str:
        return or_nan(f"{float_total(p[:PARTS])} / {float_total(p[PARTS:])}")

    parts = tuple(part for term in terms for part in float_sum(term))
    plain = tuple(Partial(f"sum{term}{FILTER}", FLOAT64, "add") for term in terms)
    whole = composed(plain, lambda p: or_nan(f"{p[0]} / {p[1]}"), FLOAT64)
    return replace(whole, weighted=composed(parts, final, FLOAT64))


def _extreme(function: str, args: tuple[Arg, ...]) -> BoundAggregate:
    arg = args[0]
    t = arg.type
    if is_keyed(t):
        return _arg_extreme(function, (arg, arg), equal=True)
    return one(Partial(f"{function}({arg.sql}){FILTER}", t, function, each=arg.sql))


def _first(args: tuple[Arg, ...]) -> BoundAggregate:
    arg = args[0]
    native = f"arg_min({arg.sql}, {ROW}){FILTER}"
    sql = f"any_value({arg.sql}){FILTER}"
    partial = Partial(sql, arg.type, "first", each=arg.sql, native=native)
    return one(partial, mergeable=False)


def _last(args: tuple[Arg, ...]) -> BoundAggregate:
    arg = args[0]
    sql = f"last({arg.sql}){FILTER}"
    if arg.type.is_nullable:
        sql = f"list_extract({gathered(arg)}, -1)"
    native = f"arg_max({arg.sql}, {ROW}){FILTER}"
    return one(Partial(sql, arg.type, "last", each=arg.sql, native=native), mergeable=False)


def _arg_extreme(word: str, args: tuple[Arg, ...], *, equal: bool = False) -> BoundAggregate:
    """The first argument where the second is smallest or largest; the first arrived of equals.

    `equal`: the first arguments of equal second ones are equal too, so it does not matter which.
    """
    x, y = args
    t = x.type
    number = order_key(y.sql, y.type)
    key = not_nullable(key_type(y.type))
    # A row whose first argument is NULL has nothing to give.
    seen = f"CASE WHEN {wrapped(x.sql)} IS NOT NULL THEN {number} END"
    seen = seen if t.is_nullable else number
    best = f"arg_{word}({x.sql}, {number}){FILTER}"
    parts = (
        Partial(f"{word}({seen}){FILTER}", key, word, each=seen),
        Partial(best, not_nullable(t), f"with_{word}", 0, each=x.sql),
    )
    native = best if equal else f"arg_{word}({x.sql}, {_with_arrival(word, y, number)}){FILTER}"
    native = or_zero(f"CAST({native} AS {duckdb_type(t)})", t)
    return composed(parts, lambda p: or_zero(p[1], t), t, native=native)


def _with_arrival(word: str, by: Arg, number: str) -> str:
    """What an extreme of a bounded statement goes by: the number, and of equals the first row."""
    place = ROW if word == "min" else f"-{ROW}"
    pair = f"struct_pack(k := {number}, n := {place})"
    if not by.type.is_nullable:
        return pair
    return f"CASE WHEN {wrapped(by.sql)} IS NOT NULL THEN {pair} END"


def _bits(function: str, args: tuple[Arg, ...]) -> BoundAggregate:
    """and, or: a set of batch values is enough; xor keeps one value per batch."""
    t = UINT8 if args[0].type.inner == BOOL else args[0].type.inner
    if t.is_wide_integer:
        return _wide_bits(function, args[0])
    value = f"{function}({args[0].sql}){FILTER}"
    merge = "concat" if function == "bit_xor" else "union"
    sql = f"CASE WHEN {value} IS NOT NULL THEN [{value}] END"
    partial = Partial(sql, array(t), merge, each=args[0].sql)
    zero = f"CAST({(1 << t.bits) - 1 if not t.is_signed else -1} AS {duckdb_type(t)})"
    nothing = zero if function == "bit_and" else f"CAST(0 AS {duckdb_type(t)})"
    return composed(
        (partial,), lambda p: f"coalesce(list_aggregate({p[0]}, '{function}'), {nothing})", t
    )


def _wide_bits(function: str, arg: Arg) -> BoundAggregate:
    """Over texts, from the different values, or from all of them for xor."""
    t = arg.type.inner
    word = function.removeprefix("bit_")
    partial = distinct_values(arg)
    if word == "xor":
        partial = Partial(gathered(arg), array(t), "concat", each=arg.sql)
    ones = "'-1'" if t.is_signed else f"'{(1 << t.bits) - 1}'"
    nothing = ones if word == "and" else "'0'"
    step = f"__wide('{word}', '{t}', __a, __x)"
    return composed(
        (partial,),
        lambda p: f"coalesce(list_reduce({p[0]}, lambda __a, __x: {step}), {nothing})",
        t,
    )


def _truth(word: str, args: tuple[Arg, ...]) -> BoundAggregate:
    """bool_and is the smallest, bool_or the largest of 0 and 1; true and false when empty."""
    function, empty = ("min", "true") if word == "and" else ("max", "false")
    flag = f"CAST({args[0].sql} AS TINYINT)"
    partial = Partial(f"{function}({flag}){FILTER}", INT8, function, each=flag)
    return composed((partial,), lambda p: f"coalesce({p[0]} = 1, {empty})", BOOL)


AGGREGATES: tuple[Aggregate, ...] = (
    agg(
        Names(
            "count",
            "any*",
            _about("Number of rows, or of values that are not NULL.", "count()", "4"),
        ),
        _count,
        _count_distinct,
    ),
    agg(
        Names(
            "count_distinct",
            "any+",
            _about("Number of different values.", "count_distinct(x)", "3"),
            (
                "unique",
                "uniq",
                "unique_exact",
                "uniq_exact",
                "unique_combined",
                "unique_hll12",
                "approx_count_distinct",
            ),
        ),
        _count_distinct,
        _count_distinct,
    ),
    agg(
        Names(
            "sum",
            "exact",
            _about("Sum; integers wrap at 64 bits.", "sum(x)", "8"),
            ("sum_kahan", "sum_with_overflow"),
        ),
        _sum,
        _sum_distinct,
    ),
    agg(
        Names(
            "sum_distinct", "exact", _about("Sum of the different values.", "sum_distinct(x)", "6")
        ),
        _sum_distinct,
    ),
    agg(
        Names("avg", "exact", _about("Mean; nan without values.", "avg(x)", "2"), ("mean",)),
        _avg,
        _avg_distinct,
    ),
    agg(
        Names(
            "avg_distinct",
            "exact",
            _about("Mean of the different values.", "avg_distinct(x)", "2"),
        ),
        _avg_distinct,
    ),
    agg(
        Names(
            "avg_weighted",
            "exact exact",
            _about("Mean with weights.", "avg_weighted(x, x)", "2.25"),
        ),
        _avg_weighted,
    ),
    agg(
        Names("min", "any", _about("Smallest value.", "min(x)", "1")),
        lambda a: _extreme("min", a),
        lambda a: _extreme("min", a),
    ),
    agg(
        Names("max", "any", _about("Largest value.", "max(x)", "3")),
        lambda a: _extreme("max", a),
        lambda a: _extreme("max", a),
    ),
    agg(
        Names(
            "any", "any", _about("The first value that arrived.", "any(s)", '"a"'), ("any_value",)
        ),
        _first,
        _first,
    ),
    agg(
        Names(
            "earliest",
            "any",
            _about("The first value that arrived.", "earliest(s)", '"a"'),
            ("first_value",),
        ),
        _first,
        _first,
    ),
    agg(
        Names(
            "latest",
            "any",
            _about("The last value that arrived.", "latest(s)", '"b"'),
            ("last_value", "any_last"),
        ),
        _last,
        _last,
    ),
    agg(
        Names(
            "arg_min",
            "any any",
            _about("The first argument where the second is smallest.", "arg_min(s, x)", '"a"'),
            ("min_by",),
        ),
        lambda a: _arg_extreme("min", a),
    ),
    agg(
        Names(
            "arg_max",
            "any any",
            _about("The first argument where the second is largest.", "arg_max(s, x)", '"c"'),
            ("max_by",),
        ),
        lambda a: _arg_extreme("max", a),
    ),
    agg(
        Names(
            "group_bit_and",
            "whole",
            _about("Bitwise and of all values.", "group_bit_and(x)", "0"),
        ),
        lambda a: _bits("bit_and", a),
    ),
    agg(
        Names("group_bit_or", "whole", _about("Bitwise or of all values.", "group_bit_or(x)", "3")),
        lambda a: _bits("bit_or", a),
    ),
    agg(
        Names(
            "group_bit_xor",
            "whole",
            _about("Bitwise exclusive or of all values.", "group_bit_xor(x)", "2"),
        ),
        lambda a: _bits("bit_xor", a),
    ),
    agg(
        Names(
            "bool_and",
            "condition",
            _about("Whether it holds for all rows.", "bool_and(x > 1)", "false"),
        ),
        lambda a: _truth("and", a),
    ),
    agg(
        Names(
            "bool_or",
            "condition",
            _about("Whether it holds for one row.", "bool_or(x > 1)", "true"),
        ),
        lambda a: _truth("or", a),
    ),
)
