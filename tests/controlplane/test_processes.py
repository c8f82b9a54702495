"""Engine processes by role: a hanging step is killed and charged, a crash is charged."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from controlplane import processes as processes_module
from controlplane.processes import Processes
from controlplane.services.engines import WorkspaceEngine
from controlplane.supervisor import Child
from engine.charge import ChargeTable
from engine.clock import SystemClock
from engine.protocol import Snapshot
from engine.remote import SOCKET_CHARS_MAX, socket_name
from tests.controlplane.conftest import settings_for


class OneEngine:
    """What the processes ask of services.engines.Engines."""

    def __init__(self, engine: WorkspaceEngine) -> None:
        self.engine = engine

    def all(self) -> list[WorkspaceEngine]:
        return [self.engine]

    def find(self, workspace: str) -> WorkspaceEngine | None:
        return self.engine if workspace == "default" else None


@pytest.mark.parametrize(
    ("number", "since_seconds", "kernel_kills", "expected"),
    [
        (None, 20.0, 0, 159),
        (signal.SIGABRT, 0.0, 0, 241),
        (signal.SIGKILL, 0.0, 0, None),
        (signal.SIGKILL, 0.0, 1, 241),
    ],
)
async def test_charges(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int | None,
    since_seconds: float,
    kernel_kills: int,
    expected: int | None,
) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("nr_free_pages 1\noom_kill 7\nzone_reclaim 0\n")
    monkeypatch.setattr(processes_module, "VMSTAT", vmstat)
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    clock = SystemClock()
    processes = Processes(settings_for(data_dir=str(tmp_path)), clock)
    child = processes._engine_child("default")
    child._command = [child._command[0], "-m", "sleeper"]
    child.start()
    engine = WorkspaceEngine("default", Snapshot(0, ()), 0, clock)
    file = tmp_path / "workspaces" / "default" / "charge"
    file.parent.mkdir(exist_ok=True)
    table = ChargeTable(file)
    table.begin("q1", clock.monotonic() - since_seconds)
    stand_in: Any = OneEngine(engine)
    processes.supervise(stand_in)
    try:
        vmstat.write_text(f"nr_free_pages 1\noom_kill {7 + kernel_kills}\nzone_reclaim 0\n")
        if number is not None:
            os.kill(child.pid, number)
        await asyncio.wait_for(engine.examined.wait(), 20)
        charge = await engine.blame("q1")
        assert (charge[0] if charge else None) == expected
        assert processes.restarts == {"engine-default": 1}
        assert not file.exists()
    finally:
        table.close()
        await processes.close()
    assert isinstance(child, Child)
    assert not child.running


class Mute:
    """An engine that takes questions and answers none of them, but the first ones."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    async def info(self) -> None:
        self.answers -= 1
        if self.answers < 0:
            await asyncio.Event().wait()


async def test_an_engine_that_does_not_answer_is_killed_and_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(processes_module, "STEPS_SECONDS", 0.01)
    processes = Processes(settings_for(data_dir=str(tmp_path)), SystemClock())
    child = processes._engine_child("default")
    child._command = [child._command[0], "-m", "sleeper"]
    child.start()
    first = child.pid
    engine = WorkspaceEngine("default", Snapshot(0, ()), 0, SystemClock())
    mute: Any = Mute(answers=30)
    engine._engine = mute
    stand_in: Any = OneEngine(engine)
    processes.supervise(stand_in)
    try:
        await asyncio.wait_for(engine.examined.wait(), 20)
        engine._engine = None  # as when the connection ends
        assert mute.answers == -1
        assert processes.restarts == {"engine-default": 1}
        assert "answers nothing; it is killed" in caplog.text
        async with asyncio.timeout(20):
            while child.pid in (0, first):
                await asyncio.sleep(0.01)
    finally:
        await processes.close()


def test_sockets_lie_in_a_private_folder(tmp_path: Path) -> None:
    short = Processes(settings_for(data_dir=str(tmp_path)), SystemClock())
    deep = Processes(settings_for(data_dir=str(tmp_path / ("d" * 120))), SystemClock())
    for processes in (short, deep):
        folder = processes.control_socket.parent
        assert folder.stat().st_mode & 0o077 == 0
        assert len(str(folder)) < 90
        processes.abort()
        assert not folder.exists()


@pytest.mark.parametrize("workspace", ["default", "second"])
async def test_a_folder_that_cannot_be_opened_ends_the_server_only_if_it_is_vital(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: str
) -> None:
    (tmp_path / "refuser.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    processes = Processes(settings_for(data_dir=str(tmp_path)), SystemClock())
    processes._vital = frozenset({"default"})
    refused: list[str] = []
    stand_in: Any = OneEngine(WorkspaceEngine(workspace, Snapshot(0, ()), 0, SystemClock()))
    stand_in.refused = refused.append
    processes.supervise(stand_in)
    child = processes._engine_child(workspace)
    child._command = [child._command[0], "-m", "refuser"]
    try:
        await processes.launch(workspace)
        async with asyncio.timeout(20):
            while not child.refused:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
        assert processes.refused.is_set() == (workspace == "default")
        assert refused == ([] if workspace == "default" else ["second"])
    finally:
        await processes.close()


def test_sockets_have_short_names_of_their_own() -> None:
    names = ["default", "a" * 20, "a" * 21, "a" * 63, "a" * 62 + "b", "connectors"]
    sockets = [socket_name(name) for name in names]
    assert sockets[0] == "engine-default.sock"
    assert len(set(sockets)) == len(names)
    assert max(len(socket) for socket in sockets) == len("engine-.sock") + SOCKET_CHARS_MAX
