"""Changelog-ness of bound relations: what carries weights, what can, and who asks for it.

Section 8 of the dialect. A versioned stream gives plain rows unless somebody above needs deltas: an
aggregation, a join of keyed sides, EMIT CHANGELOG. Whoever does calls `track` on its input when it
is bound; `is_changelog` then says what comes. A global aggregation is tracked by an aggregation
over it, which so counts the groups that are there and not the rows that were sent.
"""

from __future__ import annotations

from engine.batch import TP_DELTA
from engine.errors import Code, SqlError
from engine.sql.context import Item
from engine.sql.relations import (
    Deduped,
    Field,
    Filtered,
    Read,
    Relation,
    Renamed,
    Selected,
    StreamJoin,
    UnionOf,
    Upserted,
    inputs_of,
    is_bounded,
    quoted,
    reads_of,
)
from engine.types import INT8

# Modes whose stored rows carry `_tp_delta`, and those whose deltas are computed when asked for.
_WEIGHTED = ("changelog", "changelog_kv")
_TRACKABLE = ("versioned_kv", "mutable")


def is_changelog(relation: Relation | None) -> bool:
    """Whether rows of an unbounded relation carry their weight in `_tp_delta`."""
    if relation is None or is_bounded(relation):
        return False
    match relation:
        case Read():
            return relation.mode in _WEIGHTED or (relation.mode in _TRACKABLE and relation.tracked)
        case Upserted():
            return True
        case StreamJoin():
            return relation.changelog
        case Deduped():
            return False
        case Selected() if relation.grouping is not None:
            emitted = relation.emit is not None and relation.emit.how == "changelog"
            return emitted or relation.tracking.on
        case UnionOf():
            return any(is_changelog(each) for each in relation.inputs)
        case _:
            return all(is_changelog(each) for each in inputs_of(relation))


def can_track(relation: Relation | None) -> bool:
    """Whether the relation is a changelog, or is one when it is asked to be."""
    if relation is None or is_bounded(relation):
        return False
    match relation:
        case Read():
            return relation.mode in (*_WEIGHTED, *_TRACKABLE)
        case Upserted() | StreamJoin() | Deduped():
            return is_changelog(relation)
        case Selected() if relation.grouping is not None:
            return is_changelog(relation)
        case _:
            return all(can_track(each) for each in inputs_of(relation))


def is_global_aggregate(relation: Relation | None) -> bool:
    """Whether rows come from a global aggregation that can give its result as a changelog."""
    match relation:
        case Filtered() | Renamed():
            return is_global_aggregate(relation.input)
        case Selected():
            plain = relation.limit < 0 and relation.limit_by is None and not relation.distinct
            if relation.grouping is None:
                return plain and is_global_aggregate(relation.input)
            emit = relation.emit
            return (
                plain
                and emit is not None
                and not emit.emit_version
                and relation.grouping.window is None
                and relation.after is None
            )
        case _:
            return False


def nested_interval_ms(relation: Relation | None) -> int:
    """How often the global aggregation below sends by ticks; 0 = there is none, or it does not."""
    if not is_global_aggregate(relation):
        return 0
    while isinstance(relation, Filtered | Renamed | Selected):
        if isinstance(relation, Selected) and relation.emit is not None:
            return relation.emit.interval_ms if relation.emit.when == "tick" else 0
        relation = relation.input
    return 0


def with_weight(item: Item) -> Item:
    """A subquery of rows that are or can be a changelog: `_tp_delta` can be named above it even if
    it was not selected."""
    if any(field.name == TP_DELTA for field in item.fields) or not can_track(item.relation):
        return item
    uses = tuple((read, TP_DELTA) for read in reads_of(item.relation) if read.mode in _TRACKABLE)
    weight = Field(TP_DELTA, INT8, quoted(TP_DELTA), star=False, uses=uses)
    return Item(item.relation, (*item.fields, weight))


def track(relation: Relation | None) -> None:
    """Ask for deltas: the versioned streams and aggregations below flat queries give them now."""
    match relation:
        case None | Upserted() | StreamJoin() | Deduped():
            return
        case Read():
            relation.tracked = relation.mode in _TRACKABLE and not relation.bounded
        case Selected() if relation.grouping is not None:
            relation.tracking.on = relation.tracking.on or is_global_aggregate(relation)
        case _:
            for each in inputs_of(relation):
                track(each)


def track_if_possible(relation: Relation | None) -> bool:
    """What an aggregation does with its input; whether deltas come."""
    if can_track(relation) or is_global_aggregate(relation):
        track(relation)
    return is_changelog(relation)


def emit_flat_changelog(relation: Relation | None) -> None:
    """EMIT CHANGELOG of a query without aggregates; SqlError 48 when there are no changes."""
    if not track_if_possible(relation):
        message = (
            "EMIT CHANGELOG needs rows that change: read a stream of mode changelog, changelog_kv "
            "or versioned_kv, or put changelog(stream, key) into FROM"
        )
        raise SqlError(message, Code.NOT_IMPLEMENTED)


def require_delta(item: Item) -> None:
    """SqlError 80 when the result of a query is a changelog and does not show `_tp_delta`."""
    if not is_changelog(item.relation):
        return
    if not any(field.name == TP_DELTA or field.sql == quoted(TP_DELTA) for field in item.fields):
        message = (
            "the result is a changelog, whose rows mean nothing without their weight: add "
            "_tp_delta to the select list, or aggregate over it"
        )
        raise SqlError(message, Code.INCORRECT_QUERY)
