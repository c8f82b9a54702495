"""User aggregates in a SELECT: their partial, their form in a bounded statement, their rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import Code, SqlError
from engine.functions.aggregation import ARRIVAL
from engine.functions.table import NOW_MS, SEED, BoundAggregate
from engine.sql.plan_parts import EmitSpec, Named
from engine.sql.relations import PartialUse
from engine.types import duckdb_type
from engine.udf.definition import Function

_DELTA = '"_tp_delta"'


@dataclass(frozen=True, slots=True)
class UserAggregate:
    """A call: its shape, its SQL in a bounded statement, its partial in a streaming plan."""

    bound: BoundAggregate
    native: str
    partial: PartialUse


def user_aggregate(
    function: Function,
    args: Sequence[Named],
    condition: str,
    number: int,
    *,
    weighted: bool,
) -> UserAggregate:
    """A call of the function with this number over arguments in its types.

    `weighted`: over a changelog; the function gets the weights if it was declared with one
    argument more, else it is given retracted rows like any others.
    """
    clause = f" FILTER (WHERE {condition})" if condition else ""
    lists = ", ".join(f"list({arg.sql}{ARRIVAL}){clause}" for arg in args)
    native = f"CAST(__udf{number}({lists}) AS {duckdb_type(function.returns)})"
    fields = [f"a{at} := {arg.sql}" for at, arg in enumerate(args)]
    if weighted and function.takes_delta:
        fields.append(f"w := {_DELTA}")
    rows = f"list(struct_pack({', '.join(fields)})){clause}"
    step = f"n := any_value(CAST({NOW_MS} AS BIGINT)), s := any_value(CAST({SEED} AS UBIGINT))"
    sql = f"struct_pack({step}, r := {rows})"
    bound = BoundAggregate(native, function.returns, (), lambda names: names[0], False)
    partial = PartialUse("", sql, function.returns, "user", function=function)
    return UserAggregate(bound, native, partial)


def refuse_emitting(function: Function) -> None:
    """SqlError 2534 for a function that drives the emission in a query that ends."""
    if function.customized_emit:
        message = (
            f"function {function.name} decides itself when to emit, so it is for streaming queries"
        )
        raise SqlError(message, Code.AGGREGATE_FUNCTION_NOT_APPLICABLE)


def own_emission(
    partials: Sequence[PartialUse], emit: EmitSpec | None, *, windowed: bool, given: bool
) -> EmitSpec | None:
    """The policy of a SELECT whose function drives the emission; as it was for others.

    SqlError 53 in a window, 48 beside other aggregates, 80 with an EMIT clause (`given`).
    """
    driving = [p.function for p in partials if p.function and p.function.customized_emit]
    if not driving:
        return emit
    name = driving[0].name
    if windowed:
        message = f"function {name} decides itself when to emit, so it cannot be used in windows"
        raise SqlError(message, Code.TYPE_MISMATCH)
    if len(partials) > 1:
        message = f"function {name} decides itself when to emit, so it must be the only aggregate"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if given:
        message = f"function {name} decides itself when to emit: leave out EMIT"
        raise SqlError(message, Code.INCORRECT_QUERY)
    return EmitSpec("append", "changed")


def refuse_unkept(functions: Sequence[Function], what: str) -> None:
    """SqlError 48 for an aggregate whose state cannot be kept in a query that must go on."""
    for function in functions:
        if not function.recoverable:
            message = (
                f"function {function.name} has no serialize and deserialize, so its state cannot "
                f"be kept: add them to use it in {what}"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)
