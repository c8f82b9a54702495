"""Makes aggregate entries: partials, the final over them, and the native form from both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import Code, SqlError
from engine.functions.build import (
    Doc,
    Params,
    constant_int,
    given,
    parse_params,
    prepare,
)
from engine.functions.table import ROW, Aggregate, Arg, BoundAggregate, PartialTemplate
from engine.types import DataType, array, duckdb_type, nullable, zero_sql

FILTER = "{filter}"
# A step sees its rows in order of arrival; a bounded statement must ask for it, as it computes with
# several threads.
ARRIVAL = f" ORDER BY {ROW}"
K_MAX = 65_536  # of top_k, min_k and max_k
Final = Callable[[tuple[str, ...]], str]
Bind = Callable[[tuple[Arg, ...]], BoundAggregate]


@dataclass(frozen=True, slots=True)
class Partial:
    """A row of an aggregate's table of partials."""

    sql: str
    type: DataType
    merge: str
    by: int = -1
    keep: int = 0
    each: str = ""  # what a single row gives; all but sums have it
    items: DataType | None = None  # of "distinct": the type of its lists
    native: str = ""  # the form in a bounded statement of one for which the order of rows counts

    def template(self) -> PartialTemplate:
        """The partial, cast to exactly its type."""
        return PartialTemplate(
            self._cast(self.sql), self.type, self.merge, self.by, self.keep, self.each, self.items
        )

    @property
    def bounded(self) -> str:
        """SQL of the partial in a bounded statement, cast to exactly its type."""
        return self._cast(self.native or self.sql)

    def _cast(self, sql: str) -> str:
        return f"CAST({sql} AS {duckdb_type(self.items or self.type)})"


def composed(
    partials: tuple[Partial, ...],
    final: Final,
    t: DataType,
    *,
    mergeable: bool = True,
    native: str = "",
) -> BoundAggregate:
    """An aggregate of its partials; without `native` the final over the partials' SQL is it."""
    templates = tuple(p.template() for p in partials)
    whole = native or final(tuple(p.bounded for p in partials))
    cast = duckdb_type(t)

    def shaped(names: tuple[str, ...]) -> str:
        return f"CAST({final(names)} AS {cast})"

    return BoundAggregate(f"CAST({whole} AS {cast})", t, templates, shaped, mergeable)


def one(partial: Partial, *, mergeable: bool = True) -> BoundAggregate:
    """An aggregate that is its only partial; a group without values gives the zero of the type."""
    t = partial.type
    return composed((partial,), lambda p: or_zero(p[0], t), t, mergeable=mergeable)


def or_zero(sql: str, t: DataType) -> str:
    """NULL as the zero of a type that is not nullable."""
    return sql if t.is_nullable else f"coalesce({sql}, {zero_sql(t)})"


def or_nan(sql: str) -> str:
    """NULL as nan."""
    return f"coalesce({sql}, 'nan'::DOUBLE)"


def like(t: DataType, args: tuple[Arg, ...]) -> DataType:
    """`t`, nullable if an argument is."""
    return nullable(t) if any(a.type.is_nullable for a in args) else t


def gathered(arg: Arg, sql: str = "", order: str = "") -> str:
    """SQL of the list of a batch's values in order of arrival, without NULLs.

    In a bounded statement the order is any one unless `order` is ARRIVAL.
    """
    found = f"list({sql or arg.sql}{order}){FILTER}"
    if not arg.type.is_nullable:
        return found
    return f"list_filter({found}, lambda __v: __v IS NOT NULL)"


def arrived(arg: Arg, t: DataType, sql: str = "") -> Partial:
    """The partial of all values in order of arrival, without NULLs; `t`: the type of one."""
    each = sql or arg.sql
    native = gathered(arg, sql, ARRIVAL)
    return Partial(gathered(arg, sql), array(t), "concat", each=each, native=native)


def distinct_values(arg: Arg) -> Partial:
    """The partial of the set of values, sorted."""
    found = f"list(DISTINCT {arg.sql} ORDER BY {arg.sql}){FILTER}"
    if arg.type.is_nullable:
        found = f"list_filter({found}, lambda __v: __v IS NOT NULL)"
    return Partial(found, array(arg.type.inner), "union", each=arg.sql)


def empty(t: DataType) -> str:
    """SQL of an empty list of elements of a type."""
    return f"[]::{duckdb_type(array(t))}"


def k_of(name: str, at: int, args: tuple[Arg, ...], default: int) -> int:
    """The constant number of results; SqlError 69 unless 1 to K_MAX."""
    k = constant_int(name, at, args[at]) if given(args, at) else default
    if not 1 <= k <= K_MAX:
        message = f"the number of results of {name} must be 1 to {K_MAX}, not {k}"
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)
    return k


@dataclass(frozen=True, slots=True)
class Names:
    """An aggregate's name, other names, parameters and documentation."""

    name: str
    params: str
    about: Doc
    aliases: tuple[str, ...] = ()


def agg(names: Names, bind: Bind, distinct: Bind | None = None) -> Aggregate:
    """An entry with counts and types checked.

    `bind` and `distinct` get the arguments as prepared for their kinds. `distinct`: the form for
    `f(distinct x)`; None refuses it.
    """
    params = parse_params(names.params)

    def bound(args: tuple[Arg, ...], is_distinct: bool) -> BoundAggregate:
        ready = _prepared(names.name, params, args)
        if not is_distinct:
            return bind(ready)
        if not args:
            message = f"{names.name}(distinct ...) needs an argument"
            raise SqlError(message, Code.NUMBER_OF_ARGUMENTS)
        if distinct is None:
            message = f"distinct is not supported in {names.name}"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
        return distinct(ready)

    return Aggregate(
        names.name,
        params.required,
        params.args_max,
        bound,
        names.aliases,
        distinct is not None,
        names.about.summary,
        names.about.examples,
        names.params,
    )


def _prepared(name: str, params: Params, args: tuple[Arg, ...]) -> tuple[Arg, ...]:
    parts = prepare(name, params, args)
    return tuple(
        Arg(sql, arg.type, arg.constant, arg.lambda_names)
        for sql, arg in zip(parts, args, strict=True)
    )
