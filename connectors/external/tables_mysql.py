"""External tables in MySQL and MariaDB, by asyncmy."""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

import asyncmy
import pyarrow as pa
from asyncmy.cursors import SSCursor
from asyncmy.errors import MySQLError

from connectors.external import tables_contract as common
from connectors.external.tables_arrow import (
    Convert,
    Fetches,
    as_base64,
    as_text,
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

PORT: Final = 3306
USER: Final = "root"
DECIMAL_DIGITS_MAX: Final = 38
_COLUMNS: Final = """
SELECT column_name, data_type, column_type, is_nullable, numeric_precision, numeric_scale
FROM information_schema.columns WHERE table_schema = %s AND table_name = %s
ORDER BY ordinal_position"""
_INTEGERS: Final = {"tinyint": 8, "smallint": 16, "mediumint": 32, "int": 32, "bigint": 64}
_TEXTS: Final = frozenset(
    {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
)
_BYTES: Final = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
# Numbers of errors after which another attempt on another connection may succeed.
_LOST: Final = frozenset({1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055})
# What the driver raises when something fails.
_FAILURES: Final = (MySQLError, OSError, EOFError, TimeoutError)
_TOO_LONG: Final = frozenset({1969, 3024})
# ... and of those at which the rows are at fault.
_DATA: Final = frozenset(
    {1048, 1062, 1216, 1264, 1265, 1292, 1364, 1366, 1406, 1452, 1690, 3140, 3819, 4025}
)
# What is written of JSON values; the text "true" is none of them.
_TRUTH: Final = {b"true": "1", b"false": "0"}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column. `selected`: SQL of its values; `compared`: SQL that is compared with parameters, ''
    = it cannot be."""

    name: str
    type: str
    selected: str
    compared: str
    convert: Convert | None
    nullable: bool


def quoted(name: str) -> str:
    """An identifier in statements that the driver puts arguments into, where % is %%."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


def client(external: External, *, private: bool) -> MysqlTable:
    """The client of a table; nobody is connected to."""
    return MysqlTable(external, private=private)


class MysqlTable(ReadTable[_Column]):
    """See `tables_contract.TableClient`."""

    def __init__(self, external: External, *, private: bool) -> None:
        super().__init__()
        self._settings = external.settings
        self._private = private
        self._host, self._port = common.host_and_port(external, PORT)
        self._database = external.settings.get("database") or external.settings.get("schema", "")
        if not self._database:
            raise TableError("the setting database is needed")
        self._name = external.settings.get("table") or external.name
        self._table = f"{quoted(self._database)}.{quoted(self._name)}"
        self._room = asyncio.Semaphore(common.connections(external))
        self._idle: list[Any] = []

    # -- connections --------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _session(self, *, alive: bool = False) -> AsyncGenerator[Any]:
        """A connection, which is kept if nothing goes wrong; what does is a TableError. `alive`:
        one that answers, for what is not tried again."""
        async with self._room:
            session: Any = None
            whole = False
            try:
                session = self._idle.pop() if self._idle else None
                if session is not None and alive and not await _answers(session):
                    session = None
                if session is None:
                    session = await self._connect()
                yield session
                whole = True
            except (*_FAILURES, UserError) as error:
                made = _failed(error)
                if made.again:
                    self._forget()
                raise made from None
            finally:
                if whole:
                    self._idle.append(session)
                elif session is not None:
                    session.close()

    async def _connect(self) -> Any:
        await common.check_address(self._host, self._port, private=self._private)
        settings = self._settings
        session = await asyncmy.connect(
            host=self._host,
            port=self._port,
            user=settings.get("user") or USER,
            password=settings.get("password", ""),
            charset="utf8mb4",
            connect_timeout=int(common.CONNECT_SECONDS),
            read_timeout=common.STATEMENT_SECONDS,
            autocommit=True,
            ssl=await self._tls(),
        )
        maria = "mariadb" in session.get_server_info().lower()
        limit = (
            f"max_statement_time = {common.STATEMENT_SECONDS}"
            if maria
            else f"max_execution_time = {common.STATEMENT_SECONDS * 1000}"
        )
        async with session.cursor() as cursor:
            await cursor.execute(
                f"SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES', {limit}"
            )
        return session

    async def _tls(self) -> ssl.SSLContext | None:
        if not common.flag(self._settings, "secure"):
            return None
        return await asyncio.to_thread(tls_context, self._settings)

    def _forget(self) -> None:
        """The server was lost: the other connections are too."""
        idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    # -- columns ------------------------------------------------------------------------------

    async def columns(self) -> tuple[ExternalColumn, ...]:
        """See TableClient.columns."""
        self.known = None
        async with self._session() as session:
            known = await self._describe(session)
        return tuple(
            ExternalColumn(c.name, f"nullable({c.type})" if c.nullable else c.type)
            for c in known.values()
        )

    async def _describe(self, session: Any) -> dict[str, _Column]:
        if self.known is None:
            async with session.cursor() as cursor:
                await cursor.execute(_COLUMNS, (self._database, self._name))
                found = await cursor.fetchall()
            if not found:
                raise TableError(
                    f"there is no table {self._database}.{self._name} that this user may see"
                )
            self.known = {row[0]: _column(*row) for row in found}
        return self.known

    # -- rows ---------------------------------------------------------------------------------

    async def rows(self, asked: tc.TableRead, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch]:
        """See ReadTable.rows."""
        async with self._session() as session:
            known = await self._describe(session)
            columns = self.chosen(known, asked.columns)
            conditions: list[str] = []
            arguments: list[Any] = []
            for predicate in asked.where:
                [column] = self.chosen(known, (predicate.column,))
                if column.compared:
                    places = ", ".join(["%s"] * len(predicate.values))
                    op, right = ("IN", f"({places})") if predicate.op == "in" else (
                        predicate.op, places)  # fmt: skip
                    conditions.append(f"{column.compared} {op} {right}")
                    arguments += predicate.values
            sql = select(_heads(columns), self._table, conditions, asked.limit)
            fetches = Fetches(schema, [c.convert for c in columns])
            async for batch in _streamed(session, sql, arguments, fetches):
                yield batch

    async def look_up(self, asked: tc.TableLookUp) -> bytes:
        """See TableClient.look_up."""
        schema, keys = schema_of(asked.schema), table_of(asked.values)
        async with self._session() as session:
            known = await self._describe(session)
            columns = self.chosen(known, asked.columns)
            compared = self.chosen(known, asked.keys)
            for column in compared:
                if not column.compared:
                    raise TableError(f"column {column.name} cannot be looked up by: it holds bytes")
            left = ", ".join(c.compared for c in compared)
            place = ", ".join(["%s"] * len(compared))
            places = ", ".join([f"({place})" if len(compared) > 1 else place] * keys.num_rows)
            sql = select(_heads(columns), self._table, [f"({left}) IN ({places})"])
            values = zip(*(values_of(each) for each in keys.columns), strict=True)
            arguments = [_parameter(v) for row in values for v in row]
            fetches = Fetches(schema, [c.convert for c in columns])
            return await looked_up(_streamed(session, sql, arguments, fetches), schema)

    async def insert(self, rows: bytes) -> None:
        """See TableClient.insert."""
        table = table_of(rows)
        async with self._session(alive=True) as session:
            columns = self.chosen(await self._describe(session), tuple(table.schema.names))
            names = ", ".join(quoted(c.name) for c in columns)
            places = ", ".join(["%s"] * len(columns))
            sql = f"INSERT INTO {self._table} ({names}) VALUES ({places})"
            await session.begin()
            async with session.cursor() as cursor:
                for start in range(0, table.num_rows, common.ROWS_AT_A_TIME):
                    part = table.slice(start, common.ROWS_AT_A_TIME)
                    given = [_given(c, values_of(part.column(c.name))) for c in columns]
                    await cursor.executemany(sql, list(zip(*given, strict=True)))
            await session.commit()

    async def write(self, rows: TextRows, token: str) -> None:
        """See TableClient.write: a row whose primary key or unique value is there is left out."""
        async with self._session() as session:
            columns = self.chosen(await self._describe(session), rows.columns)
            names = ", ".join(quoted(c.name) for c in columns)
            places = ", ".join(_read_text(c) for c in columns)
            same = _same([*columns, *(self.known or {}).values()])
            sql = f"INSERT INTO {self._table} ({names}) VALUES ({places}) "
            sql += f"ON DUPLICATE KEY UPDATE {same}"  # IGNORE would cut values that do not fit
            given = [
                [_TRUTH.get(json, text) for text, json in zip(*row, strict=True)]
                for row in zip(rows.texts, rows.json, strict=True)
            ]
            await session.begin()
            async with session.cursor() as cursor:
                await cursor.executemany(sql, given)
            await session.commit()

    async def close(self) -> None:
        """See TableClient.close."""
        self._forget()


def _heads(columns: list[_Column]) -> str:
    return ", ".join(c.selected for c in columns)


async def _answers(session: Any) -> bool:
    """Whether the server of a connection still does; else it is closed."""
    try:
        await session.ping(reconnect=False)
    except _FAILURES:
        session.close()
        return False
    return True


async def _streamed(
    session: Any, sql: str, arguments: list[Any], fetches: Fetches
) -> AsyncGenerator[pa.RecordBatch]:
    """Rows as they come. Who does not take all of them must close the connection: to close the
    cursor would be to read the rest."""
    cursor = session.cursor(SSCursor)
    await cursor.execute(sql, arguments)
    while rows := await cursor.fetchmany(fetches.rows):
        async for batch in fetches.batches(rows):
            yield batch
    await cursor.close()


def _same(columns: list[_Column]) -> str:
    """What changes nothing of a row; the driver takes it with %% or with %, as it likes."""
    names = [quoted(column.name) for column in columns]
    name = next((name for name in names if "%" not in name), names[0])
    return f"{name} = {name}"


def _failed(error: Exception) -> TableError:
    """What the driver raised."""
    if isinstance(error, UserError):
        return TableError(error.message)
    if isinstance(error, MySQLError):
        number, said = (*error.args, "", "")[:2]
        if number in _TOO_LONG:
            return TableError(f"a statement took over {common.STATEMENT_SECONDS} s")
        if not isinstance(number, int):
            return TableError(f"the driver says: {str(error).splitlines()[0]}", again=True)
        again = number in _LOST
        if again and number >= 2000:
            return TableError("MySQL cannot be reached, or the connection was lost", again=True)
        first = str(said).splitlines()[0] if said else number
        return TableError(f"MySQL says: {first}", again=again, data=number in _DATA)
    if isinstance(error, TimeoutError):
        return TableError("MySQL gave no answer in time", again=True)
    if isinstance(error, ssl.SSLError):
        return TableError(f"TLS failed ({error.reason or type(error).__name__})")
    return TableError(f"MySQL cannot be reached ({type(error).__name__})", again=True)


# -- types ----------------------------------------------------------------------------------------


def _column(
    name: str, data: str, full: str, is_nullable: str, precision: int | None, scale: int | None
) -> _Column:
    plain = quoted(name)
    data, full = data.lower(), full.lower()
    as_char = f"CAST({plain} AS CHAR)"
    kind, selected, compared = "string", as_char, as_char
    convert: Convert | None = None
    nullable = is_nullable == "YES"
    if data in _INTEGERS:
        sign = "u" if "unsigned" in full else ""
        kind, selected, compared = f"{sign}int{_INTEGERS[data]}", plain, plain
    elif data == "year":
        # Compared as it is, 50 would be 2050.
        kind, selected, compared = "uint16", plain, f"({plain} + 0)"
    elif data == "bit":
        kind, selected, compared = "uint64", f"CAST({plain} AS UNSIGNED)", plain
    elif data == "decimal" and (precision or 0) <= DECIMAL_DIGITS_MAX:
        kind, selected, compared = f"decimal({precision}, {scale})", plain, plain
    elif data in ("float", "double"):  # as text a float would lose digits
        as_double = f"({plain} * 1e0)"
        kind, selected, compared = ("float32" if data == "float" else "float64"), as_double, plain
        compared = as_double if data == "float" else plain
    elif data in _TEXTS:
        selected, compared = plain, plain
    elif data in _BYTES:
        selected, compared, convert = plain, "", as_base64
    elif data == "date":  # 0000-00-00 is no date
        kind, selected, compared = "date", plain, plain
        nullable = True
    elif data in ("datetime", "timestamp"):
        zone = ", 'UTC'" if data == "timestamp" else ""
        kind, selected, compared = f"datetime64(6{zone})", plain, plain
        nullable = True
    elif data == "json":
        kind = "json"
    elif data == "uuid":
        kind, compared, convert = "uuid", as_char, as_text
    return _Column(name, kind, selected, compared, convert, nullable)


# -- parameters -----------------------------------------------------------------------------------


def _parameter(value: Any) -> Any:
    """A key as the driver takes it. What is no number there equals none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return int(value) if isinstance(value, bool) else value


def _read_text(column: _Column) -> str:
    """The place of a value that comes as text."""
    return "FROM_BASE64(%s)" if column.convert is as_base64 else "%s"


def _given(column: _Column, values: list[Any]) -> list[Any]:
    """Values as the driver takes them."""
    if column.convert is as_base64:
        return [None if v is None else bytes_of(column.name, v) for v in values]
    return values


spec: Final = table_spec("mysql", client)
