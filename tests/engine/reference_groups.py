"""Global aggregates of the reference interpreter: groups for ever, and when they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.engine.reference_aggregates import Call, Group
from tests.engine.reference_rows import Append, Delta, Expr, Node, Row, Step

Key = tuple[object, ...]
VERSION = "emit_version()"


@dataclass(frozen=True)
class Emit:
    """A policy. `when`: close, periodic, update, batch (PERIODIC ON UPDATE) or event; times in ms.

    `changes`: EMIT CHANGELOG.
    """

    when: str = "close"
    interval: int = 0
    delay: int = 0
    timeout: int = 0
    repeat: bool = False
    changes: bool = False

    @property
    def sql(self) -> str:
        changelog = "changelog " if self.changes else ""
        delay = f" with delay {self.delay}ms" if self.delay else ""
        timeout = f" and timeout {self.timeout}ms" if self.timeout else ""
        match self.when:
            case "close":
                return f"emit after watermark{delay}{timeout}"
            case "periodic":
                repeat = " repeat" if self.repeat else ""
                return f"emit {changelog}periodic {self.interval}ms{repeat}{delay}{timeout}"
            case "update":
                return f"emit {changelog}on update{delay}{timeout}"
            case "event":
                return "emit per event"
            case _ if self.delay:
                return f"emit on update with batch {self.interval}ms{delay}{timeout}"
            case _:
                return f"emit periodic {self.interval}ms on update"


class Aggregation(Step):
    """What all aggregations share: groups, ticks, results."""

    def __init__(
        self,
        below: Node,
        keys: Sequence[tuple[str, Expr]],
        calls: Sequence[tuple[str, Call]],
        emit: Emit,
        started: int,
    ) -> None:
        super().__init__(below)
        self.keys, self.calls, self.emit, self.started = keys, calls, emit, started
        self.arrivals = 0
        self.version = 0
        self.new = False
        self.tracked = emit.changes
        self.held = False

    def hold(self) -> None:
        super().hold()
        self.held = True

    def add(self, groups: dict[Key, Group], one: Delta) -> Group:
        """A row into its group."""
        named = {name: expr.of(one[0]) for name, expr in self.keys}
        self.arrivals += 1
        group = groups.setdefault(tuple(named.values()), Group(self.arrivals, named))
        group.deltas.append(one)
        group.touched = self.new = True
        return group

    def result(self, group: Group) -> Row:
        """Keys and aggregates."""
        return {**group.key, **{name: call.of(group.deltas) for name, call in self.calls}}

    def due(self, now: int) -> list[Append]:
        interval = self.emit.interval
        if not interval or (now - self.started) % interval:
            return []
        if not self.new and not self.emit.repeat:
            return []
        self.new = False
        return [self.tick()]

    def tick(self) -> Append:
        """What a tick sends."""
        raise NotImplementedError


class Global(Aggregation):
    """GROUP BY without windows. `parts`: PARTITION BY; `lasting`: groups without rows stay."""

    parts: Sequence[tuple[str, Expr]] = ()

    def __init__(
        self,
        below: Node,
        keys: Sequence[tuple[str, Expr]],
        calls: Sequence[tuple[str, Call]],
        emit: Emit,
        started: int,
    ) -> None:
        super().__init__(below, keys, calls, emit, started)
        self.groups: dict[Key, Group] = {}
        self.fresh: set[Key] = set()
        self.lasting = not keys

    def take(self, append: Append, now: int) -> list[Append]:
        if self.emit.when == "event" and not self.held:
            return [self._added([one]) for one in append]
        return [self._added(append)]

    def _added(self, append: Append) -> Append:
        for one in append:
            self.add(self.groups, one)
            self.fresh.add(self._part(one[0]))
        return self._touched() if self._at_once() else []

    def _at_once(self) -> bool:
        return self.emit.when in ("update", "event") and not self.held

    def released(self, now: int) -> list[Append]:
        self.held = False
        return [self._touched()] if self._at_once() else []

    def _part(self, row: Row) -> Key:
        return tuple(expr.of(row) for _, expr in self.parts)

    def _touched(self) -> Append:
        return self._sent([g for g in self.groups.values() if g.touched])

    def tick(self) -> Append:
        if self.emit.when == "batch" or self.tracked:
            return self._touched()
        names = [name for name, _ in self.parts]
        wanted = [
            g
            for g in self.groups.values()
            if self.emit.repeat or tuple(g.key[n] for n in names) in self.fresh
        ]
        return self._sent(wanted)

    def _sent(self, groups: list[Group]) -> Append:
        self.fresh.clear()
        sent: Append = []
        for group in sorted(groups, key=lambda g: g.arrival):
            group.touched = False
            alive = group.rows > 0 or self.lasting
            row = self.result(group)
            if self.tracked and group.shown is not None:
                sent.append((group.shown, -1))
            if alive:
                sent.append((row, 1))
            group.shown = row if alive and self.tracked else None
        self.groups = {k: g for k, g in self.groups.items() if g.rows > 0 or self.lasting}
        if sent:
            sent = [({**row, VERSION: self.version}, weight) for row, weight in sent]
            self.version += 1
        return sent
