"""EMIT AFTER KEY EXPIRE and AFTER SESSION CLOSE of the reference interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.engine.reference_aggregates import Call, Group
from tests.engine.reference_groups import Aggregation, Emit, Key
from tests.engine.reference_rows import Append, Delta, Expr, Node


@dataclass(frozen=True)
class Ending:
    """When a key is over. Times in ms; `starts` and `ends`: AFTER SESSION CLOSE."""

    time: str
    span: int
    timeout: int = 0
    only: bool = False
    starts: Expr | None = None
    ends: Expr | None = None

    @property
    def sql(self) -> str:
        only = "only " if self.only else ""
        timeout = f" and timeout {self.timeout}ms" if self.timeout else ""
        tail = f"with {only}maxspan {self.span}ms{timeout}"
        if self.starts is None or self.ends is None:
            return f"emit after key expire identified by {self.time} {tail}"
        given = f"({self.time}, {self.starts.sql}, {self.ends.sql})"
        return f"emit after session close identified by {given} {tail}"


@dataclass
class _Open:
    since: int
    group: Group
    times: list[int]


class Keys(Aggregation):
    """Each key once, when it is over."""

    def __init__(
        self,
        below: Node,
        keys: Sequence[tuple[str, Expr]],
        calls: Sequence[tuple[str, Call]],
        ending: Ending,
        started: int,
    ) -> None:
        super().__init__(below, keys, calls, Emit("update"), started)
        self.ending = ending
        self.open: dict[Key, _Open] = {}

    def take(self, append: Append, now: int) -> list[Append]:
        sent: Append = []
        for one in append:
            self._row(one, now, sent)
        return [sent]

    def _row(self, one: Delta, now: int, sent: Append) -> None:
        ending = self.ending
        key = tuple(expr.of(one[0]) for _, expr in self.keys)
        starts = ending.starts is not None and bool(ending.starts.of(one[0]))
        ends = ending.ends is not None and bool(ending.ends.of(one[0]))
        held = self.open.get(key)
        if held is not None and starts:
            self._send(key, sent)
            held = None
        if held is None:
            if ending.starts is not None and not starts and not ends:
                return
            groups: dict[Key, Group] = {}
            held = self.open[key] = _Open(now, self.add(groups, one), [])
        else:
            held.group.deltas.append(one)
        time = one[0][ending.time]
        assert isinstance(time, int)
        held.times.append(time)
        if ends or max(held.times) - min(held.times) >= ending.span:
            self._send(key, sent)

    def _send(self, key: Key, sent: Append) -> None:
        held = self.open.pop(key)
        span = max(held.times) - min(held.times)
        if span >= self.ending.span or not self.ending.only:
            sent.append((self.result(held.group), 1))

    def due(self, now: int) -> list[Append]:
        sent: Append = []
        for key, held in list(self.open.items()):
            if self.ending.timeout and now - held.since == self.ending.timeout:
                self._send(key, sent)
        return [sent]
