"""Where the value of a column comes from when a writer left it out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Literal

import pyarrow as pa

from engine import duck
from engine.batch import ROW_NUMBER, TP_TIME
from engine.errors import Code, UserError
from engine.failures import INTERNAL, failure_of
from engine.schema import StoredColumn, StoredSchema
from engine.types import DataType, arrow_type, duckdb_type, zero_value

# Instants at which an expression is tried, to see whether it is a constant or just the instant;
# no default is those three by chance.
_PROBES = (1_000_000_007_123, 1_700_000_001_987, 86_399_999)
_PROBE_ROWS = 64  # a volatile expression is not equal in all of them
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class Rule:
    """How a column is filled. kind: a constant; the instant of the append; an expression.

    `sql` is the expression, `needs` the stored columns in it; `copies`: the expression is no more
    than that column.
    """

    type: DataType
    kind: Literal["constant", "instant", "expression"]
    constant: pa.Scalar | None = None
    sql: str = ""
    needs: frozenset[str] = frozenset()
    copies: str = ""

    def values(self, count: int, instant_ms: int) -> pa.Array | None:
        """The column of `count` rows; None if an expression must be computed."""
        if count == 0 and self.kind != "expression":  # Arrow cannot repeat a nested value 0 times
            return pa.array([], arrow_type(self.type))
        if self.kind == "constant":
            return pa.repeat(self.constant, count)
        if self.kind == "instant":
            return pa.repeat(pa.scalar(_at(instant_ms, self.type), arrow_type(self.type)), count)
        return None


def _at(instant_ms: int, t: DataType) -> int:
    """The instant as a value of a time or integer type."""
    arrow = arrow_type(t)
    if not pa.types.is_timestamp(arrow):
        return instant_ms
    ticks = instant_ms * _PER_SECOND[arrow.unit] // 1_000
    cut = 10 ** max(0, {"s": 0, "ms": 3, "us": 6, "ns": 9}[arrow.unit] - t.scale)
    return ticks // cut * cut


def rules_of(schema: StoredSchema, session: Callable[[], duck.Session]) -> dict[str, Rule]:
    """The rule of every column; raises UserError for a circle. The session only if there is SQL."""
    rules = {column.name: _rule(column, schema, session) for column in schema.columns}
    _check_circles(rules)
    return rules


def check_defaults(schema: StoredSchema, open_session: Callable[[], duck.Session]) -> None:
    """Try the defaults of a new stream that need no column; raises UserError as `rules_of`.

    In a session of its own, made only if there is something to try.
    """
    with ExitStack() as stack:

        @cache
        def session() -> duck.Session:
            made = open_session()
            stack.callback(made.close)
            return made

        rules_of(schema, session)


def _rule(column: StoredColumn, schema: StoredSchema, session: Callable[[], duck.Session]) -> Rule:
    t = column.type
    if column.gaps:
        return Rule(t, "constant", pa.scalar(None, arrow_type(t)))
    sql, copies = column.default_sql, ""
    if column.name == TP_TIME:
        if schema.event_time_sql:
            sql = schema.event_time_sql
        elif schema.event_time_column and schema.event_time_column != TP_TIME:
            copies = schema.event_time_column
            sql = _quoted(copies)
        elif not sql:
            return Rule(t, "instant")
    if not sql:
        return Rule(t, "constant", pa.scalar(zero_value(t), arrow_type(t)))
    needs = frozenset(c.name for c in schema.columns if _quoted(c.name) in sql)
    if not needs:
        found = _probe(column.name, sql, t, session())
        if found is not None:
            return found
    return Rule(t, "expression", None, sql, needs, copies)


def _probe(name: str, sql: str, t: DataType, session: duck.Session) -> Rule | None:
    """Whether SQL without columns is a constant or the instant; None if it is neither."""
    seen: list[pa.Scalar] = []
    for probe in _PROBES:
        bound = sql.replace("{now_ms}", f"{probe}::BIGINT").replace("{seed}", str(probe))
        rows = f"(SELECT range AS {ROW_NUMBER} FROM range({_PROBE_ROWS}))"
        text = f"CAST(({bound}) AS {duckdb_type(t)})"
        try:
            with session.limited():
                column = session.query(f"SELECT {text} AS v FROM {rows}").column(0)
        except duck.InterruptException:
            message = f"the default of column '{name}' takes too long to compute; make it cheaper"
            raise UserError(message, Code.TIMEOUT) from None
        except duck.Error as error:
            failure = failure_of(error)
            message = f"the default of column '{name}' is not valid: {failure.message}"
            code = Code.BAD_ARGUMENTS if failure.code == INTERNAL else failure.code
            refused = UserError(message, code)
            refused.column = name
            raise refused from None
        values = column.combine_chunks()
        if len(values.unique()) != 1:
            return None
        seen.append(values[0])
    if seen[0].equals(seen[1]) and seen[1].equals(seen[2]):
        zero = not seen[0].is_valid and not t.is_nullable
        constant = pa.scalar(zero_value(t), arrow_type(t)) if zero else seen[0]
        return Rule(t, "constant", constant)
    at_instant = t.is_time or (t.is_integer and t.bits == 64)
    if at_instant and all(
        found.equals(pa.scalar(_at(probe, t), arrow_type(t)))
        for found, probe in zip(seen, _PROBES, strict=True)
    ):
        return Rule(t, "instant")
    return None


def _check_circles(rules: dict[str, Rule]) -> None:
    left = {name: set(rule.needs) for name, rule in rules.items() if rule.kind == "expression"}
    while left:
        ready = [name for name, needs in left.items() if not needs & left.keys()]
        if not ready:
            names = ", ".join(f"'{name}'" for name in left)
            raise UserError(
                f"the defaults of columns {names} refer to each other in a circle",
                Code.BAD_ARGUMENTS,
            )
        for name in ready:
            del left[name]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
