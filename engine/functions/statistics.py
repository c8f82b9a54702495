"""Variance, deviation, covariance, correlation, skewness and kurtosis from sums of powers.

Sums within a batch are compensated (Kahan), so that the only rounding left is one per batch.
"""

from __future__ import annotations

from engine.functions.aggregation import (
    FILTER,
    Names,
    Partial,
    agg,
    composed,
    or_nan,
)
from engine.functions.build import doc
from engine.functions.table import Aggregate, Arg, BoundAggregate
from engine.types import FLOAT64, INT64


def _powers(arg: Arg, most: int) -> tuple[Partial, ...]:
    """Count and the sums of x, x², ... up to a power."""
    x = f"CAST({arg.sql} AS DOUBLE)"
    sums = tuple(
        Partial(f"fsum({' * '.join([x] * power)}){FILTER}", FLOAT64, "add")
        for power in range(1, most + 1)
    )
    return (Partial(f"count({arg.sql}){FILTER}", INT64, "add"), *sums)


def _squares(p: tuple[str, ...]) -> str:
    """Sum of squared distances from the mean, never below 0."""
    n, s1, s2 = p[:3]
    return f"greatest({s2} - {s1} * {s1} / {n}, 0)"


def _spread(sample: bool, root: bool, args: tuple[Arg, ...]) -> BoundAggregate:
    def final(p: tuple[str, ...]) -> str:
        n = f"nullif({p[0]} - 1, 0)" if sample else f"nullif({p[0]}, 0)"
        variance = f"{_squares(p)} / {n}"
        return or_nan(f"sqrt({variance})" if root else variance)

    return composed(_powers(args[0], 2), final, FLOAT64)


def _pairs(args: tuple[Arg, ...]) -> tuple[Partial, ...]:
    """n, Σx, Σy, Σxy, Σx², Σy² of the rows in which both are there."""
    raw = [f"CAST({a.sql} AS DOUBLE)" for a in args]
    x = f"CASE WHEN {raw[1]} IS NOT NULL THEN {raw[0]} END"
    y = f"CASE WHEN {raw[0]} IS NOT NULL THEN {raw[1]} END"
    if not any(a.type.is_nullable for a in args):
        x, y = raw
    terms = (x, y, f"{raw[0]} * {raw[1]}", f"({x}) * ({x})", f"({y}) * ({y})")
    count = Partial(f"count({raw[0]} * {raw[1]}){FILTER}", INT64, "add")
    return (count, *(Partial(f"fsum({t}){FILTER}", FLOAT64, "add") for t in terms))


def _covariance(sample: bool, args: tuple[Arg, ...]) -> BoundAggregate:
    def final(p: tuple[str, ...]) -> str:
        n, x, y, xy = p[:4]
        divisor = f"nullif({n} - 1, 0)" if sample else f"nullif({n}, 0)"
        return or_nan(f"({xy} - {x} * {y} / nullif({n}, 0)) / {divisor}")

    return composed(_pairs(args), final, FLOAT64)


def _correlation(args: tuple[Arg, ...]) -> BoundAggregate:
    def final(p: tuple[str, ...]) -> str:
        n, x, y, xy, xx, yy = p
        spread = f"sqrt(greatest({n} * {xx} - {x} * {x}, 0) * greatest({n} * {yy} - {y} * {y}, 0))"
        return or_nan(f"({n} * {xy} - {x} * {y}) / nullif({spread}, 0)")

    return composed(_pairs(args), final, FLOAT64)


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
    def final(p: tuple[str, ...]) -> str:
        n, m2, m3, _ = _central(p)
        skew = f"{m3} / nullif(power({m2}, 1.5), 0)"
        factor = f"sqrt({n} * ({n} - 1)) / nullif({n} - 2, 0)"
        return or_nan(f"{skew} * {factor}" if sample else skew)

    return composed(_powers(args[0], 3), final, FLOAT64)


def _kurtosis(sample: bool, args: tuple[Arg, ...]) -> BoundAggregate:
    def final(p: tuple[str, ...]) -> str:
        n, m2, _, m4 = _central(p)
        excess = f"({m4} / nullif({m2} * {m2}, 0) - 3)"
        if not sample:
            return or_nan(excess)
        factor = f"({n} - 1) / nullif(({n} - 2) * ({n} - 3), 0)"
        return or_nan(f"{factor} * (({n} + 1) * {excess} + 6)")

    return composed(_powers(args[0], 4), final, FLOAT64)


def _spread_entry(name: str, sample: bool, root: bool, value: str, *aliases: str) -> Aggregate:
    word = "Standard deviation" if root else "Variance"
    of = "a sample" if sample else "the whole population"
    about = doc(f"{word} of {of}.", (f"round({name}(x), 4)", value))
    names = Names(name, "number", about, aliases)
    return agg(names, lambda a: _spread(sample, root, a))


AGGREGATES: tuple[Aggregate, ...] = (
    _spread_entry("var_pop", False, False, "0.5"),
    _spread_entry("var_samp", True, False, "0.6667", "variance"),
    _spread_entry("stddev_pop", False, True, "0.7071"),
    _spread_entry("stddev_samp", True, True, "0.8165", "stddev"),
    agg(
        Names(
            "covar_pop",
            "number number",
            doc("Covariance of the population.", ("covar_pop(x, x)", "0.5")),
        ),
        lambda a: _covariance(False, a),
    ),
    agg(
        Names(
            "covar_samp",
            "number number",
            doc("Covariance of a sample.", ("round(covar_samp(x, x), 4)", "0.6667")),
        ),
        lambda a: _covariance(True, a),
    ),
    agg(Names("corr", "number number", doc("Correlation.", ("corr(x, x)", "1"))), _correlation),
    agg(
        Names("skew_pop", "number", doc("Skewness of the population.", ("skew_pop(x)", "0"))),
        lambda a: _skewness(False, a),
    ),
    agg(
        Names(
            "skew_samp",
            "number",
            doc("Skewness of a sample.", ("skew_samp(x)", "0")),
            ("skewness",),
        ),
        lambda a: _skewness(True, a),
    ),
    agg(
        Names(
            "kurt_pop", "number", doc("Excess kurtosis of the population.", ("kurt_pop(x)", "-1"))
        ),
        lambda a: _kurtosis(False, a),
    ),
    agg(
        Names(
            "kurt_samp",
            "number",
            doc("Excess kurtosis of a sample.", ("kurt_samp(x)", "1.5")),
            ("kurtosis",),
        ),
        lambda a: _kurtosis(True, a),
    ),
)
