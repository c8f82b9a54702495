"""Plays a fixture against the engine and compares what comes with what it says."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from engine.clock import ManualClock
from engine.config import EngineSettings
from engine.errors import TailraceError
from tests.sql.script import Clock, Columns, Ended, Expect, Run, Step, Wait
from tests.sql.virtual_engine import Reader, VirtualEngine

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Player:
    """One run of one fixture. `coalesced`: appends run together up to the next instant."""

    def __init__(self, engine: VirtualEngine, *, coalesced: bool) -> None:
        self._engine = engine
        self._coalesced = coalesced
        self._query: Reader | None = None
        self._waiting: list[Expect] = []

    async def play(self, steps: list[Step]) -> None:
        """Every step; raises AssertionError that names the line."""
        for step in steps:
            match step:
                case Run():
                    await self._run(step)
                case Expect():
                    self._waiting.append(step)
                    if not self._coalesced:
                        await self._check()
                case Columns():
                    self._check_columns(step)
                case Wait():
                    await self._check()
                    await self._engine.wait(step.milliseconds)
                case Ended():
                    await self._check()
                    assert self._reader().end is not None, f"line {step.line}: it still runs"
                case Clock():
                    pass
        await self._check()
        if self._query is not None:
            rest = self._query.rows()
            assert rest == [], f"rows that the file does not name:\n{shown(rest)}"
            await self._query.close()

    async def _run(self, step: Run) -> None:
        if not step.appends:
            await self._check()
        code = 0
        message = ""
        try:
            reader = await self._engine.statement(step.sql)
            if reader.opened.kind != "streaming":
                await reader.finished()
            else:
                await self._engine.settle()
            if reader.end is not None:
                code, message = reader.end.code, reader.end.message
        except TailraceError as error:
            code, message = error.code, error.message
            reader = None
        assert code == step.code, f"line {step.line}: code {code} ({message}), not {step.code}"
        assert step.message in message, f"line {step.line}: {message}, not ... {step.message} ..."
        if step.query and reader is not None:
            if self._query is not None:
                assert self._query.rows() == [], f"line {step.line}: rows of the query before"
                await self._query.close()
            self._query = reader
        elif reader is not None and reader.opened.kind == "streaming":
            await reader.close()
        if step.appends and not self._coalesced:
            await self._engine.settle()

    async def _check(self) -> None:
        """Let everything run that waits, then compare all rows since the last look."""
        await self._engine.settle()
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        lines = ", ".join(str(e.line) for e in waiting)
        wanted = [row for e in waiting for row in e.rows]
        found = self._reader().rows()
        if any(e.unordered for e in waiting):
            wanted, found = sorted(wanted, key=json.dumps), sorted(found, key=json.dumps)
        end = self._reader().end
        failed = f"\n(ended: {end.code} {end.message})" if end is not None and end.code else ""
        assert found == wanted, (
            f"line {lines}: expected\n{shown(wanted)}\nfound\n{shown(found)}{failed}"
        )

    def _check_columns(self, step: Columns) -> None:
        found = [f"{c.name} {c.type}" for c in self._reader().opened.header]
        assert found == step.columns, f"line {step.line}: columns {' | '.join(found)}"

    def _reader(self) -> Reader:
        assert self._query is not None, "no query was started"
        return self._query


def shown(rows: list[list[Any]]) -> str:
    """Rows as a fixture writes them."""
    return "\n".join("--   " + json.dumps(row, ensure_ascii=False) for row in rows) or "-- nothing"


def start_of(steps: list[Step]) -> int:
    """The instant at which a fixture begins, in milliseconds."""
    for step in steps:
        if isinstance(step, Clock):
            given = datetime.datetime.fromisoformat(step.text)
            return int(given.replace(tzinfo=datetime.UTC).timestamp() * 1000)
    return int(_START.timestamp() * 1000)


async def play(steps: list[Step], folder: Path, *, coalesced: bool) -> None:
    """Play a fixture on an empty engine in `folder`."""
    clock = ManualClock(start_of(steps))
    engine = await VirtualEngine.open(folder, EngineSettings(allow_python_functions=True), clock)
    assert isinstance(engine, VirtualEngine)
    try:
        await Player(engine, coalesced=coalesced).play(steps)
    finally:
        await engine.close()
