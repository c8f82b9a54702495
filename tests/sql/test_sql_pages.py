"""The examples of the SQL pages: every ```sql block is played like a fixture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sql.player import play
from tests.sql.script import steps

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("sql.md", "queries.md", "joins.md", "views.md", "streams.md", "udf.md")
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.M | re.S)


def examples() -> list[tuple[str, str]]:
    """Page and line, and the text of each block."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            found.append((f"{page}:{line}", block.group(1)))
    return found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("shared_workers")
@pytest.mark.parametrize(("place", "text"), [pytest.param(*e, id=e[0]) for e in examples()])
async def test_example(place: str, text: str, tmp_path: Path) -> None:
    await play(steps(text), tmp_path / "single", coalesced=False)
    await play(steps(text), tmp_path / "coalesced", coalesced=True)


def test_pages_have_examples() -> None:
    assert len(examples()) >= 15
