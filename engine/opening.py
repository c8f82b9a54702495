"""What an engine is opened with: the parts of its settings, and its store of checkpoints."""

from __future__ import annotations

from pathlib import Path

from engine import duck
from engine.checkpoints import CheckpointStore
from engine.clock import Clock
from engine.config import EngineSettings
from engine.flow_settings import FlowSettings
from engine.hashing import hashing
from engine.log.files import FileSystem
from engine.log.settings import LogSettings
from engine.spillspace import SpillStore
from engine.start_answers import AnswerFiles
from engine.storage_types import StorageSettings


def checkpoint_store(folder: Path, clock: Clock, version: str) -> CheckpointStore:
    """The checkpoints of a workspace, with the spilled state that they name."""
    spills = SpillStore(folder / "spill", FileSystem())
    store = CheckpointStore(
        folder / "checkpoints",
        FileSystem(),
        clock,
        program=version,
        duckdb=duck.version,
        hashing=hashing,
    )
    store.spills = spills
    spills.begin(store.queries())
    return store


def answer_files(folder: Path) -> AnswerFiles:
    """What the kept queries of a workspace have read at their starts."""
    return AnswerFiles(folder / "answers", FileSystem())


def flow_settings(folder: Path, settings: EngineSettings) -> FlowSettings:
    """The flow's part of the engine's settings."""
    return FlowSettings(
        charge_path=folder / "charge",
        state_bytes_max=settings.state_bytes_max,
        state_memory_bytes_max=settings.state_memory_bytes_max,
        spill_folder=folder / "spill",
    )


def storage_settings(settings: EngineSettings) -> StorageSettings:
    """The storage's part of the engine's settings."""
    stop = settings.disk_free_stop_fraction
    log_settings = LogSettings(
        free_stop_fraction=stop,
        # Above the stop mark, or writing would flap; never more than a disk can have.
        free_resume_fraction=min(2 * stop, (1 + stop) / 2),
        free_stop_bytes=settings.disk_free_stop_bytes,
    )
    return StorageSettings(
        log=log_settings, seal_bytes=settings.seal_bytes, hot_bytes_max=settings.hot_bytes_max
    )
