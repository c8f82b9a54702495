"""Bound relations to one DuckDB statement, for queries whose every source ends."""

from __future__ import annotations

import re

from engine.errors import Code, SqlError
from engine.sql.arrival import in_order, joined
from engine.sql.context import Item
from engine.sql.dedup import dedup_sql
from engine.sql.external_streams import bounded_id
from engine.sql.keyed import compacted
from engine.sql.logical import BoundedQuery, TableScan
from engine.sql.lower_running import stated_sql
from engine.sql.names import result_sql, use
from engine.sql.plan_parts import Column, Named
from engine.sql.relations import (
    Called,
    Deduped,
    Facts,
    Field,
    Filtered,
    FunctionCall,
    Grouping,
    Inline,
    JoinOn,
    Marked,
    Read,
    Relation,
    Renamed,
    Rowified,
    Selected,
    Stated,
    StreamJoin,
    UnionOf,
    Upserted,
    Windowed,
    internal_name,
    quoted,
)
from engine.sql.table_reads import external_scan, push_limit
from engine.sql.windows import tumble_end, tumble_start
from engine.types import duckdb_type
from engine.udf.definition import Function

_ALIAS = re.compile(r'"(t\d+)"')
_FUNCTION = re.compile(r"\b__udf(\d+)\(")
_ROW = "__row"
_PIECES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\b__row\b")


def lower_bounded(item: Item, facts: Facts) -> BoundedQuery:
    """The statement, the streams it reads and its columns, cast to their storage types.

    The text may hold `{now_ms}`; whoever runs it puts the instant in.
    """
    push_limit(item.relation)
    names = unique_names(item.fields)
    columns = tuple(Column(n, f.type) for n, f in zip(names, item.fields, strict=True))
    sql = _outer(item, names)
    return BoundedQuery(sql, tables_in(sql, facts), columns, functions_in(sql, facts))


def tables_in(sql: str, facts: Facts) -> tuple[TableScan, ...]:
    """The streams that a statement reads."""
    named = set(_ALIAS.findall(sql))
    return tuple(scan_of(read) for read in facts.reads if read.alias in named)


def functions_in(sql: str, facts: Facts) -> tuple[tuple[str, Function], ...]:
    """The user functions that a statement calls, by their names there."""
    numbers = sorted({int(number) for number in _FUNCTION.findall(sql)})
    return tuple((f"__udf{number}", facts.applied[number]) for number in numbers)


def function_sql(function: Function, facts_number: int, args: str) -> str:
    """A call of a user function in a bounded statement."""
    return f"CAST(__udf{facts_number}({args}) AS {duckdb_type(function.returns)})"


def called_sql(rows: str, calls: tuple[FunctionCall, ...]) -> str:
    """A SELECT of the rows (what may stand after FROM) and the column of each call."""
    out = f"SELECT * FROM {rows}"
    for call in calls:
        args = ", ".join(each.sql for each in call.args)
        value = function_sql(call.function, call.number, args)
        out = f"SELECT *, {value} AS {quoted(call.name)} FROM {rows}"
        rows = f"({out}) AS __c"
    return out


def scan_of(read: Read) -> TableScan:
    """What a bounded read needs."""
    needed = tuple(c.name for c in read.columns if c.name in read.used)
    if read.is_external:
        return external_scan(read, needed)
    if not needed:  # count(*): any column will do; the narrowest is the time
        needed = ("_tp_time",)
    return TableScan(read.alias, bounded_id(read), read.definition.name, needed)


def unique_names(fields: tuple[Field, ...]) -> tuple[str, ...]:
    """Names of output columns, made different where equal."""
    taken: set[str] = set()
    return tuple(internal_name(field.name, taken) for field in fields)


def _outer(item: Item, names: tuple[str, ...]) -> str:
    heads: list[str] = []
    for name, field in zip(names, item.fields, strict=True):
        heads.append(f"{result_sql(use(field))} AS {quoted(name)}")
    return f"SELECT {', '.join(heads)} FROM {_numbered(item.relation, *heads)}"


def render_inner(item: Item) -> str:
    """A subquery's SQL."""
    return _outer(item, unique_names(item.fields))


def source(relation: Relation | None) -> str:
    """SQL that may stand after FROM."""
    if relation is None:
        return "(SELECT 1 AS __one)"
    if isinstance(relation, Read) and relation.keyed is None:
        return quoted(relation.alias)
    return f"({render(relation)}) AS __q"


def _numbered(relation: Relation | None, *fragments: str) -> str:
    """`source`, with the place of each row in order of arrival beside its columns when something
    in the fragments wants it: what depends on that order, and random functions."""
    if not _wants_row(*fragments):
        return source(relation)
    found = source(in_order(relation))
    return f"(SELECT *, row_number() OVER () AS {_ROW} FROM {found}) AS __n"


def _wants_row(*fragments: str) -> bool:
    return any(_ROW in _PIECES.findall(sql) for sql in fragments)


def _filtered(relation: Relation | None, where: str, *fragments: str) -> str:
    """What may stand after FROM: `_numbered` and the WHERE clause over it.

    Rows are numbered behind the filter where that is possible: a filter above would see all rows of
    all history files, one below skips those that it can tell from their statistics.
    """
    if not where:
        return _numbered(relation, *fragments)
    if relation is not None and _wants_row(*fragments) and not _wants_row(where):
        return _numbered(Filtered(relation, where), *fragments)
    return f"{_numbered(relation, *fragments, where)} WHERE {where}"


def render(relation: Relation) -> str:
    """A SELECT that gives the relation's rows."""
    match relation:
        case Read():
            if relation.keyed is not None:
                return compacted(relation.keyed, quoted(relation.alias))
            return f"SELECT * FROM {quoted(relation.alias)}"
        case Inline():
            return relation.sql
        case Filtered():
            rows = _numbered(relation.input, relation.where)
            return f"SELECT * FROM {rows} WHERE {relation.where}"
        case Renamed():
            heads = _heads(relation.needed)
            return f"SELECT {heads} FROM {_numbered(relation.input, heads)}"
        case Windowed():
            return _window(relation)
        case JoinOn():
            return _join(relation)
        case UnionOf():
            word = relation.operation
            parts = [f"({render(i)})" for i in relation.inputs]
            return f" {word} ".join(parts)
        case Selected():
            return _select(relation)
        case Called():
            fragments = [arg.sql for call in relation.calls for arg in call.args]
            return called_sql(_numbered(relation.input, *fragments), relation.calls)
        case Stated():
            return stated_sql(source(in_order(relation.input)), relation.rule)
        case Deduped():
            return dedup_sql(source(in_order(relation.input)), relation)
        case Rowified():
            return render(relation.input)
        case Marked() | Upserted() | StreamJoin():
            raise SqlError("this needs a source that goes on for ever", Code.NOT_IMPLEMENTED)


def _heads(columns: tuple[Named, ...]) -> str:
    return ", ".join(f"{c.sql} AS {quoted(c.name)}" for c in columns) or "1 AS __one"


def _window(relation: Windowed) -> str:
    spec = relation.spec
    if spec.kind != "tumble":
        raise SqlError(f"{spec.kind}() needs a streaming source", Code.NOT_IMPLEMENTED)
    time = relation.time.sql if relation.time is not None else quoted(spec.time_column)
    start = tumble_start(spec, time)
    inner = f"SELECT *, {start} AS window_start FROM {source(relation.input)}"
    end = tumble_end(spec, "window_start")
    return f"SELECT *, {end} AS window_end FROM ({inner}) AS __w"


def _join(relation: JoinOn) -> str:
    keys = relation.latest_by or relation.any_by
    right = render(in_order(relation.right) if keys else relation.right)
    if keys:
        order = "DESC" if relation.latest_by else "ASC"
        numbered = f"SELECT *, row_number() OVER () AS __rn FROM ({right}) AS __r"
        pick = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY __rn {order}) = 1"
        right = f"SELECT * EXCLUDE (__rn) FROM ({numbered}) AS __n QUALIFY {pick}"
    left = render(relation.left)
    on = f" ON {relation.on}" if relation.on else ""
    if relation.ordered:
        return joined(left, right, relation.kind, on)
    return f"SELECT * FROM ({left}) AS __l {relation.kind} ({right}) AS __r{on}"


def _select(relation: Selected) -> str:
    if relation.grouping is not None:
        body = _grouped(relation, relation.grouping)
    else:
        columns = (*relation.columns, *relation.hidden)
        distinct = "DISTINCT " if relation.distinct else ""
        heads = _heads(columns)
        # LIMIT BY keeps the rows that came first.
        below = relation.input if relation.limit_by is None else in_order(relation.input)
        body = f"SELECT {distinct}{heads} FROM {_filtered(below, relation.where, heads)}"
    if relation.limit_by is not None:
        body = _limited_by(relation, body)
    tail = ""
    if relation.order:
        tail += f" ORDER BY {', '.join(relation.order)}"
    if relation.limit >= 0:
        tail += f" LIMIT {relation.limit}"
    if relation.offset:
        tail += f" OFFSET {relation.offset}"
    if not tail and not relation.hidden:
        return body
    names = ", ".join(quoted(c.name) for c in relation.columns)
    return f"SELECT {names} FROM ({body}) AS __s{tail}"


def _limited_by(relation: Selected, body: str) -> str:
    rule = relation.limit_by
    assert rule is not None
    keys = ", ".join(quoted(k) for k in rule.keys)
    # Without ORDER BY the first rows are those that came first, and rows stay in their order.
    numbered = f"SELECT *, row_number() OVER () AS __rn FROM ({body}) AS __b"
    order = ", ".join((*relation.order, "__rn"))
    number = f"row_number() OVER (PARTITION BY {keys} ORDER BY {order})"
    among = f"{number} BETWEEN {rule.offset + 1} AND {rule.offset + rule.count}"
    kept = f"SELECT * FROM ({numbered}) AS __n QUALIFY {among} ORDER BY __rn"
    return f"SELECT * EXCLUDE (__rn) FROM ({kept}) AS __k"


def _grouped(relation: Selected, grouping: Grouping) -> str:
    keys = [f"{k.sql} AS {quoted(k.name)}" for k in grouping.keys]
    uses = [f"{a.native} AS {quoted(a.name)}" for a in grouping.aggregates]
    # What looks from group to group wants them in the order in which their keys first came.
    first = [] if relation.after is None else [f"min({_ROW}) AS __first"]
    heads = ", ".join([*keys, *uses, *first]) or "1 AS __one"
    group = ""
    if grouping.keys:
        group = " GROUP BY " + ", ".join(str(at + 1) for at in range(len(grouping.keys)))
    inner = f"SELECT {heads} FROM {_filtered(relation.input, relation.where, heads)}{group}"
    having = f" WHERE {relation.having}" if relation.having else ""
    distinct = "DISTINCT " if relation.distinct else ""
    columns = (*relation.columns, *relation.hidden)
    rows = f"({inner}) AS __g"
    if relation.after is not None:
        rows = f"(SELECT * EXCLUDE (__first) FROM {rows} ORDER BY __first) AS __g"
        rows = f"({stated_sql(rows, relation.after)}) AS __g"
    if relation.calls:
        rows = f"({called_sql(rows, relation.calls)}) AS __g"
    return f"SELECT {distinct}{_heads(columns)} FROM {rows}{having}"
