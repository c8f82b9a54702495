"""Child processes: started in own groups, watched, restarted with back-off, stopped in time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from controlplane.settings import child_environment
from engine.clock import Clock

log = logging.getLogger("tailrace.supervisor")

BACKOFF_SECONDS_MIN: Final = 0.1
BACKOFF_SECONDS_MAX: Final = 30.0
# The longest pause after a child that had got ready: with its start it is to be back within 5 s.
BACKOFF_SECONDS_READY: Final = 1.0
# A child that lived this long starts again at the shortest back-off.
HEALTHY_SECONDS: Final = 60.0
# Between SIGTERM and SIGKILL at a stop, when the caller gives no time.
TERM_SECONDS: Final = 10.0

ExitHook = Callable[[int, int], Awaitable[None]]


class ExitStatus(Exception):
    """A child refused to start for good; its reason is on stderr already."""


class Child:
    """One supervised process `python -m engine.launch MODULE ARGUMENTS`.

    `start` launches it; `run` keeps it alive until `stop`. `on_exit(pid, status)` runs after each
    death and before the restart. A first exit with a status of `refusals` ends the supervision.
    A child that makes its `ready_file` (such as its socket) comes back soon however often it dies;
    one that never gets that far is tried ever more rarely.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        clock: Clock,
        on_exit: ExitHook | None = None,
        refusals: frozenset[int] = frozenset(),
        ready_file: Path | None = None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self.refused = False
        self._command = [sys.executable, "-m", "engine.launch", *arguments]
        self._clock = clock
        self._on_exit = on_exit
        self._refusals = refusals
        self._ready_file = ready_file
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._started_at = 0.0
        self._wake = asyncio.Event()

    @property
    def pid(self) -> int:
        """Process id, 0 while none runs."""
        return self._process.pid if self._process is not None else 0

    @property
    def running(self) -> bool:
        """Whether the process lives now."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Launch the process. It asks the kernel itself to die with us."""
        if self._ready_file is not None:  # what a killed one left says nothing about this one
            self._ready_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            env=child_environment(),
            process_group=0,
        )
        self._started_at = self._clock.monotonic()

    def kill(self) -> None:
        """SIGKILL to its whole group, as for a hanging step; the supervision restarts it."""
        self._signal(signal.SIGKILL)

    async def run(self) -> None:
        """Watch and restart until `stop`."""
        pause = BACKOFF_SECONDS_MIN
        while not self._stopping:
            if self._process is None:
                self.start()
            process = self._process
            assert process is not None
            status = await self._wait(process)
            self._process = None
            if self._stopping:
                return
            if status in self._refusals and self.restarts == 0:
                self.refused = True
                log.error("%s refused to start", self.name)
                return
            log.warning("%s (pid %d) ended with status %d", self.name, process.pid, status)
            self._sweep_group(process.pid)
            if self._on_exit is not None:
                await self._on_exit(process.pid, status)
            pause = self._bounded(pause)
            await self._pause(pause)
            pause = min(pause * 2, BACKOFF_SECONDS_MAX)
            self.restarts += 1

    def _bounded(self, pause: float) -> float:
        """The pause after the process that just died."""
        if self._clock.monotonic() - self._started_at > HEALTHY_SECONDS:
            return BACKOFF_SECONDS_MIN
        ready = self._ready_file is not None and self._ready_file.exists()
        return min(pause, BACKOFF_SECONDS_READY) if ready else pause

    async def stop(self, seconds: float = TERM_SECONDS) -> None:
        """SIGTERM, then SIGKILL after `seconds`; returns when the process is gone."""
        self._stopping = True
        self._wake.set()
        process = self._process
        if process is None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wait(process), seconds)
            return
        log.warning("%s did not stop within %.0f s; it is killed", self.name, seconds)
        self._signal(signal.SIGKILL)
        await self._wait(process)

    def stop_now(self) -> None:
        """Kill and reap without a loop: for an end during the start."""
        self._stopping = True
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    async def _wait(self, process: subprocess.Popen[bytes]) -> int:
        if process.poll() is None:
            loop = asyncio.get_running_loop()
            gone = asyncio.Event()
            handle = os.pidfd_open(process.pid)
            loop.add_reader(handle, gone.set)
            try:
                await gone.wait()
            finally:
                loop.remove_reader(handle)
                os.close(handle)
        return process.wait()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    def _signal(self, number: int) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)

    def _sweep_group(self, group: int) -> None:
        """What the dead child left in its group (query workers) must not outlive it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
