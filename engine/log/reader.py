"""Reads a log: recovery at open, and commits of the past from a position on."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from engine.batch import StreamSlice
from engine.log import frame
from engine.log.codec import (
    CommitCodec,
    Head,
    Index,
    Touched,
    decode_head,
    decode_index,
    notes_of,
)
from engine.log.files import FileSystem, read_mapped
from engine.log.records import Commit, Listener
from engine.log.schemas import SchemaStore
from engine.log.segment import (
    HEADER_BYTES,
    ClosedSegment,
    SegmentName,
    SegmentStreams,
    find_footer,
    header,
    write_footer,
)
from engine.log.sequence import DROP

_log = logging.getLogger(__name__)

Ranges = dict[str, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Bytes of a segment that are not frames though frames follow; they are kept on disk."""

    segment: str
    offset: int
    end: int


@dataclass(slots=True)
class Recovery:
    """What opening a log found. `degraded`: per stream the sequence numbers that cannot be read.

    `lost_commits`: ranges of positions that cannot be read; notes in them are unknown.
    """

    commits: int = 0
    cut_bytes: int = 0
    quarantined: list[Quarantine] = field(default_factory=list[Quarantine])
    lost_commits: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    degraded: Ranges = field(default_factory=dict[str, list[tuple[int, int]]])
    next_sn: dict[str, int] = field(default_factory=dict[str, int])
    dropped: set[str] = field(default_factory=set[str])
    last_position: int = 0
    last_instant_ms: int = 0
    before: tuple[Touched, ...] = ()
    segments: list[ClosedSegment] = field(default_factory=list[ClosedSegment])
    sync_failed: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """What is known before the log is read: commits up to `sealed_position` are in history, with
    these next sequence numbers and this instant."""

    sealed_position: int = 0
    instant_ms: int = 0
    next_sn: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class ReadParts:
    """What reading needs: where payload schemas are, the file system, how commits are decoded."""

    codec: CommitCodec
    schemas: SchemaStore
    fs: FileSystem


IdListener = Callable[[str, int, bytes, int], None]  # stream, number, key, instant


class Recoverer:
    """One pass over all segments. `start` tells which commits are in history already."""

    def __init__(
        self, parts: ReadParts, start: Start, on_commit: Listener, on_id: IdListener
    ) -> None:
        self._parts = parts
        self._sealed = start.sealed_position
        self._on_commit = on_commit
        self._on_id = on_id
        self._next = start.sealed_position + 1  # the first position that is still to come
        self._read = 0  # position of the last frame that was read
        self._hole: tuple[int, int] | None = None  # missing before the first frame of a segment
        self._seen_at: dict[str, int] = {}
        self._unknown: list[tuple[int, int]] = []
        self.found = Recovery(
            last_position=start.sealed_position,
            last_instant_ms=start.instant_ms,
            next_sn=dict(start.next_sn),
        )

    def run(self, names: list[SegmentName], commit_appends_max: int) -> Recovery:
        """Read everything, cut a torn tail, close the last segment. Never raises for damage."""
        names = list(names)
        while names:
            data = read_mapped(names[-1].path)
            if not _holds_nothing(names[-1], data):
                break
            rest = len(bytes(data[HEADER_BYTES:]).rstrip(b"\0"))
            self._cut(names[-1], rest)
            self._remove(names.pop())
            if rest:
                break
        indexes = [_read_index(name) for name in names]
        for index in indexes:
            self._parts.schemas.restore(index.schemas if index is not None else {})
        for name, index in zip(names, indexes, strict=True):
            self._segment(name, index, last=name is names[-1])
        if self._hole is not None:
            self._lose(self._hole, None, covered=False)
        self._spread_unknown(commit_appends_max)
        self.found.last_position = max(self.found.last_position, self._next - 1)
        return self.found

    def _segment(self, name: SegmentName, index: Index | None, *, last: bool) -> None:
        if name.first_position > self._next:
            self._hole = (self._next, name.first_position - 1)
            self._next = name.first_position
        if index is not None and index.last_position <= self._sealed:
            self.found.segments.append(_closed(name, index))
            return
        data = read_mapped(name.path)
        if bytes(data[:HEADER_BYTES]) != header(name):
            _log.warning("segment %s: its header is damaged, its name is used", name.path.name)
        held = SegmentStreams(last_position=name.first_position - 1)
        end = self._frames(name, data, (held, index is not None), last=last)
        if index is not None:
            self._check_footer(index)
            self.found.segments.append(_closed(name, index))
        elif last:
            self.found.segments.append(self._close(name, end, held))
        else:
            self.found.segments.append(_summary(name, held, len(data)))

    def _frames(
        self,
        name: SegmentName,
        data: memoryview,
        content: tuple[SegmentStreams, bool],
        *,
        last: bool,
    ) -> int:
        """Deliver the commits of a segment; returns where its frames end."""
        held, covered = content
        end = HEADER_BYTES
        for item in frame.scan(data, HEADER_BYTES, name.salt):
            if isinstance(item, frame.Gap):
                if item.tail and last and not covered:
                    self._cut(name, item.end - item.offset)
                else:
                    self._quarantine(name, item.offset, item.end)
                continue
            if item.kind == frame.FOOTER:
                break
            end = item.end
            head = _read_head(item)
            if head is None or item.position <= self._read:
                self._quarantine(name, item.offset, item.end)
                continue
            held.add(item.position, head.instant_ms, head.parts)
            self._arrive(item.position, head.before, covered=covered)
            self._commit(item, head)
        return end

    def _arrive(self, position: int, before: tuple[Touched, ...], *, covered: bool) -> None:
        """A frame is here: commits between the last one and it are lost."""
        self._read = position
        hole, self._hole = self._hole, None
        if hole is not None:
            self._lose(hole, before if position == hole[1] + 1 else None, covered=False)
        if position > self._next:
            self._lose((self._next, position - 1), before, covered=covered)
        self._next = max(self._next, position + 1)

    def _lose(
        self, lost: tuple[int, int], before: tuple[Touched, ...] | None, *, covered: bool
    ) -> None:
        """Commits cannot be read. `before`: what the last of them held; `covered`: a footer will
        tell what all of them held."""
        _log.error("commits %d to %d cannot be read", *lost)
        self.found.lost_commits.append(lost)
        for item in before or ():
            self._missing(item.stream_id, item.first_sn + item.appends)
        if not covered and (before is None or lost[1] > lost[0]):
            self._unknown.append(lost)

    def _missing(self, stream_id: str, next_sn: int) -> None:
        """Numbers below `next_sn` that were not read are lost."""
        known = self.found.next_sn.get(stream_id, 0)
        if next_sn > known:
            self.found.degraded.setdefault(stream_id, []).append((known, next_sn - 1))
            self.found.next_sn[stream_id] = next_sn

    def _check_footer(self, index: Index) -> None:
        hole, self._hole = self._hole, None
        if hole is not None:
            self._lose(hole, None, covered=False)
        if index.last_position >= self._next:
            self._lose((self._next, index.last_position), None, covered=True)
            self._next = index.last_position + 1
        for stream_id, (_, last_sn, _) in index.streams.items():
            if stream_id not in self.found.dropped:
                self._missing(stream_id, last_sn + 1)
                self._seen_at[stream_id] = index.last_position

    def _commit(self, item: frame.Frame, head: Head) -> None:
        found = self.found
        found.last_instant_ms = max(found.last_instant_ms, head.instant_ms)
        found.before = tuple(Touched(p.stream_id, p.first_sn, p.appends) for p in head.parts)
        notes = notes_of(head)
        unsealed = item.position > self._sealed
        slices = self._slices(item, head) if unsealed else ()
        # Drops that are in history already count too: a footer still names their streams.
        for note in notes:
            if note.kind == DROP:
                self._drop(note.data.decode())
        if unsealed:
            found.commits += 1
            self._on_commit(Commit(item.position, head.instant_ms, slices, notes))

    def _slices(self, item: frame.Frame, head: Head) -> tuple[StreamSlice, ...]:
        """The rows of a commit that is not in history; counts its numbers and ids."""
        found = self.found
        slices, lost = self._parts.codec.slices(head, item.body)
        for part in head.parts:
            self._missing(part.stream_id, part.first_sn)
            if part in lost:
                _log.error("rows of a stream cannot be read: their schema is lost")
                self._missing(part.stream_id, part.first_sn + part.appends)
            after = part.first_sn + part.appends
            found.next_sn[part.stream_id] = max(after, found.next_sn.get(part.stream_id, 0))
            self._seen_at[part.stream_id] = item.position
            for sn, key in part.ids:
                self._on_id(part.stream_id, sn, key, head.instant_ms)
        return tuple(slices)

    def _drop(self, stream_id: str) -> None:
        self.found.dropped.add(stream_id)
        self.found.next_sn.pop(stream_id, None)
        self.found.degraded.pop(stream_id, None)

    def _remove(self, name: SegmentName) -> None:
        try:
            self._parts.fs.remove(name.path)
        except OSError as error:
            _log.error("segment %s cannot be removed: %s", name.path.name, error.strerror)
            self.found.sync_failed = True

    def _cut(self, name: SegmentName, size: int) -> None:
        if size:
            self.found.cut_bytes += size
            _log.warning(
                "segment %s: cut back to its last whole record, %d bytes removed",
                name.path.name,
                size,
            )

    def _quarantine(self, name: SegmentName, offset: int, end: int) -> None:
        self.found.quarantined.append(Quarantine(name.path.name, offset, end))
        _log.error("segment %s: bytes %d to %d are damaged", name.path.name, offset, end)

    def _close(self, name: SegmentName, end: int, held: SegmentStreams) -> ClosedSegment:
        """Cut what follows the last frame, write the footer, make all of it durable."""
        fs = self._parts.fs
        try:
            fd = fs.open(name.path)
            try:
                return write_footer(fs, fd, name, end, (held, self._parts.schemas))
            finally:
                fs.close(fd)
        except OSError as error:
            _log.error("segment %s cannot be closed: %s", name.path.name, error.strerror)
            self.found.sync_failed = True
            return _summary(name, held, end)

    def _spread_unknown(self, commit_appends_max: int) -> None:
        """Commits are lost and nothing names their streams: any stream that was not seen after
        them may have lost rows, and numbers it may have given must not be given again."""
        for first, last in self._unknown:
            lost = (last - first + 1) * commit_appends_max
            for stream_id, known in list(self.found.next_sn.items()):
                if self._seen_at.get(stream_id, 0) < first:
                    self._missing(stream_id, known + lost)


def read_commits(
    names: list[SegmentName], from_position: int, end_position: int, codec: CommitCodec
) -> Iterator[Commit]:
    """Commits `from_position` to `end_position` out of segments, damage left out (blocks)."""
    for number, name in enumerate(names):
        if number + 1 < len(names) and names[number + 1].first_position <= from_position:
            continue
        if name.first_position > end_position:
            return
        for item in frame.scan(read_mapped(name.path), HEADER_BYTES, name.salt):
            if isinstance(item, frame.Gap):
                continue
            if item.kind == frame.FOOTER or item.position > end_position:
                break
            if item.position >= from_position:
                head = decode_head(item.body)
                slices, _ = codec.slices(head, item.body)
                yield Commit(item.position, head.instant_ms, tuple(slices), notes_of(head))


def _holds_nothing(name: SegmentName, data: memoryview) -> bool:
    items = frame.scan(data, HEADER_BYTES, name.salt)
    return not any(isinstance(item, frame.Frame) for item in items)


def _read_index(name: SegmentName) -> Index | None:
    found = find_footer(read_mapped(name.path), name.salt)
    if found is None:
        return None
    try:
        return decode_index(found.body)
    except msgspec.DecodeError:
        return None


def _read_head(item: frame.Frame) -> Head | None:
    try:
        return decode_head(item.body)
    except (msgspec.DecodeError, struct.error):
        return None


def _closed(name: SegmentName, index: Index) -> ClosedSegment:
    return ClosedSegment(
        name,
        index.last_position,
        index.last_instant_ms,
        name.path.stat().st_size,
        index.streams,
        frozenset(index.schemas),
    )


def _summary(name: SegmentName, held: SegmentStreams, size: int) -> ClosedSegment:
    return ClosedSegment(
        name,
        held.last_position,
        held.last_instant_ms,
        size,
        held.streams,
        frozenset(held.schemas),
    )
