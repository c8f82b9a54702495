"""The internal rate of return of payments at irregular dates."""

from __future__ import annotations

from engine.errors import Code, SqlError
from engine.functions.aggregation import FILTER, Names, Partial, agg, composed, or_nan
from engine.functions.build import bad_type, doc, given, wrapped
from engine.functions.table import Aggregate, Arg, BoundAggregate
from engine.types import FLOAT64, array, tuple_of

_STEPS = 64  # of Newton's method, then of halving: as many as a float64 has digits
_LOWEST, _HIGHEST = -0.999999, 1e6  # rates between which a sign change is looked for
_GUESS = 0.1
_CLOSE = 1e-6  # what may be left of the present value, as a part of all payments
_PAYMENT = tuple_of((FLOAT64, FLOAT64))  # days since 1970, amount


def _guess(args: tuple[Arg, ...]) -> float:
    if not given(args, 2):
        return _GUESS
    guess = args[2].constant
    if isinstance(guess, bool) or not isinstance(guess, int | float):
        raise bad_type("xirr", 2, args[2], "a constant number")
    if not guess > -1:
        message = f"the first guess of xirr must be above -1, not {guess}"
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
    return float(guess)


def _value(rate: str) -> str:
    """Present value at a rate of the payments `__v`; they begin at day `__v[1]."1"`."""
    years = '((__e."1" - __v[1]."1") / 365)'
    return f'list_sum(list_transform(__v, lambda __e: __e."2" / pow(1 + {rate}, {years})))'


def _slope(rate: str) -> str:
    years = '((__e."1" - __v[1]."1") / 365)'
    term = f'-{years} * __e."2" / pow(1 + {rate}, {years} + 1)'
    return f"list_sum(list_transform(__v, lambda __e: {term}))"


def _steps(element: str) -> str:
    return f"list_transform(range({_STEPS}), lambda __k: {element})"


def _newton(guess: float) -> str:
    """NULL or not finite when it does not converge."""
    step = f"greatest(__r - {_value('__r')} / nullif({_slope('__r')}, 0), {_LOWEST}::DOUBLE)"
    return f"list_reduce({_steps('0::DOUBLE')}, lambda __r, __k: {step}, {guess!r}::DOUBLE)"


def _halving() -> str:
    """The rate at a change of sign, NULL if there is none."""
    middle = "((__b[1] + __b[2]) / 2)"
    same = f"sign({_value(middle)}) = sign({_value('__b[1]')})"
    step = f"CASE WHEN {same} THEN [{middle}, __b[2]] ELSE [__b[1], {middle}] END"
    ends = f"[{_LOWEST}::DOUBLE, {_HIGHEST}::DOUBLE]"
    found = f"list_reduce({_steps('[0::DOUBLE, 0::DOUBLE]')}, lambda __b, __k: {step}, {ends})[1]"
    low, high = _value(f"{_LOWEST}::DOUBLE"), _value(f"{_HIGHEST}::DOUBLE")
    return f"CASE WHEN sign({low}) <> sign({high}) THEN {found} END"


def _xirr(args: tuple[Arg, ...]) -> BoundAggregate:
    """The annual rate at which the payments are worth nothing; days / 365 are years."""
    amount, date = args[0], args[1]
    if not date.type.is_temporal:
        raise bad_type("xirr", 1, date, "a date or datetime")
    days = f"CAST(CAST({date.sql} AS DATE) - DATE '1970-01-01' AS DOUBLE)"
    each = f'struct_pack("1" := {days}, "2" := CAST({amount.sql} AS DOUBLE))'
    rows = f"list({each}){FILTER}"
    if amount.type.is_nullable or date.type.is_nullable:
        nothing = f"{wrapped(amount.sql)} IS NULL OR {wrapped(date.sql)} IS NULL"
        each = f"CASE WHEN {nothing} THEN NULL ELSE {each} END"
        there = '__v."1" IS NOT NULL AND __v."2" IS NOT NULL'
        rows = f"list_filter({rows}, lambda __v: {there})"
    newton = _newton(_guess(args))

    def final(p: tuple[str, ...]) -> str:
        # Sorted, so that the same payments give the same rate in any order.
        total = 'list_sum(list_transform(__v, lambda __e: abs(__e."2")))'
        close = f"abs({_value('__n')}) <= {_CLOSE} * {total}"
        rate = f"list_transform([{newton}], lambda __n: CASE WHEN {close} THEN __n "
        rate += f"ELSE {_halving()} END)[1]"
        return or_nan(f"list_transform([list_sort({p[0]})], lambda __v: {rate})[1]")

    return composed((Partial(rows, array(_PAYMENT), "concat", each=each),), final, FLOAT64)


AGGREGATES: tuple[Aggregate, ...] = (
    agg(
        Names(
            "xirr",
            "exact any exact?",
            doc(
                "Annual internal rate of return of payments at dates; nan if there is none. "
                "The third argument is a first guess.",
                ("xirr(x, to_date('2026-01-01'))", '"nan"'),
            ),
        ),
        _xirr,
    ),
)
