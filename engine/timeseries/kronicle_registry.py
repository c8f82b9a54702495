"""The channels of a workspace: a fold over the rows of `kronicle_channels`."""

from __future__ import annotations

import datetime
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pyarrow as pa

from engine.batch import StreamSlice
from engine.log.records import Append
from engine.protocol import ColumnDef, Definition
from engine.timeseries.kronicle_messages import ChannelInfo, Column, Parameters
from engine.timeseries.kronicle_refusal import bad
from engine.timeseries.kronicle_rows import batch_of
from engine.timeseries.kronicle_schema import (
    normalised,
    parse_schema,
    shown_schema,
    stream_name,
)
from engine.timeseries.kronicle_values import json_text

CHANNELS: Final = "kronicle_channels"
DEFINITION: Final = Definition(
    id="",
    name=CHANNELS,
    kind="stream",
    mode="versioned_kv",
    primary_key="channel_id",
    columns=(
        ColumnDef("channel_id", "string"),
        ColumnDef("name", "string"),
        ColumnDef("stream", "string"),
        ColumnDef("channel_schema", "string"),
        ColumnDef("metadata", "string"),
        ColumnDef("tags", "string"),
        ColumnDef("received_at", "datetime64(6, 'UTC')"),
        ColumnDef("deleted", "bool"),
    ),
    description="Channels of the Kronicle API",
)
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
_MILLISECONDS: Final = pa.timestamp("ms")
_MICROSECONDS: Final = pa.timestamp("us")


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel. `received_at_us`: when it was made."""

    id: str
    name: str
    columns: tuple[Column, ...]
    metadata: dict[str, Any]
    tags: dict[str, Any]
    received_at_us: int

    def info(self, available_rows: int) -> ChannelInfo:
        """What an answer needs of it."""
        return ChannelInfo(
            self.id,
            self.name,
            shown_schema(self.columns),
            msgspec.json.encode(self.metadata),
            msgspec.json.encode(self.tags),
            available_rows,
        )


class Registry:
    """Channels by id. Rows are applied on any thread, in log order; reads are for the loop's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: dict[str, Channel] = {}
        self._by_name: dict[str, str] = {}
        self._newest: tuple[Channel, ...] | None = ()

    def get(self, channel_id: str) -> Channel | None:
        """The channel of an id."""
        return self._by_id.get(channel_id)

    def named(self, name: str) -> Channel | None:
        """The channel of a normalised name."""
        return self._by_id.get(self._by_name.get(name, ""))

    def newest_first(self) -> tuple[Channel, ...]:
        """All channels, the newest first."""
        with self._lock:
            if self._newest is None:
                order = sorted(self._by_id.values(), key=_age, reverse=True)
                self._newest = tuple(order)
            return self._newest

    def newest_after(self, after: str) -> tuple[Channel, ...]:
        """Those of `newest_first` behind the one that a page ended with; '' = all."""
        if not after:
            return self.newest_first()
        time, _, channel_id = after.partition(" ")
        last = (int(time), channel_id)
        every = self.newest_first()
        at = bisect_left(every, True, key=lambda channel: _age(channel) < last)
        return every[at:]

    def apply(self, part: StreamSlice) -> None:
        """Durable rows of the stream."""
        for row in part.rows.to_pylist():
            channel = None if row["deleted"] else _channel(row)
            with self._lock:
                self._put(row["channel_id"], channel)

    def _put(self, channel_id: str, channel: Channel | None) -> None:
        old = self._by_id.get(channel_id)
        if channel is not None:
            self._by_id[channel_id] = channel
            if channel.name:
                self._by_name[channel.name] = channel_id
        elif old is not None:
            del self._by_id[channel_id]
        renamed = old is not None and (channel is None or channel.name != old.name)
        if old is not None and renamed and self._by_name.get(old.name) == channel_id:
            del self._by_name[old.name]
        self._newest = None


def _age(channel: Channel) -> tuple[int, str]:
    return channel.received_at_us, channel.id


def _channel(row: dict[str, Any]) -> Channel:
    return Channel(
        row["channel_id"],
        row["name"],
        parse_schema(msgspec.json.decode(row["channel_schema"])),
        msgspec.json.decode(row["metadata"]),
        msgspec.json.decode(row["tags"]),
        (row["received_at"] - _EPOCH) // _MICROSECOND,
    )


def record(
    stream: Definition, channels: Iterable[Channel], now_ms: int, *, deleted: bool = False
) -> Append:
    """What writes channels into the stream."""
    rows = list(channels)
    found = {
        "channel_id": pa.array([c.id for c in rows], pa.string()),
        "name": pa.array([c.name for c in rows], pa.string()),
        "stream": pa.array([stream_name(c.id) for c in rows], pa.string()),
        "channel_schema": pa.array([json_text(shown_schema(c.columns)) for c in rows], pa.string()),
        "metadata": pa.array([json_text(c.metadata) for c in rows], pa.string()),
        "tags": pa.array([json_text(c.tags) for c in rows], pa.string()),
        "received_at": pa.array([c.received_at_us for c in rows], _MICROSECONDS),
        "deleted": pa.array([deleted] * len(rows), pa.bool_()),
    }
    time = pa.array([now_ms] * len(rows), _MILLISECONDS)
    return Append.single(stream.id, batch_of(stream, found, time))


def chosen(channels: Iterable[Channel], parameters: Parameters) -> Iterator[Channel]:
    """The channels that filters of a list let through; Refusal for one that cannot be used."""
    wanted = _wanted(parameters)
    for channel in channels:
        if all(_matches(getattr(channel, place), key, value) for place, key, value in wanted):
            yield channel


def _wanted(parameters: Parameters) -> list[tuple[str, str, str | None]]:
    """Where to look, the key, and the value as text, None = any."""
    wanted: list[tuple[str, str, str | None]] = []
    lone = {name: text for name, text in parameters if name in ("tag_key", "tag_value")}
    if "tag_value" in lone and "tag_key" not in lone:
        raise bad("tag_value needs tag_key.", {"tag_value": "needs tag_key"})
    if "tag_key" in lone:
        wanted.append(("tags", lone["tag_key"], lone.get("tag_value")))
    for name, text in parameters:
        if name not in ("tags", "metadata"):
            continue
        for part in text.split(","):
            key, colon, value = part.partition(":")
            if not colon or not key.strip():
                raise bad(f"{name}={part[:80]}: write key:value.", {name: "write key:value"})
            wanted.append((name, key.strip(), value.strip()))
    return wanted


def _matches(held: dict[str, Any], key: str, value: str | None) -> bool:
    """Whether a key has a value, compared as text; a list has what is in it. Keys of objects in
    objects are named with dots."""
    found: Any = held
    if key in held:
        found = held[key]
    else:
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return False
            found = found[part]
    if value is None:
        return True
    return any(_text(each) == value for each in (found if isinstance(found, list) else [found]))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def free_name(name: str | None) -> str:
    """A channel's name as it is stored, '' = none; Refusal when nothing is left of it."""
    if name is None:
        return ""
    found = normalised(name)
    if not found:
        raise bad(f"'{name[:80]}' is no channel name: it needs a letter or a digit.")
    if len(found) > 200:
        raise bad("A channel name has at most 200 characters.")
    return found
