"""Sessions of keys (EMIT AFTER SESSION CLOSE, AFTER KEY EXPIRE): one a key, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.arrays import Bools, Int64s


@dataclass(slots=True)
class KeySession:
    """An open session: times of its rows, and the instant at which it was opened."""

    number: int
    first: int
    last: int
    opened_ms: int


@dataclass(slots=True)
class Placed:
    """Rows with the numbers of their sessions; sessions that closed, and which of them are sent.

    `closed` in the order in which they closed: number, the row that closed it, whether it is sent.
    """

    rows: list[int] = field(default_factory=list[int])
    sessions: list[int] = field(default_factory=list[int])
    closed: list[tuple[int, int, bool]] = field(default_factory=list[tuple[int, int, bool]])


@dataclass(frozen=True, slots=True)
class KeyRows:
    """Key and time of each row, and where sessions start and end (None = no such condition)."""

    keys: Int64s
    times: Int64s
    starts: Bools | None
    ends: Bools | None


@dataclass(frozen=True, slots=True)
class Rules:
    """As `plan_parts.KeySession`; `span` and times in ticks of the time column."""

    span: int
    only: bool
    merge: bool
    include_end: bool


class KeySessions:
    """The open sessions by key, those opened first standing first."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.following = 0  # number of the next session
        self.open: dict[int, KeySession] = {}

    def run(self, batch: KeyRows, instant_ms: int) -> Placed:
        """Take rows one by one: what a row does depends on what its key's rows before it did."""
        made = Placed()
        rules, sessions = self._rules, self.open
        count = len(batch.keys)
        starts = [True] * count if batch.starts is None else batch.starts.tolist()
        ends = [False] * count if batch.ends is None else batch.ends.tolist()
        anew = batch.starts is not None and not rules.merge
        for at, (key, time) in enumerate(
            zip(batch.keys.tolist(), batch.times.tolist(), strict=True)
        ):
            session = sessions.get(key)
            if ends[at]:
                self._ended(at, key, time, made)
                continue
            if session is not None and starts[at] and anew:
                del sessions[key]
                made.closed.append((session.number, at, not rules.only))
                session = None
            if session is None:
                if not starts[at]:
                    continue
                session = self._opened(key, time, instant_ms)
            made.rows.append(at)
            made.sessions.append(session.number)
            session.first = min(session.first, time)
            session.last = max(session.last, time)
            if session.last - session.first >= rules.span:
                del sessions[key]
                made.closed.append((session.number, at, True))
        return made

    def _ended(self, at: int, key: int, time: int, made: Placed) -> None:
        """A row at which the end condition holds; without an open session it is one by itself."""
        rules = self._rules
        session = self.open.pop(key, None)
        if session is None:
            if not rules.include_end:
                return
            session = KeySession(self._number(), time, time, 0)
        if rules.include_end:
            made.rows.append(at)
            made.sessions.append(session.number)
            session.first = min(session.first, time)
            session.last = max(session.last, time)
        long = session.last - session.first >= rules.span
        made.closed.append((session.number, at, long or not rules.only))

    def _number(self) -> int:
        self.following += 1
        return self.following - 1

    def _opened(self, key: int, time: int, instant_ms: int) -> KeySession:
        session = KeySession(self._number(), time, time, instant_ms)
        self.open[key] = session
        return session

    def opened_first_ms(self) -> int | None:
        """When the oldest open session was opened."""
        return next(iter(self.open.values())).opened_ms if self.open else None

    def close(self, opened_until_ms: int | None) -> list[tuple[int, int]]:
        """Close the sessions opened until then (None = all); their keys and numbers, oldest
        first."""
        found: list[tuple[int, int]] = []
        for key, session in self.open.items():
            if opened_until_ms is not None and session.opened_ms > opened_until_ms:
                break
            found.append((key, session.number))
        for key, _ in found:
            del self.open[key]
        return found

    def load(self, sessions: Iterable[tuple[int, KeySession]]) -> None:
        """Open sessions of a checkpoint, by key."""
        known = sorted(sessions, key=lambda each: each[1].number)
        self.open = dict(known)

    @property
    def nbytes(self) -> int:
        """Memory, estimated."""
        return 250 * len(self.open)
