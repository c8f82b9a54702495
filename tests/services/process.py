"""Processes that tests start: in a group of their own, with a log, a deadline, an end with ours."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from engine.limits import die_with_parent

LOG_LINES = 50
LOG_TAIL_BYTES = 64 * 1024
POLL_SECONDS = 0.02
END_SECONDS_MAX = 10.0
# What servers write when another process took the port between our look and their start.
PORT_TAKEN = ("Address already in use", "BindException", "could not bind")

# The kernel ends a child with the thread that started it, and a test's threads end with the test.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="test-services")


class ServiceError(AssertionError):
    """A service did not start, or ended; the message carries the end of its log."""


class PortTaken(ServiceError):
    """Another process has the port; another port helps."""


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def listens(port: int) -> bool:
    """Whether somebody takes connections at this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def service_user(name: str) -> dict[str, Any]:
    """Arguments of subprocess for servers that refuse to run as root; nothing for other users."""
    if os.geteuid() != 0:
        return {}
    return {"user": name, "group": name, "extra_groups": []}


def run_tool(command: Sequence[str], seconds: float, how: dict[str, Any] | None = None) -> str:
    """Run a program to its end; what it wrote.

    Raises ServiceError with the end of that if it says failure, TimeoutExpired after `seconds`.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=seconds, check=False, **(how or {}),
    )  # fmt: skip
    written = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        log = "\n".join(written.splitlines()[-LOG_LINES:])
        raise ServiceError(f"{command[0]} ended with status {done.returncode}:\n{log}")
    return written


class Folder:
    """A temporary folder of a service, readable on the way down for the user that it runs as."""

    def __init__(self, name: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"tailrace-{name}-"))
        self.path.chmod(0o711)

    def give(self, user: str, below: str = "") -> None:
        """Everything below `below` (or all) belongs to `user`, if we may give things away."""
        if os.geteuid() != 0:
            return
        top = self.path / below
        for path in (top, *top.rglob("*")):
            shutil.chown(path, user, user)

    def remove(self) -> None:
        """It goes with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def is_dead(pid: int) -> bool:
    """Whether the process ended; its number may wait for a parent that collects it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


class Child:
    """One server, started and ended any number of times; all starts write to one log."""

    def __init__(self, name: str, folder: Path, how: dict[str, Any] | None = None) -> None:
        """`how`: further arguments of subprocess.Popen (user, group, env)."""
        self._name = name
        self._folder = folder
        self._how = how or {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], ready: Callable[[], bool], seconds: float) -> None:
        """Start it and wait until `ready` says so; blocks.

        Raises ServiceError (PortTaken) when it ends before, or is not ready after `seconds`.
        """
        assert not self.runs, f"{self._name} runs already"
        before = self._log_file.stat().st_size if self._log_file.exists() else 0
        self._process = process = _starter.submit(self._popen, list(command)).result()
        deadline = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None:
                self._process = None
                self._raise(f"ended with status {process.returncode}", before)
            if time.monotonic() > deadline:
                self.kill()
                self._raise(f"was not ready after {seconds:g} s", before)
            time.sleep(POLL_SECONDS)

    def _popen(self, command: list[str]) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        with self._log_file.open("ab") as log:
            return subprocess.Popen[bytes](
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
                process_group=0, preexec_fn=lambda: die_with_parent(parent), **self._how,
            )  # fmt: skip

    @property
    def _log_file(self) -> Path:
        return self._folder / "log"

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None, f"{self._name} does not run"
        return self._process.pid

    def log(self, since: int = 0) -> str:
        """The last LOG_LINES lines of its output, of what it wrote after `since` bytes."""
        if not self._log_file.exists():
            return ""
        with self._log_file.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(since, size - LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])

    def _raise(self, what: str, since: int) -> None:
        log = self.log(since)
        kind = PortTaken if any(words in log for words in PORT_TAKEN) else ServiceError
        raise kind(f"{self._name} {what}; the end of its log:\n{log}")

    def kill(self) -> None:
        """kill -9 of it and of all that it started; its files stay."""
        if self._process is None:
            return
        # Some put each of their processes into a group of its own.
        others = [] if self._process.poll() is not None else _below(self._process.pid)
        self._signal(signal.SIGKILL)
        for one in others:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.wait(END_SECONDS_MAX)
        deadline = time.monotonic() + END_SECONDS_MAX
        while not all(is_dead(one.pid) for one in others) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self._process = None

    def end(self, seconds: float = END_SECONDS_MAX, how: int = signal.SIGTERM) -> None:
        """Ask it to end, by a signal; kill it when it is there still after `seconds`."""
        if self._process is None:
            return
        self._signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def pause(self) -> None:
        """It hangs: takes connections and answers nothing, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where `pause` stopped it."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
