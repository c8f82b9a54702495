"""Joins of a stream with an external table by itself, whose rows are looked up by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from engine.errors import Code, SqlError
from engine.sql import logical as lg
from engine.sql.context import Item
from engine.sql.nodes import Call, text_of
from engine.sql.relations import Filtered, Read, Relation, Renamed, StreamJoin, quoted
from engine.sql.settings import number_setting

if TYPE_CHECKING:
    from engine.sql.join_on import Conditions

# What such a side is called, as the modes of streams are.
EXTERNAL_TABLE: Final = "an external table"
# How long a looked-up row counts as the current one: the setting `cache_ttl_ms` of the table.
CACHE_TTL_MS: Final = 10_000
CACHE_TTL_MS_MAX: Final = 86_400_000


def is_table_call(source: exp.Expr) -> bool:
    """Whether a FROM item is `table(...)`, which is read once."""
    this = source.args.get("this")
    return isinstance(this, Call) and text_of(this) == "table"


def look_up(item: Item) -> None:
    """An item on the right of a stream: an external table, maybe filtered, is looked up by key."""
    read = _table_of(item.relation)
    if read is not None:
        read.looked_up = True


def is_looked_up(relation: Relation | None) -> bool:
    """Whether this is an external table whose rows a join looks up."""
    read = _table_of(relation)
    return read is not None and read.looked_up


def _table_of(relation: Relation | None) -> Read | None:
    here = relation
    while isinstance(here, Filtered | Renamed):
        here = here.input
    return here if isinstance(here, Read) and here.is_external else None


def looked_up_columns(item: Item, renamed: Renamed, conditions: Conditions) -> tuple[str, ...]:
    """The columns of the table that are compared, in the order of ON. SqlError 48 for what is no
    equality with a column of it."""
    read = _table_of(item.relation)
    assert read is not None, "asked for of an external table"
    name = read.definition.name
    way_out = f"join with table({name}), which is read once when the query starts"
    if conditions.ordered or conditions.range is not None or conditions.lag is not None:
        raise SqlError(
            f"rows of external table {name} are looked up by equality alone: put other conditions "
            f"into WHERE, or {way_out}",
            Code.NOT_IMPLEMENTED,
        )
    if not conditions.equal:
        raise SqlError(
            f"rows of external table {name} are looked up by key: ON wants an equality with a "
            f"column of it, such as s.id = {name}.id; or {way_out}",
            Code.NOT_IMPLEMENTED,
        )
    plain = {quoted(c.name): c for c in read.columns}
    below = {quoted(c.name): c.sql for c in renamed.columns}
    found: list[str] = []
    for _, right in conditions.equal:
        column = plain.get(below.get(right.sql, ""))
        if column is None or column.type.inner.is_nested:
            raise SqlError(
                f"rows of external table {name} are looked up by its columns: ON compares one of "
                f"them as it is, of no array type, with an expression of the stream; or {way_out}",
                Code.NOT_IMPLEMENTED,
            )
        if column.name in found:
            raise SqlError(
                f"ON compares column {column.name} of external table {name} twice: put one of the "
                f"conditions into WHERE, or {way_out}",
                Code.NOT_IMPLEMENTED,
            )
        found.append(column.name)
    return tuple(found)


def cache_ttl_ms(settings: dict[str, str]) -> int:
    """The setting of a definition; SqlError 36."""
    found = number_setting(settings, "cache_ttl_ms", CACHE_TTL_MS)
    if not 0 <= found <= CACHE_TTL_MS_MAX:
        raise SqlError(
            f"setting cache_ttl_ms must be 0 to {CACHE_TTL_MS_MAX}, not {found}", Code.BAD_ARGUMENTS
        )
    return found


def table_rows(read: Read) -> lg.TableRows:
    """What a join wants of a table."""
    definition = read.definition
    needed = tuple(c for c in read.columns if c.name in read.used)
    return lg.TableRows(
        needed,
        definition.id,
        definition.name,
        definition.settings.get("type", ""),
        tuple(sorted(definition.settings.items())),
    )


def lower_enrich(relation: StreamJoin, left: lg.Node, right: lg.Node) -> lg.Enrich:
    """The node over the left one; the right one is projections over the rows of a table."""
    layers: list[tuple[tuple[lg.Named, ...], str]] = []
    here = right
    while isinstance(here, lg.Project):
        layers.append((here.columns, here.where))
        here = here.input
    assert isinstance(here, lg.TableRows), "the right side is an external table"
    return lg.Enrich(
        left,
        here,
        tuple(reversed(layers)),
        relation.kind,
        relation.keys,
        relation.looked_up,
        (*left.schema, *right.schema),
        cache_ttl_ms(dict(here.settings)),
    )
