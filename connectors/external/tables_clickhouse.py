"""External tables in ClickHouse, over its HTTP interface; rows travel as Arrow streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
import msgspec
import pyarrow as pa

from connectors.external import tables_contract as common
from connectors.external.arrow_answers import batches_of
from connectors.external.tables_arrow import schema_of, stream_of
from connectors.external.tables_contract import TableError, TextRows
from connectors.external.tables_reading import ReadTable, looked_up, select, tls_context
from connectors.external.tables_writer import table_spec
from connectors.outbound import address_of
from engine import table_calls as tc
from engine.errors import UserError
from engine.external_objects import External, ExternalColumn

PORT, SECURE_PORT = 8123, 8443
USER: Final = "default"
# What is read of an answer that is no rows.
TEXT_BYTES_MAX: Final = 1 << 20
ERROR_CHARS_MAX: Final = 500
# Rows of one block of an answer, which ClickHouse makes smaller where rows are large.
BLOCK_ROWS_MAX: Final = 8_192
_SAME: Final = {
    **{f"{s}Int{bits}": f"{s.lower()}int{bits}" for s in ("", "U") for bits in (8, 16, 32, 64)},
    "Float32": "float32",
    "Float64": "float64",
    "String": "string",
    "Bool": "bool",
}
_BIG: Final = {f"{s}Int{bits}": f"{s.lower()}int{bits}" for s in ("", "U") for bits in (128, 256)}
_TEXTS: Final = {"UUID": "uuid", "IPv4": "ipv4", "IPv6": "ipv6", **_BIG}
# Numbers of exceptions at which the rows are at fault.
_DATA: Final = frozenset({"6", "26", "27", "38", "41", "53", "69", "72", "117", "349", "469"})
_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_ARROW: Final = {
    **{str(kind): name for kind, name in (
        (pa.int8(), "Int8"), (pa.int16(), "Int16"), (pa.int32(), "Int32"), (pa.int64(), "Int64"),
        (pa.uint8(), "UInt8"), (pa.uint16(), "UInt16"), (pa.uint32(), "UInt32"),
        (pa.uint64(), "UInt64"), (pa.float32(), "Float32"), (pa.float64(), "Float64"),
        (pa.string(), "String"), (pa.bool_(), "Bool"), (pa.date32(), "Date32"),
    )},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Column:
    """A column. `selected`: SQL of its values in a type that Arrow has; `plain`: whether that is
    the column itself."""

    name: str
    type: str
    native: str
    selected: str
    nullable: bool

    @property
    def plain(self) -> bool:
        """Whether values are compared as they are stored."""
        return self.selected == quoted(self.name)


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def client(external: External, *, private: bool) -> ClickhouseTable:
    """The client of a table; nobody is connected to."""
    return ClickhouseTable(external, private=private)


class ClickhouseTable(ReadTable[_Column]):
    """See `tables_contract.TableClient`."""

    def __init__(self, external: External, *, private: bool) -> None:
        super().__init__()
        self._settings = external.settings
        self._private = private
        self._secure = common.flag(external.settings, "secure")
        self._host, self._port = common.host_and_port(
            external, SECURE_PORT if self._secure else PORT
        )
        database = external.settings.get("database") or "default"
        self._table = (
            f"{quoted(database)}.{quoted(external.settings.get('table') or external.name)}"
        )
        self._connections = common.connections(external)
        # A thread for each answer that may come at a time: none waits for another's.
        self._threads = ThreadPoolExecutor(self._connections, "clickhouse")
        self._client: httpx.AsyncClient | None = None
        self._lock = asyncio.Lock()

    # -- requests -----------------------------------------------------------------------------

    async def _opened(self) -> httpx.AsyncClient:
        async with self._lock:
            if self._client is None:
                verify = (
                    await asyncio.to_thread(tls_context, self._settings) if self._secure else False
                )
                self._client = httpx.AsyncClient(
                    verify=verify,
                    trust_env=False,  # a proxy of the environment would see secrets and rows
                    follow_redirects=False,
                    limits=httpx.Limits(max_connections=self._connections),
                    timeout=httpx.Timeout(common.STATEMENT_SECONDS, connect=common.CONNECT_SECONDS),
                )
            return self._client

    @asynccontextmanager
    async def _asked(
        self,
        sql: str,
        parameters: Mapping[str, str],
        content: bytes | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[httpx.Response]:
        """The answer to a statement, of status 200; TableError."""
        scheme = "https" if self._secure else "http"
        named = f"[{self._host}]" if ":" in self._host else self._host
        url = httpx.URL(
            f"{scheme}://{named}:{self._port}/",
            params={
                "query": sql,
                "max_execution_time": str(common.STATEMENT_SECONDS),
                "max_block_size": str(BLOCK_ROWS_MAX),
                "output_format_arrow_string_as_string": "1",
                **parameters,
            },
        )
        headers = {
            "host": url.netloc.decode("ascii"),
            "x-clickhouse-user": self._settings.get("user") or USER,
            "x-clickhouse-key": self._settings.get("password", ""),
        }
        try:
            address = await address_of(self._host, self._port, private=self._private)
            client = await self._opened()
            async with client.stream(
                "POST",
                url.copy_with(host=address),
                content=content if files is None else None,
                files=files,
                headers=headers,
                extensions={"sni_hostname": self._host},
            ) as response:
                if response.status_code != 200:
                    said = (await _text(response)).decode("utf-8", "replace")
                    raise _refused(response.status_code, said)
                yield response
        except UserError as error:
            raise TableError(error.message) from None
        except httpx.TimeoutException:
            raise TableError("ClickHouse gave no answer in time", again=True) from None
        except httpx.TransportError as error:
            why = f"ClickHouse cannot be reached ({type(error).__name__})"
            raise TableError(why, again=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise TableError(f"ClickHouse cannot be called ({type(error).__name__})") from None

    # -- columns ------------------------------------------------------------------------------

    async def columns(self) -> tuple[ExternalColumn, ...]:
        """See TableClient.columns."""
        self.known = None
        return tuple(
            ExternalColumn(c.name, f"nullable({c.type})" if c.nullable else c.type)
            for c in (await self._describe()).values()
        )

    async def _describe(self) -> dict[str, _Column]:
        if self.known is None:
            sql = f"DESCRIBE TABLE {self._table} FORMAT JSONCompact"
            async with self._asked(sql, {}) as response:
                body = await _text(response)
            try:
                rows = msgspec.json.decode(body)["data"]
                self.known = {row[0]: _column(row[0], row[1]) for row in rows}
            except (msgspec.MsgspecError, KeyError, IndexError, TypeError):
                raise TableError("what answers is no ClickHouse") from None
        return self.known

    # -- rows ---------------------------------------------------------------------------------

    async def rows(self, asked: tc.TableRead, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch]:
        """See ReadTable.rows."""
        known = await self._describe()
        columns = self.chosen(known, asked.columns)
        conditions: list[str] = []
        parameters: dict[str, str] = {}
        for predicate in asked.where:
            [column] = self.chosen(known, (predicate.column,))
            if column.type.startswith("float"):  # NaN passes `> 1` here, but not there
                continue
            conditions.append(_condition(column, predicate, parameters))
        fields = {name: (None, value) for name, value in parameters.items()}
        sql = select(_heads(columns), self._table, conditions, asked.limit) + " FORMAT ArrowStream"
        async with self._asked(sql, {}, files=fields or None) as response:
            async for batch in batches_of(response, schema, self._threads):
                yield batch

    async def look_up(self, asked: tc.TableLookUp) -> bytes:
        """See TableClient.look_up."""
        schema = schema_of(asked.schema)
        known = await self._describe()
        compared = self.chosen(known, asked.keys)
        with pa.ipc.open_stream(pa.py_buffer(asked.values)) as reader:
            kinds = [field.type for field in reader.schema]
        names = [f"k{at}" for at in range(len(kinds))]
        natives = [_native(kind) for kind in kinds]
        left = ", ".join(
            _compared(column, native) for column, native in zip(compared, natives, strict=True)
        )
        heads = _heads(self.chosen(known, asked.columns))
        among = f"({left}) IN (SELECT {', '.join(names)} FROM __keys)"
        sql = select(heads, self._table, [among]) + " FORMAT ArrowStream"
        structure = ", ".join(f"{n} {t}" for n, t in zip(names, natives, strict=True))
        parameters = {"__keys_format": "ArrowStream", "__keys_structure": structure}
        files = {"__keys": ("keys", _renamed(asked.values, names))}
        async with self._asked(sql, parameters, files=files) as response:
            return await looked_up(batches_of(response, schema, self._threads), schema)

    async def insert(self, rows: bytes) -> None:
        """See TableClient.insert."""
        with pa.ipc.open_stream(pa.py_buffer(rows)) as reader:
            names = tuple(reader.schema.names)
        await self._insert(names, "ArrowStream", rows, {})

    async def write(self, rows: TextRows, token: str) -> None:
        """See TableClient.write: the table's engine keeps tokens, if it keeps any."""
        lines = (b"[" + b",".join(row) + b"]" for row in rows.json)
        parameters = {
            "insert_deduplication_token": token,
            "date_time_input_format": "best_effort",
            "session_timezone": "UTC",
        }
        await self._insert(rows.columns, "JSONCompactEachRow", b"\n".join(lines), parameters)

    async def _insert(
        self, names: tuple[str, ...], written: str, body: bytes, parameters: Mapping[str, str]
    ) -> None:
        self.chosen(await self._describe(), names)
        heads = ", ".join(quoted(name) for name in names)
        sql = f"INSERT INTO {self._table} ({heads}) FORMAT {written}"
        given = {"wait_end_of_query": "1", "async_insert": "0", **parameters}
        async with self._asked(sql, given, body) as response:
            await _text(response)

    async def close(self) -> None:
        """See TableClient.close."""
        client, self._client = self._client, None
        self._threads.shutdown(wait=False, cancel_futures=True)
        if client is not None:
            await client.aclose()


async def _text(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > TEXT_BYTES_MAX:
            break
    return b"".join(parts)[:TEXT_BYTES_MAX]


def _refused(status: int, said: str) -> TableError:
    first = said.strip().splitlines()[0][:ERROR_CHARS_MAX] if said.strip() else f"status {status}"
    number = first.removeprefix("Code: ").partition(".")[0]
    again = status in (429, 502, 503, 504)
    return TableError(f"ClickHouse says: {first}", again=again, data=number in _DATA)


# -- types ----------------------------------------------------------------------------------------


def _column(name: str, native: str) -> _Column:
    nullable, inner = False, native.strip()
    for wrapper in ("LowCardinality(", "Nullable("):
        if inner.startswith(wrapper):
            nullable |= wrapper == "Nullable("
            inner = inner.removeprefix(wrapper).removesuffix(")")
    plain = quoted(name)
    family, _, rest = inner.partition("(")
    if inner in _SAME:
        return _Column(name, _SAME[inner], inner, plain, nullable)
    if inner in _TEXTS:
        return _Column(name, _TEXTS[inner], inner, f"toString({plain})", nullable)
    if family in ("Date", "Date32"):
        return _Column(name, "date", inner, f"toDate32({plain})", nullable)
    if family in ("DateTime", "DateTime64"):
        precision = rest.split(",")[0].rstrip(")") if family == "DateTime64" else "0"
        scale = int(precision) if precision.isdigit() else 6
        kind = f"datetime64({min(scale, 9)}, 'UTC')"
        return _Column(
            name, kind, inner, f"toDateTime64({plain}, {min(scale, 9)}, 'UTC')", nullable
        )
    if family == "Decimal":
        precision, scale_text = (part.strip() for part in rest.rstrip(")").split(","))
        if int(precision) <= 38:
            return _Column(name, f"decimal({precision}, {scale_text})", inner, plain, nullable)
    if family == "Array" and rest.removesuffix(")") in _SAME:
        return _Column(name, f"array({_SAME[rest.removesuffix(')')]})", inner, plain, False)
    return _Column(name, "string", inner, f"toString({plain})", nullable)


def _heads(columns: list[_Column]) -> str:
    # An alias that is also a column would stand for it in WHERE.
    return ", ".join(f"{c.selected} AS __c{at}" for at, c in enumerate(columns))


def _native(kind: pa.DataType) -> str:
    """What ClickHouse calls an Arrow type of keys."""
    if pa.types.is_decimal(kind):
        return f"Decimal({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return f"DateTime64({_DIGITS[kind.unit]}, 'UTC')"
    found = _ARROW.get(str(kind))
    if found is None:
        raise TableError(f"rows cannot be looked up by values of type {kind}")
    return found


def _compared(column: _Column, native: str) -> str:
    """SQL that is compared with keys of a type: the column itself where that is the same."""
    if column.native == native:
        return quoted(column.name)
    if native == "String":
        return f"toString({quoted(column.name)})"
    to = f"Nullable({native})" if column.nullable else native
    return f"CAST({quoted(column.name)} AS {to})"


def _renamed(stream: bytes, names: list[str]) -> bytes:
    with pa.ipc.open_stream(pa.py_buffer(stream)) as reader:
        table = reader.read_all().rename_columns(names)
    return stream_of(table.to_batches(), table.schema)


# -- parameters -----------------------------------------------------------------------------------


def _condition(column: _Column, predicate: tc.Predicate, parameters: dict[str, str]) -> str:
    places: list[str] = []
    for value in predicate.values:
        name = f"p{len(parameters)}"
        parameters[f"param_{name}"] = _escaped(value)
        places.append(_place(column, value, name))
    left = quoted(column.name) if column.plain or column.type != "string" else column.selected
    left = column.selected if column.type in _TEXTS.values() else left
    if predicate.op == "in":
        return f"{left} IN ({', '.join(places)})"
    return f"{left} {predicate.op} {places[0]}"


def _place(column: _Column, value: tc.Constant, name: str) -> str:
    if isinstance(value, bool):
        return f"{{{name}:Bool}}"
    if isinstance(value, int):
        return f"{{{name}:Int64}}"
    if column.type == "date":
        return f"toDate32({{{name}:String}})"
    if column.type.startswith("datetime64"):
        return f"toDateTime64({{{name}:String}}, 6, 'UTC')"
    return f"{{{name}:String}}"


def _escaped(value: tc.Constant) -> str:
    """A value as the interface reads it: as in its tab-separated format."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    for found, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(found, written)
    return text


spec: Final = table_spec("clickhouse", client)
