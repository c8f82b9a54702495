"""The charge table: a small file in memory that names the query whose step runs now.

A supervisor reads it to charge a hang or a death to a query. Imports no Arrow, numpy or DuckDB.
"""

from __future__ import annotations

import logging
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("tailrace.engine")

SLOTS = 4  # one per executor thread that may come
_ID_BYTES_MAX = 240
_HEAD = struct.Struct("<QQ")  # monotonic milliseconds of the beginning (0 = idle), length of the id
_SLOT_BYTES = _HEAD.size + _ID_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Charge:
    """A step under way: its query, and when it began on the system's monotonic clock."""

    query_id: str
    since_ms: int


class ChargeTable:
    """One slot of the table, for the thread that owns it. Without a path it does nothing."""

    def __init__(self, path: Path | None, slot: int = 0) -> None:
        self._map: mmap.mmap | None = None
        self._at = slot * _SLOT_BYTES
        if path is not None:
            try:
                self._map = _mapped(path, SLOTS * _SLOT_BYTES)
            except OSError as error:  # a full disk: better no table than no engine
                log.error("the charge table cannot be written: %s", error.strerror)

    def begin(self, query_id: str, monotonic_seconds: float) -> None:
        """A step of this query begins."""
        if self._map is None:
            return
        name = query_id.encode()[:_ID_BYTES_MAX]
        self._map[self._at + _HEAD.size : self._at + _HEAD.size + len(name)] = name
        began_ms = max(1, int(monotonic_seconds * 1000))
        self._map[self._at : self._at + _HEAD.size] = _HEAD.pack(began_ms, len(name))

    def clear(self) -> None:
        """The step is over."""
        if self._map is not None:
            self._map[self._at : self._at + _HEAD.size] = _HEAD.pack(0, 0)

    def close(self) -> None:
        """Unmap; the file stays for a reader."""
        if self._map is not None:
            self._map.close()
            self._map = None


def _mapped(path: Path, size: int) -> mmap.mmap:
    """A file of zeros, mapped. Written, not only cut to size: a store into a page that finds no
    block on the disk would kill the process."""
    with path.open("w+b") as file:
        file.write(bytes(size))
        file.flush()
        return mmap.mmap(file.fileno(), size)


def read_charges(path: Path) -> list[Charge]:
    """Steps that were under way when the file was last written; empty if there is no file."""
    try:
        data = path.read_bytes()
    except OSError:
        return []
    found: list[Charge] = []
    for at in range(0, len(data) - _SLOT_BYTES + 1, _SLOT_BYTES):
        began_ms, length = _HEAD.unpack_from(data, at)
        if began_ms and length <= _ID_BYTES_MAX:
            name = data[at + _HEAD.size : at + _HEAD.size + length]
            found.append(Charge(name.decode(errors="replace"), began_ms))
    return found
