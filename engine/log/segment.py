"""One file of the log: its name and header, appending frames, the footer that closes it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from engine.log import frame
from engine.log.codec import Encoded, Index, Part, encode_index
from engine.log.files import FileSystem, write_all
from engine.log.schemas import SchemaStore

SUFFIX = ".seg"
HEADER_BYTES = 32
_HEADER = struct.Struct("<8sIIQI4x")
_MAGIC = b"TAILRACE"
_VERSION = 1
_TRAILER = struct.Struct("<Q8s")  # offset of the footer frame, mark
_TRAILER_MAGIC = b"TRFOOTER"


@dataclass(frozen=True, slots=True)
class SegmentName:
    """What a file's name says: the position its frames begin with, and the salt of its checksums.
    The header repeats both."""

    path: Path
    first_position: int
    salt: int

    @classmethod
    def of(cls, folder: Path, first_position: int, salt: int) -> SegmentName:
        """Name of a new segment."""
        name = f"{first_position:016d}-{salt:08x}{SUFFIX}"
        return cls(folder / name, first_position, salt)

    @classmethod
    def parse(cls, path: Path) -> SegmentName | None:
        """Name of an existing file, None if it is no segment's."""
        first, _, salt = path.stem.partition("-")
        if path.suffix != SUFFIX or not first.isdigit() or len(salt) != 8:
            return None
        try:
            return cls(path, int(first), int(salt, 16))
        except ValueError:
            return None

    @classmethod
    def listed(cls, folder: Path) -> list[SegmentName]:
        """All segments of a folder in order."""
        names = [n for n in (cls.parse(p) for p in folder.iterdir()) if n is not None]
        return sorted(names, key=lambda n: (n.first_position, n.path.name))


@dataclass(slots=True)
class SegmentStreams:
    """What a segment holds, gathered while it is written or scanned."""

    last_position: int = 0
    last_instant_ms: int = 0
    streams: dict[str, tuple[int, int, int]] = field(
        default_factory=dict[str, tuple[int, int, int]]
    )
    schemas: set[str] = field(default_factory=set[str])

    def add(self, position: int, instant_ms: int, parts: tuple[Part, ...]) -> None:
        """A commit is in it."""
        self.last_position = position
        self.last_instant_ms = instant_ms
        for part in parts:
            self.schemas.add(part.schema)
            first, _, size = self.streams.get(part.stream_id, (part.first_sn, 0, 0))
            last = part.first_sn + part.appends - 1
            self.streams[part.stream_id] = (first, last, size + part.length)


@dataclass(frozen=True, slots=True)
class ClosedSegment:
    """A segment that is not written to any more."""

    name: SegmentName
    last_position: int
    last_instant_ms: int
    size: int
    streams: dict[str, tuple[int, int, int]]
    schemas: frozenset[str]


class ActiveSegment:
    """The segment that the writer appends to. Every method may raise OSError."""

    def __init__(self, name: SegmentName, fd: int, fs: FileSystem) -> None:
        self.name = name
        self.end = HEADER_BYTES
        self.held = SegmentStreams(last_position=name.first_position - 1)
        self._fd = fd
        self._fs = fs

    @classmethod
    def create(cls, name: SegmentName, size: int, fs: FileSystem) -> ActiveSegment:
        """A new segment with room for `size` bytes, its name durable before the first frame."""
        fd = fs.create(name.path)
        try:
            fs.preallocate(fd, size)
            write_all(fs, fd, header(name), 0)
            fs.sync_data(fd)
            fs.sync_folder(name.path.parent)
        except OSError:
            fs.close(fd)
            fs.remove(name.path)
            raise
        return cls(name, fd, fs)

    def write(self, data: bytes) -> None:
        """Put a frame after the last acknowledged one; it counts only after `sync`."""
        write_all(self._fs, self._fd, data, self.end)

    def sync(self) -> None:
        """fdatasync; an error means that nobody knows what is on the disk."""
        self._fs.sync_data(self._fd)

    def advance(self, size: int, position: int, instant_ms: int, encoded: Encoded) -> None:
        """The frame that was written is durable."""
        self.end += size
        self.held.add(position, instant_ms, encoded.parts)

    def cut_back(self) -> None:
        """Remove what follows the last acknowledged frame."""
        self._fs.truncate(self._fd, self.end)

    def close(self, schemas: SchemaStore) -> ClosedSegment:
        """Write the footer, give back what was preallocated, make both durable."""
        closed = write_footer(self._fs, self._fd, self.name, self.end, (self.held, schemas))
        self._fs.close(self._fd)
        return closed

    def abandon(self) -> None:
        """Close the descriptor and nothing else."""
        self._fs.close(self._fd)


def header(name: SegmentName) -> bytes:
    """First bytes of a segment."""
    start = _HEADER.pack(_MAGIC, _VERSION, name.salt, name.first_position, 0)
    crc = zlib.crc32(start)
    return _HEADER.pack(_MAGIC, _VERSION, name.salt, name.first_position, crc)


def write_footer(
    fs: FileSystem,
    fd: int,
    name: SegmentName,
    end: int,
    content: tuple[SegmentStreams, SchemaStore],
) -> ClosedSegment:
    """Close a segment whose frames end at `end`; everything in it is durable afterwards."""
    held, schemas = content
    index = Index(
        name.first_position,
        held.last_position,
        held.last_instant_ms,
        held.streams,
        {key: schemas.serialized(key) for key in held.schemas if schemas.schema(key) is not None},
    )
    body = encode_index(index)
    data = frame.encode(frame.FOOTER, held.last_position, body, name.salt)
    data += _TRAILER.pack(end, _TRAILER_MAGIC)
    # What lay here may be a torn frame longer than the footer.
    fs.truncate(fd, end)
    write_all(fs, fd, data, end)
    fs.sync_data(fd)
    return ClosedSegment(
        name,
        held.last_position,
        held.last_instant_ms,
        end + len(data),
        held.streams,
        frozenset(held.schemas),
    )


def find_footer(data: memoryview, salt: int) -> frame.Frame | None:
    """Footer frame of a closed segment by its trailer, None if there is none or it is damaged."""
    if len(data) < HEADER_BYTES + _TRAILER.size:
        return None
    offset, mark = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)
    if mark != _TRAILER_MAGIC or not HEADER_BYTES <= offset < len(data):
        return None
    found = frame.decode(data[: len(data) - _TRAILER.size], offset, salt)
    return found if found is not None and found.kind == frame.FOOTER else None
