"""Windows over a side of a join of streams: they stand above the join, the watermark below it.

A tumble or hop window of the whole source is told the newest times by a node below the join. What
goes by rows or by substreams (sessions, PARTITION BY) gets the rows themselves, also those without
a partner: the inner joins below run as LEFT ones, and the aggregation leaves such rows out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from sqlglot import exp

from engine.sql.context import Item
from engine.sql.names import WINDOW_COLUMNS
from engine.sql.nodes import Joined, child, children
from engine.sql.plan_parts import Named, WindowSpec
from engine.sql.relations import (
    Field,
    Marked,
    Relation,
    Renamed,
    StreamJoin,
    Windowed,
    quoted,
)
from engine.types import BOOL


@dataclass(frozen=True, slots=True)
class Lifted:
    """A side without its window, and what is needed to put the window above the join."""

    item: Item
    spec: WindowSpec | None = None
    fields: tuple[Field, ...] = ()  # window_start and window_end

    def columns(self, prefix: str) -> list[Named]:
        """What the window wants of the side's rows, under names of the join."""
        if self.spec is None:
            return []
        spec = self.spec
        found = [Named(f"{prefix}_wt", quoted(spec.time_column), spec.time_type)]
        for name, sql in (("ws", spec.start_predicate), ("we", spec.end_predicate)):
            if sql:
                found.append(Named(f"{prefix}_{name}", f"CAST({sql} AS BOOLEAN)", BOOL))
        return found

    def above(self, join: StreamJoin, prefix: str) -> Windowed:
        """The window over the join."""
        assert self.spec is not None, "a side with a window"
        spec = replace(
            self.spec,
            time_column=f"{prefix}_wt",
            start_predicate=quoted(f"{prefix}_ws") if self.spec.start_predicate else "",
            end_predicate=quoted(f"{prefix}_we") if self.spec.end_predicate else "",
        )
        return Windowed(join, spec, None, aggregated=False, lifted=True)


def lift(item: Item, join: Joined) -> Lifted:
    """The side of a join without its window, unless the join itself compares its bounds."""
    relation = item.relation
    if not isinstance(relation, Windowed) or _names_window(join):
        return Lifted(item)
    window = tuple(f for f in item.fields if f.sql in _BOUNDS)
    fields = tuple(f for f in item.fields if f.sql not in _BOUNDS)
    below: Relation = relation.input
    if not relation.lifted and not relation.spec.processing_time:
        below = Marked(relation.input, relation.spec, relation.time)
    elif relation.time is not None:
        return Lifted(item)
    return Lifted(Item(below, fields), relation.spec, window)


def with_unmatched(window: Windowed, where: str) -> tuple[Windowed, str]:
    """A window over inner joins that also sees left rows without a partner, and a condition that
    leaves them out besides `where`."""
    below, flags = _unmatched(window.input)
    found = [f"{quoted(flag)} IS NOT NULL" for flag in flags]
    found += [f"({where})"] if where else []
    return replace(window, input=below), " AND ".join(found)


def _unmatched(relation: Relation) -> tuple[Relation, list[str]]:
    match relation:
        case Renamed():
            below, flags = _unmatched(relation.input)
            columns = [Named(flag, quoted(flag), BOOL) for flag in flags]
            return with_columns(replace(relation, input=below), columns), flags
        case StreamJoin():
            left, flags = _unmatched(relation.left)
            joined = replace(relation, left=cast("Renamed", left))
            if relation.kind == "left":
                return joined, flags
            flag = f"__m{len(flags)}"
            same = tuple(Named(c.name, quoted(c.name), c.type) for c in relation.right.columns)
            right = Renamed(
                relation.right,
                (*same, Named(flag, "true", BOOL)),
                (*(relation.right.uses or ((),) * len(same)), ()),
            )
            return replace(joined, right=right, kind="left"), [*flags, flag]
        case _:
            return relation, []


_BOUNDS = tuple(quoted(name) for name in WINDOW_COLUMNS)


def _names_window(join: Joined) -> bool:
    on = child(join, "on")
    names = [n.name for n in children(join, "using")]
    names += [c.name for c in on.find_all(exp.Column)] if on is not None else []
    return any(name in WINDOW_COLUMNS for name in names)


def with_columns(renamed: Renamed, columns: list[Named]) -> Renamed:
    """The side with further columns of its input."""
    if not columns:
        return renamed
    uses = (*renamed.uses, *(() for _ in columns))
    return Renamed(renamed.input, (*renamed.columns, *columns), cast("tuple", uses))
