"""INSERT: rows of VALUES or of a bounded query, in the types of the target's columns."""

from __future__ import annotations

from dataclasses import dataclass

from engine.batch import TP_DELTA, TP_TIME
from engine.errors import Code, SqlError
from engine.naming import a_kind, is_servers
from engine.owned_names import write_refusal
from engine.protocol import Definition
from engine.sql.context import Context, Item
from engine.sql.definitions import bind_columns, stored_columns
from engine.sql.external_streams import writable_beside
from engine.sql.logical import BoundedQuery
from engine.sql.lower_bounded import functions_in, lower_bounded, tables_in
from engine.sql.names import use
from engine.sql.narrowing import passed_cells, passed_type
from engine.sql.places import stands
from engine.sql.plan_parts import Column
from engine.sql.relations import Field, Inline, is_bounded, quoted
from engine.sql.select import aligned, bind_query
from engine.sql.settings import QUERY_SETTINGS, check_settings
from engine.sql.statements import Insert
from engine.sql.value_rows import values_rows
from engine.table_calls import ColumnsUnknown

_DISCARDED = ("_tp_sn", "_tp_append_time", "_tp_shard")


@dataclass(frozen=True, slots=True)
class InsertPlan:
    """Where the rows go. The rows' query gives exactly `columns`, numbers in a type that holds them
    (`engine.sql.narrowing`); the stream's other columns take their defaults. `idempotency_id`
    empty: none."""

    stream: str
    columns: tuple[Column, ...]
    idempotency_id: str = ""


def plan_insert(statement: Insert, context: Context) -> tuple[InsertPlan, BoundedQuery]:
    """The target and the query of the rows. SqlError 16 for an unknown column, 20 for counts."""
    with stands(statement.place):
        definition = context.lookup(statement.name)
        _check_target(definition)
        check_settings(statement.settings, QUERY_SETTINGS, "INSERT")
        targets = _targets(statement, definition)
        if statement.query is not None:
            query = _select(statement, targets, context)
        else:
            query = _values(statement, targets, context)
    plan = InsertPlan(statement.name, query.schema, statement.settings.get("idempotent_id", ""))
    return plan, query


def _check_target(definition: Definition) -> None:
    if definition.kind == "external_table":
        if not definition.columns:
            raise ColumnsUnknown(definition.name)
        return
    if definition.kind == "external_stream":
        return
    if definition.kind != "stream":
        message = f"{definition.name} is {a_kind(definition.kind)}, rows go into streams"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if is_servers(definition.name):
        message = f"{definition.name} belongs to the server, which alone writes its rows"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if said := write_refusal(definition.name):
        raise SqlError(said, Code.BAD_ARGUMENTS)


def _targets(statement: Insert, definition: Definition) -> tuple[Column, ...]:
    writable = {
        c.name: Column(c.name, c.type)
        for c in bind_columns(definition)
        if c.kind not in ("alias", "materialized")
    }
    declared = dict(writable)
    for column in _reserved(definition):
        writable.setdefault(column.name, column)
    if not statement.columns:
        # Without a list the values stand for the declared columns; the reserved ones may follow.
        left_out = set(statement.except_)
        every = writable if statement.except_ or _is_wide(statement, len(writable)) else declared
        return tuple(c for c in every.values() if c.name not in left_out)
    found: list[Column] = []
    for name, place in zip(statement.columns, statement.places, strict=True):
        with stands(place):
            if name in _DISCARDED or name not in writable:
                message = f"stream {statement.name} has no column {name[:120]} to insert into"
                raise SqlError(message, Code.NO_SUCH_COLUMN_IN_STREAM)
            if name in {c.name for c in found}:
                raise SqlError(f"column {name} is given twice", Code.DUPLICATE_COLUMN)
        found.append(writable[name])
    return tuple(found)


def _reserved(definition: Definition) -> list[Column]:
    if definition.kind == "external_table":
        return []
    if definition.kind == "external_stream":
        return list(writable_beside(definition))
    return [c for c in stored_columns(definition) if c.name in (TP_DELTA, TP_TIME)]


def _is_wide(statement: Insert, width: int) -> bool:
    """Whether the rows have values for all columns, the reserved ones included."""
    return bool(statement.values) and len(statement.values[0]) == width


def _values(statement: Insert, targets: tuple[Column, ...], context: Context) -> BoundedQuery:
    width = len(targets)
    for at, row in enumerate(statement.values, 1):
        if len(row) != width:
            message = f"row {at} of VALUES has {len(row)} values for {width} columns"
            raise SqlError(message, Code.NUMBER_OF_COLUMNS)
    names = tuple(c.name for c in targets)
    rows = [list(row) for row in statement.values]
    sql, columns = values_rows(rows, names, targets, context, passed_cells)
    functions = functions_in(sql, context.facts)
    return BoundedQuery(sql, tables_in(sql, context.facts), columns, functions)


def _select(statement: Insert, targets: tuple[Column, ...], context: Context) -> BoundedQuery:
    assert statement.query is not None
    item = bind_query(statement.query, context)
    if not is_bounded(item.relation):
        message = "INSERT ... SELECT wants a bounded query: read its streams by table()"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    if not statement.columns and not statement.except_:
        targets = _by_width(targets, item, _reserved(context.lookup(statement.name)))
    if len(item.fields) != len(targets):
        message = f"SELECT gives {len(item.fields)} columns for {len(targets)}"
        raise SqlError(message, Code.NUMBER_OF_COLUMNS)
    for field in item.fields:
        use(field)
    if item.relation is None:
        item = Item(Inline("SELECT 1 AS __one", ()), item.fields)
    pairs = zip(targets, item.fields, strict=True)
    targets = tuple(Column(c.name, passed_type(f.type, c.type)) for c, f in pairs)
    relation = aligned(item, targets)
    fields = tuple(Field(c.name, c.type, quoted(c.name)) for c in targets)
    return lower_bounded(Item(relation, fields), context.facts)


def _by_width(
    targets: tuple[Column, ...], item: Item, reserved: list[Column]
) -> tuple[Column, ...]:
    """The columns that are given: the reserved ones follow when there are so many more."""
    names = {c.name for c in targets}
    more = [c for c in reserved if c.name not in names]
    return (*targets, *more) if len(item.fields) == len(targets) + len(more) else targets
