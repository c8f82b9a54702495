"""Linear models fitted row by row: gradients summed per mini batch, weights moved by full ones.

The rules are those of ClickHouse's stochastic regressions. A row only adds to the sum of its batch,
in order of arrival, and weights are the same however the rows were cut into calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.arrays import Array, Int64s

Floats = npt.NDArray[np.float64]

METHODS: Final = ("SGD", "Momentum", "Nesterov", "Adam")
_SGD, _MOMENTUM, _NESTEROV, _ADAM = range(len(METHODS))
_INERTIA: Final[Mapping[int, float]] = {_MOMENTUM: 0.1, _NESTEROV: 0.9}
_BETA1: Final = 0.9
_BETA2: Final = 0.999
_EPSILON: Final = 1e-6

HEADER: Final = 6  # numbers in front of rows: those of a Rule
# A state is one row of floats: rows in the open batch, both powers of Adam, and then, for the bias
# and each feature: weight, gradient, first and second moment.
_FILL, _POWER1, _POWER2, _WEIGHTS = range(4)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is fitted and how. `method`: place in METHODS; `batch`: rows of a mini batch."""

    logistic: bool
    method: int
    rate: float
    l2: float
    batch: int
    features: int

    @property
    def header(self) -> tuple[float, ...]:
        """The rule as the numbers that stand in front of rows."""
        flags = (float(self.logistic), float(self.method))
        return (*flags, self.rate, self.l2, float(self.batch), float(self.features))

    @property
    def width(self) -> int:
        """Floats of one state."""
        return _WEIGHTS + 4 * (self.features + 1)


def rule_of(header: Floats) -> Rule:
    """The rule of a header."""
    logistic, method, rate, l2, batch, features = header.tolist()
    return Rule(bool(logistic), int(method), rate, l2, int(batch), int(features))


def fresh(rule: Rule, count: int) -> Floats:
    """States that saw no row."""
    states = np.zeros((count, rule.width))
    states[:, _POWER1] = _BETA1
    states[:, _POWER2] = _BETA2
    return states


def weights(states: Floats) -> Floats:
    """Of each state the bias and then the weights of the features."""
    return states[:, _WEIGHTS : _WEIGHTS + (states.shape[1] - _WEIGHTS) // 4]


def rows_of(rule: Rule, lists: pa.Array) -> tuple[Floats, Int64s]:
    """The rows (target, features) of all lists and how many each has; `lists` are float64 numbers,
    a header and then rows."""
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = lists.flatten().to_numpy(zero_copy_only=False)
    at = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    size = rule.features + 1
    return values[at >= HEADER].reshape(-1, size), np.maximum(lengths - HEADER, 0) // size


def advance(rule: Rule, states: Floats, rows: Floats, counts: Int64s) -> None:
    """Show the states, in place, their next rows: `counts` of each, one state's behind another's.

    All states take a mini batch at a time together: as many rounds as the busiest has batches.
    """
    size = rule.features + 1
    inputs = np.ones_like(rows)
    inputs[:, 1:] = rows[:, 1:]
    targets = np.ascontiguousarray(rows[:, 0])
    parts = [
        states[:, start : start + size] for start in range(_WEIGHTS, _WEIGHTS + 4 * size, size)
    ]
    fit = _Fit(rule, states, *parts)
    fill = states[:, _FILL].astype(np.int64)
    following = np.cumsum(counts) - counts
    left = counts.astype(np.int64)
    with np.errstate(all="ignore"):  # weights may become infinite, as the dialect's do
        while True:
            active = np.flatnonzero(left)
            if not len(active):
                break
            taken = np.minimum(left[active], rule.batch - fill[active])
            of = np.repeat(np.arange(len(active)), taken)
            at = np.arange(len(of)) + np.repeat(following[active] - np.cumsum(taken) + taken, taken)
            fit.add(active, inputs[at], targets[at], of)
            following[active] += taken
            left[active] -= taken
            fill[active] += taken
            full = active[fill[active] == rule.batch]
            if len(full):
                fit.step(full)
                fill[full] = 0
    states[:, _FILL] = fill


@dataclass(frozen=True, slots=True)
class _Fit:
    """States by their parts, views of `states`; the first column of each part is of the bias."""

    rule: Rule
    states: Floats
    weights: Floats
    gradient: Floats
    first: Floats
    second: Floats

    def add(self, slots: Int64s, inputs: Floats, targets: Floats, of: Int64s) -> None:
        """Add rows to the gradients; `of`: the place of each row's state in `slots`."""
        rule = self.rule
        point = self.weights[slots]
        if rule.method == _NESTEROV:
            point = point + self.first[slots] * _INERTIA[_NESTEROV]
        held = point[of]
        terms = held * inputs
        if rule.logistic:
            # Sums run from left to right, so that they do not depend on how many rows there are.
            score = np.add.accumulate(terms, axis=1)[:, -1]
            pull = targets[:, None] * inputs / (np.exp(score * targets) + 1)[:, None]
        else:
            terms = np.concatenate((targets[:, None], terms), axis=1)
            pull = 2 * np.subtract.accumulate(terms, axis=1)[:, -1:] * inputs
        held *= 2 * rule.l2
        held[:, 0] = 0
        pull -= held
        self.gradient[slots] = _summed(self.gradient[slots], pull, of)

    def step(self, slots: Int64s) -> None:
        """Move the weights by the gradients of a full batch and begin the next."""
        _STEPS[self.rule.method](self, slots)
        self.gradient[slots] = 0

    def descend(self, slots: Int64s) -> None:
        """Along the gradient."""
        self.weights[slots] += self.rule.rate * self.gradient[slots] / self.rule.batch

    def roll(self, slots: Int64s) -> None:
        """Along the gradient and, less and less, those before."""
        rule = self.rule
        moved = rule.rate * self.gradient[slots] / rule.batch
        self.first[slots] = self.first[slots] * _INERTIA[rule.method] + moved
        self.weights[slots] += self.first[slots]

    def adapt(self, slots: Int64s) -> None:
        """Adam: by means of the gradient and of its square."""
        mean = self.gradient[slots] / self.rule.batch
        first = _BETA1 * self.first[slots] + (1 - _BETA1) * mean
        second = _BETA2 * self.second[slots] + (1 - _BETA2) * mean * mean
        power1, power2 = self.states[slots, _POWER1], self.states[slots, _POWER2]
        spread = np.sqrt(second / (1 - power2)[:, None]) + _EPSILON
        self.weights[slots] += self.rule.rate * first / ((1 - power1)[:, None] * spread)
        self.first[slots], self.second[slots] = first, second
        self.states[slots, _POWER1] = power1 * _BETA1
        self.states[slots, _POWER2] = power2 * _BETA2


_STEPS: Final[Mapping[int, Callable[[_Fit, Int64s], None]]] = {
    _SGD: _Fit.descend,
    _MOMENTUM: _Fit.roll,
    _NESTEROV: _Fit.roll,
    _ADAM: _Fit.adapt,
}


def _summed(start: Floats, added: Floats, of: Int64s) -> Array:
    """Each row of `start` and the rows of `added` that are its own, one after the other."""
    count, size = start.shape
    places = of[:, None] * size + np.arange(size)
    every = np.concatenate((np.arange(count * size), places.ravel()))
    values = np.concatenate((start.ravel(), added.ravel()))
    return np.bincount(every, values, count * size).reshape(count, size)


def fitted(lists: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Bias and weights after the rows of each list (a header, then rows; all of one rule)."""
    if not len(lists):
        return pa.array([], pa.list_(pa.float64()))
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks)
    rule = rule_of(lists[0].values.to_numpy()[:HEADER])
    states = fresh(rule, len(lists))
    advance(rule, states, *rows_of(rule, lists))
    return listed(weights(states))


def listed(values: Floats) -> pa.Array:
    """Rows of a matrix as lists."""
    count, size = values.shape
    offsets = pa.array(np.arange(0, count * size + 1, size), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))
