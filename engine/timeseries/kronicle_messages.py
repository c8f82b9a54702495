"""What the Kronicle API's adapter and its part in the engine say to each other; no Arrow."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

# Channels of one page of a list: what they cost is encoded between two turns of the loop.
PAGE_CHANNELS: Final = 200
PAGE_BYTES: Final = 256 << 10

# Canonical types of columns, in the order in which they are listed.
TYPES: Final = ("str", "int", "float", "bool", "uuid", "datetime", "dict", "list")

# What a refusal is: a request that breaks a rule, a value of the wrong form, a name that is taken.
RefusalKind = Literal["bad", "invalid", "conflict", "missing"]
# How values of an output come from the engine, and are to be shown.
OutputKind = Literal["plain", "time", "json"]


class Column(msgspec.Struct, frozen=True):
    """A column of a channel: the user's name, the name it is stored under, its canonical type."""

    name: str
    stored: str
    type: str
    optional: bool = False

    @property
    def shown_type(self) -> str:
        """The type as schemas have it: `float` or `optional[float]`."""
        return f"optional[{self.type}]" if self.optional else self.type


class ChannelInfo(msgspec.Struct, frozen=True):
    """A channel as an answer needs it. `metadata` and `tags` are JSON objects."""

    id: str
    name: str
    schema: dict[str, str]
    metadata: bytes
    tags: bytes
    available_rows: int

    @property
    def size(self) -> int:
        """About how many bytes an answer has of it: it names the schema twice."""
        columns = sum(len(name) + len(kind) for name, kind in self.schema.items())
        return len(self.metadata) + len(self.tags) + 2 * columns


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a part of a request that was left out was, and why."""

    message: str
    field: str = ""
    subfield: str = ""
    extra: str = ""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Nothing was changed. `details`: place (`body.channel_id`, `row_2`) -> what is wrong there,
    and for values of the wrong form its type."""

    kind: RefusalKind
    message: str
    details: dict[str, tuple[str, str]] = {}


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The channel after a change, or as it is; `bad_rows`: label -> why a row was left out.
    `defined`: streams or views were made, changed or dropped."""

    channel: ChannelInfo
    inserted_rows: int = 0
    bad_rows: dict[str, str] = {}
    defined: bool = False
    notes: tuple[Note, ...] = ()


class Listed(msgspec.Struct, frozen=True, tag="listed"):
    """Channels; `next` is what the next page begins after, '' = there is none."""

    channels: tuple[ChannelInfo, ...]
    next: str = ""


class Output(msgspec.Struct, frozen=True):
    """A column of the rows that are read: the name shown, and how its values are to be shown."""

    name: str
    kind: OutputKind


class Reading(msgspec.Struct, frozen=True, tag="reading"):
    """How the rows of a channel are read: a bounded statement; `notes` name what was left out."""

    channel: ChannelInfo
    sql: str
    outputs: tuple[Output, ...]
    notes: tuple[Note, ...] = ()


Answer = Refused | Done | Listed | Reading

# Query parameters in the order in which they came; a name may come several times.
Parameters = tuple[tuple[str, str], ...]


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """The arguments of a call. `id`: the channel's, from the path. `after`: where a page begins."""

    id: str = ""
    parameters: Parameters = ()
    strict: bool = False
    force: bool = False
    after: str = ""


Verb = Literal[
    "list",
    "get",
    "read",
    "write",
    "create",
    "replace",
    "merge",
    "delete",
    "delete_rows",
    "delete_many",
    "clone",
]

encode_asked: Final = msgspec.msgpack.Encoder().encode
decode_asked: Final = msgspec.msgpack.Decoder(Asked).decode
encode_answer: Final = msgspec.msgpack.Encoder().encode
decode_answer: Final = msgspec.msgpack.Decoder(Answer).decode
