"""What would break when columns of a stream go: views that name them, queries that read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engine.background import owner_of, queries_of
from engine.errors import Code, SqlError
from engine.protocol import AnalyzedColumn, Definition
from engine.sql.altering import gone_columns, stored_name

Required = Callable[[str], Iterable[AnalyzedColumn]]
_VIEWS = ("view", "materialized_view")


def check_columns(
    old: Definition,
    new: Definition,
    definitions: Iterable[Definition],
    required: Required,
    read: Callable[[str], Mapping[str, set[str]]],
) -> None:
    """SqlError 630 that names the first user of a column that `new` has no more: a view that reads
    or writes it, or a running query.

    `required`: the stream columns that a query needs. `read`: the stored names of the columns that
    each running query reads of a stream; those of a column that got another name go on.
    """
    names, dropped = gone_columns(old, new)
    if not names:
        return
    for view in definitions:
        if view.kind not in _VIEWS or not view.query:
            continue
        for name in sorted(_written(view, old) & names):
            raise _used(name, old, f"view {view.name}, which writes it", "Drop it first")
        user = owner_of(view) or f"view {view.name}"
        for column in _required(view, required):
            if column.table == old.name and column.column in names:
                raise _used(column.column, old, user, "Drop it first")
    stored = {stored_name(c): c.name for c in old.columns if c.name in dropped}
    for query_id, columns in read(old.id).items():
        for name in sorted(columns & stored.keys()):
            raise _used(stored[name], old, f"running query {query_id}", "Cancel it first")


def _written(view: Definition, stream: Definition) -> set[str]:
    """The columns of its target that a materialized view fills."""
    if view.options.get("target_id") != stream.id:
        return set()
    return {column.name for column in view.columns}


def _required(view: Definition, required: Required) -> Iterable[AnalyzedColumn]:
    try:
        return [column for text in queries_of(view) for column in required(text)]
    except SqlError:  # it cannot be run as it is, so nothing breaks
        return ()


def _used(column: str, stream: Definition, user: str, way_out: str) -> SqlError:
    message = (
        f"column {column} of {stream.name} is used by {user}. {way_out}, then alter the stream"
    )
    return SqlError(message, Code.HAVE_DEPENDENT_OBJECTS)
