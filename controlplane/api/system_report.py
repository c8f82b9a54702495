"""v1beta2 system: what the installation is made of now; struct and controller."""

from __future__ import annotations

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency as Given

from controlplane.principal import Principal
from controlplane.services.system import SystemService


class SystemProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A process with its helpers; `pid` 0 while it does not run."""

    name: str
    pid: int
    resident_bytes: int
    restarts: int


class SystemConnections(msgspec.Struct, frozen=True, kw_only=True):
    """Open connections that rows flow over."""

    event_streams: int
    sockets: int


class SystemDisk(msgspec.Struct, frozen=True, kw_only=True):
    """The disk of the data folder."""

    bytes: int
    free_bytes: int


class SystemLogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the main process' log."""

    level: str
    logger: str
    message: str
    time_ms: int


class System(msgspec.Struct, frozen=True, kw_only=True):
    """The installation; logs the newest first."""

    connections: SystemConnections
    disk: SystemDisk
    logs: list[SystemLogLine]
    processes: list[SystemProcess]


class SystemController(Controller):
    """The whole installation, for admins of `default`."""

    path = "/system"
    tags = ["Extensions"]  # noqa: RUF012  the framework's way

    @get(operation_id="getSystem", summary="Get processes, memory, connections, disk and log")
    async def get_system(self, system: Given[SystemService], principal: Given[Principal]) -> System:
        """What the kernel and the server's main process know; no engine is asked."""
        found = await system.report(principal)
        return System(
            connections=SystemConnections(event_streams=found.event_streams, sockets=found.sockets),
            disk=SystemDisk(bytes=found.disk_bytes, free_bytes=found.disk_free_bytes),
            logs=[
                SystemLogLine(
                    level=one.level, logger=one.logger, message=one.message, time_ms=one.time_ms
                )
                for one in found.logs
            ],
            processes=[
                SystemProcess(
                    name=one.name,
                    pid=one.pid,
                    resident_bytes=one.resident_bytes,
                    restarts=one.restarts,
                )
                for one in found.processes
            ],
        )
