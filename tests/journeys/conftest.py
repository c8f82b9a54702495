"""One running server per test module for journeys that do not kill it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on an empty data folder, stopped after the module."""
    folder: Path = tmp_path_factory.mktemp("server")
    running = Server(folder / "data").start()
    yield running
    running.stop()
