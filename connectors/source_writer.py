"""Stores the appends of one source: each once, with its position and what is given up."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from typing import Final, Protocol

from connectors.buffer import Append
from connectors.contract import SourceDefinition
from engine.clock import Clock
from engine.dead_letter import RAW_BYTES_MAX, DeadLetter
from engine.errors import EngineUnavailable, UserError
from engine.source_appends import SourceAck, SourceAppend, SourceOpened

# The record that says which append was the last: an own one is told from that of another writer.
APPEND_KEY: Final = "_append"


class Displaced(UserError):
    """Somebody else stored for the source, or forgot it."""


class SourceEngine(Protocol):
    """The methods of the Engine protocol that this needs; see there."""

    async def open_source(self, owner: str) -> SourceOpened:
        """See SourceAppends.open_source."""
        ...

    async def append_source(self, request: SourceAppend, body: bytes) -> SourceAck:
        """See SourceAppends.append_source."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an append: rows and bytes that are durable, messages that were given up and
    why the last one was."""

    rows: int
    nbytes: int
    given_up: int
    why: str


class SourceWriter:
    """One opening of a source in the engine after the other; for one task.

    After an EngineUnavailable the same append is to be given again: whether it was stored is known
    then. So the source need not read anew because the engine restarts.
    """

    def __init__(self, definition: SourceDefinition, clock: Clock, owner: str = "") -> None:
        self._definition = definition
        self._clock = clock
        self._token = b""  # of the append under way, once it was tried
        self._owner = owner or f"source:{definition.id}"
        self._epoch = 0
        self._number = 0
        self._letters: dict[int, str] = {}  # of the append under way, by index of the message

    async def open(self, engine: SourceEngine) -> dict[str, bytes]:
        """Begin anew; the records of the source that are stored."""
        opened = await engine.open_source(self._owner)
        self._epoch, self._number, self._letters = opened.epoch, opened.number, {}
        return {key: value for key, value in opened.saved.items() if key != APPEND_KEY}

    async def store(self, engine: SourceEngine, append: Append) -> Stored:
        """Make it durable; EngineUnavailable, StorageFull, NotFound, Overloaded, UserError. After
        Displaced it is to be opened anew."""
        messages = append.messages
        if not messages and not append.saved:
            return Stored(0, 0, 0, "")
        self._letters = append.refused | self._letters
        while True:
            if not self._epoch and await self._is_stored(engine):
                ack = SourceAck(append.count - len(self._letters))
                break
            ack = await self._try(engine, append, messages)
            if not ack.refused:
                break
            places = [at for at in range(len(messages)) if at not in self._letters]
            self._letters |= {places[at]: why for at, why in ack.refused}
        letters, self._letters = self._letters, {}
        self._token = b""
        self._number += 1
        nbytes = sum(len(message) for at, message in enumerate(messages) if at not in letters)
        return Stored(ack.rows, nbytes, len(letters), next(reversed(letters.values()), ""))

    async def _is_stored(self, engine: SourceEngine) -> bool:
        """Open anew after a failure; whether the append under way had arrived."""
        opened = await engine.open_source(self._owner)
        stored = opened.saved.get(APPEND_KEY) == self._token and bool(self._token)
        if opened.number != self._number + stored:
            raise Displaced(
                "What is stored of the source is not what it stored last; it begins anew.", 503
            )
        self._epoch = opened.epoch
        return stored

    async def _try(self, engine: SourceEngine, append: Append, messages: list[bytes]) -> SourceAck:
        kept = messages
        if self._letters:
            kept = [each for at, each in enumerate(messages) if at not in self._letters]
        self._token = self._token or self._clock.uuid4().encode()
        request = SourceAppend(
            owner=self._owner,
            name=self._definition.name,
            epoch=self._epoch,
            number=self._number + 1,
            stream=self._definition.stream,
            format=append.parts[0].format,
            sizes=struct.pack(f"<{len(kept)}I", *map(len, kept)),
            saved={**append.saved, APPEND_KEY: self._token},
            letters=tuple(
                self._letter(append, at, messages[at], why) for at, why in self._letters.items()
            ),
        )
        try:
            return await engine.append_source(request, b"\n".join(kept))
        except EngineUnavailable:
            self._epoch = 0
            raise

    def _letter(self, append: Append, at: int, message: bytes, why: str) -> DeadLetter:
        origin = append.origin(at) or f"append {self._number + 1}, message {at}"
        return letter_of(message, why, origin)


def letter_of(message: bytes, why: str, origin: str) -> DeadLetter:
    """A message that is given up, as text if it is one."""
    raw = message[:RAW_BYTES_MAX]
    try:
        return DeadLetter(raw.decode(), why, origin)
    except UnicodeDecodeError:
        return DeadLetter(base64.b64encode(raw).decode(), why, origin, "base64")
