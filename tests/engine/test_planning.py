"""The planning thread: shortest first, withdrawn by a cancel, bounded in bytes and in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import Code, Overloaded, UserError
from engine.host import ClientConnection
from engine.local import LocalEngine
from engine.planning import Planning
from engine.protocol import Caller, QueryRequest
from engine.remote import RemoteEngine


class Gate:
    """Planner calls that end when the test says so."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.open = threading.Event()

    def plan(self, sql: str) -> str:
        """Note that it began; wait."""
        self.began.append(sql)
        assert self.open.wait(20)
        return sql.upper()


@pytest.fixture
def planning() -> Iterator[Planning]:
    found = Planning(waiting_bytes_max=20)
    yield found
    found.close()


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def begun(gate: Gate, count: int = 1) -> None:
    """Wait until the thread is at its `count`-th statement."""
    async with asyncio.timeout(20):
        while len(gate.began) < count:
            await asyncio.sleep(0.01)


async def test_the_shortest_statement_goes_first(planning: Planning) -> None:
    gate = Gate()
    tasks = [asyncio.create_task(planning.run(gate.plan, "first"))]
    await begun(gate)
    tasks += [asyncio.create_task(planning.run(gate.plan, s)) for s in ("a" * 9, "b", "ccc")]
    await settle()
    gate.open.set()
    assert await asyncio.gather(*tasks) == ["FIRST", "A" * 9, "B", "CCC"]
    assert gate.began == ["first", "b", "ccc", "a" * 9]


async def test_a_cancelled_caller_takes_its_statement_back(planning: Planning) -> None:
    gate = Gate()
    at_work = asyncio.create_task(planning.run(gate.plan, "at work"))
    await begun(gate)
    gone = [asyncio.create_task(planning.run(gate.plan, f"gone{n}")) for n in range(3)]
    await settle()
    for task in (at_work, *gone):
        task.cancel()
    await asyncio.gather(at_work, *gone, return_exceptions=True)
    gate.open.set()
    assert await planning.run(gate.plan, "last") == "LAST"
    assert gate.began == ["at work", "last"]


async def test_more_text_than_may_wait_is_refused(planning: Planning) -> None:
    gate = Gate()
    tasks = [asyncio.create_task(planning.run(gate.plan, "at work"))]
    await begun(gate)
    tasks += [asyncio.create_task(planning.run(gate.plan, "a" * 9)) for _ in range(2)]
    await settle()
    with pytest.raises(Overloaded) as refused:
        await planning.run(gate.plan, "bbb")
    assert refused.value.code == Code.TOO_MANY_QUERIES
    gate.open.set()
    await asyncio.gather(*tasks)
    assert await planning.run(gate.plan, "c" * 30) == "C" * 30


async def test_time_counts_from_the_call(planning: Planning) -> None:
    gate = Gate()
    task = asyncio.create_task(planning.run(gate.plan, "at work"))
    await begun(gate)
    with pytest.raises(UserError) as late:
        await planning.run(gate.plan, "waits", 0.05)
    assert late.value.code == Code.TIMEOUT
    gate.open.set()
    assert await task == "AT WORK"
    with pytest.raises(ZeroDivisionError):
        await planning.run(lambda _: str(1 // 0), "fails")
    assert await planning.run(gate.plan, "after") == "AFTER"
    assert gate.began == ["at work", "after"]


async def test_a_client_that_gives_up_takes_its_statement_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    monkeypatch.setattr("engine.local.format_sql", gate.plan)
    local = await LocalEngine.open(tmp_path / "ws", EngineSettings(), SystemClock())
    path = str(tmp_path / "engine.sock")
    server = await asyncio.get_running_loop().create_unix_server(
        lambda: ClientConnection(local).wire, path
    )
    remote = await RemoteEngine.connect(path)
    try:
        at_work = asyncio.create_task(remote.format_sql("at work"))
        await begun(gate)
        gone = [asyncio.create_task(remote.format_sql(f"gone{n}")) for n in range(3)]
        query = QueryRequest("q", "select 1", Caller("u", "user"), timeout_ms=50)
        with pytest.raises(UserError) as late:
            await remote.run(query)
        assert late.value.code == Code.TIMEOUT
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        await remote.info()  # the engine has read that they left
        gate.open.set()
        assert await at_work == "AT WORK"
        assert await remote.format_sql("last") == "LAST"
        assert gate.began == ["at work", "last"]
    finally:
        gate.open.set()
        await remote.close()
        server.close()
        await local.close()
