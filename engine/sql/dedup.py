"""dedup(x, key, ... [, ttl] [, limit]) in plans and in the SQL of bounded queries."""

from __future__ import annotations

from engine.errors import Code, SqlError
from engine.sql import logical as lg
from engine.sql.relations import Deduped, quoted

_ARRIVAL = "__rn"


def dedup(below: lg.Node, relation: Deduped) -> lg.Dedup:
    """The node; SqlError 48 over a changelog."""
    if lg.is_weighted(below):
        message = "dedup() of a changelog is not supported: its rows are added and taken back"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    return lg.Dedup(below, relation.keys, relation.ttl_ms, relation.limit)


def dedup_sql(source: str, relation: Deduped) -> str:
    """A SELECT of the first row of every key; nothing is forgotten in a single read."""
    keys = ", ".join(quoted(name) for name in relation.keys)
    rows = f"SELECT *, row_number() OVER () AS {_ARRIVAL} FROM {source}"
    number = f"row_number() OVER (PARTITION BY {keys} ORDER BY {_ARRIVAL})"
    return (
        f"SELECT * EXCLUDE ({_ARRIVAL}) FROM ({rows}) AS __r QUALIFY {number} = 1 "
        f"ORDER BY {_ARRIVAL}"
    )
