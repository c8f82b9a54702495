"""What callers send: definitions of objects and changes to them. None leaves a field out."""

from __future__ import annotations

from typing import Any, Literal

from controlplane.clientlib.items import Definition

StreamMode = Literal["append", "changelog", "changelog_kv", "versioned_kv"]
IngestFormat = Literal["compact", "streaming", "raw", "lines"]


class ColumnDef(Definition, frozen=True):
    """A column of a new stream; `default` is an expression."""

    name: str
    type: str
    default: str | None = None
    codec: str | None = None
    ttl_expression: str | None = None
    skipping_index_expression: str | None = None
    comment: str | None = None


class ColumnFamily(Definition, frozen=True):
    """Columns of a mutable stream that are stored together."""

    name: str
    columns: list[str]


class SecondaryIndex(Definition, frozen=True):
    """A further index of a mutable stream."""

    name: str
    columns: list[str]
    storing: list[str] | None = None
    unique: bool | None = None


class StreamDef(Definition, frozen=True):
    """A new stream; retentions of 0 or less mean no limit."""

    name: str
    columns: list[ColumnDef] = []
    mode: StreamMode | None = None
    primary_key: str | None = None
    description: str | None = None
    engine: Literal["MutableStream"] | None = None
    event_time_column: str | None = None
    event_time_timezone: str | None = None
    ttl_expression: str | None = None
    logstore_retention_bytes: int | None = None
    logstore_retention_ms: int | None = None
    column_families: list[ColumnFamily] | None = None
    secondary_indexes: list[SecondaryIndex] | None = None
    shards: int | None = None
    replication_factor: int | None = None
    order_by_expression: str | None = None
    order_by_granularity: str | None = None
    partition_by_granularity: str | None = None


class StreamUpdate(Definition, frozen=True):
    """What may be changed of a stream."""

    description: str | None = None
    ttl_expression: str | None = None
    logstore_retention_bytes: int | None = None
    logstore_retention_ms: int | None = None


class Setting(Definition, frozen=True):
    """A setting of an external stream or table; its value may be a secret."""

    key: str
    value: str

    def __repr__(self) -> str:
        """The key alone."""
        return f"Setting(key={self.key!r})"


class ExternalStreamDef(Definition, frozen=True):
    """A new external stream; the setting `type` decides which others are needed."""

    name: str
    settings: list[Setting]
    columns: list[ColumnDef] | None = None
    description: str | None = None


class ExternalTableDef(Definition, frozen=True):
    """A new external table; the setting `type` decides which others are needed."""

    name: str
    settings: list[Setting]
    description: str | None = None


class BatchingPolicy(Definition, frozen=True):
    """When a batch of rows is sent: after `count` rows or `time_ms` since its first."""

    count: int | None = None
    time_ms: int | None = None


class QueryDef(Definition, frozen=True):
    """A statement to run; `tags` find it in the list of queries."""

    sql: str
    name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    batching_policy: BatchingPolicy | None = None


class SavedQueryDef(Definition, frozen=True):
    """A query to keep; an update replaces all of it."""

    name: str
    sql: str
    description: str | None = None
    tags: list[str] | None = None


class ViewDef(Definition, frozen=True):
    """A new view; a materialized one runs from now on."""

    name: str
    query: str
    materialized: bool | None = None
    target_stream: str | None = None
    description: str | None = None
    ttl_expression: str | None = None
    logstore_retention_bytes: int | None = None
    logstore_retention_ms: int | None = None


class ViewUpdate(Definition, frozen=True):
    """What may be changed of a view; `query` of plain ones only."""

    description: str | None = None
    query: str | None = None
    ttl_expression: str | None = None
    logstore_retention_bytes: int | None = None
    logstore_retention_ms: int | None = None


class UdfArgument(Definition, frozen=True):
    """An argument of a function."""

    name: str
    type: str


class UdfAuth(Definition, frozen=True):
    """The header that goes along with the calls of a remote function."""

    key_name: str
    key_value: str

    def __repr__(self) -> str:
        """The header's name alone."""
        return f"UdfAuth(key_name={self.key_name!r})"


class UdfDef(Definition, frozen=True):
    """A function: `javascript` with its `source`, or `remote` with a `url`."""

    name: str
    type: str
    arguments: list[UdfArgument] = []
    return_type: str | None = None
    source: str | None = None
    is_aggregation: bool | None = None
    url: str | None = None
    auth_method: Literal["none", "auth_header"] | None = None
    auth_context: UdfAuth | None = None
    description: str | None = None


class SchemaDef(Definition, frozen=True):
    """A schema of messages."""

    name: str
    content: str
    type: str


class SourceDef(Definition, frozen=True):
    """A new source into an existing stream; it starts at once."""

    name: str
    type: str
    stream: str
    properties: dict[str, Any] | None = None
    description: str | None = None


class SourceUpdate(Definition, frozen=True):
    """What may be changed of a stopped source; what is absent stays."""

    name: str | None = None
    stream: str | None = None
    properties: dict[str, Any] | None = None
    description: str | None = None


class SourcePreview(Definition, frozen=True):
    """A connection to try: at most `size` events within `timeout`, such as `10s`."""

    type: str
    properties: dict[str, Any] | None = None
    size: int | None = None
    timeout: str | None = None


class ConnectorTrial(Definition, frozen=True):
    """A source or sink to try. With `id` a stored one, in which the others replace what it has; a
    secret that is `******` is the stored one. `query`: of a sink, which its templates must fit."""

    type: str | None = None
    properties: dict[str, Any] | None = None
    id: str | None = None
    query: str | None = None


class ExternalStreamPreview(Definition, frozen=True):
    """Messages to look at: at most `count` within `timeout` seconds."""

    settings: list[Setting]
    count: int | None = None
    offset: Literal["earliest", "latest"] | None = None
    timeout: int | None = None


class SinkDef(Definition, frozen=True):
    """A sink: rows of a streaming query go to a place; an update replaces all of it."""

    name: str
    type: str
    query: str
    properties: dict[str, Any] | None = None
    description: str | None = None


class SinkUpdate(Definition, frozen=True):
    """What may be changed of a sink without losing its position."""

    name: str | None = None
    properties: dict[str, Any] | None = None
    description: str | None = None


class AlertActionDef(Definition, frozen=True):
    """An action of an alert beside its own: a type of sink and its properties."""

    action: str
    properties: dict[str, Any] | None = None


class AlertDef(Definition, frozen=True):
    """An alert; `action` is a type of sink, `properties` are that sink's. An update replaces it.

    `actions`: further ones; `cooldown`: how long after the message of one trigger that of the next
    comes at the earliest, such as `10m`.
    """

    name: str
    action: str
    severity: int
    trigger_sql: str
    resolve_sql: str | None = None
    properties: dict[str, Any] | None = None
    description: str | None = None
    actions: list[AlertActionDef] | None = None
    cooldown: str | None = None


class Panel(Definition, frozen=True):
    """A panel of a dashboard; the server gives it an id when it has none."""

    title: str = ""
    viz_type: str = ""
    viz_content: str = ""
    viz_config: dict[str, Any] = {}
    position: dict[str, Any] = {}
    description: str = ""
    id: str = ""


class DashboardDef(Definition, frozen=True):
    """A dashboard; an update replaces all of it."""

    name: str
    panels: list[Panel] = []
    description: str | None = None


class KeyDef(Definition, frozen=True):
    """A new API key: valid for `expire_in` (such as `24h`) or until `expire_at` (RFC 3339).

    Without `permissions` it may do what its owner may.
    """

    name: str | None = None
    expire_in: str | None = None
    expire_at: str | None = None
    permissions: list[str] | None = None


class PersonDef(Definition, frozen=True):
    """What is known of a user beside name and role; an empty text removes it."""

    email: str | None = None
    full_name: str | None = None
    orcid: str | None = None
    details: dict[str, Any] | None = None


class UserDef(Definition, frozen=True):
    """A new user; reads only unless a role says otherwise."""

    username: str
    password: str
    role: str | None = None
    email: str | None = None
    full_name: str | None = None
    orcid: str | None = None
    details: dict[str, Any] | None = None


class UserUpdate(Definition, frozen=True):
    """What may be changed of a user; an empty text removes what is known of the person."""

    password: str | None = None
    role: str | None = None
    email: str | None = None
    full_name: str | None = None
    orcid: str | None = None
    details: dict[str, Any] | None = None
