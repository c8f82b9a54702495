"""An engine that tests stop, kill and start again over its folder, in virtual time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from engine.clock import ManualClock
from engine.config import EngineSettings
from engine.protocol import Caller, QueryRequest
from tests.sql.virtual_engine import ME, Reader, VirtualEngine

COPIES_MAX = 20


def _copy(folder: Path, copy: Path) -> None:
    """A copy of what is there; anew when files went meanwhile, as those of sealed history do."""
    for _ in range(COPIES_MAX):
        try:
            shutil.copytree(folder, copy)
        except shutil.Error:
            shutil.rmtree(copy)
        else:
            return
    raise AssertionError(f"the files of {folder} never stand still")


class Place:
    """An engine that is stopped, killed and started again over its folder."""

    def __init__(self, folder: Path, settings: EngineSettings | None = None) -> None:
        self.folder = folder
        self.settings = settings or EngineSettings()
        self.clock = ManualClock()
        self._lives = 0
        self.engine: VirtualEngine

    async def start(self) -> None:
        found = await VirtualEngine.open(self.folder, self.settings, self.clock)
        assert isinstance(found, VirtualEngine)
        self.engine = found
        await self.engine.settle()

    async def stop(self) -> None:
        await self.engine.close()

    async def restart(self) -> None:
        await self.stop()
        self.clock.advance(1_000)
        await self.start()

    async def kill(self) -> None:
        """Go on with what was on disk at this moment."""
        self._lives += 1
        copy = self.folder.with_name(f"life{self._lives}")
        _copy(self.folder, copy)
        await self.stop()
        self.folder = copy
        self.clock.advance(1_000)
        await self.start()

    def expire(self, *, held_only: bool = False) -> None:
        """Apply the TTL of all streams; `held_only`: to rows that waited for their readers."""
        work = self.engine._storage._maintenance
        work.run_now(lambda: work.expire(held_only=held_only))

    async def ask(
        self, sql: str, caller: Caller = ME, allow: tuple[str, ...] = ("read", "write", "ddl")
    ) -> Reader:
        """A statement of somebody with these rights."""
        request = QueryRequest(self.clock.uuid4(), sql, caller, allow=allow)
        return Reader(await self.engine.run(request), self.engine)

    async def run(self, sql: str) -> None:
        reader = await self.engine.statement(sql)
        await reader.finished()
        assert reader.end is not None and not reader.end.code, reader.end

    async def rows(self, sql: str) -> list[list[Any]]:
        reader = await self.engine.statement(sql)
        await reader.finished()
        assert reader.end is not None and not reader.end.code, reader.end
        return reader.rows()
