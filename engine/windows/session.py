"""Session windows: one open session per substream, row by row in order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s
from engine.checkpoint import StateDelta
from engine.sql.plan_parts import Span, WindowSpec
from engine.stateparts import Saved, since_full
from engine.windows.grid import length_ticks, tick

_MAX_FACTOR = 5  # a session without a maximum ends after 5 idle times
LOOKED_AT_MAX = 100_000  # sessions that are looked at for when the first one closes
_SAVED = ("substream", "mark", "number", "first", "last", "start", "begun")


@dataclass(slots=True)
class Session:
    """An open or just ended session. `start` is -1 until a row belongs to it (then `begun`)."""

    number: int
    first: int
    last: int
    start: int
    begun: bool
    substream: int


@dataclass(slots=True)
class Assigned:
    """Rows with the sessions they belong to, sessions that ended with their end and append."""

    rows: list[int] = field(default_factory=list[int])
    sessions: list[int] = field(default_factory=list[int])
    ended: list[tuple[Session, int, int]] = field(default_factory=list[tuple[Session, int, int]])
    late: int = 0


@dataclass(frozen=True, slots=True)
class SessionRows:
    """A batch: event time, substream and append of each row, and the predicates (None = none)."""

    times: Int64s
    substreams: Int64s
    appends: Int64s
    starts: Bools | None
    ends: Bools | None


class Sessions(Saved):
    """All open sessions. `delay` in ticks lets rows be late by so much."""

    def __init__(self, spec: WindowSpec, delay: int) -> None:
        longest = spec.max_span or Span(spec.size.count * _MAX_FACTOR, spec.size.unit)
        self._idle = length_ticks(spec.size, spec.time_type)
        self._longest = length_ticks(longest, spec.time_type)
        self._delay = delay
        self._tick = tick(spec.time_type)
        self._start_inclusive = spec.start_inclusive
        self._end_inclusive = spec.end_inclusive
        self._next = 0
        self.open: dict[int, Session] = {}  # by substream
        self.numbered: dict[int, Session] = {}  # the same by number
        self._marks: dict[int, int] = {}
        self._state = _SessionPart(self)
        self.dirty: set[int] | None = None  # substreams to be saved; None = no one saves these

    def shown_end(self, session: Session) -> int:
        """Where an open session ends if it is shown now."""
        return session.last + self._tick

    def first_close(self) -> tuple[int | None, int | None]:
        """The newest watermark, and the time of a row that surely closes an open session; None
        where there is none, or too many to look at all."""
        if not self._marks or len(self.open) > LOOKED_AT_MAX:
            return None, None
        idle, longest = self._idle, self._longest
        ends = [min(s.last + idle, s.first + longest) for s in self.open.values()]
        mark = max(self._marks.values()) if len(self._marks) <= LOOKED_AT_MAX else None
        return mark, min(ends) + self._delay if ends else None

    def run(self, batch: SessionRows, *, check_late: bool) -> Assigned:
        """Take rows one by one; `check_late` False while the past is read."""
        made = Assigned()
        starts = [True] * len(batch.times) if batch.starts is None else batch.starts.tolist()
        ends = [False] * len(batch.times) if batch.ends is None else batch.ends.tolist()
        marks, sessions = self._marks, self.open
        idle, longest, delay = self._idle, self._longest, self._delay
        # One pass over Python numbers: the loop is the whole cost, so what is usual comes first.
        for at, (time, substream) in enumerate(
            zip(batch.times.tolist(), batch.substreams.tolist(), strict=True)
        ):
            mark = marks.get(substream)
            if mark is None or time - delay > mark:
                marks[substream] = time - delay
            elif check_late and time < mark:
                made.late += 1
                continue
            session = sessions.get(substream)
            if session is not None:
                within = time < session.last + idle and time < session.first + longest
                if within and (not ends[at] or self._end_inclusive):
                    if time > session.last:
                        session.last = time
                    if not session.begun:
                        session.begun, session.start = True, time
                    made.rows.append(at)
                    made.sessions.append(session.number)
                if within and not ends[at]:
                    continue
                made.ended.append((session, self._end_of(session, time, within=within), at))
                self._closed(substream)
            if starts[at]:
                opened = self._opened(time, substream)
                if self._start_inclusive:
                    made.rows.append(at)
                    made.sessions.append(opened.number)
        if self.dirty is not None:
            self.dirty.update(np.unique(batch.substreams).tolist())
        appends = batch.appends
        made.ended = [(session, end, int(appends[at])) for session, end, at in made.ended]
        return made

    def _end_of(self, session: Session, time: int, *, within: bool) -> int:
        """The end that this row puts to the session; the size test comes before the idle test."""
        if within:
            return time + self._tick if self._end_inclusive else time
        if time >= session.first + self._longest:
            return session.first + self._longest
        return session.last + self._idle

    def _closed(self, substream: int) -> Session | None:
        session = self.open.pop(substream, None)
        if session is not None:
            del self.numbered[session.number]
        return session

    def _opened(self, time: int, substream: int) -> Session:
        session = Session(self._next, time, time, time, self._start_inclusive, substream)
        self._next += 1
        self.open[substream] = self.numbered[session.number] = session
        return session

    def idle_end(self, session: Session) -> int:
        """Where the session ends if no further row comes."""
        return min(session.last + self._idle, session.first + self._longest)

    def close(self, substreams: list[int], *, idle: bool) -> list[tuple[Session, int, int]]:
        """End the open sessions of these substreams, where they are shown or (`idle`) where no
        row came for long enough; rows before their ends are late then."""
        ended: list[tuple[Session, int, int]] = []
        if self.dirty is not None:
            self.dirty.update(substreams)
        for substream in substreams:
            session = self._closed(substream)
            if session is not None:
                end = self.idle_end(session) if idle else self.shown_end(session)
                self._marks[substream] = max(self._marks.get(substream, end), end)
                ended.append((session, end, 0))
        return ended

    def saved(self, substreams: Sequence[int] | None) -> pa.RecordBatch:
        """The open session, if there is one, and the mark of these substreams (None = all)."""
        wanted = sorted(self._marks.keys() | self.open.keys()) if substreams is None else substreams
        rows: list[tuple[int | None, ...]] = []
        for substream in wanted:
            found = self.open.get(substream)
            of = (found.number, found.first, found.last, found.start) if found else (None,) * 4
            begun = None if found is None else int(found.begun)
            rows.append((substream, self._marks.get(substream), *of, begun))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(_SAVED)
        arrays = [pa.array(column, pa.int64()) for column in columns]
        return pa.RecordBatch.from_arrays(arrays, list(_SAVED))

    def load(self, tables: Sequence[pa.RecordBatch], following: int) -> None:
        """Take what `saved` gave, later tables over earlier ones; numbers go on at `following`."""
        latest: dict[int, tuple[int | None, ...]] = {}
        for rows in tables:
            columns = [each.to_pylist() for each in rows.columns]
            latest.update((row[0], row[1:]) for row in zip(*columns, strict=True))
        opened: list[Session] = []
        for substream, (mark, number, first, last, start, begun) in latest.items():
            if mark is not None:
                self._marks[substream] = mark
            if number is not None and first is not None and last is not None and start is not None:
                opened.append(Session(number, first, last, start, bool(begun), substream))
        for session in sorted(opened, key=lambda each: each.number):
            self.open[session.substream] = self.numbered[session.number] = session
        self._next = following

    @property
    def following(self) -> int:
        """The number of the next session."""
        return self._next

    @property
    def nbytes(self) -> int:
        """Memory, estimated."""
        return 200 * len(self.open) + 100 * len(self._marks)


class _SessionPart:
    """Sessions in checkpoints: one row for every substream that had rows or an end."""

    def __init__(self, sessions: Sessions) -> None:
        self._of = sessions

    def changes(self, *, full: bool) -> StateDelta | None:
        """Substreams of which something changed."""
        dirty, self._of.dirty = self._of.dirty, set()
        full = full or dirty is None
        if not full and not dirty:
            return None
        rows = self._of.saved(None if full or dirty is None else sorted(dirty))
        return StateDelta({"rows": rows}, {"next": self._of.following}, full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """The last that was said of every substream."""
        self._of.dirty = set()
        known = since_full(deltas)
        if known:
            self._of.load([delta.tables["rows"] for delta in known], known[-1].values["next"])
