"""What the installation is made of now: processes and their memory, connections, disk, log."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from controlplane import problems
from controlplane.principal import Principal
from controlplane.recent_logs import RECENT, LogLine
from controlplane.services.access import FIRST_WORKSPACE
from controlplane.services.workspace_folders import WorkspaceFolders
from controlplane.telemetry import HttpCounters

PROC: Final = Path("/proc")
OWN: Final = "control plane"
LINES_SHOWN: Final = 200
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
# Places of fields in /proc/PID/stat behind the name, which stands in brackets.
GROUP_FIELD, RESIDENT_FIELD = 2, 21

# Process ids of our children by name, 0 of one that does not run now.
Pids = Callable[[], dict[str, int]]


class ProcessReport(msgspec.Struct, frozen=True):
    """One of our processes with its helpers; `resident_bytes` 0 where the system tells nothing."""

    name: str
    pid: int
    resident_bytes: int
    restarts: int


class SystemReport(msgspec.Struct, frozen=True):
    """All of it; bytes of the disk are 0 when it cannot be asked."""

    processes: list[ProcessReport]
    sockets: int
    event_streams: int
    disk_bytes: int
    disk_free_bytes: int
    logs: list[LogLine]


class SystemService:
    """Reads what the kernel and this process know; asks no engine."""

    def __init__(
        self,
        counters: HttpCounters,
        folders: WorkspaceFolders,
        restarts: dict[str, int],
        pids: Pids,
    ) -> None:
        self._counters = counters
        self._folders = folders
        self._restarts = restarts
        self._pids = pids

    async def report(self, principal: Principal) -> SystemReport:
        """The state now, for admins of the first workspace: it tells of all of them."""
        if principal.workspace != FIRST_WORKSPACE:
            raise problems.forbidden(
                f"The whole installation is shown to admins of the workspace '{FIRST_WORKSPACE}'."
            )
        pids = {OWN: os.getpid(), **self._pids()}
        resident, (free, size) = await asyncio.to_thread(self._measured, set(pids.values()))
        return SystemReport(
            processes=[
                ProcessReport(name, pid, resident.get(pid, 0), self._restarts.get(name, 0))
                for name, pid in pids.items()
            ],
            sockets=self._counters.sockets_open,
            event_streams=self._counters.sse_open,
            disk_bytes=size,
            disk_free_bytes=free,
            logs=RECENT.newest(LINES_SHOWN),
        )

    def _measured(self, groups: set[int]) -> tuple[dict[int, int], tuple[int, int]]:
        try:
            space = self._folders.space()
        except OSError:
            space = (0, 0)
        return resident_bytes(groups), space


def resident_bytes(groups: set[int]) -> dict[int, int]:
    """Resident bytes by process id: of each process of `groups`, and of what it leads as a group
    of its own. Shared pages count in each."""
    found: defaultdict[int, int] = defaultdict(int)
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it is over
            continue
        pid, group = int(entry.name), int(fields[GROUP_FIELD])
        leader = pid if pid in groups else group
        if leader in groups:
            found[leader] += int(fields[RESIDENT_FIELD]) * PAGE_BYTES
    return found
