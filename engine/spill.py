"""State beyond memory: partitions of keys that were not touched lately lie on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, Protocol

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s
from engine.checkpoint import StateDelta
from engine.ordering import distinct
from engine.slots import Hashes, SlotTable
from engine.spillspace import Extent, SpillSpace
from engine.state import StateSize

# As many partitions as the memory has of these bytes: smaller files cost more to make than to read.
_PARTITION_BYTES: Final = 1 << 20
# Of a state of 4 GB one of 256 partitions is 16 MB, read in some 20 ms.
_BITS_MIN, _BITS_MAX = 3, 8
# What goes to disk at a time: down to this part of the memory, so that it happens now and then.
_LOW_PART: Final = 0.5


# Files of a partition; when there are more they become one. Look-ups go through all of them.
_FILES_MAX: Final = 4
# The table of a delta with the rows, and its column of the key hashes.
ROWS: Final = "rows"
HASH: Final = "hash"

Mode = Literal["fold", "replace", "whole"]


class Spillable(Protocol):
    """Rows by key whose slots can be emptied, and filled again later with other slots."""

    @property
    def table(self) -> SlotTable:
        """The table of the slots."""
        ...

    def key_hashes(self, slots: Int64s) -> Hashes:
        """The hash of the key of each slot, by whose high bits slots are parted."""
        ...

    def fits(self, more: int) -> bool:
        """Whether so many more rows need no more memory."""
        ...

    def purge(self, slots: Int64s) -> Int64s:
        """Free those of these slots, all of a partition, that hold nothing but say that what is on
        disk of their keys no longer counts; returns the others."""
        ...

    def lift(self, groups: Sequence[Int64s]) -> list[StateDelta]:
        """Take each of these sets of slots out of memory. A value `low` of the delta is a number
        by which visits may leave a partition out."""
        ...

    def drop(self, slots: Int64s) -> None:
        """Free slots whose rows lie on disk as they are."""
        ...

    def lower(self, rows: StateDelta) -> Int64s:
        """Put back what was taken out; returns the slots. What comes of keys that are there is
        merged with it as later ("fold"), or is let go ("replace")."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        ...


class Spill:
    """The partitions of one state, and a part of checkpoints that names their files.

    What happens to keys that are touched while they are on disk (`mode`): "fold": they begin anew
    in memory, and what is on disk is merged with that when somebody looks. "replace": they are
    looked up, and from then on what is in memory counts; such a state frees keys only as `freeable`
    allows. "whole": their partition is brought into memory. Without a space nothing ever leaves.
    """

    def __init__(self, space: SpillSpace | None, state: Spillable, mode: Mode) -> None:
        self._space = space
        self._state = state
        self._mode = mode
        self._member = -1 if space is None else space.join()
        self._extents: dict[int, list[Extent]] = {}
        self._size: StateSize | None = None
        # Keys that were looked up and did not change: hashes and slots, by hash.
        self._clean = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        memory = 0 if space is None else space.memory_max
        self._bits = _BITS_MIN
        while self._bits < _BITS_MAX and memory >> self._bits >= _PARTITION_BYTES:
            self._bits += 1
        self._touched = np.zeros(self._count, np.int64)
        self._turn = 0
        self._said: list[list[object]] | None = None

    @property
    def _count(self) -> int:
        return 1 << self._bits

    def _parts(self, hashes: Hashes) -> Int64s:
        """The partition of each hash: its high bits."""
        return (hashes >> np.uint64(64 - self._bits)).astype(np.int64)

    @property
    def away(self) -> bool:
        """Whether anything is on disk."""
        return bool(self._extents)

    @property
    def size(self) -> StateSize:
        """What is on disk."""
        if self._size is None:
            self._size = self._counted()
        return self._size

    def _counted(self) -> StateSize:
        every = [each for extents in self._extents.values() for each in extents]
        disk = sum(each.bytes for each in every)
        return StateSize(sum(each.rows for each in every), disk, disk)

    # -- before keys are touched --------------------------------------------------------------

    def touch(
        self,
        hashes: Hashes,
        *,
        changing: bool = True,
        there: Callable[[], Bools] | None = None,
    ) -> None:
        """Rows with these key hashes are about to come; no slots may be held over this call.

        What has to be in memory is brought there, and other partitions leave if room is needed.
        `changing`: else what is there of these keys stays as it is, and is not written again.
        `there`: which rows have their keys in memory, asked after others left it.
        """
        if self._space is None or not len(hashes):
            return
        parts = self._parts(hashes)
        wanted = np.flatnonzero(np.bincount(parts, minlength=self._count))
        self._turn += 1
        self._touched[wanted] = self._turn
        if changing and len(self._clean[0]):
            self._soil(np.isin(self._clean[0], hashes))
        if self._mode != "whole":
            self._relieve(len(hashes), ())
        if self._mode == "fold":
            return
        missing = [p for p in wanted.tolist() if p in self._extents]
        if self._mode == "whole":
            more = sum(each.rows for p in missing for each in self._extents[p])
            self._relieve(len(hashes) + more, wanted)
            for part in missing:
                self._load(part)
            return
        if not missing:
            return
        asked = hashes if there is None else hashes[~there()]
        found = self._look_up(missing, distinct(asked))
        if len(found) and not changing:
            self._note_clean(found)

    def _note_clean(self, slots: Int64s) -> None:
        """What these slots hold is what is on disk."""
        hashes = np.concatenate((self._clean[0], self._state.key_hashes(slots)))
        slots = np.concatenate((self._clean[1], slots))
        self._clean = hashes, slots

    def _soil(self, which: Bools) -> None:
        """These of the clean keys change, or leave."""
        hashes, slots = self._clean
        self._clean = hashes[~which], slots[~which]

    def _look_up(self, parts: Sequence[int], asked: Hashes) -> Int64s:
        """Bring the rows with these hashes of some partitions, the newest of each key; the files
        stay, and what is in memory counts from now on. Costs what is asked for, not the files.
        Returns the slots."""
        assert self._space is not None
        # Partitions are ranges of hashes, since they are their high bits.
        borders = np.searchsorted(self._parts(asked), np.arange(self._count + 1))
        found: list[list[dict[str, pa.RecordBatch]]] = []  # by age, the newest first
        for part in parts:
            some = asked[borders[part] : borders[part + 1]]
            if not len(some):
                continue
            for age, extent in enumerate(reversed(self._extents[part])):
                tables = self._space.peek(extent).tables
                if age == len(found):
                    found.append([])
                if (rows := _having(tables[ROWS], some)).num_rows:
                    more = {n: _having(each, some) for n, each in tables.items() if n != ROWS}
                    found[age].append({ROWS: rows} | more)
        lowered = [np.zeros(0, np.int64)]
        for each in found:
            if each:
                joined = {name: pa.concat_batches([t[name] for t in each]) for name in each[0]}
                lowered.append(self._state.lower(StateDelta(joined)))
        return np.concatenate(lowered)

    def _relieve(self, more: int, wanted: Int64s | tuple[()]) -> None:
        """Let partitions go, those first that were not touched for longest, so that `more` rows
        fit into the memory."""
        assert self._space is not None
        table, held = self._state.table, self._state.nbytes
        allowed = self._space.allowance(self._member, held)
        few = not self._space.keys_max or table.live + more <= self._space.keys_max
        if few and held <= allowed and (held * 2 <= allowed or self._state.fits(more)):
            return
        target = int(table.live * _LOW_PART * min(1, allowed / held))
        if not few:
            target = min(target, self._space.keys_max - more)
        slots = table.slots()
        groups = _grouped(slots, self._parts(self._state.key_hashes(slots)))
        leaving: list[int] = []
        left = table.live
        kept = set(np.asarray(wanted, np.int64).tolist())
        for part in sorted(groups, key=lambda p: (self._touched[p], p)):
            if left <= target:
                break
            if part in kept:
                continue
            leaving.append(part)
            left -= len(groups[part])
        self._leave(leaving, [groups[part] for part in leaving])

    def _leave(self, parts: Sequence[int], groups: Sequence[Int64s]) -> None:
        """All rows of these partitions leave the memory; those that are on disk are not written."""
        hashes, slots = self._clean
        if len(slots):
            gone = np.isin(self._parts(hashes), parts)
            clean = np.zeros(self._state.table.capacity, np.bool_)
            clean[slots[gone]] = True
            self._soil(gone)
            self._state.drop(np.flatnonzero(clean))
            dirty = [slots[~clean[slots]] for slots in groups]
            pairs = [(p, each) for p, each in zip(parts, dirty, strict=True) if len(each)]
            parts, groups = [p for p, _ in pairs], [each for _, each in pairs]
        self._store(parts, groups)

    def _store(self, parts: Sequence[int], groups: Sequence[Int64s]) -> None:
        """Rows of these partitions go to disk, in the order of their hashes."""
        assert self._space is not None
        state = self._state
        self._size = None
        ordered = [slots[np.argsort(state.key_hashes(slots), kind="stable")] for slots in groups]
        for part, rows, slots in zip(parts, state.lift(ordered), ordered, strict=True):
            files = self._extents.setdefault(part, [])
            files.append(self._space.write(rows, len(slots)))
            if len(files) > _FILES_MAX:
                whole = self._state.purge(self._load(part))
                if len(whole):
                    self._store([part], [whole])

    def _load(self, part: int) -> Int64s:
        """All rows of a partition that are on disk."""
        assert self._space is not None
        files = self._extents.pop(part)
        self._size = None
        found = self._lower([self._space.read(each) for each in files])
        for each in files:
            self._space.drop(each)
        return found

    def _lower(self, rows: list[StateDelta]) -> Int64s:
        """Put back rows of one partition, given oldest first."""
        if self._mode == "replace":
            rows.reverse()
        return distinct(np.concatenate([self._state.lower(each) for each in rows]))

    def freeable(self, slots: Int64s) -> Int64s:
        """Those of these slots that may be freed: what is in memory of a key counts as long as
        files may have it too."""
        if not self._extents or self._mode == "whole":
            return slots
        away = np.zeros(self._count, np.bool_)
        away[list(self._extents)] = True
        return slots[~away[self._parts(self._state.key_hashes(slots))]]

    # -- all rows -----------------------------------------------------------------------------

    def visit(
        self, *, changing: bool, wanted: Callable[[int], bool] | None = None
    ) -> Iterator[Int64s]:
        """The slots of every row, those in memory first, then partition by partition from disk.

        Slots are good until the next are asked for: then those of a partition go back to disk, with
        what was done to them if `changing`, but for those that were freed. Each row comes once,
        whole. `wanted`: of the partitions on disk those alone whose lowest number (see
        `Spillable.lift`) it says yes to. Go through to the end.
        """
        slots = self._state.table.slots()
        away = [
            part
            for part, extents in sorted(self._extents.items())
            if wanted is None or wanted(min(each.low for each in extents))
        ]
        if not away:
            yield slots
            return
        parts = self._parts(self._state.key_hashes(slots))
        groups = _grouped(slots, parts)
        here = [part for part in away if part in groups]
        ahead = dict(zip(here, self._state.lift([groups[part] for part in here]), strict=True))
        yield self._state.table.slots()
        for part in away:
            yield from self._visit(part, ahead.pop(part, None), changing=changing)

    def _visit(self, part: int, ahead: StateDelta | None, *, changing: bool) -> Iterator[Int64s]:
        assert self._space is not None
        extents = self._extents[part]
        rows = [self._space.read(each) for each in extents]
        every = self._lower(rows if ahead is None else [*rows, ahead])
        yield every
        left = every[self._state.table.holds(every)]
        same = len(left) == len(every) and ahead is None and len(extents) == 1
        if changing or not same:
            del self._extents[part]
            self._size = None
            if len(left):
                self._store([part], [left])
            for each in extents:
                self._space.drop(each)
        else:
            self._state.drop(left)

    # -- checkpoints ----------------------------------------------------------------------------

    def changes(self, *, full: bool) -> StateDelta | None:
        """The files by partition when they differ from the last time."""
        now: list[list[object]] = [
            [part, each.name, each.bytes, each.crc32, each.rows, each.low]
            for part, extents in sorted(self._extents.items())
            for each in extents
        ]
        if not full and now == self._said:
            return None
        self._said = now
        return StateDelta({}, {"files": now, "bits": self._bits})

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """The last that was said."""
        self._extents.clear()
        self._size = None
        if deltas:
            self._bits = int(deltas[-1].values["bits"])
            self._touched = np.zeros(self._count, np.int64)
        for part, *rest in deltas[-1].values["files"] if deltas else ():
            extent = Extent(*rest)
            self._extents.setdefault(int(part), []).append(extent)
            if self._space is not None:
                self._space.adopt(extent)
        self._said = None if not deltas else list(deltas[-1].values["files"])


def _having(rows: pa.RecordBatch, asked: Hashes) -> pa.RecordBatch:
    """Those of rows in order of hash that have one of these hashes."""
    known = rows.column(HASH).to_numpy()
    low = known.searchsorted(asked)
    low = low[low < len(known)]
    low = low[known[low] == asked[: len(low)]]  # `asked` ascends: those beyond the end are last
    if not len(low):
        return rows.slice(0, 0)
    after = np.minimum(low + 1, len(known) - 1)
    if not (known[after] == known[low]).any() or len(known) == 1:
        return rows.take(pa.array(low))
    count = known.searchsorted(known[low], "right") - low
    step = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    return rows.take(pa.array(np.repeat(low, count) + step))


def _grouped(slots: Int64s, parts: Int64s) -> dict[int, Int64s]:
    """The slots of each partition."""
    if not len(slots):
        return {}
    order = np.argsort(parts, kind="stable")
    slots, parts = slots[order], parts[order]
    found, starts = np.unique(parts, return_index=True)
    return dict(zip(found.tolist(), np.split(slots, starts[1:]), strict=True))
