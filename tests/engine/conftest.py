"""An engine over a folder, for tests that stop, kill and start it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.engine.place import Place
from tests.shared_workers import module_workers, shared_workers

__all__ = ["module_workers", "shared_workers"]


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path, shared_workers: None) -> AsyncIterator[Place]:
    made = Place(tmp_path / "life0")
    await made.start()
    yield made
    await made.stop()
