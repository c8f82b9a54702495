"""Window aggregates of the reference interpreter: watermarks, tumble and hop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.engine.reference_aggregates import Call, Group
from tests.engine.reference_groups import VERSION, Aggregation, Emit, Key
from tests.engine.reference_rows import Append, Expr, Node, Row, Step

LONG_AGO = -(10**18)


@dataclass(frozen=True)
class Frame:
    """A window over a source. `kind`: tumble, hop, session; times in ms; `size` is the idle time
    of a session, `longest` its maximum; `starts`, `ends`: of a range with its brackets."""

    kind: str
    time: str
    size: int
    slide: int = 0
    longest: int = 0
    starts: Expr | None = None
    ends: Expr | None = None
    brackets: str = "[]"
    unit: str = ""
    zone: str = ""

    def sql(self, source: str) -> str:
        if self.unit:
            zone = f", '{self.zone}'" if self.zone else ""
            return f"tumble({source}, {self.time}, {self.size}{self.unit}{zone})"
        if self.kind == "tumble":
            return f"tumble({source}, {self.time}, {self.size}ms)"
        if self.kind == "hop":
            return f"hop({source}, {self.time}, {self.slide}ms, {self.size}ms)"
        given = ""
        if self.starts is not None and self.ends is not None:
            left, right = self.brackets
            given = f", {left}{self.starts.sql}, {self.ends.sql}{right}"
        return f"session({source}, {self.time}, {self.size}ms, {self.longest}ms{given})"

    def begins(self, time: int) -> list[int]:
        """Where the windows of a time begin, tumble and hop."""
        if self.unit:
            return [self._step(time, 0)]
        if self.kind == "tumble":
            return [time // self.size * self.size]
        start = time // self.slide * self.slide
        found: list[int] = []
        while start + self.size > time:
            found.append(start)
            start -= self.slide
        return sorted(found)

    def end(self, start: int) -> int:
        """Where a window ends that begins there, tumble and hop."""
        return self._step(start, 1) if self.unit else start + self.size

    def _step(self, time: int, ahead: int) -> int:
        """Where the window of the calendar begins that a time is in, or one `ahead` of it."""
        zone = ZoneInfo(self.zone or "UTC")
        day = datetime.fromtimestamp(time // 1_000, zone).date()
        if self.unit in ("d", "w"):
            if self.unit == "w":
                day -= timedelta(days=day.weekday())
            day += timedelta(days=ahead * (7 if self.unit == "w" else 1))
        else:
            size = self.size * {"M": 1, "q": 3, "y": 12}[self.unit]
            months = (day.year * 12 + day.month - 1 - 1970 * 12) // size * size + ahead * size
            day = date(1970 + months // 12, months % 12 + 1, 1)
        return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1_000)


class Framed(Step):
    """A window without GROUP BY: each row gets its windows."""

    def __init__(self, below: Node, frame: Frame) -> None:
        super().__init__(below)
        self.frame = frame

    def take(self, append: Append, now: int) -> list[Append]:
        return [
            [
                ({**row, "window_start": start, "window_end": self.frame.end(start)}, weight)
                for row, weight in append
                for start in self.frame.begins(row[self.frame.time])  # type: ignore[arg-type]
            ]
        ]


@dataclass(frozen=True)
class Shown:
    """A group of a window that is sent: where it stands in the order, its window."""

    order: tuple[int, int]
    group: Group
    start: int
    end: int


class Windowed(Aggregation):
    """What windows of all kinds share: substreams, the condition of WHERE, emissions."""

    def __init__(
        self,
        below: Node,
        keys: Sequence[tuple[str, Expr]],
        calls: Sequence[tuple[str, Call]],
        emit: Emit,
        started: int,
    ) -> None:
        super().__init__(below, keys, calls, emit, started)
        self.parts: Sequence[tuple[str, Expr]] = ()
        self.where: Expr | None = None
        self.late = 0
        self.mark: dict[Key, int] = {}
        self.seen: dict[Key, int] = {}

    def framed(
        self, frame: Frame, parts: Sequence[tuple[str, Expr]], where: Expr | None
    ) -> Windowed:
        """The rest of what it needs."""
        self.frame, self.parts, self.where = frame, parts, where
        return self

    def part(self, row: Row) -> Key:
        return tuple(expr.of(row) for _, expr in self.parts)

    def counts(self, row: Row) -> bool:
        return self.where is None or bool(self.where.of(row))

    def time(self, row: Row) -> int:
        found = row[self.frame.time]
        assert isinstance(found, int)
        return found

    def due(self, now: int) -> list[Append]:
        timed_out = self.timed_out(now) if self.emit.timeout else []
        return [*timed_out, *super().due(now)]

    def timed_out(self, now: int) -> list[Append]:
        """What TIMEOUT closes now."""
        raise NotImplementedError

    def sent(self, found: list[Shown]) -> Append:
        """One emission: oldest window first, groups in order of arrival."""
        out: Append = []
        version = -1
        before: tuple[int, int] | None = None
        alive = [one for one in found if one.group.rows > 0 or self.parts]
        for one in sorted(alive, key=lambda one: (one.order, one.group.arrival)):
            if version < 0 or (self.emit.when == "close" and one.order != before):
                version = self.version
                self.version += 1
            before = one.order
            row = self.result(one.group)
            bounds = {"window_start": one.start, "window_end": one.end, VERSION: version}
            out.append(({**row, **bounds}, 1))
        return out


class Grid(Windowed):
    """tumble and hop."""

    def __init__(
        self,
        below: Node,
        keys: Sequence[tuple[str, Expr]],
        calls: Sequence[tuple[str, Call]],
        emit: Emit,
        started: int,
    ) -> None:
        super().__init__(below, keys, calls, emit, started)
        self.windows: dict[tuple[Key, int], dict[Key, Group]] = {}
        self.newest: dict[Key, int] = {}

    def take(self, append: Append, now: int) -> list[Append]:
        before = dict(self.mark)
        for one in append:
            part, time = self.part(one[0]), self.time(one[0])
            self.seen[part] = now
            if time < before.get(part, LONG_AGO):
                self.late += 1
            elif self.counts(one[0]):
                for start in self.frame.begins(time):
                    self.add(self.windows.setdefault((part, start), {}), one)
        for row, _ in append:
            part, time = self.part(row), self.time(row)
            self.newest[part] = max(self.newest.get(part, time), time)
        return [] if self.held else self._moved()

    def released(self, now: int) -> list[Append]:
        self.held = False
        return self._moved()

    def _moved(self) -> list[Append]:
        out = [self.sent(self._touched())] if self.emit.when == "update" else []
        self._move()
        return out + self._closed()

    def _move(self) -> None:
        """The watermark: the newest end of a window that the time has reached."""
        size = self.frame.size
        step = self.frame.slide or size
        for part, newest in self.newest.items():
            if self.frame.unit:
                mark = self.frame.begins(newest - self.emit.delay)[0]
                self.mark[part] = max(self.mark.get(part, mark), mark)
                continue
            mark = (newest - self.emit.delay - size) // step * step + size
            self.mark[part] = max(self.mark.get(part, mark), mark)

    def _touched(self) -> list[Shown]:
        return self._shown(list(self.windows), touched=True)

    def _shown(self, windows: list[tuple[Key, int]], *, touched: bool = False) -> list[Shown]:
        found: list[Shown] = []
        for part, start in windows:
            for group in self.windows[part, start].values():
                if group.touched or not touched:
                    end = self.frame.end(start)
                    found.append(Shown((start, start), group, start, end))
                    group.touched = False
        return found

    def _over(self) -> list[tuple[Key, int]]:
        end = self.frame.end
        return [(p, s) for p, s in self.windows if end(s) <= self.mark.get(p, LONG_AGO)]

    def _closed(self) -> list[Append]:
        if self.emit.when in ("periodic", "batch"):
            return []  # the next tick shows them, then they go
        over = self._over()
        sent = [self.sent(self._shown(over))] if self.emit.when == "close" else []
        for gone in over:
            del self.windows[gone]
        return sent

    def timed_out(self, now: int) -> list[Append]:
        for part, seen in self.seen.items():
            if now - seen == self.emit.timeout:
                ends = [self.frame.end(s) for of, s in self.windows if of == part]
                if ends:
                    self.mark[part] = max(self.mark.get(part, LONG_AGO), *ends)
        return self._closed()

    def tick(self) -> Append:
        sent = self.sent(self._shown(list(self.windows), touched=self.emit.when == "batch"))
        for gone in self._over():
            del self.windows[gone]
        return sent
