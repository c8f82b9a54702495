"""The few file-system calls of the storage, as an object that tests replace to inject faults."""

from __future__ import annotations

import contextlib
import mmap
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Space:
    """Free and total bytes of the file system a folder lies on."""

    free: int
    total: int


class FileSystem:
    """Plain calls to the operating system; every method may raise OSError and may block.

    `hit(name)` is called at each step that a crash may fall on; here it does nothing.
    """

    def create(self, path: Path) -> int:
        """A new file for writing; raises FileExistsError if there is one."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    def open(self, path: Path) -> int:
        """An existing file for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """Give a descriptor back."""
        os.close(fd)

    def preallocate(self, fd: int, size: int) -> None:
        """Reserve blocks, so that a later write changes no metadata; zeros are read from them."""
        os.posix_fallocate(fd, 0, size)

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write at an offset; may write less than given. Returns what was written."""
        return os.pwrite(fd, data, offset)

    def sync_data(self, fd: int) -> None:
        """fdatasync."""
        os.fdatasync(fd)

    def sync_file(self, path: Path) -> None:
        """fsync of a finished file."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def sync_folder(self, path: Path) -> None:
        """fsync of a directory: names created, renamed and removed in it are durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file."""
        os.ftruncate(fd, size)

    def rename(self, source: Path, target: Path) -> None:
        """Replace atomically."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file; a missing one is fine."""
        path.unlink(missing_ok=True)

    def space(self, folder: Path) -> Space:
        """Room left for an unprivileged writer."""
        stat = os.statvfs(folder)
        return Space(stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize)

    def hit(self, point: str) -> None:
        """A step that a crash may fall on."""


def write_all(fs: FileSystem, fd: int, data: bytes, offset: int) -> None:
    """Write everything; a short write is continued, one that writes nothing raises OSError."""
    view = memoryview(data)
    while view:
        done = fs.write(fd, view, offset)
        if done <= 0:
            raise OSError(5, "nothing was written")
        view = view[done:]
        offset += done


def replace_file(fs: FileSystem, path: Path, data: bytes) -> None:
    """Write a small file so that a crash leaves the old or the new one, whole and durable."""
    temporary = path.with_name(f"{path.name}.tmp")
    fs.remove(temporary)
    fd = fs.create(temporary)
    try:
        write_all(fs, fd, data, 0)
        fs.sync_data(fd)
    finally:
        fs.close(fd)
    fs.hit(f"replace.{path.suffix}")
    fs.rename(temporary, path)
    fs.sync_folder(path.parent)


def read_mapped(path: Path) -> memoryview:
    """A file's bytes, mapped; empty for an empty file. The mapping ends with the last view."""
    with path.open("rb") as file, contextlib.suppress(ValueError):
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return memoryview(b"")
