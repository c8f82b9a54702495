"""Samples are fair and of a bounded size; thinned lines are what the published algorithm gives."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.duck import Session
from engine.functions.table import ROW, SEED, Arg
from engine.types import FLOAT64, INT64
from tests.engine.functions.evaluator import bind_aggregate
from tests.engine.pipeline import Pipelines

Point = tuple[float, float]
QUICK = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def sample(call: str, appends: list[list[tuple[int]]]) -> list[object]:
    """Results of an aggregate over these appends."""
    made = Pipelines()
    made.stream("s", "x int32, t datetime64(3)")
    output = made.query(f"select {call} from s emit periodic 1s")
    for append in appends:
        made.insert("s", [(*row, 1_000 * row[0]) for row in append])
    made.advance(1_000)
    assert output.error is None, output.error
    rows = [row[0] for row in output.all()]
    made.close()
    return rows


def test_a_sample_does_not_depend_on_how_the_rows_came() -> None:
    rows = [(n,) for n in range(100)]
    whole = sample("group_array_sample(x, 10)", [rows])
    assert sample("group_array_sample(x, 10)", [rows[at : at + 7] for at in range(0, 100, 7)]) == (
        whole
    )
    assert len(set(whole[0])) == 10  # type: ignore[call-overload]


def test_every_value_is_chosen_equally_often(session: Session) -> None:
    entry, args = bind_aggregate("group_array_sample(x, 5)", {"x": Arg('"x"', INT64)})
    sql = entry.bind(args, False).native.replace("{filter}", "").replace(SEED, "1")
    numbers = range(20_000)
    rows = {"x": [n % 20 for n in numbers], "g": [n // 20 for n in numbers], ROW: numbers}
    session.register("__many", pa.table({k: pa.array(list(v)) for k, v in rows.items()}))
    found = session.query(f"SELECT {sql} AS r FROM __many GROUP BY g").column(0).to_pylist()
    assert {len(r) for r in found} == {5}
    counts = Counter(value for r in found for value in r)
    expected = 5 * len(found) / 20
    assert all(abs(counts[v] - expected) < 6 * math.sqrt(expected) for v in range(20))


def test_another_salt_is_another_sample() -> None:
    rows = [(n,) for n in range(200)]
    one, other = (sample(f"group_array_sample(x, 8, {salt})", [rows]) for salt in (1, 2))
    assert one != other


def thinned(points: list[Point], count: int) -> list[Point]:
    """The algorithm as published: first, the largest triangle of each bucket, last."""
    points = sorted(points)
    if len(points) <= count or count < 3:
        return points if len(points) <= count else [points[0], points[-1]][:count]
    size = (len(points) - 2) / (count - 2)
    starts = [math.floor(size * at) + 1 for at in range(count - 1)]
    ends = [*starts[1:], len(points)]
    chosen = [points[0]]
    for at in range(count - 2):
        following = points[starts[at + 1] : ends[at + 1]]
        x = sum(p[0] for p in following) / len(following)
        y = sum(p[1] for p in following) / len(following)
        x0, y0 = chosen[-1]
        areas = {
            p: abs((x0 - x) * (p[1] - y0) - (x0 - p[0]) * (y - y0))
            for p in points[starts[at] : ends[at]]
        }
        chosen.append(max(areas, key=lambda p: areas[p]))
    return [*chosen, points[-1]]


coordinates = st.integers(-1_000, 1_000).map(lambda n: n / 8)


@QUICK
@given(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=60), st.integers(1, 20))
def test_a_line_is_thinned_as_published(session: Session, points: list[Point], count: int) -> None:
    columns = {"x": Arg('"x"', FLOAT64), "y": Arg('"y"', FLOAT64)}
    entry, args = bind_aggregate(f"largest_triangle_three_buckets(x, y, {count})", columns)
    sql = entry.bind(args, False).native.replace("{filter}", "")
    table = pa.table({"x": [p[0] for p in points], "y": [p[1] for p in points]})
    session.register("__line", table)
    (found,) = session.query(f"SELECT {sql} AS r FROM __line").column(0).to_pylist()
    shown = [(p["1"], p["2"]) for p in found]
    assert shown == thinned(points, count)


def test_points_with_a_nan_are_left_out(session: Session) -> None:
    columns = {"x": Arg('"x"', FLOAT64), "y": Arg('"y"', FLOAT64)}
    entry, args = bind_aggregate("largest_triangle_three_buckets(x, y, 5)", columns)
    sql = entry.bind(args, False).native.replace("{filter}", "")
    table = pa.table({"x": [2.0, math.nan, 1.0], "y": [1.0, 1.0, math.nan]})
    session.register("__nan", table)
    (found,) = session.query(f"SELECT {sql} AS r FROM __nan").column(0).to_pylist()
    assert [(p["1"], p["2"]) for p in found] == [(2.0, 1.0)]
