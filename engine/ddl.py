"""Changes of the catalog: checked, written to the log, applied when durable, one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec
from sqlglot import exp

from engine.catalog import NOTE_KIND, Catalog, Change, encode_change
from engine.clock import Clock
from engine.duck import Error as DuckError
from engine.errors import Code, NotFound, SqlError, StorageFull, TailraceError, UserError
from engine.failures import failure_of
from engine.log.records import Note, Outcome, Receipt, Record
from engine.log.sequence import drop_note, truncate_note
from engine.naming import NAME_RULE, SQL_NAME_RULE, a_kind, is_servers, kind_words
from engine.owned_names import FIXED, refusal
from engine.protocol import Alteration, Caller, Definition
from engine.sql.altering import with_changes
from engine.sql.definitions import bind_columns
from engine.sql.deleting import delete_sql
from engine.sql.external import EXTERNAL
from engine.sql.format_schemas import unknown_schema
from engine.sql.settings import check_altered
from engine.sql.statements import ColumnChange
from engine.storage import Storage
from engine.udf.definition import create_text, language_of

# Names the server keeps for itself; see docs/streams.md.
RESERVED_NAMES: Final = frozenset({"table", "tumble", "hop", "session", "changelog", "dedup"})

# Who makes the streams of the time-series APIs.
SERVER: Final = Caller("", "tailrace")

_log = logging.getLogger("tailrace.engine")
_OUTSIDE: Final = {"python", "remote"}  # languages of functions whose answers are recorded
_FOR_CREATE: Final = ("if_not_exists", "or_replace")  # options that are not kept
_ALTERABLE = ("description", "logstore_retention_bytes", "logstore_retention_ms", "ttl_expression")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Composition:
    """What is to be in one commit: definitions (of new ones with ids that are theirs already, of
    others the new form), what is dropped with its rows, and further records."""

    puts: tuple[Definition, ...] = ()
    drops: tuple[Definition, ...] = ()
    records: tuple[Record, ...] = ()
    force: bool = False


def whole(
    change: Callable[Concatenate[Ddl, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Ddl, P], Coroutine[Any, Any, T]]:
    """A change that has begun goes on to its end when whoever asked for it goes away."""

    @wraps(change)
    async def run(self: Ddl, *args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.ensure_future(change(self, *args, **kwargs))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_unheard)
            raise

    return run


async def _nothing_leaves(definition: Definition) -> list[Note]:
    return []


async def _nobody_reads(stream_id: str) -> None:
    return


def _unheard(task: asyncio.Future[Any]) -> None:
    """Log the failure of a change that nobody waits for any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("a change of the catalog failed after its client was gone: %s", error)


class Ddl:
    """Owns the order of catalog changes. For the loop's thread."""

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        clock: Clock,
        check: Callable[[Definition], Definition],
    ) -> None:
        """`check` binds a definition (types, defaults, a view's query) and completes it."""
        self._catalog = catalog
        self._storage = storage
        self._clock = clock
        self._check = check
        self._lock = asyncio.Lock()
        # Bounded by the requests under way: each holds one.
        self.under_way: set[asyncio.Future[Any]] = set()
        self._changed: list[Callable[[Definition | None], None]] = []
        self._dropped: list[Callable[[Definition], None]] = []
        # Asked before a drop, after its checks: what else goes into its commit.
        self.leaving: Callable[[Definition], Awaitable[list[Note]]] = _nothing_leaves
        # Told before and after rows of a stream, by id, are removed.
        self.removing: Callable[[str], Awaitable[None]] = _nobody_reads

    def on_change(self, callback: Callable[[Definition | None], None]) -> None:
        """Call `callback` on the loop after each durable change, with what was put, if anything."""
        self._changed.append(callback)

    def on_drop(self, callback: Callable[[Definition], None]) -> None:
        """Call `callback` on the loop after each durable drop, with what is gone."""
        self._dropped.append(callback)

    async def settle(self) -> None:
        """Wait until the changes under way have ended; how they end is told to their callers."""
        if self.under_way:
            await asyncio.wait(self.under_way)

    @whole
    async def create(
        self,
        definition: Definition,
        caller: Caller,
        *,
        replace: bool = False,
        servers: bool = False,
    ) -> Definition:
        """Create, or with `replace` put a new query into a view, a new body into a function.
        `servers`: the server itself asks, for a name of its own."""
        if not servers:
            check_name(definition.name)
        async with self._lock:
            old = self._catalog.namesake(definition)
            if old is None or not replace or old.kind != definition.kind:
                self._catalog.check_new(definition)
                old = None
            elif _other_text(old, definition):
                self._catalog.check_replaceable(old)
            now = self._clock.now_ms()
            made = msgspec.structs.replace(
                definition,
                id=old.id if old else self._clock.uuid4(),
                options={k: v for k, v in definition.options.items() if k not in _FOR_CREATE},
                created_at_ms=old.created_at_ms if old else now,
                created_by=old.created_by if old else caller,
                updated_at_ms=now,
                updated_by=caller,
            )
            made = await asyncio.to_thread(self._check, made)
            await self._commit(Change("put", definition=made))
            return made

    @whole
    async def alter(
        self,
        name: str,
        change: Alteration,
        caller: Caller,
        settings: dict[str, str] | None = None,
        columns: tuple[ColumnChange, ...] = (),
    ) -> Definition:
        """Change the alterable fields, settings and columns; all of it is bound first.

        Raises SqlError 115 for a setting that no stream has, 36 for one that cannot be changed,
        630 for a column that something uses.
        """
        check_altered(settings or {}, name)
        async with self._lock:
            old = self._catalog.require(name)
            check_not_owned(name, "alter")
            if settings or columns:
                check_not_servers(name, "alter")
            fields = {
                field: value
                for field in _ALTERABLE
                if (value := getattr(change, field)) is not None
            }
            if settings:
                fields["settings"] = {**old.settings, **settings}
            if columns and old.kind == "stream":
                after = with_changes(old, columns)
                fields |= {"columns": after.columns, "options": after.options}
            elif columns:
                raise SqlError(
                    f"'{name}' is {a_kind(old.kind)}: ALTER STREAM changes the columns "
                    "of streams alone.",
                    Code.BAD_ARGUMENTS,
                )
            if old.kind == "view" and set(fields) - {"description"}:
                raise SqlError(
                    f"'{name}' is a view and has neither settings nor a TTL: alter the stream that "
                    "it reads, or use CREATE OR REPLACE VIEW.",
                    Code.BAD_ARGUMENTS,
                )
            if old.kind in EXTERNAL and set(fields) - {"description"}:
                raise SqlError(
                    f"'{name}' is {a_kind(old.kind)}, whose rows lie elsewhere: it cannot be "
                    f"altered. Use CREATE OR REPLACE {kind_words(old.kind).upper()}.",
                    Code.NOT_IMPLEMENTED,
                )
            changed = msgspec.structs.replace(
                old, **fields, updated_at_ms=self._clock.now_ms(), updated_by=caller
            )
            changed = await asyncio.to_thread(self._check, changed)
            await self._commit(Change("put", definition=changed))
            return changed

    @whole
    async def put(self, definition: Definition, caller: Caller) -> Definition:
        """Put another form of an object that is there, checked; durable on return."""
        async with self._lock:
            if self._catalog.by_id(definition.id) is None:
                raise NotFound(f"'{definition.name}' does not exist any more.")
            changed = msgspec.structs.replace(
                definition, updated_at_ms=self._clock.now_ms(), updated_by=caller
            )
            changed = await asyncio.to_thread(self._check, changed)
            await self._commit(Change("put", definition=changed))
            return changed

    @whole
    async def rename(self, name: str, to: str, caller: Caller) -> Definition:
        """Give a stream another name; refused while a view or an owner uses the old one."""
        check_name(to)
        async with self._lock:
            old = self._catalog.require(name)
            if not _by_hand(old):
                check_not_servers(name, "rename")
            self._catalog.check_free(to)
            self._catalog.check_unused(name, "rename")
            changed = msgspec.structs.replace(
                old, name=to, updated_at_ms=self._clock.now_ms(), updated_by=caller
            )
            changed = await asyncio.to_thread(self._check, changed)
            await self._commit(Change("put", definition=changed))
            return changed

    @whole
    async def drop(self, name: str, kind: str = "", *, force: bool = False) -> Definition:
        """Drop a definition; rows go after the change is durable."""
        async with self._lock:
            old = self._catalog.require(name)
            if not _by_hand(old):
                check_not_servers(name, "drop")
            if kind.startswith("external") and kind != kind_words(old.kind):
                raise NotFound(f"An {kind} named '{name[:80]}' does not exist.")
            is_view = old.kind in ("view", "materialized_view")
            if kind and (kind == "view") != is_view:
                raise NotFound(
                    f"'{name}' is {a_kind(old.kind)}, not a {kind}: use DROP "
                    f"{'VIEW' if is_view else 'STREAM'}.",
                )
            if not force:
                self._catalog.check_unused(name, "drop")
            notes = await self.leaving(old)
            await self._commit(Change("drop", id=old.id), gone=old.id, notes=notes)
            for callback in self._dropped:
                callback(old)
            return old

    @whole
    async def discard(self, definition: Definition, also: Iterable[Note]) -> None:
        """Drop what SQL cannot name, with its rows; `also` goes into the same commit."""
        async with self._lock:
            if self._catalog.by_id(definition.id) is not None:
                notes = [*await self.leaving(definition), *also]
                await self._commit(
                    Change("drop", id=definition.id), gone=definition.id, notes=notes
                )

    @whole
    async def drop_function(self, name: str, *, force: bool = False) -> Definition:
        """Drop a function; 630 while a view or function uses it. Running queries keep theirs."""
        async with self._lock:
            old = self._catalog.function(name)
            if old is None:
                raise NotFound(
                    f"A function named '{name[:80]}' does not exist.", Code.UNKNOWN_FUNCTION
                )
            if not force:
                self._catalog.check_unused(old.name, "drop", "function")
            await self._commit(Change("drop", id=old.id))
            return old

    @whole
    async def drop_schema(self, name: str, *, force: bool = False) -> Definition:
        """Drop a format schema; 630 while an external stream reads by it."""
        async with self._lock:
            old = self._catalog.schema(name)
            if old is None:
                raise unknown_schema(name)
            if not force:
                self._catalog.check_unused(name, "drop", "schema")
            await self._commit(Change("drop", id=old.id))
            return old

    @whole
    async def truncate(self, name: str, *, servers: bool = False) -> Definition:
        """Remove all rows that a stream has now; its numbers go on. Durable when it returns.
        `servers`: the server itself asks, for a stream of a time-series API."""
        async with self._lock:
            found = self._catalog.require(name)
            if not servers:
                check_not_owned(name, "truncate")
            if found.kind != "stream":
                raise SqlError(
                    f"'{name}' is {a_kind(found.kind)} and holds no rows: TRUNCATE "
                    "STREAM is for streams.",
                    Code.NOT_IMPLEMENTED,
                )
            await self.removing(found.id)
            await self._store([truncate_note(found.id)])
            await self.removing(found.id)
            return found

    @whole
    async def delete(self, name: str, where: exp.Expr, *, servers: bool = False) -> Definition:
        """Remove the rows that a stream has now and for which a condition holds; they are gone
        for good when it returns. Rows that come meanwhile stay. `servers`: as in `truncate`."""
        async with self._lock:
            found = self._catalog.require(name)
            if not servers:
                check_not_owned(name, "delete rows of")
            gone_sql = await asyncio.to_thread(delete_sql, found, where)
            await self.removing(found.id)
            try:
                await asyncio.to_thread(self._storage.delete_rows, found.id, gone_sql)
            except DuckError as error:
                failure = failure_of(error)
                raise UserError(failure.message, failure.code) from None
            await self.removing(found.id)
            return found

    @whole
    async def compose(self, change: Composition, caller: Caller) -> Receipt:
        """Definitions and rows in one commit, whole or not at all; durable and readable on return.

        For the server's own streams: names are not checked against its rules. AlreadyExists for a
        new definition whose name is taken, unless by what is dropped; 630 while something uses what
        is to be dropped, unless `force`.
        """
        async with self._lock:
            now = self._clock.now_ms()
            made: list[Definition] = []
            dropped = {definition.id for definition in change.drops}
            pending: dict[str, Definition] = {}
            with self._catalog.with_pending(pending):
                for asked in change.puts:
                    old = self._catalog.by_id(asked.id)
                    there = self._catalog.namesake(asked)
                    makes_way = there is not None and there.id in dropped
                    if not makes_way and (old is None or old.name != asked.name):
                        self._catalog.check_new(asked)
                    if old is not None and old.name != asked.name:
                        self._catalog.check_unused(old.name, "rename")
                    fields = {"updated_at_ms": now, "updated_by": caller}
                    if old is None:
                        fields |= {"created_at_ms": now, "created_by": caller}
                    whole = msgspec.structs.replace(asked, **fields)
                    made.append(await asyncio.to_thread(self._check, whole))
                    pending[asked.name] = made[-1]
            records = list(change.records)
            leaving = {gone.name for gone in change.drops}
            for gone in change.drops:
                users = set(self._catalog.users_of(gone.name)) - leaving
                if users and not change.force:
                    self._catalog.check_unused(gone.name, "drop")
                records += [*await self.leaving(gone), drop_note(gone.id)]
            # What is dropped goes first: something new may take its name.
            changes = [Change("drop", id=gone.id) for gone in change.drops]
            changes += [Change("put", definition=definition) for definition in made]
            receipt = await self._commit(*changes, notes=records)
            for gone in change.drops:
                for callback in self._dropped:
                    callback(gone)
            return receipt

    @whole
    async def hold(self, owner: str, names: tuple[str, ...]) -> None:
        """Record what an owner uses; unknown names are refused."""
        async with self._lock:
            for name in names:
                self._catalog.require(name)
            if self._catalog.uses().get(owner, ()) != names:
                await self._commit(Change("uses", owner=owner, names=names))

    @whole
    async def reconcile(self, owners: dict[str, tuple[str, ...]]) -> None:
        """Make the held uses exactly these; unknown names are left out, nothing is dropped."""
        async with self._lock:
            present = {
                owner: tuple(n for n in names if self._catalog.get(n) is not None)
                for owner, names in owners.items()
            }
            held = self._catalog.uses()
            changes = [
                Change("uses", owner=owner, names=present.get(owner, ()))
                for owner in sorted(set(held) | set(present))
                if held.get(owner, ()) != present.get(owner, ())
            ]
            if changes:
                await self._commit(*changes)

    async def _commit(
        self, *changes: Change, gone: str = "", notes: Iterable[Record] = ()
    ) -> Receipt:
        """Make changes durable, in one commit with the end of the rows of `gone` and `notes`."""
        reason = self._storage.refusal()
        if reason and any(change.kind == "put" for change in changes):
            raise StorageFull(reason)  # the log itself lets notes pass, since DROP makes room
        stored = [Note(NOTE_KIND, encode_change(change)) for change in changes]
        if gone:
            stored.append(drop_note(gone))
        receipt = await self._store([*stored, *notes])
        if changes:
            await asyncio.to_thread(self._catalog.save)
        for change in changes:
            for callback in self._changed:
                callback(change.definition)
        return receipt

    async def _store(self, notes: list[Record]) -> Receipt:
        """One commit of these records; returns when it is durable and applied."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()

        def done(outcome: Outcome) -> None:
            loop.call_soon_threadsafe(_settle, future, outcome)

        self._storage.submit(notes, done)
        outcome = await future
        if isinstance(outcome, TailraceError):
            raise outcome
        return outcome


def _settle(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)


def _other_text(old: Definition, new: Definition) -> bool:
    """Whether a step that is repeated would give other rows."""
    if old.kind == "function":
        outside = {language_of(old), language_of(new)} <= _OUTSIDE
        return not outside and create_text(old) != create_text(new)
    if old.kind == "external_stream":
        return _columns(old) != _columns(new)
    return old.kind == "view" and old.query != new.query


def _columns(definition: Definition) -> list[tuple[str, str]]:
    return [(column.name, str(column.type)) for column in bind_columns(definition)]


def _by_hand(definition: Definition) -> bool:
    """Whether it has a name that an API keeps, and is older than that: the API cannot begin before
    it makes way."""
    return definition.name in FIXED and definition.created_by != SERVER


def check_not_servers(name: str, verb: str) -> None:
    """Raise UserError 36 when a name is one of the server's, or of a time-series API's."""
    check_not_owned(name, verb)
    if is_servers(name):
        raise UserError(
            f"Cannot {verb} '{name}': it belongs to the server. Its rows can be read and deleted, "
            "and its TTL be set; a dead-letter stream goes with what it belongs to."
        )


def check_name(name: str) -> None:
    """Raise UserError 36 with the rule when a name cannot be used."""
    if not (NAME_RULE.fullmatch(name) or SQL_NAME_RULE.fullmatch(name)):
        raise UserError(
            f"The name '{name[:80]}' is not allowed: begin with a letter or digit, then letters, "
            "digits or _, at least one letter and at most 64 characters."
        )
    if name.lower() in RESERVED_NAMES:
        raise UserError(f"The name '{name}' is a function of the dialect; choose another.")
    check_not_owned(name, "create")


def check_not_owned(name: str, verb: str) -> None:
    """Raise UserError 36 when a name is one that a time-series API keeps for its streams."""
    if said := refusal(name, verb):
        raise UserError(said)
