"""An engine process and its query workers do not load pandas, also where it is installed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from engine import worker_process
from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.local import LocalEngine
from engine.protocol import ColumnDef, Definition, Engine, IngestRequest, QueryRequest, Rows
from engine.remote import RemoteEngine
from tests.engine.place import ME
from tests.tidy.sources import ROOT

# A package that leaves word of each process that imports it.
PANDAS = """
import os, pathlib
pathlib.Path(__file__).with_name(f"{os.getpid()}.seen").touch()
raise ImportError("only a stand-in")
"""


STREAM = Definition("", "s", "stream", (ColumnDef("n", "int64"), ColumnDef("at", "datetime64(9)")))
BODY = b'{"columns": ["n", "at"], "data": [[1, "2026-01-01 00:00:00"], [2, null]]}'
SQL = "select sum(n), max(at), array_sort(group_array(n)) from table(s)"


@pytest.fixture
def pandas(tmp_path: Path) -> Path:
    """The folder of the stand-in."""
    package = tmp_path / "packages" / "pandas"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PANDAS)
    return package


async def ask(engine: Engine) -> None:
    """A row in, a bounded query over it."""
    await engine.create(STREAM, ME)
    await engine.ingest(IngestRequest("s", "compact"), BODY)
    running = await engine.run(QueryRequest(id=SystemClock().uuid4(), sql=SQL, caller=ME))
    items = [item async for item in running.items()]
    assert isinstance(items[0], Rows), items


async def test_an_engine_does_not_load_pandas(pandas: Path, tmp_path: Path) -> None:
    socket = tmp_path / "e.sock"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine.host", f"--socket={socket}", f"--data={tmp_path / 'data'}",
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{pandas.parent}"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while not socket.exists():
                await asyncio.sleep(0.02)
            engine = await RemoteEngine.connect(str(socket))
            await ask(engine)
            await engine.close()
    finally:
        process.terminate()
        await process.wait()
    assert list(pandas.glob("*.seen")) == []


async def test_a_query_worker_does_not_load_pandas(
    pandas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment: dict[str, str] = vars(worker_process)["_ENVIRONMENT"]
    monkeypatch.setitem(environment, "PYTHONPATH", f"{ROOT}{os.pathsep}{pandas.parent}")
    engine = await LocalEngine.open(tmp_path / "data", EngineSettings(), SystemClock())
    try:
        await ask(engine)
    finally:
        await engine.close()
    assert list(pandas.glob("*.seen")) == []
