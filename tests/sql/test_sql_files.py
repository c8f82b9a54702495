"""Every file of `cases/`: one behaviour of the dialect, append by append and coalesced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sql.player import play
from tests.sql.script import steps

FOLDER = Path(__file__).parent / "cases"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.sql"))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("shared_workers")
@pytest.mark.parametrize(
    "coalesced",
    [False, pytest.param(True, marks=pytest.mark.turns(5))],
    ids=["single", "coalesced"],
)
@pytest.mark.parametrize("name", FILES)
async def test_file(name: str, coalesced: bool, tmp_path: Path) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    await play(steps(text), tmp_path / "ws", coalesced=coalesced)


def test_every_file_says_what_it_shows() -> None:
    silent = [n for n in FILES if not (FOLDER / n).read_text(encoding="utf-8").startswith("-- ")]
    assert silent == []
    assert len(FILES) >= 280
