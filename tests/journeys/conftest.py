"""One running server per test module for journeys that do not kill it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.server import STARTED, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on an empty data folder, stopped after the module."""
    folder: Path = tmp_path_factory.mktemp("server")
    running = Server(folder / "data").start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _leave_no_server(tmp_path: Path) -> Iterator[None]:
    """Kill what a failed test left running over its own folder."""
    yield
    for started in [s for s in STARTED if s.data.is_relative_to(tmp_path)]:
        if started.process is not None and started.process.poll() is None:
            started.kill()
        STARTED.discard(started)
