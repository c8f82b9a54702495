"""Bounded queries take rows in order of arrival, over several history files and rows in memory."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from engine.protocol import IngestRequest
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

Row = tuple[int, int, int]  # i: its place, k: a key, t: a small number, many rows have the same
KEYS = 3
JOIN_AGGREGATE = """
create aggregate function joined(i int32) returns string language javascript as $$
{
  initialize() { this.all = []; },
  process(values) { this.all = this.all.concat(Array.from(values)); },
  finalize() { return this.all.join(','); }
}
$$"""


async def ingest(place: Place, stream: str, rows: list[Row]) -> None:
    data = {"columns": ["i", "k", "t"], "data": rows}
    await place.engine.ingest(IngestRequest(stream, "compact"), json.dumps(data).encode())


async def filled(place: Place, chance: random.Random, sizes: Iterable[int]) -> list[Row]:
    """A stream `s` of one append for each size, some of them sealed into files of their own."""
    await place.run("create stream s (i int32, k int32, t int32)")
    rows: list[Row] = []
    for size in sizes:
        start = len(rows)
        rows += [
            (i, chance.randrange(KEYS), chance.randrange(4)) for i in range(start, start + size)
        ]
        await ingest(place, "s", rows[start:])
        if chance.random() < 0.6:
            place.engine.seal()
    await ingest(place, "s", [(len(rows), 0, 0)])  # so that some are in memory
    return [*rows, (len(rows), 0, 0)]


def of_key(rows: list[Row], found: Callable[[list[Row]], Any]) -> list[list[Any]]:
    return [[k, found([r for r in rows if r[1] == k])] for k in sorted({r[1] for r in rows})]


def numbers(rows: Iterable[Row]) -> list[int]:
    return [i for i, _, _ in rows]


def fitted(rows: list[Row]) -> list[float]:
    """One row after the other by plain descent, rate 0.01: a model that the order shows in."""
    weight = bias = 0.0
    for i, _, t in rows:
        error = (t - bias - weight * (i % 5)) * 2 * 0.01
        weight, bias = weight + error * (i % 5), bias + error
    return [weight, bias]


FIT = "stochastic_linear_regression(0.01, 0.0, 1, 'SGD')(t, i % 5)"
CASES: dict[str, tuple[str, Callable[[list[Row]], Any]]] = {
    "ends": (
        "select earliest(i), latest(i), first_value(t), any(i), any_last(i) from table(s)",
        lambda r: [[0, r[-1][0], r[0][2], 0, r[-1][0]]],
    ),
    "ends of keys": (
        "select k, [earliest(i), latest(i)] from table(s) group by k order by k",
        lambda r: of_key(r, lambda g: [g[0][0], g[-1][0]]),
    ),
    "NULLs have no place": (
        "select latest(if(i > 20, null, i)), earliest(if(i < 5, null, i)) from table(s)",
        lambda r: [[min(20, r[-1][0]), 5]],
    ),
    "array": ("select group_array(i) from table(s)", lambda r: [[numbers(r)]]),
    "arrays of keys": (
        "select k, group_array(i) from table(s) group by k order by k",
        lambda r: of_key(r, numbers),
    ),
    "some of an array": (
        "select group_array(i, 7), group_array_last(i, 7) from table(s) where t != 1",
        lambda r: [[(x := numbers(e for e in r if e[2] != 1))[:7], x[-7:]]],
    ),
    "text": (
        "select k, group_concat(i, '-') from table(s) group by k order by k",
        lambda r: of_key(r, lambda g: "-".join(map(str, numbers(g)))),
    ),
    "array with a filter": (
        "select group_array_if(i, t = 0), group_array(i) filter (where t = 2) from table(s)",
        lambda r: [[numbers(e for e in r if e[2] == at) for at in (0, 2)]],
    ),
    "running totals": (
        "select array_sum(group_array_moving_sum(i)) from table(s)",
        lambda r: [[sum((len(r) - at) * e[0] for at, e in enumerate(r))]],
    ),
    "the first of equals": (
        "select k, [arg_min(i, t), arg_max(i, t)] from table(s) group by k order by k",
        lambda r: of_key(
            r, lambda g: [min(g, key=lambda e: e[2])[0], max(g, key=lambda e: e[2])[0]]
        ),
    ),
    "the first of equally frequent ones": (
        "select top_k(i, 5, false) from table(s)",
        lambda r: [[numbers(r)[:5]]],
    ),
    "columns of the best": (
        "select max_k(t, 3, i) from table(s)",
        lambda r: [[[[e[2], e[0]] for e in sorted(r, key=lambda e: -e[2])[:3]]]],
    ),
    "regression": (
        f"select k, {FIT} from table(s) group by k order by k",
        lambda r: of_key(r, lambda g: pytest.approx(fitted(g))),
    ),
    "user aggregate": (
        "select k, joined(i) from table(s) group by k order by k",
        lambda r: of_key(r, lambda g: ",".join(map(str, numbers(g)))),
    ),
    "rows before": (
        "select count() from (select i, lag(i, 1, -1) as p from table(s)) where i - p != 1",
        lambda r: [[0]],
    ),
    "subquery": (
        "with c as (select i * 2 as j, k from table(s) where t > 0) "
        "select group_array(j), latest(j) from (select j from c where k != 1)",
        lambda r: [[x := [e[0] * 2 for e in r if e[2] > 0 and e[1] != 1], x[-1]]],
    ),
    "sorted subquery": (
        "select group_array(i), latest(i) from (select i, t from table(s) order by i desc)",
        lambda r: [[numbers(r)[::-1], 0]],
    ),
    "equal rows of a sorted subquery": (
        "select k, group_array(i) from (select i, k from table(s) order by t desc) "
        "group by k order by k",
        lambda r: of_key(sorted(r, key=lambda e: -e[2]), numbers),
    ),
    "a name that is ours": (
        "select group_array(__row) from (select i as __row, i as __at from table(s) order by t)",
        lambda r: [[numbers(sorted(r, key=lambda e: e[2]))]],
    ),
    "union": (
        "select group_array(i) from "
        "(select i from table(s) where t = 0 union all select i from table(s))",
        lambda r: [[numbers(e for e in r if e[2] == 0) + numbers(r)]],
    ),
    "limit": (
        "select group_array(i), latest(i) from (select i from table(s) limit 9)",
        lambda r: [[numbers(r[:9]), 8]],
    ),
    "elements": (
        "select group_array(e), latest(e) from (select [i, -i] as a from table(s)) "
        "array join a as e",
        lambda r: [[x := [e for i, _, _ in r for e in (i, -i)], x[-1]]],
    ),
    "join": (
        "select group_array(i), latest(n) from (select s.i as i, names.n as n "
        "from table(s) as s join table(names) as names on s.k = names.k)",
        lambda r: [[[e[0] for e in r for _ in range(2)], r[-1][1] + 10]],
    ),
    "joined rows of keys": (
        "select s.k, group_array(s.i), group_array(names.n, 2) from table(names) as names "
        "join table(s) as s on s.k = names.k where names.n < 10 group by s.k order by s.k",
        lambda r: [[k, x, [k] * min(2, len(x))] for k, x in of_key(r, numbers)],
    ),
    "join of joins": (
        "select group_array(s.i) from table(s) as s join table(names) as a on s.k = a.k "
        "join table(names) as b on a.k = b.k where a.n < 10",
        lambda r: [[[e[0] for e in r for _ in range(2)]]],
    ),
    "rows before of a join": (
        "select count() from (select s.i as i, lag(s.i, 1, -1) as p from table(s) as s "
        "join table(names) as names on s.k = names.k) where i - p < 0",
        lambda r: [[0]],
    ),
}


async def differences(place: Place, rows: list[Row]) -> dict[str, tuple[Any, Any]]:
    """What answers differently from the rows in order of arrival."""
    wrong: dict[str, tuple[Any, Any]] = {}
    for name, (sql, expected) in CASES.items():
        found, wanted = await place.rows(sql), expected(rows)
        if found != wanted:
            wrong[name] = found, wanted
    return wrong


@pytest.mark.parametrize("seed", range(3))
async def test_rows_are_taken_in_order_of_arrival(place: Place, seed: int) -> None:
    chance = random.Random(seed)
    await place.run(JOIN_AGGREGATE)
    await place.run("create stream names (k int32, n int32)")
    await place.run("insert into names (k, n) values (0, 0)(1, 1)(2, 2)")
    place.engine.seal()
    await place.run("insert into names (k, n) values (0, 10)(1, 11)(2, 12)")
    rows = await filled(place, chance, [30, *(chance.randrange(1, 60) for _ in range(12))])
    assert await differences(place, rows) == {}


async def test_many_rows_are_taken_in_order_of_arrival(place: Place) -> None:
    """So many that DuckDB's threads share them."""
    rows = await filled(place, random.Random(0), [30_000] * 10)
    last = len(rows) - 1
    sql = (
        "select earliest(i), latest(i), array_all(d -> d >= 0, array_difference(group_array(i))) "
        "from table(s) where i >= 0"
    )
    assert await place.rows(sql) == [[0, last, True]]
    ends = of_key(rows, lambda g: [g[0][0], g[-1][0]])
    keys = "select k, [earliest(i), latest(i)] from table(s) group by k order by k"
    assert await place.rows(keys) == ends
    assert await place.rows(keys) == ends
