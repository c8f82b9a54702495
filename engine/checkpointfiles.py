"""The files of checkpoints: manifests (JSON with a checksum) and states (framed deltas)."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from engine.checkpoint import StateDelta, decode, encode
from engine.log.files import FileSystem, read_mapped, replace_file, write_all

_MAGIC = b"TRCP1\0\0\0"
_HEAD = struct.Struct("<QQ")  # number of the operator, length of its delta


class Damaged(Exception):
    """A file is torn, altered, or none of ours."""


class FileEntry(msgspec.Struct, frozen=True):
    """A state file as its manifest names it."""

    name: str
    bytes: int
    crc32: int


class Manifest(msgspec.Struct, frozen=True):
    """What one checkpoint consists of; fields as in `engine.checkpoints.Checkpoint`."""

    step: int
    instant_ms: int
    sources: tuple[tuple[int, int, bool, tuple[int, ...]], ...]
    operators: int
    notes: dict[str, Any]
    base: FileEntry
    changes: tuple[FileEntry, ...]
    program: str
    duckdb: str
    hashing: str
    written_ms: int

    @property
    def nbytes(self) -> int:
        """Bytes of the files that it names."""
        return sum(each.bytes for each in (self.base, *self.changes))


class _Checked(msgspec.Struct, frozen=True):
    crc32: int
    manifest: msgspec.Raw


def manifest_name(number: int) -> str:
    """Name of the manifest of a checkpoint."""
    return f"manifest-{number:012d}.json"


def state_name(number: int) -> str:
    """Name of the file that a checkpoint added."""
    return f"state-{number:012d}.bin"


def number_of(name: str, kind: Callable[[int], str]) -> int | None:
    """The number in a name of this kind, None if the name is another."""
    digits = "".join(each for each in name if each.isdigit())
    if digits and kind(int(digits)) == name:
        return int(digits)
    return None


def write_manifest(fs: FileSystem, path: Path, manifest: Manifest) -> None:
    """Make a manifest current: whole and durable, or not there. May raise OSError."""
    body = msgspec.json.encode(manifest)
    checked = _Checked(zlib.crc32(body), msgspec.Raw(body))
    replace_file(fs, path, msgspec.json.encode(checked))


def read_manifest(path: Path) -> Manifest:
    """Raises Damaged or OSError."""
    try:
        checked = msgspec.json.decode(path.read_bytes(), type=_Checked)
        body = bytes(checked.manifest)
        if zlib.crc32(body) == checked.crc32:
            return msgspec.json.decode(body, type=Manifest)
    except msgspec.DecodeError as error:
        raise Damaged(f"{path.name} is no manifest") from error
    raise Damaged(f"{path.name} has another checksum")


def write_file(
    fs: FileSystem, path: Path, parts: Iterable[tuple[int, StateDelta]], *, durable: bool = True
) -> FileEntry:
    """A new file with these deltas of operators, piece by piece, durable but for its name.

    May raise OSError; nothing is left of the file then, if the disk lets go of it.
    """
    fs.remove(path)
    fd = fs.create(path)
    try:
        offset, crc = 0, 0
        for piece in _pieces(parts):
            write_all(fs, fd, piece, offset)
            crc = zlib.crc32(piece, crc)
            offset += len(piece)
        if durable:
            fs.sync_data(fd)
    except OSError:
        with contextlib.suppress(OSError):  # a full disk has no room for half a file
            fs.remove(path)
        raise
    finally:
        fs.close(fd)
    return FileEntry(path.name, offset, crc)


def _pieces(parts: Iterable[tuple[int, StateDelta]]) -> Iterator[bytes]:
    yield _MAGIC
    for operator, delta in parts:
        payload = encode(delta)
        yield _HEAD.pack(operator, len(payload))
        yield payload


def read_unchecked(path: Path) -> StateDelta:
    """The first delta of a file that is known to be whole, its rows in the mapped file.

    Raises Damaged or OSError.
    """
    data = read_mapped(path)
    if len(data) < len(_MAGIC) + _HEAD.size:
        raise Damaged(f"{path.name} is torn")
    at = len(_MAGIC)
    _, length = _HEAD.unpack_from(data, at)
    at += _HEAD.size
    try:
        return decode(data[at : at + length])
    except (msgspec.DecodeError, pa.ArrowInvalid) as error:
        raise Damaged(f"{path.name} has a delta that cannot be read") from error


def read_file(folder: Path, entry: FileEntry) -> Iterator[tuple[int, StateDelta]]:
    """The deltas of a file in the order of writing; raises Damaged or OSError."""
    data = read_mapped(folder / entry.name)
    if len(data) != entry.bytes or zlib.crc32(data) != entry.crc32 or bytes(data[:8]) != _MAGIC:
        raise Damaged(f"{entry.name} is torn or altered")
    at = len(_MAGIC)
    while at < len(data):
        operator, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        try:
            yield operator, decode(bytes(data[at : at + length]))
        except (msgspec.DecodeError, pa.ArrowInvalid) as error:
            raise Damaged(f"{entry.name} has a delta that cannot be read") from error
        at += length
