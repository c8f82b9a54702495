"""Readers of external streams: made for a query, filled by the connector process, gone with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import msgspec
import pyarrow as pa

from engine.background import HEADERS, owner_of_view, view_of, writes_outside
from engine.catalog import Catalog
from engine.checkpointing import Checkpointer
from engine.clock import Clock
from engine.cursors import Moved, note_of
from engine.errors import Code, NotFound, QueryFailed, SqlError, TailraceError
from engine.external_book import Entry, ReaderBook, gone_note, put_note
from engine.external_failures import reader_failed
from engine.external_objects import (
    External,
    ExternalColumn,
    ExternalState,
    ExternalWork,
    Reader,
    SkipTo,
    ViewWriter,
)
from engine.external_plans import external_scans, start_of, wanted, with_readers
from engine.flow import Flow
from engine.held_rows import HeldRows
from engine.history import Lease
from engine.jobs import BoundedJob, JobTable
from engine.log.records import Note
from engine.log.sequence import drop_note, truncate_note
from engine.protocol import Definition
from engine.sql.external import EXTERNAL
from engine.sql.external_streams import as_stream, bounded_start, external_id, is_external_stream
from engine.sql.logical import StreamingQuery
from engine.storage import Storage
from engine.stream_writes import StreamWrites

# Rows that a query has not read yet; beyond it the connector process waits, and does not read on.
UNREAD_BYTES_MAX: Final = 64 << 20
# Rows that a query has read and a recovery of it would read again: a checkpoint lets them go.
KEPT_BYTES_MAX: Final = 2 << 30
# What one bounded read copies from the broker before the query runs over it.
SCAN_BYTES_MAX: Final = 1 << 30
# How long a new query waits until it is known where its readers begin: rows that come later are
# its own. A broker that is away does not hold it longer.
PLACE_SECONDS: Final = 5.0
# How long a bounded read waits for a broker that does not answer.
REACH_SECONDS: Final = 20.0
# How often rows that nobody needs any more are let go, and whoever waits for room looks again.
TRIM_SECONDS: Final = 2.0
ROOM_SECONDS: Final = 0.02


class Subscribed(Protocol):
    """Which subscriptions are kept (`engine.stepbook.StepBook`)."""

    def get(self, query_id: str) -> object | None:
        """What is kept of a query; None if it is unknown."""
        ...


@dataclass(slots=True, eq=False)
class _Active:
    """A reader that is to read now."""

    entry: Entry
    stream: Definition
    held: HeldRows
    state: ExternalState
    skip_to: SkipTo = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Externals:
    """See `engine.external_objects.ExternalObjects`. For the loop's thread."""

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        flow: Flow,
        checkpoints: Checkpointer,
        book: ReaderBook,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._storage = storage
        self._flow = flow
        self._checkpoints = checkpoints
        self._book = book
        self._clock = clock
        self._active: dict[str, _Active] = {}  # by owner
        self._told: dict[str, ExternalState] = {}  # of writers, by the ids of their views
        self._watchers: set[asyncio.Event] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trimming: asyncio.Task[None] | None = None
        self._closing = False
        self.max_scan_bytes = SCAN_BYTES_MAX
        self.writes: StreamWrites

    # -- life -----------------------------------------------------------------------------------

    async def sweep(self, is_kept: Callable[[str], bool]) -> None:
        """Forget the readers of queries that are not there any more, after a start."""
        await self._forget([e for e in self._book.entries() if not is_kept(e.query_id)])
        self._trimming = asyncio.create_task(self._trim())

    async def close(self) -> None:
        """Nobody waits for anything any more."""
        self._closing = True
        if self._trimming is not None:
            self._trimming.cancel()
        self._tell()
        for active in self._active.values():
            active.changed.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # -- readers of streaming queries ----------------------------------------------------------

    async def placed_plan(
        self, query_id: str, plan: StreamingQuery, *, fresh: bool, letters: bool = False
    ) -> StreamingQuery:
        """The plan of a query over the streams of its readers, which are made if it is `fresh`:
        durable on return, and not read yet. QueryFailed when those of one that goes on are gone."""
        found = external_scans(plan)
        known = self._book.of_query(query_id)
        if not found and not known:
            return plan
        if not fresh:
            streams = {entry.stands_for: entry.stream_id for entry in known}
            # A reader that is not there any more: its plan is refused as that of another stream.
            return with_readers(plan, lambda scan: streams.get(wanted(scan), scan.stream_id))
        self.rest(query_id)
        made: dict[str, Entry] = {}
        for scan in found:
            start = start_of(scan.seek, self._clock.now_ms())
            entry = self._entry(query_id, wanted(scan), scan.stream_id)
            made[entry.stands_for] = msgspec.structs.replace(entry, start=start, letters=letters)
        notes = [note for entry in known for note in self._gone(entry)]
        await self._put(list(made.values()), notes)
        return with_readers(plan, lambda scan: made[wanted(scan)].stream_id)

    def _entry(self, query_id: str, stands_for: str, stream_id: str) -> Entry:
        definition = self._catalog.by_id(external_id(stream_id))
        if definition is None:
            raise SqlError("the external stream was dropped meanwhile", Code.UNKNOWN_STREAM)
        return Entry(self._clock.uuid4(), query_id, stands_for, definition)

    def run(self, query_id: str, skip_to: SkipTo = "") -> None:
        """The readers of a query are read from now on: it takes their rows. `skip_to`: where they
        go on if the broker has removed what comes next; else the query fails."""
        for entry in self._book.of_query(query_id):
            self._activate(entry).skip_to = skip_to
        self._tell()

    def _activate(self, entry: Entry) -> _Active:
        active = self._active.get(entry.owner)
        if active is None:
            held = HeldRows(self._storage, entry.stream_id)
            stream = as_stream(entry.definition, entry.stream_id)
            active = _Active(entry, stream, held, ExternalState(entry.owner))
            self._active[entry.owner] = active
        return active

    async def begun(self, query_id: str) -> None:
        """Wait until it is stored where the readers of a query begin, or what keeps them from it is
        known; for a while at most."""
        waiting = [a for a in self._active.values() if a.entry.query_id == query_id]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PLACE_SECONDS):
                for active in waiting:
                    while not (active.state.placed or active.state.message or self._closing):
                        await _change(active)

    def rest(self, query_id: str) -> None:
        """The readers of a query are not read for now; they go on where they were."""
        gone = [o for o, a in self._active.items() if a.entry.query_id == query_id]
        for owner in gone:
            self._active.pop(owner).changed.set()
        if gone:
            self._tell()

    def ended(self, query_id: str) -> None:
        """A query is over: its readers go, in the background."""
        self.rest(query_id)
        entries = self._book.of_query(query_id)
        if entries and not self._closing:
            self._spawn(entries)

    def _spawn(self, entries: list[Entry]) -> None:
        task = asyncio.create_task(self._forget(entries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def forget(self, query_id: str) -> None:
        """As `ended`; durable on return."""
        self.rest(query_id)
        await self._forget(self._book.of_query(query_id))

    def leaving(self, query_id: str) -> list[Note]:
        """A query is about to go: what goes into the commit of its end."""
        self.rest(query_id)
        return [note for entry in self._book.of_query(query_id) for note in self._gone(entry)]

    def message(self, query_id: str) -> str:
        """Why a query gets no rows of an external stream for now, or its rows are not written;
        '' = it goes on."""
        for active in self._active.values():
            if active.entry.query_id == query_id and active.state.message:
                return active.state.message
        told = self._told.get(query_id)
        return told.message if told is not None else ""

    def _gone(self, entry: Entry) -> list[Note]:
        owner = note_of(Moved(entry.owner, gone=True))
        return [gone_note(entry.stream_id), owner, drop_note(entry.stream_id)]

    async def _forget(self, entries: Iterable[Entry]) -> None:
        notes = [note for entry in entries for note in self._gone(entry)]
        if notes:
            with contextlib.suppress(TailraceError):  # else the next start does it
                await self._store(notes)

    async def _put(self, made: list[Entry], notes: list[Note]) -> None:
        """New readers, after other notes; gone again if nobody waits for them any more."""
        try:
            await self._store([*notes, *map(put_note, made)])
        except asyncio.CancelledError:
            if not self._closing:  # else the next start finds that nobody has them
                self._spawn(made)
            raise

    async def _store(self, notes: list[Note]) -> None:
        # Whoever waits may be cancelled; the commit is not.
        await asyncio.shield(asyncio.wrap_future(self._storage.append(*notes)))

    @property
    def kept(self) -> int:
        """How many readers there are."""
        return len(self._book.entries())

    # -- bounded reads --------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def read_whole(self, job: BoundedJob) -> AsyncGenerator[BoundedJob]:
        """The job over copies of the external streams that it reads, which are made now, up to
        their ends, and go when it is done. QueryFailed with a sentence when that cannot be."""
        scans = [t.outside.stream_id for t in job.tables if _is_read(t) and t.outside is not None]
        if not scans:
            yield job
            return
        scan_id = f"scan:{self._clock.uuid4()}"
        now = self._clock.now_ms()
        made: dict[str, Entry] = {}
        leases: list[Lease] = []
        try:
            for stream_id in scans:
                entry = self._entry(scan_id, stream_id, stream_id)
                start = start_of(bounded_start(stream_id), now)
                made[stream_id] = msgspec.structs.replace(entry, start=start, bounded=True)
            await self._put(list(made.values()), [])
            await self._read_all(made.values(), job.time_ms_max)
            tables = [self._copied(table, made, leases) for table in job.tables]
            yield replace(job, tables=tuple(tables))
        finally:
            for lease in leases:
                lease.close()
            self.ended(scan_id)

    async def _read_all(self, entries: Iterable[Entry], time_ms_max: int) -> None:
        reading = [self._activate(entry) for entry in entries]
        self._tell()
        try:
            async with asyncio.timeout(time_ms_max / 1000):
                for active in reading:
                    await self._read(active)
        except TimeoutError:
            names = ", ".join(sorted({each.entry.definition.name for each in reading}))
            raise QueryFailed(
                f"{names} was not read within {time_ms_max / 1000:g} s: begin later, by a "
                "condition on _tp_time or by SETTINGS seek_to, or raise the query's time.",
                Code.TIMEOUT,
            ) from None

    def _copied(self, table: JobTable, made: dict[str, Entry], leases: list[Lease]) -> JobTable:
        if not _is_read(table) or table.outside is None:
            return table
        view = self._storage.view(made[table.outside.stream_id].stream_id)
        leases.append(view.lease)
        return replace(table, files=tuple(map(str, view.files)), hot=view.hot, outside=None)

    async def _read(self, active: _Active) -> None:
        name = active.entry.definition.name
        reached = self._clock.monotonic() + REACH_SECONDS
        while not active.state.done:
            if self._closing:
                raise QueryFailed("The engine is stopping.", Code.ENGINE_RESTARTED)
            if active.state.failed:
                raise QueryFailed(active.state.message, Code.NETWORK_ERROR)
            if active.held.total > self.max_scan_bytes:
                raise QueryFailed(
                    f"table({name}) reads more than {self.max_scan_bytes >> 20} MiB of the "
                    "external stream: begin later, by a condition on _tp_time or by "
                    "SETTINGS seek_to, or keep its rows in a materialized view and read that.",
                    Code.MEMORY_LIMIT,
                )
            late = self._clock.monotonic() > reached and not active.state.placed
            if late:
                why = active.state.message or "the connector process does not answer"
                raise QueryFailed(f"table({name}) cannot be read: {why}", Code.NETWORK_ERROR)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await _change(active)

    def columns_of(self, stream_id: str) -> Definition | None:
        """What of an external stream a bounded plan reads, as the definition of a stream."""
        definition = self._catalog.by_id(external_id(stream_id))
        return None if definition is None else as_stream(definition)

    async def insert(self, definition: Definition, rows: pa.Table, id_: str) -> None:
        """See StreamWrites.insert."""
        await self.writes.insert(definition, self.external(definition), rows, id_)

    # -- what the connector process asks --------------------------------------------------------

    async def watch(self) -> AsyncIterator[ExternalWork]:
        """See ExternalObjects.watch_external."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while not self._closing:
                changed.clear()
                yield self._work()
                await changed.wait()
        finally:
            self._watchers.discard(changed)

    def _work(self) -> ExternalWork:
        readers = (self._reader(active.entry, active.skip_to) for active in self._active.values())
        return ExternalWork(tuple(readers), tuple(self._writers()))

    def _writers(self) -> Iterator[ViewWriter]:
        """The views that write into external objects that are there."""
        for view in self._catalog.definitions().definitions:
            if not writes_outside(view):
                continue
            target = self._catalog.by_id(str(view.options["target_id"]))
            if target is not None:
                header = msgspec.convert(view.options[HEADERS], list[list[tuple[str, str]]])[0]
                columns = tuple(ExternalColumn(*column) for column in header)
                yield ViewWriter(owner_of_view(view), view.name, self.external(target), columns)

    def changed(self, definition: Definition | None) -> None:
        """A definition was put, or None: one is gone."""
        if definition is None or definition.kind in EXTERNAL or writes_outside(definition):
            self._told = {i: s for i, s in self._told.items() if self._catalog.by_id(i) is not None}
            self._tell()

    def _reader(self, entry: Entry, skip_to: SkipTo) -> Reader:
        now = self._catalog.by_id(entry.definition.id) or entry.definition
        external = self.external(msgspec.structs.replace(now, columns=entry.definition.columns))
        return Reader(entry.owner, external, entry.start, entry.bounded, entry.letters, skip_to)

    def external(self, definition: Definition) -> External:
        """A definition as the connector process is given it."""
        schema = self._catalog.schema(str(definition.options.get("format_schema", "")))
        return External(
            definition.id,
            definition.name,
            definition.kind,  # type: ignore[arg-type]
            definition.settings.get("type", ""),
            definition.settings,
            tuple(ExternalColumn(c.name, c.type) for c in definition.columns),
            "" if schema is None else schema.query,
            str(definition.options.get("format_message", "")),
        )

    def report(self, state: ExternalState) -> None:
        """See ExternalObjects.report_external."""
        active = self._active.get(state.owner)
        if active is not None:
            active.state = state
            active.skip_to = "" if state.placed else active.skip_to
            active.changed.set()
            if state.failed and not active.entry.bounded:
                query_id = active.entry.query_id
                self._flow.fail(query_id, reader_failed(state, self._catalog.by_id(query_id)))
        elif (view_id := view_of(state.owner)) and self._catalog.by_id(view_id) is not None:
            self._told[view_id] = state

    def _tell(self) -> None:
        for changed in self._watchers:
            changed.set()

    # -- appends of readers ----------------------------------------------------------------------

    def active(self, owner: str) -> Entry:
        """The reader of an owner; NotFound when it is not to be read any more."""
        active = self._active.get(owner)
        if active is None:
            raise NotFound(f"Nobody reads for '{owner[:80]}' any more.")
        return active.entry

    def stream_of(self, owner: str) -> Definition:
        """The stream of a reader; NotFound as of `active`."""
        active = self._active.get(owner)
        if active is None:
            raise NotFound(f"Nobody reads for '{owner[:80]}' any more.")
        return active.stream

    async def room(self, owner: str) -> None:
        """Wait until the query of a reader has read what is there for it; NotFound when nobody
        reads any more."""
        while True:
            active = self._active.get(owner)
            if active is None or self._closing:
                raise NotFound(f"Nobody reads for '{owner[:80]}' any more.")
            if active.entry.bounded:
                if active.held.total <= self.max_scan_bytes:
                    return
            else:
                active.held.read_to(self._position(active.entry))
                if active.held.unread < UNREAD_BYTES_MAX:
                    if active.held.kept < KEPT_BYTES_MAX:
                        return
                    self._checkpoints.want(active.entry.stream_id)
            await asyncio.sleep(ROOM_SECONDS)

    def stored(self, owner: str, rows: int, nbytes: int) -> None:
        """Rows of a reader are durable."""
        active = self._active.get(owner)
        if active is None:
            return
        entry = active.entry
        active.held.add(self._storage.next_sn(entry.stream_id) - 1, nbytes)
        self._storage.count_read(entry.definition.id, rows, nbytes)
        if entry.bounded:
            active.changed.set()

    def _position(self, entry: Entry) -> int:
        """The first append of a reader's stream that its query has not read."""
        places = [
            sn for each, sn in self._flow.positions(entry.query_id) if each == entry.stream_id
        ]
        return min(places, default=0)

    async def _trim(self) -> None:
        """Let rows go that no recovery needs."""
        while True:
            await asyncio.sleep(TRIM_SECONDS)
            notes: list[Note] = []
            for active in self._active.values():
                if not active.entry.bounded:
                    notes += self._trimmed(active)
            if notes:
                with contextlib.suppress(TailraceError):  # the next turn tries again
                    await self._store(notes)

    def _trimmed(self, active: _Active) -> list[Note]:
        stream_id = active.entry.stream_id
        if active.entry.query_id in self._kept_ids():
            to_sn = active.held.needed(self._checkpoints.needed_sn(stream_id))
        else:
            to_sn = self._position(active.entry)
        return [truncate_note(stream_id, to_sn)] if active.held.let_go(to_sn) else []

    def _kept_ids(self) -> set[str]:
        """Queries that go on after a restart."""
        return self._checkpoints.watched()


def letters_owner(external: Definition) -> str:
    """Whose the unreadable messages of an external stream are."""
    return f"external:{external.id}"


async def _change(active: _Active) -> None:
    active.changed.clear()
    await active.changed.wait()


def _is_read(table: JobTable) -> bool:
    """Whether a table is an external stream that is to be copied."""
    return table.outside is not None and is_external_stream(table.outside.stream_id)
