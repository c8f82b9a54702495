"""Bound relations to logical nodes, for queries that go on for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from engine.errors import Code, SqlError
from engine.sql import logical as lg
from engine.sql import plan_parts
from engine.sql.changelog import require_delta
from engine.sql.context import Item
from engine.sql.dedup import dedup
from engine.sql.grouping import EMIT_VERSION
from engine.sql.keyed import TP_DELTA, VERSIONED_MODES
from engine.sql.lower_bounded import lower_bounded, unique_names
from engine.sql.lower_join import lower_join
from engine.sql.lower_running import stateful
from engine.sql.names import result_sql, use
from engine.sql.relations import (
    Called,
    Deduped,
    Facts,
    Field,
    Filtered,
    FunctionCall,
    Grouping,
    JoinOn,
    Marked,
    Read,
    Relation,
    Renamed,
    Rowified,
    Selected,
    Stated,
    StreamJoin,
    UnionOf,
    Upserted,
    Windowed,
    is_bounded,
    quoted,
)
from engine.sql.seek import begins_compacted, seek_of
from engine.sql.settings import number_setting
from engine.sql.share import parametrised
from engine.sql.table_joins import table_rows
from engine.types import INT8, INT64

RANDOM_EPS_DEFAULT = 1000.0
RANDOM_EPS_MAX = 10_000_000.0
RANDOM_INTERVAL_MS = 5
STATE_TTL_SECONDS_MAX = 10**10
SESSION_WITHOUT_GROUP = (
    "session() without GROUP BY is not supported, since a session's end is known only when it is "
    "over: add GROUP BY window_start (or window_end) and aggregates such as count()"
)


def lower_streaming(item: Item, facts: Facts, settings: dict[str, str]) -> lg.StreamingQuery:
    """The plan. Column names of its schema are unique; the header shows them as written."""
    require_delta(item)
    columns = tuple(
        lg.Named(name, result_sql(use(field)), field.type)
        for name, field in zip(unique_names(item.fields), item.fields, strict=True)
    )
    lowering = _Lowering(facts, settings)
    root = lowering.project(cast("Relation", item.relation), columns)
    if len(root.schema) > len(columns):
        shown = tuple(lg.Named(c.name, quoted(c.name), c.type) for c in columns)
        root = lg.Project(root, shown)
    return lg.StreamingQuery(root, dict(settings), tuple(facts.lookups))


class _Lowering:
    def __init__(self, facts: Facts, settings: dict[str, str]) -> None:
        self.facts = facts
        self.settings = settings

    def project(self, relation: Relation, columns: tuple[lg.Named, ...]) -> lg.Node:
        """The columns over the relation; filters and projections in between are fused."""
        where: list[str] = []
        while isinstance(relation, Filtered) and not is_bounded(relation):
            where.append(relation.where)
            relation = relation.input
        below = self.node(relation)
        condition = " AND ".join(f"({w})" for w in where) if len(where) > 1 else "".join(where)
        if not condition and _same(columns, below.schema):
            return below
        return project(below, columns, condition)

    def node(self, relation: Relation) -> lg.Node:
        """The relation's node; its schema has the columns that fields above refer to."""
        if is_bounded(relation):
            return self._bounded(relation)
        match relation:
            case Read():
                return self._scan(relation)
            case Filtered():
                below = self.node(relation.input)
                return project(below, _all(below), relation.where)
            case Renamed():
                return self.project(relation.input, relation.needed)
            case Windowed():
                return self._window(relation)
            case Called():
                return apply(self.node(cast("Relation", relation.input)), relation.calls)
            case UnionOf():
                return _union([self.node(i) for i in relation.inputs])
            case Upserted():
                return self._upsert(relation)
            case Selected():
                return self._selected(relation)
            case Stated():
                return stateful(self.node(relation.input), relation.rule)
            case Deduped():
                return dedup(self.node(relation.input), relation)
            case Rowified():
                return lg.Rowify(self.node(relation.input))
            case Marked():
                spec = relation.spec
                return lg.Watched(self._timed(relation), spec.time_column, spec.time_type)
            case StreamJoin():
                return lower_join(relation, self.node, self.settings)
            case _:
                raise SqlError("this source does not go on for ever", Code.NOT_IMPLEMENTED)

    def _bounded(self, relation: Relation) -> lg.Node:
        """A bounded side of a union."""
        fields = _shown(relation)
        query = lower_bounded(Item(relation, fields), self.facts)
        return lg.BoundedScan(query.schema, query)

    def _scan(self, read: Read) -> lg.Node:
        definition = read.definition
        if read.looked_up:
            return table_rows(read)
        needed = tuple(c for c in read.columns if c.name in read.used)
        if read.is_random:
            return self._random(read, needed)
        if not needed:
            needed = tuple(c for c in read.columns if c.name == "_tp_time")
        keyed = read.keyed if begins_compacted(read) else None
        scan: lg.Node = lg.Scan(
            needed, definition.id, definition.name, seek_of(read), read.past, keyed
        )
        if read.keyed is not None and read.keyed.coalesced:
            keys = read.keyed.keys
            scan = lg.Merge(scan, keys, tuple(c.name for c in needed if c.name not in keys))
        if read.tracked and read.keyed is not None:
            rule = read.keyed
            schema = (*scan.schema, lg.Column(TP_DELTA, INT8))
            drop_late = bool(rule.version) and not read.arrival_wins
            return lg.Upsert(scan, rule.keys, schema, rule.version, drop_late)
        if read.mode not in VERSIONED_MODES or TP_DELTA not in read.used:
            return scan
        one = lg.Named(TP_DELTA, "CAST(1 AS TINYINT)", INT8)
        return project(scan, (*_all(scan), one), "")

    def _upsert(self, relation: Upserted) -> lg.Node:
        below = self.node(relation.input)
        schema = (*below.schema, lg.Column(TP_DELTA, INT8))
        return lg.Upsert(below, relation.keys, schema, relation.version, relation.drop_late)

    def _random(self, read: Read, needed: tuple[lg.Column, ...]) -> lg.Node:
        settings = {**read.definition.settings, **self.settings}
        try:
            eps = float(settings.get("eps", RANDOM_EPS_DEFAULT))
        except ValueError:
            raise SqlError("setting eps must be a number", Code.BAD_ARGUMENTS) from None
        if not 0 < eps <= RANDOM_EPS_MAX:
            message = f"setting eps must be above 0 and at most {RANDOM_EPS_MAX:.0f}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        names = {c.name for c in needed} or {"_tp_time"}
        columns = tuple(n for n in read.random_columns if n.name in names)
        return lg.RandomScan(
            tuple(lg.Column(n.name, n.type) for n in columns),
            read.definition.id,
            read.definition.name,
            columns,
            eps,
            max(1, number_setting(settings, "interval_time", RANDOM_INTERVAL_MS)),
            max(0, number_setting(settings, "max_events", 0)),
        )

    def _timed(self, relation: Windowed | Marked) -> lg.Node:
        """The input of a window with its time column."""
        below = self.node(relation.input)
        if relation.time is None:
            return below
        columns = tuple(c for c in _all(below) if c.name != relation.time.name)
        return project(below, (*columns, relation.time), "")

    def _window(self, relation: Windowed) -> lg.Node:
        below = self._timed(relation)
        names = [c.name for c in below.schema]
        if not relation.aggregated and relation.spec.kind == "session":
            raise SqlError(SESSION_WITHOUT_GROUP, Code.NOT_IMPLEMENTED)
        taken = [c for c in below.schema if c.name not in ("window_start", "window_end")]
        if len(taken) < len(names):
            below = project(
                below, tuple(c for c in _all(below) if c.name in {t.name for t in taken}), ""
            )
        t = relation.spec.time_type
        schema = (*taken, lg.Column("window_start", t), lg.Column("window_end", t))
        return lg.Window(below, relation.spec, schema, relation.aggregated)

    def _selected(self, relation: Selected) -> lg.Node:
        columns = (*relation.columns, *relation.hidden)
        if relation.grouping is not None:
            below = self._aggregate(relation, relation.grouping)
            if relation.after is not None:
                below = stateful(below, relation.after)
            below = apply(below, relation.calls)
            node: lg.Node = project(below, columns, relation.having)
        else:
            source = cast("Relation", relation.input)
            held = Filtered(source, relation.where) if relation.where else source
            node = self.project(held, columns)
        if relation.distinct:
            node = lg.Distinct(node)
            if relation.grouping is None and relation.emit is not None:
                node = lg.Collect(node, relation.emit.interval_ms)
        if relation.order:
            node = lg.Sort(node, relation.order)
        if relation.limit_by is not None:
            rule = relation.limit_by
            node = lg.LimitBy(node, rule.count, rule.keys, rule.per_query, rule.offset)
        if relation.limit >= 0 or relation.offset:
            node = lg.Limit(node, relation.limit, relation.offset)
        if relation.hidden:
            kept = tuple(lg.Named(c.name, quoted(c.name), c.type) for c in relation.columns)
            node = project(node, kept, "")
        return node

    def _state_ttl_ms(self) -> int:
        seconds = number_setting(self.settings, "aggregate_state_ttl_sec", 0)
        if not 0 <= seconds <= STATE_TTL_SECONDS_MAX:
            message = f"setting aggregate_state_ttl_sec must be 0 to {STATE_TTL_SECONDS_MAX}"
            raise SqlError(message, Code.BAD_ARGUMENTS)
        return 1_000 * seconds

    def _aggregate(self, relation: Selected, grouping: Grouping) -> lg.Node:
        below = self.node(cast("Relation", relation.input))
        emit = relation.emit
        assert emit is not None, "a streaming aggregation has a policy"
        if emit.how == "changelog" and emit.when == "close":
            # A window is sent once, when it is over: nothing of it is taken back.
            plain = replace(relation, emit=replace(emit, how="plain"))
            made = self._aggregate(plain, grouping)
            return project(made, (*_all(made), lg.Named(TP_DELTA, "CAST(1 AS TINYINT)", INT8)), "")
        where = relation.where
        if emit.session is not None:  # rows that WHERE drops are no part of a session
            below, where = project(below, _all(below), where) if where else below, ""
        if emit.per_event:
            below = lg.Rowify(below)
        emit = replace(emit, state_ttl_ms=self._state_ttl_ms())
        partials = tuple(
            lg.Partial(
                p.name,
                p.sql,
                p.type,
                cast("plan_parts.Merge", p.merge),
                p.by,
                p.keep,
                p.counted,
                p.function,
                p.items,
            )
            for p in grouping.partials
        )
        schema = [lg.Column(k.name, k.type) for k in grouping.keys]
        schema += [lg.Column(p.name, p.type) for p in partials]
        if grouping.window is not None:
            t = grouping.window.time_type
            schema += [lg.Column("window_start", t), lg.Column("window_end", t)]
        if grouping.emit_version:
            schema.append(lg.Column(EMIT_VERSION, INT64))
        if relation.tracking.on and emit.how != "changelog":
            which = "changed" if emit.when == "tick" else emit.which
            emit = replace(emit, how="changelog", which=which, repeat=False)
        if emit.how == "changelog":
            schema.append(lg.Column(TP_DELTA, INT8))
        return lg.Aggregate(
            below,
            grouping.keys,
            partials,
            emit,
            tuple(schema),
            grouping.window,
            where,
            grouping.partition,
            not grouping.alive and all(a.bound.mergeable for a in grouping.aggregates),
            grouping.alive,
        )


def apply(below: lg.Node, calls: tuple[FunctionCall, ...]) -> lg.Node:
    """The node with the column of each call."""
    for call in calls:
        output = lg.Column(call.name, call.function.returns)
        below = lg.Apply(below, call.function, call.args, output)
    return below


def _union(nodes: list[lg.Node]) -> lg.Node:
    """UNION ALL; among changelogs other rows are additions."""
    if any(map(lg.is_weighted, nodes)):
        one = lg.Named(TP_DELTA, "CAST(1 AS TINYINT)", INT8)
        nodes = [n if lg.is_weighted(n) else project(n, (*_all(n), one), "") for n in nodes]
    return lg.Union(tuple(nodes))


def project(below: lg.Node, columns: tuple[lg.Named, ...], where: str) -> lg.Project:
    """A Project, with the constants of its filter taken out when it stands on a scan.

    Over rows with weights it passes these on.
    """
    if lg.is_weighted(below) and all(column.name != TP_DELTA for column in columns):
        columns = (*columns, lg.Named(TP_DELTA, quoted(TP_DELTA), INT8))
    node = lg.Project(below, columns, where)
    return parametrised(node) if where and isinstance(below, lg.Scan) else node


def _all(node: lg.Node) -> tuple[lg.Named, ...]:
    return tuple(lg.Named(c.name, quoted(c.name), c.type) for c in node.schema)


def _same(columns: tuple[lg.Named, ...], schema: lg.Schema) -> bool:
    """Whether the projection gives exactly the schema, in its order."""
    return len(columns) == len(schema) and all(
        c.name == s.name and c.sql == quoted(s.name) for c, s in zip(columns, schema, strict=True)
    )


def _shown(relation: Relation) -> tuple[Field, ...]:
    """The columns of a bounded relation under a streaming one."""
    match relation:
        case Renamed():
            return tuple(Field(c.name, c.type, quoted(c.name)) for c in relation.needed)
        case UnionOf():
            return tuple(Field(c.name, c.type, quoted(c.name)) for c in relation.columns)
        case JoinOn() | StreamJoin():
            both = (*relation.left.needed, *relation.right.needed)
            return tuple(Field(c.name, c.type, quoted(c.name)) for c in both)
        case Read():
            return tuple(
                Field(c.name, c.type, quoted(c.name), uses=((relation, c.name),))
                for c in relation.columns
                if c.name in relation.used
            )
        case Filtered() | Windowed() | Marked() | Upserted() | Deduped() | Rowified():
            return _shown(relation.input)
        case Called():
            below = _shown(relation.input) if relation.input is not None else ()
            made = [lg.Column(c.name, c.function.returns) for c in relation.calls]
            return (*below, *(Field(c.name, c.type, quoted(c.name)) for c in made))
        case Stated():
            made = [f.output for f in relation.rule.functions]
            return (*_shown(relation.input), *(Field(c.name, c.type, quoted(c.name)) for c in made))
        case _:
            return tuple(Field(c.name, c.type, quoted(c.name)) for c in relation.columns)
