"""When groups were last touched: those that were not for a while are forgotten."""

from __future__ import annotations

import numpy as np

from engine.arrays import Int64s, enlarged
from engine.ordering import distinct
from engine.stateparts import Arrays, Parts, Saved

_GONE = 0  # the instant of a slot without a group
# Notes of touches beyond so many per group are thinned out.
_NOTES_PER_GROUP = 4
_NOTES_MIN = 10_000


class Ages(Saved):
    """The instant of the last touch of every slot; `ttl_ms` 0 = nothing is ever forgotten."""

    def __init__(self, ttl_ms: int) -> None:
        self.ttl_ms = ttl_ms
        self._instant = np.zeros(0, np.int64)
        self._notes: list[tuple[int, Int64s]] = []  # touches in order: instant and slots
        self._count = 0
        self._live = 0
        self._state = Parts({"instants": Arrays(lambda: (self._instant,), self._load)})

    def touch(self, slots: Int64s, instant_ms: int, capacity: int) -> None:
        """Rows came for the groups in these slots, which are below `capacity`."""
        if not self.ttl_ms:
            return
        if len(self._instant) < capacity:
            self._instant = enlarged(self._instant, capacity)
        touched = distinct(slots)
        self._live += int((self._instant[touched] == _GONE).sum())
        self._instant[touched] = instant_ms
        self._notes.append((instant_ms, touched))
        self._count += len(touched)
        if self._count > _NOTES_PER_GROUP * self._live + _NOTES_MIN:
            self._note_anew()

    def forget(self, slots: Int64s) -> None:
        """The groups in these slots are gone."""
        if self.ttl_ms:
            self._live -= int((self._instant[slots] != _GONE).sum())
            self._instant[slots] = _GONE

    def expired(self, instant_ms: int) -> Int64s:
        """Slots that were not touched for the ttl; they are forgotten here. Ascending."""
        found: list[Int64s] = []
        while self._notes and self._notes[0][0] + self.ttl_ms <= instant_ms:
            noted, slots = self._notes.pop(0)
            self._count -= len(slots)
            found.append(slots[self._instant[slots] == noted])
        over = distinct(np.concatenate(found)) if found else np.zeros(0, np.int64)
        self.forget(over)
        return over

    def _note_anew(self) -> None:
        """One note per group, in order of the last touch."""
        live = np.flatnonzero(self._instant != _GONE)
        instants, at = np.unique(self._instant[live], return_inverse=True)
        order = np.argsort(at, kind="stable")
        parts = np.split(live[order], np.cumsum(np.bincount(at))[:-1]) if len(live) else []
        self._notes = list(zip(instants.tolist(), parts, strict=True))
        self._count = self._live = len(live)

    def _load(self, arrays: list[Int64s]) -> None:
        self._instant = arrays[0]
        self._note_anew()
