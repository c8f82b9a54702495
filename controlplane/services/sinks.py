"""Sinks: definitions in the database, queries in the engine, delivery in the connector process."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from connectors.check_contract import Suggested
from connectors.contract import CheckStep, SinkDefinition
from connectors.metrics import SourceCounters, SourceStats
from connectors.replay_contract import Replayed
from connectors.status import SourceStatus
from controlplane.auth import Principal
from controlplane.db.tables import Sink
from controlplane.services import trials
from controlplane.services.authored import DESCRIPTION_CHARS_MAX, check_text
from controlplane.services.connector_rows import Means
from controlplane.services.deliveries import Deliveries, Shown, plans_of
from controlplane.services.names import check_name
from controlplane.services.replays import LettersAsked, letters_of, replayed
from controlplane.services.streams import HISTORY_DAYS_MAX
from controlplane.services.trials import Trial, Wanted
from engine.errors import EngineUnavailable, NotFound
from engine.protocol import ResultColumn, StreamStats, ViewState

DAY_MS: Final = 86_400_000


class NewSink(msgspec.Struct, frozen=True):
    """A sink as the caller wants it."""

    name: str
    type: str
    query: str
    description: str = ""
    properties: dict[str, Any] = {}


class SinkChange(msgspec.Struct, frozen=True):
    """What shall be other; None leaves it. Properties are merged one level deep."""

    name: str | None = None
    description: str | None = None
    properties: dict[str, Any] | None = None


class SinkStatistics(msgspec.Struct, frozen=True):
    """What was delivered; of the rows of its query and of the query itself, None while the engine
    is away."""

    delivered: SourceStats
    rows: StreamStats | None
    query: ViewState | None


class SinkService(Deliveries[Sink]):
    """Create, change, start and stop sinks."""

    def __init__(self, means: Means) -> None:
        super().__init__("sink", means.directory.sinks, means)
        self.log = self._rows.log
        self.delivered = self._rows.stats

    def _queries(self, row: Sink) -> tuple[str, ...]:
        return (row.query,)

    def _target(self, row: Sink) -> tuple[str, str]:
        return row.type, row.name

    async def _deliver(
        self, workspace: str, row: Sink, begin: SourceCounters | None
    ) -> SourceStatus:
        return await self._connectors.start_sink(self._definition(workspace, row), begin)

    def _definition(self, workspace: str, row: Sink) -> SinkDefinition:
        return SinkDefinition(
            id=row.id,
            workspace=workspace,
            name=row.name,
            type=row.type,
            properties=self._rows.opened(row),
            header=plans_of(row)[0].header,
            queries=self._queries(row),
        )

    async def list(self, principal: Principal) -> list[tuple[Sink, Shown]]:
        """All sinks by name with what they do."""
        return await self._shown(principal, await self._rows.of(principal).list("name"))

    async def letters(self, principal: Principal) -> dict[str, str]:
        """The names of the dead-letter streams by sink, of those that have one."""
        return letters_of(await self._engines.of(principal.workspace), self._rows.owner(""))

    async def get(self, principal: Principal, sink_id: str) -> tuple[Sink, Shown]:
        """One sink; 404."""
        return (await self._shown(principal, [await self._rows.get(principal, sink_id)]))[0]

    async def create(self, principal: Principal, new: NewSink) -> tuple[Sink, Shown]:
        """Store and start a sink; 400 unless its query is one streaming SELECT and its properties
        fit its type and the columns of the query."""
        _check(new.name, new.description)
        row = Sink(
            name=new.name,
            type=new.type,
            query=new.query,
            description=new.description,
            plans=await self._check(principal, (new.query,)),
            renew=False,
        )
        self._rows.begin(principal, row)
        row.properties = await self._sealed(row, new.properties)
        await self._create(principal, row)
        return await self.get(principal, row.id)

    async def _sealed(self, row: Sink, given: dict[str, Any]) -> dict[str, Any]:
        """Properties as they are stored; 400 for those that do not fit type or columns."""
        header = plans_of(row)[0].header

        async def validate(given: dict[str, Any]) -> frozenset[str]:
            return await self._connectors.validate_sink(row.type, given, header)

        return await self._rows.sealed(row.id, given, validate)

    async def replace(self, principal: Principal, sink_id: str, new: NewSink) -> tuple[Sink, Shown]:
        """Put another definition in its place, also while it runs. With another query, or when its
        query has failed, it begins anew, and what it has not delivered is gone."""
        _check(new.name, new.description)
        async with self._rows.lock(sink_id):
            row = await self._rows.own(principal, sink_id)
            plans = await self._check(principal, (new.query,))
            asked = Sink(id=row.id, type=new.type, plans=plans)
            same = new.type == row.type
            given = self._rows.unmasked(row, new.properties, merge=False, same_type=same)
            values: dict[str, Any] = {
                "name": new.name,
                "type": new.type,
                "query": new.query,
                "description": new.description,
                "plans": plans,
                "properties": await self._sealed(asked, given),
                "renew": row.renew or new.query != row.query or await self._failed(principal, row),
                **self._rows.touched(principal),
            }
            await self._replace(principal, row, values)
        return await self.get(principal, sink_id)

    async def change(
        self, principal: Principal, sink_id: str, change: SinkChange
    ) -> tuple[Sink, Shown]:
        """Change a part of it, also while it runs; it goes on where it is."""
        async with self._rows.lock(sink_id):
            row = await self._rows.own(principal, sink_id)
            description = change.description
            values: dict[str, Any] = {
                "name": change.name or row.name,
                "description": row.description if description is None else description,
                **self._rows.touched(principal),
            }
            _check(values["name"], values["description"])
            if change.properties is not None:
                given = self._rows.unmasked(row, change.properties, merge=True)
                values["properties"] = await self._sealed(row, given)
            await self._replace(principal, row, values)
        return await self.get(principal, sink_id)

    async def replay(self, principal: Principal, sink_id: str, asked: LettersAsked) -> Replayed:
        """Deliver dead letters of one again, running or not; 404."""
        row = await self._rows.get(principal, sink_id)
        wanted = asked.wanted(principal)
        async with self._rows.lock(f"{row.id}/replay"):
            definition = self._definition(principal.workspace, row)
            return await replayed(lambda: self._connectors.replay_sink(definition, wanted))

    async def check(self, principal: Principal, trial: Trial) -> list[CheckStep]:
        """Test a connection step by step; 400 for a query that no sink can have, or properties that
        do not fit its columns. A stored one has its query, unless another is given."""
        whole = await trials.completed(self._rows, principal, trial)
        columns = await self._columns(principal, whole)
        return await trials.check(self._connectors, "sink", principal.workspace, whole, columns)

    async def send_test(
        self, principal: Principal, trial: Trial, row: dict[str, Any]
    ) -> list[CheckStep]:
        """Deliver one row, marked as a test; as `check`, and 400 for a column that is not there."""
        whole = await trials.completed(self._rows, principal, trial)
        columns = await self._columns(principal, whole)
        return await trials.send_test(self._connectors, principal.workspace, whole, row, columns)

    async def _columns(self, principal: Principal, trial: Trial) -> tuple[ResultColumn, ...] | None:
        """Of its query, or of that of the stored one; None without one."""
        if trial.query:
            plans = await self._check(principal, (trial.query,))
            return plans_of(Sink(plans=plans))[0].header
        if trial.id:
            return plans_of(await self._rows.get(principal, trial.id))[0].header
        return None

    async def suggest(self, principal: Principal, trial: Trial, wanted: Wanted) -> Suggested:
        """Values for a property."""
        whole = await trials.completed(self._rows, principal, trial)
        return await trials.suggest(self._connectors, "sink", principal.workspace, whole, wanted)

    async def stats(
        self, principal: Principal, sink_id: str, range_ms: int, error_range_ms: int
    ) -> SinkStatistics:
        """Counters since the start, and as far back as the ranges say."""
        delivered = await self._rows.stats(principal, sink_id, range_ms, error_range_ms)
        row = await self._rows.get(principal, sink_id)
        states = await self._engine_states(principal, (row,))
        days = min(max(1, -(-range_ms // DAY_MS)), HISTORY_DAYS_MAX)
        rows = await self._stream_stats(principal, row.id, days)
        return SinkStatistics(delivered, rows, states.get(row.id))

    async def _stream_stats(
        self, principal: Principal, sink_id: str, days: int
    ) -> StreamStats | None:
        engine = self._connected(principal)
        if engine is None:
            return None
        try:
            return await engine.stats(hidden_stream(sink_id), days)
        except (EngineUnavailable, NotFound):
            return None


def hidden_stream(sink_id: str) -> str:
    """The stream of the engine that keeps the rows of a sink until they are delivered."""
    return f"_sink_{sink_id.replace('-', '')}"


def _check(name: str, description: str) -> None:
    check_name(name, "sink")
    check_text(description, "description", DESCRIPTION_CHARS_MAX)
