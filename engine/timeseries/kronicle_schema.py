"""Schemas of Kronicle channels: names, types, and the stream and view that they become."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from engine.naming import NAME_RULE
from engine.owned_names import owned
from engine.protocol import ColumnDef, Definition
from engine.timeseries.kronicle_messages import Column
from engine.timeseries.kronicle_refusal import bad
from engine.types import quote_name

TIME: Final = "time"
RECEIVED: Final = "received_at"
COLUMNS_MAX: Final = 1_000  # a stream has at most 1,024, the server's own included
NAME_CHARS_MAX: Final = 200

# Says in a view's options whose it is.
CHANNEL_OPTION: Final = "kronicle"

# Canonical types, in the order in which they are listed, with what streams store.
STORED_TYPES: Final = {
    "str": "string",
    "int": "int64",
    "float": "float64",
    "bool": "bool",
    "uuid": "uuid",
    "datetime": "datetime64(6, 'UTC')",
    "dict": "string",
    "list": "string",
}
_ALIASES: Final = {
    **{name: name for name in STORED_TYPES},
    "string": "str",
    "text": "str",
    "integer": "int",
    "number": "float",
    "double": "float",
    "double precision": "float",
    "boolean": "bool",
    "uuid4": "uuid",
    "date": "datetime",
    "timestamp": "datetime",
    "timestampz": "datetime",
    "timestamptz": "datetime",
    "time": "datetime",
    "json": "dict",
    "jsonb": "dict",
}
_RESERVED: Final = frozenset({
    "user", "select", "insert", "update", "delete", "join", "group", "order", "limit", "values",
    "table", "index", "chunk", "compress", "policy", "partition",
})  # fmt: skip
_OPTIONAL: Final = re.compile(r"optional\s*\[(.*)\]", re.DOTALL)
_OTHER: Final = re.compile(r"[^\w]")
_RUNS: Final = re.compile(r"_+")
# Characters of a user's column name that a view's column cannot have.
_UNQUOTABLE: Final = re.compile(r"[\x00-\x1f\x7f`\\\"]")
_NOW: Final = "now64(6)"
_MICROSECONDS: Final = STORED_TYPES["datetime"]


def normalised(name: str) -> str:
    """A channel's or column's name as it is stored; '' when nothing is left of it."""
    text = _RUNS.sub("_", _OTHER.sub("_", name.lower())).strip("_")
    return f"channel_{text}" if text[:1].isdigit() else text


def parse_type(text: str) -> tuple[str, bool]:
    """The canonical type of a name or alias, and whether it is optional; Refusal otherwise."""
    plain = " ".join(text.lower().split())
    optional = _OPTIONAL.fullmatch(plain)
    if optional is not None:
        plain = optional[1].strip()
    found = _ALIASES.get(plain)
    if found is None:
        raise bad(
            f"Unsupported column type '{text[:80]}': use one of {', '.join(STORED_TYPES)}, each "
            "maybe as optional[...]."
        )
    return found, optional is not None


def parse_schema(schema: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns of a schema as a user gives it, `received_at` left out; Refusal when it breaks
    a rule."""
    columns: dict[str, Column] = {}
    for name, kind in schema.items():
        stored = _column_name(name)
        if stored == RECEIVED:
            continue
        if stored in columns:
            raise bad(
                f"The columns '{columns[stored].name}' and '{name[:80]}' have the same normalised "
                f"name '{stored}'."
            )
        found, optional = parse_type(kind)
        if stored == TIME:
            found, optional = "datetime", False
        columns[stored] = Column(name, stored, found, optional)
    if not columns:
        raise bad("The channel's schema is empty: name at least one column.")
    if len(columns) > COLUMNS_MAX:
        raise bad(f"The schema has {len(columns)} columns; at most {COLUMNS_MAX} are possible.")
    return tuple(columns.values())


def _column_name(name: str) -> str:
    stored = normalised(name)
    if not stored:
        raise bad(f"'{name[:80]}' is no column name: it needs a letter or a digit.")
    if len(name) > NAME_CHARS_MAX:
        raise bad(f"The column name '{name[:80]}...' is longer than {NAME_CHARS_MAX} characters.")
    if stored in _RESERVED or name.strip().lower().startswith("_tp_"):
        raise bad(f"The column name '{name[:80]}' is reserved; choose another.")
    return stored


def equivalent(one: tuple[Column, ...], other: tuple[Column, ...]) -> bool:
    """Whether two schemas have the same normalised columns and types; all have a time."""
    return _types(one) == _types(other)


def _types(columns: tuple[Column, ...]) -> dict[str, str]:
    return {c.stored: c.shown_type for c in columns if c.stored != TIME}


def shown_schema(columns: tuple[Column, ...]) -> dict[str, str]:
    """The schema as answers have it: the user's names, canonical types."""
    return {column.name: column.shown_type for column in columns}


def with_time(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns with the time, first when the user did not name it."""
    if any(column.stored == TIME for column in columns):
        return columns
    return (Column(TIME, TIME, "datetime"), *columns)


def stream_name(channel_id: str) -> str:
    """The name of a channel's stream."""
    return "channel_" + channel_id.replace("-", "")


def stream_of(identity: str, channel_id: str, columns: tuple[Column, ...]) -> Definition:
    """The stream of a channel: it keeps everything, its event time is the row's time."""
    own = [ColumnDef(c.stored, _stored_type(c)) for c in with_time(columns) if c.stored != TIME]
    return Definition(
        id=identity,
        name=stream_name(channel_id),
        kind="stream",
        columns=(
            ColumnDef(TIME, _MICROSECONDS, _NOW),
            *own,
            ColumnDef(RECEIVED, _MICROSECONDS, _NOW, "materialized"),
        ),
        event_time_column=TIME,
        description="Rows of a Kronicle channel",
    )


def _stored_type(column: Column) -> str:
    stored = STORED_TYPES[column.type]
    return f"nullable({stored})" if column.optional else stored


def view_name(name: str, channel_id: str, taken: Callable[[str], bool]) -> str:
    """The name of a channel's view: after the channel where that can be, else after its id."""
    wanted = f"kronicle_{name}"
    legal = bool(name) and NAME_RULE.fullmatch(wanted) and owned(wanted) is None
    if legal and not taken(wanted):
        return wanted
    return "kronicle_" + channel_id.replace("-", "")


def view_of(identity: str, name: str, channel_id: str, columns: tuple[Column, ...]) -> Definition:
    """The view of a channel: the rows under the user's column names."""
    parts = [f"{quote_name(c.stored)} as {quote_name(_view_column(c))}" for c in with_time(columns)]
    return Definition(
        id=identity,
        name=name,
        kind="view",
        query=f"select {', '.join(parts)} from {stream_name(channel_id)}",
        description="Rows of a Kronicle channel under the user's column names",
        options={CHANNEL_OPTION: channel_id},
    )


def _view_column(column: Column) -> str:
    return column.stored if _UNQUOTABLE.search(column.name) else column.name
