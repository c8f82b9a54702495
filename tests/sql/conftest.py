"""One pool of query workers for all fixtures of the dialect, and which ways they are played."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

import engine.local
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.workers import WorkerPool
from tests.engine.seeds import first_seed
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each file is played append by append; coalesced and restarted by turns of the commits.

    The full run plays each of them in all three ways.
    """
    if config.getoption("--full"):
        return
    turn = first_seed()
    left_out = [item for item in items if _left_out(item, turn)]
    items[:] = [item for item in items if not _left_out(item, turn)]
    config.hook.pytest_deselected(items=left_out)


def _left_out(item: pytest.Item, turn: int) -> bool:
    """Whether this way of playing a file is not its turn."""
    file, _, test = item.nodeid.partition("::")
    name = test.removeprefix("test_file[").removesuffix("]")
    restarted = (zlib.crc32(name.removesuffix("-coalesced").encode()) ^ turn) & 1 == 1
    if file.endswith("tests/sql/test_sql_files.py"):
        return name.endswith("-coalesced") and restarted
    return file.endswith("tests/sql/test_restarted_files.py") and not restarted
