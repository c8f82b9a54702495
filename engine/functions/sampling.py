"""Aggregates in which some rows stand for all: a random sample, the points that shape a line."""

from __future__ import annotations

from engine.errors import Code, SqlError
from engine.functions.aggregation import FILTER, Names, Partial, agg, composed, empty, k_of
from engine.functions.build import bad_type, constant_int, doc, given, wrapped
from engine.functions.table import ROW, SEED, Aggregate, Arg, BoundAggregate
from engine.types import FLOAT64, UINT64, DataType, array, duckdb_type, tuple_of

POINTS_MAX = 10_000  # of largest_triangle_three_buckets


def _sample(args: tuple[Arg, ...]) -> BoundAggregate:
    """Every row draws a number; the rows with the k smallest are the sample, so a state is k rows
    and states can be merged."""
    name, value = "group_array_sample", args[0]
    k = k_of(name, 1, args, 1)
    salt = constant_int(name, 2, args[2]) if given(args, 2) else 0
    t = value.type.inner
    drawn = f"hash({ROW}, {SEED}, {salt}::BIGINT)"
    row = f'struct_pack("1" := {drawn}, "2" := CAST({value.sql} AS {duckdb_type(t)}))'
    if value.type.is_nullable:
        row = f"CASE WHEN {wrapped(value.sql)} IS NOT NULL THEN {row} END"
    # Of a changelog the value draws, since a retracted row must draw what it drew when it came.
    drawn = f"hash({value.sql}, {SEED}, {salt}::BIGINT)"
    each = f'struct_pack("1" := {drawn}, "2" := CAST({value.sql} AS {duckdb_type(t)}))'
    if value.type.is_nullable:
        each = f"CASE WHEN {wrapped(value.sql)} IS NOT NULL THEN {each} END"
    sql = f"min({row}, {k}){FILTER}"
    partial = Partial(sql, array(tuple_of((UINT64, t))), "concat", keep=k, each=each)

    def final(p: tuple[str, ...]) -> str:
        chosen = f"list_slice(list_sort({p[0]}), 1, {k})"
        values = f'list_transform({chosen}, lambda __e: __e."2")'
        return f"coalesce(list_sort({values}), {empty(t)})"

    return composed((partial,), final, array(t))


def _points(name: str, args: tuple[Arg, ...]) -> int:
    count = constant_int(name, 2, args[2])
    if not 1 <= count <= POINTS_MAX:
        message = f"the number of points of {name} must be 1 to {POINTS_MAX}, not {count}"
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
    return count


def _coordinate(name: str, at: int, arg: Arg) -> DataType:
    """Numbers become float64, times stay what they are."""
    if arg.type.is_temporal:
        return arg.type.inner
    if not (arg.type.is_numeric or arg.type.inner.name == "bool"):
        raise bad_type(name, at, arg, "a number, date or datetime")
    return FLOAT64


def _number(sql: str, t: DataType) -> str:
    """A coordinate as DOUBLE; times in microseconds."""
    return f"CAST(epoch_us(CAST({sql} AS TIMESTAMP)) AS DOUBLE)" if t.is_temporal else sql


def _bucket(count: int) -> str:
    """Points of bucket `__i` (from 0) of the inner points of `__v`, as their first and last place.

    The bucket after the last one is the last point alone.
    """
    inner = f"((len(__v) - 2) / {count - 2}::DOUBLE)"
    first = f"CAST(floor({inner} * __i) AS BIGINT) + 2"
    after = f"CAST(floor({inner} * (__i + 1)) AS BIGINT) + 2"
    return f"[{first}, CASE WHEN __i >= {count - 2} THEN len(__v) ELSE {after} - 1 END]"


def _largest(types: tuple[DataType, DataType]) -> str:
    """The point of the bucket `__b` whose triangle with the point chosen before it, the last of
    `__a.points`, and the mean of the next bucket is the largest one; the first of equal ones."""
    x, y = (_number(f'__e."{at}"', t) for at, t in enumerate(types, 1))
    x0, y0 = (_number(f'__a.points[-1]."{at}"', t) for at, t in enumerate(types, 1))
    mean = "__b.next"
    area = f"abs(({x0} - {mean}[1]) * ({y} - {y0}) - ({x0} - {x}) * ({mean}[2] - {y0}))"
    areas = f"list_transform(__b.points, lambda __e: {area})"
    best = "list_position(__t, list_max(__t))"
    return f"list_transform([{areas}], lambda __t: __b.points[{best}])[1]"


def _mean(points: str, at: int, t: DataType) -> str:
    value = _number(f'__e."{at}"', t)
    return f"list_avg(list_transform({points}, lambda __e: {value}))"


def _thinned(count: int, types: tuple[DataType, DataType]) -> str:
    """The chosen ones of the sorted points `__v`, of which there are more than `count`."""
    if count <= 2:
        return "[__v[1]]" if count == 1 else "[__v[1], __v[-1]]"
    places = f"list_transform(range({count - 1}), lambda __i: {_bucket(count)})"
    # Point by point: a slice would copy what is sliced.
    points = "list_transform(range(__q[1], __q[2] + 1), lambda __j: __v[__j])"
    groups = f"list_transform({places}, lambda __q: {points})"
    means = ", ".join(_mean("__n", at, t) for at, t in enumerate(types, 1))
    # A fold has one type: the chosen points are `points` of a struct too.
    struct = f"struct_pack(next := [{means}], points := __g)"
    pair = f"list_transform([__p[__i + 2]], lambda __n: {struct})[1]"
    pair = f"list_transform([__p[__i + 1]], lambda __g: {pair})[1]"
    buckets = f"list_transform(range({count - 2}), lambda __i: {pair})"
    start = "struct_pack(next := [0::DOUBLE, 0::DOUBLE], points := [__v[1]])"
    step = f"struct_pack(next := __b.next, points := list_append(__a.points, {_largest(types)}))"
    folded = f"list_reduce({buckets}, lambda __a, __b: {step}, {start}).points"
    return f"list_transform([{groups}], lambda __p: list_append({folded}, __v[-1]))[1]"


def _largest_triangles(args: tuple[Arg, ...]) -> BoundAggregate:
    """largest_triangle_three_buckets(x, y, n); the choice depends on all points, so all are kept
    (within the query's budget, as by quantiles)."""
    name = "largest_triangle_three_buckets"
    count = _points(name, args)
    types = (_coordinate(name, 0, args[0]), _coordinate(name, 1, args[1]))
    point = tuple_of(types)
    x, y = (f"CAST({arg.sql} AS {duckdb_type(t)})" for arg, t in zip(args[:2], types, strict=True))
    tests = [f"NOT isnan({s})" for s, t in zip((x, y), types, strict=True) if t == FLOAT64]
    tests += [f"{wrapped(a.sql)} IS NOT NULL" for a in args[:2] if a.type.is_nullable]
    row = f'struct_pack("1" := {x}, "2" := {y})'
    if tests:
        row = f"CASE WHEN {' AND '.join(tests)} THEN {row} END"
    rows = f"list_filter(list({row}){FILTER}, lambda __e: __e IS NOT NULL)"

    def final(p: tuple[str, ...]) -> str:
        thinned = f"CASE WHEN len(__v) <= {count} THEN __v ELSE {_thinned(count, types)} END"
        found = f"list_transform([list_sort({p[0]})], lambda __v: {thinned})[1]"
        return f"coalesce({found}, {empty(point)})"

    return composed((Partial(rows, array(point), "concat", each=row),), final, array(point))


AGGREGATES: tuple[Aggregate, ...] = (
    agg(
        Names(
            "group_array_sample",
            "any integer integer?",
            doc(
                "A random sample of the values, at most as many as given, sorted. "
                "The third argument chooses another sample.",
                ("group_array_sample(x, 10)", "[1, 2, 2, 3]"),
            ),
        ),
        _sample,
    ),
    agg(
        Names(
            "largest_triangle_three_buckets",
            "any any integer",
            doc(
                "At most n points (x, y), by x, that show the shape of a line through all of them.",
                ("largest_triangle_three_buckets(x, x * x, 2)", "[[1, 1], [3, 9]]"),
            ),
        ),
        _largest_triangles,
    ),
)
