"""Reads of external streams, planned as reads of a stream that a reader fills."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, cast

import msgspec
from sqlglot import exp

from engine.errors import Code, SqlError
from engine.external_objects import HEADERS, KEY, OFFSET, PARTITION, TIME
from engine.protocol import ColumnDef, Definition
from engine.sql.context import Item
from engine.sql.plan_parts import Column, Past, Seek
from engine.sql.relations import Field, Read, quoted
from engine.sql.seek import Origin, seek_of
from engine.type_parser import parse_type
from engine.types import INT32, INT64

# Before the id of an external stream's definition, where plans have the id of a stream.
_PREFIX: Final = "external:"
# Between that id and where a bounded read begins.
_AT: Final = "?"
_PLACE: Final = (ColumnDef(OFFSET, "int64"), ColumnDef(PARTITION, "int32"))
_BESIDE: Final = (
    ColumnDef(KEY, "nullable(string)"),
    ColumnDef(HEADERS, "map(string, string)"),
)


def as_stream(definition: Definition, id_: str = "") -> Definition:
    """The stream in which rows of an external stream are kept for a query: its columns, and what
    comes with a message."""
    declared = {column.name for column in definition.columns}
    beside = tuple(column for column in _BESIDE if column.name not in declared)
    return Definition(
        id=id_ or f"{_PREFIX}{definition.id}",
        name=definition.name,
        kind="stream",
        columns=(*definition.columns, *beside, *_PLACE),
    )


def as_target(definition: Definition, given: Iterable[str] = ()) -> Definition:
    """An external stream as what rows are written into: its columns, and of what goes beside a
    message that which is `given`."""
    declared = {column.name for column in definition.columns}
    wanted = set(given) - declared
    beside = tuple(column for column in _BESIDE if column.name in wanted)
    return msgspec.structs.replace(
        definition, kind="stream", columns=(*definition.columns, *beside)
    )


def is_external_stream(stream_id: str) -> bool:
    """Whether the stream of a plan is an external one, which has no rows in storage."""
    return stream_id.startswith(_PREFIX)


def writable_beside(definition: Definition) -> tuple[Column, ...]:
    """What may be written beside the columns of an external stream: the key and the headers."""
    declared = {column.name for column in definition.columns}
    return tuple(Column(c.name, parse_type(c.type)) for c in _BESIDE if c.name not in declared)


def external_id(stream_id: str) -> str:
    """The id of the external stream's definition."""
    return stream_id.removeprefix(_PREFIX).partition(_AT)[0]


def bounded_start(stream_id: str) -> Seek:
    """Where a bounded read begins."""
    kind, _, value = stream_id.partition(_AT)[2].partition(":")
    return Seek(kind, int(value or 0)) if kind else Seek("earliest")  # type: ignore[arg-type]


def bounded_id(read: Read) -> str:
    """What a bounded plan has as the id of the stream: where reading begins stands in it, as a
    bounded scan says nothing else of it. By default that is the first message."""
    id_ = read.definition.id
    if not is_external_stream(id_):
        return id_
    start = seek_of(read)
    if start.kind == "latest" and read.seek_to.strip() != "latest":
        return id_
    return f"{id_}{_AT}{start.kind}:{start.value}"


def external_origin(origin: Origin) -> Origin:
    """Of a bounded query: conditions say only of external streams where reading begins."""

    def found(node: exp.Column) -> tuple[tuple[Read, str], ...]:
        return tuple(each for each in origin(node) if is_external_stream(each[0].definition.id))

    return found


def of_external(item: Item, declared: frozenset[str]) -> Item:
    """The item of a read of `as_stream` with the columns that an external stream shows: its own by
    `*`; by name also the message's time, key, headers, `_tp_sn` (its offset) and `_tp_shard`."""
    read = cast("Read", item.relation)
    if read.past.speed:
        raise SqlError(
            f"{read.definition.name} is an external stream, which cannot be replayed: leave out "
            "replay_speed, or play a stream that has its rows",
            Code.NOT_IMPLEMENTED,
        )
    read.past = Past()
    hidden = {TIME, *(column.name for column in _BESIDE)} - declared
    fields: list[Field] = []
    for field in item.fields:
        match field.name:
            case "_tp_sn":
                fields.append(_taken(read, field, OFFSET))
            case "_tp_shard":
                fields.append(_taken(read, field, PARTITION))
            case name if name in (OFFSET, PARTITION):
                continue
            case name if name in hidden:
                fields.append(replace(field, star=False))
            case _:
                fields.append(field)
    return Item(item.relation, tuple(fields))


def _taken(read: Read, field: Field, column: str) -> Field:
    """The field as a stored column; where it says where reading begins, it does so as itself."""
    type_ = INT64 if column == OFFSET else INT32
    origin = ((read, field.name),) if column == OFFSET else ()
    uses = ((read, column),)
    return Field(field.name, type_, quoted(column), star=False, origin=origin, uses=uses)
