"""Statistics of float64: no bit depends on how the rows came together or in which order."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.engine.pipeline import Pipelines

CALLS = (
    "var_pop(x), var_samp(x), stddev_pop(x), stddev_samp(x), covar_pop(x, y), covar_samp(x, y), "
    "corr(x, y), skew_pop(x), skew_samp(x), kurt_pop(x), kurt_samp(x)"
)
numbers = st.floats(-1e6, 1e6).map(lambda x: 0.0 if abs(x) < 1e-3 else x)
pairs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20)
QUICK = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def results(name: str, appends: list[list[tuple[float, float]]]) -> list[str]:
    """The exact results over these appends, as they come one by one."""
    made = Pipelines()
    made.stream(name, "x float64, y float64")
    output = made.query(f"select {CALLS} from {name} emit periodic 1s")
    for append in appends:
        made.insert(name, append)
    made.advance(1_000)
    assert output.error is None, output.error
    (row,) = output.all()
    made.close()
    return [float(value).hex() for value in row]


@QUICK
@given(pairs, st.integers(1, 5), st.randoms())
@example([(0.1, 1e5), (0.2, 3.3), (1e5 + 0.1, 0.7), (0.3, 0.1), (1e5, 2.2)], 1, None)
def test_split_and_order_change_no_bit(
    rows: list[tuple[float, float]], size: int, pick: random.Random | None
) -> None:
    whole = results("s", [rows])
    assert results("s", [rows[at : at + size] for at in range(0, len(rows), size)]) == whole
    if pick is not None:
        shuffled = list(rows)
        pick.shuffle(shuffled)
        assert results("s", [shuffled]) == whole


def test_values_are_right() -> None:
    rows = [(0.1, 2.0), (0.2, 3.5), (0.7, 1.0), (1.9, -4.0)]
    xs = [x for x, _ in rows]
    ys = [y for _, y in rows]
    found = [float.fromhex(text) for text in results("s", [rows])]
    assert found[0] == pytest.approx(statistics.pvariance(xs))
    assert found[1] == pytest.approx(statistics.variance(xs))
    assert found[5] == pytest.approx(statistics.covariance(xs, ys))
    assert found[6] == pytest.approx(statistics.correlation(xs, ys))


def test_huge_and_missing_values_do_not_fail() -> None:
    assert math.isnan(float.fromhex(results("s", [[(1e200, 1.0), (2.0, 1.0)]])[0]))
    assert math.isnan(float.fromhex(results("s", [[(math.inf, 1.0), (2.0, 1.0)]])[0]))
    assert math.isnan(float.fromhex(results("s", [[(math.nan, 1.0)]])[0]))
    tiny = float.fromhex(results("s", [[(1e-30, 1.0), (3e-30, 1.0)]])[0])
    assert tiny == pytest.approx(1e-60)
