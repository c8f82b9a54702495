"""The examples of docs/external-tables.md, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.config import EngineSettings
from engine.errors import TailraceError
from engine.local import LocalEngine
from engine.protocol import QueryEnd, QueryRequest, RunningQuery
from tests.connectors.table_stand import ME, OnPostgres, Stand
from tests.journeys.waiting import wait_until
from tests.services.postgres import Postgres, postgres
from tests.shared_workers import module_workers, shared_workers
from tests.sql.script import Ended, Expect, Run, steps

__all__ = ["module_workers", "postgres", "shared_workers"]

PAGE = Path(__file__).parents[2] / "docs/external-tables.md"
BLOCK = re.compile(r"^```(sql|postgresql)\n(.*?)^```$", re.M | re.S)
# What stands in the page for the server of the test.
PLACE = "address = '127.0.0.1:5432', database = 'shop', user = 'tailrace', password = 'geheim'"
ROWS_SECONDS_MAX = 20
BLOCKS = [(kind, text) for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
EXAMPLES = [text for kind, text in BLOCKS if kind == "sql"]
TABLES = "\n".join(text for kind, text in BLOCKS if kind == "postgresql")


class Player:
    """Plays a block: statements, and queries whose rows are looked at."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._query: RunningQuery | None = None
        self._task: asyncio.Task[None] | None = None
        self._rows: list[list[Any]] = []

    async def run(self, step: Run) -> None:
        """One statement."""
        if not step.query:
            await self._once(step)
            return
        await self.end()
        request = QueryRequest(SystemClock().uuid4(), step.sql, ME)
        self._query = await self._stand.engine.run(request)
        self._rows = []
        self._task = asyncio.create_task(self._take(self._query))

    async def _once(self, step: Run) -> None:
        try:
            await self._stand.run(step.sql)
        except TailraceError as error:
            assert error.code == step.code, error.message
            assert step.message in error.message
        else:
            assert not step.code, step.sql

    async def _take(self, query: RunningQuery) -> None:
        async for item in query.items():
            if isinstance(item, QueryEnd):
                assert item.code in (0, 394), item
            else:
                self._rows += json.loads(item.payload)

    async def expect(self, step: Expect) -> None:
        """The rows that came since the last look."""
        await asyncio.to_thread(
            wait_until, lambda: len(self._rows) >= len(step.rows), ROWS_SECONDS_MAX, "the rows"
        )
        assert self._rows == step.rows
        self._rows = []

    async def end(self) -> None:
        """The query that runs is over."""
        if self._query is not None and self._task is not None:
            await self._query.cancel()
            await self._task
        self._query = None


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("text", EXAMPLES)
async def test_example(text: str, postgres: Postgres, tmp_path: Path, shared_workers: None) -> None:
    database = OnPostgres(postgres, await postgres.new_database())
    await database.run(TABLES)
    engine = await LocalEngine.open(tmp_path / "ws", EngineSettings(), SystemClock())
    stand = Stand(engine, database, "postgresql")
    player = Player(stand)
    place = ", ".join(f"{k} = '{v}'" for k, v in database.settings.items() if k != "type")
    assert PLACE in text
    for step in steps(text.replace(PLACE, place)):
        match step:
            case Run():
                await player.run(step)
            case Expect():
                await player.expect(step)
            case Ended():
                await player.end()
            case _:
                raise AssertionError(f"the page has a step that is not played: {step}")
    await player.end()
    await engine.close()
    await stand.tables.close()


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 4 and TABLES
