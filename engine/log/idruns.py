"""Older idempotency ids: sorted files, looked up through a mapping, merged as they add up."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.batch import Int64s
from engine.log.files import FileSystem, read_mapped, replace_file

SUFFIX = ".ids"
KEY_BYTES = 16
_MAGIC = b"TRID"
_HEADER = struct.Struct("<4sIQ")  # magic, crc of what follows the header, bytes of the head
_log = logging.getLogger(__name__)

UInt64s = npt.NDArray[np.uint64]
UInt32s = npt.NDArray[np.uint32]


class _Head(msgspec.Struct, array_like=True, frozen=True):
    count: int
    newest_ms: int
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids as columns, sorted by `high`: halves of the key, number, instant, index of the stream."""

    high: UInt64s
    low: UInt64s
    sn: Int64s
    instant_ms: Int64s
    stream: UInt32s
    streams: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.high)

    @property
    def newest_ms(self) -> int:
        """Instant of the latest one."""
        return int(self.instant_ms.max()) if len(self) else 0

    def counts(self) -> dict[str, int]:
        """How many ids of each stream."""
        counted = np.bincount(self.stream, minlength=len(self.streams)).tolist()
        return dict(zip(self.streams, counted, strict=True))

    def find(self, keys: UInt64s) -> dict[int, int]:
        """Numbers by row of `keys`, which has a high and a low half per row; known ones only."""
        found: dict[int, int] = {}
        starts = np.searchsorted(self.high, keys[:, 0])
        inside = np.flatnonzero(starts < len(self))
        for row in inside[self.high[starts[inside]] == keys[inside, 0]].tolist():
            at = int(starts[row])
            while at < len(self) and self.high[at] == keys[row, 0]:
                if self.low[at] == keys[row, 1]:
                    found[row] = int(self.sn[at])
                    break
                at += 1
        return found

    def take(self, rows: Int64s) -> Ids:
        """Some of them, in this order."""
        return Ids(
            self.high[rows],
            self.low[rows],
            self.sn[rows],
            self.instant_ms[rows],
            self.stream[rows],
            self.streams,
        )


@dataclass(frozen=True, slots=True)
class IdRun:
    """A file of ids."""

    name: str
    ids: Ids


def halves(keys: Sequence[bytes]) -> UInt64s:
    """Keys as rows of two numbers."""
    return np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)


def collect(entries: dict[bytes, tuple[int, int, str]]) -> Ids:
    """Columns out of a table of key to number, instant and stream."""
    streams: dict[str, int] = {}
    index = [streams.setdefault(stream_id, len(streams)) for _, _, stream_id in entries.values()]
    keys = halves(list(entries))
    order = np.argsort(keys[:, 0], kind="stable")
    return Ids(
        keys[:, 0],
        keys[:, 1],
        np.fromiter((sn for sn, _, _ in entries.values()), np.int64, len(entries)),
        np.fromiter((ms for _, ms, _ in entries.values()), np.int64, len(entries)),
        np.array(index, np.uint32),
        tuple(streams),
    ).take(order)


def merge(parts: Sequence[Ids], alive: frozenset[str], before_ms: int, kept_min: int) -> Ids:
    """One out of several that hold the latest ids of their streams; leaves out streams that are
    not in `alive`, and ids older than `before_ms` that are not among the last `kept_min` of their
    stream."""
    streams: dict[str, int] = {}
    indexes: list[UInt32s] = []
    for part in parts:
        renamed = [streams.setdefault(s, len(streams)) for s in part.streams]
        indexes.append(np.array(renamed, np.uint32)[part.stream])
    joined = Ids(
        np.concatenate([p.high for p in parts]),
        np.concatenate([p.low for p in parts]),
        np.concatenate([p.sn for p in parts]),
        np.concatenate([p.instant_ms for p in parts]),
        np.concatenate(indexes),
        tuple(streams),
    )
    keep = (joined.instant_ms >= before_ms) | (_age_rank(joined) < kept_min)
    living = np.array([s in alive for s in joined.streams], np.bool_)
    if len(living):
        keep &= living[joined.stream]
    rows = np.flatnonzero(keep)
    return joined.take(rows[np.argsort(joined.high[rows], kind="stable")])


def _age_rank(ids: Ids) -> Int64s:
    """Per id how many of its stream are newer."""
    order = np.lexsort((-ids.sn, ids.stream))
    sorted_streams = ids.stream[order]
    starts = np.searchsorted(sorted_streams, sorted_streams)
    rank = np.empty(len(ids), np.int64)
    rank[order] = np.arange(len(ids)) - starts
    return rank


def write_run(folder: Path, name: str, ids: Ids, fs: FileSystem) -> IdRun:
    """Write a file, durable on return; blocks, raises OSError."""
    head = msgspec.msgpack.encode(_Head(len(ids), ids.newest_ms, ids.streams))
    columns = (ids.high, ids.low, ids.sn, ids.instant_ms, ids.stream)
    body = head + bytes(-len(head) % 8) + b"".join(c.tobytes() for c in columns)
    replace_file(fs, folder / name, _HEADER.pack(_MAGIC, zlib.crc32(body), len(head)) + body)
    return IdRun(name, ids)


def read_run(folder: Path, name: str) -> IdRun | None:
    """Map a file; None, with an error in the log, when it is missing or damaged."""
    try:
        data = read_mapped(folder / name)
        magic, crc, head_bytes = _HEADER.unpack_from(data)
        body = data[_HEADER.size :]
        if magic != _MAGIC or zlib.crc32(body) != crc:
            raise ValueError("checksum")
        head = msgspec.msgpack.decode(body[:head_bytes], type=_Head)
    except (OSError, ValueError, struct.error, msgspec.DecodeError):
        _log.error("idempotency ids in %s cannot be read: repeats of them are not noticed", name)
        return None
    offset = head_bytes + -head_bytes % 8
    count = head.count
    words = np.frombuffer(body[offset : offset + 32 * count], "<u8").reshape(4, count)
    streams = np.frombuffer(body[offset + 32 * count :], "<u4")
    signed = words.view(np.int64)
    return IdRun(name, Ids(words[0], words[1], signed[2], signed[3], streams, head.streams))
