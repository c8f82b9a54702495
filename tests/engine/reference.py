"""Reference interpreter: the dialect's windows and emit policies over plain lists of rows.

Written from the contract (sections 5 to 7 of the dialect), slow and obvious: no Arrow, no DuckDB,
nothing of the engine. Times are whole milliseconds. A row is (k, g, v, t).
"""

from __future__ import annotations

from dataclasses import dataclass, field

Row = tuple[str, int, int, int]
Out = tuple[object, ...]


@dataclass(frozen=True)
class Query:
    """What is asked. `keys`: indices of row columns. `emit`: close, periodic, update, batch.

    `window`: None, "tumble", "hop" or "session"; sizes in ms. `substream`: key columns of PARTITION
    BY. `where`: rows with v > where count.
    """

    keys: tuple[int, ...]
    window: str | None = None
    size: int = 0
    slide: int = 0
    longest: int = 0
    emit: str = "close"
    interval: int = 0
    delay: int = 0
    timeout: int = 0
    repeat: bool = False
    substream: tuple[int, ...] = ()
    where: int | None = None
    start_above: int | None = None
    end_below: int | None = None
    start_inclusive: bool = True
    end_inclusive: bool = True


@dataclass
class Group:
    """count, sum, min, max, latest, earliest of v."""

    arrival: int
    values: list[int] = field(default_factory=list)

    def row(self) -> Out:
        v = self.values
        return len(v), sum(v), min(v), max(v), v[-1], v[0]


@dataclass
class Session:
    """An open or ended session."""

    first: int
    last: int
    start: int | None
    end: int | None = None
    groups: dict[Out, Group] = field(default_factory=dict)


class Reference:
    """Feed appends, advance time, read `emissions`: lists of rows (keys, aggregates, bounds, n)."""

    def __init__(self, query: Query, now: int) -> None:
        self.query = query
        self.now = self.started = now
        self.emissions: list[list[Out]] = []
        self.version = 0
        self.arrivals = 0
        self.new = False
        self.tick = now + query.interval
        self.groups: dict[Out, Group] = {}
        self.changed: set[Out] = set()
        self.newest: dict[Out, int] = {}
        self.mark: dict[Out, int] = {}
        self.windows: dict[tuple[Out, int], dict[Out, Group]] = {}
        self.seen: dict[Out, int] = {}
        self.open: dict[Out, Session] = {}
        self.over: list[tuple[Out, Session]] = []
        self.late = 0

    # -- input ------------------------------------------------------------------------------

    def append(self, rows: list[Row]) -> None:
        """One append."""
        if not rows:
            return
        if self.query.window is None:
            self._global(rows)
        elif self.query.window == "session":
            self._sessions(rows)
        else:
            self._windows(rows)

    def _counts(self, row: Row) -> bool:
        return self.query.where is None or row[2] > self.query.where

    def _key(self, row: Row) -> Out:
        return tuple(row[at] for at in self.query.keys)

    def _sub(self, row: Row) -> Out:
        return tuple(row[at] for at in self.query.substream)

    def _add(self, groups: dict[Out, Group], row: Row) -> Out:
        key = self._key(row)
        self.arrivals += 1
        groups.setdefault(key, Group(self.arrivals)).values.append(row[2])
        if not self.new:
            self.new = True
            while self.query.interval and self.tick < self.now:
                self.tick += self.query.interval
        return key

    def _global(self, rows: list[Row]) -> None:
        changed = {self._add(self.groups, row) for row in rows if self._counts(row)}
        self.changed |= changed
        if self.query.emit == "update":
            self._emit([(0, 0, self.groups[k].arrival, k, self.groups[k]) for k in changed])

    def _windows(self, rows: list[Row]) -> None:
        query = self.query
        before = dict(self.mark)
        changed: set[tuple[Out, int, Out]] = set()
        for row in rows:
            sub, time = self._sub(row), row[3]
            self.seen[sub] = self.now
            if sub in before and time < before[sub]:
                self.late += 1
                continue
            if not self._counts(row):
                continue
            for start in self._starts(time):
                key = self._add(self.windows.setdefault((sub, start), {}), row)
                changed.add((sub, start, key))
        self.changed |= changed  # type: ignore[arg-type]
        if query.emit == "update":
            self._emit(
                [
                    (
                        start,
                        start,
                        self.windows[sub, start][key].arrival,
                        key,
                        self.windows[sub, start][key],
                    )
                    for sub, start, key in changed
                ]
            )
        step = query.size if query.window == "tumble" else query.slide
        for row in rows:
            sub = self._sub(row)
            self.newest[sub] = max(self.newest.get(sub, row[3]), row[3])
        for sub, newest in self.newest.items():
            # The newest end of a window that the time has reached.
            mark = (newest - query.delay - query.size) // step * step + query.size
            self.mark[sub] = max(self.mark.get(sub, mark), mark)
        self._close_windows()

    def _starts(self, time: int) -> list[int]:
        size = self.query.size
        if self.query.window == "tumble":
            return [time // size * size]
        slide = self.query.slide
        start = time // slide * slide
        found: list[int] = []
        while start + size > time:
            found.append(start)
            start -= slide
        return sorted(found)

    def _closed(self) -> list[tuple[Out, int]]:
        return [
            (sub, start)
            for sub, start in self.windows
            if start + self.query.size <= self.mark.get(sub, -(10**18))
        ]

    def _close_windows(self) -> None:
        if self.query.emit in ("periodic", "batch"):
            return  # they are shown by the next tick, then they go
        closed = self._closed()
        if self.query.emit == "close":
            self._emit(
                [
                    (start, start, group.arrival, key, group)
                    for sub, start in closed
                    for key, group in self.windows[sub, start].items()
                ]
            )
        for gone in closed:
            del self.windows[gone]

    # -- sessions ---------------------------------------------------------------------------

    def _sessions(self, rows: list[Row]) -> None:
        query = self.query
        changed: list[tuple[Session, Out]] = []
        for row in rows:
            sub, time = self._sub(row), row[3]
            self.seen[sub] = self.now
            if sub in self.mark and time < self.mark[sub]:
                self.late += 1
                continue
            self.mark[sub] = max(self.mark.get(sub, time - query.delay), time - query.delay)
            session = self.open.get(sub)
            ends = query.end_below is not None and row[2] < query.end_below
            if session is not None:
                if time >= session.first + query.longest:
                    session.end = session.first + query.longest
                elif time >= session.last + query.size:
                    session.end = session.last + query.size
                elif ends and query.end_inclusive:
                    self._belongs(session, row, changed)
                    session.end = time + 1
                elif ends:
                    session.end = time
                else:
                    self._belongs(session, row, changed)
                    continue
                self.over.append((sub, session))
                del self.open[sub]
            if query.start_above is None or row[2] > query.start_above:
                session = self.open[sub] = Session(time, time, None)
                if query.start_inclusive:
                    self._belongs(session, row, changed)
        if query.emit == "update":
            shown = {(id(s), k): (s, k) for s, k in changed}
            self._emit([self._shown(s, k) for s, k in shown.values()])
            self.over.clear()
        elif query.emit == "close":
            self._emit([self._shown(s, k) for _, s in self.over for k in s.groups])
            self.over.clear()
        else:
            self.changed |= {(s, k) for s, k in _unique(changed)}  # type: ignore[misc]

    def _belongs(self, session: Session, row: Row, changed: list[tuple[Session, Out]]) -> None:
        session.last = max(session.last, row[3])
        if session.start is None:
            session.start = row[3]
        if self._counts(row):
            changed.append((session, self._add(session.groups, row)))

    def _shown(self, session: Session, key: Out) -> tuple[int, int, int, Out, Group, int]:
        end = session.end if session.end is not None else session.last + 1
        assert session.start is not None
        group = session.groups[key]
        return end, session.start, group.arrival, key, group, end

    # -- time -------------------------------------------------------------------------------

    def advance(self, ms: int) -> None:
        """Let time pass."""
        for _ in range(ms):
            self.now += 1
            self._time_out()
            if self.query.interval and self.now == self.tick:
                self._tick()

    def _time_out(self) -> None:
        query = self.query
        if not query.timeout:
            return
        over = [sub for sub, seen in self.seen.items() if self.now - seen == query.timeout]
        if query.window == "session":
            for sub in over:
                session = self.open.pop(sub, None)
                if session is None:
                    continue
                session.end = session.last + 1
                self.mark[sub] = max(self.mark[sub], session.end)
                self.over.append((sub, session))
            if query.emit == "close":
                self._emit([self._shown(s, k) for _, s in self.over for k in s.groups])
                self.over.clear()
            return
        for sub in over:
            ends = [start + query.size for of, start in self.windows if of == sub]
            if ends:
                self.mark[sub] = max(self.mark.get(sub, max(ends)), max(ends))
        self._close_windows()

    def _tick(self) -> None:
        query = self.query
        self.tick += query.interval
        if not self.new and not query.repeat:
            return
        self.new = False
        if query.window is None:
            keys = self.changed if query.emit == "batch" else set(self.groups)
            self._emit([(0, 0, self.groups[k].arrival, k, self.groups[k]) for k in keys])
        elif query.window == "session":
            everything = {
                (id(s), k): (s, k)
                for s in [*(s for _, s in self.over), *self.open.values()]
                for k in s.groups
            }
            if query.emit == "batch":
                wanted = {(id(s), k) for s, k in self.changed}  # type: ignore[misc]
                everything = {at: one for at, one in everything.items() if at in wanted}
            self._emit([self._shown(s, k) for s, k in everything.values()])
            self.over.clear()
        else:
            self._emit(
                [
                    (start, start, group.arrival, key, group)
                    for (sub, start), groups in self.windows.items()
                    for key, group in groups.items()
                    if query.emit != "batch" or (sub, start, key) in self.changed
                ]
            )
            for gone in self._closed():
                del self.windows[gone]
        self.changed = set()

    # -- output -----------------------------------------------------------------------------

    def _emit(self, found: list[tuple]) -> None:  # type: ignore[type-arg]
        """One emission: oldest window first, groups in order of arrival."""
        if not found:
            return
        found.sort(key=lambda one: one[:3])
        rows: list[Out] = []
        version = -1
        before: tuple[int, int] | None = None
        for one in found:
            bounds = one[:2]
            if version < 0 or (self.query.emit == "close" and bounds != before):
                version = self.version
                self.version += 1
            before = bounds
            _, start, _, key, group = one[:5]
            shown: Out = ()
            if self.query.window == "session":
                shown = (start, one[5])
            elif self.query.window is not None:
                shown = (start, start + self.query.size)
            rows.append((*key, *group.row(), *shown, version))
        self.emissions.append(rows)


def _unique(changed: list[tuple[Session, Out]]) -> list[tuple[Session, Out]]:
    return list({(id(s), k): (s, k) for s, k in changed}.values())


Session.__hash__ = object.__hash__  # type: ignore[method-assign]
Session.__eq__ = object.__eq__  # type: ignore[method-assign]
