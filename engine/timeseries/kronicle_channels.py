"""Channels of the Kronicle API: made, changed, removed, each with stream, view, metadata row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec

from engine.ddl import Composition
from engine.log.records import Append
from engine.protocol import Caller, Definition
from engine.timeseries.ground import Ground
from engine.timeseries.kronicle_messages import Column
from engine.timeseries.kronicle_payload import Payload
from engine.timeseries.kronicle_refusal import bad, conflict, unknown
from engine.timeseries.kronicle_registry import CHANNELS, Channel, Registry, free_name, record
from engine.timeseries.kronicle_rows import Rows, stored_batch
from engine.timeseries.kronicle_schema import (
    CHANNEL_OPTION,
    RECEIVED,
    equivalent,
    normalised,
    parse_schema,
    shown_schema,
    stream_name,
    stream_of,
    view_name,
    view_of,
)

P = ParamSpec("P")
T = TypeVar("T")
# Metadata and tags of a channel, each as JSON: they stay in memory and in each answer.
TEXT_BYTES_MAX: Final = 64 << 10
# Names that are tried for a clone: <source>_copy, _copy_2 and so on.
COPIES_MAX: Final = 10_000


def _whole(
    change: Callable[Concatenate[Channels, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Channels, P], Awaitable[T]]:
    """One change at a time; it goes on to its end, and keeps others waiting, when its caller goes
    away: names and ids are looked at and written without another change between."""

    @wraps(change)
    async def run(self: Channels, *args: P.args, **kwargs: P.kwargs) -> T:
        async def locked() -> T:
            async with self.lock:
                return await change(self, *args, **kwargs)

        task = asyncio.ensure_future(locked())
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return await asyncio.shield(task)

    return run


class Channels:
    """The changes of channels. For the loop's thread."""

    def __init__(self, ground: Ground, registry: Registry) -> None:
        self._ground = ground
        self._registry = registry
        self.lock = asyncio.Lock()
        # Bounded by the requests under way: each holds one.
        self.under_way: set[asyncio.Future[Any]] = set()
        # Channels whose stream is about to go: they take no rows.
        self._leaving: set[str] = set()

    def known(self, channel_id: str) -> Channel:
        """The channel of an id; Refusal when there is none."""
        found = self._registry.get(channel_id)
        if found is None:
            raise unknown(channel_id)
        return found

    def usable(self, channel_id: str) -> Channel | None:
        """The channel of an id, if its stream takes rows and stays."""
        if channel_id in self._leaving:
            raise conflict(f"The channel '{channel_id}' is being changed or deleted.")
        return self._registry.get(channel_id)

    def named(self, name: str) -> Channel | None:
        """The channel of a name, in any form that normalises to it."""
        return self._registry.named(normalised(name))

    def count(self, channel_id: str) -> int:
        """The rows that a channel's stream holds, as the storage counts them."""
        stream = self._ground.catalog.get(stream_name(channel_id))
        if stream is None:
            return 0
        with self._ground.storage.view(stream.id) as view:
            return view.row_count

    @staticmethod
    def new_columns(schema: dict[str, str] | None) -> tuple[Column, ...]:
        """The columns of a channel that is to be made."""
        if schema is None:
            raise bad(
                "There is no channel of this id yet: give its channel_schema to make it.",
                {"body.channel_schema": "missing"},
            )
        return parse_schema(schema)

    @staticmethod
    def check_equivalent(channel: Channel, columns: tuple[Column, ...]) -> None:
        """Refusal unless columns are those that the channel has."""
        if not equivalent(channel.columns, columns):
            raise bad(
                "The schema differs from the channel's.",
                {
                    "body.channel_schema": f"the channel has {shown_schema(channel.columns)}, the "
                    f"request {shown_schema(columns)}"
                },
            )

    def changes(self, channel: Channel, payload: Payload) -> bool:
        """Whether a writing request changes the channel itself; Refusal for another schema."""
        return self._given(channel, payload) != channel

    def _given(self, channel: Channel, payload: Payload) -> Channel:
        """The channel with what a body gives in place of what is stored."""
        if payload.schema is not None:
            self.check_equivalent(channel, parse_schema(payload.schema))
        return replace(
            channel,
            name=channel.name if payload.name is None else free_name(payload.name),
            metadata=channel.metadata if payload.metadata is None else payload.metadata,
            tags=channel.tags if payload.tags is None else _without_nulls(payload.tags),
        )

    # -- changes ------------------------------------------------------------------------------

    @staticmethod
    def _check_size(channel: Channel) -> Channel:
        """Refusal for more metadata or tags than a channel may have."""
        for name, held in (("metadata", channel.metadata), ("tags", channel.tags)):
            size = len(msgspec.json.encode(held))
            if size > TEXT_BYTES_MAX:
                raise bad(
                    f"The {name} of a channel have at most {TEXT_BYTES_MAX} bytes as JSON; these "
                    f"have {size}.",
                    {f"body.{name}": "too large"},
                )
        return channel

    @_whole
    async def create(self, payload: Payload, caller: Caller) -> Channel:
        """Make a channel; Refusal when it is there."""
        if payload.id is None:
            raise bad("The body has no channel id.", {"body.channel_id": "missing"})
        if self._registry.get(payload.id) is not None:
            raise conflict(f"The channel '{payload.id}' exists already.")
        return await self._make(self._new(payload.id, payload), caller)

    @_whole
    async def write(self, channel_id: str, payload: Payload, rows: Rows, caller: Caller) -> Channel:
        """Rows together with a new channel, or with a change of its metadata."""
        channel = self.usable(channel_id)
        if channel is None:
            return await self._make(self._new(channel_id, payload), caller, rows)
        return await self._change(channel, self._given(channel, payload), caller, rows)

    @_whole
    async def replace(self, channel_id: str, payload: Payload, caller: Caller) -> Channel:
        """Make a channel, or put name, metadata and tags in place of those stored."""
        if not channel_id:
            raise bad("The body has no channel id.", {"body.channel_id": "missing"})
        channel = self._registry.get(channel_id)
        if channel is None:
            return await self._make(self._new(channel_id, payload), caller)
        if payload.schema is not None:
            self.check_equivalent(channel, parse_schema(payload.schema))
        changed = replace(
            channel,
            name=free_name(payload.name),
            metadata=payload.metadata or {},
            tags=_without_nulls(payload.tags or {}),
        )
        return await self._change(channel, changed, caller)

    @_whole
    async def merge(self, channel_id: str, payload: Payload, caller: Caller) -> Channel:
        """Merge metadata and tags key by key, null removes one; another schema only while the
        channel has no rows."""
        channel = self.known(channel_id)
        changed = replace(
            channel,
            name=channel.name if payload.name is None else free_name(payload.name),
            metadata=_merged(channel.metadata, payload.metadata),
            tags=_merged(channel.tags, payload.tags),
        )
        columns = channel.columns if payload.schema is None else parse_schema(payload.schema)
        if columns == channel.columns:
            return await self._change(channel, changed, caller)
        return await self._reshape(channel, replace(changed, columns=columns), caller)

    @_whole
    async def clone(self, channel_id: str, payload: Payload, caller: Caller) -> Channel:
        """A new channel with the schema of another one, and its metadata and tags unless given."""
        source = self.known(channel_id)
        name = free_name(payload.name) if payload.name is not None else self._copy_of(source.name)
        made = replace(
            source,
            id=self._ground.clock.uuid4(),
            name=name,
            metadata=source.metadata if payload.metadata is None else payload.metadata,
            tags=source.tags if payload.tags is None else _without_nulls(payload.tags),
            received_at_us=self._now_us(),
        )
        return await self._make(made, caller)

    @_whole
    async def delete(self, ids: tuple[str, ...], caller: Caller, *, force: bool) -> None:
        """Remove channels with their rows, all in one commit."""
        gone = [self.known(channel_id) for channel_id in ids]
        drops = tuple(d for channel in gone for d in self._definitions(channel))
        stream = self._ground.catalog.require(CHANNELS)
        rows = record(stream, gone, self._ground.clock.now_ms(), deleted=True)
        self._leaving |= set(ids)
        try:
            change = Composition(drops=drops, records=(rows,), force=force)
            await self._ground.compose(change, caller)
        finally:
            self._leaving -= set(ids)

    def appended(self, channel: Channel, rows: Rows) -> Append:
        """What stores rows in a channel; Refusal when its schema changed since they were read."""
        stream = self._ground.catalog.require(stream_name(channel.id))
        return _append(stream, rows, self._now_us())

    # -- commits ------------------------------------------------------------------------------

    async def _make(self, channel: Channel, caller: Caller, rows: Rows | None = None) -> Channel:
        """Stream, view, metadata row and maybe rows of a new channel in one commit."""
        self._check_name(self._check_size(channel))
        stream, view = self._defined(channel)
        records = [self._row(channel)]
        if rows is not None:
            records.append(_append(stream, rows, self._now_us()))
        await self._ground.compose(Composition((stream, view), (), tuple(records)), caller)
        return channel

    def _new(self, channel_id: str, payload: Payload) -> Channel:
        return Channel(
            channel_id,
            free_name(payload.name),
            self.new_columns(payload.schema),
            payload.metadata or {},
            _without_nulls(payload.tags or {}),
            self._now_us(),
        )

    async def _change(
        self, channel: Channel, changed: Channel, caller: Caller, rows: Rows | None = None
    ) -> Channel:
        """Another name, metadata or tags, and maybe rows; the view gets its name in this commit."""
        self._check_name(self._check_size(changed))
        puts: tuple[Definition, ...] = ()
        views = self._definitions(channel)[:-1]
        if changed.name != channel.name and views:
            name = view_name(changed.name, changed.id, self._taken)
            if name != views[0].name:
                puts = (msgspec.structs.replace(views[0], name=name),)
        records: list[Append] = [] if changed == channel else [self._row(changed)]
        if rows is not None:
            records.append(self.appended(channel, rows))
        if puts:
            await self._ground.compose(Composition(puts, (), tuple(records)), caller)
        elif records:
            await self._ground.append(*records)
        return changed

    async def _reshape(self, channel: Channel, changed: Channel, caller: Caller) -> Channel:
        """Other columns: a stream and a view anew in place of those that hold no rows."""
        self._check_name(self._check_size(changed))
        old = self._definitions(channel)
        self._leaving.add(channel.id)
        try:
            count = self.count(channel.id)
            if count and not equivalent(channel.columns, changed.columns):
                raise bad(
                    f"The channel has {count} rows: its schema can change only while it has none.",
                    {"body.channel_schema": "differs from the channel's"},
                )
            if count:  # the same columns under other names: only the view changes
                return await self._renamed_columns(channel, changed, caller)
            puts = self._defined(changed, {d.name for d in old})
            change = Composition(puts, old, (self._row(changed),))
            await self._ground.compose(change, caller)
        finally:
            self._leaving.discard(channel.id)
        return changed

    async def _renamed_columns(self, channel: Channel, changed: Channel, caller: Caller) -> Channel:
        old = self._definitions(channel)
        _, view = self._defined(changed, {d.name for d in old})
        change = Composition((view,), old[:-1], (self._row(changed),))
        await self._ground.compose(change, caller)
        return changed

    def _definitions(self, channel: Channel) -> tuple[Definition, ...]:
        """The channel's view, if it is there, and its stream, in this order."""
        catalog = self._ground.catalog
        stream = catalog.require(stream_name(channel.id))
        names = (f"kronicle_{channel.name}", view_name("", channel.id, self._taken))
        views = [
            found
            for name in names
            if (found := catalog.get(name)) is not None
            and found.options.get(CHANNEL_OPTION) == channel.id
        ]
        return (*views, stream)

    def _defined(
        self, channel: Channel, leaving: frozenset[str] | set[str] = frozenset()
    ) -> tuple[Definition, Definition]:
        """A new stream and view of a channel."""
        clock = self._ground.clock

        def taken(name: str) -> bool:
            return name not in leaving and self._taken(name)

        name = view_name(channel.name, channel.id, taken)
        view = view_of(clock.uuid4(), name, channel.id, channel.columns)
        return stream_of(clock.uuid4(), channel.id, channel.columns), view

    def _row(self, channel: Channel) -> Append:
        stream = self._ground.catalog.require(CHANNELS)
        return record(stream, (channel,), self._ground.clock.now_ms())

    def _taken(self, name: str) -> bool:
        return self._ground.catalog.get(name) is not None

    def _check_name(self, channel: Channel) -> None:
        """Refusal when another channel has the name."""
        other = self._registry.named(channel.name) if channel.name else None
        if other is not None and other.id != channel.id:
            raise conflict(f"The name '{channel.name}' belongs to the channel '{other.id}'.")

    def _copy_of(self, name: str) -> str:
        if not name:
            return ""
        for number in range(1, COPIES_MAX):
            found = f"{name}_copy" if number == 1 else f"{name}_copy_{number}"
            if self._registry.named(found) is None:
                return found
        raise conflict(f"'{name}' has {COPIES_MAX} copies already; give the clone a name.")

    def _now_us(self) -> int:
        return self._ground.clock.now_ms() * 1_000


def _append(stream: Definition, rows: Rows, now_us: int) -> Append:
    if set(rows.columns) != {c.name for c in stream.columns} - {RECEIVED}:
        raise conflict("The channel's schema changed while its rows were read; send them again.")
    return Append.single(stream.id, stored_batch(stream, rows, now_us))


def _merged(held: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    """Key by key; null takes a key away."""
    gone = {key for key, value in (given or {}).items() if value is None}
    return {k: v for k, v in {**held, **(given or {})}.items() if k not in gone}


def _without_nulls(tags: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tags.items() if value is not None}
