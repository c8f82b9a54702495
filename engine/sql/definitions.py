"""CREATE statements to definitions; how a stream's rows are stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import msgspec
from sqlglot import exp

from engine.batch import TP_TIME
from engine.errors import Code, SqlError
from engine.protocol import ColumnDef, Definition
from engine.schema import StoredColumn, StoredSchema
from engine.sql import statements as st
from engine.sql.context import Context
from engine.sql.create_text import create_query
from engine.sql.expressions import Binder
from engine.sql.keyed import (
    DELTA,
    DELTA_MODES,
    MODES,
    MUTABLE,
    MUTABLE_ENGINE,
    TP_DELTA,
    check_keyed,
    is_coalesced,
    key_names,
)
from engine.sql.names import ColumnScope, Names, holds_aggregate, holds_column
from engine.sql.places import of_clause, of_column
from engine.sql.plan_parts import Column, Named
from engine.sql.relations import Facts, Field, quoted
from engine.sql.settings import number_setting
from engine.sql.statements import parse_expression
from engine.type_parser import known_zone, parse_type
from engine.types import (
    DATETIME64_3_UTC,
    INT32,
    INT64,
    DataType,
    duckdb_type,
    integer_range,
    quote_name,
    zero_sql,
)

COLUMNS_MAX = 1024
NAME_CHARS_MAX = 256
_RESERVED = frozenset(("_tp_delta", "_tp_sn", "_tp_append_time", "_tp_shard"))
_TP_TIME = Column(TP_TIME, DATETIME64_3_UTC)
# Columns that no stream stores by these names and every reader may name.
_WHEN_READ = (
    DELTA,
    Column("_tp_sn", INT64),
    Column("_tp_append_time", INT64),
    Column("_tp_shard", INT32),
)


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A declared column with its type and the syntax of its default."""

    name: str
    type: DataType
    expression: exp.Expr | None
    kind: str
    stored: str = ""

    @property
    def alias(self) -> bool:
        """Computed when read, not stored."""
        return self.kind == "alias"


def no_catalog(name: str) -> Definition | None:
    """Defaults read no streams."""
    return None


@lru_cache(maxsize=1024)
def _bind_columns(columns: tuple[ColumnDef, ...]) -> tuple[BoundColumn, ...]:
    found: list[BoundColumn] = []
    for column in columns:
        with of_column(column.name, "type"):
            declared = parse_type(column.type) if column.type else None
        with of_column(column.name):
            expression = parse_expression(column.default) if column.default else None
            if expression is not None and holds_aggregate(expression):
                message = f"the default of {column.name} holds an aggregate"
                raise SqlError(message, Code.BAD_ARGUMENTS)
            if declared is not None:
                t = declared
            elif expression is not None:
                fields = tuple(Field(c.name, c.type, quoted(c.name)) for c in found)
                t = _binder(fields).bind(expression).type
            else:
                raise SqlError(f"column {column.name} has neither type nor default")
        found.append(BoundColumn(column.name, t, expression, column.kind, column.stored))
    return tuple(found)


def bind_columns(definition: Definition) -> tuple[BoundColumn, ...]:
    """The declared columns with types."""
    return _bind_columns(definition.columns)


def stored_columns(definition: Definition) -> tuple[Column, ...]:
    """What is stored of a row: the declared columns, the weight in a changelog, the event time."""
    columns = [Column(c.name, c.type, c.stored) for c in bind_columns(definition) if not c.alias]
    names = {c.name for c in columns}
    reserved = [DELTA] if definition.mode in DELTA_MODES else []
    return (*columns, *(c for c in (*reserved, _TP_TIME) if c.name not in names))


def is_added(stored: str) -> bool:
    """Whether a column of this stored name was added after the stream was created."""
    return stored.startswith("__")


def may_lack(definition: Definition, column: BoundColumn) -> bool:
    """Whether a stored row may have NULL for the column's default or zero: one from before the
    column was added, or one of a coalesced stream."""
    if is_coalesced(definition) and column.name not in key_names(definition.primary_key):
        return True
    return is_added(column.stored)


def _binder(fields: tuple[Field, ...]) -> Binder:
    context = Context(no_catalog, Facts())
    return Binder(ColumnScope(Names(fields, {}), context))


def stored_binder(definition: Definition) -> Binder:
    """Binds expressions over stored rows as they lie in files, under their stored names."""
    fields = {
        c.name: Field(c.name, c.type, quoted(c.stored or c.name))
        for c in stored_columns(definition)
    }
    for column in bind_columns(definition):
        if column.alias or column.type.is_nullable or not may_lack(definition, column):
            continue
        held = fields[column.name]
        sql = zero_sql(column.type)
        if column.expression is not None:
            sql = _binder(tuple(fields.values())).bind(column.expression).sql
        made = f"coalesce({held.sql}, CAST({sql} AS {duckdb_type(column.type)}))"
        fields[column.name] = Field(column.name, column.type, made)
    return _binder(tuple(fields.values()))


def stored_schema(definition: Definition) -> StoredSchema:
    """Columns as stored, with bound defaults and event time.

    Raises SqlError when a default or the event time does not bind.
    """
    columns = bind_columns(definition)
    fields = tuple(Field(c.name, c.type, quoted(c.name)) for c in columns if not c.alias)
    stored: list[StoredColumn] = []
    for column in columns:
        if column.alias:
            continue
        others = tuple(f for f in fields if f.name != column.name)
        sql = _default_sql(column, others)
        computed = column.kind == "materialized"
        gaps = is_coalesced(definition) and column.name not in key_names(definition.primary_key)
        stored.append(StoredColumn(column.name, column.type, sql, computed, column.stored, gaps))
    declared = {c.name for c in stored}
    for column in stored_columns(definition):
        if column.name not in declared:
            one = "CAST(1 AS TINYINT)" if column.name == TP_DELTA else ""
            stored.append(StoredColumn(column.name, column.type, one))
    name, event_sql = _event_time(definition, fields)
    return StoredSchema(tuple(stored), name, event_sql)


def _default_sql(column: BoundColumn, others: tuple[Field, ...]) -> str:
    if column.expression is None:
        return ""
    with of_column(column.name):
        bound = _binder(others).bind(column.expression)
        sql = converted(bound.sql, bound.type, column.type, bound.constant)
    if not column.type.is_nullable:
        sql = f"coalesce({sql}, {zero_sql(column.type)})"
    return sql


def converted(sql: str, t: DataType, target: DataType, constant: object = None) -> str:
    """SQL of exactly the storage type of `target`."""
    from engine.functions.casts import cast_sql
    from engine.functions.table import MISSING, Arg, Constant

    if t.inner == target.inner:
        return f"CAST({sql} AS {duckdb_type(target)})"
    held = cast("Constant", constant) if constant is not None else MISSING
    return cast_sql(Arg(sql, t, held), target).sql


def _event_time(definition: Definition, fields: tuple[Field, ...]) -> tuple[str, str]:
    text = definition.event_time_column
    if not text:
        return "", ""
    by_name = {f.name: f for f in fields}
    held = by_name.get(text.strip("`"))
    if held is not None and held.type.is_time:
        return held.name, ""
    with of_clause("event_time_column"):
        bound = _binder(fields).bind(parse_expression(text))
    if not (bound.type.is_temporal or bound.type.is_numeric or bound.type.is_string):
        message = f"event_time_column {text[:80]} must be a time, it is {bound.type}"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    sql = converted(bound.sql, bound.type, DATETIME64_3_UTC, bound.constant)
    return "", sql


def random_columns(definition: Definition) -> tuple[Named, ...]:
    """SQL of the columns of a random stream over `__ordinal`."""
    columns = bind_columns(definition)
    named: list[Named] = []
    done: dict[str, Field] = {}
    for column in columns:
        if column.alias:
            continue
        sql = _default_sql(column, tuple(done.values())) or zero_sql(column.type)
        named.append(Named(column.name, sql, column.type))
        done[column.name] = Field(column.name, column.type, f"({sql})")
    if "_tp_time" not in done:
        _, event_sql = _event_time(definition, tuple(done.values()))
        now = f"CAST(make_timestamp_ms({{now_ms}}) AS {duckdb_type(DATETIME64_3_UTC)})"
        held = done.get(definition.event_time_column)
        if held is not None:
            event_sql = converted(held.sql, held.type, DATETIME64_3_UTC)
        named.append(Named("_tp_time", event_sql or now, DATETIME64_3_UTC))
    return tuple(named)


@lru_cache(maxsize=1024)
def _keep(ttl: str) -> exp.Expr | None:
    if not ttl:
        return None
    bare = parse_expression(ttl)
    from engine.sql.nodes import Call

    return exp.GT(this=exp.Paren(this=bare), expression=Call(this="now", expressions=[]))


def keep_predicate(definition: Definition) -> exp.Expr | None:
    """The condition under which a row is still there; None without a TTL."""
    found = _keep(definition.ttl_expression or _ttl_of_settings(definition))
    return None if found is None else found.copy()


def _ttl_of_settings(definition: Definition) -> str:
    """`ttl_seconds` of a mutable stream as a TTL: so long after `ttl_column`, or `_tp_time`."""
    seconds = number_setting(definition.settings, "ttl_seconds", 0)
    if definition.mode != MUTABLE or seconds <= 0:
        return ""
    column = definition.settings.get("ttl_column", "").strip("`") or TP_TIME
    return f"{quote_name(column)} + INTERVAL {seconds} SECOND"


def keep_sql(definition: Definition) -> str:
    """`keep_predicate` as DuckDB SQL over the stored columns, '' without a TTL."""
    condition = keep_predicate(definition)
    return "" if condition is None else stored_binder(definition).condition(condition)


# -- CREATE to Definition ------------------------------------------------------------------------


def from_create(statement: st.CreateStream) -> Definition:
    """The definition that CREATE [RANDOM] STREAM means; ids, times and callers are the engine's."""
    given = statement.settings
    mode = MUTABLE if statement.mutable else given.get("mode", "append").lower()
    kind = cast("Literal['stream', 'random_stream']", statement.kind)
    columns = tuple(replace_type(column) for column in statement.columns)
    options = {"if_not_exists": True} if statement.if_not_exists else {}
    definition = Definition(
        id="",
        name=statement.name,
        kind=kind,
        columns=columns,
        mode=mode,
        engine=MUTABLE_ENGINE if statement.mutable else "Stream",
        primary_key=", ".join(statement.primary_key),
        event_time_column=given.get("event_time_column", ""),
        event_time_timezone=given.get("event_time_timezone", "UTC"),
        logstore_retention_bytes=number_setting(given, "logstore_retention_bytes", 10737418240),
        logstore_retention_ms=number_setting(given, "logstore_retention_ms", 604800000),
        ttl_expression=statement.ttl,
        description=statement.comment,
        settings={k: v for k, v in given.items() if k != "mode"},
        options=options,
    )
    return check_definition(definition)


def replace_type(column: ColumnDef) -> ColumnDef:
    """The column with its type's canonical name."""
    if not column.type:
        return column
    return msgspec.structs.replace(column, type=str(parse_type(column.type)))


def check_definition(definition: Definition) -> Definition:
    """Check a stream's definition (from SQL or REST) and fill types and `create_query`.

    Raises SqlError: 36 for impossible shapes, 15 for a column twice, 50 for an unknown type, 43
    for a type that the column cannot have, 48 for what this version cannot store, and whatever the
    defaults, TTL and event time raise.
    """
    if not definition.columns:
        raise SqlError(f"stream {definition.name} has no columns", Code.BAD_ARGUMENTS)
    check_name(definition.name)
    if not known_zone(definition.event_time_timezone):
        zone = definition.event_time_timezone[:60]
        raise SqlError(f"event_time_timezone: unknown time zone '{zone}'", Code.BAD_ARGUMENTS)
    check_column_names(definition)
    definition = _with_mode(definition)
    bound = bind_columns(definition)
    if definition.kind == "stream":
        check_keyed(definition, {c.name: c.type for c in stored_columns(definition)})
    for column in bound:
        _check_type(definition, column)
        with of_column(column.name):
            _check_default(column)
    _check_aliases(definition, bound)
    _check_row_expressions(definition, bound)
    columns = tuple(
        msgspec.structs.replace(column, type=str(found.type))
        for column, found in zip(definition.columns, bound, strict=True)
    )
    definition = msgspec.structs.replace(definition, columns=columns)
    if definition.kind == "random_stream":
        random_columns(definition)
    else:
        stored_schema(definition)
    with of_clause("the TTL"):
        keep_sql(definition)
    return msgspec.structs.replace(definition, create_query=create_query(definition))


def check_column_names(definition: Definition) -> None:
    """SqlError 36 for too many columns or a name that none can have, 15 for a column twice."""
    if len(definition.columns) > COLUMNS_MAX:
        raise SqlError(f"a stream has at most {COLUMNS_MAX} columns", Code.BAD_ARGUMENTS)
    seen: set[str] = set()
    for column in definition.columns:
        check_name(column.name)
        if column.name.lower() in seen:  # stored rows are read without regard to case
            message = f"column {column.name} is declared twice, or differs only in case"
            raise SqlError(message, Code.DUPLICATE_COLUMN)
        if _is_reserved(column.name):
            raise SqlError(f"column name {column.name} is reserved", Code.BAD_ARGUMENTS)
        seen.add(column.name.lower())


def _check_default(column: BoundColumn) -> None:
    """SqlError 69 for a constant default that the column could not hold; a cast would wrap it."""
    t = column.type
    if column.expression is None or not t.is_integer or holds_column(column.expression):
        return
    value = _binder(()).bind(column.expression).constant
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    low, high = integer_range(t)
    if not low <= value <= high or value != int(value):
        message = f"the default {value} of column {column.name} is no value of {t}"
        raise SqlError(message, Code.ARGUMENT_OUT_OF_BOUND)


def _check_aliases(definition: Definition, columns: tuple[BoundColumn, ...]) -> None:
    """What a reader would be refused with: columns that are computed then bind to what is there."""
    there = [*stored_columns(definition), *_WHEN_READ]
    for column in columns:
        if not column.alias or column.expression is None:
            continue
        fields = {c.name: Field(c.name, c.type, quoted(c.name)) for c in there}
        with of_column(column.name):
            _binder(tuple(fields.values())).bind(column.expression)
        there.append(Column(column.name, column.type))


def _is_reserved(name: str) -> bool:
    """Names are compared as DuckDB does, without regard to case; `_tp_time` may be declared."""
    lower = name.lower()
    return lower in _RESERVED or name.startswith("__") or (lower == TP_TIME and name != TP_TIME)


def _check_type(definition: Definition, column: BoundColumn) -> None:
    """SqlError 43 for a column of a type with which no row could be stored or read."""
    where = f"of {definition.name}"
    if column.name == TP_TIME:
        if column.alias or column.type.is_nullable or not column.type.is_time:
            message = (
                f"column _tp_time {where} must be a stored datetime or datetime64 that is never "
                f"null, since windows and rewinding read it; it is {_shown(column)}. Leave it out, "
                "or give the column another name and compute the time by event_time_column"
            )
            raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)
    elif definition.kind == "stream" and not column.alias and not is_storable(column.type):
        message = (
            f"column {column.name} {where} cannot be of type {column.type}: intervals and columns "
            "without a type are not stored. Store a number, or compute the column by ALIAS"
        )
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)


def _shown(column: BoundColumn) -> str:
    return "an alias" if column.alias else str(column.type)


def is_storable(t: DataType) -> bool:
    """Whether stored rows can have values of a type."""
    return not (t.is_interval or t.name == "nothing") and all(map(is_storable, t.args))


def _check_row_expressions(definition: Definition, columns: tuple[BoundColumn, ...]) -> None:
    """SqlError 36 when what is computed for each row would need a query."""
    found = [(f"the default of {c.name}", c.expression) for c in columns if c.expression]
    texts = {
        "event_time_column": definition.event_time_column,
        "the TTL": definition.ttl_expression,
    }
    names = {c.name for c in columns}
    for what, text in texts.items():
        if text and text.strip("`") not in names:
            found.append((what, parse_expression(text)))
    for what, expression in found:
        if expression.find(exp.Query):
            message = (
                f"{what} of {definition.name} holds a query: it is computed for each row out of "
                "that row's columns alone. Join when reading, in a query or a view"
            )
            raise SqlError(message, Code.BAD_ARGUMENTS)


def _with_mode(definition: Definition) -> Definition:
    """The definition with the mode that its engine means; SqlError 36 for an unknown one."""
    if definition.engine == MUTABLE_ENGINE:
        return msgspec.structs.replace(definition, mode=MUTABLE)
    if definition.mode not in MODES or definition.engine not in ("Stream", ""):
        message = (
            f"stream mode {definition.mode[:40]} does not exist: it is one of {', '.join(MODES)}, "
            "and CREATE MUTABLE STREAM makes a mutable one"
        )
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if definition.kind == "random_stream" and definition.mode != "append":
        message = f"{definition.name} is a random stream, whose rows are generated: it has no mode"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    return definition


def check_name(name: str) -> None:
    """SqlError 36 for names that cannot be used."""
    bad = not name or len(name) > NAME_CHARS_MAX or any(ord(c) < 32 or c in '/\\"`' for c in name)
    if bad:
        message = (
            f"the name {name[:60]!r} is empty, longer than {NAME_CHARS_MAX} or has bad characters"
        )
        raise SqlError(message, Code.BAD_ARGUMENTS)
