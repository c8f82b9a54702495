"""Our child processes by role: an engine for each workspace, the connector process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from controlplane.pulse import Pulse
from controlplane.services.engines import Connect, Engines, WorkspaceEngine
from controlplane.services.workspace_folders import WorkspaceFolders
from controlplane.settings import Settings
from controlplane.supervisor import Child
from engine.charge import read_charges
from engine.clock import Clock
from engine.errors import Code
from engine.remote import SOCKET_CHARS_MAX, RemoteEngine, socket_name

log = logging.getLogger("tailrace.processes")

# Exit status of an engine process that cannot open its folder; its sentence is on stderr.
ENGINE_REFUSED: Final = 3
CONNECTORS: Final = "connectors"
ENGINE_PREFIX: Final = "engine-"
STEPS: Final = "steps"
STEPS_SECONDS: Final = 1.0
# The kernel's count of its kills is compared with that of so many checks ago: a large process
# takes a while to die.
KILLS_CHECKS: Final = 5
VMSTAT: Final = Path("/proc/vmstat")
# A Unix socket's path has at most 107 bytes; names of sockets in the folder need this rest.
RUN_FOLDER_BYTES_MAX: Final = 107 - len("/engine-.sock.new") - SOCKET_CHARS_MAX
HANG: Final = (Code.TIMEOUT, "a step of the query took longer than step_ms_max")
DEATH: Final = (Code.MEMORY_LIMIT, "the engine process died while it worked on the query")


class Processes:
    """Starts, watches and ends the children; the launcher of `services.engines`.

    The folder of the sockets is private: who reaches a socket is not asked for a key.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        data = settings.data_path()
        self.folders = WorkspaceFolders(data)
        self._run_dir = _run_folder(data)
        # Their engines always run: without one of them the server is of no use.
        self._vital: frozenset[str] = frozenset()
        self._children: dict[str, Child] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._engines: Engines | None = None
        self._pulses: dict[str, Pulse] = {}
        self._kernel_kills = deque([_kernel_kills()], KILLS_CHECKS)
        self.refused = asyncio.Event()
        self.restarts: dict[str, int] = {}
        self.on_connectors_exit: Callable[[], None] = lambda: None

    @property
    def control_socket(self) -> Path:
        """Where the connector process takes commands."""
        return self._run_dir / "connectors.sock"

    def begin(self, workspaces: tuple[str, ...]) -> None:
        """Launch the processes that always run, before there is a loop: they start early."""
        self._vital = frozenset(workspaces)
        for workspace in workspaces:
            self._engine_child(workspace).start()
        arguments = [
            "connectors.host",
            f"--control={self.control_socket}",
            f"--engine-dir={self._run_dir}",
        ]
        if self._settings.private_networks():
            arguments.append("--private")
        gone, ready_file = self._connectors_gone, self.control_socket
        child = Child(CONNECTORS, arguments, self._clock, gone, ready_file=ready_file)
        self._children[CONNECTORS] = child
        child.start()

    def pids(self) -> dict[str, int]:
        """Process id of each child by name, 0 of one that does not run now."""
        return {name: child.pid for name, child in self._children.items()}

    def supervise(self, engines: Engines) -> None:
        """Watch what was begun; call once, inside the loop."""
        self._engines = engines
        for name in self._children:
            self._watch(name)
        self._tasks[STEPS] = asyncio.create_task(self._watch_steps())

    def _watch(self, name: str) -> None:
        self._tasks[name] = asyncio.create_task(self._run(name, self._children[name]))

    async def _run(self, name: str, child: Child) -> None:
        await child.run()
        if not child.refused:
            return
        workspace = name.removeprefix(ENGINE_PREFIX)
        if workspace == name or workspace in self._vital:
            self.refused.set()
        elif self._engines is not None:
            self._engines.refused(workspace)

    def _engine_child(self, workspace: str) -> Child:
        name = f"{ENGINE_PREFIX}{workspace}"
        child = self._children.get(name)
        if child is not None:
            return child
        folder = self.folders.of(workspace)
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        arguments = [
            "engine.host",
            f"--socket={self._socket(workspace)}",
            f"--data={folder}",
            f"--settings={msgspec.json.encode(self._settings.engine).decode()}",
        ]

        async def gone(pid: int, status: int) -> None:
            self._count(name)
            await self._engine_gone(workspace, status)

        refusals = frozenset({ENGINE_REFUSED})
        child = Child(name, arguments, self._clock, gone, refusals, self._socket(workspace))
        self._children[name] = child
        return child

    def _socket(self, workspace: str) -> Path:
        return self._run_dir / socket_name(workspace)

    async def launch(self, workspace: str) -> Connect:
        """Make sure that the engine process is supervised."""
        name = f"{ENGINE_PREFIX}{workspace}"
        if name not in self._tasks:
            child = self._engine_child(workspace)
            if not child.running:
                child.start()
            self._watch(name)
        path = str(self._socket(workspace))
        return lambda: RemoteEngine.connect(path)

    async def retire(self, workspace: str) -> None:
        """Stop a workspace's engine process; its folder and its socket are free on return."""
        name = f"{ENGINE_PREFIX}{workspace}"
        child = self._children.pop(name, None)
        task = self._tasks.pop(name, None)
        pulse = self._pulses.pop(name, None)
        if pulse is not None:
            pulse.close()
        if child is not None:
            await child.stop(self._settings.stop_seconds)
        if task is not None:
            await task
        # A killed one leaves its socket; the connector process would try it for ever.
        self._socket(workspace).unlink(missing_ok=True)
        self.restarts.pop(name, None)

    def _count(self, name: str) -> None:
        self.restarts[name] = self.restarts.get(name, 0) + 1

    def _charge_file(self, workspace: str) -> Path:
        return self.folders.of(workspace) / "charge"

    async def _watch_steps(self) -> None:
        """Kill an engine whose step hangs, charging the step's query, or that does not answer."""
        while True:
            await asyncio.sleep(STEPS_SECONDS)
            self._kernel_kills.append(_kernel_kills())
            for engine in self._engines.all() if self._engines is not None else ():
                child = self._children.get(f"{ENGINE_PREFIX}{engine.workspace}")
                if child is not None:
                    self._check_steps(engine, child)
                    self._check_pulse(engine, child)

    def _check_steps(self, engine: WorkspaceEngine, child: Child) -> None:
        now_ms = int(self._clock.monotonic() * 1000)
        for step in read_charges(self._charge_file(engine.workspace)):
            if now_ms - step.since_ms > self._settings.step_ms_max:
                log.error("a step of query %s hangs; its engine is killed", step.query_id)
                engine.charge(step.query_id, *HANG)
                child.kill()

    def _check_pulse(self, engine: WorkspaceEngine, child: Child) -> None:
        """An engine that is stopped or blocked outside any step would never end by itself."""
        if self._pulses.setdefault(child.name, Pulse()).lost(engine.connected):
            log.error("%s (pid %d) answers nothing; it is killed", child.name, child.pid)
            child.kill()

    async def _engine_gone(self, workspace: str, status: int) -> None:
        """Charge a crash to whoever was at work, then let the readers know.

        SIGKILL is not charged unless it is the kernel's for lack of memory: else it is an
        operator's, or our own for a hang, charged already.
        """
        engine = self._engines.find(workspace) if self._engines is not None else None
        file = self._charge_file(workspace)
        of_memory = _kernel_kills() > self._kernel_kills[0]
        if engine is not None and (status != -signal.SIGKILL or of_memory):
            for step in read_charges(file):
                log.error("the engine died in a step of query %s", step.query_id)
                engine.charge(step.query_id, *DEATH)
        # What a dead process left must not be read as a step of the next one.
        file.unlink(missing_ok=True)
        if engine is not None:
            engine.examined.set()

    async def _connectors_gone(self, pid: int, status: int) -> None:
        self._count(CONNECTORS)
        self.on_connectors_exit()

    async def close(self) -> None:
        """Stop connectors first, so that their last batches are written, then the engines."""
        connectors = self._children.pop(CONNECTORS, None)
        if connectors is not None:
            await connectors.stop(self._settings.stop_seconds / 3)
        children = list(self._children.values())
        await asyncio.gather(*(child.stop(self._settings.stop_seconds / 2) for child in children))
        for task in self._tasks.values():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for pulse in self._pulses.values():
            pulse.close()
        shutil.rmtree(self._run_dir, ignore_errors=True)

    def abort(self) -> None:
        """Kill everything: for an end during the start, without a loop."""
        for child in self._children.values():
            child.stop_now()
        shutil.rmtree(self._run_dir, ignore_errors=True)


def _kernel_kills() -> int:
    """How many processes the kernel has ended for lack of memory; 0 where it does not say."""
    try:
        lines = VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    counts = (line.split() for line in lines if line.startswith("oom_kill "))
    return next((int(count) for _, count in counts), 0)


def _run_folder(data: Path) -> Path:
    """A private folder for sockets: in the data folder, or a temporary one if that is too deep."""
    folder = data / "run"
    if len(bytes(folder)) > RUN_FOLDER_BYTES_MAX:
        return Path(tempfile.mkdtemp(prefix="tailrace-"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder
