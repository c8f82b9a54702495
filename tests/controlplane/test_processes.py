"""Engine processes by role: a hanging step is killed and charged, a crash is charged."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from controlplane.processes import Processes
from controlplane.services.engines import WorkspaceEngine
from controlplane.supervisor import Child
from engine.charge import ChargeTable
from engine.clock import SystemClock
from engine.protocol import Snapshot
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
    ("number", "since_seconds", "expected"),
    [(None, 20.0, 159), (signal.SIGABRT, 0.0, 241), (signal.SIGKILL, 0.0, None)],
)
async def test_charges(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int | None,
    since_seconds: float,
    expected: int | None,
) -> None:
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


def test_sockets_lie_in_a_private_folder(tmp_path: Path) -> None:
    short = Processes(settings_for(data_dir=str(tmp_path)), SystemClock())
    deep = Processes(settings_for(data_dir=str(tmp_path / ("d" * 120))), SystemClock())
    for processes in (short, deep):
        folder = processes.control_socket.parent
        assert folder.stat().st_mode & 0o077 == 0
        assert len(str(folder)) < 90
        processes.abort()
        assert not folder.exists()
