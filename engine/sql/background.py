"""Background queries: what a sink or alert may run, the columns of its hidden stream, its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from engine.background import BACKGROUND_OF, HEADERS, hidden_name
from engine.errors import Code, SqlError
from engine.protocol import Analysis, BackgroundQuery, ColumnDef, Definition, ResultColumn
from engine.sql import logical as lg
from engine.sql.context import Context, Item
from engine.sql.definitions import is_storable
from engine.sql.lower_streaming import lower_streaming
from engine.sql.materialized import ViewPlan
from engine.sql.ordered import Asks, ordered, together
from engine.sql.plan_parts import Column, Named
from engine.sql.relations import is_bounded, quoted
from engine.sql.settings import check_query_settings
from engine.type_parser import parse_type
from engine.types import INT8

QUERIES_MAX: Final = 2
# Which query a row of two is of.
TAG: Final = "query"
_WHAT: Final = "a sink or an alert"
# Rows that are left out would have to be left out of both queries alike.
_ALONE: Final = ("enable_dlq", "recovery_policy")


@dataclass(frozen=True, slots=True)
class Checked:
    """Queries that may run in the background: of each its text, header, analysis and what it reads;
    the functions of all."""

    texts: tuple[str, ...]
    headers: tuple[tuple[ResultColumn, ...], ...]
    analyses: tuple[Analysis, ...]
    reads: tuple[tuple[str, ...], ...]
    functions: tuple[str, ...]


def check_count(queries: Sequence[str]) -> None:
    """SqlError 36 unless there are one or two."""
    if not 1 <= len(queries) <= QUERIES_MAX:
        message = f"{_WHAT} runs one query, or a trigger and a resolve query"
        raise SqlError(message, Code.BAD_ARGUMENTS)


def check_one(item: Item, settings: dict[str, str], *, alone: bool) -> None:
    """SqlError for a query that ends, or whose rows cannot be kept."""
    if is_bounded(item.relation):
        message = f"the query of {_WHAT} must go on for ever: read a stream, and leave out table()"
        raise SqlError(message, Code.BAD_ARGUMENTS)
    check_query_settings(settings, _WHAT)
    for name in () if alone else _ALONE:
        if name in settings:
            message = f"setting {name} does not go with an alert, whose two queries read together"
            raise SqlError(message, Code.NOT_IMPLEMENTED)
    for field in item.fields:
        if not is_storable(field.type):
            message = (
                f"column {field.name[:120]} of type {field.type} cannot be kept for {_WHAT}: cast "
                "it to a number or to string"
            )
            raise SqlError(message, Code.ILLEGAL_TYPE_OF_ARGUMENT)


def definition_of(query: BackgroundQuery, checked: Checked) -> Definition:
    """The definition of a background query; its columns are those of the hidden stream."""
    options = {
        BACKGROUND_OF: query.owner,
        "called": query.name,
        "queries": list(checked.texts),
        HEADERS: [[[c.name, c.type] for c in header] for header in checked.headers],
        "reads": list(dict.fromkeys(name for each in checked.reads for name in each)),
        "functions": list(checked.functions),
    }
    return Definition(
        id="",
        name=hidden_name(query.owner),
        kind="materialized_view",
        columns=tuple(ColumnDef(c.name, str(c.type)) for c in hidden_columns(checked.headers)),
        query=checked.texts[0],
        options=options,
        description=f"Rows of {query.owner}.",
    )


def headers_of(view: Definition) -> tuple[tuple[ResultColumn, ...], ...]:
    """The columns of each query as it was when it began."""
    stored = msgspec.convert(view.options[HEADERS], tuple[tuple[tuple[str, str], ...], ...])
    return tuple(tuple(ResultColumn(*column) for column in header) for header in stored)


def hidden_columns(headers: Sequence[Sequence[ResultColumn]]) -> tuple[Column, ...]:
    """The stored columns: which query a row is of, if there are two, and the columns of each under
    names of their own, so that a query may name its columns as it likes."""
    tag = (Column(TAG, INT8),) if len(headers) > 1 else ()
    return tag + tuple(
        Column(_name(which, at), parse_type(column.type))
        for which, header in enumerate(headers)
        for at, column in enumerate(header)
    )


def _name(which: int, at: int) -> str:
    return f"c{which}_{at}"


def background_plan(
    view: Definition, items: Sequence[Item], context: Context, settings: Sequence[dict[str, str]]
) -> ViewPlan:
    """The plan of the bound queries of a definition. SqlError 36 when a column is gone that they
    had at their begin; one that came since is left out."""
    headers = headers_of(view)
    columns = hidden_columns(headers)
    merged: dict[str, str] = {}
    roots: list[lg.Node] = []
    for item, header, given in zip(items, headers, settings, strict=True):
        plan = lower_streaming(_as_begun(view, item, header), context.facts, given)
        merged = {**given, **merged}
        roots.append(plan.root)
    lookups = tuple(context.facts.lookups)
    if len(roots) == 1:
        shown = _own(0, roots[0])
        root: lg.Node = lg.Project(roots[0], shown)
    else:
        root = _tagged(roots, columns)
    return ViewPlan(lg.StreamingQuery(root, merged, lookups), columns, view)


def _as_begun(view: Definition, item: Item, header: Sequence[ResultColumn]) -> Item:
    """The columns that the query had when it began: `*` may stand for more by now."""
    if [f.name for f in item.fields] == [c.name for c in header]:
        return item
    by_name = {field.name: field for field in reversed(item.fields)}
    for column in header:
        if column.name not in by_name:
            owner = view.options[BACKGROUND_OF]
            message = f"the query of {owner} has no column {column.name[:120]} any more"
            raise SqlError(message, Code.BAD_ARGUMENTS)
    return Item(item.relation, tuple(by_name[column.name] for column in header))


def _own(which: int, root: lg.Node) -> tuple[Named, ...]:
    """The columns of a query under their stored names."""
    return tuple(
        Named(_name(which, at), quoted(column.name), column.type)
        for at, column in enumerate(root.schema)
    )


def _tagged(roots: Sequence[lg.Node], columns: tuple[Column, ...]) -> lg.Tagged:
    """One graph of both queries: rows of either with NULLs for the columns of the other."""
    inputs: list[lg.Node] = []
    asks: list[Asks] = []
    for which, root in enumerate(roots):
        own = {named.name: named for named in _own(which, root)}
        below, order, at_once = ordered(root)
        asks.append(at_once)
        tag = Named(TAG, f"CAST({which} AS TINYINT)", INT8)
        shown = (
            tag,
            *(own.get(c.name) or Named(c.name, "NULL", c.type) for c in columns[1:]),
            order,
        )
        inputs.append(lg.Project(below, shown))
    return lg.Tagged(tuple(inputs), columns, together(asks))
