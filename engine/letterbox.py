"""Dead letters of sources, sinks and alerts: as appends of their streams, which are bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from engine import duck
from engine.background import BACKGROUND_OF
from engine.batch import Batch
from engine.catalog import NOTE_KIND, Change, encode_change
from engine.clock import Clock
from engine.config import EngineSettings
from engine.dead_letter import DeadLetter
from engine.deadletters import KEPT_NAMES, kept_rows
from engine.errors import StorageFull
from engine.kept_bytes import kept_bytes
from engine.log.records import Append, Note
from engine.log.sequence import drop_note
from engine.protocol import Definition
from engine.sql.definitions import stored_schema
from engine.storage import Storage
from engine.targets import Target
from engine.view_statements import ViewStatements


class Letterbox:
    """For the loop's thread."""

    def __init__(
        self,
        storage: Storage,
        statements: ViewStatements,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        self._storage = storage
        self._statements = statements
        self._clock = clock
        self._bytes_max = settings.dead_letter_bytes_max

    def stream_of(self, owner: str) -> Definition | None:
        """The dead-letter stream of an owner, if it has one."""
        return self._statements.dead_letters_of(owner)

    async def append_of(self, whose: Definition, letters: Sequence[DeadLetter]) -> Append:
        """The letters as one append of the stream, which is created if it is not there.

        Raises StorageFull when it holds as much as it may, unless all were replayed.
        """
        stream = await self._statements.dead_letters(whose)
        if not all(letter.replayed for letter in letters):
            await self._check_room(stream)
        return await asyncio.to_thread(self._appended, stream, letters)

    async def _check_room(self, stream: Definition) -> None:
        held = await asyncio.to_thread(kept_bytes, self._storage, stream.id)
        if held >= self._bytes_max:
            raise StorageFull(
                f"The dead-letter stream {stream.name} is full: it holds as many bytes as the "
                f"setting dead_letter_bytes_max allows ({self._bytes_max}). Nothing is given up "
                "until rows of it are deleted (DELETE, by origin), their TTL is over, or the "
                "setting is larger."
            )

    def _appended(self, stream: Definition, letters: Sequence[DeadLetter]) -> Append:
        now = self._clock.now_ms()
        schema = stored_schema(stream)
        target = Target(stream.id, schema, KEPT_NAMES, duck.Session, self._clock.seed())
        with contextlib.closing(target):
            return target.append(Batch(kept_rows(letters, now), now), now)


def whose(owner: str, name: str) -> Definition:
    """A stand-in for the definition of an owner that has none in the engine."""
    return Definition(owner, name, "view", options={BACKGROUND_OF: owner, "called": name})


def gone_notes(stream: Definition) -> list[Note]:
    """What makes a dead-letter stream go, in the commit of what it belongs to."""
    change = encode_change(Change("drop", id=stream.id))
    return [Note(NOTE_KIND, change), drop_note(stream.id)]
