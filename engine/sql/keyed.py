"""Keyed streams: which columns say how rows replace each other, and the rows that are left."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.protocol import Definition
from engine.sql.logical import BoundedQuery, Scan, TableScan
from engine.sql.nodes import children
from engine.sql.plan_parts import Column, Keyed
from engine.sql.relations import quoted
from engine.sql.statements import parse_expression
from engine.types import INT8, INT64, DataType, duckdb_type

MODES = ("append", "changelog", "changelog_kv", "versioned_kv")
MUTABLE = "mutable"
MUTABLE_ENGINE = "MutableStream"
# Modes whose rows are stored with their weight.
DELTA_MODES = ("changelog", "changelog_kv")
# Modes whose rows are versions; their deltas are computed when asked for.
VERSIONED_MODES = ("versioned_kv", MUTABLE)
KEYED_MODES = ("changelog_kv", "versioned_kv", MUTABLE)
TP_DELTA = "_tp_delta"
DELTA = Column(TP_DELTA, INT8)

_ROW = "__rn"
_SNAPSHOT = "t0"
# Columns that tell in which append a row of a snapshot came.
_POSITIONS = (Column("_tp_sn", INT64), Column("_tp_append_time", INT64))


@lru_cache(maxsize=1024)
def key_names(text: str) -> tuple[str, ...]:
    """The columns of a primary key as written: `a`, `a, b` or `(a, b)`; SqlError 36 for others."""
    if not text.strip():
        return ()
    node = parse_expression(f"({text})")
    while isinstance(node, exp.Paren):
        node = cast("exp.Expr", node.this)
    found = children(node, "expressions") if isinstance(node, exp.Tuple) else [node]
    names: list[str] = []
    for each in found:
        if not isinstance(each, exp.Column) or each.args.get("table"):
            message = f"PRIMARY KEY ({text[:80]}) takes names of columns, not expressions"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        names.append(each.name)
    return tuple(names)


def keyed_of(definition: Definition, keep: str = "") -> Keyed | None:
    """How rows of a stream replace each other; None unless it is keyed. `keep`: see `Keyed`."""
    if definition.kind != "stream" or definition.mode not in KEYED_MODES:
        return None
    keys = key_names(definition.primary_key)
    merged = is_coalesced(definition)
    return Keyed(definition.mode, keys, version_of(definition), keep, merged)


def is_coalesced(definition: Definition) -> bool:
    """Whether an INSERT overwrites only the columns that it gives."""
    given = definition.settings.get("coalesced", "").lower() in ("1", "true")
    return given and definition.mode == MUTABLE


def version_of(definition: Definition) -> str:
    """The column whose largest value wins, '' = the later arrival does."""
    given = definition.settings.get("version_column", "").strip("`")
    if definition.mode == "versioned_kv":
        return given or "_tp_time"
    overrides = definition.settings.get("late_insert_overrides", "").lower() in ("1", "true")
    return given if definition.mode == MUTABLE and not overrides else ""


def check_keyed(definition: Definition, types: dict[str, DataType]) -> None:
    """SqlError 36 or 43 when mode, primary key and version do not fit the stored columns."""
    name = definition.name
    if definition.mode in KEYED_MODES and not definition.primary_key.strip():
        message = f"{name} is a {definition.mode} stream and needs PRIMARY KEY (column, ...)"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    keys = key_names(definition.primary_key)
    for key in keys:
        if key not in types:
            message = f"the primary key of {name} names {key[:80]}, which is no stored column of it"
            raise SqlError(message, Code.BAD_ARGUMENTS)
    if len(set(keys)) < len(keys):
        raise SqlError(f"the primary key of {name} names a column twice", Code.BAD_ARGUMENTS)
    if is_coalesced(definition):
        _check_coalesced(definition)
    version = definition.settings.get("version_column", "").strip("`")
    if not version:
        return
    if definition.mode not in ("versioned_kv", MUTABLE):
        message = (
            f"{name} is of mode {definition.mode}, and version_column is for versioned_kv and "
            "mutable streams"
        )
        raise SqlError(message, Code.BAD_ARGUMENTS)
    if version not in types:
        message = f"version_column {version[:80]} is no stored column of {name}"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    t = types[version].inner
    if not (t.is_numeric or t.is_temporal or t.is_string):
        message = f"version_column {version[:80]} of {name} must be a number, a time or a text"
        raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)


def _check_coalesced(definition: Definition) -> None:
    """Rows of a coalesced stream are parts: what looks at one of them alone makes no sense."""
    name, settings = definition.name, definition.settings
    for setting in ("version_column", "ttl_column"):
        if settings.get(setting):
            message = (
                f"setting {setting} of {name} does not go with coalesced, whose rows are merged in "
                "order of arrival: leave one of them out"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)
    for column in definition.columns:
        if column.kind == "materialized":
            message = (
                f"column {column.name} of {name} is MATERIALIZED, and rows of a coalesced stream "
                "are not whole when they are stored: make it an ALIAS"
            )
            raise SqlError(message, Code.NOT_IMPLEMENTED)


def compacted(keyed: Keyed, table: str) -> str:
    """A SELECT of the rows that are left of a stream's stored rows, in order of arrival.

    `table`: SQL that may stand after FROM and gives all stored rows in order of arrival. Of a
    versioned stream the row of the largest version is left per key, of equal ones the later; of a
    coalesced one the last value of each column that is not NULL (columns may change places). Of a
    changelog a row with a negative weight takes away the nearest rows before it of its key that are
    left; `_tp_delta` is what is left of a row's weight.
    """
    where = f" WHERE {keyed.keep}" if keyed.keep else ""
    rows = f"SELECT *, row_number() OVER () AS {_ROW} FROM {table}{where}"
    keys = ", ".join(quoted(key) for key in keyed.keys)
    if keyed.coalesced:
        over = f"OVER (PARTITION BY {keys} ORDER BY {_ROW})"
        values = f"COLUMNS(* EXCLUDE ({keys}, {_ROW}))"
        merged = f'last_value({values} IGNORE NULLS) {over} AS "\\0"'
        number = f"row_number() OVER (PARTITION BY {keys} ORDER BY {_ROW} DESC)"
        rows = f"SELECT {keys}, {_ROW}, {merged} FROM ({rows}) AS __v QUALIFY {number} = 1"
        return f"SELECT * EXCLUDE ({_ROW}) FROM ({rows}) AS __k ORDER BY {_ROW}"
    if keyed.mode != "changelog_kv":
        order = f"{quoted(keyed.version)} DESC NULLS LAST, " if keyed.version else ""
        number = f"row_number() OVER (PARTITION BY {keys} ORDER BY {order}{_ROW} DESC)"
        last = f"SELECT * FROM ({rows}) AS __v QUALIFY {number} = 1"
        return f"SELECT * EXCLUDE ({_ROW}) FROM ({last}) AS __k ORDER BY {_ROW}"
    delta = quoted(TP_DELTA)
    over = f"OVER (PARTITION BY {keys} ORDER BY {_ROW} ROWS"
    summed = f"SELECT *, sum({delta}) {over} UNBOUNDED PRECEDING) AS __sum FROM ({rows}) AS __v"
    lowest = (
        f"SELECT *, min(__sum) {over} BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS __low "
        f"FROM ({summed}) AS __s"
    )
    left = f"__low - greatest(__sum - {delta}, 0)"
    kept = f"SELECT * FROM ({lowest}) AS __l WHERE {delta} > 0 AND {left} > 0"
    weight = f"CAST({left} AS {duckdb_type(INT8)}) AS {delta}"
    shown = f"SELECT * REPLACE ({weight}) FROM ({kept}) AS __p"
    return f"SELECT * EXCLUDE ({_ROW}, __sum, __low) FROM ({shown}) AS __k ORDER BY {_ROW}"


def snapshot_query(scan: Scan) -> BoundedQuery | None:
    """The compacted rows with which a scan begins, `_tp_sn` and `_tp_append_time` last; None for
    one that begins with what comes, or at a place in the log."""
    if scan.keyed is None:
        return None
    taken = {column.name for column in scan.schema}
    columns = (*scan.schema, *(c for c in _POSITIONS if c.name not in taken))
    heads = ", ".join(quoted(c.name) for c in columns)
    sql = f"SELECT {heads} FROM ({compacted(scan.keyed, quoted(_SNAPSHOT))}) AS __c"
    table = TableScan(_SNAPSHOT, scan.stream_id, scan.stream_name, tuple(c.name for c in columns))
    return BoundedQuery(sql, (table,), columns)
