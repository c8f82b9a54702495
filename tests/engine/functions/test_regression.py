"""Regressions: the update rules, and the same weights however the rows are cut."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from engine.counted import Lists
from engine.fitted import FittedColumn
from engine.regression import METHODS, Rule, fitted
from engine.sql.plan_parts import Partial
from engine.types import FLOAT64, array

Row = tuple[float, ...]
NUMBERS = pa.list_(pa.float64())
RULES = [
    Rule(logistic, at, 0.05, 0.02, batch, 2)
    for logistic in (False, True)
    for at in range(len(METHODS))
    for batch in (1, 4)
]


def sample(count: int, *, logistic: bool, seed: int = 5) -> list[Row]:
    """Rows of a target and two features."""
    pick = random.Random(seed)
    rows: list[Row] = []
    for _ in range(count):
        x, z = pick.uniform(-1, 1), pick.uniform(-1, 1)
        y = 3 * x - 2 * z + 1
        rows.append((math.copysign(1, y) if logistic else y, x, z))
    return rows


def one_by_one(rule: Rule, rows: list[Row]) -> list[float]:
    """Bias and weights by the rules as they are written down, a row and a number at a time."""
    size = rule.features + 1
    weights, first, second = [0.0] * size, [0.0] * size, [0.0] * size
    method, steps = METHODS[rule.method], 0
    for begin in range(0, len(rows) - rule.batch + 1, rule.batch):
        point = weights
        if method == "Nesterov":
            point = [w + 0.9 * m for w, m in zip(weights, first, strict=True)]
        total = [0.0] * size
        for target, *features in rows[begin : begin + rule.batch]:
            inputs = [1.0, *features]
            score = sum(w * x for w, x in zip(point, inputs, strict=True))
            if rule.logistic:
                pull = target / (1 + math.exp(target * score))
            else:
                pull = 2 * (target - score)
            for at in range(size):
                decay = 2 * rule.l2 * point[at] if at else 0.0
                total[at] += pull * inputs[at] - decay
        mean = [each / rule.batch for each in total]
        steps += 1
        for at in range(size):
            if method == "Adam":
                first[at] = 0.9 * first[at] + 0.1 * mean[at]
                second[at] = 0.999 * second[at] + 0.001 * mean[at] ** 2
                spread = math.sqrt(second[at] / (1 - 0.999**steps)) + 1e-6
                weights[at] += rule.rate * first[at] / (1 - 0.9**steps) / spread
                continue
            inertia = {"SGD": 0.0, "Momentum": 0.1, "Nesterov": 0.9}[method]
            first[at] = inertia * first[at] + rule.rate * mean[at]
            weights[at] += first[at]
    return weights


def lists(rule: Rule, groups: list[list[Row]]) -> pa.Array:
    flat = [[*rule.header, *(value for row in rows for value in row)] for rows in groups]
    return pa.array(flat, NUMBERS)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{METHODS[r.method]}-{r.logistic}-{r.batch}")
def test_weights_follow_the_rules(rule: Rule) -> None:
    groups = [sample(n, logistic=rule.logistic, seed=n) for n in (0, 3, 40, 4, 201)]
    found = fitted(lists(rule, groups)).to_pylist()
    for rows, weights in zip(groups, found, strict=True):
        assert weights == pytest.approx(one_by_one(rule, rows), rel=1e-9, abs=1e-12)


def column() -> FittedColumn:
    made = FittedColumn(Partial("p", "", array(FLOAT64), "fit"))
    made.grow(4)
    return made


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{METHODS[r.method]}-{r.logistic}-{r.batch}")
def test_any_cut_of_the_rows_gives_the_same_bits(rule: Rule) -> None:
    """Also where the state is saved and put into another slot in the midst of a mini batch."""
    rows = sample(150, logistic=rule.logistic)
    other = sample(150, logistic=rule.logistic, seed=6)
    whole = fitted(lists(rule, [rows, other])).to_pylist()
    pick = random.Random(rule.batch)
    cuts = [0, *sorted(pick.sample(range(1, 150), 12)), 150]
    held, slots = column(), np.array([0, 1])
    for at, (begin, end) in enumerate(pairwise(cuts)):
        held.merge(slots, Lists(lists(rule, [rows[begin:end], other[begin:end]])))
        if at % 4 == 2:
            saved = held.saved(slots)
            held, slots = column(), slots + 1 if slots[1] < 3 else slots - 2
            held.load(slots, saved)
    assert held.array(held.capture(slots)).to_pylist() == whole


def test_a_cleared_slot_begins_anew() -> None:
    rule = Rule(False, METHODS.index("Adam"), 0.05, 0.0, 2, 2)
    rows = sample(7, logistic=False)
    held, slots = column(), np.array([2])
    held.merge(slots, Lists(lists(rule, [rows])))
    held.clear(slots)
    assert held.array(held.capture(slots)).to_pylist() == [None]
    assert held.saved(np.array([1, 2])).to_pylist() == [None, None]
    held.merge(slots, Lists(lists(rule, [rows])))
    assert held.array(held.capture(slots)).to_pylist() == fitted(lists(rule, [rows])).to_pylist()


@pytest.mark.parametrize("method", METHODS)
def test_a_line_is_found(method: str) -> None:
    rule = Rule(False, METHODS.index(method), 0.05, 0.0, 15, 2)
    bias, first, second = fitted(lists(rule, [sample(15_000, logistic=False)])).to_pylist()[0]
    assert (bias, first, second) == pytest.approx((1, 3, -2), abs=1e-3)


def test_too_large_a_rate_gives_infinite_weights_and_no_error() -> None:
    rule = Rule(False, METHODS.index("SGD"), 1e6, 0.0, 1, 2)
    found = fitted(lists(rule, [sample(200, logistic=False)])).to_pylist()[0]
    assert not any(map(math.isfinite, found))
