"""Subqueries in expressions of streaming queries: answered once at the start, part of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from engine.duck import Session
from engine.errors import SqlError
from engine.lookups import LITERALS_MAX
from engine.runner import bounded_queries
from engine.sql.subqueries import LOOKUP_VALUES_MAX
from engine.testing import Collected
from tests.engine.pipeline import Pipelines

DIM = [{"k": "a", "v": 1, "nv": None}, {"k": "b", "v": 2, "nv": 5}]
ROWS = [(1, "a", None), (2, "c", 5), (5, "b", 7)]


class World(Pipelines):
    """Streams `s` and `dim`; subqueries see the rows of `dim` that are given at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.stream("s", "i int32, k string, n nullable(int32)")
        self.stream("dim", "k string, v int32, nv nullable(int32)")

    def ask(self, sql: str, dim: list[dict[str, Any]] = DIM) -> Collected:
        plan, session, answers = self.plan(sql), Session(), {}
        for query in bounded_queries(plan):
            for scan in query.tables:
                rows = pa.Table.from_pylist(dim, schema=self.schemas["dim"])
                session.register(scan.alias, rows.select(list(scan.columns)))
            answers[query] = session.query(query.sql)
        session.close()
        return self.virtual.start(plan, answers)

    def rows_of(self, sql: str, dim: list[dict[str, Any]] = DIM) -> list[tuple[Any, ...]]:
        found = self.ask(sql, dim)
        self.insert("s", ROWS)
        assert found.error is None
        return found.all()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select i from s where k in (select k from table(dim))", [(1,), (5,)]),
        ("select i from s where k not in (select k from table(dim))", [(2,)]),
        ("select i, (select max(v) from table(dim)) from s", [(1, 2), (2, 2), (5, 2)]),
        ("select i from s where i > (select max(v) from table(dim))", [(5,)]),
        ("select i in (select v from table(dim)) from s", [(True,), (True,), (False,)]),
        (
            "select k, sum(i) from s group by k having sum(i) > (select min(v) from table(dim)) "
            "emit on update",
            [("c", 2), ("b", 5)],
        ),
        ("select sum(i * (select max(v) from table(dim))) from s emit on update", [(16,)]),
        (
            "with x as (select k from table(dim)) "
            "select i from s where k in (select k from x) and k in (select k from x)",
            [(1,), (5,)],
        ),
        ("select k in (select k from table(dim)) as f, i from s where f", [(True, 1), (True, 5)]),
        (
            "select array_map(x -> x in (select v from table(dim)), [i, 9]) from s limit 1",
            [([True, False],)],
        ),
    ],
)
def test_answers_stand_wherever_an_expression_may(
    world: World, sql: str, expected: list[tuple[Any, ...]]
) -> None:
    assert world.rows_of(sql) == expected


def test_nulls_do_not_belong_to_the_set(world: World) -> None:
    assert world.rows_of("select i from s where i not in (select nv from table(dim))") == [
        (1,),
        (2,),
    ]
    # NULL itself is neither in nor out.
    sql = "select n in (select nv from table(dim)), i from s"
    assert world.rows_of(sql) == [(None, 1), (True, 2), (False, 5)]


def test_empty_answers_are_null_and_the_empty_set(world: World) -> None:
    sql = "select (select v from table(dim)), i in (select v from table(dim)) from s limit 1"
    assert world.rows_of(sql, []) == [(None, False)]


def test_a_value_of_two_rows_is_refused(world: World) -> None:
    with pytest.raises(SqlError, match="more than one row") as caught:
        world.ask("select i from s where i = (select v from table(dim))")
    assert caught.value.code == 125


def test_values_keep_their_type(world: World) -> None:
    sql = (
        "select (select [('a', 1)]), (select {'k': to_date('2020-01-01')}),"
        " (select to_float32(1.1)),"
        " (select to_decimal(1.25, 2)), (select to_datetime64('2020-01-01 00:00:00.123456', 6)),"
        " (select 'it''s {lookup_0} {now_ms}'), (select -9223372036854775808) from s limit 1"
    )
    bounded = sql.replace("from s limit 1", "")
    planned = world.planner.plan(bounded).bounded
    assert planned is not None
    (expected,) = Session().query(planned.sql).to_pylist()
    assert world.rows_of(sql) == [tuple(expected.values())]


def test_chains_with_different_answers_are_not_shared(world: World) -> None:
    sql = (
        "select i from s where i in (select v from table(dim)) "
        "and i < (select max(v) from table(dim))"
    )
    first = world.ask(sql, [{"k": "", "v": v, "nv": 0} for v in (1, 9)])
    second = world.ask(sql, [{"k": "", "v": v, "nv": 0} for v in (2, 5, 9)])
    world.insert("s", ROWS)
    assert (first.all(), second.all()) == ([(1,)], [(2,), (5,)])


def test_many_filters_of_one_shape_keep_their_own_answers(world: World) -> None:
    sql = "select i from s where i = (select max(v) from table(dim))"
    found = {v: world.ask(sql, [{"k": "", "v": v, "nv": 0}]) for v in range(8)}
    world.insert("s", ROWS)
    assert {v: out.all() for v, out in found.items() if out.all()} == {
        1: [(1,)],
        2: [(2,)],
        5: [(5,)],
    }


def test_long_sets_are_tables_that_go_with_their_last_query(world: World) -> None:
    dim = [{"k": f"k{n}", "v": n, "nv": n} for n in range(3, LITERALS_MAX + 50)]
    sql = "select i from s where i in (select v from table(dim))"
    outputs = [world.ask(sql, dim), world.ask(sql + " limit 1", dim)]
    world.insert("s", ROWS)
    assert [out.all() for out in outputs] == [[(5,)], [(5,)]]
    assert outputs[1].ended
    world.insert("s", ROWS)
    assert outputs[0].all() == [(5,), (5,)]
    world.flow.stop("q1")
    world.virtual.settle()
    again = world.ask(sql, dim)  # the table was dropped and can be made again
    world.insert("s", ROWS)
    assert again.all() == [(5,)]


def test_a_set_beyond_the_bound_is_refused(world: World) -> None:
    dim = [{"k": "", "v": n, "nv": 0} for n in range(LOOKUP_VALUES_MAX + 1)]
    with pytest.raises(SqlError) as caught:
        world.ask("select i from s where i in (select v from table(dim))", dim)
    assert caught.value.code == 191


def test_types_must_go_together_and_sources_must_end(world: World) -> None:
    for sql, code in {
        "select i from s where k in (select v from table(dim))": 43,
        "select i from s where k in (select k from s)": 48,
        "select i from s where k in (select k, v from table(dim))": 36,
        "select i from s where i in " + " and i in ".join(f"(select {n})" for n in range(17)): 36,
    }.items():
        with pytest.raises(SqlError) as caught:
            world.plan(sql)
        assert caught.value.code == code, sql


def test_explain_names_the_subquery(world: World) -> None:
    planned = world.planner.plan("explain select i from s where k in (select k from table(dim))")
    assert planned.bounded is not None
    lines = [row[0] for row in Session().query(planned.bounded.sql).to_pydict().values()]
    assert lines == ["Subquery lookup_0, once: dim"]
