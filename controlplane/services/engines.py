"""The engines of all workspaces as services use them: ready ones, snapshots, waiting, charges."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from controlplane import problems
from controlplane.services.workspace_folders import WorkspaceFolders
from engine.clock import Clock
from engine.errors import EngineUnavailable, NotFound, Overloaded, TailraceError
from engine.protocol import Definition, Engine, Snapshot

log = logging.getLogger("tailrace.engines")

CONNECT_PAUSE_SECONDS: Final = 0.02
# Queries blamed for a death of the engine are remembered until their readers have been told.
CHARGES_MAX: Final = 64
# A death is noticed on the socket first; its cause is known this much later at most.
EXAMINE_SECONDS: Final = 1.0
# One that nobody used for so long gives its place to a workspace that needs an engine.
ROOM_IDLE_SECONDS: Final = 10.0
# Kinds of definitions that work though nobody asks.
WORKING_KINDS: Final = frozenset({"materialized_view"})

# Kinds of definitions that have names of their own: a stream may be called like one.
OWN_NAMES: Final = frozenset({"function", "schema"})

Connect = Callable[[], Awaitable[Engine]]
# Makes what a workspace's engine holds and runs fit the metadata, before requests reach it.
Settle = Callable[[str, Engine], Awaitable[None]]
# Names of the workspaces whose engine must run: `default`, and those with sources and the like.
AtWork = Callable[[], Awaitable[frozenset[str]]]


class EngineLauncher(Protocol):
    """Who runs engine processes: the host of processes, or a test's stand-in."""

    folders: WorkspaceFolders

    async def launch(self, workspace: str) -> Connect:
        """Make sure that the workspace's engine process runs; how to connect to it."""
        ...

    async def retire(self, workspace: str) -> None:
        """End the workspace's engine process; it is gone on return."""
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
        # It has to run though nobody asks: the server is ready when it is.
        self.needed = False
        # Why its process gave up for good, '' while it did not.
        self.refusal = ""
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

    @property
    def working(self) -> bool:
        """Whether its definitions keep it at work."""
        return _working(self.snapshot)

    def touch(self) -> None:
        """A use that was counted in `busy` is over."""
        self.busy -= 1
        self._used_at = self._clock.monotonic()

    async def engine(self) -> Engine:
        """The engine; waits for a starting one, then Overloaded (429)."""
        if self.refusal:
            raise TailraceError(self.refusal, 500, "neutron")
        self._used_at = self._clock.monotonic()
        if self._engine is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), self._wait_seconds)
        if self._engine is None:
            raise starting()
        return self._engine

    def definition(self, name: str) -> Definition:
        """One definition from the snapshot; NotFound (code 60)."""
        found = self._by_name.get(name)
        if found is None:
            raise NotFound(f"Stream '{name}' does not exist.")
        return found

    def kind(self, name: str) -> str:
        """What has this name among streams, views and external objects, '' for nothing."""
        found = self._by_name.get(name)
        return found.kind if found is not None else ""

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
            self._by_name = {d.name: d for d in snapshot.definitions if d.kind not in OWN_NAMES}

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


class EngineLimits(msgspec.Struct, frozen=True):
    """Bounds of all engines together."""

    wait_ms: int
    engines_max: int


class Engines:
    """All workspaces' engines; one starts with the first request that needs it."""

    def __init__(
        self,
        launcher: EngineLauncher,
        clock: Clock,
        limits: EngineLimits,
        settle: Settle,
        at_work: AtWork,
    ) -> None:
        self._launcher = launcher
        self._clock = clock
        self._limits = limits
        self._settle = settle
        self._at_work = at_work
        self._engines: dict[str, WorkspaceEngine] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Those that are being ended: their folder is free when the event is set.
        self._ending: dict[str, asyncio.Event] = {}
        self._barred: set[str] = set()
        self._making_room = asyncio.Lock()

    def all(self) -> list[WorkspaceEngine]:
        """Those that run or start."""
        return list(self._engines.values())

    def find(self, workspace: str) -> WorkspaceEngine | None:
        """The workspace's engine if it runs or starts."""
        return self._engines.get(workspace)

    async def of(self, workspace: str) -> WorkspaceEngine:
        """The workspace's engine, started if it is not running; does not wait for it.

        404 while the workspace is being deleted; Overloaded (429) when as many engines run as may
        and none of them is idle.
        """
        while True:
            found = self._engines.get(workspace)
            if found is not None:
                return found
            if workspace in self._barred:
                raise problems.no_workspace(workspace)
            ending = self._ending.get(workspace)
            if ending is not None:
                await ending.wait()
            elif self._room():
                return await self._start(workspace)
            else:
                await self._make_room(workspace)

    async def start_needed(self, workspaces: Sequence[str]) -> None:
        """Start the engines that have something to do though nobody asks, whatever their number."""
        at_work = await self._at_work()
        for name in workspaces:
            if name in at_work or _working(read_snapshot(self._launcher.folders.catalog(name))):
                found = self._engines.get(name) or await self._start(name)
                found.needed = True

    async def _start(self, workspace: str) -> WorkspaceEngine:
        snapshot = read_snapshot(self._launcher.folders.catalog(workspace))
        found = WorkspaceEngine(workspace, snapshot, self._limits.wait_ms, self._clock)
        self._engines[workspace] = found
        connect = await self._launcher.launch(workspace)

        async def settle(engine: Engine) -> None:
            async with found.uses_lock:
                await self._settle(workspace, engine)

        self._tasks[workspace] = asyncio.create_task(found.serve(connect, settle))
        return found

    def _room(self) -> bool:
        return len(self._engines) + len(self._ending) < self._limits.engines_max

    async def _make_room(self, workspace: str) -> None:
        """End the engine that was idle longest; Overloaded (429) when all are in use."""
        async with self._making_room:
            if self._room() or workspace in self._engines:
                return
            at_work = await self._at_work()
            idle = [
                engine
                for name, engine in self._engines.items()
                if name not in at_work
                and not engine.working
                and engine.idle_seconds() >= ROOM_IDLE_SECONDS
            ]
            if not idle:
                raise Overloaded(
                    f"As many workspaces are in use as engines_max allows "
                    f"({self._limits.engines_max}); try again later or raise it.",
                    429,
                    "neutron",
                )
            await self._end(max(idle, key=WorkspaceEngine.idle_seconds).workspace)

    async def retire_idle(self, seconds: float) -> None:
        """End the engines that nobody used for `seconds` and that have nothing to do."""
        at_work = await self._at_work()
        for name, engine in list(self._engines.items()):
            engine.needed = name in at_work or engine.working
            if engine.needed or engine.idle_seconds() < seconds:
                continue
            if self._engines.get(name) is engine:
                await self._end(name)

    async def remove(self, workspace: str) -> None:
        """End the engine for good: `of` answers 404 until `allow`."""
        self._barred.add(workspace)
        ending = self._ending.get(workspace)
        if ending is not None:
            await ending.wait()
        if workspace in self._engines:
            await self._end(workspace)

    def allow(self, workspace: str) -> None:
        """The name may be used again."""
        self._barred.discard(workspace)

    def refused(self, workspace: str) -> None:
        """Its process cannot open its folder and is not tried again until it was idle."""
        found = self._engines.get(workspace)
        if found is not None:
            found.refusal = (
                f"The engine of workspace '{workspace}' cannot open its data; the server's log "
                "says why."
            )

    async def close(self) -> None:
        """Leave all engines; their processes are the launcher's business."""
        for name in list(self._engines):
            await self._leave(name)

    async def _end(self, name: str) -> None:
        """Leave the engine and end its process; whoever wants it anew waits for that."""
        ended = self._ending[name] = asyncio.Event()
        try:
            await self._leave(name)
            await self._launcher.retire(name)
        finally:
            del self._ending[name]
            ended.set()

    async def _leave(self, name: str) -> None:
        engine = self._engines.pop(name, None)
        task = self._tasks.pop(name, None)
        if engine is None or task is None:
            return
        async with engine.uses_lock:  # not in the middle of settling
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _CatalogFile(msgspec.Struct, frozen=True):
    """What is read of the engine's catalog file; the rest of it is the engine's own."""

    revision: int = 0
    definitions: dict[str, Definition] = {}


def starting() -> Overloaded:
    """What a request is told that waited for an engine in vain, or whose engine has just died."""
    return Overloaded("The workspace's engine is starting; try again in a moment.", 429, "neutron")


def _working(snapshot: Snapshot) -> bool:
    return any(definition.kind in WORKING_KINDS for definition in snapshot.definitions)


def read_snapshot(file: Path) -> Snapshot:
    """The engine's last snapshot; an empty one when there is none or it cannot be read."""
    try:
        state = msgspec.json.decode(file.read_bytes(), type=_CatalogFile)
        return Snapshot(state.revision, tuple(state.definitions.values()))
    except FileNotFoundError:
        return Snapshot(-1, ())
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("the snapshot of the definitions cannot be read: %s", error)
        return Snapshot(-1, ())
