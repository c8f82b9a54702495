"""Appends of sources: rows, read positions and dead letters in one commit, each once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from engine.cursors import CursorBook, Moved, note_of
from engine.errors import EngineUnavailable, TailraceError, UserError
from engine.ingest.events import Messages
from engine.ingestor import SourceRows
from engine.letterbox import Letterbox, whose
from engine.log.records import Append, Record
from engine.protocol import Position
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
        self._epochs: dict[str, int] = {}  # of sources that were opened; forgotten with them
        self._next_epoch = itertools.count(1)
        self._locks: dict[str, asyncio.Lock] = {}
        # Bounded by the requests under way: each holds one.
        self._under_way: set[asyncio.Future[Any]] = set()

    async def open(self, owner: str) -> SourceOpened:
        """See SourceAppends.open_source."""
        if not owner.startswith(f"{KIND}:"):
            raise UserError(f"'{owner[:80]}' is no source: source:<id> is.")
        epoch = self._epochs[owner] = next(self._next_epoch)
        return await self._whole(self._open(owner, epoch))

    async def _open(self, owner: str, epoch: int) -> SourceOpened:
        async with self._lock(owner):
            number = max(0, self._book.position(owner).sn)
            return SourceOpened(epoch, number, dict(self._book.saved(owner)))

    async def append(self, request: SourceAppend, body: bytes) -> SourceAck:
        """See SourceAppends.append_source."""
        return await self._whole(self._append(request, body))

    async def _append(self, request: SourceAppend, body: bytes) -> SourceAck:
        owner = request.owner
        async with self._lock(owner):
            if self._epochs.get(owner) != request.epoch:
                raise EngineUnavailable(f"{owner} was opened anew: open it to go on.")
            stored = max(0, self._book.position(owner).sn)
            if request.number <= stored:
                return SourceAck()
            if request.number != stored + 1:
                raise UserError(f"Append {request.number} of {owner} follows {stored}.")
            self._book.check(owner, request.saved)
            records: list[Record] = [
                note_of(Moved(owner, Position(request.number, 0), request.saved))
            ]
            rows = 0
            if request.sizes:
                decoded = await self._decoded(request, body)
                if decoded.found.refused:
                    refused = sorted(decoded.found.refused.items())
                    return SourceAck(0, tuple((at, error.message) for at, error in refused))
                rows = decoded.found.rows.num_rows
                if rows:
                    records.append(Append.single(decoded.stream_id, decoded.found.rows))
            if request.letters:
                letters = await self._letterbox.append_of(
                    whose(owner, request.name), request.letters
                )
                records.append(letters)
            await asyncio.wrap_future(self._storage.append(*records))
            return SourceAck(rows)

    async def _decoded(self, request: SourceAppend, body: bytes) -> SourceRows:
        future: asyncio.Future[SourceRows] = asyncio.get_running_loop().create_future()

        def answer(result: SourceRows | TailraceError) -> None:
            if future.done():
                return
            if isinstance(result, TailraceError):
                future.set_exception(result)
            else:
                future.set_result(result)

        messages = Messages(request.format, body, request.sizes)
        self._ingestor.submit_messages(request.stream, messages, answer)
        return await future

    async def forget(self, owner: str) -> None:
        """See SourceAppends.forget_source."""
        await self._whole(self._forget(owner))

    async def _forget(self, owner: str) -> None:
        async with self._lock(owner):
            self._epochs.pop(owner, None)
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
