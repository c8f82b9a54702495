"""The stand-in engine's background queries: what was started, paused and saved, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from engine.activity import Activity, Diagnosis
from engine.dead_letter import DeadLetter
from engine.errors import Code, NotFound, SqlError, StorageFull
from engine.protocol import (
    Analysis,
    BackgroundOpened,
    BackgroundQuery,
    BackgroundRows,
    Backtested,
    BacktestRow,
    Caller,
    Position,
    ResultColumn,
    ViewState,
)


@dataclass
class FakeBackgroundQuery:
    """One of them; `begun` counts how often it began anew."""

    query: BackgroundQuery
    paused: bool = False
    failure: str = ""
    begun: int = 1
    position: Position = field(default_factory=Position)
    saved: dict[str, bytes] = field(default_factory=dict)


class FakeBackground:
    """See engine.background.Background. The host class analyzes and checks."""

    def __init__(self) -> None:
        self.background: dict[str, FakeBackgroundQuery] = {}
        self.past: tuple[BacktestRow, ...] = ()  # what a test over the past gives
        self.letters: dict[str, list[DeadLetter]] = {}
        self.full = ""  # why no letters are taken
        self.active = Activity(0)

    def _check(self) -> None:
        raise NotImplementedError

    async def activity(self) -> Activity:
        self._check()
        return self.active

    async def diagnose(self, owner: str) -> Diagnosis:
        self._check()
        for work in self.active.works:
            if work.owner == owner:
                return Diagnosis(self.active.now_ms, 0, work)
        raise NotFound(f"{owner} does not run.")

    async def analyze(self, sql: str) -> Analysis:
        raise NotImplementedError

    def header_of(self, sql: str) -> tuple[ResultColumn, ...]:
        """Columns of a query."""
        raise NotImplementedError

    def reads_of(self, sql: str) -> tuple[str, ...]:
        """What a query reads."""
        raise NotImplementedError

    async def check_background(self, queries: tuple[str, ...]) -> BackgroundOpened:
        return await self._opened("", queries)

    async def _opened(self, stream: str, queries: tuple[str, ...]) -> BackgroundOpened:
        self._check()
        analyses: list[Analysis] = []
        for sql in queries:
            analysis = await self.analyze(sql)
            if not self.reads_of(sql) or "table(" in sql:
                raise SqlError("The query ends by itself.", Code.BAD_ARGUMENTS)
            analyses.append(msgspec.structs.replace(analysis, is_streaming=True))
        return BackgroundOpened(
            stream,
            tuple(self.header_of(sql) for sql in queries),
            tuple(analyses),
            tuple(self.reads_of(sql) for sql in queries),
        )

    async def backtest_background(self, queries: tuple[str, ...], minutes: int) -> Backtested:
        opened = await self._opened("", queries)
        return Backtested(opened.headers, self.past, len(self.past), 1_000)

    async def start_background(self, query: BackgroundQuery, caller: Caller) -> BackgroundOpened:
        opened = await self._opened(query.owner, query.queries)
        there = self.background.get(query.owner)
        if there is None:
            self.background[query.owner] = FakeBackgroundQuery(query)
        elif query.anew or there.query.queries != query.queries:
            self.background[query.owner] = FakeBackgroundQuery(query, begun=there.begun + 1)
        else:
            there.paused, there.failure = False, ""
        return opened

    async def pause_background(self, owner: str) -> None:
        self._check()
        if owner in self.background:
            self.background[owner].paused = True

    async def drop_background(self, owner: str) -> None:
        self._check()
        self.background.pop(owner, None)
        self.letters.pop(owner, None)

    async def background_states(self, owners: tuple[str, ...]) -> dict[str, ViewState]:
        self._check()
        return {
            owner: ViewState("Error", one.failure)
            if one.failure
            else ViewState("Paused" if one.paused else "ExecutingPipeline", "", 5, 2, 1_000, 300)
            for owner, one in self.background.items()
            if owner in owners
        }

    async def read_background(
        self, owner: str, folds: bool = False
    ) -> AsyncIterator[BackgroundRows]:
        self._check()
        if owner not in self.background:
            raise NotFound(f"There is no background query of {owner}.")
        for row in ():
            yield row

    async def advance(
        self,
        owner: str,
        to: Position,
        saved: dict[str, bytes] | None = None,
        letters: tuple[DeadLetter, ...] = (),
    ) -> None:
        self._check()
        if owner not in self.background:
            raise NotFound(f"There is no background query of {owner}.")
        if letters and self.full:
            raise StorageFull(self.full)
        self.letters.setdefault(owner, []).extend(letters)
        one = self.background[owner]
        one.position = max(one.position, to)
        one.saved |= saved or {}

    async def positions(self, owners: tuple[str, ...]) -> dict[str, Position]:
        self._check()
        return {o: self.background[o].position for o in owners if o in self.background}

    async def saved(self, owners: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
        self._check()
        return {o: dict(self.background[o].saved) for o in owners if o in self.background}

    def save(self, owner: str, key: str, value: object) -> None:
        """What the connectors would have saved."""
        self.background[owner].saved[key] = msgspec.json.encode(value)
