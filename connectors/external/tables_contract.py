"""What a client of an external table's database is, and what the clients share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from connectors.outbound import address_of
from engine import table_calls as tc
from engine.calls import TABLE_FAILED
from engine.external_objects import External, ExternalColumn

# Connections to the database of one external table, `pooled_connections` at most of these.
CONNECTIONS_DEFAULT: Final = 4
CONNECTIONS_MAX: Final = 32
CONNECT_SECONDS: Final = 10.0
# What the database itself gives a statement, where it can be told.
STATEMENT_SECONDS: Final = 120
# Rows that are fetched, and made Arrow of, at a time: some milliseconds on the loop. How large rows
# are is known of those that came: the first are few, and so many follow as are about FETCH_BYTES.
FIRST_ROWS: Final = 16
ROWS_AT_A_TIME: Final = 1_000
FETCH_BYTES: Final = 1 << 20
_TRUE: Final = frozenset({"1", "true", "yes"})


class TableError(Exception):
    """Why something failed, as a clause without a secret. `again`: another attempt may succeed.
    `data`: the rows that were to be written are at fault, not the table or its settings."""

    def __init__(
        self, why: str, *, again: bool = False, data: bool = False, code: int = TABLE_FAILED
    ) -> None:
        super().__init__(why)
        self.why = why.strip().rstrip(".")
        self.again = again
        self.data = data
        self.code = code


@dataclass(frozen=True, slots=True)
class TextRows:
    """Rows to write. Values are texts, None for NULL: times in UTC without saying so, arrays and
    the like as JSON; `json`: the same values as JSON has them."""

    columns: tuple[str, ...]
    texts: Sequence[Sequence[str | None]]
    json: Sequence[Sequence[bytes]]


class TableClient(Protocol):
    """A table in a database: connections that are made when they are needed, and kept.

    Methods raise TableError; any number may run at a time. Rows are Arrow IPC streams.
    """

    async def columns(self) -> tuple[ExternalColumn, ...]:
        """The columns and their types in the dialect, nullable ones said so; times are in UTC or
        in no zone."""
        ...

    def read(self, asked: tc.TableRead) -> AsyncGenerator[tuple[bytes, bool]]:
        """Pages of rows, each with whether there are more; one page at least."""
        ...

    async def look_up(self, asked: tc.TableLookUp) -> bytes:
        """Rows with one of the keys, each once."""
        ...

    async def insert(self, rows: bytes) -> None:
        """Add rows in one transaction, which is committed on return."""
        ...

    async def write(self, rows: TextRows, token: str) -> None:
        """Add rows in one transaction, but those whose key is there already; where keys are not
        checked, rows that come again with the same token."""
        ...

    async def close(self) -> None:
        """Close all connections; never raises."""
        ...


def flag(settings: Mapping[str, str], name: str) -> bool:
    """A setting that is on or off."""
    return settings.get(name, "").strip().lower() in _TRUE


def connections(external: External) -> int:
    """How many connections there may be; TableError."""
    text = external.settings.get("pooled_connections", "") or str(CONNECTIONS_DEFAULT)
    if not text.isdigit() or not 1 <= int(text) <= CONNECTIONS_MAX:
        raise TableError(f"pooled_connections must be 1 to {CONNECTIONS_MAX}, not {text[:20]!r}")
    return int(text)


def host_and_port(external: External, port: int) -> tuple[str, int]:
    """The host and port of the setting address, `port` if it names none; TableError."""
    text = external.settings.get("address", "").strip()
    host, colon, number = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        host, colon, number = text, "", ""
    elif not colon:
        host, number = text, ""
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in text or (number and not number.isdigit()) or int(number or 0) > 65_535:
        raise TableError("address must be host or host:port")
    return host, int(number) if number else port


async def check_address(host: str, port: int, *, private: bool) -> None:
    """UserError unless all addresses of the host may be connected to; asked at each connect."""
    await address_of(host, port, private=private)
