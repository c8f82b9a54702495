"""Sums of floats that neither batches nor the order of rows change, and that take values back.

A number is cut into three integers of fixed grids, which are added as integers. Only what lies
below the finest grid, and numbers from 2^56 on, are added as float64; values that are not finite
are counted, so that taking them back leaves no trace.
"""

from __future__ import annotations

from engine.functions.aggregation import FILTER, Partial
from engine.functions.table import Arg
from engine.types import BOOL, FLOAT64, INT64

_LARGEST = 2.0**56
_GRIDS = (2.0**24, 2.0**-8, 2.0**-40)  # 2^31 numbers of the largest part fit an int64
_MINUS = 1 << 32  # in the count of infinities: the place of the negative ones


def float_sum(x: str) -> tuple[Partial, ...]:
    """Partials of the sum of a DOUBLE: three grids, the rest, what is not finite.

    The last counts infinities of both signs in one number; nan is one of either.
    """
    fits = f"abs({x}) < {_LARGEST!r}::DOUBLE"
    parts: list[Partial] = []
    left = f"({x})"
    for grid in _GRIDS:
        count = f"trunc({left} * {1 / grid!r}::DOUBLE)"
        sql = f"sum(CASE WHEN {fits} THEN CAST({count} AS BIGINT) END){FILTER}"
        parts.append(Partial(sql, INT64, "add"))
        left = f"({left} - {count} * {grid!r}::DOUBLE)"
    rest = f"fsum(CASE WHEN {fits} THEN {left} WHEN isfinite({x}) THEN {x} END){FILTER}"
    counts = (
        f"CASE WHEN NOT isfinite({x}) THEN (({x}) >= 'inf'::DOUBLE)::BIGINT + "
        f"{_MINUS} * (isnan({x}) OR ({x}) < 0)::BIGINT END"
    )
    other = Partial(f"sum({counts}){FILTER}", INT64, "add")
    return (*parts, Partial(rest, FLOAT64, "add"), other)


PARTS = len(_GRIDS) + 2  # partials of one sum


def float_total(p: tuple[str, ...]) -> str:
    """The sum of its partials, 0 without values."""
    coarse, middle, fine, rest, other = (f"coalesce({part}, 0)" for part in p)
    whole = (
        f"CAST({coarse} AS HUGEINT) * 18446744073709551616::HUGEINT + "
        f"CAST({middle} AS HUGEINT) * {1 << 32}::HUGEINT + CAST({fine} AS HUGEINT)"
    )
    held = f"[struct_pack(w := {whole}, r := CAST({rest} AS DOUBLE), o := {other})]"
    # A HUGEINT below 0 as DOUBLE is rounded twice, one above 0 is not.
    finite = f"sign(__s.w) * CAST(abs(__s.w) AS DOUBLE) * {_GRIDS[-1]!r}::DOUBLE + __s.r"
    infinite = (
        f"CASE WHEN __s.o % {_MINUS} = 0 THEN '-inf'::DOUBLE "
        f"WHEN __s.o < {_MINUS} THEN 'inf'::DOUBLE ELSE 'nan'::DOUBLE END"
    )
    found = f"CASE WHEN __s.o = 0 THEN {finite} ELSE {infinite} END"
    return f"list_transform({held}, lambda __s: {found})[1]"


def integer_sum(arg: Arg) -> tuple[tuple[Partial, ...], str]:
    """Partials of the exact sum of integers of up to 64 bits, and the total as DOUBLE.

    The total is a template with `{0}` and `{1}` for the names of the partials.
    """
    inner = arg.type.inner
    if inner == BOOL or inner.bits < 64:
        return (Partial(f"sum({arg.sql}){FILTER}", INT64, "add"),), "CAST({0} AS DOUBLE)"
    high = Partial(f"sum(CAST({arg.sql} AS HUGEINT) >> 32){FILTER}", INT64, "add")
    low = Partial(f"sum(CAST({arg.sql} AS HUGEINT) & 4294967295){FILTER}", INT64, "add")
    total = "CAST(CAST({0} AS HUGEINT) * 4294967296::HUGEINT + CAST({1} AS HUGEINT) AS DOUBLE)"
    return (high, low), total
