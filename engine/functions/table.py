"""The shape of a function's entry and the look-up over all families.

A family is a module of this folder with a tuple `SCALARS` and/or `AGGREGATES`; `engine.functions.
registry` joins them. An entry turns bound arguments (DuckDB SQL with dialect types) into DuckDB SQL
with a dialect type, so the table is at once the allow-list, the typing rule and the rewrite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.types import DataType


@dataclass(frozen=True, slots=True)
class Missing:
    """Type of `MISSING`."""


MISSING = Missing()

# Tokens in an entry's SQL that the binder replaces.
NOW_MS = "{now_ms}"  # the step's instant, ms since the epoch
SEED = "{seed}"  # an integer: the same at a replay of the step, another at every call site
ROW = "__row"  # a number of the row that is unique within the step
Constant = str | int | float | bool | None | Missing


@dataclass(frozen=True, slots=True)
class Arg:
    """A bound argument: SQL, dialect type, and its value when it is a literal (else MISSING).

    A lambda `x -> e` comes as `lambda_names` and `sql` of its body with the names quoted.
    `parameter`: it stood in parentheses of its own, as the 0.9 of `quantile(0.9)(x)`.
    """

    sql: str
    type: DataType
    constant: Constant = MISSING
    lambda_names: tuple[str, ...] = ()
    parameter: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """What an entry gives back: SQL and type."""

    sql: str
    type: DataType


@dataclass(frozen=True, slots=True)
class Example:
    """Runs as a test and stands in the reference page: dialect SQL and its value as JSON text."""

    sql: str
    value: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar function. `render` raises SqlError 42 or 43 for wrong counts and types.

    Lengths that SQL can make (repeat, lpad, range, format widths) are bounded inside `render` to
    16 MiB a value. `volatile`: not the same for equal arguments (rand, uuid, now). `params`: its
    parameter list as `build.parse_params` reads it, ` | ` between lists that differ; `returns`: the
    type that it always gives, '' where that depends on the arguments.
    """

    name: str
    args_min: int
    args_max: int
    render: Callable[[tuple[Arg, ...]], Bound]
    aliases: tuple[str, ...] = ()
    volatile: bool = False
    summary: str = ""
    examples: tuple[Example, ...] = ()
    params: str = ""
    returns: str = ""


@dataclass(frozen=True, slots=True)
class PartialTemplate:
    """One accumulator of an aggregate: `sql` aggregates a batch (FILTER is added by the binder via
    the token `{filter}`, which is '' or ' FILTER (WHERE ...)'), `merge` as in logical.Partial.

    `by`: index of the partial that a with_min/with_max companion follows. `keep` as in
    logical.Partial. `each`: what a single row gives, NULL = nothing; over a changelog these values
    are counted, and the partial is made of those that are left. Sums have none: they subtract.
    `items`: as in plan_parts.Partial.
    """

    sql: str
    type: DataType
    merge: str
    by: int = -1
    keep: int = 0
    each: str = ""
    items: DataType | None = None


@dataclass(frozen=True, slots=True)
class BoundAggregate:
    """An aggregate with its arguments bound.

    `native`: the whole aggregate for bounded queries, with the token `{filter}`. `partials` and
    `final` (called with the quoted names of the partial columns) are its streaming form; the type
    is that of both forms. `mergeable`: panes may be merged into windows (else per window).
    `weighted`: the streaming form over a changelog where it is another one, of the same type.
    """

    native: str
    type: DataType
    partials: tuple[PartialTemplate, ...]
    final: Callable[[tuple[str, ...]], str]
    mergeable: bool = True
    weighted: BoundAggregate | None = None

    @property
    def over_changes(self) -> BoundAggregate:
        """The form over a changelog."""
        return self.weighted or self


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate function. `parameters`: constants such as a quantile's level may stand as
    trailing arguments. `distinct_ok`: `f(distinct x)` is allowed, `bind` gets distinct=True.
    `params` as in `Scalar`."""

    name: str
    args_min: int
    args_max: int
    bind: Callable[[tuple[Arg, ...], bool], BoundAggregate]
    aliases: tuple[str, ...] = ()
    distinct_ok: bool = True
    summary: str = ""
    examples: tuple[Example, ...] = ()
    params: str = ""
