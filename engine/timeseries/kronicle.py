"""The Kronicle API on streams: channels, their rows, and how they are read; see `TimeSeriesApi`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from engine.errors import AlreadyExists, Code, NotFound, Overloaded, TooLarge, UserError
from engine.log.records import Commit
from engine.owned_names import KRONICLE
from engine.protocol import Caller
from engine.sql.statements import parse_expression
from engine.timeseries.ground import Ground
from engine.timeseries.kronicle_channels import Channels
from engine.timeseries.kronicle_filters import deletion, shown_outputs, wanted
from engine.timeseries.kronicle_messages import (
    PAGE_BYTES,
    PAGE_CHANNELS,
    Answer,
    Asked,
    ChannelInfo,
    Done,
    Listed,
    Note,
    Reading,
    decode_asked,
    encode_answer,
)
from engine.timeseries.kronicle_payload import Payload, check_id, read_payload
from engine.timeseries.kronicle_refusal import Refusal, bad, unknown
from engine.timeseries.kronicle_registry import CHANNELS, DEFINITION, Channel, Registry, chosen
from engine.timeseries.kronicle_rows import Rows, shape_of
from engine.timeseries.kronicle_schema import parse_schema, stream_name

# Smaller bodies are read on the loop: that is quicker than a change of threads.
INLINE_BYTES_MAX: Final = 16 << 10
# Bytes of bodies that are read at once; the rows of a body take several times as much.
READING_BYTES_MAX: Final = 64 << 20
# Channels that filters of a list look at in one turn of the loop: a few milliseconds.
TURN_CHANNELS: Final = 1_000
_CONFLICTS: Final = (Code.HAVE_DEPENDENT_OBJECTS, Code.STREAM_ALREADY_EXISTS)

_Verb = Callable[[Asked, Caller, bytes], Awaitable[Answer]]


class Kronicle:
    """See `engine.timeseries.ground.TimeSeriesApi`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._registry = Registry()
        self._channels = Channels(ground, self._registry)
        self._stream_id = ""
        self._reading_bytes = 0
        self._verbs: dict[str, _Verb] = {
            "list": self._list,
            "get": self._get,
            "read": self._read,
            "write": self._write,
            "create": self._create,
            "replace": self._replace,
            "merge": self._merge,
            "delete": self._delete,
            "delete_rows": self._delete_rows,
            "delete_many": self._delete_many,
            "clone": self._clone,
        }

    async def open(self) -> None:
        """See TimeSeriesApi.open."""
        found = self._ground.catalog.get(CHANNELS)
        if found is not None and found.mode == DEFINITION.mode:
            async for part in self._ground.fold(found.id):
                self._registry.apply(part)
            self._stream_id = found.id
        self._ground.storage.listen(self._hear)

    def _hear(self, commit: Commit) -> None:
        """A commit is durable; on the log's thread."""
        for part in commit.slices:
            if part.stream_id == self._stream_id:
                self._registry.apply(part)

    async def ensure(self) -> None:
        """See TimeSeriesApi.ensure."""
        await self._ground.ensure(KRONICLE, (DEFINITION,))
        self._stream_id = self._ground.catalog.require(CHANNELS).id

    async def call(self, verb: str, arguments: bytes, caller: Caller, body: bytes) -> bytes:
        """See TimeSeriesApi.call. What breaks a rule of the API is an answer: `Refused`."""
        asked = decode_asked(arguments)
        try:
            if asked.id:
                found = check_id(asked.id, "path.channel_id")
                asked = msgspec.structs.replace(asked, id=found)
            answer = await self._verbs[verb](asked, caller, body)
        except Refusal as refusal:
            answer = refusal.refused
        except (AlreadyExists, UserError) as error:
            if error.code not in _CONFLICTS or isinstance(error, NotFound | TooLarge):
                raise
            answer = Refusal("conflict", error.message).refused
        return encode_answer(answer)

    # -- reading ------------------------------------------------------------------------------

    async def _list(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        """A page of channels; with `name` the one of it."""
        for name, text in asked.parameters:
            if name in ("name", "channel_name", "sensor_name"):
                found = self._channels.named(text)
                if found is None:
                    raise Refusal("missing", f"There is no channel named '{text[:80]}'.")
                return Done(self._info(found))
        page: list[ChannelInfo] = []
        last, size = "", 0
        every = self._registry.newest_after(asked.after)
        for first in range(0, len(every) or 1, TURN_CHANNELS):
            if first:
                await asyncio.sleep(0)  # others have their turn
            for channel in chosen(every[first : first + TURN_CHANNELS], asked.parameters):
                if len(page) >= PAGE_CHANNELS or size >= PAGE_BYTES:
                    return Listed(tuple(page), last)
                page.append(self._info(channel))
                size += page[-1].size
                last = f"{channel.received_at_us} {channel.id}"
        return Listed(tuple(page))

    async def _get(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        return Done(self._info(self._channels.known(asked.id)))

    async def _read(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        """How the rows are read."""
        channel = self._channels.known(asked.id)
        found = wanted(asked.parameters, channel.columns)
        outputs = shown_outputs(found.outputs(channel.columns))
        sql = found.statement(channel.id, channel.columns)
        return Reading(self._info(channel), sql, outputs, tuple(found.notes))

    def _info(self, channel: Channel) -> ChannelInfo:
        return channel.info(self._channels.count(channel.id))

    # -- rows ---------------------------------------------------------------------------------

    async def _write(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        """Append rows; without an id in the path also make the channel, or change its metadata."""
        payload = await self._off_loop(len(body), read_payload, body)
        into = asked.id
        channel_id = into or payload.id
        if not channel_id:
            raise bad("The body has no channel id.", {"body.channel_id": "missing"})
        if not payload.rows:
            raise bad("The body has no rows.", {"body.rows": "missing"})
        if len(payload.rows) > self._ground.rows_max:
            raise TooLarge(
                f"The body has {len(payload.rows)} rows; at most {self._ground.rows_max} are "
                "possible (limit rows_per_request_max)."
            )
        channel = self._registry.get(channel_id)
        if into and channel is None:
            raise unknown(into)
        if into and payload.schema is not None:
            payload = _without_schema(payload, self._channels.known(into))
        columns = channel.columns if channel else self._channels.new_columns(payload.schema)
        rows = await self._off_loop(len(body), shape_of(columns).convert, payload.rows)
        _check_rows(rows, strict=asked.strict or payload.strict)
        known, defined = await self._store(channel_id, payload, rows, caller, only_rows=bool(into))
        return Done(self._info(known), rows.count, rows.bad, defined, _beyond(rows))

    async def _store(
        self, channel_id: str, payload: Payload, rows: Rows, caller: Caller, *, only_rows: bool
    ) -> tuple[Channel, bool]:
        """Rows, and the channel where it is new or changed, in one commit; whether it was."""
        channel = self._channels.usable(channel_id)
        if channel is not None and (only_rows or not self._channels.changes(channel, payload)):
            await self._ground.append(self._channels.appended(channel, rows))
            return channel, False
        if only_rows:
            raise unknown(channel_id)
        return await self._channels.write(channel_id, payload, rows, caller), True

    async def _off_loop(self, size: int, work: Callable[[Any], Any], given: Any) -> Any:
        """The result of work on a body; large ones on another thread."""
        if size <= INLINE_BYTES_MAX:
            return work(given)
        if self._reading_bytes and self._reading_bytes + size > READING_BYTES_MAX:
            raise Overloaded("Too many large bodies are being read; send this one again later.")
        self._reading_bytes += size
        try:
            return await asyncio.to_thread(work, given)
        finally:
            self._reading_bytes -= size

    async def _delete_rows(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        channel = self._channels.known(asked.id)
        where = deletion(asked.parameters, channel.columns)
        stream = stream_name(channel.id)
        if where:
            await self._ground.ddl.delete(stream, parse_expression(where), servers=True)
        else:
            await self._ground.ddl.truncate(stream, servers=True)
        return Done(self._info(channel))

    # -- channels -----------------------------------------------------------------------------

    async def _create(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        payload = await self._off_loop(len(body), read_payload, body)
        channel = await self._channels.create(payload, caller)
        return Done(self._info(channel), defined=True, notes=_ignored(payload))

    async def _replace(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        payload = await self._off_loop(len(body), read_payload, body)
        channel = await self._channels.replace(asked.id or payload.id or "", payload, caller)
        return Done(self._info(channel), defined=True, notes=_ignored(payload))

    async def _merge(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        payload = await self._off_loop(len(body), read_payload, body)
        channel = await self._channels.merge(asked.id, payload, caller)
        return Done(self._info(channel), defined=True, notes=_ignored(payload))

    async def _clone(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        payload = read_payload(body, may_lack=True)
        channel = await self._channels.clone(asked.id, payload, caller)
        return Done(self._info(channel), defined=True, notes=_ignored(payload))

    async def _delete(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        info = self._info(self._channels.known(asked.id))
        await self._channels.delete((asked.id,), caller, force=asked.force)
        return Done(info, defined=True)

    async def _delete_many(self, asked: Asked, caller: Caller, body: bytes) -> Answer:
        payload = read_payload(body)
        if payload.ids is None:
            raise bad("The body names no channel_ids.", {"body.channel_ids": "missing"})
        there = tuple(dict.fromkeys(i for i in payload.ids if self._registry.get(i) is not None))
        infos = tuple(self._info(self._channels.known(i)) for i in there)
        if there:
            await self._channels.delete(there, caller, force=asked.force)
        return Listed(infos)


def _without_schema(payload: Payload, channel: Channel) -> Payload:
    """Rows go into a channel as it is: a schema beside them must be the channel's."""
    assert payload.schema is not None
    Channels.check_equivalent(channel, parse_schema(payload.schema))
    return payload


def _check_rows(rows: Rows, *, strict: bool) -> None:
    """Refusal when there is no good row, or a bad one and the request is strict."""
    if rows.bad_count and strict:
        raise bad(
            f"{rows.bad_count} of {rows.count + rows.bad_count} rows are bad; nothing was stored.",
            rows.bad,
        )
    if not rows.count:
        raise bad("No row is good; nothing was stored.", rows.bad)


def _beyond(rows: Rows) -> tuple[Note, ...]:
    """What is said when not every bad row is named."""
    hidden = rows.bad_count - len(rows.bad)
    if not hidden:
        return ()
    return (Note(f"{hidden} more rows are bad; the first {len(rows.bad)} are named.", "rows"),)


def _ignored(payload: Payload) -> tuple[Note, ...]:
    if not payload.rows:
        return ()
    message = f"{len(payload.rows)} rows were ignored: this route stores none"
    return (Note(f"{message}; use POST /data/v1/channels/{{id}}/rows.", "rows"),)
