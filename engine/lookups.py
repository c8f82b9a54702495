"""Answers of the subqueries in a streaming plan: put into its SQL once, before it starts.

A value and a short set become literals, a long set a table of the session named by its content:
so chains of plans with different answers differ, and equal ones share their table.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar, cast

import pyarrow as pa

from engine.duck import Session
from engine.errors import Code, SqlError
from engine.sql.literals import literal
from engine.sql.logical import BoundedQuery, Lookup, StreamingQuery
from engine.sql.plan_parts import Column
from engine.sql.subqueries import LOOKUP_VALUES_MAX
from engine.types import DataType, duckdb_type

LITERALS_MAX = 256  # planning literals takes 15 us each, a table 0.3 ms a batch (measured)
LOOKUP_BYTES_MAX = 16 << 20  # of the values of one set: it stays in memory with the query
SCALAR_SUBQUERY_ROWS = 125  # the dialect's code for a value that is several
_TOKEN = "{lookup_"
T = TypeVar("T")


class Resolved(NamedTuple):
    """A plan without tokens of look-ups, and the tables that its SQL names."""

    plan: StreamingQuery
    tables: Mapping[str, pa.Table]


def resolved(plan: StreamingQuery, answers: Mapping[BoundedQuery, pa.Table]) -> Resolved:
    """Put the answers in. SqlError 125 for a value of several rows, 191 for a set too large."""
    if not plan.lookups:
        return Resolved(plan, {})
    tables: dict[str, pa.Table] = {}
    texts: dict[str, str] = {}
    for lookup in plan.lookups:
        found = answers[lookup.query]
        column = lookup.query.schema[0]
        if lookup.single:
            texts[lookup.token] = _value(found, column)
        else:
            texts[lookup.token] = _set(lookup, found, column, tables)
    return Resolved(replace(plan, root=_filled(plan.root, texts), lookups=()), tables)


def _value(found: pa.Table, column: Column) -> str:
    if found.num_rows > 1:
        message = "a subquery used as a value gave more than one row; add limit 1 or an aggregate"
        raise SqlError(message, SCALAR_SUBQUERY_ROWS)
    if found.num_rows == 0:
        return f"CAST(NULL AS {duckdb_type(column.type)})"
    return literal(found.column(0)[0], column.type)


def _set(lookup: Lookup, found: pa.Table, column: Column, tables: dict[str, pa.Table]) -> str:
    if found.num_rows > LOOKUP_VALUES_MAX or found.nbytes > LOOKUP_BYTES_MAX:
        raise SqlError(
            f"the subquery of IN gives more than {LOOKUP_VALUES_MAX} values or "
            f"{LOOKUP_BYTES_MAX >> 20} MiB, the most of a streaming query",
            Code.SET_SIZE_LIMIT,
        )
    if found.num_rows == 0:
        return f"(SELECT CAST(NULL AS {duckdb_type(column.type)}) WHERE false)"
    if found.num_rows <= LITERALS_MAX and not column.type.is_interval:
        values = [literal(each, column.type) for each in found.column(0)]
        return "(" + ", ".join(lookup.element.replace("{value}", v) for v in values) + ")"
    table = found.rename_columns(["__v"])
    content = pa.BufferOutputStream()
    with pa.ipc.new_stream(content, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    name = f"__lookup_{hashlib.sha256(content.getvalue()).hexdigest()}"
    tables[name] = table
    return f"(SELECT {lookup.element.replace('{value}', '__v')} FROM {name})"


def _filled(part: T, texts: Mapping[str, str]) -> T:
    """The same part of a plan with every token in its SQL replaced."""
    if isinstance(part, str):
        filled = part
        for token, text in texts.items() if _TOKEN in part else ():
            filled = filled.replace(token, text)
        return cast("T", filled)
    if isinstance(part, tuple):
        return cast("T", tuple(_filled(each, texts) for each in part))
    if not dataclasses.is_dataclass(part) or isinstance(part, DataType | BoundedQuery | type):
        return part
    changed: dict[str, object] = {}
    for field in dataclasses.fields(part):
        before: object = getattr(part, field.name)
        after = _filled(before, texts)
        if after != before:
            changed[field.name] = after
    return replace(part, **changed) if changed else part


class Lookups:
    """The tables of long sets in a session, each as long as a query uses it. For one thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._users: dict[str, int] = {}

    def acquire(self, tables: Mapping[str, pa.Table]) -> None:
        """Make the tables that are not there yet; release them once."""
        for name, table in tables.items():
            if name not in self._users:
                source = f"{name}_source"
                self._session.register(source, table)
                try:
                    self._session.execute(f"CREATE TABLE {name} AS SELECT * FROM {source}")
                finally:
                    self._session.unregister(source)
            self._users[name] = self._users.get(name, 0) + 1

    def release(self, tables: Mapping[str, pa.Table]) -> None:
        """A query uses them no more; those without users are dropped."""
        for name in tables:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name]
                self._session.execute(f"DROP TABLE {name}")
