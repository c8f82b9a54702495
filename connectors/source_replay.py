"""Replays dead letters of a source: each is stored in its stream and marked in one commit."""

from __future__ import annotations

import struct
from typing import Any, Protocol, runtime_checkable

from connectors import messages, properties, registry
from connectors.contract import Source, SourceContext, SourceDefinition
from connectors.formats.contract import Decoder
from connectors.letters import Letters, failed_again, marked, message_of
from connectors.replay_contract import REPLAY_SECONDS, Replayed, ReplayWanted
from connectors.surroundings import Surroundings, WorkspaceEngine
from engine.dead_letter import DeadLetter
from engine.errors import StorageFull
from engine.source_appends import SourceAck, SourceAppend, SourceFormat


async def replay_source(
    definition: SourceDefinition, wanted: ReplayWanted, around: Surroundings
) -> Replayed:
    """Replay what is wanted, whether the source runs or not.

    Raises what the engine refuses; what was marked before that is stored. A call that is repeated
    after a failure of any kind stores nothing twice.
    """
    return await _SourceReplay(definition, wanted, around).run()


@runtime_checkable
class DecodingSource(Protocol):
    """A source whose dead letters are to be decoded before the engine takes them."""

    @property
    def decoder(self) -> Decoder:
        """What it decodes its messages with."""
        ...


class _SourceReplay:
    def __init__(
        self, definition: SourceDefinition, wanted: ReplayWanted, around: Surroundings
    ) -> None:
        self._definition = definition
        self._wanted = wanted
        self._around = around
        self._owner = f"source:{definition.id}"
        self._spec = spec = registry.source(definition.type)
        self._config = properties.parse(spec.config, definition.properties)
        self._format: SourceFormat = _format_of(self._config, spec.name)
        self._decoder: Decoder | None = None
        self._epoch = 0
        self._replayed = self._failed = 0

    async def run(self) -> Replayed:
        clock = self._around.clock
        until = clock.monotonic() + REPLAY_SECONDS
        engine = await self._around.engine(self._definition.workspace)
        stream = (await engine.source_letters((self._owner,))).get(self._owner)
        if stream is None:
            return Replayed()
        self._epoch = await engine.open_replay(self._owner)
        letters = Letters(engine, stream, self._wanted, clock)
        source = await self._source(engine)
        try:
            for origins in await letters.pick():
                if clock.monotonic() > until:
                    break
                found = await letters.read(origins)
                # A compact message is alone in its append.
                step = 1 if self._format == "compact" else len(found) or 1
                for begin in range(0, len(found), step):
                    await self._store(engine, found[begin : begin + step])
        finally:
            await source.close()
        return Replayed(self._replayed, self._failed)

    async def _source(self, engine: WorkspaceEngine) -> Source:
        """A source that never connects: some decode their messages themselves."""
        definitions = (await engine.definitions()).definitions
        around = self._around
        context = SourceContext(
            self._definition.id,
            around.clock,
            around.sleep,
            (),
            around.private,
            definitions=definitions,
        )
        await registry.load(self._spec)
        source = self._spec.create(self._config, context)
        if isinstance(source, DecodingSource):
            self._decoder = source.decoder
            self._format = source.decoder.format
        return source

    async def _store(self, engine: WorkspaceEngine, letters: list[DeadLetter]) -> None:
        """Store those that fit, and mark them; the others get their new error."""
        good: list[tuple[DeadLetter, bytes]] = []
        bad: list[DeadLetter] = []
        why: list[str] = []
        for letter in letters:
            try:
                good.append((letter, message_of(letter)))
            except ValueError as error:
                bad.append(letter)
                why.append(str(error))
        good, refused = await self._decoded(good)
        bad += [letter for letter, _ in refused]
        why += [error for _, error in refused]
        while True:
            unfit = dict((await self._append(engine, good, failed_again(bad, why))).refused)
            if not unfit:
                break
            bad += [good[at][0] for at in sorted(unfit)]
            why += [unfit[at] for at in sorted(unfit)]
            good = [each for at, each in enumerate(good) if at not in unfit]
        self._replayed += len(good)
        self._failed += len(bad)

    async def _decoded(
        self, good: list[tuple[DeadLetter, bytes]]
    ) -> tuple[list[tuple[DeadLetter, bytes]], list[tuple[DeadLetter, str]]]:
        """Messages as the source would hand them over, and those that it gives up again."""
        if self._decoder is None or not good:
            return good, []
        found = await self._decoder.decode([message for _, message in good])
        kept: list[tuple[DeadLetter, bytes]] = []
        refused: list[tuple[DeadLetter, str]] = []
        for at, (letter, message) in enumerate(good):
            if at not in found.refused:
                kept.append((letter, found.messages[at]))
            elif letter.encoding == "text" and message[:1] in (b"{", b"["):
                kept.append((letter, message))  # it was decoded before the stream refused it
            else:
                refused.append((letter, found.refused[at]))
        return kept, refused

    async def _append(
        self,
        engine: WorkspaceEngine,
        good: list[tuple[DeadLetter, bytes]],
        again: list[DeadLetter],
    ) -> SourceAck:
        done = marked([letter for letter, _ in good])
        if not done and not again:
            return SourceAck()
        body = b"\n".join(message for _, message in good)
        request = SourceAppend(
            owner=self._owner,
            name=self._definition.name,
            epoch=self._epoch,
            number=0,
            stream=self._definition.stream,
            format=self._format,
            sizes=struct.pack(f"<{len(good)}I", *(len(message) for _, message in good)),
            letters=(*done, *again),
            replay=True,
        )
        try:
            return await engine.append_source(request, body)
        except StorageFull:
            if not again:
                raise
        return await self._append(engine, good, [])  # their new errors have no room


def _format_of(config: Any, type_: str) -> SourceFormat:
    """What the messages of a source are, by its properties."""
    if type_ == "stream_generator":
        return "compact"
    data_type: str = getattr(config, "data_type", "json")
    return messages.FORMATS.get(data_type, "streaming")
