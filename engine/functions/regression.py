"""Linear and logistic regression by stochastic gradient descent: stochastic_*, eval_ml_method."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.errors import Code, SqlError
from engine.functions.aggregation import ARRIVAL, FILTER, Partial, composed
from engine.functions.build import (
    KINDS,
    as_float,
    bad_type,
    doc,
    let,
    lifted,
    literal,
    special,
    wrapped,
)
from engine.functions.table import Aggregate, Arg, Bound, BoundAggregate, Example, Scalar
from engine.regression import METHODS, Rule
from engine.types import FLOAT64, DataType, array, tuple_of

_NUMBERS: Final = array(FLOAT64)
_RATE: Final = 0.00001
_L2: Final = 0.1
_BATCH: Final = 15
_METHOD: Final = "Adam"
_BATCH_MAX: Final = 1_000_000
_ARGUMENTS_MAX: Final = 1000
_FEATURES_MAX: Final = 900
_METHODS: Final = ", ".join(f"'{method}'" for method in METHODS)
# The parameters in their order, and what they may be.
_ALLOWED: Final[Mapping[str, str]] = {
    "learning_rate": "a constant number above 0",
    "l2_regularization": "a constant number of 0 or more",
    "mini_batch_size": f"a constant whole number from 1 to {_BATCH_MAX}",
    "method": f"one of {_METHODS}",
}


def _wrong(name: str, parameter: str, given: Arg) -> SqlError:
    """Error 69 for a value that is not allowed, 43 for what is no such constant at all."""
    constant = given.constant
    known = isinstance(constant, str) if parameter == "method" else _number(given) is not None
    shown = repr(constant)[:60] if known else str(given.type)
    message = f"parameter {parameter} of {name} must be {_ALLOWED[parameter]}, not {shown}"
    code = Code.ARGUMENT_OUT_OF_BOUND if known else Code.ILLEGAL_TYPE_OF_ARGUMENT
    return SqlError(message, code)


def _number(given: Arg) -> float | None:
    value = given.constant
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _bounded(name: str, parameter: str, given: Arg) -> float:
    """A finite number of 0 or more; a learning rate is above 0."""
    value = _number(given)
    if value is None or not 0 <= value < math.inf or (parameter == "learning_rate" and not value):
        raise _wrong(name, parameter, given)
    return float(value)


def _rule(name: str, logistic: bool, parameters: Sequence[Arg], features: int) -> Rule:
    """The rule that the parameters name, with defaults for those left out."""
    if len(parameters) > len(_ALLOWED):
        message = (
            f"{name} takes at most {len(_ALLOWED)} parameters ({', '.join(_ALLOWED)}), "
            f"not {len(parameters)}"
        )
        raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
    given = dict(zip(_ALLOWED, parameters, strict=False))
    rate, l2, batch, method = _RATE, _L2, _BATCH, _METHOD
    if (arg := given.get("learning_rate")) is not None:
        rate = _bounded(name, "learning_rate", arg)
    if (arg := given.get("l2_regularization")) is not None:
        l2 = _bounded(name, "l2_regularization", arg)
    if (arg := given.get("mini_batch_size")) is not None:
        rows = _number(arg)
        if not isinstance(rows, int) or not 1 <= rows <= _BATCH_MAX:
            raise _wrong(name, "mini_batch_size", arg)
        batch = rows
    if (arg := given.get("method")) is not None:
        if arg.constant not in METHODS:
            raise _wrong(name, "method", arg)
        method = str(arg.constant)
    return Rule(logistic, METHODS.index(method), rate, l2, batch, features)


def _double(value: float) -> str:
    return f"CAST({literal(repr(float(value)))} AS DOUBLE)"


def _doubles(name: str, args: Sequence[Arg]) -> list[str]:
    """SQL of type DOUBLE of the target and the features; error 43 for what is no number."""
    found: list[str] = []
    for at, arg in enumerate(args):
        kind = KINDS["number"]
        if arg.lambda_names or not kind.accepts(arg.type):
            raise bad_type(name, at, arg, kind.words)
        found.append(as_float(arg))
    return found


def _fit(name: str, *, logistic: bool, model: bool) -> Callable[..., BoundAggregate]:
    def bind(args: tuple[Arg, ...], distinct: bool) -> BoundAggregate:
        parameters = [arg for arg in args if arg.parameter]
        given = [arg for arg in args if not arg.parameter]
        features = len(given) - 1
        if not 1 <= features <= _FEATURES_MAX:
            message = (
                f"{name}(parameters)(target, x1, ...) takes a target and 1 to {_FEATURES_MAX} "
                f"features, not {len(given)} argument(s)"
            )
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        rule = _rule(name, logistic, parameters, features)
        return _bound(rule, _doubles(name, given), given, model=model)

    return bind


def _bound(rule: Rule, values: list[str], args: Sequence[Arg], *, model: bool) -> BoundAggregate:
    """What was fitted comes as the bias and then the weights; a row with a NULL is left out.

    Over a changelog the rows are kept, and the model is fitted anew to those that are left.
    """
    header = f"[{', '.join(map(_double, rule.header))}]"
    there = " AND ".join(f"{wrapped(a.sql)} IS NOT NULL" for a in args if a.type.is_nullable)

    def listed(row: str, order: str = "") -> str:
        if not there:
            return f"list({row}{order}){FILTER}"
        kept = f"CASE WHEN {there} THEN {row} END"
        return f"list_filter(list({kept}{order}){FILTER}, lambda __v: __v IS NOT NULL)"

    def with_rows(rows: str) -> str:
        return f"list_concat({header}, coalesce(flatten({rows}), []::DOUBLE[]))"

    def final(fitted: str) -> str:
        none = f"[{', '.join([_double(0)] * (rule.features + 1))}]"
        kind = f"[{_double(rule.logistic)}]" if model else "[]::DOUBLE[]"
        shown = f"list_concat({kind}, list_append(list_slice(__w, 2, len(__w)), __w[1]))"
        return let("__w", f"coalesce({fitted}, {none})", shown)

    flat = f"[{', '.join(values)}]"
    fit = Partial(with_rows(listed(flat)), _NUMBERS, "fit")
    fields = [f'"{at}" := {value}' for at, value in enumerate(values, 1)]
    row = f"struct_pack({', '.join(fields)})"
    kept = f"CASE WHEN {there} THEN {row} END" if there else row
    rows = Partial(listed(row), array(tuple_of((FLOAT64,) * len(values))), "concat", each=kept)
    numbers = ", ".join(f'__r."{at}"' for at in range(1, len(values) + 1))

    def refitted(p: tuple[str, ...]) -> str:
        lists = f"list_transform({p[0]}, lambda __r: [{numbers}])"
        return final(f"__fit({with_rows(lists)})")

    weighted = composed((rows,), refitted, _NUMBERS, mergeable=False)
    whole = composed(
        (fit,),
        lambda p: final(p[0]),
        _NUMBERS,
        mergeable=False,
        native=final(f"__fit({with_rows(listed(flat, ARRIVAL))})"),
    )
    return BoundAggregate(
        whole.native, whole.type, whole.partials, whole.final, mergeable=False, weighted=weighted
    )


def _entries(word: str, what: str, *, logistic: bool) -> tuple[Aggregate, Aggregate]:
    """The aggregate that gives weights, and the one that gives the model."""
    name = f"stochastic_{word}_regression"
    stated = f"{name}_state"
    summary = (
        f"Weights of x1, x2, ... and last the bias of a {word} model of {what}, fitted to rows as "
        "they come, in mini batches: one that is not full yet does not count. Parameters, of which "
        f"the last may be left out: learning rate ({_RATE:.5f}), L2 regularization ({_L2}), rows "
        f"of a mini batch ({_BATCH}), method ({_METHODS}; left out {_METHOD!r}). Over a changelog "
        "the rows that are left are fitted anew."
    )
    model = (
        f"The model that {name} fits, for eval_ml_method: an array(float64) of {int(logistic)}, "
        "the weights and the bias, which a column can keep."
    )
    call, weights = "(0.25, 0.0, 4, 'SGD')(x, 1)", "0.25, 0.25" if logistic else "1, 1"
    return (
        Aggregate(
            name,
            2,
            _ARGUMENTS_MAX,
            _fit(name, logistic=logistic, model=False),
            distinct_ok=False,
            summary=summary,
            examples=(Example(name + call, f"[{weights}]"),),
            params="number number+",
        ),
        Aggregate(
            stated,
            2,
            _ARGUMENTS_MAX,
            _fit(stated, logistic=logistic, model=True),
            distinct_ok=False,
            summary=model,
            examples=(Example(stated + call, f"[{int(logistic)}, {weights}]"),),
            params="number number+",
        ),
    )


def _evaluated(args: tuple[Arg, ...]) -> Bound:
    """eval_ml_method(model, x1, ...): error 42 at the first model of other features."""
    model, *xs = args
    element: DataType = model.type.inner.args[0]
    if not (element.is_numeric or element.name == "nothing"):
        raise bad_type("eval_ml_method", 0, model, "a model, an array(float64)")
    count = len(xs)
    fields = [f"x{at} := {value}" for at, value in enumerate(_doubles("eval_ml_method", xs), 1)]
    score = f"__m.m[{count + 2}]"
    for at in range(1, count + 1):
        score += f" + __m.m[{at + 1}] * __m.x{at}"
    text = (
        f"code 42: eval_ml_method over {count} feature(s) wants a model of as many, an array of "
        f"{count + 2} numbers as the _state form of stochastic_linear_regression or "
        "stochastic_logistic_regression gives it, but its array has this many numbers: "
    )
    refusal = f"error({literal(text)} || len(__m.m))"
    value = f"CASE WHEN __m.m[1] = 1 THEN 1 / (1 + exp(-({score}))) ELSE {score} END"
    sql = f"CASE WHEN len(__m.m) <> {count + 2} THEN CAST({refusal} AS DOUBLE) ELSE {value} END"
    held = f"struct_pack(m := CAST({model.sql} AS DOUBLE[]), {', '.join(fields)})"
    return Bound(f"CAST({let('__m', held, sql)} AS DOUBLE)", lifted(FLOAT64, args))


AGGREGATES: tuple[Aggregate, ...] = (
    *_entries("linear", "the target", logistic=False),
    *_entries("logistic", "the target, which is -1 or 1", logistic=True),
)
SCALARS: tuple[Scalar, ...] = (
    special(
        "eval_ml_method",
        "array number+",
        _evaluated,
        doc(
            "What a model predicts for x1, x2, ...; of a logistic one the probability of 1. The "
            "model is what the _state form of the regression gave.",
            ("eval_ml_method([0, 2, 3, 1], 10, 100)", "321"),
            ("eval_ml_method([1, 2, 0], 0)", "0.5"),
        ),
    ),
)
