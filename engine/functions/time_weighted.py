"""Mean and median in which a value counts as long as it lasted."""

from __future__ import annotations

from collections.abc import Callable

from engine.functions.aggregation import FILTER, Names, Partial, agg, composed, or_nan
from engine.functions.build import bad_type, doc, wrapped
from engine.functions.table import Aggregate, Arg, BoundAggregate
from engine.types import FLOAT64, array, tuple_of

_EVENT = tuple_of((FLOAT64, FLOAT64))  # microseconds since 1970, value
_PLACES = "range(1, len(__v) + 1)"
# How long the value at place __i lasted: until the next event; the last one does not last.
_LASTED = '(coalesce(__v[__i + 1]."1", __v[__i]."1") - __v[__i]."1")'
_TOTAL = '(__v[-1]."1" - __v[1]."1")'


def _mean() -> str:
    weighted = f'list_sum(list_transform({_PLACES}, lambda __i: {_LASTED} * __v[__i]."2"))'
    plain = 'list_avg(list_transform(__v, lambda __e: __e."2"))'
    return f"CASE WHEN {_TOTAL} > 0 THEN {weighted} / {_TOTAL} ELSE {plain} END"


def _median() -> str:
    """The lowest value at or below which half of the time was spent."""
    pairs = f'list_transform({_PLACES}, lambda __i: [__v[__i]."2", {_LASTED}])'
    running = (
        f"list_reduce(list_transform(list_sort({pairs}), lambda __p: [__p]), "
        "lambda __a, __b: list_append(__a, [__b[1][1], __a[-1][2] + __b[1][2]]))"
    )
    found = f"list_filter({running}, lambda __p: __p[2] * 2 >= {_TOTAL})[1][1]"
    plain = 'list_median(list_transform(__v, lambda __e: __e."2"))'
    return f"CASE WHEN {_TOTAL} > 0 THEN {found} ELSE {plain} END"


def _weighted(name: str, result: str) -> Callable[[tuple[Arg, ...]], BoundAggregate]:
    def bind(args: tuple[Arg, ...]) -> BoundAggregate:
        value, time = args
        if not time.type.is_temporal:
            raise bad_type(name, 1, time, "a date or datetime")
        at = f"CAST(epoch_us(CAST({time.sql} AS TIMESTAMP)) AS DOUBLE)"
        each = f'struct_pack("1" := {at}, "2" := CAST({value.sql} AS DOUBLE))'
        rows = f"list({each}){FILTER}"
        if value.type.is_nullable or time.type.is_nullable:
            nothing = f"{wrapped(value.sql)} IS NULL OR {wrapped(time.sql)} IS NULL"
            each = f"CASE WHEN {nothing} THEN NULL ELSE {each} END"
            there = '__v."1" IS NOT NULL AND __v."2" IS NOT NULL'
            rows = f"list_filter({rows}, lambda __v: {there})"

        def final(p: tuple[str, ...]) -> str:
            return or_nan(f"list_transform([list_sort({p[0]})], lambda __v: {result})[1]")

        partial = Partial(rows, array(_EVENT), "concat", each=each)
        return composed((partial,), final, FLOAT64)

    return bind


def _entry(name: str, word: str, result: str) -> Aggregate:
    about = doc(
        f"{word} of values by how long each lasted, until the next event; "
        "without any time between the events the plain one.",
        (f"{name}(x, to_date('2026-01-01'))", "2"),
    )
    return agg(Names(name, "exact any", about), _weighted(name, result))


AGGREGATES: tuple[Aggregate, ...] = (
    _entry("avg_time_weighted", "Mean", _mean()),
    _entry("median_time_weighted", "Median", _median()),
)
