"""The series of a workspace in memory: those that are durable, and those that are on their way."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from engine.clock import Clock
from engine.errors import TooLarge, UserError
from engine.timeseries.timedb_messages import Series, SeriesFilter

# All of them are in memory, a kilobyte each with its indexes.
SERIES_MAX: Final = 1_000_000
NAME_CHARS_MAX: Final = 1_024
LABELS_MAX: Final = 64
DIMENSIONLESS: Final = "dimensionless"

Identity = tuple[str, tuple[tuple[str, str], ...]]


def identity(name: str, labels: dict[str, str]) -> Identity:
    """What makes a series itself: its unit is not part of it."""
    return name, tuple(sorted(labels.items()))


class _Pending:
    """A series that no durable commit has yet, and how many submissions use it."""

    __slots__ = ("series", "uses")

    def __init__(self, series: Series) -> None:
        self.series = series
        self.uses = 0


class SeriesBook:
    """Owns them. All methods may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._by_identity: dict[Identity, Series] = {}
        self._by_id: dict[str, Series] = {}
        self._by_name: dict[str, dict[int, Series]] = {}
        self._by_label: dict[tuple[str, str], dict[int, Series]] = {}
        self._pending: dict[Identity, _Pending] = {}
        self._last_no = 0

    def take(self, rows: Iterable[Series]) -> None:
        """Rows of the registry's stream that are durable."""
        with self.lock:
            for series in rows:
                key = identity(series.name, series.labels)
                self._pending.pop(key, None)
                self._last_no = max(self._last_no, series.no)
                if key in self._by_identity:
                    continue
                self._by_identity[key] = series
                self._by_id[series.uuid] = self._by_id[str(series.no)] = series
                self._by_name.setdefault(series.name, {})[series.no] = series
                for label in series.labels.items():
                    self._by_label.setdefault(label, {})[series.no] = series

    def __len__(self) -> int:
        """How many are durable."""
        return len(self._by_identity)

    def by_id(self, series_id: str) -> Series | None:
        """The durable one of this id, in either form."""
        return self._by_id.get(series_id.strip().lower())

    def by_number(self, numbers: Iterable[int]) -> list[Series]:
        """The durable ones of these numbers, in this order."""
        return [self._by_id[str(no)] for no in numbers]

    def exact(self, name: str, labels: dict[str, str]) -> Series | None:
        """The durable one of this identity."""
        return self._by_identity.get(identity(name, labels))

    def match(self, among: SeriesFilter) -> list[Series]:
        """The durable ones that fit, in any order."""
        with self.lock:
            found = list(self._narrowest(among))
        labels = (among.labels or {}).items()
        if labels:
            found = [s for s in found if labels <= s.labels.items()]
        if among.name is not None:
            found = [s for s in found if s.name == among.name]
        if among.unit is not None:
            found = [s for s in found if s.unit == among.unit]
        return found

    def _narrowest(self, among: SeriesFilter) -> Iterable[Series]:
        """The smallest of the indexes that hold all that fit."""
        if among.series_id is not None:
            one = self.by_id(among.series_id)
            return () if one is None else (one,)
        indexes = [self._by_label.get(label, {}) for label in (among.labels or {}).items()]
        if among.name is not None:
            indexes.append(self._by_name.get(among.name, {}))
        if not indexes:
            return self._by_identity.values()
        return min(indexes, key=len).values()

    def claim(self, wanted: Series) -> tuple[Series, bool]:
        """The series of this identity, made like `wanted` (whose id and number do not count) if
        there is none; True = no commit has it yet, so the submission has to hold its row, and to
        call `settle` when it has ended."""
        key = identity(wanted.name, wanted.labels)
        with self.lock:
            known = self._by_identity.get(key)
            if known is not None:
                return known, False
            pending = self._pending.get(key)
            if pending is None:
                pending = self._pending[key] = _Pending(self._made(wanted))
            pending.uses += 1
            return pending.series, True

    def _made(self, wanted: Series) -> Series:
        _check(wanted)
        if len(self._by_identity) + len(self._pending) >= SERIES_MAX:
            raise TooLarge(f"A workspace has at most {SERIES_MAX} series.")
        self._last_no += 1
        return Series(
            self._clock.uuid4(),
            self._last_no,
            wanted.name,
            wanted.unit,
            wanted.labels,
            wanted.description,
            wanted.overlapping,
            wanted.retention,
            wanted.inserted_us,
        )

    def settle(self, claimed: Iterable[Series]) -> None:
        """A submission with these has ended; those that are not durable now and that no other one
        uses are forgotten."""
        with self.lock:
            for series in claimed:
                key = identity(series.name, series.labels)
                pending = self._pending.get(key)
                if pending is None or pending.series is not series:
                    continue
                pending.uses -= 1
                if not pending.uses:
                    del self._pending[key]


def _check(wanted: Series) -> None:
    if not wanted.name.strip():
        raise UserError("A series needs a name that is not blank.")
    if len(wanted.name) > NAME_CHARS_MAX:
        raise UserError(f"The name of a series has at most {NAME_CHARS_MAX} characters.")
    if len(wanted.labels) > LABELS_MAX:
        raise UserError(f"A series has at most {LABELS_MAX} labels.")
