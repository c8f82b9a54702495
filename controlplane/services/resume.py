"""Starts what should run whenever the connector process is new: sources, sinks, alerts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from controlplane.db.repository import Directory
from controlplane.db.tables import Workspace
from controlplane.services.connectors import Connectors
from controlplane.services.rest import pause
from controlplane.services.secrets import SecretsError
from engine.errors import EngineUnavailable, TailraceError

log = logging.getLogger("tailrace.connectors")

RESUME_PAUSE_SECONDS: Final = 0.2


class Resumable(Protocol):
    """One kind of what runs in the connector process."""

    async def wanted(self, workspace_id: str) -> Sequence[tuple[str, str]]:
        """(id, what messages call it) of all that should run."""
        ...

    async def resume(self, workspace: Workspace, identity: str) -> None:
        """Start one if it should still run; EngineUnavailable: it must be tried again."""
        ...


class _Waiting(msgspec.Struct, frozen=True):
    """One that should run and is not known to."""

    kind: Resumable
    workspace: Workspace
    identity: str
    label: str


class Resume:
    """Goes through all kinds after `again`, and again through those that could not be reached."""

    def __init__(self, directory: Directory, connectors: Connectors) -> None:
        self._directory = directory
        self._connectors = connectors
        self._again = asyncio.Event()
        self._again.set()
        self._closing = asyncio.Event()
        self.settled = asyncio.Event()  # nothing is waited for: all that was wanted is told

    def again(self) -> None:
        """The connector process is new, or was away: it must be told what to run."""
        self.settled.clear()
        self._again.set()

    def close(self) -> None:
        """End `keep_running` at its next rest."""
        self._closing.set()
        self._again.set()

    async def keep_running(self, kinds: Sequence[Resumable]) -> None:
        """Start what is wanted whenever that is not certain, until `close`."""
        missed: list[_Waiting] = []
        while not self._closing.is_set():
            if self._again.is_set():
                self._again.clear()
                missed = await self._all(kinds)
            if await self._connectors.ready():
                missed = [one for one in missed if not await self._started(one)]
            if missed:
                await pause(self._closing, RESUME_PAUSE_SECONDS)
            elif not self._again.is_set():
                self.settled.set()
                await self._again.wait()

    async def _all(self, kinds: Sequence[Resumable]) -> list[_Waiting]:
        return [
            _Waiting(kind, workspace, identity, label)
            for workspace in await self._directory.workspaces()
            for kind in kinds
            for identity, label in await kind.wanted(workspace.id)
        ]

    async def _started(self, one: _Waiting) -> bool:
        """Whether it need not be tried again."""
        if self._closing.is_set():
            return True
        try:
            await one.kind.resume(one.workspace, one.identity)
        except EngineUnavailable:
            return False
        except (TailraceError, SecretsError) as error:
            log.error("%s cannot be started: %s", one.label, error)
        return True
