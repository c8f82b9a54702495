"""Running functions (lag and its kin) as a logical node, and in the SQL of bounded queries."""

from __future__ import annotations

from engine.sql import logical as lg
from engine.sql.relations import RunningRule, quoted

_ARRIVAL = "__rn"


def stateful(below: lg.Node, rule: RunningRule) -> lg.Node:
    """The functions' columns beside those of the node."""
    kept = tuple(lg.Named(c.name, quoted(c.name), c.type) for c in below.schema)
    source = lg.Project(below, (*kept, *rule.columns)) if rule.columns else below
    return lg.Stateful(source, rule.functions, rule.partition)


def stated_sql(source: str, rule: RunningRule) -> str:
    """A SELECT of the rows of `source` (what may stand after FROM) and the functions' columns."""
    computed = "".join(f", {c.sql} AS {quoted(c.name)}" for c in rule.columns)
    rows = f"SELECT *, row_number() OVER () AS {_ARRIVAL}{computed} FROM {source}"
    keys = ", ".join(quoted(name) for name in rule.partition)
    window = f"{f'PARTITION BY {keys} ' if keys else ''}ORDER BY {_ARRIVAL}"
    heads = "".join(f", {_over(f)} AS {quoted(f.output.name)}" for f in rule.functions)
    return (
        f"SELECT * EXCLUDE ({_ARRIVAL}){heads} FROM ({rows}) AS __r "
        f"WINDOW __w AS ({window}) ORDER BY {_ARRIVAL}"
    )


def _over(function: lg.Running) -> str:
    if function.name == "row_number":
        return "CAST(row_number() OVER __w - 1 AS UBIGINT)"
    source = quoted(function.args[0])
    numbers = [int(each) for each in function.constants]
    offsets = range(numbers[0], numbers[-1] + 1)
    values = [f"lag({source}, {n}, {function.fill}) OVER __w" for n in offsets]
    return values[0] if function.name == "lag" else f"[{', '.join(values)}]"
