"""ALTER STREAM ... ADD, DROP and RENAME COLUMN: a definition with other columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlglot import exp

from engine.errors import Code, SqlError
from engine.protocol import ColumnDef, Definition
from engine.sql.definitions import replace_type
from engine.sql.keyed import key_names
from engine.sql.nearest import did_you_mean
from engine.sql.statements import ColumnChange, parse_expression

# How many columns were added to a stream so far, in its options: stored names are never used twice.
_ADDED: Final = "columns_added"


def with_changes(definition: Definition, changes: Iterable[ColumnChange]) -> Definition:
    """The definition after the changes, one after the other.

    SqlError 47 for a column that is not there, 15 for one that is, 630 for one that the stream
    itself needs.
    """
    for change in changes:
        if change.kind == "add":
            definition = _add(definition, change)
        else:
            definition = _leave(definition, change)
    return definition


def gone_columns(old: Definition, new: Definition) -> tuple[set[str], set[str]]:
    """Names that no longer name the same column, and those of them whose column is gone."""
    kept = {(column.name, stored_name(column)) for column in new.columns}
    stored = {stored_name(column) for column in new.columns}
    names = {c.name for c in old.columns if (c.name, stored_name(c)) not in kept}
    return names, {c.name for c in old.columns if stored_name(c) not in stored}


def stored_name(column: ColumnDef) -> str:
    """The name under which stored rows have a column."""
    return column.stored or column.name


def _add(definition: Definition, change: ColumnChange) -> Definition:
    assert change.column is not None
    name = change.column.name
    if name.lower() in {c.name.lower() for c in definition.columns}:
        if change.lenient:
            return definition
        message = f"stream {definition.name} has a column {name[:80]} already"
        raise SqlError(message, Code.DUPLICATE_COLUMN)
    count = int(definition.options.get(_ADDED, 0)) + 1
    column = replace_type(change.column)
    if column.kind != "alias":
        column = msgspec.structs.replace(column, stored=f"__{count}_{name}")
    columns = list(definition.columns)
    at = len(columns)
    if change.first:
        at = 0
    elif change.after:
        at = _index(definition, change.after) + 1
    columns.insert(at, column)
    options = {**definition.options, _ADDED: count}
    return msgspec.structs.replace(definition, columns=tuple(columns), options=options)


def _leave(definition: Definition, change: ColumnChange) -> Definition:
    """Without a column, or with it under another name."""
    if change.lenient and change.name not in {c.name for c in definition.columns}:
        return definition
    at = _index(definition, change.name)
    verb = change.kind
    for what, used in _uses(definition, at):
        if change.name in used:
            message = (
                f"cannot {verb} column {change.name[:80]} of {definition.name}: {what} uses it. "
                "Create a stream without it, then INSERT INTO it SELECT ... FROM table() of this"
            )
            raise SqlError(message, Code.HAVE_DEPENDENT_OBJECTS)
    columns = list(definition.columns)
    if verb == "drop":
        del columns[at]
    else:
        if change.to.lower() in {c.name.lower() for c in columns if c.name != change.name}:
            message = f"stream {definition.name} has a column {change.to[:80]} already"
            raise SqlError(message, Code.DUPLICATE_COLUMN)
        held = columns[at]
        stored = stored_name(held) if held.kind != "alias" else ""
        columns[at] = msgspec.structs.replace(held, name=change.to, stored=stored)
    return msgspec.structs.replace(definition, columns=tuple(columns))


def _index(definition: Definition, name: str) -> int:
    names = [column.name for column in definition.columns]
    if name in names:
        return names.index(name)
    hint = did_you_mean(name, names)
    message = f"stream {definition.name} has no column {name[:80]}{hint}"
    raise SqlError(message, Code.UNKNOWN_IDENTIFIER)


def _uses(definition: Definition, at: int) -> Iterable[tuple[str, set[str]]]:
    """What of a stream names columns, and which; the column itself is left out."""
    yield "the primary key", set(key_names(definition.primary_key))
    settings = definition.settings
    yield "version_column", {settings.get("version_column", "").strip("`")}
    yield "event_time_column", _named(definition.event_time_column)
    yield "the TTL", _named(definition.ttl_expression) | {settings.get("ttl_column", "").strip("`")}
    for number, column in enumerate(definition.columns):
        if number != at and column.default:
            yield f"column {column.name}", _named(column.default)
    if definition.columns[at].name == "_tp_time":
        yield "every window and rewinding read", {"_tp_time"}


def _named(text: str) -> set[str]:
    """The columns that an expression names."""
    if not text:
        return set()
    return {node.name for node in parse_expression(text).find_all(exp.Column)}
