"""Appends of sources: rows, read positions and dead letters in one commit, each once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from engine.answered import answered
from engine.cursors import CursorBook, Moved, note_of
from engine.derived import Derived
from engine.errors import EngineUnavailable, NotFound, UserError
from engine.external_objects import READER
from engine.externals import Externals, letters_owner
from engine.ingest.events import Messages
from engine.ingestor import SourceRows
from engine.letterbox import Letterbox, whose
from engine.log.records import Append, Record
from engine.protocol import Definition, Position
from engine.runner import Parts
from engine.source_appends import KIND, SourceAck, SourceAppend, SourceOpened

T = TypeVar("T")


class Sources:
    """See `engine.source_appends.SourceAppends`, whose methods these are. For the loop's thread.

    An append goes to its end when whoever asked goes away; the next opening waits for it. So of two
    processes that run one source, the older stores nothing after the younger has opened it.
    """

    def __init__(self, parts: Parts, letterbox: Letterbox, book: CursorBook) -> None:
        self._storage = parts.storage
        self._ingestor = parts.ingestor
        self._ddl = parts.ddl
        self._letterbox = letterbox
        self._book = book
        self.externals: Externals
        self.derived = Derived()  # the storage's
        self._epochs: dict[str, int] = {}  # of sources that were opened; forgotten with them
        self._replays: dict[str, int] = {}  # the same of their replays
        self._next_epoch = itertools.count(1)
        self._locks: dict[str, asyncio.Lock] = {}
        # Bounded by the requests under way: each holds one.
        self._under_way: set[asyncio.Future[Any]] = set()

    async def open(self, owner: str) -> SourceOpened:
        """See SourceAppends.open_source."""
        if _is_reader(owner):
            self.externals.active(owner)
        elif not owner.startswith(f"{KIND}:"):
            raise UserError(f"'{owner[:80]}' is no source: source:<id> is.")
        epoch = self._epochs[owner] = next(self._next_epoch)
        return await self._whole(self._open(owner, epoch))

    async def _open(self, owner: str, epoch: int) -> SourceOpened:
        async with self._lock(owner):
            number = max(0, self._book.position(owner).sn)
            return SourceOpened(epoch, number, dict(self._book.saved(owner)))

    async def open_replay(self, owner: str) -> int:
        """See SourceAppends.open_replay."""
        return await self._whole(self._open_replay(owner))

    async def _open_replay(self, owner: str) -> int:
        async with self._lock(owner):
            if self._letterbox.stream_of(owner) is None:
                raise NotFound(f"{owner[:80]} has no dead letters.")
            epoch = self._replays[owner] = next(self._next_epoch)
            return epoch

    async def append(self, request: SourceAppend, body: bytes) -> SourceAck:
        """See SourceAppends.append_source."""
        if _is_reader(request.owner):
            await self.externals.room(request.owner)
        return await self._whole(self._append(request, body))

    async def _append(self, request: SourceAppend, body: bytes) -> SourceAck:
        owner = request.owner
        async with self._lock(owner):
            epochs = self._replays if request.replay else self._epochs
            if epochs.get(owner) != request.epoch:
                raise EngineUnavailable(f"{owner} was opened anew: open it to go on.")
            records: list[Record] = []
            if not request.replay:
                stored = max(0, self._book.position(owner).sn)
                if request.number <= stored:
                    return SourceAck()
                if request.number != stored + 1:
                    raise UserError(f"Append {request.number} of {owner} follows {stored}.")
                self._book.check(owner, request.saved)
                records = [note_of(Moved(owner, Position(request.number, 0), request.saved))]
            rows = 0
            if request.sizes:
                decoded = await self._decoded(request, body)
                if decoded.found.refused:
                    refused = sorted(decoded.found.refused.items())
                    return SourceAck(0, tuple((at, error.message) for at, error in refused))
                rows = decoded.found.rows.num_rows
                if rows:
                    records.append(Append.single(decoded.stream_id, decoded.found.rows))
            if request.letters and self._keeps_letters(owner):
                letters = await self._letterbox.append_of(
                    self._whose(owner, request.name), request.letters
                )
                records.append(letters)
            if records:
                try:
                    await asyncio.wrap_future(self._storage.append(*records))
                except UserError:
                    if not (refused := await self._at_fault(request, body)):
                        raise
                    return SourceAck(0, refused)
            if _is_reader(owner) and rows:
                self.externals.stored(owner, rows, len(body))
            return SourceAck(rows)

    async def _at_fault(self, request: SourceAppend, body: bytes) -> tuple[tuple[int, str], ...]:
        """The messages whose rows nothing may follow from, as those of a stream that is an API's
        way in; they would be refused however often they came."""
        if not request.sizes:
            return ()
        decoded = await self._decoded(request, body, apart=True)
        rows, borders = decoded.found.rows, decoded.found.borders
        if borders is None or decoded.found.refused:
            return ()
        append = Append(decoded.stream_id, rows, borders)
        refused = await asyncio.to_thread(self.derived.refused, append)
        return tuple((at, error.message) for at, error in sorted(refused.items()))

    def _keeps_letters(self, owner: str) -> bool:
        return not _is_reader(owner) or self.externals.active(owner).letters

    def _whose(self, owner: str, name: str) -> Definition:
        """Whose dead letters those of an owner are: a reader's are of its external stream."""
        if not _is_reader(owner):
            return whose(owner, name)
        external = self.externals.active(owner).definition
        return whose(letters_owner(external), external.name)

    async def _decoded(
        self, request: SourceAppend, body: bytes, *, apart: bool = False
    ) -> SourceRows:
        messages = Messages(request.format, body, request.sizes, apart)
        submit = self._ingestor.submit_messages
        into: Definition | None = None
        if _is_reader(request.owner):
            into = self.externals.stream_of(request.owner)
        return await answered(lambda answer: submit(request.stream, messages, answer, into))

    async def forget(self, owner: str) -> None:
        """See SourceAppends.forget_source."""
        await self._whole(self._forget(owner))

    async def _forget(self, owner: str) -> None:
        async with self._lock(owner):
            self._epochs.pop(owner, None)
            self._replays.pop(owner, None)
            known = owner in self._book.sources()
            gone = [note_of(Moved(owner, gone=True))] if known else []
            letters = self._letterbox.stream_of(owner)
            if letters is not None:
                await self._ddl.discard(letters, gone)
            elif gone:
                await asyncio.wrap_future(self._storage.append(*gone))

    async def reconcile(self, owners: Sequence[str]) -> None:
        """Forget the sources that are not among the owners."""
        for owner in self._book.sources():
            if owner not in owners:
                await self.forget(owner)

    async def letters(self, owners: tuple[str, ...]) -> dict[str, str]:
        """See SourceAppends.source_letters."""
        found = {owner: self._letterbox.stream_of(owner) for owner in owners}
        return {owner: stream.name for owner, stream in found.items() if stream is not None}

    async def close(self) -> None:
        """Wait for the appends under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _lock(self, owner: str) -> asyncio.Lock:
        return self._locks.setdefault(owner, asyncio.Lock())

    async def _whole(self, change: Coroutine[None, None, T]) -> T:
        task = asyncio.ensure_future(change)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Future[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone away: it is heard here
        if not self._under_way:
            self._locks.clear()  # nobody holds one


def _is_reader(owner: str) -> bool:
    """Whether appends of an owner are of a reader of an external stream."""
    return owner.startswith(f"{READER}:")
