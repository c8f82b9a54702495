"""What starters of servers have in common: free ports, start, kill -9, start on the same data."""

from __future__ import annotations

import itertools
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import psutil

from tests.services.process import Child, Folder, PortTaken, ServiceError, free_ports

ATTEMPTS = 3


class Server(ABC):
    """A server of 127.0.0.1 over a temporary folder."""

    NAME: ClassVar[str]
    PORTS: ClassVar[tuple[str, ...]]
    START_SECONDS_MAX: ClassVar[float] = 30.0

    def __init__(self, how: dict[str, Any] | None = None) -> None:
        """Starts nothing. `how`: further arguments of subprocess.Popen."""
        self._folder = Folder(self.NAME.lower())
        self._ports: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self.child = Child(self.NAME, self._folder.path, how)

    @property
    def folder(self) -> Path:
        """Its data, its log, its certificates; goes with `close`."""
        return self._folder.path

    def start(self) -> Self:
        """Start it and wait until it does its work; blocks, so in a test by `asyncio.to_thread`.

        After `kill` it has the data and the ports that it had.

        Raises:
            ServiceError: it does not start; with the end of its log.
        """
        if self._ports:
            self._run()
            return self
        for left in range(ATTEMPTS - 1, -1, -1):
            self._ports = dict(zip(self.PORTS, free_ports(len(self.PORTS)), strict=True))
            if left == ATTEMPTS - 1:
                self._prepare()
            try:
                self._run()
                break
            except PortTaken:
                if not left:
                    raise
        return self

    def _run(self) -> None:
        self.child.start(self._command(), self._answers, self.START_SECONDS_MAX)

    def _prepare(self) -> None:  # noqa: B027
        """Fill the folder before the first start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """What starts it."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it does its work: asked every few milliseconds until it does."""

    def port(self, name: str) -> int:
        """One of PORTS."""
        if not self._ports:
            raise ServiceError(f"{self.NAME} was not started")
        return self._ports[name]

    def new_name(self, separator: str = "-") -> str:
        """A name for a topic or a database that no other test has."""
        return separator.join(("t", str(os.getpid()), str(next(self._numbers))))

    @property
    def resident_bytes(self) -> int:
        """Physical memory that it has now."""
        return int(psutil.Process(self.child.pid).memory_info().rss)

    @property
    def cpu_seconds(self) -> float:
        """Time of processors that it used since it was started last."""
        used = psutil.Process(self.child.pid).cpu_times()
        return float(used.user + used.system)

    def kill(self) -> None:
        """kill -9; what it had acknowledged is in its folder."""
        self.child.kill()

    def pause(self) -> None:
        """It hangs: takes connections and answers nothing, until `resume`."""
        self.child.pause()

    def resume(self) -> None:
        """It goes on where `pause` stopped it."""
        self.child.resume()

    def close(self) -> None:
        """End it and remove its folder; safe to call twice."""
        self.child.kill()
        self._folder.remove()
