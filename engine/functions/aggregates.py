"""Aggregates of every day: count, sum, avg, min, max, any, latest, earliest, arg_min, bits."""

from __future__ import annotations

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
from engine.functions.table import Aggregate, Arg, BoundAggregate
from engine.types import (
    BOOL,
    FLOAT64,
    INT8,
    INT64,
    INT128,
    UINT64,
    DataType,
    array,
    decimal,
    duckdb_type,
    not_nullable,
)

_WIDE_SUM = decimal(38, 0)  # 128-bit integers are text in storage; sums of them are decimals


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
    return composed(
        (distinct_values(arg),), lambda p: f"coalesce(len({p[0]}), 0)", UINT64, native=native
    )


def sum_type(t: DataType) -> DataType:
    """int64 or uint64 for integers, 128 bits for wider ones, decimal(38, s), float64."""
    inner = t.inner
    if inner == BOOL:
        return UINT64
    if inner.is_wide_integer:
        return INT128 if inner.is_signed else DataType("uint128")
    if inner.is_integer:
        return INT64 if inner.is_signed else UINT64
    return decimal(38, inner.scale) if inner.is_decimal and inner.precision <= 38 else FLOAT64


def _sum(args: tuple[Arg, ...]) -> BoundAggregate:
    arg = args[0]
    result = sum_type(arg.type)
    total = like(result, args)
    if result.is_wide_integer:
        sql = f"sum(CAST({arg.sql} AS DECIMAL(38, 0))){FILTER}"
        partial = Partial(sql, _WIDE_SUM, "add")
        return composed((partial,), lambda p: or_zero(f"CAST({p[0]} AS VARCHAR)", total), total)
    if result.is_integer:
        return one(wrap64(f"sum({arg.sql}){FILTER}", result), total, "add")
    number = arg.sql if result.is_decimal else f"CAST({arg.sql} AS DOUBLE)"
    return one(f"sum({number}){FILTER}", total, "add")


def _sum_distinct(args: tuple[Arg, ...]) -> BoundAggregate:
    arg, result = args[0], sum_type(args[0].type)
    total = like(result, args)
    wide = "HUGEINT[]" if result.is_integer else f"{duckdb_type(result)}[]"

    def final(p: tuple[str, ...]) -> str:
        added = f"list_sum(CAST({p[0]} AS {wide}))"
        return or_zero(wrap64(added, result) if result in (INT64, UINT64) else added, total)

    return composed((distinct_values(arg),), final, total)


def _avg(args: tuple[Arg, ...]) -> BoundAggregate:
    arg = args[0]
    exact = arg.type.is_integer or arg.type.inner == BOOL
    number = arg.sql if exact else f"CAST({arg.sql} AS DOUBLE)"
    t = like(FLOAT64, args)
    parts = (
        Partial(f"sum({number}){FILTER}", FLOAT64, "add"),
        Partial(f"count({arg.sql}){FILTER}", INT64, "add"),
    )

    def final(p: tuple[str, ...]) -> str:
        mean = f"{p[0]} / nullif({p[1]}, 0)"
        return mean if t.is_nullable else or_nan(mean)

    return composed(parts, final, t)


def _avg_distinct(args: tuple[Arg, ...]) -> BoundAggregate:
    t = like(FLOAT64, args)

    def final(p: tuple[str, ...]) -> str:
        mean = f"list_avg(CAST({p[0]} AS DOUBLE[]))"
        return mean if t.is_nullable else or_nan(mean)

    return composed((distinct_values(args[0]),), final, t)


def _avg_weighted(args: tuple[Arg, ...]) -> BoundAggregate:
    x, w = (f"CAST({a.sql} AS DOUBLE)" for a in args)
    parts = (
        Partial(f"sum({x} * {w}){FILTER}", FLOAT64, "add"),
        Partial(f"sum(CASE WHEN {x} IS NOT NULL THEN {w} END){FILTER}", FLOAT64, "add"),
    )
    return composed(parts, lambda p: or_nan(f"{p[0]} / {p[1]}"), FLOAT64)


def _extreme(function: str, args: tuple[Arg, ...]) -> BoundAggregate:
    arg = args[0]
    t = arg.type
    if t.is_wide_integer:  # text does not sort as numbers do
        sql = f"{function}(CAST({arg.sql} AS DECIMAL(38, 0))){FILTER}"
        partial = Partial(sql, _WIDE_SUM, function)
        return composed((partial,), lambda p: or_zero(f"CAST({p[0]} AS VARCHAR)", t), t)
    return one(f"{function}({arg.sql}){FILTER}", t, function)


def _first(args: tuple[Arg, ...]) -> BoundAggregate:
    return one(f"any_value({args[0].sql}){FILTER}", args[0].type, "first", mergeable=False)


def _last(args: tuple[Arg, ...]) -> BoundAggregate:
    arg = args[0]
    if not arg.type.is_nullable:
        return one(f"last({arg.sql}){FILTER}", arg.type, "last", mergeable=False)
    return one(f"list_extract({gathered(arg)}, -1)", arg.type, "last", mergeable=False)


def _arg_extreme(word: str, args: tuple[Arg, ...]) -> BoundAggregate:
    """The first argument where the second is smallest or largest; the first arrived of equals."""
    x, y = args
    t = x.type
    number = f"CAST({y.sql} AS DECIMAL(38, 0))" if y.type.is_wide_integer else y.sql
    key = _WIDE_SUM if y.type.is_wide_integer else not_nullable(y.type)
    # A row whose first argument is NULL has nothing to give.
    seen = f"CASE WHEN {wrapped(x.sql)} IS NOT NULL THEN {number} END"
    parts = (
        Partial(f"{word}({seen if t.is_nullable else number}){FILTER}", key, word),
        Partial(f"arg_{word}({x.sql}, {number}){FILTER}", not_nullable(t), f"with_{word}", 0),
    )
    return composed(parts, lambda p: or_zero(p[1], t), t, native=or_zero(parts[1].sql, t))


def _bits(function: str, args: tuple[Arg, ...]) -> BoundAggregate:
    """and, or: a set of batch values is enough; xor keeps one value per batch."""
    t = args[0].type.inner
    value = f"{function}({args[0].sql}){FILTER}"
    merge = "concat" if function == "bit_xor" else "union"
    partial = Partial(f"CASE WHEN {value} IS NOT NULL THEN [{value}] END", array(t), merge)
    zero = f"CAST({(1 << t.bits) - 1 if not t.is_signed else -1} AS {duckdb_type(t)})"
    nothing = zero if function == "bit_and" else f"CAST(0 AS {duckdb_type(t)})"
    return composed(
        (partial,), lambda p: f"coalesce(list_aggregate({p[0]}, '{function}'), {nothing})", t
    )


def _truth(word: str, args: tuple[Arg, ...]) -> BoundAggregate:
    """bool_and is the smallest, bool_or the largest of 0 and 1; true and false when empty."""
    function, empty = ("min", "true") if word == "and" else ("max", "false")
    flag = f"CAST({args[0].sql} AS TINYINT)"
    partial = Partial(f"{function}({flag}){FILTER}", INT8, function)
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
            "number",
            _about("Sum; integers wrap at 64 bits.", "sum(x)", "8"),
            ("sum_kahan", "sum_with_overflow"),
        ),
        _sum,
        _sum_distinct,
    ),
    agg(
        Names(
            "sum_distinct", "number", _about("Sum of the different values.", "sum_distinct(x)", "6")
        ),
        _sum_distinct,
    ),
    agg(
        Names("avg", "number", _about("Mean; nan without values.", "avg(x)", "2"), ("mean",)),
        _avg,
        _avg_distinct,
    ),
    agg(
        Names(
            "avg_distinct",
            "number",
            _about("Mean of the different values.", "avg_distinct(x)", "2"),
        ),
        _avg_distinct,
    ),
    agg(
        Names(
            "avg_weighted",
            "number number",
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
            "integer",
            _about("Bitwise and of all values.", "group_bit_and(x)", "0"),
        ),
        lambda a: _bits("bit_and", a),
    ),
    agg(
        Names(
            "group_bit_or", "integer", _about("Bitwise or of all values.", "group_bit_or(x)", "3")
        ),
        lambda a: _bits("bit_or", a),
    ),
    agg(
        Names(
            "group_bit_xor",
            "integer",
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
