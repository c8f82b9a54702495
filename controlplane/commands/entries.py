"""Definitions of a workspace as they stand in a file: one struct a kind, the order of the kinds."""

from __future__ import annotations

import heapq
import re
from typing import Any, Final, TypeVar

import msgspec

VERSION: Final = 1
RETENTION_BYTES: Final = 10737418240
RETENTION_MS: Final = 604800000

_TEXT_OR_COMMENT: Final = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|--[^\n]*|/\*.*?(?:\*/|\Z)|(\w+)", re.DOTALL
)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One object; a field that is left out has its default."""

    name: str


class SchemaEntry(Entry, frozen=True):
    """A schema of messages."""

    content: str
    type: str = "Protobuf"


class Argument(Entry, frozen=True):
    """An argument of a function; a SQL function's have no type."""

    type: str = ""


class FunctionEntry(Entry, frozen=True, kw_only=True):
    """A user function."""

    type: str
    description: str = ""
    arguments: list[Argument] = []
    return_type: str = ""
    is_aggregation: bool = False
    source: str = ""
    url: str = ""
    auth_method: str = ""
    auth_context: dict[str, str] = {}


class StreamEntry(Entry, frozen=True):
    """A stream of any mode as the statement that makes it."""

    create: str


class ColumnEntry(Entry, frozen=True):
    """A column of an external stream."""

    type: str
    default: str = ""
    codec: str = ""
    comment: str = ""


class ExternalStreamEntry(Entry, frozen=True, kw_only=True):
    """A stream whose rows lie elsewhere."""

    description: str = ""
    columns: list[ColumnEntry] = []
    settings: dict[str, str]


class ExternalTableEntry(Entry, frozen=True, kw_only=True):
    """A table whose rows lie elsewhere."""

    description: str = ""
    settings: dict[str, str]


class ViewEntry(Entry, frozen=True, kw_only=True):
    """A view; retentions and TTL count for the rows of a materialized one."""

    description: str = ""
    materialized: bool = False
    target_stream: str = ""
    ttl_expression: str = ""
    logstore_retention_bytes: int = RETENTION_BYTES
    logstore_retention_ms: int = RETENTION_MS
    query: str


class SourceEntry(Entry, frozen=True, kw_only=True):
    """A source."""

    description: str = ""
    type: str
    stream: str
    properties: dict[str, Any] = {}


class SinkEntry(Entry, frozen=True, kw_only=True):
    """A sink."""

    description: str = ""
    type: str
    properties: dict[str, Any] = {}
    query: str


class AlertActionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A further action of an alert."""

    action: str
    properties: dict[str, Any] = {}


class AlertEntry(Entry, frozen=True, kw_only=True):
    """An alert."""

    description: str = ""
    severity: int
    action: str
    properties: dict[str, Any] = {}
    actions: list[AlertActionEntry] = []
    cooldown: str = ""
    trigger_sql: str
    resolve_sql: str = ""


class SavedQueryEntry(Entry, frozen=True, kw_only=True):
    """A saved query."""

    description: str = ""
    tags: list[str] = []
    sql: str


class PanelEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A panel of a dashboard; without an id the server makes one."""

    id: str = ""
    title: str = ""
    description: str = ""
    viz_type: str = ""
    viz_content: str = ""
    viz_config: dict[str, Any] = {}
    position: dict[str, Any] = {}


class DashboardEntry(Entry, frozen=True, kw_only=True):
    """A dashboard."""

    description: str = ""
    panels: list[PanelEntry] = []


class Definitions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All definitions of a workspace. A section needs nothing of those that come after it."""

    version: int
    schemas: list[SchemaEntry] = []
    functions: list[FunctionEntry] = []
    streams: list[StreamEntry] = []
    external_streams: list[ExternalStreamEntry] = []
    external_tables: list[ExternalTableEntry] = []
    views: list[ViewEntry] = []
    sources: list[SourceEntry] = []
    sinks: list[SinkEntry] = []
    alerts: list[AlertEntry] = []
    saved_queries: list[SavedQueryEntry] = []
    dashboards: list[DashboardEntry] = []


# Section -> what one of it is called.
SECTIONS: Final = {
    "schemas": "schema",
    "functions": "function",
    "streams": "stream",
    "external_streams": "external stream",
    "external_tables": "external table",
    "views": "view",
    "sources": "source",
    "sinks": "sink",
    "alerts": "alert",
    "saved_queries": "saved query",
    "dashboards": "dashboard",
}

E = TypeVar("E", bound=Entry)


def said(value: Any) -> Any:
    """A struct as a mapping without the fields that have their defaults."""
    if isinstance(value, msgspec.Struct):
        found: dict[str, Any] = {}
        for field in msgspec.structs.fields(type(value)):
            inner = getattr(value, field.name)
            if field.required or inner != default_of(field):
                found[field.name] = said(inner)
        return found
    return [said(each) for each in value] if isinstance(value, list) else value


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """What a field has that is left out."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def in_order(entries: list[E]) -> list[E]:
    """By name, but what another one of them needs comes before it."""
    makers = {
        entry.target_stream: entry.name
        for entry in entries
        if isinstance(entry, ViewEntry) and entry.target_stream
    } | {entry.name: entry.name for entry in entries}
    needs = {
        entry.name: {makers[word] for word in _words(entry) if word in makers} - {entry.name}
        for entry in entries
    }
    followers: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for other in needed:
            followers.setdefault(other, []).append(name)
    left = dict.fromkeys(sorted(needs))
    free = [name for name in left if not needs[name]]
    order: list[str] = []
    while left:
        # Names that only look like a need may make a ring: then the first name goes on.
        name = heapq.heappop(free) if free else next(iter(left))
        if name not in left:
            continue
        del left[name]
        order.append(name)
        for follower in followers.get(name, ()):
            needs[follower].discard(name)
            if not needs[follower]:
                heapq.heappush(free, follower)
    rank = {name: at for at, name in enumerate(order)}
    return sorted(entries, key=lambda entry: rank[entry.name])


def _words(entry: Entry) -> set[str]:
    """Words of the SQL of an entry outside of texts and comments."""
    text = ""
    if isinstance(entry, ViewEntry):
        text = entry.query
    elif isinstance(entry, FunctionEntry) and entry.type == "sql":
        text = entry.source
    return {found[1] for found in _TEXT_OR_COMMENT.finditer(text) if found[1]}
