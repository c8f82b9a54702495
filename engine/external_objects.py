"""What the connector process is told and asked about external streams and tables; part of `Engine`.

The engine never opens a connection. It says, whole and again at each change, which external streams
are to be read for its queries and which are to be written (`watch_external`); whoever serves it
starts and stops accordingly, after a loss of either side too. This module imports no Arrow, numpy
or DuckDB.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, Literal, Protocol

import msgspec

# Owners of appends and positions: `reader:<32 hex digits>` of a reader of an external stream,
# `view:<id of its definition>` of a materialized view that writes into an external object.
READER: Final = "reader"
VIEW: Final = "view"
# Columns in which messages of external streams come beside their own; as JSON keys too.
TIME: Final = "_tp_time"
KEY: Final = "_tp_message_key"
HEADERS: Final = "_tp_message_headers"
OFFSET: Final = "_tp_message_offset"
PARTITION: Final = "_tp_message_partition"
# Values of data_format that name a format with types of its own, and that format.
TYPED_FORMATS: Final = {"avro": "avro", "protobuf": "protobuf", "protobufsingle": "protobuf"}


class ExternalColumn(msgspec.Struct, frozen=True):
    """A column: its name and its type in the dialect."""

    name: str
    type: str


class External(msgspec.Struct, frozen=True):
    """An external stream or table as it is defined. Secrets among the settings may be sealed.

    `schema` and `message`: the content of the format schema that it uses, and the message in it.
    `engine`: whose it is; the connector process sets it, by the connection on which it came.
    """

    id: str
    name: str
    kind: Literal["external_stream", "external_table"]
    type: str
    settings: dict[str, str]
    columns: tuple[ExternalColumn, ...] = ()
    schema: str = ""
    message: str = ""
    engine: str = ""

    def __repr__(self) -> str:
        return f"External({self.kind} {self.name!r} of type {self.type!r})"

    def is_typed(self) -> bool:
        """Whether its messages have instants where rows have texts of local times."""
        return self.settings.get("data_format", "").lower() in TYPED_FORMATS


class Start(msgspec.Struct, frozen=True):
    """Where reading begins: at the end, at the first message, at an offset (of each partition), or
    with the first message of a time in milliseconds."""

    kind: Literal["latest", "earliest", "sn", "time"] = "latest"
    value: int = 0


# Where a reader goes on when the broker has removed what comes next; '' = it fails.
SkipTo = Literal["", "earliest", "latest"]


class Reader(msgspec.Struct, frozen=True):
    """An external stream that is to be read for one query. `bounded`: up to the end as it is when
    it begins; then it is reported as done. `letters`: unreadable messages become dead letters.
    `skip_to` counts until it is reported as placed."""

    owner: str
    external: External
    start: Start = Start()
    bounded: bool = False
    letters: bool = False
    skip_to: SkipTo = ""


class ViewWriter(msgspec.Struct, frozen=True):
    """A materialized view whose rows are to be written into an external object. They are read by
    `Background.read_background` with this owner, whose `advance` says how far they are written.
    `columns`: those of the rows."""

    owner: str
    name: str
    external: External
    columns: tuple[ExternalColumn, ...]


class StreamRows(msgspec.Struct, frozen=True):
    """Rows to write into an external stream: `payload` is one JSON array of row arrays. `id` and
    the number of the row, counted from `first`, name each for ever."""

    columns: tuple[ExternalColumn, ...]
    payload: bytes
    id: str
    first: int = 0


class ExternalWork(msgspec.Struct, frozen=True):
    """Everything that is to be read and written now."""

    readers: tuple[Reader, ...] = ()
    writers: tuple[ViewWriter, ...] = ()


class ExternalState(msgspec.Struct, frozen=True):
    """How a reader or writer is. `placed`: it is known, and stored, where it began. `message`: why
    it cannot go on, tries again, '' = it goes on. `done`: a bounded one has read all. `skipped`:
    messages that could not be read, `why` the last of them. `failed`: no attempt will succeed,
    its query ends."""

    owner: str
    placed: bool = False
    message: str = ""
    done: bool = False
    failed: bool = False
    skipped: int = 0
    why: str = ""


class ExternalObjects(Protocol):
    """Readers store what they read by `SourceAppends` under their owner."""

    def watch_external(self) -> AsyncIterator[ExternalWork]:
        """What is to be done now and after each change (a slow reader gets only the newest)."""
        ...

    async def report_external(self, state: ExternalState) -> None:
        """How a reader or writer is now; one that is unknown is let go."""
        ...
