"""Calls about external tables: what the engine asks of the connector process, as messages.

They travel as the body of `engine.calls.Request` of kind "table", rows in them as Arrow streams.
This module imports no Arrow, numpy or DuckDB.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from engine.errors import Code, SqlError
from engine.external_objects import ExternalColumn

# What `Request.method` may be, and what its body and the answer's body are.
DESCRIBE: Final = "describe"  # nothing -> TableColumns
READ: Final = "read"  # TableRead -> TablePage
NEXT: Final = "next"  # TableCursor -> TablePage
LOOK_UP: Final = "look_up"  # TableLookUp -> an Arrow stream of the rows
INSERT: Final = "insert"  # TableInsert -> nothing, when the database has committed

# Rows of one page of a read: what crosses the socket at a time.
PAGE_BYTES: Final = 8 << 20
# One row, which is a page by itself then: far below the largest frame of that socket.
ROW_BYTES_MAX: Final = 32 << 20
# Distinct keys of one look-up, which become bound parameters of one statement.
LOOK_UP_KEYS_MAX: Final = 1_000
# Rows that one look-up may bring; they stay in memory with the query.
LOOK_UP_BYTES_MAX: Final = 32 << 20
# One INSERT is one transaction and one call, which passes through event loops in one piece.
INSERT_BYTES_MAX: Final = 16 << 20
# The code of an answer that says that a page's reader is gone: the read begins again.
CURSOR_LOST: Final = 2003

Op = Literal["=", "<", "<=", ">", ">=", "in"]
Constant = int | str | bool


class Predicate(msgspec.Struct, frozen=True, array_like=True):
    """A comparison of a column with constants, of which rows that do not pass may be left out.

    Temporal constants are texts in UTC, as `2026-01-31` or `2026-01-31 10:00:00.123456`.
    """

    column: str
    op: Op
    values: tuple[Constant, ...]


class TableColumns(msgspec.Struct, frozen=True):
    """The columns of a table, in its order."""

    columns: tuple[ExternalColumn, ...]


class TableRead(msgspec.Struct, frozen=True):
    """Columns that are wanted, in this order; `schema`: their Arrow types, as an IPC message.

    Rows that one of `where` excludes need not come; `limit`: so many are enough, -1 = all.
    """

    columns: tuple[str, ...]
    schema: bytes
    where: tuple[Predicate, ...] = ()
    limit: int = -1


class TableCursor(msgspec.Struct, frozen=True):
    """The next page of a read, or with `close` none any more."""

    cursor: str
    close: bool = False


class TablePage(msgspec.Struct, frozen=True):
    """Rows of a read as an Arrow stream. `cursor`: what the next page is asked with, '' = all."""

    rows: bytes
    cursor: str = ""


class TableLookUp(msgspec.Struct, frozen=True):
    """Rows with these keys: `values` is an Arrow stream with a column for each of `keys` (names of
    columns of the table); equal rows of it do not come. More rows than those may come back."""

    columns: tuple[str, ...]
    schema: bytes
    keys: tuple[str, ...]
    values: bytes


class TableInsert(msgspec.Struct, frozen=True):
    """Rows to add, as an Arrow stream with columns of the table, in one transaction."""

    rows: bytes


class ColumnsUnknown(SqlError):
    """An external table of whose columns nobody has asked its database yet."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"the columns of external table {table} are not known yet, as nobody answered at its "
            "address when it was created; select from it once the database answers",
            Code.RESOURCE_NOT_FOUND,
        )
        self.table = table
