"""The manifest of history: which Parquet files hold which rows, and up to which commit."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

import msgspec

from engine.log.files import FileSystem, replace_file

FORMAT = 1
MANIFEST_FILE = "manifest.json"
COPY_FILE = "manifest.copy.json"
STATE_PREFIX = "state-"
FILE_SUFFIX = ".parquet"
_STATE_MAGIC = b"TRST"
_log = logging.getLogger(__name__)


class FileEntry(msgspec.Struct, frozen=True):
    """One Parquet file of a stream. Times are the range of `_tp_time`, None without rows."""

    name: str
    first_sn: int
    last_sn: int
    rows: int
    bytes: int
    min_time_ms: int | None = None
    max_time_ms: int | None = None


class StreamEntry(msgspec.Struct, frozen=True):
    """A stream in history. Rows below `min_sn` were truncated; `degraded`: unreadable numbers.
    `removed_sn`: above all appends of which rows were removed by TTL or DELETE."""

    next_sn: int
    min_sn: int = 0
    files: tuple[FileEntry, ...] = ()
    degraded: tuple[tuple[int, int], ...] = ()
    removed_sn: int = 0


class Manifest(msgspec.Struct, frozen=True):
    """Everything up to commit `sealed_position` is in these files or gone on purpose."""

    format: int = FORMAT
    generation: int = 0
    sealed_position: int = 0
    instant_ms: int = 0
    state_file: str = ""
    streams: dict[str, StreamEntry] = {}


class _Checked(msgspec.Struct, frozen=True):
    crc32: int
    manifest: msgspec.Raw


def write_manifest(folder: Path, manifest: Manifest, fs: FileSystem) -> None:
    """Replace the manifest, then its copy; each is durable and whole at any instant."""
    body = msgspec.json.encode(manifest)
    data = msgspec.json.encode(_Checked(zlib.crc32(body), msgspec.Raw(body)))
    fs.hit("manifest.before")
    replace_file(fs, folder / MANIFEST_FILE, data)
    fs.hit("manifest.between")
    replace_file(fs, folder / COPY_FILE, data)
    fs.hit("manifest.after")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest, or its copy when it is damaged; None when neither can be read."""
    for name in (MANIFEST_FILE, COPY_FILE):
        path = folder / name
        if not path.exists():
            continue
        try:
            checked = msgspec.json.decode(path.read_bytes(), type=_Checked)
            body = bytes(checked.manifest)
            if zlib.crc32(body) == checked.crc32:
                return msgspec.json.decode(body, type=Manifest)
        except (msgspec.DecodeError, OSError):
            pass
        _log.error("%s of the history is damaged", name)
    return None


def has_manifest(folder: Path) -> bool:
    """A manifest was written here once, readable or not."""
    return (folder / MANIFEST_FILE).exists() or (folder / COPY_FILE).exists()


def rebuild_manifest(measured: dict[str, list[FileEntry]]) -> Manifest:
    """A manifest out of the files themselves: of overlapping ones the widest counts."""
    streams: dict[str, StreamEntry] = {}
    for stream_id, entries in measured.items():
        files: list[FileEntry] = []
        covered = -1
        for entry in sorted(entries, key=lambda e: (e.first_sn, -e.last_sn)):
            if entry.first_sn > covered:
                files.append(entry)
                covered = entry.last_sn
        streams[stream_id] = StreamEntry(covered + 1, files=tuple(files))
    _log.error("the manifest of the history was made again from its files")
    return Manifest(streams=streams)


def write_state(folder: Path, position: int, parts: dict[str, bytes], fs: FileSystem) -> str:
    """What is kept beside the rows as of a commit, in two copies; returns the file's name."""
    body = msgspec.msgpack.encode(parts)
    data = _STATE_MAGIC + zlib.crc32(body).to_bytes(4, "little") + body
    name = f"{STATE_PREFIX}{position:016d}.bin"
    replace_file(fs, folder / name, data)
    replace_file(fs, folder / f"{name}.copy", data)
    return name


def read_state(folder: Path, name: str) -> dict[str, bytes] | None:
    """The state that a manifest names; None when both copies are damaged."""
    for path in (folder / name, folder / f"{name}.copy"):
        try:
            data = path.read_bytes()
        except OSError:
            data = b""
        body = data[8:]
        if data[:4] == _STATE_MAGIC and int.from_bytes(data[4:8], "little") == zlib.crc32(body):
            return msgspec.msgpack.decode(body, type=dict[str, bytes])
        _log.error("%s of the history is damaged", path.name)
    return None


def file_name(first_sn: int, last_sn: int, generation: int) -> str:
    """Name of a file: the numbers it covers; a rewritten one carries its generation."""
    suffix = f".{generation}" if generation else ""
    return f"{first_sn:012d}-{last_sn:012d}{suffix}{FILE_SUFFIX}"


def parse_file_name(name: str) -> tuple[int, int] | None:
    """First and last number of a file by its name, None if it is no such name."""
    numbers = name.removesuffix(FILE_SUFFIX).split(".")[0].split("-")
    if not name.endswith(FILE_SUFFIX) or len(numbers) != 2:
        return None
    if not all(n.isdigit() for n in numbers):
        return None
    return int(numbers[0]), int(numbers[1])
