"""Which ways the fixtures of the dialect are played, and their query workers."""

from __future__ import annotations

import zlib

import pytest

from tests.engine.seeds import first_seed
from tests.shared_workers import module_workers, shared_workers

__all__ = ["module_workers", "shared_workers"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each file is played append by append; of four, one coalesced too and one restarted.

    Which ones changes with the commit. The full run plays each of them in all three ways.
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
    place = (zlib.crc32(name.removesuffix("-coalesced").encode()) + turn) % 4
    if file.endswith("tests/sql/test_sql_files.py"):
        return name.endswith("-coalesced") and place != 0
    return file.endswith("tests/sql/test_restarted_files.py") and place != 1
