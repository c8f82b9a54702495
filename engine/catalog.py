"""What SQL can name, who uses it, and the one dependency graph; kept in the commit log.

Every change is a `Note` of kind "catalog" in the log and is applied when it is durable; storage
keeps a snapshot of the state with the history (`storage.Keeper`). After each change the state is
also a JSON file beside the log (atomic rename), from which the control plane answers GETs while
the engine restarts.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from engine.background import owner_of
from engine.errors import AlreadyExists, Code, NotFound, UserError
from engine.log.records import Commit, Note
from engine.naming import a_kind, kind_words
from engine.protocol import Definition, Snapshot
from engine.udf.definition import key_of

log = logging.getLogger("tailrace.engine")

NOTE_KIND = "catalog"
# Definitions of one workspace; bounds the snapshot that travels with each change.
DEFINITIONS_MAX = 10_000

_KIND_WORDS = {
    "stream": "stream",
    "random_stream": "random stream",
    "view": "view",
    "materialized_view": "materialized view",
    "external_stream": "external stream",
    "external_table": "external table",
    "function": "function",
    "schema": "schema",
}


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One durable change. `put`: create or replace by id; `drop` by id; `uses` of an owner."""

    kind: Literal["put", "drop", "uses"]
    definition: Definition | None = None
    id: str = ""
    owner: str = ""
    names: tuple[str, ...] = ()


class State(msgspec.Struct):
    """All definitions and uses, after `revision` changes."""

    revision: int = 0
    definitions: dict[str, Definition] = {}
    uses: dict[str, tuple[str, ...]] = {}


_NONE_PENDING: Mapping[str, Definition] = MappingProxyType({})
_pending: ContextVar[Mapping[str, Definition]] = ContextVar("pending", default=_NONE_PENDING)
_encode_change = msgspec.msgpack.Encoder().encode
_decode_change = msgspec.msgpack.Decoder(Change).decode


def encode_change(change: Change) -> bytes:
    """A change as the data of a log note."""
    return _encode_change(change)


class Catalog:
    """Definitions by name. Reads are safe from any thread; changes come in log order."""

    def __init__(self, path: Path) -> None:
        """`path`: the JSON file for the control plane; written by `save`, never read here."""
        self._path = path
        self._lock = threading.Lock()
        self._state = State()
        self._by_name: dict[str, Definition] = {}
        self._functions: dict[str, Definition] = {}  # by `key_of`
        self._schemas: dict[str, Definition] = {}
        self._backgrounds: dict[str, Definition] = {}  # by owner; SQL cannot name them

    # -- storage.Keeper

    def restore(self, data: bytes) -> None:
        """Begin with a snapshot."""
        with self._lock:
            self._state = msgspec.msgpack.decode(data, type=State)
            self._by_name, self._functions, self._schemas = {}, {}, {}
            self._backgrounds = {}
            for definition in self._state.definitions.values():
                self._name(definition)

    def apply(self, note: Note, commit: Commit) -> None:
        """A durable change; on the log's writer thread."""
        change = _decode_change(note.data)
        with self._lock:
            self._apply(change)
            self._state.revision += 1

    def snapshot(self) -> bytes:
        """The state after everything applied so far."""
        with self._lock:
            return msgspec.msgpack.encode(self._state)

    # -- look-ups

    def definitions(self) -> Snapshot:
        """All definitions by name, but for background queries."""
        with self._lock:
            named = [
                *self._by_name.values(),
                *self._functions.values(),
                *self._schemas.values(),
            ]
            ordered = sorted(named, key=lambda d: d.name)
            return Snapshot(self._state.revision, tuple(ordered))

    def get(self, name: str) -> Definition | None:
        """The definition of a name, or None. Called by the planner."""
        return _pending.get().get(name) or self._by_name.get(name)

    @contextmanager
    def with_pending(self, pending: Mapping[str, Definition]) -> Generator[None]:
        """In this context, and in threads that are started from it with it, `get` finds these too:
        definitions that are to be checked before the one commit that makes them."""
        token = _pending.set(pending)
        try:
            yield
        finally:
            _pending.reset(token)

    def function(self, name: str) -> Definition | None:
        """The function of this name in any case, or None. Called by the planner."""
        return self._functions.get(key_of(name))

    def schema(self, name: str) -> Definition | None:
        """The format schema of this name, or None. Called by the planner."""
        return self._schemas.get(name)

    def background(self, owner: str) -> Definition | None:
        """The background query of an owner, or None."""
        return self._backgrounds.get(owner)

    def backgrounds(self) -> tuple[Definition, ...]:
        """All background queries."""
        with self._lock:
            return tuple(self._backgrounds.values())

    def rows_of(self, name: str) -> Definition:
        """As `require`; hidden streams of background queries have their names here too."""
        hidden = next((d for d in self.backgrounds() if d.name == name), None)
        return hidden or self.require(name)

    def namesake(self, definition: Definition) -> Definition | None:
        """What has the definition's name among its kind: functions, schemas, background queries
        (by owner), or everything else."""
        names, key = self._names_of(definition)
        return names.get(key)

    def _names_of(self, definition: Definition) -> tuple[dict[str, Definition], str]:
        """The names among which the definition has its own, and its key there."""
        if definition.kind == "function":
            return self._functions, key_of(definition.name)
        if owner := owner_of(definition):
            return self._backgrounds, owner
        held = self._schemas if definition.kind == "schema" else self._by_name
        return held, definition.name

    def require(self, name: str) -> Definition:
        """The definition of a name; NotFound code 60 otherwise."""
        found = self._by_name.get(name)
        if found is None:
            raise NotFound(f"A stream or view named '{name}' does not exist.")
        return found

    def by_id(self, stream_id: str) -> Definition | None:
        """The definition with this id, or None."""
        return self._state.definitions.get(stream_id)

    def users_of(self, name: str) -> tuple[str, ...]:
        """Names of the views that read `name` and the owners that hold it or read it in the
        background, sorted."""
        views = [
            d.name
            for d in self._by_name.values()
            if name in d.options.get("reads", ()) or name == d.options.get("into")
        ]
        owners = {owner for owner, names in self._state.uses.items() if name in names}
        owners |= self._background_users("reads", name)
        return tuple(sorted(views) + sorted(owners))

    def _background_users(self, option: str, name: str) -> set[str]:
        """Owners of the background queries that use a name."""
        found = self._backgrounds.items()
        return {owner for owner, d in found if name in d.options.get(option, ())}

    def uses(self) -> dict[str, tuple[str, ...]]:
        """What each owner holds."""
        with self._lock:
            return dict(self._state.uses)

    def check_free(self, name: str) -> None:
        """Raise AlreadyExists code 57 when the name is taken, UserError when there is no room."""
        self._check_room(self._by_name.get(name), name)

    def check_new(self, definition: Definition) -> None:
        """As `check_free`, for the definition's name among its kind."""
        self._check_room(self.namesake(definition), definition.name)

    def _check_room(self, taken: Definition | None, name: str) -> None:
        if taken is not None:
            raise AlreadyExists(f"The {_KIND_WORDS[taken.kind]} '{name}' already exists.")
        if len(self._state.definitions) >= DEFINITIONS_MAX:
            raise UserError(
                f"The workspace holds {DEFINITIONS_MAX} streams, views, functions and schemas; "
                "drop one first."
            )

    def function_users(self, name: str) -> tuple[str, ...]:
        """Names of the views and functions that use a function, and owners of background queries
        that do, sorted."""
        everything = (*self._by_name.values(), *self._functions.values())
        users = [d.name for d in everything if name in d.options.get("functions", ())]
        return tuple(sorted(users) + sorted(self._background_users("functions", name)))

    def schema_users(self, name: str) -> tuple[Definition, ...]:
        """The external streams that read by a schema, by name."""
        users = [d for d in self._by_name.values() if d.options.get("format_schema") == name]
        return tuple(sorted(users, key=lambda d: d.name))

    def check_replaceable(self, old: Definition) -> None:
        """Raise UserError code 630 when queries that are kept go by a view or function: their steps
        can be repeated after a kill only with the text that they began with."""
        use, option, text = (
            ("call", "functions", "text") if old.kind == "function" else ("read", "reads", "query")
        )
        if old.kind == "external_stream":
            text = "columns"
        kept = sorted(
            f"materialized view {d.name}"
            for d in self._by_name.values()
            if d.kind == "materialized_view" and old.name in d.options.get(option, ())
        )
        kept += sorted(self._background_users(option, old.name))
        if kept:
            raise UserError(
                f"Cannot replace {kind_words(old.kind)} '{old.name}': {', '.join(kept)} began with "
                f"its {text}. Create {a_kind(old.kind)} of another name, "
                f"and let the query {use} that (of a view: ALTER VIEW ... MODIFY QUERY).",
                Code.HAVE_DEPENDENT_OBJECTS,
            )

    def check_unused(self, name: str, verb: str, kind: str = "") -> None:
        """Raise UserError code 630 that names the users of `name`."""
        if kind == "schema":
            users = tuple(user.name for user in self.schema_users(name))
        else:
            users = self.function_users(name) if kind == "function" else self.users_of(name)
        if users:
            raise UserError(
                f"Cannot {verb} '{name}': it is used by {', '.join(users)}. "
                "Drop those first, or force it.",
                Code.HAVE_DEPENDENT_OBJECTS,
            )

    def _apply(self, change: Change) -> None:
        definitions = self._state.definitions
        if change.kind == "put" and change.definition is not None:
            old = definitions.get(change.definition.id)
            definitions[change.definition.id] = change.definition
            # The new name first: who looks a name up meanwhile does so without the lock.
            self._name(change.definition)
            if old is not None and old.name != change.definition.name:
                self._unname(old)
        elif change.kind == "drop":
            old = definitions.pop(change.id, None)
            if old is not None:
                self._unname(old)
        elif change.names:
            self._state.uses[change.owner] = change.names
        else:
            self._state.uses.pop(change.owner, None)

    def _name(self, definition: Definition) -> None:
        names, key = self._names_of(definition)
        names[key] = definition

    def _unname(self, definition: Definition) -> None:
        names, key = self._names_of(definition)
        names.pop(key, None)

    def save(self) -> None:
        """Write the file durably. Blocks for two syncs: call it from a worker thread.

        A disk that is full or broken is logged and no error: the log has every change, and the
        next change or start writes the file again.
        """
        with self._lock:
            shown = {i: d for i, d in self._state.definitions.items() if not owner_of(d)}
            data = msgspec.json.encode(msgspec.structs.replace(self._state, definitions=shown))
        try:
            self._replace(data)
        except OSError as error:
            log.error("the snapshot of the catalog cannot be written: %s", error.strerror)

    def _replace(self, data: bytes) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
