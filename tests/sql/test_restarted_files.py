"""Every file of `cases/` once more: each query goes through a checkpoint between its steps."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.engine.restarts import drawn, restarts
from tests.sql.player import play
from tests.sql.script import steps
from tests.sql.test_sql_files import FILES, FOLDER


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("shared_workers")
@pytest.mark.turns(4)
@pytest.mark.parametrize("name", FILES)
async def test_file(name: str, tmp_path: Path) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    with restarts(drawn(zlib.crc32(name.encode()))):
        await play(steps(text), tmp_path / "ws", coalesced=False)
