"""A data folder: created with its format version, opened by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from engine.errors import UserError
from engine.log.files import FileSystem, replace_file

FORMAT_VERSION = 1
VERSION_FILE = "VERSION"
LOCK_FILE = "LOCK"


class FolderLock:
    """Holds a data folder for this process until `close`; the kernel frees it at process death."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    def close(self) -> None:
        """Give the folder back; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_folder(path: Path, fs: FileSystem | None = None) -> FolderLock:
    """Create or check a data folder and lock it.

    Raises UserError with one sentence when another process holds it, when its format version is
    not ours, or when it cannot be used at all.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o750)
        fd = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise UserError(
            f"The data folder cannot be used ({error.strerror}); choose another or mend its rights."
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        check_version(path, fs or FileSystem())
    except BlockingIOError as error:
        os.close(fd)
        raise UserError(
            "The data folder is in use by another server; stop that one or choose another folder."
        ) from error
    except UserError:
        os.close(fd)
        raise
    except OSError as error:
        os.close(fd)
        raise UserError(
            f"The data folder cannot be used ({error.strerror}); choose another or mend its rights."
        ) from error
    return FolderLock(path, fd)


def check_version(path: Path, fs: FileSystem) -> None:
    """Write the format version into a new folder, compare it in an old one."""
    file = path / VERSION_FILE
    if not file.exists():
        if any(p.name not in (LOCK_FILE, f"{VERSION_FILE}.tmp") for p in path.iterdir()):
            raise UserError(
                "The data folder holds files but no format version; choose an empty folder."
            )
        replace_file(fs, file, f"{FORMAT_VERSION}\n".encode())
        return
    text = file.read_text(errors="replace").strip()
    if text != str(FORMAT_VERSION):
        raise UserError(
            f"The data folder has format version {text[:20]!r}, this release reads"
            f" {FORMAT_VERSION}; start the release that wrote it or choose another folder."
        )
