"""Child processes: restart after a kill, back-off, refusal, stop in time."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from controlplane import supervisor
from controlplane.supervisor import Child
from engine.clock import SystemClock
from tests.journeys.waiting import within

SLEEPER = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.{action})
open(sys.argv[1], "a").write("x")
time.sleep(60)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for child modules, importable by `python -m`."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TAILRACE_PORT", "1")
    return tmp_path


async def starts(file: Path, count: int) -> None:
    """Wait until the child has started `count` times."""
    async with asyncio.timeout(20):
        while not file.exists() or len(file.read_text()) < count:
            await asyncio.sleep(0.02)


async def test_a_killed_child_comes_back_and_stops_cleanly(module: Path) -> None:
    (module / "sleeper.py").write_text(SLEEPER.format(action="SIG_DFL"))
    file = module / "starts"
    exits: list[int] = []

    async def on_exit(_: int, status: int) -> None:
        exits.append(status)

    child = Child("sleeper", ["sleeper", str(file)], SystemClock(), on_exit)
    task = asyncio.create_task(child.run())
    await starts(file, 1)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await starts(file, 2)
    assert exits == [-signal.SIGKILL]
    assert child.restarts == 1
    assert child.pid not in (0, first)
    await child.stop(5)
    async with within(5):
        await task
    assert not child.running
    assert exits == [-signal.SIGKILL]


async def test_a_child_that_ignores_the_signal_is_killed(module: Path) -> None:
    (module / "deaf.py").write_text(SLEEPER.format(action="SIG_IGN"))
    file = module / "starts"
    child = Child("deaf", ["deaf", str(file)], SystemClock())
    task = asyncio.create_task(child.run())
    await starts(file, 1)
    await asyncio.wait_for(child.stop(0.2), 5)
    async with within(5):
        await task
    assert not child.running


async def test_a_refusal_at_the_first_start_is_final(module: Path) -> None:
    (module / "refuser.py").write_text("raise SystemExit(3)\n")
    child = Child("refuser", ["refuser"], SystemClock(), refusals=frozenset({3}))
    await asyncio.wait_for(child.run(), 10)
    assert child.refused
    assert child.restarts == 0


async def test_crashing_children_are_restarted_ever_more_slowly(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (module / "crasher.py").write_text("raise SystemExit(1)\n")
    pauses: list[float] = []

    async def pause(self: Child, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            await self.stop()

    monkeypatch.setattr(Child, "_pause", pause)
    child = Child("crasher", ["crasher"], SystemClock())
    await asyncio.wait_for(child.run(), 20)
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    assert supervisor.BACKOFF_SECONDS_MAX == 30.0


async def test_a_child_that_gets_ready_before_it_dies_is_soon_back(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = module / "ready"
    (module / "crasher.py").write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "assert not file.exists(), 'left by the one before'\n"
        "file.touch()\n"
        "raise SystemExit(1)\n"
    )
    pauses: list[float] = []
    seen: list[bool] = []

    async def pause(self: Child, seconds: float) -> None:
        pauses.append(seconds)
        seen.append(ready.exists())
        if len(pauses) == 8:
            await self.stop()

    monkeypatch.setattr(Child, "_pause", pause)
    child = Child("crasher", ["crasher", str(ready)], SystemClock(), ready_file=ready)
    await asyncio.wait_for(child.run(), 60)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]
    assert all(seen)


async def test_children_do_not_see_our_settings(module: Path) -> None:
    (module / "teller.py").write_text(
        "import os, sys, time\n"
        "text = ' '.join(n for n in os.environ if n.startswith('TAILRACE_')) or 'none'\n"
        "open(sys.argv[1], 'w').write(text)\ntime.sleep(60)\n"
    )
    file = module / "seen"
    child = Child("teller", ["teller", str(file)], SystemClock())
    task = asyncio.create_task(child.run())
    await starts(file, 1)
    assert file.read_text() == "none"
    await child.stop(5)
    await task
