"""Queries as data: one description gives the SQL and what the reference interpreter runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.engine.reference_aggregates import Call
from tests.engine.reference_changes import Deduplicated, DistinctChanges, Upserts
from tests.engine.reference_groups import Emit, Global
from tests.engine.reference_joins import Changes
from tests.engine.reference_keys import Ending, Keys
from tests.engine.reference_rows import (
    Distinct,
    Expr,
    Filter,
    Leaf,
    Limit,
    LimitBy,
    Node,
    Ordered,
    Project,
    Union,
)
from tests.engine.reference_running import Look, Running
from tests.engine.reference_sessions import Sessions
from tests.engine.reference_windows import Frame, Framed, Grid, Windowed

Named = tuple[str, Expr]
WINDOW_COLUMNS = ("window_start", "window_end")


@dataclass(frozen=True)
class Stream:
    """A stream: columns as (name, type); `mode` and keys as in CREATE STREAM."""

    name: str
    columns: tuple[tuple[str, str], ...]
    mode: str = "append"
    key: tuple[str, ...] = ()
    version: str = ""

    @property
    def ddl(self) -> str:
        columns = ", ".join(f"{n} {t}" for n, t in self.columns)
        key = f" primary key ({', '.join(self.key)})" if self.key else ""
        version = f", version_column = '{self.version}'" if self.version else ""
        mode = f" settings mode = '{self.mode}'{version}" if self.mode != "append" else ""
        return f"create stream {self.name} ({columns}){key}{mode}"

    def key_of(self, row: tuple[object, ...]) -> tuple[object, ...]:
        """The primary key of a row."""
        names = [name for name, _ in self.columns]
        return tuple(row[names.index(name)] for name in self.key)


class Source:
    """What stands in FROM."""

    @property
    def sql(self) -> str:
        raise NotImplementedError

    def node(self, started: int) -> Node:
        """What the reference interpreter runs."""
        raise NotImplementedError

    def leaves(self) -> list[Table]:
        """The scans, in the order of FROM."""
        raise NotImplementedError

    def entering(self) -> list[Table]:
        """The scans as rows enter them: the last join first, of a union the first."""
        return self.leaves()

    def named(self) -> list[Sub]:
        """The CTEs and views, those that others use first."""
        return []

    def always_read(self) -> set[str]:
        """Columns that are read whatever the query asks for."""
        return set()


@dataclass(frozen=True)
class Table(Source):
    """A stream in FROM; `leaf` numbers the scan; `bounded`: table(), read once at the start."""

    stream: Stream
    leaf: int = 0
    bounded: bool = False

    @property
    def sql(self) -> str:
        return f"table({self.stream.name})" if self.bounded else self.stream.name

    def node(self, started: int) -> Node:
        return Leaf(self.leaf)

    def leaves(self) -> list[Table]:
        return [self]

    def always_read(self) -> set[str]:
        return set(self.stream.key)


@dataclass(frozen=True)
class Sub(Source):
    """A subquery; with a `name` it stands as a CTE or (`view`) as a view."""

    select: Select
    name: str = ""
    view: bool = False

    @property
    def sql(self) -> str:
        return self.name or f"({self.select.sql})"

    def entering(self) -> list[Table]:
        return self.select.source.entering()

    def named(self) -> list[Sub]:
        return [*self.select.source.named(), *([self] if self.name else [])]

    def node(self, started: int) -> Node:
        return self.select.node(started)

    def leaves(self) -> list[Table]:
        return self.select.source.leaves()


@dataclass(frozen=True)
class Both(Source):
    """A subquery of two SELECTs with UNION ALL."""

    sides: tuple[Select, Select]

    @property
    def sql(self) -> str:
        return f"({self.sides[0].sql} union all {self.sides[1].sql})"

    def node(self, started: int) -> Node:
        return Union([side.node(started) for side in self.sides])

    def leaves(self) -> list[Table]:
        return [leaf for side in self.sides for leaf in side.source.leaves()]


@dataclass(frozen=True)
class Tracked(Source):
    """A versioned stream of which somebody above asks for deltas."""

    table: Table

    @property
    def sql(self) -> str:
        return self.table.sql

    def node(self, started: int) -> Node:
        stream = self.table.stream
        return Upserts(self.table.node(started), stream.key, stream.version)

    def leaves(self) -> list[Table]:
        return self.table.leaves()

    def always_read(self) -> set[str]:
        stream = self.table.stream
        return {*stream.key, stream.version}


@dataclass(frozen=True)
class Changelog(Source):
    """changelog() of an append stream; `version`: late rows are dropped by it."""

    table: Table
    keys: tuple[str, ...]
    version: str = ""

    @property
    def sql(self) -> str:
        late = f", {self.version}, true" if self.version else ""
        return f"changelog({self.table.sql}, {', '.join(self.keys)}{late})"

    def node(self, started: int) -> Node:
        return Upserts(self.table.node(started), self.keys, self.version)

    def leaves(self) -> list[Table]:
        return self.table.leaves()

    def always_read(self) -> set[str]:
        return {*self.keys, self.version}


@dataclass(frozen=True)
class Dedup(Source):
    """dedup() of an append stream; `ttl` in ms."""

    table: Table
    keys: tuple[Expr, ...]
    ttl: int = 0
    limit: int = 10_000

    @property
    def sql(self) -> str:
        keys = ", ".join(key.sql for key in self.keys)
        ttl = f", {self.ttl}ms" if self.ttl or self.limit < 10_000 else ""
        return f"dedup({self.table.sql}, {keys}{ttl}{f', {self.limit}' if ttl else ''})"

    def node(self, started: int) -> Node:
        return Deduplicated(self.table.node(started), self.keys, self.ttl, self.limit)

    def leaves(self) -> list[Table]:
        return self.table.leaves()


@dataclass(frozen=True)
class Select:
    """A SELECT. `shown`: columns of the list, by name; `computed`, `calls`: what names mean that
    are no column of the source. `emit` None: the default."""

    source: Source
    shown: tuple[str, ...]
    computed: tuple[Named, ...] = ()
    calls: tuple[tuple[str, Call], ...] = ()
    keys: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    where: Expr | None = None
    frame: Frame | None = None
    emit: Emit | None = None
    ending: Ending | None = None
    having: Expr | None = None
    order: tuple[str, bool] | None = None
    limit_by: tuple[int, tuple[str, ...]] | None = None
    limit: tuple[int, int] | None = None
    looks: tuple[tuple[str, Look], ...] = ()
    distinct: int | None = None
    tracked: bool = False
    settings: str = field(default="")

    @property
    def sql(self) -> str:
        given = (*self.computed, *self.calls, *self.looks)
        texts = {name: what.sql for name, what in given}
        items = ", ".join(f"{texts[n]} as {n}" if n in texts else n for n in self.shown)
        source = self.frame.sql(self.source.sql) if self.frame is not None else self.source.sql
        parts = [
            f"select {'distinct ' if self.distinct is not None else ''}{items} from {source}",
            f"where {self.where.sql}" if self.where is not None else "",
            f"partition by {', '.join(self.parts)}" if self.parts else "",
            f"group by {', '.join(self._groups())}" if self._groups() else "",
            f"having {self.having.sql}" if self.having is not None else "",
            f"order by {self.order[0]}{' desc' if self.order[1] else ''}" if self.order else "",
            f"limit {self.limit_by[0]} by {', '.join(self.limit_by[1])}" if self.limit_by else "",
            f"limit {self.limit[1]}, {self.limit[0]}" if self.limit else "",
            self.emit.sql if self.emit is not None else "",
            self.ending.sql if self.ending is not None else "",
            f"emit periodic {self.distinct}ms" if self.distinct else "",
            f"settings {self.settings}" if self.settings else "",
        ]
        return " ".join(part for part in parts if part)

    def _groups(self) -> list[str]:
        windows = WINDOW_COLUMNS if self.frame is not None and self.calls else ()
        return [*(key for key in self.keys if key not in self.parts or windows), *windows]

    def node(self, started: int) -> Node:
        """What the reference interpreter runs."""
        made = self._aggregated(started) if self.calls else self._flat(started)
        if self.having is not None:
            made = Filter(made, self.having)
        if self.distinct is not None:
            weighted = "_tp_delta" in self.shown
            made = self._listed(made)
            made = DistinctChanges(made) if weighted else Distinct(made, started, self.distinct)
        if self.order is not None:
            made = Ordered(made, self.order[0], down=self.order[1])
        if self.limit_by is not None:
            count, keys = self.limit_by
            whole = any(key in (*WINDOW_COLUMNS, "emit_version()") for key in keys)
            made = LimitBy(made, count, list(keys), whole=whole)
        if self.limit is not None:
            made = Limit(made, *self.limit)
        return self._listed(made)

    def _listed(self, below: Node) -> Node:
        known = dict(self.computed) if self.calls else {}
        listed = [
            (n, known[n] if n in known and n not in self.keys else _by_name(n)) for n in self.shown
        ]
        return Project(below, listed)

    def _below(self, started: int) -> Node:
        """The source; a join of changes learns what is read of it."""
        made = self.source.node(started)
        if isinstance(made, Changes):
            named = set(re.findall(r"\b[a-z]\.\w+", self.sql))
            made.reading(named | self.source.always_read())
        return made

    def _flat(self, started: int) -> Node:
        made = self._below(started)
        if self.frame is not None:
            made = Framed(made, self.frame)
        if self.where is not None:
            made = Filter(made, self.where)
        made = Computed(made, self.computed)
        return Running(made, self.looks, self._named(self.parts)) if self.looks else made

    def _aggregated(self, started: int) -> Node:
        below = self._below(started)
        keys = self._named(self.keys)
        parts = self._named(self.parts)
        keys = [*parts, *(key for key in keys if key[0] not in self.parts)]
        if self.frame is not None:
            emit = self.emit or Emit()
            kind = Sessions if self.frame.kind == "session" else Grid
            window: Windowed = kind(below, keys, self.calls, emit, started)
            return window.framed(self.frame, parts, self.where)
        if self.where is not None:
            below = Filter(below, self.where)
        if self.ending is not None:
            return Keys(below, keys, self.calls, self.ending, started)
        emit = self.emit or Emit("periodic", 2_000)
        made = Global(below, keys, self.calls, emit, started)
        made.parts = parts
        made.tracked = made.tracked or self.tracked
        made.lasting = bool(parts) or not self._groups()
        return made

    def _named(self, names: Sequence[str]) -> list[Named]:
        known = dict(self.computed)
        return [(name, known.get(name) or _by_name(name)) for name in names]


def _by_name(name: str) -> Expr:
    return Expr(name, lambda row: row[name])


class Computed(Project):
    """Columns that are added to those of the source."""

    def __init__(self, below: Node, items: Sequence[Named]) -> None:
        super().__init__(below, list(items))

    def take(self, append, now):  # type: ignore[no-untyped-def]
        return [
            [
                ({**row, "_tp_delta": w, **{n: e.of(row) for n, e in self.items}}, w)
                for row, w in append
            ]
        ]


Event = tuple[str, list[tuple[object, ...]]] | int


@dataclass(frozen=True)
class Program:
    """A query, what happens while it runs, and how the engine is to run it.

    `events`: appends of a stream's rows (with the weight as last value in streams that keep it), or
    milliseconds that pass. `grouping`: so many appends are one commit. `restarts`: at what the
    engine loses its memory, None = never. `spilling`: next to no state may stay in memory.
    """

    seed: int
    select: Select
    streams: tuple[Stream, ...]
    events: tuple[Event, ...]
    past: int = 0
    grouping: int = 1
    restarts: int | None = None
    spilling: bool = False

    @property
    def sql(self) -> str:
        """The query."""
        ctes = [s for s in self.select.source.named() if not s.view]
        given = ", ".join(f"{s.name} as ({s.select.sql})" for s in ctes)
        return f"with {given} {self.select.sql}" if given else self.select.sql

    @property
    def views(self) -> list[str]:
        """CREATE VIEW of what the query reads."""
        views = [s for s in self.select.source.named() if s.view]
        return [f"create view {s.name} as {s.select.sql}" for s in views]

    def but(self, **changed: object) -> Program:
        """The same with something else."""
        return replace(self, **changed)  # type: ignore[arg-type]
