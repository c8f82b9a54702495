"""The folders of workspaces under the data folder: where they lie, and how one is removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class WorkspaceFolders:
    """Each workspace's log, history and catalog lie in a folder of its name.

    A removed one is first moved whole into the trash, so that it is either there or gone, and then
    deleted; what a crash leaves in the trash is deleted by `sweep`. A folder that no workspace of
    the metadata store owns is never touched: it may belong to another store.
    """

    def __init__(self, data: Path) -> None:
        self._root = data / "workspaces"
        self._trash = data / "trash"

    def of(self, workspace: str) -> Path:
        """The workspace's folder, whether it exists or not."""
        return self._root / workspace

    def catalog(self, workspace: str) -> Path:
        """Where the engine keeps its catalog beside the log."""
        return self._root / workspace / "catalog.json"

    def exists(self, workspace: str) -> bool:
        """Whether there is data under this name."""
        return self.of(workspace).exists()

    def space(self) -> tuple[int, int]:
        """(free, all) bytes of the disk that the folders lie on, as an unprivileged writer has
        them. Blocks; OSError."""
        there = self._root if self._root.exists() else self._root.parent
        usage = shutil.disk_usage(there)
        return usage.free, usage.total

    def discard(self, workspace: str, identity: str) -> None:
        """Move the folder into the trash, durable on return; fine if there is none."""
        folder = self.of(workspace)
        if not folder.exists():
            return
        self._trash.mkdir(mode=0o750, exist_ok=True)
        target = self._trash / identity
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
        for parent in (self._trash, self._root):
            _sync(parent)

    def sweep(self) -> None:
        """Delete what lies in the trash."""
        if self._trash.exists():
            for folder in self._trash.iterdir():
                shutil.rmtree(folder, ignore_errors=True)

    def unowned(self, owned: frozenset[str]) -> list[str]:
        """Names of folders that are none of `owned`."""
        if not self._root.exists():
            return []
        return sorted(p.name for p in self._root.iterdir() if p.is_dir() and p.name not in owned)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
