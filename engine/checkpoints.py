"""Checkpoints of queries on disk: a folder per query, a base and changes, manifests that name them.

A manifest is current once it is renamed into place; the last three are kept, and a file goes when
none of them names it. A torn or damaged file makes its manifests unreadable: recovery then takes
the newest manifest before them.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import shutil
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.checkpoint import StateDelta
from engine.checkpointfiles import (
    Damaged,
    FileEntry,
    Manifest,
    manifest_name,
    number_of,
    read_file,
    read_manifest,
    state_name,
    write_file,
    write_manifest,
)
from engine.clock import Clock
from engine.log.files import FileSystem
from engine.spillspace import SPILLED, SPILLED_BELOW, SpillStore

MANIFESTS_KEPT: Final = 3
# A base is written anew when the changes after it are more than this part of it ...
CHANGES_PART: Final = 0.5
# ... or so many files that a recovery would open too many.
CHANGE_FILES_MAX: Final = 100
_PREFIX = "q-"
_log = logging.getLogger(__name__)


class BaseWanted(Exception):
    """A change cannot be kept since what is before it is not on disk; collect the whole state."""


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """Where one source of a query stands after the step.

    `next_sn`: the first sequence number that was not read. `row`: rows taken of a snapshot or of
    a generator (its next ordinal). `past_done`: the past of the source is read. `drawn`: how far
    the random values of the filters and projections right above it are drawn.
    """

    next_sn: int = 0
    row: int = 0
    past_done: bool = False
    drawn: tuple[int, ...] = (0, 0)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a query after one of its steps.

    To be written, `operators` has for each operator (in the order of `Graph.changes`) the delta
    that it gave, or nothing; `full` says that these are whole. As read, it has a base and the
    changes after it for each: what `Graph.restore` takes, and `full` is True.
    `notes`: what else the owner needs to go on, as JSON can say it (start record, timers ...).
    `program` and `duckdb`: versions that made the state; filled in by the store when empty.
    `needs`: of each stream the first append that a recovery from here reads; not kept on disk.
    """

    step: int
    instant_ms: int
    sources: tuple[SourcePosition, ...]
    operators: Sequence[Sequence[StateDelta]]
    full: bool
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    program: str = ""
    duckdb: str = ""
    needs: Mapping[str, int] = field(default_factory=dict[str, int])


def as_written(collected: Sequence[StateDelta | None]) -> list[list[StateDelta]]:
    """What `Graph.changes` gave, in the form of `Checkpoint.operators`."""
    return [[] if delta is None else [delta] for delta in collected]


@dataclass(frozen=True, slots=True)
class _Chain:
    """The current manifest of a query, on which a change can follow; numbers never come again."""

    base: FileEntry | None = None
    changes: tuple[FileEntry, ...] = ()
    next_number: int = 0

    @property
    def wants_base(self) -> bool:
        """Whether the next checkpoint has to be, or should be, a whole one."""
        if self.base is None or len(self.changes) >= CHANGE_FILES_MAX:
            return True
        return sum(each.bytes for each in self.changes) > CHANGES_PART * self.base.bytes


class CheckpointStore:
    """Checkpoints of all queries below one folder. Safe to call from any thread; for one query
    one call at a time, except for `wants_base`, which never blocks on disk.
    """

    def __init__(
        self,
        folder: Path,
        fs: FileSystem,
        clock: Clock,
        *,
        program: str = "",
        duckdb: str = "",
        hashing: Callable[[], str] = str,
    ) -> None:
        """`program`, `duckdb`: versions that are noted in every checkpoint. `hashing`: how keys
        hash here (`engine.hashing`), asked once; a state of another hashing is not read, since its
        keys would not be found again. Blocks on disk.
        """
        self._folder = folder
        self._fs = fs
        self._clock = clock
        self._program = program
        self._duckdb = duckdb
        self._hashing = functools.cache(hashing)
        self.spills: SpillStore | None = None  # of the files that states name; set by the owner
        self._lock = threading.Lock()
        self._chains: dict[str, _Chain] = {}  # a few hundred bytes a query, gone with `forget`
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)

    def wants_base(self, query_id: str) -> bool:
        """Whether the next checkpoint is to be collected with `full=True`.

        True for a query that was neither written nor read (`newest`) since this store was made,
        after a write that failed, and when the changes have grown beyond half the base.
        """
        with self._lock:
            chain = self._chains.get(query_id)
            return chain is None or chain.wants_base

    def write(self, query_id: str, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; durable and the newest when this returns. For a background thread.

        Checkpoints of a query come in the order in which they were collected. Raises OSError
        when the disk refuses (the one before stays the newest and the next has to be a base), and
        BaseWanted for a change without the base that it belongs to.
        """
        with self._lock:
            chain = self._chains.get(query_id)
        if chain is None:
            chain = _Chain(next_number=self._next_number(query_id))
            self._make_folder(query_id)
        if chain.base is None and not checkpoint.full:
            raise BaseWanted(f"the state of the query '{query_id}' has no base on disk")
        made = _Chain(next_number=chain.next_number + 1)
        try:
            if self.spills is not None:
                self.spills.settle(query_id, checkpoint.notes.get(SPILLED, ()))
            made = self._write(query_id, chain, checkpoint)
        finally:
            self._keep(query_id, made)
        self._clean(query_id)

    def newest(self, query_id: str) -> Checkpoint | None:
        """The newest checkpoint that can be read whole, None if there is none. Blocks on disk.

        What is damaged, or of another hashing, is logged and passed over. Changes collected after
        a restore of this checkpoint may follow it, if it is the newest that was written.
        """
        folder = self._of(query_id)
        numbers = self._manifests(query_id)
        for number in reversed(numbers):
            try:
                manifest = read_manifest(folder / manifest_name(number))
                if manifest.hashing != self._hashing():
                    raise Damaged(f"DuckDB {manifest.duckdb} made it, which hashes otherwise")
                operators = _read_state(folder, manifest)
            except (Damaged, OSError) as error:
                _log.error("checkpoint %d of %s is passed over: %s", number, query_id, error)
                continue
            following = self._next_number(query_id)
            newest = number == numbers[-1]
            kept = (manifest.base, manifest.changes) if newest else (None, ())
            self._keep(query_id, _Chain(*kept, following))
            return Checkpoint(
                manifest.step,
                manifest.instant_ms,
                tuple(SourcePosition(*each) for each in manifest.sources),
                operators,
                True,
                manifest.notes,
                manifest.program,
                manifest.duckdb,
            )
        return None

    def newest_manifest(self, query_id: str) -> Manifest | None:
        """What the newest checkpoint says of itself, None if there is none. Blocks on disk."""
        folder = self._of(query_id)
        for number in reversed(self._manifests(query_id)):
            with contextlib.suppress(Damaged, OSError):
                return read_manifest(folder / manifest_name(number))
        return None

    def forget(self, query_id: str) -> None:
        """Delete all checkpoints of a query; none is fine. Blocks on disk, may raise OSError."""
        with self._lock:
            self._chains.pop(query_id, None)
        folder = self._of(query_id)
        if folder.exists():
            shutil.rmtree(folder)
            self._fs.sync_folder(self._folder)
        if self.spills is not None:
            self.spills.forget(query_id)

    def queries(self) -> list[str]:
        """Ids of the queries of which there are checkpoints, sorted."""
        names = [each.name for each in self._folder.iterdir() if each.name.startswith(_PREFIX)]
        return sorted(urllib.parse.unquote(name[len(_PREFIX) :]) for name in names)

    # -- files --------------------------------------------------------------------------------

    def _of(self, query_id: str) -> Path:
        return self._folder / (_PREFIX + urllib.parse.quote(query_id, safe=""))

    def _keep(self, query_id: str, chain: _Chain) -> None:
        with self._lock:
            self._chains[query_id] = chain

    def _make_folder(self, query_id: str) -> None:
        folder = self._of(query_id)
        if not folder.exists():
            folder.mkdir(mode=0o750)
            self._fs.sync_folder(self._folder)

    def _manifests(self, query_id: str) -> list[int]:
        """Numbers of the manifests, ascending."""
        folder = self._of(query_id)
        if not folder.exists():
            return []
        found = (number_of(each.name, manifest_name) for each in folder.iterdir())
        return sorted(number for number in found if number is not None)

    def _next_number(self, query_id: str) -> int:
        """Above all numbers of manifests and of files that no manifest names yet."""
        folder = self._of(query_id)
        if not folder.exists():
            return 0
        names = [each.name for each in folder.iterdir()]
        found = [number_of(name, kind) for name in names for kind in (manifest_name, state_name)]
        return max((number + 1 for number in found if number is not None), default=0)

    def _write(self, query_id: str, chain: _Chain, checkpoint: Checkpoint) -> _Chain:
        folder, number = self._of(query_id), chain.next_number
        parts = [(at, delta) for at, deltas in enumerate(checkpoint.operators) for delta in deltas]
        entry = write_file(self._fs, folder / state_name(number), parts)
        self._fs.hit("checkpoint.state")
        if checkpoint.full or chain.base is None:
            base, changes = entry, ()
        else:
            base, changes = chain.base, (*chain.changes, entry)
        manifest = Manifest(
            checkpoint.step,
            checkpoint.instant_ms,
            tuple((s.next_sn, s.row, s.past_done, s.drawn) for s in checkpoint.sources),
            len(checkpoint.operators),
            dict(checkpoint.notes),
            base,
            changes,
            checkpoint.program or self._program,
            checkpoint.duckdb or self._duckdb,
            self._hashing(),
            self._clock.now_ms(),
        )
        write_manifest(self._fs, folder / manifest_name(number), manifest)
        self._fs.hit("checkpoint.manifest")
        return _Chain(base, changes, number + 1)

    def _clean(self, query_id: str) -> None:
        """Older manifests go, then the files that none of those left names."""
        folder = self._of(query_id)
        numbers = self._manifests(query_id)
        try:
            for number in numbers[:-MANIFESTS_KEPT]:
                self._fs.remove(folder / manifest_name(number))
            self._fs.hit("checkpoint.clean")
            named: set[str] = set()
            spilled: set[str] = set()
            below = 0
            for number in numbers[-MANIFESTS_KEPT:]:
                with contextlib.suppress(Damaged):  # it can never be read: its files may go
                    manifest = read_manifest(folder / manifest_name(number))
                    named.update(each.name for each in (manifest.base, *manifest.changes))
                    spilled.update(manifest.notes.get(SPILLED, ()))
                    below = int(manifest.notes.get(SPILLED_BELOW, below))
            for path in sorted(folder.iterdir()):
                if number_of(path.name, state_name) is not None and path.name not in named:
                    self._fs.remove(path)
            if self.spills is not None and below:
                self.spills.clean(query_id, spilled, below)
        except OSError as error:
            # The checkpoint is written; what stays behind is looked at after the next one.
            _log.warning("old checkpoints of %s stay for now: %s", query_id, error)


def _read_state(folder: Path, manifest: Manifest) -> list[list[StateDelta]]:
    """The deltas of every operator, base first."""
    operators: list[list[StateDelta]] = [[] for _ in range(manifest.operators)]
    for entry in (manifest.base, *manifest.changes):
        for at, delta in read_file(folder, entry):
            if at >= len(operators):
                raise Damaged(f"{entry.name} speaks of an operator that there is not")
            operators[at].append(delta)
    return operators
