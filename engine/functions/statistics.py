"""Variance, deviation, covariance, correlation, skewness and kurtosis from sums of powers.

The sums are exact: a term is cut into two integers of a fixed grid, which are added as integers, so
that neither the batches in which rows come nor their order changes a bit of the result. What does
not lie on the grids (above 2^84, or below 2^-90) is added as float64.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.aggregation import (
    FILTER,
    Final,
    Names,
    Partial,
    agg,
    composed,
    or_nan,
)
from engine.functions.build import doc
from engine.functions.table import Aggregate, Arg, BoundAggregate
from engine.types import FLOAT64, INT64, decimal

_WHOLE = decimal(38, 0)
_LARGEST = 2.0**84
_COARSE, _FINE = 2.0**-10, 2.0**-90  # the grids; 2^32 terms of the largest size fit a sum
_PARTS = 3  # partials of one sum


def _exact_sum(term: str) -> tuple[Partial, ...]:
    """Partials of the sum of a DOUBLE: on the coarse grid, on the fine grid, the rest."""
    fits = f"abs({term}) < {_LARGEST!r}::DOUBLE"
    coarse = f"trunc(({term}) * {1 / _COARSE!r}::DOUBLE)"
    left = f"(({term}) - {coarse} * {_COARSE!r}::DOUBLE)"
    fine = f"trunc({left} * {1 / _FINE!r}::DOUBLE)"
    rest = f"{left} - {fine} * {_FINE!r}::DOUBLE"
    grids = tuple(
        Partial(f"sum(CASE WHEN {fits} THEN CAST({part} AS HUGEINT) END){FILTER}", _WHOLE, "add")
        for part in (coarse, fine)
    )
    other = f"fsum(CASE WHEN {fits} THEN {rest} ELSE {term} END){FILTER}"
    return (*grids, Partial(other, FLOAT64, "add"))


def _sums(count: Partial, *terms: str) -> tuple[Partial, ...]:
    """A count, then the partials of exact sums."""
    return (count, *(part for term in terms for part in _exact_sum(term)))


def _over_sums(formula: Callable[[tuple[str, ...]], str]) -> Final:
    """The final of a formula of the count and the sums; nan where it is NULL."""

    def final(p: tuple[str, ...]) -> str:
        values = [p[0]]
        for at in range(1, len(p), _PARTS):
            coarse, fine, rest = p[at : at + _PARTS]
            grids = (
                f"coalesce(CAST({coarse} AS DOUBLE), 0) * {_COARSE!r}::DOUBLE + "
                f"coalesce(CAST({fine} AS DOUBLE), 0) * {_FINE!r}::DOUBLE"
            )
            values.append(f"({grids} + {rest})")
        # Named once: formulas repeat them, and in bounded SQL they are long.
        names = tuple(f"__s[{at}]" for at in range(1, len(values) + 1))
        held = f"[CAST([{', '.join(values)}] AS DOUBLE[])]"
        return or_nan(f"list_transform({held}, lambda __s: {formula(names)})[1]")

    return final


def _powers(arg: Arg, most: int) -> tuple[Partial, ...]:
    """Count and the sums of x, x², ... up to a power."""
    x = f"CAST({arg.sql} AS DOUBLE)"
    terms = (" * ".join([x] * power) for power in range(1, most + 1))
    return _sums(Partial(f"count({arg.sql}){FILTER}", INT64, "add"), *terms)


def _squares(p: tuple[str, ...]) -> str:
    """Sum of squared distances from the mean, never below 0."""
    n, s1, s2 = p[:3]
    return f"greatest({s2} - {s1} * {s1} / nullif({n}, 0), 0)"


def _spread(sample: bool, root: bool, args: tuple[Arg, ...]) -> BoundAggregate:
    def formula(p: tuple[str, ...]) -> str:
        n = f"CASE WHEN {p[0]} > 1 THEN {p[0]} - 1 END" if sample else f"nullif({p[0]}, 0)"
        variance = f"{_squares(p)} / {n}"
        return f"sqrt({variance})" if root else variance

    return composed(_powers(args[0], 2), _over_sums(formula), FLOAT64)


def _pairs(args: tuple[Arg, ...]) -> tuple[Partial, ...]:
    """n, Σx, Σy, Σxy, Σx², Σy² of the rows in which both are there."""
    raw = [f"CAST({a.sql} AS DOUBLE)" for a in args]
    x = f"CASE WHEN {raw[1]} IS NOT NULL THEN {raw[0]} END"
    y = f"CASE WHEN {raw[0]} IS NOT NULL THEN {raw[1]} END"
    if not any(a.type.is_nullable for a in args):
        x, y = raw
    terms = (x, y, f"{raw[0]} * {raw[1]}", f"({x}) * ({x})", f"({y}) * ({y})")
    return _sums(Partial(f"count({raw[0]} * {raw[1]}){FILTER}", INT64, "add"), *terms)


def _covariance(sample: bool, args: tuple[Arg, ...]) -> BoundAggregate:
    def formula(p: tuple[str, ...]) -> str:
        n, x, y, xy = p[:4]
        divisor = f"nullif({n} - 1, 0)" if sample else f"nullif({n}, 0)"
        return f"({xy} - {x} * {y} / nullif({n}, 0)) / {divisor}"

    return composed(_pairs(args), _over_sums(formula), FLOAT64)


def _correlation(args: tuple[Arg, ...]) -> BoundAggregate:
    def formula(p: tuple[str, ...]) -> str:
        n, x, y, xy, xx, yy = p
        spread = f"sqrt(greatest({n} * {xx} - {x} * {x}, 0) * greatest({n} * {yy} - {y} * {y}, 0))"
        return f"({n} * {xy} - {x} * {y}) / nullif({spread}, 0)"

    return composed(_pairs(args), _over_sums(formula), FLOAT64)


def _central(p: tuple[str, ...]) -> tuple[str, str, str, str]:
    """n and the central moments 2, 3 and 4."""
    n = f"CAST(nullif({p[0]}, 0) AS DOUBLE)"
    mean, s2 = f"({p[1]} / {n})", p[2]
    m2 = f"greatest({s2} / {n} - {mean} * {mean}, 0)"
    if len(p) < 4:
        return n, m2, "", ""
    s3 = p[3]
    m3 = f"({s3} / {n} - 3 * {mean} * {s2} / {n} + 2 * power({mean}, 3))"
    if len(p) < 5:
        return n, m2, m3, ""
    m4 = (
        f"({p[4]} / {n} - 4 * {mean} * {s3} / {n} + 6 * {mean} * {mean} * {s2} / {n} "
        f"- 3 * power({mean}, 4))"
    )
    return n, m2, m3, m4


def _skewness(sample: bool, args: tuple[Arg, ...]) -> BoundAggregate:
    def formula(p: tuple[str, ...]) -> str:
        n, m2, m3, _ = _central(p)
        skew = f"{m3} / nullif(power({m2}, 1.5), 0)"
        factor = f"sqrt({n} * ({n} - 1)) / nullif({n} - 2, 0)"
        return f"{skew} * {factor}" if sample else skew

    return composed(_powers(args[0], 3), _over_sums(formula), FLOAT64)


def _kurtosis(sample: bool, args: tuple[Arg, ...]) -> BoundAggregate:
    def formula(p: tuple[str, ...]) -> str:
        n, m2, _, m4 = _central(p)
        excess = f"({m4} / nullif({m2} * {m2}, 0) - 3)"
        if not sample:
            return excess
        factor = f"({n} - 1) / nullif(({n} - 2) * ({n} - 3), 0)"
        return f"{factor} * (({n} + 1) * {excess} + 6)"

    return composed(_powers(args[0], 4), _over_sums(formula), FLOAT64)


def _spread_entry(name: str, sample: bool, root: bool, value: str, *aliases: str) -> Aggregate:
    word = "Standard deviation" if root else "Variance"
    of = "a sample" if sample else "the whole population"
    about = doc(f"{word} of {of}.", (f"round({name}(x), 4)", value))
    names = Names(name, "exact", about, aliases)
    return agg(names, lambda a: _spread(sample, root, a))


AGGREGATES: tuple[Aggregate, ...] = (
    _spread_entry("var_pop", False, False, "0.5"),
    _spread_entry("var_samp", True, False, "0.6667", "variance"),
    _spread_entry("stddev_pop", False, True, "0.7071"),
    _spread_entry("stddev_samp", True, True, "0.8165", "stddev"),
    agg(
        Names(
            "covar_pop",
            "exact exact",
            doc("Covariance of the population.", ("covar_pop(x, x)", "0.5")),
        ),
        lambda a: _covariance(False, a),
    ),
    agg(
        Names(
            "covar_samp",
            "exact exact",
            doc("Covariance of a sample.", ("round(covar_samp(x, x), 4)", "0.6667")),
        ),
        lambda a: _covariance(True, a),
    ),
    agg(Names("corr", "exact exact", doc("Correlation.", ("corr(x, x)", "1"))), _correlation),
    agg(
        Names("skew_pop", "exact", doc("Skewness of the population.", ("skew_pop(x)", "0"))),
        lambda a: _skewness(False, a),
    ),
    agg(
        Names(
            "skew_samp",
            "exact",
            doc("Skewness of a sample.", ("skew_samp(x)", "0")),
            ("skewness",),
        ),
        lambda a: _skewness(True, a),
    ),
    agg(
        Names(
            "kurt_pop", "exact", doc("Excess kurtosis of the population.", ("kurt_pop(x)", "-1"))
        ),
        lambda a: _kurtosis(False, a),
    ),
    agg(
        Names(
            "kurt_samp",
            "exact",
            doc("Excess kurtosis of a sample.", ("kurt_samp(x)", "1.5")),
            ("kurtosis",),
        ),
        lambda a: _kurtosis(True, a),
    ),
)
