"""External tables in PostgreSQL, by asyncpg."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pyarrow as pa

from connectors.external import tables_contract as common
from connectors.external.tables_arrow import (
    Convert,
    Fetches,
    as_base64,
    as_text,
    each,
    schema_of,
    table_of,
    values_of,
)
from connectors.external.tables_contract import TableError, TextRows
from connectors.external.tables_reading import ReadTable, bytes_of, looked_up, select, tls_context
from connectors.external.tables_writer import table_spec
from engine import table_calls as tc
from engine.errors import UserError
from engine.external_objects import External, ExternalColumn

PORT: Final = 5432
USER: Final = "postgres"
# A NUMERIC without precision has no type of ours; values that need more digits fail their read.
NUMERIC: Final = "decimal(38, 18)"
DECIMAL_DIGITS_MAX: Final = 38

_COLUMNS: Final = """
SELECT a.attname AS name, t.typname AS type, a.atttypmod AS modifier, a.attndims AS dimensions,
    e.typname AS element, a.attnotnull AS not_null, format_type(a.atttypid, -1) AS full
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum"""

# By the name of a type: ours, what parameters that are compared with it are cast to ('' = both are
# compared as text), and what Arrow is given of a value.
_TYPES: Final[dict[str, tuple[str, str, Convert | None]]] = {
    "bool": ("bool", "bool", None),
    "int2": ("int16", "int8", None),
    "int4": ("int32", "int8", None),
    "int8": ("int64", "int8", None),
    "oid": ("uint32", "int8", None),
    "float4": ("float32", "float8", None),
    "float8": ("float64", "float8", None),
    "text": ("string", "text", None),
    "varchar": ("string", "text", None),
    "name": ("string", "text", None),
    "uuid": ("uuid", "uuid", as_text),
    "json": ("json", "", None),
    "jsonb": ("json", "", None),
    "bytea": ("string", "", as_base64),
    "date": ("date", "date", None),
    "timestamp": ("datetime64(6)", "timestamp", None),
    "timestamptz": ("datetime64(6, 'UTC')", "timestamptz", None),
}
# By our type: the times that we have. Others are NULL.
_RANGES: Final = {
    "date": "'0001-01-01' AND '9999-12-31'",
    "datetime64(6)": "'0001-01-01' AND '9999-12-31 23:59:59.999999'",
    "datetime64(6, 'UTC')": "'0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'",
}
# Errors after which another attempt on another connection may succeed.
_LOST: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
_DATA: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
# What is raised when something fails.
# The driver raises the last two for values that Python does not have, as dates in arrays.
_FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
    UserError,
    ValueError,
    OverflowError,
)
_GONE: Final = (asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table. `native`: the type that it has there, without its length: a cast to
    a length would cut values that do not fit."""

    name: str
    type: str
    native: str
    cast: str  # of parameters that are compared with it; '' = as text
    convert: Convert | None
    plain: bool  # whether the driver gives values of it, else it is selected as text
    not_null: bool

    @property
    def selected(self) -> str:
        """SQL of its values; an array is never NULL here."""
        if self.type.startswith("array"):
            return f"coalesce({quoted(self.name)}, '{{}}')"
        if self.type in _RANGES:  # infinity, and years that are none here
            name = quoted(self.name)
            return f"CASE WHEN {name} BETWEEN {_RANGES[self.type]} THEN {name} END"
        return quoted(self.name) if self.plain else f"{quoted(self.name)}::text"

    @property
    def compared(self) -> tuple[str, str]:
        """SQL that is compared with parameters, and the type of those."""
        return (
            (quoted(self.name), self.cast) if self.cast else (f"{quoted(self.name)}::text", "text")
        )


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def client(external: External, *, private: bool) -> PostgresTable:
    """The client of a table; nobody is connected to."""
    return PostgresTable(external, private=private)


class PostgresTable(ReadTable[_Column]):
    """See `tables_contract.TableClient`."""

    def __init__(self, external: External, *, private: bool) -> None:
        super().__init__()
        settings = external.settings
        self._private = private
        self._settings = settings
        self._connections = common.connections(external)
        self._host, self._port = common.host_and_port(external, PORT)
        schema = settings.get("schema", "")
        parts = [schema] if schema else []
        self._table = ".".join(quoted(p) for p in [*parts, settings.get("table") or external.name])
        self._pool: asyncpg.Pool | None = None
        self._lock = asyncio.Lock()

    # -- connections --------------------------------------------------------------------------

    async def pool(self) -> asyncpg.Pool:
        """The connections, made when they are first asked for."""
        async with self._lock:
            if self._pool is None:
                settings = self._settings
                self._pool = await asyncpg.create_pool(
                    host=self._host,
                    port=self._port,
                    # Nothing of it comes from this process's environment or files.
                    user=settings.get("user") or USER,
                    password=settings.get("password", ""),
                    database=settings.get("database") or settings.get("user") or USER,
                    ssl=await self._tls(),
                    min_size=0,
                    max_size=self._connections,
                    timeout=common.CONNECT_SECONDS,
                    command_timeout=common.STATEMENT_SECONDS,
                    # Poolers between here and the server give each transaction another session.
                    statement_cache_size=0,
                    connect=self._connect,
                    server_settings={"application_name": "tailrace", "timezone": "UTC"},
                )
            return self._pool

    async def _tls(self) -> Any:
        if not common.flag(self._settings, "secure"):
            return "prefer"
        return await asyncio.to_thread(tls_context, self._settings)

    async def _connect(self, *args: Any, **options: Any) -> Any:
        await common.check_address(self._host, self._port, private=self._private)
        return await asyncpg.connect(*args, **options)

    # -- columns ------------------------------------------------------------------------------

    async def columns(self) -> tuple[ExternalColumn, ...]:
        """See TableClient.columns."""
        self.known = None
        async with self._session() as session:
            known = await self._describe(session)
        return tuple(
            ExternalColumn(c.name, c.type if c.not_null or c.type.startswith("array")
                           else f"nullable({c.type})")
            for c in known.values()
        )  # fmt: skip

    async def _describe(self, session: Any) -> dict[str, _Column]:
        if self.known is None:
            found = await session.fetch(_COLUMNS, self._table)
            if not found:
                raise TableError(f"there is no table {self._table} that this user may see")
            self.known = {row["name"]: _column(row) for row in found}
        return self.known

    # -- rows ---------------------------------------------------------------------------------

    async def rows(self, asked: tc.TableRead, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch]:
        """See ReadTable.rows."""
        async with self._session() as session, session.transaction(readonly=True):
            known = await self._describe(session)
            columns = self.chosen(known, asked.columns)
            conditions: list[str] = []
            arguments: list[Any] = []
            for predicate in asked.where:
                [column] = self.chosen(known, (predicate.column,))
                conditions.append(_condition(column, predicate, arguments))
            sql = select(_heads(columns), self._table, conditions, asked.limit)
            async for batch in _fetched(session, sql, arguments, columns, schema):
                yield batch

    async def look_up(self, asked: tc.TableLookUp) -> bytes:
        """See TableClient.look_up."""
        schema, keys = schema_of(asked.schema), table_of(asked.values)
        async with self._session() as session, session.transaction(readonly=True):
            known = await self._describe(session)
            columns = self.chosen(known, asked.columns)
            condition, arguments = _among(self.chosen(known, asked.keys), keys)
            sql = select(_heads(columns), self._table, [condition])
            return await looked_up(_fetched(session, sql, arguments, columns, schema), schema)

    async def insert(self, rows: bytes) -> None:
        """See TableClient.insert."""
        table = table_of(rows)
        async with self._session() as session, session.transaction():
            columns = self.chosen(await self._describe(session), tuple(table.schema.names))
            names = ", ".join(quoted(c.name) for c in columns)
            values = ", ".join(_parameter(c, at) for at, c in enumerate(columns, 1))
            sql = f"INSERT INTO {self._table} ({names}) VALUES ({values})"
            for start in range(0, table.num_rows, common.ROWS_AT_A_TIME):
                part = table.slice(start, common.ROWS_AT_A_TIME)
                given = [_given(c, values_of(part.column(c.name))) for c in columns]
                await session.executemany(sql, list(zip(*given, strict=True)))

    async def write(self, rows: TextRows, token: str) -> None:
        """See TableClient.write: a row whose primary key or unique value is there is left out."""
        async with self._session() as session, session.transaction():
            columns = self.chosen(await self._describe(session), rows.columns)
            names = ", ".join(quoted(c.name) for c in columns)
            values = ", ".join(_read_text(c, at) for at, c in enumerate(columns, 1))
            sql = f"INSERT INTO {self._table} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING"
            await session.executemany(sql, rows.texts)

    def _session(self) -> _Session:
        return _Session(self)

    async def close(self) -> None:
        """See TableClient.close."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()


def _heads(columns: list[_Column]) -> str:
    return ", ".join(c.selected for c in columns)


async def _fetched(
    session: Any, sql: str, arguments: list[Any], columns: list[_Column], schema: pa.Schema
) -> AsyncGenerator[pa.RecordBatch]:
    """Rows as they come."""
    cursor = await session.cursor(sql, *arguments)
    fetches = Fetches(schema, [c.convert for c in columns])
    while rows := await cursor.fetch(fetches.rows):
        async for batch in fetches.batches(rows):
            yield batch


class _Session:
    """A connection of the pool; what goes wrong on it is a TableError."""

    def __init__(self, table: PostgresTable) -> None:
        self._table = table
        self._pool: Any = None
        self._connection: Any = None

    async def __aenter__(self) -> Any:
        try:
            self._pool = await self._table.pool()
            self._connection = await self._pool.acquire()
        except _FAILURES as error:
            raise failed(error) from None
        return self._connection

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        lost = error is not None and not isinstance(error, Exception)
        try:
            if lost:  # cancelled in the middle of a statement: the connection is not used again
                self._connection.terminate()
            await self._pool.release(self._connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            pass
        if isinstance(error, _GONE):
            self._table.known = None
        if isinstance(error, _FAILURES):
            raise failed(error) from None


def failed(error: Exception) -> TableError:
    """What the driver raised."""
    if isinstance(error, UserError):
        return TableError(error.message)
    if isinstance(error, asyncpg.QueryCanceledError):
        return TableError(f"a statement took over {common.STATEMENT_SECONDS} s")
    if isinstance(error, asyncpg.PostgresError):
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        data = isinstance(error, _DATA)
        return TableError(f"PostgreSQL says: {said}", again=isinstance(error, _LOST), data=data)
    if isinstance(error, TimeoutError):
        return TableError("PostgreSQL gave no answer in time", again=True)
    if isinstance(error, ssl.SSLError):
        return TableError(f"TLS failed ({error.reason or type(error).__name__})")
    if isinstance(error, OSError):
        return TableError(f"PostgreSQL cannot be reached ({type(error).__name__})", again=True)
    return TableError(f"the driver says: {str(error).splitlines()[0]}")


# -- types ----------------------------------------------------------------------------------------


def _column(row: Any) -> _Column:
    name, native, modifier = row["name"], row["type"], row["modifier"]
    found = _simple(native, modifier)
    plain = found is not None
    if row["element"] is not None and row["dimensions"] <= 1:
        inner = _simple(row["element"], modifier)
        if inner is not None:
            found = (f"array(nullable({inner[0]}))", "", inner[2] and each(inner[2]))
            plain = True
    kind, cast, convert = found or ("string", "", None)
    not_null = row["not_null"] and kind not in _RANGES
    return _Column(name, kind, row["full"], cast, convert, plain, not_null)


def _simple(native: str, modifier: int) -> tuple[str, str, Convert | None] | None:
    if native != "numeric":
        return _TYPES.get(native)
    if modifier < 0:
        return NUMERIC, "numeric", None
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    if precision > DECIMAL_DIGITS_MAX or scale > precision:
        return None
    return f"decimal({precision}, {scale})", "numeric", None


# -- parameters -----------------------------------------------------------------------------------


def _condition(column: _Column, predicate: tc.Predicate, arguments: list[Any]) -> str:
    """SQL of a predicate; its constants go to the arguments, as texts that PostgreSQL reads."""
    compared, kind = column.compared
    texts = [_text(value, kind) for value in predicate.values]
    if predicate.op == "in":
        arguments.append(texts)
        return f"{compared} = ANY(${len(arguments)}::text[]::{kind}[])"
    arguments.append(texts[0])
    return f"{compared} {predicate.op} ${len(arguments)}::text::{kind}"


def _text(value: tc.Constant, kind: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value}+00" if kind == "timestamptz" else str(value)


def _among(columns: list[_Column], keys: pa.Table) -> tuple[str, list[Any]]:
    """The condition of a look-up, and its arguments: an array for each key column."""
    compared: list[str] = []
    kinds: list[str] = []
    arguments: list[Any] = []
    for column, given in zip(columns, keys.columns, strict=True):
        sql, kind = column.compared
        if kind == "int8" and not pa.types.is_integer(given.type):
            kind = "numeric" if pa.types.is_decimal(given.type) else "float8"
        elif kind == "int8" and pa.types.is_uint64(given.type):
            kind = "numeric"
        values = values_of(given)
        if kind == "timestamptz":
            values = [value.replace(tzinfo=dt.UTC) for value in values]
        elif kind == "uuid":  # what is none equals none; it must not fail the others
            values = [value if _is_uuid(value) else None for value in values]
        elif kind == "text":  # no text there has a NUL
            values = [None if "\0" in value else value for value in values]
        compared.append(sql)
        kinds.append(kind)
        arguments.append(values)
    if len(compared) == 1:
        return f"{compared[0]} = ANY($1::{kinds[0]}[])", arguments
    arrays = ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(kinds, 1))
    return f"({', '.join(compared)}) IN (SELECT * FROM unnest({arrays}))", arguments


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and all(
        c == "-" if at in (8, 13, 18, 23) else c in "0123456789abcdef" for at, c in enumerate(text)
    )


def _parameter(column: _Column, at: int) -> str:
    """The place of a value in an INSERT."""
    return f"${at}" if column.plain else f"${at}::text::{column.native}"


def _read_text(column: _Column, at: int) -> str:
    """The place of a value that comes as text."""
    text = f"${at}::text"
    if column.type.startswith("array"):
        return (
            f"CASE WHEN {text} IS NOT NULL THEN "
            f"ARRAY(SELECT jsonb_array_elements_text({text}::jsonb))::{column.native} END"
        )
    if column.convert is as_base64:
        return f"decode({text}, 'base64')"
    return (
        f"({text} || '+00')::timestamptz"
        if column.cast == "timestamptz"
        else (f"{text}::{column.native}")
    )


def _given(column: _Column, values: list[Any]) -> list[Any]:
    """Values as the driver takes them."""
    if column.cast == "timestamptz":
        return [None if v is None else v.replace(tzinfo=dt.UTC) for v in values]
    if column.convert is as_base64:
        return [None if v is None else bytes_of(column.name, v) for v in values]
    return values


spec: Final = table_spec("postgresql", client)
