"""Binds FROM items: streams, views, CTEs, subqueries, table functions, windows."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.functions.table import Arg
from engine.protocol import Definition
from engine.sql.applied import FunctionCalls
from engine.sql.changelog import with_weight
from engine.sql.context import Context, Item
from engine.sql.dedup_source import bind_dedup, bind_rowify
from engine.sql.definitions import (
    BoundColumn,
    bind_columns,
    keep_predicate,
    may_lack,
    random_columns,
    stored_columns,
)
from engine.sql.expressions import Binder
from engine.sql.external import EXTERNAL
from engine.sql.external_streams import as_stream, of_external
from engine.sql.keyed import DELTA_MODES, KEYED_MODES, TP_DELTA, VERSIONED_MODES, keyed_of
from engine.sql.names import WINDOW_COLUMNS, ColumnScope, Names
from engine.sql.nodes import Call, Source, text_of
from engine.sql.parameters import filled, given_values
from engine.sql.past import past_of
from engine.sql.places import located, within_view
from engine.sql.plan_parts import Column, Named
from engine.sql.relations import (
    Called,
    Facts,
    Field,
    Filtered,
    Inline,
    Read,
    Relation,
    Renamed,
    Selected,
    UnionOf,
    Windowed,
    is_bounded,
    quoted,
)
from engine.sql.table_reads import read_external
from engine.sql.upserted import bind_changelog
from engine.sql.windows import WINDOWS, window_arguments, window_spec
from engine.type_parser import parse_type
from engine.types import (
    INT8,
    INT32,
    INT64,
    UINT64,
    DataType,
    duckdb_type,
    zero_sql,
)

NUMBERS_MAX = 1_000_000_000
SHARD = "0::INTEGER"  # there is one shard: no join has to carry its number


def bind_source(node: Source, context: Context) -> Item:
    """A FROM item with its alias on every field."""
    with located(node):
        return _bind_source(node, context.deeper())


def _bind_source(node: Source, context: Context) -> Item:
    this = cast("exp.Expr", node.this)
    alias = text_of(node, "alias")
    if isinstance(this, exp.Select | exp.SetOperation):
        from engine.sql.select import bind_query

        context.facts.has_subquery = True
        item = with_weight(bind_query(this, context))
    elif isinstance(this, Call):
        item = _table_function(this, context)
        alias = alias or _inner_name(this)
    else:
        item = _named(this.name, given_values(node), context)
        alias = alias or this.name
    return Item(item.relation, tuple(_sourced(field, alias) for field in item.fields))


def _sourced(field: Field, source: str) -> Field:
    """As `replace(field, source=source)`, which takes four times as long and runs per column."""
    return Field(field.name, field.type, field.sql, source, field.star, field.origin, field.uses)


def _inner_name(call: Call) -> str:
    """`tumble(s, 5s)` is still called s."""
    first = call.expressions[0] if call.expressions else None
    if not isinstance(first, Source):
        return text_of(call)
    this = cast("exp.Expr", first.this)
    if isinstance(this, Call):
        return _inner_name(this)
    return this.name if isinstance(this, exp.Identifier) else ""


def _named(name: str, given: dict[str, exp.Expr], context: Context) -> Item:
    from engine.sql.functions import apply_functions
    from engine.sql.select import bind_query
    from engine.sql.statements import parse_query

    if name in context.ctes:
        query, around = context.ctes[name]
        inside = replace(around, bounded=context.bounded, depth=context.depth, views=context.views)
        return with_weight(bind_query(query, inside.deeper()))
    definition = context.lookup(name)
    if definition.kind in EXTERNAL and not given:
        return _outside(definition, context)
    if definition.kind == "view":
        context.facts.views.append(name)
        query = filled(parse_query(definition.query), name, given)
        query = apply_functions(query, context.functions, context.facts.functions)
        with within_view(name):
            return with_weight(bind_query(query, context.inside_view(name)))
    if given:
        message = f"{name} is no view with parameters: leave out ({next(iter(given))} = ...)"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if definition.kind == "materialized_view" and definition.options.get("into"):
        context.facts.views.append(name)
        definition = context.lookup(str(definition.options["into"]))
        if definition.kind in EXTERNAL:
            return _outside(definition, context)
    return read_stream(definition, context)


def _outside(definition: Definition, context: Context) -> Item:
    """An external stream or table."""
    if definition.kind == "external_table":
        return read_external(definition, context)
    declared = frozenset(column.name for column in definition.columns)
    return of_external(read_stream(as_stream(definition), context), declared)


# -- streams ------------------------------------------------------------------------------------


def read_stream(definition: Definition, context: Context) -> Item:
    """A stream or random stream with its declared and reserved columns."""
    every = _stored(definition)
    alias = f"t{context.budget.reads}"
    context.budget.reads += 1
    read = Read(definition, every, bounded=context.bounded, alias=alias)
    if read.is_random:
        read.random_columns = random_columns(definition)
        if context.bounded:
            message = f"random stream {definition.name} has no stored rows for table()"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
    read.seek_to = context.settings.get("seek_to", "")
    if not context.bounded and not read.is_random:
        read.past = past_of(context.settings, every, definition.name)
    fields = [_field_of(read, c, star=c not in _HIDDEN) for c in every]
    fields = _with_defaults(definition, fields, context)
    fields.append(Field("_tp_shard", INT32, SHARD, star=False))
    if definition.mode in VERSIONED_MODES:
        fields.append(_computed_delta(read))
    fields.extend(_alias_fields(definition, fields, context))
    context.facts.reads.append(read)
    relation: Relation = read
    where = _kept(definition, tuple(fields), context)
    read.keyed = keyed_of(definition, where)
    if read.keyed is not None:
        read.used |= {*read.keyed.keys, read.keyed.version} & {c.name for c in every}
    elif where and context.bounded:
        relation = Filtered(read, where)
    if definition.mode in DELTA_MODES and (read.keyed is not None or not context.bounded):
        read.used.add(TP_DELTA)
    return Item(relation, tuple(fields))


_HIDDEN = (Column("_tp_sn", INT64), Column("_tp_append_time", INT64))


def _stored(definition: Definition) -> tuple[Column, ...]:
    """What can be read of a row: what is stored, and its place in the log."""
    stored = stored_columns(definition)
    names = {c.name for c in stored}
    return (*stored, *(c for c in _HIDDEN if c.name not in names))


def _kept(definition: Definition, fields: tuple[Field, ...], context: Context) -> str:
    """The condition of rows that the TTL has not let go, where the statement applies it itself."""
    keep = keep_predicate(definition)
    if keep is None or not (context.bounded or definition.mode in KEYED_MODES):
        return ""
    return Binder(ColumnScope(Names(fields, {}), context)).condition(keep)


def _computed_delta(read: Read) -> Field:
    """The weight of a versioned stream's rows: 1, unless they come as deltas."""
    if read.bounded:
        return Field(TP_DELTA, INT8, "1::TINYINT", star=False)
    return Field(TP_DELTA, INT8, quoted(TP_DELTA), star=False, uses=((read, TP_DELTA),))


def _field_of(read: Read, column: Column, *, star: bool) -> Field:
    return Field(
        column.name,
        column.type,
        quoted(column.name),
        star=star,
        origin=((read, column.name),),
        uses=((read, column.name),),
    )


def _with_defaults(definition: Definition, fields: list[Field], context: Context) -> list[Field]:
    """Columns that stored rows may lack (added later, or not given in a coalesced stream): they
    have their default, or zero. A nullable one is NULL, since a stored NULL looks the same."""
    added = {c.name: c for c in bind_columns(definition) if may_lack(definition, c)}
    if not added:
        return fields
    scope = ColumnScope(Names(tuple(fields), {}), context)
    found: list[Field] = []
    for field in fields:
        column = added.get(field.name)
        if column is None or column.type.is_nullable:
            found.append(field)
            continue
        sql, uses = zero_sql(column.type), field.uses
        if column.expression is not None:
            sql, more = _aside(scope, column)
            uses = (*uses, *more)
        made = f"coalesce({field.sql}, CAST({sql} AS {duckdb_type(column.type)}))"
        found.append(replace(field, sql=made, uses=uses))
    return found


def _aside(scope: ColumnScope, column: BoundColumn) -> tuple[str, tuple[tuple[Read, str], ...]]:
    """SQL of a column's expression and the stream columns that it needs, none marked as needed."""
    reads = {r for f in scope.names.fields for r, _ in f.uses}
    before = {read: set(read.used) for read in reads}
    bound = Binder(scope).bind(cast("exp.Expr", column.expression))
    uses = tuple((r, name) for r, held in before.items() for name in sorted(r.used - held))
    for read, held in before.items():
        read.used = held
    return bound.sql, uses


def _alias_fields(definition: Definition, fields: list[Field], context: Context) -> list[Field]:
    """ALIAS columns: computed when read, not part of `*`."""
    found: list[Field] = []
    for column in bind_columns(definition):
        if not column.alias or column.expression is None:
            continue
        made, uses = _aside(ColumnScope(Names((*fields, *found), {}), context), column)
        sql = f"CAST({made} AS {duckdb_type(column.type)})"
        found.append(Field(column.name, column.type, sql, star=False, uses=uses))
    return found


# -- table functions ----------------------------------------------------------------------------


def _table_function(call: Call, context: Context) -> Item:
    name = text_of(call)
    if name in WINDOWS:
        return _window(call, context)
    if name == "table":
        return _table(call, context)
    if name in ("numbers", "zeros", "numbers_mt", "zeros_mt"):
        return _numbers(call, context)
    if name == "values":
        return _values(call, context)
    if name == "dedup":
        return bind_dedup(call, bind_source(cast("Source", call.expressions[0]), context), context)
    if name == "rowify":
        return bind_rowify(call, bind_source(cast("Source", call.expressions[0]), context))
    if name == "changelog":
        source = bind_source(cast("Source", call.expressions[0]), context)
        return bind_changelog(call, source, context)
    raise SqlError(f"table function {name[:80]} does not exist", Code.UNKNOWN_FUNCTION)


def _table(call: Call, context: Context) -> Item:
    if len(call.expressions) != 1:
        raise SqlError("table() takes one argument", Code.NUMBER_OF_ARGUMENTS)
    source = cast("Source", call.expressions[0])
    this = source.this
    if isinstance(this, Call) and text_of(this) in WINDOWS:
        message = f"table() stands inside {text_of(this)}(), not around it"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if not isinstance(this, exp.Identifier):
        raise SqlError("table() takes the name of a stream, view or CTE", Code.BAD_ARGUMENTS)
    name = this.name
    composed = name in context.ctes or context.lookup(name).kind == "view"
    if composed:
        probe = bind_source(source, replace(context, facts=Facts()))
        if not is_bounded(probe.relation) and not _is_flat(probe.relation):
            message = f"table({name}) wants a query without aggregates, windows and limits"
            raise SqlError(message, Code.BAD_ARGUMENTS)
    return bind_source(source, replace(context, bounded=True))


def _is_flat(relation: Relation | None) -> bool:
    match relation:
        case None | Read() | Inline():
            return True
        case Filtered() | Renamed() | Called():
            return _is_flat(relation.input)
        case UnionOf():
            return all(_is_flat(i) for i in relation.inputs)
        case Selected():
            plain = relation.grouping is None and relation.limit < 0 and relation.limit_by is None
            return plain and _is_flat(relation.input)
        case _:
            return False


def _numbers(call: Call, context: Context) -> Item:
    name = text_of(call).removesuffix("_mt")
    numbers: list[int] = []
    for node in call.expressions:
        if not isinstance(node, exp.Literal) or node.is_string or not node.name.isdigit():
            raise SqlError(f"{name}() takes constant numbers", Code.BAD_ARGUMENTS)
        numbers.append(int(node.name))
    if len(numbers) not in (1, 2):
        raise SqlError(f"{name}() takes one or two numbers", Code.NUMBER_OF_ARGUMENTS)
    start, count = (0, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
    if count > NUMBERS_MAX or start > NUMBERS_MAX:
        raise SqlError(f"{name}() gives at most {NUMBERS_MAX} rows", 69)
    column = "number" if name == "numbers" else "zero"
    value = "range" if name == "numbers" else "0"
    sql = (
        f"SELECT CAST({value} AS UBIGINT) AS {quoted(column)} FROM range({start}, {start + count})"
    )
    t = UINT64 if name == "numbers" else DataType("uint8")
    if name == "zeros":
        sql = sql.replace("UBIGINT", "UTINYINT")
    relation = Inline(sql, (Column(column, t),))
    return Item(relation, (Field(column, t, quoted(column)),))


def _values(call: Call, context: Context) -> Item:
    from engine.sql.value_rows import values_rows

    rows = list(call.expressions)
    structure: DataType | None = None
    if rows and isinstance(rows[0], exp.Literal) and rows[0].is_string:
        structure = parse_type(f"tuple({rows.pop(0).name})")
    cells = [
        list(row.expressions)
        if isinstance(row, exp.Tuple)
        else [cast("exp.Expr", row.this) if isinstance(row, exp.Paren) else row]
        for row in rows
    ]
    if not cells or any(len(row) != len(cells[0]) for row in cells):
        raise SqlError("values() wants rows of equal length", Code.BAD_ARGUMENTS)
    if structure is None:
        names = tuple(f"c{at}" for at in range(1, len(cells[0]) + 1))
        columns: tuple[Column, ...] | None = None
    else:
        names = structure.field_names
        columns = tuple(Column(n, t) for n, t in zip(names, structure.args, strict=True))
    sql, found = values_rows(cells, names, columns, context)
    return Item(Inline(sql, found), tuple(Field(c.name, c.type, quoted(c.name)) for c in found))


# -- windows ------------------------------------------------------------------------------------


def _window(call: Call, context: Context) -> Item:
    name = text_of(call)
    item = bind_source(cast("Source", call.expressions[0]), context)
    args = window_arguments(call)
    if name != "tumble" and is_bounded(item.relation):
        raise SqlError(f"{name}() needs a streaming source", Code.NOT_IMPLEMENTED)
    if not is_bounded(item.relation) and _is_global_aggregate(item.relation):
        message = f"{name}() over a global aggregation is not supported"
        raise SqlError(message, Code.NOT_IMPLEMENTED)
    item = _without_window_columns(item)
    scope = ColumnScope(Names(item.fields, {}), context)
    scope.calls = FunctionCalls()
    time, processing = _time_argument(scope, args.time)
    column, computed = time.sql.strip('"'), None
    plain = time.sql.startswith('"') and any(f.sql == time.sql for f in item.fields)
    if not plain:
        column = "__time"
        computed = Named(column, f"CAST({time.sql} AS {duckdb_type(time.type)})", time.type)
    spec = window_spec(name, args, column, time.type)
    spec = replace(spec, processing_time=processing)
    if args.range is not None:
        if name != "session":
            raise SqlError(f"{name} takes no range", Code.BAD_ARGUMENTS)
        binder = Binder(scope)
        spec = replace(
            spec,
            start_predicate=binder.condition(cast("exp.Expr", args.range.this)),
            end_predicate=binder.condition(cast("exp.Expr", args.range.args["expression"])),
            start_inclusive=bool(args.range.args["start_inclusive"]),
            end_inclusive=bool(args.range.args["end_inclusive"]),
        )
    below = cast("Relation", item.relation)
    if scope.calls:
        below = Called(below, tuple(scope.calls.calls))
    relation = Windowed(below, spec, computed, aggregated=False)
    window = tuple(Field(n, spec.time_type, quoted(n)) for n in WINDOW_COLUMNS)
    return Item(relation, (*(f for f in item.fields if f.name not in WINDOW_COLUMNS), *window))


def _is_global_aggregate(relation: Relation | None) -> bool:
    """Whether the rows are the emits of an aggregation without windows."""
    match relation:
        case Filtered() | Renamed():
            return _is_global_aggregate(relation.input)
        case Selected():
            grouped = relation.grouping
            if grouped is None:
                return _is_global_aggregate(relation.input)
            return grouped.window is None
        case _:
            return False


def _time_argument(scope: ColumnScope, node: exp.Expr | None) -> tuple[Arg, bool]:
    """The bound time and whether it is processing time."""
    node = node if node is not None else exp.column("_tp_time")
    processing = isinstance(node, Call) and text_of(node) in ("now", "now64")
    return Binder(scope).bind(node), processing


def _without_window_columns(item: Item) -> Item:
    """Windows over windows: the inner window_start gets another name, the outer takes its own."""
    if not any(f.name in WINDOW_COLUMNS or f.sql.strip('"') in WINDOW_COLUMNS for f in item.fields):
        return item
    columns: list[Named] = []
    fields: list[Field] = []
    for at, field in enumerate(item.fields):
        sql = f"CAST({field.sql} AS {duckdb_type(field.type)})"
        columns.append(Named(f"__w{at}", sql, field.type))
        fields.append(replace(field, sql=quoted(f"__w{at}")))
    uses = tuple(field.uses for field in item.fields)
    renamed = Renamed(cast("Relation", item.relation), tuple(columns), uses)
    return Item(renamed, tuple(fields))
