"""The engines of all workspaces as services use them: ready ones, snapshots, waiting, charges."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from engine.clock import Clock
from engine.errors import EngineUnavailable, NotFound, Overloaded, TailraceError
from engine.protocol import Definition, Engine, Snapshot

log = logging.getLogger("tailrace.engines")

CONNECT_PAUSE_SECONDS: Final = 0.02
# Queries blamed for a death of the engine are remembered until their readers have been told.
CHARGES_MAX: Final = 64
# A death is noticed on the socket first; its cause is known this much later at most.
EXAMINE_SECONDS: Final = 1.0

Connect = Callable[[], Awaitable[Engine]]
Owners = Callable[[str], Awaitable[dict[str, tuple[str, ...]]]]


class EngineLauncher(Protocol):
    """Who runs engine processes: the host of processes, or a test's stand-in."""

    async def launch(self, workspace: str) -> Connect:
        """Make sure that the workspace's engine process runs; how to connect to it."""
        ...

    async def retire(self, workspace: str) -> None:
        """End the workspace's engine process after it was idle."""
        ...

    def snapshot_file(self, workspace: str) -> Path:
        """Where the engine keeps its catalog beside the log."""
        ...


class WorkspaceEngine:
    """One workspace's engine as seen from here: connected or not, always with a snapshot.

    `on_connected` runs once after each connection, before requests are let through.
    """

    def __init__(self, workspace: str, snapshot: Snapshot, wait_ms: int, clock: Clock) -> None:
        self.workspace = workspace
        self.snapshot = snapshot
        self.charges: dict[str, tuple[int, str]] = {}
        self.uses_lock = asyncio.Lock()
        # Set while no death waits to be looked at: charges are complete.
        self.examined = asyncio.Event()
        self.busy = 0
        self._wait_seconds = wait_ms / 1000
        self._clock = clock
        self._used_at = clock.monotonic()
        self._engine: Engine | None = None
        self._ready = asyncio.Event()
        self._by_name: dict[str, Definition] = {}
        self._accept(snapshot)

    @property
    def connected(self) -> Engine | None:
        """The engine if it accepts requests now."""
        return self._engine

    def idle_seconds(self) -> float:
        """How long nobody has used it."""
        return 0.0 if self.busy else self._clock.monotonic() - self._used_at

    def touch(self) -> None:
        """A use that was counted in `busy` is over."""
        self.busy -= 1
        self._used_at = self._clock.monotonic()

    async def engine(self) -> Engine:
        """The engine; waits for a starting one, then Overloaded (429)."""
        self._used_at = self._clock.monotonic()
        if self._engine is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), self._wait_seconds)
        if self._engine is None:
            raise Overloaded(
                "The workspace's engine is starting; try again in a moment.", 429, "neutron"
            )
        return self._engine

    def definition(self, name: str) -> Definition:
        """One definition from the snapshot; NotFound (code 60)."""
        found = self._by_name.get(name)
        if found is None:
            raise NotFound(f"Stream '{name}' does not exist.")
        return found

    async def refresh(self) -> None:
        """Take the definitions as they are now: after a change, before its answer."""
        engine = self._engine
        if engine is not None:
            self._accept(await engine.definitions())

    def charge(self, query_id: str, code: int, message: str) -> None:
        """Blame a query for the death of the engine process."""
        while len(self.charges) >= CHARGES_MAX:
            del self.charges[next(iter(self.charges))]
        self.charges[query_id] = (code, message)

    async def blame(self, query_id: str) -> tuple[int, str] | None:
        """Code and message if the query was charged with the last death, else None.

        Waits until the dead process has been looked at, for a moment.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.examined.wait(), EXAMINE_SECONDS)
        return self.charges.pop(query_id, None)

    def _accept(self, snapshot: Snapshot, *, force: bool = False) -> None:
        if force or snapshot.revision >= self.snapshot.revision:
            self.snapshot = snapshot
            # Functions have names of their own.
            self._by_name = {d.name: d for d in snapshot.definitions if d.kind != "function"}

    async def serve(
        self, connect: Connect, on_connected: Callable[[Engine], Awaitable[None]]
    ) -> None:
        """Connect, follow the definitions, connect again when it is lost; until cancelled."""
        while True:
            try:
                engine = await connect()
            except (OSError, EngineUnavailable):
                await asyncio.sleep(CONNECT_PAUSE_SECONDS)
                continue
            try:
                await self._follow(engine, on_connected)
            except EngineUnavailable:
                log.warning("engine of workspace %s is lost", self.workspace)
            except TailraceError as error:
                log.warning("engine of workspace %s: %s", self.workspace, error.message)
            finally:
                self._engine = None
                self._ready.clear()
                with contextlib.suppress(EngineUnavailable):
                    await engine.close()
            await asyncio.sleep(CONNECT_PAUSE_SECONDS)

    async def _follow(
        self, engine: Engine, on_connected: Callable[[Engine], Awaitable[None]]
    ) -> None:
        async for snapshot in engine.watch():
            # The first of a connection counts even if its revision is lower: data restored.
            self._accept(snapshot, force=self._engine is None)
            if self._engine is None:
                await on_connected(engine)
                self.examined.clear()
                self._engine = engine
                self._ready.set()


class Engines:
    """All workspaces' engines; one starts with the first request that needs it."""

    def __init__(
        self, launcher: EngineLauncher, clock: Clock, wait_ms: int, owners: Owners
    ) -> None:
        self._launcher = launcher
        self._clock = clock
        self._wait_ms = wait_ms
        self._owners = owners
        self._engines: dict[str, WorkspaceEngine] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def all(self) -> list[WorkspaceEngine]:
        """Those that run or start."""
        return list(self._engines.values())

    def find(self, workspace: str) -> WorkspaceEngine | None:
        """The workspace's engine if it runs or starts."""
        return self._engines.get(workspace)

    async def of(self, workspace: str) -> WorkspaceEngine:
        """The workspace's engine, started if it is not running; does not wait for it."""
        found = self._engines.get(workspace)
        if found is not None:
            return found
        snapshot = _read_snapshot(self._launcher.snapshot_file(workspace))
        found = WorkspaceEngine(workspace, snapshot, self._wait_ms, self._clock)
        self._engines[workspace] = found
        connect = await self._launcher.launch(workspace)

        async def reconcile(engine: Engine) -> None:
            async with found.uses_lock:
                await engine.reconcile(await self._owners(workspace))

        self._tasks[workspace] = asyncio.create_task(found.serve(connect, reconcile))
        return found

    async def retire_idle(self, seconds: float, always: frozenset[str]) -> None:
        """End the engines nobody used for `seconds`."""
        for name, engine in list(self._engines.items()):
            if name in always or engine.idle_seconds() < seconds:
                continue
            await self._end(name)
            await self._launcher.retire(name)

    async def close(self) -> None:
        """Leave all engines; their processes are the launcher's business."""
        for name in list(self._engines):
            await self._end(name)

    async def _end(self, name: str) -> None:
        engine = self._engines.pop(name)
        task = self._tasks.pop(name)
        async with engine.uses_lock:  # not in the middle of a reconciliation
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _CatalogFile(msgspec.Struct, frozen=True):
    """What is read of the engine's catalog file; the rest of it is the engine's own."""

    revision: int = 0
    definitions: dict[str, Definition] = {}


def _read_snapshot(file: Path) -> Snapshot:
    """The engine's last snapshot; an empty one when there is none or it cannot be read."""
    try:
        state = msgspec.json.decode(file.read_bytes(), type=_CatalogFile)
        return Snapshot(state.revision, tuple(state.definitions.values()))
    except FileNotFoundError:
        return Snapshot(-1, ())
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("the snapshot of the definitions cannot be read: %s", error)
        return Snapshot(-1, ())
