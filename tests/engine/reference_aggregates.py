"""Aggregates of the reference interpreter: functions of the values that are left, in order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.engine.reference_rows import Append, Expr, Row

Values = list[Any]


@dataclass(frozen=True)
class Call:
    """An aggregate of a select list: its name, arguments, constants and condition.

    `zero`: what it gives over no values. `over`: rows that are NULL in one argument do not count.
    """

    name: str
    args: tuple[Expr, ...]
    result: Callable[[Values], Any] = field(compare=False)
    constants: str = ""
    condition: Expr | None = None
    zero: Any = field(default=0, compare=False)

    @property
    def sql(self) -> str:
        suffix = "_if" if self.condition is not None else ""
        parts = [*(arg.sql for arg in self.args)]
        parts += [self.constants] if self.constants else []
        parts += [self.condition.sql] if self.condition is not None else []
        return f"{self.name}{suffix}({', '.join(parts)})"

    def of(self, deltas: Append) -> Any:
        """Its value over rows that came and went, in order of arrival."""
        held: Values = []
        for row, weight in deltas:
            if self.condition is not None and not self.condition.of(row):
                continue
            value = tuple(arg.of(row) for arg in self.args)
            if None in value:
                continue
            if weight > 0:
                held.append(value)
            else:  # of equal values the one that came last goes
                del held[len(held) - 1 - held[::-1].index(value)]
        if not held and self.args:
            return self.zero
        return self.result([v[0] if len(v) == 1 else v for v in held])


def _unique(values: Values) -> Values:
    return sorted(set(values))


def _var(values: Values, less: int) -> float:
    if len(values) <= less:
        return math.nan
    mean = sum(values) / len(values)
    return sum((v - mean) ** 2 for v in values) / (len(values) - less)


def _moment(values: Values, power: int, less: int = 0) -> float:
    """A standardised moment; nan when all values are equal."""
    mean = sum(values) / len(values)
    spread = _var(values, 0)
    if not spread:
        return math.nan
    return sum((v - mean) ** power for v in values) / len(values) / spread ** (power / 2) - less


def _quantile(values: Values, level: float) -> float:
    found = sorted(values)
    at = (len(found) - 1) * level
    low = math.floor(at)
    high = min(low + 1, len(found) - 1)
    return float(found[low] + (found[high] - found[low]) * (at - low))


def _covar(values: Values, less: int) -> float:
    if len(values) <= less:
        return math.nan
    a, b = (sum(v[n] for v in values) / len(values) for n in (0, 1))
    return sum((x - a) * (y - b) for x, y in values) / (len(values) - less)


def _corr(values: Values) -> float:
    spread = math.sqrt(_var([x for x, _ in values], 0) * _var([y for _, y in values], 0))
    return _covar(values, 0) / spread if spread else math.nan


def _best(values: Values, count: int, sign: int) -> Values:
    """Of equal values the first; further columns follow as tuples."""
    first = values[0]
    key = (lambda v: sign * v[0]) if isinstance(first, tuple) else (lambda v: sign * v)
    if isinstance(first, tuple):  # equal rows count as rows that came with the first of them
        seen: dict[Any, int] = {}
        places = [seen.setdefault(v, n) for n, v in enumerate(values)]
        order = sorted(range(len(values)), key=lambda n: (key(values[n]), places[n]))
        return [values[n] for n in order][:count]
    return sorted(values, key=key)[:count]


def _total(values: Iterable[Any]) -> list[Any]:
    total, found = 0, []
    for value in values:
        total += value
        found.append(total)
    return found


def _bits(values: Values, function: Callable[[int, int], int]) -> int:
    found = values[0]
    for value in values[1:]:
        found = function(found, value)
    return found


# name -> (constants, result, what it is over no values); of a whole number.
OF_NUMBER: dict[str, tuple[str, Callable[[Values], Any], Any]] = {
    "sum": ("", sum, 0),
    "avg": ("", lambda v: sum(v) / len(v), math.nan),
    "min": ("", min, 0),
    "max": ("", max, 0),
    "any": ("", lambda v: v[0], 0),
    "earliest": ("", lambda v: v[0], 0),
    "latest": ("", lambda v: v[-1], 0),
    "count_distinct": ("", lambda v: len(set(v)), 0),
    "unique_exact": ("", lambda v: len(set(v)), 0),
    "sum_distinct": ("", lambda v: sum(set(v)), 0),
    "avg_distinct": ("", lambda v: sum(set(v)) / len(set(v)), math.nan),
    "group_array": ("", list, []),
    "group_array_last": ("2", lambda v: v[-2:], []),
    "group_array_sorted": ("", sorted, []),
    "group_uniq_array": ("", _unique, []),
    "group_array_moving_sum": ("", _total, []),
    "moving_sum": ("", _total, []),
    "median": ("", lambda v: _quantile(v, 0.5), math.nan),
    "quantile": ("0.25", lambda v: _quantile(v, 0.25), math.nan),
    "p90": ("", lambda v: _quantile(v, 0.9), math.nan),
    "min_k": ("2", lambda v: _best(v, 2, 1), []),
    "max_k": ("3", lambda v: _best(v, 3, -1), []),
    "histogram": ("", lambda v: sorted(Counter(v).items()), []),
    "stddev_pop": ("", lambda v: math.sqrt(_var(v, 0)), math.nan),
    "var_pop": ("", lambda v: _var(v, 0), math.nan),
    "var_samp": ("", lambda v: _var(v, 1), math.nan),
    "skew_pop": ("", lambda v: _moment(v, 3), math.nan),
    "kurt_pop": ("", lambda v: _moment(v, 4, 3), math.nan),
    "group_bit_or": ("", lambda v: _bits(v, lambda a, b: a | b), 0),
    "group_bit_and": ("", lambda v: _bits(v, lambda a, b: a & b), -1),
    "group_bit_xor": ("", lambda v: _bits(v, lambda a, b: a ^ b), 0),
}
# The same of a text.
OF_TEXT: dict[str, tuple[str, Callable[[Values], Any], Any]] = {
    "min": ("", min, ""),
    "max": ("", max, ""),
    "earliest": ("", lambda v: v[0], ""),
    "latest": ("", lambda v: v[-1], ""),
    "count_distinct": ("", lambda v: len(set(v)), 0),
    "group_array": ("", list, []),
    "group_uniq_array": ("", _unique, []),
    "group_concat": ("'-'", "-".join, ""),
    "max_k": ("2", lambda v: sorted(v, reverse=True)[:2], []),
}
# The same of a text and a number.
OF_PAIR: dict[str, tuple[str, Callable[[Values], Any], Any]] = {
    "arg_min": ("", lambda v: min(v, key=lambda p: p[1])[0], ""),
    "arg_max": ("", lambda v: max(v, key=lambda p: p[1])[0], ""),
}
# The same of two numbers.
OF_NUMBERS: dict[str, tuple[str, Callable[[Values], Any], Any]] = {
    "corr": ("", lambda v: _corr(v), math.nan),
    "covar_pop": ("", lambda v: _covar(v, 0), math.nan),
    "covar_samp": ("", lambda v: _covar(v, 1), math.nan),
}


@dataclass
class Group:
    """Rows of a group and when it came; `shown`: what EMIT CHANGELOG sent last."""

    arrival: int
    key: Row
    deltas: Append = field(default_factory=list)
    shown: Row | None = None
    touched: bool = False

    @property
    def rows(self) -> int:
        return sum(weight for _, weight in self.deltas)
