"""Background queries of sinks and alerts: hidden views, their readers, positions and records."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import NamedTuple

import msgspec

from engine.background import is_background, owner_of, queries_of, view_of, writes_outside
from engine.backlog import Backlog
from engine.backtest import Backtests
from engine.cursors import CursorBook, Moved, note_of
from engine.dead_letter import DeadLetter
from engine.errors import Code, EngineUnavailable, NotFound, UserError
from engine.hiddenrows import HiddenRows, last_of
from engine.kept_bytes import kept_bytes
from engine.letterbox import Letterbox, gone_notes, whose
from engine.log.records import Commit, Note, Record
from engine.log.sequence import truncate_note
from engine.protocol import (
    BackgroundOpened,
    BackgroundQuery,
    BackgroundRows,
    Caller,
    Definition,
    Position,
    ViewState,
)
from engine.runner import Parts
from engine.sql.background import Checked, definition_of, headers_of
from engine.view_statements import KeptPlans, ViewStatements
from engine.view_states import ViewStates
from engine.views import Views
from engine.wakeup import Wakeup


class Ran(NamedTuple):
    """What runs views, and plans them."""

    views: Views
    states: ViewStates
    statements: ViewStatements
    plans: KeptPlans


class Backgrounds:
    """See `engine.background.Background`, whose methods these are. For the loop's thread."""

    def __init__(self, parts: Parts, ran: Ran, book: CursorBook, letterbox: Letterbox) -> None:
        self._catalog = parts.catalog
        self._storage = parts.storage
        self._ddl = parts.ddl
        self._flow = parts.flow
        self._clock = parts.context.clock
        self._bytes_max = parts.settings.background_bytes_max
        self._ran = ran
        self._book = book
        self._letterbox = letterbox
        self._loop = asyncio.get_running_loop()
        self._locks: dict[str, asyncio.Lock] = {}  # of owners with a change under way
        self._readers: dict[str, set[Wakeup]] = {}
        self._backlogs: dict[str, Backlog] = {}
        # Bounded by the requests under way: each holds one.
        self._under_way: set[asyncio.Future[None]] = set()
        self._closing = False
        self._subscription = parts.storage.listen(self._committed)
        self.backtests = Backtests(parts.storage, self._clock, ran.plans)
        ran.views.backlogs = self._backlog

    # -- life -----------------------------------------------------------------------------------

    async def check(self, queries: tuple[str, ...]) -> BackgroundOpened:
        """See Background.check_background."""
        checked = await self._ran.plans.background(queries)
        return BackgroundOpened("", checked.headers, checked.analyses, checked.reads)

    async def start(self, query: BackgroundQuery, caller: Caller) -> BackgroundOpened:
        """See Background.start_background."""
        if not is_background(query.owner):
            raise UserError(f"'{query.owner[:80]}' is no owner: sink:<id> or alert:<id> is.")
        checked = await self._ran.plans.background(query.queries)
        await self._whole(self._start(query, checked, caller))
        made = self._require(query.owner)
        return BackgroundOpened(made.name, headers_of(made), checked.analyses, checked.reads)

    async def _start(self, query: BackgroundQuery, checked: Checked, caller: Caller) -> None:
        async with self._lock(query.owner):
            found = self._catalog.background(query.owner)
            if found is not None and not query.anew and _is_same(found, checked):
                await self._go_on(found, query, caller)
            else:
                if found is not None:
                    await self._discard(found)
                await self._make(definition_of(query, checked), caller)

    async def _whole(self, change: Coroutine[None, None, None]) -> None:
        """A change that has begun goes on to its end when whoever asked for it goes away."""
        task = asyncio.ensure_future(change)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_heard)
            raise
        finally:
            if all(each.done() for each in self._under_way):
                self._locks.clear()  # nobody holds one, or waits for one

    async def _make(self, definition: Definition, caller: Caller) -> None:
        made = await self._ddl.create(definition, caller, servers=True)
        try:
            await self._ran.views.created(made)
        except BaseException:
            await self._discard(made)
            raise

    async def _go_on(self, found: Definition, query: BackgroundQuery, caller: Caller) -> None:
        options = {k: v for k, v in found.options.items() if k != "paused"}
        options["called"] = query.name
        if options != found.options:
            changed = msgspec.structs.replace(found, options=options)
            await self._ddl.put(changed, caller)
        if self._ran.views.status(found.id)[0] != "ExecutingPipeline":
            # Rows that somebody removed before it read them are gone: with the first that is there.
            await self._ran.views.start(found.id, "earliest")

    async def pause(self, owner: str) -> None:
        """See Background.pause_background."""
        if self._catalog.background(owner) is not None:
            await self._whole(self._pause(owner))

    async def _pause(self, owner: str) -> None:
        async with self._lock(owner):
            found = self._catalog.background(owner)
            if found is None or found.options.get("paused"):
                return
            paused = msgspec.structs.replace(found, options={**found.options, "paused": True})
            await self._ddl.put(paused, found.updated_by)
            await self._ran.views.pause(found.id)

    async def drop(self, owner: str) -> None:
        """See Background.drop_background."""
        letters = self._ran.statements.dead_letters_of(owner)
        if self._catalog.background(owner) is not None or letters is not None:
            await self._whole(self._drop(owner))

    async def _drop(self, owner: str) -> None:
        async with self._lock(owner):
            found = self._catalog.background(owner)
            letters = self._ran.statements.dead_letters_of(owner)
            if found is not None:
                await self._discard(found, letters)
            elif letters is not None:
                await self._ddl.discard(letters, ())

    async def _discard(self, found: Definition, letters: Definition | None = None) -> None:
        also: list[Note] = [note_of(Moved(found.id, gone=True))]
        if letters is not None:
            also += gone_notes(letters)
        await self._ddl.discard(found, also)
        self._backlogs.pop(found.id, None)
        self._wake(found.id)

    async def reconcile(self, owners: Sequence[str]) -> None:
        """Drop the background queries of sinks and alerts that are not among the owners."""
        for definition in self._catalog.backgrounds():
            owner = str(definition.options["background_of"])
            if owner not in owners:
                await self.drop(owner)

    def _lock(self, owner: str) -> asyncio.Lock:
        return self._locks.setdefault(owner, asyncio.Lock())

    def _found(self, owner: str) -> Definition | None:
        """The background query of an owner, or the view that writes outside under it."""
        view = self._catalog.by_id(view_of(owner))
        if view is not None and writes_outside(view):
            return view
        return self._catalog.background(owner)

    def _require(self, owner: str) -> Definition:
        found = self._found(owner)
        if found is None:
            raise NotFound(f"No background query of '{owner[:80]}' is there: start it first.")
        return found

    async def states(self, owners: tuple[str, ...]) -> dict[str, ViewState]:
        """See Background.background_states."""
        found: dict[str, ViewState] = {}
        for owner in owners:
            definition = self._catalog.background(owner)
            if definition is not None:
                found[owner] = await self._state(definition, owner)
        return found

    async def _state(self, definition: Definition, owner: str) -> ViewState:
        state = await self._ran.states.of_view(definition)
        letters = self._ran.statements.dead_letters_of(owner)
        if letters is not None:
            state = msgspec.structs.replace(state, dead_letter_stream=letters.name)
        backlog = self._backlogs.get(definition.id)
        if backlog is not None and backlog.waits and state.status == "ExecutingPipeline":
            message = (
                f"it waits for its reader: {self._bytes_max} bytes are kept, the most that the "
                "setting background_bytes_max lets"
            )
            state = msgspec.structs.replace(state, message=message)
        return state

    # -- rows -----------------------------------------------------------------------------------

    async def read(self, owner: str, folds: bool) -> AsyncGenerator[BackgroundRows]:
        """See Background.read_background."""
        definition = self._require(owner)
        wake = Wakeup()
        self._readers.setdefault(definition.id, set()).add(wake)
        rows = HiddenRows(definition, self._storage, folds=folds)
        after = self._book.position(definition.id)
        try:
            while True:
                self._check_open()
                found = await asyncio.to_thread(rows.next, after)
                if not self._is_there(definition):
                    return
                for each in found:
                    yield each
                    after = last_of(each)
                if not found:
                    await wake.wait()
        finally:
            readers = self._readers.get(definition.id, set())
            readers.discard(wake)
            if not readers:
                self._readers.pop(definition.id, None)

    def _check_open(self) -> None:
        if self._closing:
            raise EngineUnavailable("The engine is stopping.")

    def _is_there(self, definition: Definition) -> bool:
        return self._catalog.by_id(definition.id) is not None

    def _committed(self, commit: Commit) -> None:
        """On the log's writer thread."""
        for part in commit.slices:
            if part.stream_id in self._readers:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    self._loop.call_soon_threadsafe(self._wake, part.stream_id)

    def _wake(self, background_id: str) -> None:
        for wake in self._readers.get(background_id, ()):
            wake.set()

    async def advance(
        self,
        owner: str,
        to: Position,
        saved: dict[str, bytes] | None = None,
        letters: tuple[DeadLetter, ...] = (),
    ) -> None:
        """See Background.advance."""
        self._require(owner)
        await self._whole(self._advance(owner, to, saved or {}, letters))

    async def _advance(
        self, owner: str, to: Position, saved: dict[str, bytes], letters: tuple[DeadLetter, ...]
    ) -> None:
        async with self._lock(owner):
            definition = self._require(owner)
            self._book.check(definition.id, saved)
            records: list[Record] = [note_of(Moved(definition.id, to, saved))]
            before = self._book.position(definition.id)
            if to > before and to.sn >= self._storage.next_sn(definition.id):
                raise UserError(
                    f"Append {to.sn} of {owner} does not exist yet.", Code.BAD_ARGUMENTS
                )
            if to.sn > before.sn:
                records.append(truncate_note(definition.id, to.sn))
            if letters:
                of = whose(owner, definition.name) if writes_outside(definition) else definition
                records.append(await self._letterbox.append_of(of, letters))
            await asyncio.wrap_future(self._storage.append(*records))
        backlog = self._backlogs.get(definition.id)
        if backlog is not None:
            backlog.moved()
        self._flow.wake(definition.id)

    async def positions(self, owners: tuple[str, ...]) -> dict[str, Position]:
        """See Background.positions."""
        known = {owner: self._found(owner) for owner in owners}
        return {o: self._book.position(d.id) for o, d in known.items() if d is not None}

    async def saved(self, owners: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
        """See Background.saved."""
        known = {owner: self._found(owner) for owner in owners}
        return {o: self._book.saved(d.id) for o, d in known.items() if d is not None}

    @property
    def kept(self) -> int:
        """Of how many background queries a position or records are kept."""
        return self._book.count

    # -- bound ----------------------------------------------------------------------------------

    def _backlog(self, view_id: str) -> Backlog | None:
        """What waits for the reader of a background query; None for other views."""
        definition = self._catalog.by_id(view_id)
        if definition is None or not (owner_of(definition) or writes_outside(definition)):
            return None
        found = self._backlogs.get(view_id)
        if found is None:
            found = Backlog(lambda: self._kept_bytes(view_id), self._bytes_max)
            self._backlogs[view_id] = found
        return found

    def _kept_bytes(self, stream_id: str) -> int:
        from_sn = max(self._book.position(stream_id).sn, 0)
        return kept_bytes(self._storage, stream_id, from_sn)

    async def close(self) -> None:
        """End all readers, and wait for the changes under way."""
        self._closing = True
        self._subscription.close()
        for background_id in list(self._readers):
            self._wake(background_id)
        await self.backtests.close()
        if self._under_way:
            await asyncio.wait(self._under_way)


def _heard(task: asyncio.Future[None]) -> None:
    """Take the failure of a change that nobody waits for any more; it is seen in its state."""
    if not task.cancelled():
        task.exception()


def _is_same(found: Definition, checked: Checked) -> bool:
    """Whether a background query can go on: its texts are these, and so are its columns, to which
    others may have come."""
    if queries_of(found) != checked.texts:
        return False
    return all(
        column in now
        for header, now in zip(headers_of(found), checked.headers, strict=True)
        for column in header
    )
