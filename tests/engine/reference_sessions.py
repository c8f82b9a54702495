"""Session windows of the reference interpreter, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.engine.reference_aggregates import Call, Group
from tests.engine.reference_groups import Emit, Key
from tests.engine.reference_rows import Append, Delta, Expr, Node, Row
from tests.engine.reference_windows import LONG_AGO, Shown, Windowed


@dataclass(eq=False)
class Session:
    """An open or ended session; `start`: the time of the first row that belongs to it."""

    first: int
    last: int
    start: int | None = None
    end: int | None = None
    groups: dict[Key, Group] = field(default_factory=dict)


class Sessions(Windowed):
    """session(): one at a time per substream."""

    def __init__(
        self,
        below: Node,
        keys: Sequence[tuple[str, Expr]],
        calls: Sequence[tuple[str, Call]],
        emit: Emit,
        started: int,
    ) -> None:
        super().__init__(below, keys, calls, emit, started)
        self.open: dict[Key, Session] = {}
        self.ended: list[Session] = []

    def take(self, append: Append, now: int) -> list[Append]:
        for one in append:
            part, time = self.part(one[0]), self.time(one[0])
            self.seen[part] = now
            if time < self.mark.get(part, LONG_AGO):
                self.late += 1
                continue
            self.mark[part] = max(self.mark.get(part, LONG_AGO), time - self.emit.delay)
            self._row(part, time, one)
        return [] if self.held else self._sent_now()

    def released(self, now: int) -> list[Append]:
        self.held = False
        return self._sent_now()

    def _sent_now(self) -> list[Append]:
        match self.emit.when:
            case "update":
                return [self._gone(touched=True, opened=True)]
            case "close":
                return [self._gone()]
            case _:
                return []

    def _row(self, part: Key, time: int, one: Delta) -> None:
        session = self.open.get(part)
        if session is not None and not self._ends(session, time, one):
            self._belongs(session, time, one)
            return
        if session is not None:
            self.ended.append(session)
            del self.open[part]
        if self._holds(self.frame.starts, one[0], default=True):
            session = self.open[part] = Session(time, time)
            if self.frame.brackets[0] == "[":
                self._belongs(session, time, one)

    def _ends(self, session: Session, time: int, one: Delta) -> bool:
        """Whether the row ends the session, and with which end."""
        frame = self.frame
        if time >= session.first + frame.longest:
            session.end = session.first + frame.longest
        elif time >= session.last + frame.size:
            session.end = session.last + frame.size
        elif self._holds(frame.ends, one[0], default=False):
            session.end = time
            if frame.brackets[1] == "]":
                self._belongs(session, time, one)
                session.end = time + 1
        return session.end is not None

    @staticmethod
    def _holds(condition: Expr | None, row: Row, *, default: bool) -> bool:
        return default if condition is None else bool(condition.of(row))

    def _belongs(self, session: Session, time: int, one: Delta) -> None:
        session.last = max(session.last, time)
        if session.start is None:
            session.start = time
        if self.counts(one[0]):
            self.add(session.groups, one)

    def _gone(self, *, touched: bool = False, opened: bool = False) -> Append:
        """Send what ended, and with `opened` what is open; of it the touched groups alone."""
        found: list[Shown] = []
        for session in [*self.ended, *(self.open.values() if opened else ())]:
            end = session.end if session.end is not None else session.last + 1
            for group in session.groups.values():
                if group.touched or not touched:
                    assert session.start is not None
                    found.append(Shown((end, session.start), group, session.start, end))
                    group.touched = False
        self.ended = []
        return self.sent(found)

    def tick(self) -> Append:
        return self._gone(touched=self.emit.when == "batch", opened=True)

    def timed_out(self, now: int) -> list[Append]:
        for part, seen in self.seen.items():
            if now - seen == self.emit.timeout and part in self.open:
                session = self.open.pop(part)
                session.end = session.last + 1
                self.mark[part] = max(self.mark[part], session.end)
                self.ended.append(session)
        return [self._gone()] if self.emit.when == "close" else []
