"""DELETE: the condition of the rows that go, over the rows as they are stored."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.naming import a_kind
from engine.protocol import Definition
from engine.sql import allow
from engine.sql.definitions import stored_binder
from engine.sql.keyed import KEYED_MODES, key_names


def delete_sql(definition: Definition, where: exp.Expr) -> str:
    """DuckDB SQL over stored rows that holds for those that go; may hold `{now_ms}`.

    SqlError 48 for what is no stream, for subqueries, and for a condition on a keyed stream that
    names other columns than its key: without its newest row a key would show an older one.
    """
    name = definition.name
    if definition.kind != "stream":
        message = (
            f"{name} is {a_kind(definition.kind)} and holds no rows of its own: DELETE "
            "removes rows of streams"
        )
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    allow.check(where)
    if where.find(exp.Query):
        message = (
            f"the condition of DELETE FROM {name} holds a query: it is looked at for each row by "
            "itself. Run the query first and name its values"
        )
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if definition.mode in KEYED_MODES:
        keys = key_names(definition.primary_key)
        other = [c.name for c in where.find_all(exp.Column) if c.name not in keys]
        if other:
            message = (
                f"DELETE FROM {name} names {other[0][:80]}: of a {definition.mode} stream whole "
                f"keys are deleted, so that the condition may name {', '.join(keys)} alone"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)
    return stored_binder(definition).condition(where)
