"""Aggregates: examples, and the streaming form gives what the native form gives."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest

from engine.duck import Session
from engine.errors import SqlError
from engine.functions import registry
from engine.functions.build import quoted
from engine.functions.table import ROW, SEED, Arg, BoundAggregate
from engine.regression import HEADER, fitted
from engine.types import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    STRING,
    UINT8,
    UINT64,
    DataType,
    arrow_type,
    datetime64,
    decimal,
    duckdb_type,
    nullable,
)
from tests.engine.functions.evaluator import as_json, bind_aggregate, equal

ENTRIES = [e for family in registry.AGGREGATE_FAMILIES.values() for e in family]
COLUMNS: dict[str, DataType] = {
    "i": INT32,
    "l": INT64,
    "u": UINT8,
    "q": UINT64,
    "f": FLOAT64,
    "g": FLOAT32,
    "s": STRING,
    "b": BOOL,
    "t": datetime64(3),
    "d": decimal(10, 2),
    "n": nullable(INT64),
    "m": nullable(STRING),
    "x": nullable(FLOAT64),
}
ARGS = {name: Arg(quoted(name), t) for name, t in COLUMNS.items()}
CALLS = [
    *(f"count({c})" for c in ("", "i", "n")),
    *(f"{f}({c})" for f in ("sum", "avg", "sum_distinct", "avg_distinct") for c in "iluqfgdnxb"),
    *(f"{f}({c})" for f in ("min", "max", "any", "earliest", "latest") for c in COLUMNS),
    *(f"{f}({c})" for f in ("count_distinct", "group_uniq_array") for c in COLUMNS),
    "count_distinct(i, s)",
    *(f"group_array({c})" for c in COLUMNS),
    "group_array(i, 3)",
    "group_array_last(i, 3)",
    "group_array_sorted(s, 4)",
    "group_concat(s)",
    "group_concat(i, '; ')",
    "group_concat(m)",
    *(f"arg_{w}({a}, {b})" for w in ("min", "max") for a, b in ("si", "il", "ml", "st", "nx")),
    *(f"group_bit_{w}({c})" for w in ("and", "or", "xor") for c in "iu"),
    "bool_and(b)",
    "bool_or(b)",
    "bool_or(i)",
    *(f"{f}({c})" for f in ("var_pop", "var_samp", "stddev_pop", "stddev_samp") for c in "ifx"),
    *(f"{f}({c})" for f in ("skew_pop", "skew_samp", "kurt_pop", "kurt_samp") for c in "if"),
    *(f"{f}(i, f)" for f in ("covar_pop", "covar_samp", "corr", "avg_weighted")),
    "covar_pop(x, n)",
    *(f"quantile({c}, 0.3)" for c in "ifgxdt"),
    "quantile_exact(i, 0.9)",
    "quantile_exact(f)",
    "median(i)",
    *(f"p{level}(f)" for level in (50, 90, 95, 99)),
    *(
        f"{f}_k({c})"
        for f in ("min", "max")
        for c in ("i, 2", "f, 3", "s, 2", "i, 2, s", "n, 2, s")
    ),
    *(f"top_k({c})" for c in ("i, 2", "s, 3, true", "s, 2, false", "n", "m")),
    "histogram(i)",
    "group_array_moving_sum(i)",
    "group_array_moving_sum(f)",
    *(f"{f}_time_weighted({c}, t)" for f in ("avg", "median") for c in "ifn"),
    *(f"xirr({c}, t)" for c in "ifx"),
    "xirr(i, t, 0.5)",
    *(f"group_array_sample({c}, 1000)" for c in "isnmx"),
    "group_array_sample(i, 3)",
    "group_array_sample(f, 2, 7)",
    *(f"largest_triangle_three_buckets({c})" for c in ("f, i, 4", "x, n, 3", "t, f, 5", "d, d, 1")),
    *(f"stochastic_linear_regression{c}" for c in ("(i, f)", "(0.01, 0.1, 2, 'SGD')(n, b, d)")),
    "stochastic_linear_regression_state(0.1, 0, 3)(x, i)",
    "stochastic_logistic_regression(0.1)(b, i, n)",
    "stochastic_logistic_regression_state(0.1, 0.01, 1, 'Nesterov')(b, i)",
]


GROUPS = 30
Row = tuple[object, ...]


def random_rows(seed: int) -> list[Row]:
    """Rows of groups of different sizes in one order of arrival, cut into up to five batches.

    The last two columns are the group and the number of the batch.
    """
    pick = random.Random(seed)

    def value() -> float:
        return pick.randint(-400, 400) / 4

    rows: list[Row] = []
    for _ in range(300):
        group = min(pick.randrange(GROUPS), pick.randrange(GROUPS))
        row = (
            pick.randint(-4, 4),
            pick.choice([pick.randint(-(2**63), 2**63 - 1), pick.randint(-5, 5)]),
            pick.randint(0, 5),
            pick.randint(0, 2**64 - 1),
            value(),
            value(),
            pick.choice(["", "a", "b", "ab", "c'd"]),
            pick.random() < 0.6,
            pick.randint(0, 5000),
            Decimal(pick.randint(-999, 999)).scaleb(-2),
            pick.choice([None, pick.randint(-4, 4)]),
            pick.choice([None, "", "a", "b"]),
            pick.choice([None, value()]),
        )
        rows.append((*row, group))
    cuts = sorted(pick.randrange(len(rows)) for _ in range(4))
    return [(*r, sum(at >= c for c in cuts)) for at, r in enumerate(rows)]


def table(rows: list[Row]) -> pa.Table:
    types = [*(arrow_type(t) for t in COLUMNS.values()), pa.int64(), pa.int64()]
    names = [*COLUMNS, "__group", "__batch"]
    arrays = [pa.array([r[at] for r in rows], t) for at, t in enumerate(types)]
    return pa.table([*arrays, pa.array(range(len(rows)))], names=[*names, ROW])


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    opened.register("__rows", table(random_rows(7)))
    opened.register("__none", table([]))
    yield opened
    opened.close()


def wrap(value: object, t: DataType) -> object:
    if t.name in ("int64", "uint64") and isinstance(value, int):
        low = value & (2**64 - 1)
        return low - 2**64 if t.name == "int64" and low >= 2**63 else low
    return value


def merged(merge: str, old: object, new: object, t: DataType) -> object:
    if merge == "add":
        return wrap(old + new, t)  # type: ignore[operator]
    if merge == "min":
        return min(old, new)  # type: ignore[type-var]
    if merge == "max":
        return max(old, new)  # type: ignore[type-var]
    if merge == "first":
        return old
    if merge == "last":
        return new
    if merge == "fit":
        return [*old, *new[HEADER:]]  # type: ignore[misc,index]
    if merge == "concat":
        return [*old, *new]  # type: ignore[misc]
    assert merge in ("union", "distinct")
    return [*old, *(v for v in new if v not in old)]  # type: ignore[misc,union-attr]


def fold(bound: BoundAggregate, batches: list[dict[str, object]]) -> list[object]:
    """The accumulators after every batch, merged as the engine does."""
    state: list[object] = [None] * len(bound.partials)
    for got in batches:
        wins = [False] * len(state)
        for i, partial in enumerate(bound.partials):
            new, old = got[f"p{i}"], state[i]
            if new is None:
                continue
            if partial.merge.startswith("with_"):
                state[i] = new if wins[partial.by] else old
                continue
            state[i] = new if old is None else merged(partial.merge, old, new, partial.type)
            wins[i] = state[i] != old
    return [
        fitted(pa.array([held], pa.list_(pa.float64())))[0].as_py()
        if p.merge == "fit"
        else (len(held) if p.items and isinstance(held, list) else held)
        for p, held in zip(bound.partials, state, strict=True)
    ]


def filtered(sql: str, where: str) -> str:
    return sql.replace("{filter}", f" FILTER (WHERE {where})" if where else "").replace(SEED, "42")


def stream(session: Session, bound: BoundAggregate, where: str) -> dict[int, object]:
    """The value of every group after the partials of its batches were merged."""
    parts = ", ".join(f"{filtered(p.sql, where)} AS p{i}" for i, p in enumerate(bound.partials))
    sql = f"SELECT __group, __batch, {parts} FROM __rows GROUP BY ALL ORDER BY __group, __batch"
    groups: dict[int, list[dict[str, object]]] = {}
    for row in session.query(sql).to_pylist():
        groups.setdefault(row["__group"], []).append(row)
    states = [fold(bound, batches) for batches in groups.values()]
    arrays = [pa.array(list(groups), pa.int64())]
    for i, partial in enumerate(bound.partials):
        arrays.append(pa.array([s[i] for s in states], arrow_type(partial.type)))
    names = [f"p{i}" for i in range(len(bound.partials))]
    session.register("__state", pa.table(arrays, names=["__group", *names]))
    final = bound.final(tuple(quoted(n) for n in names))
    found = session.query(f"SELECT __group AS g, {final} AS r FROM __state").to_pylist()
    return {row["g"]: row["r"] for row in found}


def native(session: Session, bound: BoundAggregate, where: str) -> dict[int, object]:
    sql = filtered(bound.native, where)
    rows = session.query(
        f"SELECT __group AS g, {sql} AS r, typeof({sql}) AS t FROM __rows GROUP BY __group"
    ).to_pylist()
    for row in rows:
        assert plain(row["t"]) == plain(duckdb_type(bound.type))
    return {row["g"]: row["r"] for row in rows}


def plain(name: str) -> str:
    return name.replace(" ", "").replace('"', "")


def near(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(near(x, y) for x, y in zip(a, b, strict=True))
    return a == b


@pytest.mark.turns(3)
@pytest.mark.parametrize("where", ["", "i > 0", "i > 100"])
@pytest.mark.parametrize("call", CALLS)
def test_streaming_form_gives_the_native_value(session: Session, call: str, where: str) -> None:
    entry, args = bind_aggregate(call, ARGS)
    bound = entry.bind(args, False)
    expected = native(session, bound, where)
    found = stream(session, bound, where)
    assert found.keys() == expected.keys()
    for group, value in expected.items():
        assert near(found[group], value), (group, found[group], value)
        assert value is not None or bound.type.is_nullable


@pytest.mark.parametrize("call", ["count(s)", "sum(i)", "avg(f)", "min(s)", "group_array(i)"])
def test_distinct_form_gives_the_native_value(session: Session, call: str) -> None:
    entry, args = bind_aggregate(call, ARGS)
    bound = entry.bind(args, True)
    expected = native(session, bound, "")
    found = stream(session, bound, "")
    assert all(near(found[g], v) for g, v in expected.items())


def test_every_aggregate_is_compared() -> None:
    called = {call.split("(")[0] for call in CALLS}
    assert {e.name for e in ENTRIES} <= called


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_examples(session: Session, entry) -> None:  # type: ignore[no-untyped-def]
    """Over the rows x = 1, 2, 3, 2 and s = a, b, c, b."""
    four = {"x": [1, 2, 3, 2], "s": ["a", "b", "c", "b"], ROW: [0, 1, 2, 3]}
    session.register("__four", pa.table(four))
    columns = {"x": Arg('"x"', INT64), "s": Arg('"s"', STRING)}
    for example in entry.examples:
        call, rounded = example.sql, ""
        if call.startswith("round("):
            call, _, rounded = call[len("round(") : -1].rpartition(", ")
        found, args = bind_aggregate(call, columns)
        bound = found.bind(args, False)
        sql = filtered(bound.native, "")
        value = session.query(f"SELECT {sql} AS r FROM __four").column(0).to_pylist()[0]
        shown = as_json(value, bound.type)
        if rounded:
            shown = round(shown, int(rounded))  # type: ignore[call-overload]
        assert equal(shown, json.loads(example.value)), (example.sql, shown)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("sum(s)", 43),
        ("sum()", 42),
        ("count(i, s)", 42),
        ("top_k(i, 0)", 69),
        ("top_k(i, 100000)", 69),
        ("quantile(i, 2)", 69),
        ("quantile(s)", 43),
        ("min_k(i, 0)", 69),
        ("group_array_sample(i, 0)", 69),
        ("group_array_sample(i, s)", 43),
        ("largest_triangle_three_buckets(i, f, 0)", 69),
        ("largest_triangle_three_buckets(i, f, 1000000)", 69),
        ("largest_triangle_three_buckets(i, s, 3)", 43),
        ("largest_triangle_three_buckets(i, f)", 42),
    ],
)
def test_refusals(call: str, code: int) -> None:
    entry, args = bind_aggregate(call, ARGS)
    with pytest.raises(SqlError) as caught:
        entry.bind(args, False)
    assert caught.value.code == code


def test_empty_groups_give_zero_values(session: Session) -> None:
    for call, expected in (
        ("count()", 0),
        ("sum(i)", 0),
        ("max(s)", ""),
        ("group_array(i)", []),
        ("sum(n)", None),
        ("avg(f)", math.nan),
    ):
        entry, args = bind_aggregate(call, ARGS)
        sql = filtered(entry.bind(args, False).native, "")
        value = session.query(f"SELECT {sql} AS r FROM __none").column(0).to_pylist()[0]
        assert near(value, expected), call


def test_latest_goes_by_arrival_and_is_not_merged_across_panes() -> None:
    for name in ("latest", "earliest", "group_array", "top_k"):
        entry, args = bind_aggregate(f"{name}(i)", ARGS)
        assert not entry.bind(args, False).mergeable
