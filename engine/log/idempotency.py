"""Idempotency ids of appends: which number an id has, kept by age and by count per stream."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.log.files import FileSystem
from engine.log.idruns import (
    KEY_BYTES,
    SUFFIX,
    IdRun,
    Ids,
    collect,
    halves,
    merge,
    read_run,
    write_run,
)
from engine.log.settings import LogSettings

_Recent = dict[bytes, tuple[int, int, str]]  # number, instant, stream


def id_key(stream_id: str, text: str) -> bytes:
    """What stands for an id of a stream here: 128 bits of a hash of both."""
    return hashlib.blake2b(f"{stream_id}\0{text}".encode(), digest_size=KEY_BYTES).digest()


class IdTable:
    """Ids of all streams: those since the last checkpoint in memory, older ones in sorted files.

    `add` and `freeze` belong to the log's writer, `write` and `adopt` to the thread that seals;
    looking up is safe anywhere.
    """

    def __init__(self, folder: Path, fs: FileSystem, settings: LogSettings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._fs = fs
        self._kept_ms = settings.ids_kept_ms
        self._kept_min = settings.ids_kept_min
        self._recent: _Recent = {}
        self._frozen: tuple[_Recent, ...] = ()
        self._runs: tuple[IdRun, ...] = ()  # oldest first; each at least twice the next
        self._written: tuple[tuple[IdRun, ...], int] | None = None
        self._alive: frozenset[str] = frozenset()
        self._names = 0

    def find(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Sequence numbers of the keys that are known."""
        found: dict[bytes, int] = {}
        rest: list[bytes] = []
        tables = (self._recent, *self._frozen)
        for key in keys:
            entry = next((t[key] for t in tables if key in t), None)
            if entry is not None:
                found[key] = entry[0]
            else:
                rest.append(key)
        runs = self._runs
        if rest and runs:
            parts = halves(rest)
            for run in runs:
                found.update((rest[row], sn) for row, sn in run.ids.find(parts).items())
        return found

    def add(self, stream_id: str, key: bytes, sn: int, instant_ms: int) -> None:
        """An append with this id is durable."""
        self._recent[key] = (sn, instant_ms, stream_id)

    def freeze(self, alive: frozenset[str]) -> None:
        """Everything so far belongs to the checkpoint that begins; the ids of streams that are
        not in `alive` go with its files."""
        self._alive = alive
        if self._recent:
            self._frozen = (*self._frozen, self._recent)
            self._recent = {}

    def write(self, now_ms: int) -> bytes:
        """Make what is frozen durable; returns what `restore` needs. Blocks, raises OSError.

        Runs of similar size become one, so an id is written log(n) times, and a look-up reads
        log(n) files; ids that need not be kept are left out there.
        """
        frozen = self._frozen
        before_ms = now_ms - self._kept_ms
        runs = [r.ids for r in self._runs]
        names: list[str] = [r.name for r in self._runs]
        entries: _Recent = {}
        for table in frozen:
            entries.update(table)
        if entries:
            runs.append(collect(entries))
            names.append("")
        while len(runs) > 1 and len(runs[-2]) < 2 * len(runs[-1]):
            runs[-2:] = [merge(runs[-2:], self._alive, before_ms, self._kept_min)]
            names[-2:] = [""]
        while len(runs) > 1 and self._spent(runs, before_ms):
            del runs[0], names[0]
        made = tuple(
            IdRun(name, ids) if name else write_run(self._folder, self._name(), ids, self._fs)
            for name, ids in zip(names, runs, strict=True)
        )
        self._written = (made, len(frozen))
        return msgspec.msgpack.encode([run.name for run in made])

    def _spent(self, runs: list[Ids], before_ms: int) -> bool:
        """The oldest run is over age, and newer ones hold enough ids of each of its streams."""
        if runs[0].newest_ms >= before_ms:
            return False
        newer: Counter[str] = Counter()
        for run in runs[1:]:
            newer.update(run.counts())
        needed = self._alive.intersection(runs[0].streams)
        return all(newer[stream_id] >= self._kept_min for stream_id in needed)

    def _name(self) -> str:
        self._names += 1
        return f"{self._names:012d}{SUFFIX}"

    def adopt(self) -> None:
        """What `write` returned is durable elsewhere: use the new files, remove the others."""
        if self._written is None:
            return
        runs, frozen = self._written
        self._written = None
        self._runs = runs
        self._frozen = self._frozen[frozen:]
        self._remove_others()

    def restore(self, data: bytes) -> None:
        """Begin with what a `write` returned; damaged files are left out and reported."""
        names: list[str] = msgspec.msgpack.decode(data, type=list[str]) if data else []
        found = [read_run(self._folder, name) for name in names]
        self._runs = tuple(run for run in found if run is not None)
        self._remove_others()
        numbers = [p.stem for p in self._folder.glob(f"*{SUFFIX}") if p.stem.isdigit()]
        self._names = max((int(n) for n in numbers), default=0)

    def _remove_others(self) -> None:
        kept = {run.name for run in self._runs}
        for path in self._folder.iterdir():
            if path.name not in kept:
                self._fs.remove(path)
