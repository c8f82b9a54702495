"""Streaming over a whole stream equals the bounded query over it, for what both can say."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.duck import Session
from tests.engine.pipeline import EPOCH, Pipelines

COLUMNS = "k string, i int32, f float64, o nullable(int64), t datetime64(3)"

# {s}: the stream, or table(stream); {end}: what makes the streaming form send once.
FLAT = [
    "select k, i * 2 as d, f from {s} where i > 0",
    "select upper(k) as u, if(i > 0, 'x', 'y') from {s} where u != 'B' or i < 0",
    "select array_join([i, i + 1]) as j, k from {s}",
    "select o, is_null(o), coalesce(o, -1) from {s} where o > 1 or o is null",
    "select i, window_start, window_end from tumble({s}, t, 7s)",
    "select i from (select i, k from {s} where i > -3) where k in ('a', 'b')",
]
AGGREGATED = [
    "select count(), sum(i), min(f), max(k), avg(i) from {s}",
    "select k, count(), sum(o), min(o), count(o) from {s} group by k",
    "select i % 3 as m, k, max(f), unique_exact(i) from {s} where i != 2 group by m, k",
    "select o, count(), any(1) from {s} group by o",
    "select k, count_if(i > 0), sum_if(i, f > 0), stddev_pop(i) from {s} group by k "
    "having count() > 1",
    "select [i % 2, 1] as a, (k, i % 2) as p, count() from {s} group by a, p",
    "select k, group_uniq_array(i % 2), count(distinct i) from {s} group by k",
    "select k, window_start, count(), sum(i) from tumble({s}, t, 5s) group by k, window_start",
    "select window_end, max(i), latest(1) from tumble({s}, t, 1w) group by window_end",
]

rows = st.tuples(
    st.sampled_from(["a", "b", "", "ä'"]),
    st.integers(-4, 4),
    st.sampled_from([0.5, -1.25, 3.0, 0.0]),
    st.one_of(st.none(), st.integers(0, 3)),
    st.integers(0, 40_000),
)
appends = st.lists(st.lists(rows, min_size=1, max_size=8), max_size=6)


def bounded(pipelines: Pipelines, sql: str) -> list[tuple[Any, ...]]:
    query = pipelines.planner.plan(sql).bounded
    assert query is not None
    session = Session()
    for table in query.tables:
        parts = pipelines.storage.streams.get(table.stream_id, [])
        held = [p.rows for p in parts]
        whole = pa.Table.from_batches(held, schema=pipelines.schemas["s"])
        session.register(table.alias, whole.select(list(table.columns)))
    found = session.query(query.sql.replace("{now_ms}", "0"))
    session.close()
    return list(zip(*(c.to_pylist() for c in found.columns), strict=True))


def counted(found: list[tuple[Any, ...]]) -> Counter[str]:
    """Rows as a multiset; floats to 12 digits, since the order of a sum may differ."""

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.12g}") + 0.0
        return sorted(map(repr, value)) if isinstance(value, list) else value

    return Counter(repr([plain(v) for v in row]) for row in found)


def filled(given_appends: list[list[Any]]) -> Pipelines:
    pipelines = Pipelines()
    pipelines.stream("s", COLUMNS)
    for append in given_appends:
        pipelines.insert(
            "s", [(*r[:4], EPOCH + datetime.timedelta(milliseconds=r[4])) for r in append]
        )
    return pipelines


QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("sql", FLAT)
@QUICK
@given(given_appends=appends)
def test_flat(sql: str, given_appends: list[list[Any]]) -> None:
    pipelines = filled(given_appends)
    output = pipelines.query(sql.format(s="s") + " settings seek_to='earliest'")
    assert output.error is None, output.error
    assert output.all() == bounded(pipelines, sql.format(s="table(s)"))
    pipelines.close()


@pytest.mark.parametrize("sql", AGGREGATED)
@QUICK
@given(given_appends=appends)
def test_aggregated(sql: str, given_appends: list[list[Any]]) -> None:
    pipelines = filled(given_appends)
    emit = " emit periodic 1s settings seek_to='earliest'"
    output = pipelines.query(sql.format(s="s") + emit)
    pipelines.advance(1_000)
    assert output.error is None, output.error
    expected = bounded(pipelines, sql.format(s="table(s)"))
    if not any(given_appends):
        expected = []  # an idle stream sends no row of zeros
    assert counted(output.all()) == counted(expected)
    pipelines.close()
