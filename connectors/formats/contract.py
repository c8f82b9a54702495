"""What turns the bytes of messages into what the engine takes, and rows into bytes of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import msgspec

from connectors.contract import Sleep
from engine.clock import Clock
from engine.source_appends import SourceFormat

FormatName = Literal["json", "text", "avro", "protobuf"]


# What a message may become as JSON at most, if that is more than AMPLIFIED_MAX times its own bytes:
# a schema can make a hundred megabytes of two kilobytes.
OUTPUT_BYTES_MAX: Final = 16 << 20
AMPLIFIED_MAX: Final = 16


class Undecodable(Exception):
    """One message that can never be decoded, or one row that can never be written; the message
    says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def too_large(limit: int) -> Undecodable:
    """What a message is refused with that becomes more than `limit` bytes."""
    return Undecodable(f"it becomes more than {limit >> 10} KiB of JSON")


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """Where a schema registry is, and who asks: `key` and `secret` are basic authentication.

    `root_cas`: PEM of the authorities that are trusted instead of the machine's; `verify` False
    takes any certificate.
    """

    url: str
    key: str = ""
    secret: str = field(default="", repr=False)
    root_cas: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Format:
    """How messages are written.

    With a `registry` each message names its schema, as Confluent's serializers write it: a zero
    byte, the schema's id in four bytes, with Protobuf the place of the message in its file, then
    the data. Without one Protobuf is read by `schema`, a .proto text, and its message `message`
    (`Outer.Inner`, without the package; may be empty when there is one only).
    """

    name: FormatName
    registry: RegistryAddress | None = None
    schema: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class FormatContext:
    """Time and waiting; `private`: whether addresses that are not public may be connected to."""

    clock: Clock
    sleep: Sleep
    private: bool = False


_NONE: Final[Mapping[int, str]] = {}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Messages in the order given, each decoded; those that cannot be are as they were, and
    `refused` says by their index why."""

    messages: list[bytes]
    refused: Mapping[int, str] = field(default_factory=lambda: _NONE)


class Decoder(Protocol):
    """Reads the messages of one source. For one loop and one task at a time."""

    @property
    def format(self) -> SourceFormat:
        """What it makes: `streaming` is one JSON object, or an array of them, for each message."""
        ...

    async def decode(self, messages: Sequence[bytes]) -> Decoded:
        """All of them, without holding the loop. UserError (503, orbit) when the registry cannot
        be asked now, (400, orbit) when it refuses to answer: then none is lost, ask again."""
        ...

    async def close(self) -> None:
        """Give back connections; never raises."""
        ...


class Encoder(Protocol):
    """Writes rows as values of messages. For one loop and one task at a time."""

    async def connect(self) -> None:
        """Find or register the schema. UserError with a sentence a user can act on."""
        ...

    def encode(self, values: Sequence[msgspec.Raw]) -> bytes:
        """A row, as JSON texts in the order of the columns. Undecodable."""
        ...

    async def close(self) -> None:
        """Give back connections; never raises."""
        ...
