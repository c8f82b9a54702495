"""Files of state that does not fit into memory: a folder per query, one file per partition."""

from __future__ import annotations

import itertools
import logging
import re
import shutil
import urllib.parse
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.checkpoint import StateDelta
from engine.checkpointfiles import Damaged, FileEntry, read_file, read_unchecked, write_file
from engine.errors import Code, QueryFailed
from engine.log.files import FileSystem

# Of the memory of a query, the part that each operator may have whatever the others hold.
_OWN_PART: Final = 0.5
# Files that stay mapped between look-ups: address space, which has a limit.
_MAPPED_BYTES_MAX: Final = 256 << 20
_MAPPED_FILES_MAX: Final = 2_048
_NAME = re.compile(r"part-(\d{12})\.arrow")
_PREFIX = "q-"
# In the notes of a checkpoint.
SPILLED: Final = "spilled"
SPILLED_BELOW: Final = "spilled_below"
_log = logging.getLogger("tailrace.engine")


@dataclass(frozen=True, slots=True)
class Extent:
    """A file of a partition: its name, its bytes and their checksum, the rows in it, and the lowest
    of what they are visited by (`engine.spill`)."""

    name: str
    bytes: int
    crc32: int
    rows: int
    low: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a query may hold in memory: bytes of all of its state, and keys of each operator (0 =
    any number)."""

    memory_max: int
    keys_max: int = 0


class SpillSpace:
    """The memory that the operators of one query share, and its files. For the flow thread.

    `kept`: checkpoints name the files, so these are left to `SpillStore.clean` when their rows are
    back in memory.
    """

    def __init__(self, folder: Path, fs: FileSystem, bounds: Bounds, *, kept: bool) -> None:
        self._folder = folder
        self._fs = fs
        self.memory_max = bounds.memory_max
        self.keys_max = bounds.keys_max
        self._kept = kept
        self._memory: dict[int, int] = {}  # bytes in memory by operator
        self._named: dict[str, int] = {}  # bytes of the files in use
        self._checked: set[str] = set()  # files in use that were whole when last looked at
        self._mapped: OrderedDict[str, StateDelta] = OrderedDict()  # files that are looked into
        self._mapped_bytes = 0
        self.next_number = _above(folder)
        self.reads = 0
        self.peeks = 0
        self.writes = 0

    def join(self) -> int:
        """A number for an operator whose state may go to disk."""
        self._memory[len(self._memory)] = 0
        return len(self._memory) - 1

    def allowance(self, member: int, held: int) -> int:
        """Note that an operator holds so many bytes in memory; returns how many it may hold."""
        self._memory[member] = held
        others = sum(self._memory.values()) - held
        own = int(self.memory_max / len(self._memory) * _OWN_PART)
        return max(self.memory_max - others, own)

    @property
    def disk_bytes(self) -> int:
        """Bytes of the files in use."""
        return sum(self._named.values())

    @property
    def names(self) -> list[str]:
        """The files in use, for a checkpoint."""
        return sorted(self._named)

    def write(self, delta: StateDelta, rows: int) -> Extent:
        """A new file; QueryFailed 241 when the disk refuses it."""
        path = self._folder / _name(self.next_number)
        self.next_number += 1
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            entry = write_file(self._fs, path, [(0, delta)], durable=False)
        except OSError as error:
            message = (
                "The state of the query is larger than its memory and the disk takes no more of "
                f"it ({error.strerror}); free room on the disk or start the query with fewer keys."
            )
            raise QueryFailed(message, Code.MEMORY_LIMIT) from error
        self.writes += 1
        self._named[entry.name] = entry.bytes
        self._checked.add(entry.name)
        low = int(delta.values.get("low", 0))
        return Extent(entry.name, entry.bytes, entry.crc32, rows, low)

    def adopt(self, extent: Extent) -> None:
        """A restored state has this file."""
        self._named[extent.name] = extent.bytes
        number = _NAME.fullmatch(extent.name)
        if number is not None:
            self.next_number = max(self.next_number, int(number[1]) + 1)

    def read(self, extent: Extent) -> StateDelta:
        """What `write` was given; QueryFailed when the file is gone, torn or altered."""
        entry = FileEntry(extent.name, extent.bytes, extent.crc32)
        self.reads += 1
        try:
            found = next(delta for _, delta in read_file(self._folder, entry))
        except (Damaged, OSError, StopIteration) as error:
            raise _unreadable(extent, error) from error
        self._checked.add(extent.name)
        return found

    def peek(self, extent: Extent) -> StateDelta:
        """As `read`, but only the pages that are looked at are read: what this process wrote or
        has read whole is not checked again. Not to be held: the file stays mapped with it."""
        self.peeks += 1
        known = self._mapped.get(extent.name)
        if known is not None:
            self._mapped.move_to_end(extent.name)
            return known
        if extent.name not in self._checked:
            self.read(extent)
        try:
            found = read_unchecked(self._folder / extent.name)
        except (Damaged, OSError) as error:
            raise _unreadable(extent, error) from error
        self._mapped[extent.name] = found
        self._mapped_bytes += extent.bytes
        while self._mapped_bytes > _MAPPED_BYTES_MAX or len(self._mapped) > _MAPPED_FILES_MAX:
            name, _ = self._mapped.popitem(last=False)
            self._mapped_bytes -= self._named[name]
        return found

    def drop(self, extent: Extent) -> None:
        """The rows of a file are in memory, or gone."""
        if self._mapped.pop(extent.name, None) is not None:
            self._mapped_bytes -= extent.bytes
        self._named.pop(extent.name, None)
        self._checked.discard(extent.name)
        if self._kept:
            return
        try:
            self._fs.remove(self._folder / extent.name)
        except OSError as error:
            _log.warning("%s stays until the query ends: %s", extent.name, error.strerror)

    def close(self) -> None:
        """The query ended. Files that no checkpoint can name are deleted."""
        if not self._kept and self.writes:
            shutil.rmtree(self._folder, ignore_errors=True)


def spilled(space: SpillSpace | None) -> dict[str, Any]:
    """What the notes of a checkpoint say of files: those in use, and above which numbers others
    may come."""
    if space is None or not space.next_number:
        return {}
    return {SPILLED: space.names, SPILLED_BELOW: space.next_number}


class SpillStore:
    """The folders of all queries below one. Safe to call from any thread."""

    def __init__(self, folder: Path, fs: FileSystem) -> None:
        self._folder = folder
        self._fs = fs
        self._settled: dict[str, set[str]] = {}  # durable files by query, as named last

    def space(self, query_id: str, bounds: Bounds, *, kept: bool) -> SpillSpace:
        """Of a query that starts or goes on."""
        return SpillSpace(self._of(query_id), self._fs, bounds, kept=kept)

    def settle(self, query_id: str, names: Collection[str]) -> None:
        """Make files durable, before a checkpoint names them. Blocks; may raise OSError."""
        folder = self._of(query_id)
        new = [each for each in names if each not in self._settled.get(query_id, ())]
        for name in new:
            self._fs.sync_file(folder / name)
        if new:
            self._fs.sync_folder(folder)
        self._settled[query_id] = set(names)

    def clean(self, query_id: str, named: Collection[str], below: int) -> None:
        """Delete files numbered below `below` that no checkpoint names. May raise OSError."""
        folder = self._of(query_id)
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            number = _NAME.fullmatch(path.name)
            if number is not None and int(number[1]) < below and path.name not in named:
                self._fs.remove(path)

    def forget(self, query_id: str) -> None:
        """Delete all files of a query; none is fine."""
        self._settled.pop(query_id, None)
        shutil.rmtree(self._of(query_id), ignore_errors=True)

    def begin(self, kept: Collection[str]) -> None:
        """At the start of the engine: delete the files of queries that nobody can go on with."""
        if not self._folder.exists():
            return
        wanted = {self._of(query_id).name for query_id in kept}
        for path in sorted(self._folder.iterdir()):
            if path.name.startswith(_PREFIX) and path.name not in wanted:
                shutil.rmtree(path, ignore_errors=True)

    def _of(self, query_id: str) -> Path:
        return self._folder / (_PREFIX + urllib.parse.quote(query_id, safe=""))


def _unreadable(extent: Extent, error: Exception) -> QueryFailed:
    message = (
        f"A part of the query's state cannot be read from disk ({extent.name}: {error}); "
        "start the query anew."
    )
    return QueryFailed(message, Code.INCORRECT_DATA)


def _name(number: int) -> str:
    return f"part-{number:012d}.arrow"


def _above(folder: Path) -> int:
    """Above the numbers of all files that are there."""
    names = (path.name for path in folder.iterdir()) if folder.exists() else iter(())
    found = (_NAME.fullmatch(name) for name in names)
    numbers = (int(each[1]) + 1 for each in found if each is not None)
    return max(itertools.chain(numbers, (0,)))
