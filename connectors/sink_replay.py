"""Replays dead letters of a sink: each row is delivered again, with its event id, then marked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from connectors import properties, registry
from connectors.contract import SinkDefinition
from connectors.delivery import Deliverer, Stopped, Watch
from connectors.letters import Letters, failed_again, marked
from connectors.replay_contract import REPLAY_SECONDS, Replayed, ReplayWanted
from connectors.sink_contract import Delivery, Refusal, SinkContext, SinkRow, Writer
from connectors.surroundings import Surroundings, WorkspaceEngine
from engine.dead_letter import DeadLetter
from engine.errors import StorageFull
from engine.protocol import Position

# A sink that never gives up would keep the caller waiting for a target that is away.
RETRIES_MAX: Final = 2
# Letters between two commits of marks: what a kill delivers again.
MARKED_TOGETHER: Final = 50

_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def replay_sink(
    definition: SinkDefinition, wanted: ReplayWanted, around: Surroundings
) -> Replayed:
    """Replay what is wanted on a connection of its own, whether the sink runs or not.

    At least once: what was delivered when the engine or this process went away is delivered again
    by the next replay, with the same event id.
    """
    return await _SinkReplay(definition, wanted, around).run()


class _SinkReplay:
    def __init__(
        self, definition: SinkDefinition, wanted: ReplayWanted, around: Surroundings
    ) -> None:
        self._definition = definition
        self._wanted = wanted
        self._around = around
        self._spec = spec = registry.sink(definition.type)
        config = properties.parse(spec.config, definition.properties)
        context = SinkContext(
            definition.id,
            around.clock,
            around.sleep,
            definition.header,
            self._writer,
            around.private,
            is_replay=True,
        )
        self._delivery = _bounded(spec.delivery(config, context))
        self._over = asyncio.Event()
        self._deliverer = Deliverer(
            lambda: spec.create(config, context),
            self._delivery,
            around.clock,
            around.sleep,
            self._over,
            Watch(lambda _: None, lambda: None),
        )
        self._names = [column.name for column in definition.header]
        self._replayed = self._failed = 0

    async def _writer(self) -> Writer:
        return await self._around.engine(self._definition.workspace)

    async def run(self) -> Replayed:
        engine = await self._around.engine(self._definition.workspace)
        owner = self._definition.owner
        stream = (await engine.source_letters((owner,))).get(owner)
        if stream is None:
            return Replayed()
        letters = Letters(engine, stream, self._wanted, self._around.clock)
        origins = await letters.pick()
        await registry.load(self._spec)
        end = asyncio.ensure_future(self._around.sleep(REPLAY_SECONDS))
        end.add_done_callback(lambda _: self._over.set())
        try:
            for piece in origins:
                found = await letters.read(piece)
                for begin in range(0, len(found), MARKED_TOGETHER):
                    await self._replay(engine, found[begin : begin + MARKED_TOGETHER])
                    if self._over.is_set():
                        break
        finally:
            end.cancel()
            await asyncio.wait([end])
            await self._deliverer.close()
        return Replayed(self._replayed, self._failed)

    async def _replay(self, engine: WorkspaceEngine, letters: Sequence[DeadLetter]) -> None:
        """Deliver them, and mark those that arrived; the others get their new error."""
        good: list[tuple[DeadLetter, SinkRow]] = []
        bad: list[DeadLetter] = []
        why: list[str] = []
        for letter in letters:
            try:
                good.append((letter, self._row(letter)))
            except ValueError as error:
                bad.append(letter)
                why.append(str(error))
        arrived: list[DeadLetter] = []
        for begin in range(0, len(good), self._delivery.rows):
            batch = good[begin : begin + self._delivery.rows]
            refused = await self._deliver([row for _, row in batch])
            if refused is None:  # time is over: these were not tried, or it is not known
                break
            errors = {refusal.index: refusal.message for refusal in refused}
            arrived += [letter for at, (letter, _) in enumerate(batch) if at not in errors]
            bad += [batch[at][0] for at in sorted(errors)]
            why += [errors[at] for at in sorted(errors)]
        await self._mark(engine, marked(arrived), failed_again(bad, why))
        self._replayed += len(arrived)
        self._failed += len(bad)

    def _row(self, letter: DeadLetter) -> SinkRow:
        """The row of a letter; ValueError, with a sentence, when it does not fit the query."""
        try:
            values = _decode(letter.raw)
        except msgspec.DecodeError as error:
            raise ValueError(f"The letter is no whole row: {error}.") from None
        missing = next((name for name in self._names if name not in values), None)
        if missing is not None:
            raise ValueError(f"The row has no column {missing!r}, which the query has now.")
        return SinkRow(letter.origin, Position(), [values[name] for name in self._names])

    async def _deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal] | None:
        """One batch with its attempts; None when time was over first."""
        work = asyncio.ensure_future(self._deliverer.deliver(rows))
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait([work, over], return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else None
        except Stopped:
            return None
        finally:
            for task in (work, over):
                task.cancel()
            await asyncio.wait([work, over])

    async def _mark(
        self, engine: WorkspaceEngine, done: list[DeadLetter], again: list[DeadLetter]
    ) -> None:
        if not done and not again:
            return
        owner = self._definition.owner
        try:
            await engine.advance(owner, Position(), None, (*done, *again))
        except StorageFull:
            if not again:
                raise
            await self._mark(engine, done, [])  # their new errors have no room


def _bounded(delivery: Delivery) -> Delivery:
    """How a replay delivers: one batch after another, with few attempts. Where a batch that comes
    again is known by its ends, each row is alone: between these ends lay others before."""
    retries = RETRIES_MAX if delivery.retries is None else min(delivery.retries, RETRIES_MAX)
    return Delivery(
        rows=1 if delivery.exact else delivery.rows,
        retries=retries,
        interval=delivery.interval,
        exact=delivery.exact,
    )
