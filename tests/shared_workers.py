"""One pool of query workers for all engines of a test module, and kept sessions of their flows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import engine.local
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.workers import WorkerPool
from tests.sessions import kept_session
from tests.sql.virtual_engine import SharedPool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_workers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedPool]:
    # Engines of several tests read below one folder, each in a folder of its own.
    pool = WorkerPool(EngineSettings(), SystemClock(), tmp_path_factory.getbasetemp())
    await pool.start()
    yield SharedPool(pool)
    await pool.close()


@pytest.fixture
def shared_workers(module_workers: SharedPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that are opened in this test use the module's workers."""
    monkeypatch.setattr(engine.local, "WorkerPool", lambda *_: module_workers)
    monkeypatch.setattr(engine.local.duck, "Session", kept_session)
