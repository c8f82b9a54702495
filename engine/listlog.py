"""Checkpoints of growing lists and sets by slot: what was added since the last, not the whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Protocol

import pyarrow as pa

from engine.arrays import Int64s
from engine.checkpoint import StateDelta
from engine.stateparts import since_full

# A list, or the values of a dict in order of arrival; None = nothing yet.
Items = list[Any] | dict[Any, Any] | None


class Lists(Protocol):
    """The column whose lists are kept."""

    def items(self, slot: int) -> Items:
        """What a slot holds."""
        ...

    def filled(self) -> list[int]:
        """The slots that hold something, ascending."""
        ...

    def fill(self, slot: int, items: list[Any]) -> None:
        """Put the items of a new slot."""
        ...


class ListLog:
    """A part of a checkpoint (`engine.stateparts.Part`) for lists that only grow, until cleared."""

    def __init__(self, lists: Lists, kind: pa.DataType) -> None:
        self._lists = lists
        self._kind = kind
        self._dirty: set[int] | None = None  # None = no one saves these
        self._told: dict[int, int] = {}  # by slot, how many items the checkpoints have

    def grew(self, slots: Sequence[int]) -> None:
        """Items were added in these slots."""
        if self._dirty is not None:
            self._dirty.update(slots)

    def cleared(self, slots: Int64s) -> None:
        """These slots hold nothing any more."""
        if self._dirty is not None:
            gone = slots.tolist()
            self._dirty.update(gone)
            for slot in gone:
                self._told.pop(slot, None)

    def changes(self, *, full: bool) -> StateDelta | None:
        """The new items of the lists that grew, and which are gone."""
        full = full or self._dirty is None
        if full or self._dirty is None:
            slots = self._lists.filled()
            self._told.clear()
        else:
            slots = sorted(self._dirty)
            if not slots:
                return None
        self._dirty = set()
        starts: list[int] = []
        added: list[list[Any] | None] = []
        for slot in slots:
            held = self._lists.items(slot)
            start = self._told.get(slot, 0)
            starts.append(start)
            if held is None:
                added.append(None)
                continue
            self._told[slot] = len(held)
            values = held.values() if isinstance(held, dict) else held
            added.append(list(islice(values, start, None)))
        columns = {
            "slot": pa.array(slots, pa.int64()),
            "start": pa.array(starts, pa.int64()),
            "items": pa.array(added, self._kind),
        }
        return StateDelta({"rows": pa.record_batch(columns)}, {}, full)

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """The lists piece by piece."""
        self._dirty = set()
        held: dict[int, list[Any]] = {}
        for delta in since_full(deltas):
            columns = [each.to_pylist() for each in delta.tables["rows"].columns]
            for slot, start, items in zip(*columns, strict=True):
                if items is None:
                    held.pop(slot, None)
                elif start:
                    held[slot].extend(items)
                else:
                    held[slot] = items
        for slot, items in held.items():
            self._lists.fill(slot, items)
            self._told[slot] = len(items)
