"""One pool of query workers for all fixtures of the dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

import engine.local
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.workers import WorkerPool
from tests.sql.virtual_engine import SharedPool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _workers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedPool]:
    folder: Path = tmp_path_factory.mktemp("history")
    pool = WorkerPool(EngineSettings(), SystemClock(), folder)
    await pool.start()
    yield SharedPool(pool)
    await pool.close()


@pytest.fixture
def shared_workers(_workers: SharedPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that are opened in this test use the module's workers."""
    monkeypatch.setattr(engine.local, "WorkerPool", lambda *_: _workers)
