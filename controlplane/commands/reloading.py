"""`tailrace serve --reload`: the server as a child that is started anew when its code changes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

# Looking at a few hundred files takes some milliseconds.
LOOK_SECONDS: Final = 1.0
PACKAGES: Final = ("controlplane", "engine", "connectors")
OPTION: Final = "--reload"
PROGRAM: Final = "from controlplane.cli import main; main()"


def serve_reloading(arguments: Sequence[str], config: str | None) -> int:
    """Run the same command without its option until a signal or its own end; the exit status."""
    watched = [Path(__file__).parents[2] / name for name in PACKAGES]
    return _Reloading(
        [sys.executable, "-c", PROGRAM, *(a for a in arguments if a != OPTION)],
        [*watched, *([Path(config)] if config else [])],
    ).run()


class _Reloading:
    """Owns the child."""

    def __init__(self, command: list[str], watched: Iterable[Path]) -> None:
        self._command = command
        self._watched = list(watched)
        self._stopping = False
        self._child: subprocess.Popen[bytes]

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while True:
            seen = stamps(self._watched)
            # A group of its own: a Ctrl-C of the terminal reaches it through this process alone.
            self._child = subprocess.Popen(self._command, start_new_session=True)
            status = self._wait(seen)
            if status is not None:
                return status

    def _wait(self, seen: dict[Path, int]) -> int | None:
        """The status with which the child ended by itself or by a signal; None after a change."""
        if self._stopping:  # a signal came while it was started
            self._child.terminate()
        while True:
            try:
                return self._child.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if not self._stopping and stamps(self._watched) != seen:
                    break
        sys.stderr.write("The code changed: the server starts again.\n")
        self._child.terminate()
        status = self._child.wait()
        return status if self._stopping else None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        self._child.terminate()


def stamps(watched: Iterable[Path]) -> dict[Path, int]:
    """When each Python file below these folders, and each of these files, was changed."""
    found: dict[Path, int] = {}
    for place in watched:
        for path in place.rglob("*.py") if place.is_dir() else (place,):
            try:
                found[path] = path.stat().st_mtime_ns
            except OSError:
                continue
    return found
