"""External tables as the engine sees them: their columns, their rows for bounded queries, INSERT.

The engine opens no connection: the connector process is asked (`engine.table_calls`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Final, Protocol

import msgspec
import pyarrow as pa

from engine import table_calls as tc
from engine.batch import TP_TIME
from engine.calls import Answer, Request
from engine.catalog import Catalog
from engine.ddl import Ddl
from engine.errors import Code, Overloaded, QueryFailed, TailraceError, UserError
from engine.external_objects import External, ExternalColumn
from engine.jobs import BoundedJob, JobTable
from engine.log.records import rows_bytes
from engine.protocol import ColumnDef, Definition
from engine.sql.logical import TableScan
from engine.type_parser import parse_type
from engine.types import DataType, arrow_field

# Rows of external tables that one query reads; they lie in the engine's memory until it ends.
QUERY_BYTES_MAX: Final = 256 << 20
# The same of all queries together: a quarter of what the engine may take.
ALL_BYTES_MAX: Final = 1 << 30
# How long a CREATE waits for the database to say the columns, and a first query does.
CREATE_MS_MAX: Final = 3_000
FIRST_READ_MS_MAX: Final = 10_000
# ... and the answer itself, whose message is better than ours.
ANSWER_MS_MAX: Final = 1_000
# One page of a read, reconnecting included.
PAGE_MS_MAX: Final = 60_000
# A read begins again so often when the connector process is replaced under it.
READS_MAX: Final = 3
NAME_CHARS_MAX: Final = 255


class Desk(Protocol):
    """Who carries calls out (`engine.desk.CallDesk`)."""

    @property
    def attached(self) -> bool:
        """Whether a connector process is there."""
        ...

    async def call(self, request: Request) -> Answer:
        """The answer of a call."""
        ...


def external_of(definition: Definition) -> External:
    """The table as the connector process is told of it."""
    columns = tuple(ExternalColumn(c.name, c.type) for c in definition.columns)
    return External(
        definition.id,
        definition.name,
        "external_table",
        definition.settings.get("type", ""),
        definition.settings,
        columns,
    )


def schema_bytes(columns: Sequence[tuple[str, DataType]]) -> bytes:
    """The Arrow types of columns, as an IPC message."""
    return pa.schema([arrow_field(n, t) for n, t in columns]).serialize().to_pybytes()


def request(
    external: External, method: str, body: msgspec.Struct | None, timeout_ms: int
) -> Request:
    """A call about a table."""
    encoded = b"" if body is None else msgspec.msgpack.encode(body)
    return Request("table", external.name, method, encoded, timeout_ms, external=external)


class OutsideTables:
    """For the loop's thread."""

    def __init__(self, desk: Desk, catalog: Catalog, ddl: Ddl) -> None:
        self._desk = desk
        self._catalog = catalog
        self._ddl = ddl
        self.held = 0
        """Bytes of rows that all queries hold."""
        # Calls that give back the readers of reads that were given up: bounded by those.
        self._closing: set[asyncio.Task[Answer]] = set()

    # -- columns ----------------------------------------------------------------------------

    async def created(self, definition: Definition) -> Definition:
        """A definition that was just made, with its columns if its database says them in time."""
        wanted = definition.kind == "external_table" and not definition.columns
        if not wanted or not self._desk.attached:
            return definition
        try:
            return await self._learn(definition, CREATE_MS_MAX)
        except (QueryFailed, UserError):
            return definition  # the first query asks again

    async def learn(self, name: str) -> None:
        """Ask for the columns of a table that a query wants; UserError if they cannot be had."""
        definition = self._catalog.get(name)
        if definition is None or definition.kind != "external_table" or definition.columns:
            return
        try:
            await self._learn(definition, FIRST_READ_MS_MAX)
        except QueryFailed as error:
            raise UserError(error.message, error.code) from None

    async def _learn(self, definition: Definition, timeout_ms: int) -> Definition:
        answer = await self._asked(
            request(external_of(definition), tc.DESCRIBE, None, timeout_ms), timeout_ms
        )
        found = msgspec.msgpack.decode(answer, type=tc.TableColumns)
        columns = usable(found.columns)
        if not columns:
            raise UserError(
                f"External table {definition.name} has no columns that can be read.",
                Code.BAD_ARGUMENTS,
            )
        options = {**definition.options, "described": True}
        changed = msgspec.structs.replace(definition, columns=columns, options=options)
        return await self._ddl.put(changed, definition.updated_by)

    # -- rows of bounded queries --------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def filled(self, job: BoundedJob) -> AsyncGenerator[BoundedJob]:
        """The job with the rows of its external tables, which are held until it is over.

        QueryFailed when they cannot be read: 159 beyond the job's time, 241 when they are too many.
        """
        scans = [table for table in job.tables if table.outside is not None]
        if not scans:
            yield job
            return
        held = _Held(self)
        try:
            try:
                async with asyncio.timeout(job.time_ms_max / 1000):
                    rows = {table.alias: await self._read(table, held) for table in scans}
            except TimeoutError:
                raise QueryFailed(
                    "The external tables of the query were not read within "
                    f"{job.time_ms_max / 1000:g} s; narrow the query by WHERE, or raise its time.",
                    Code.TIMEOUT,
                ) from None
            tables = tuple(
                replace(t, hot=tuple(rows.get(t.alias, t.hot)), outside=None) for t in job.tables
            )
            yield replace(job, tables=tables)
        finally:
            held.release()

    async def _read(self, table: JobTable, held: _Held) -> list[pa.RecordBatch]:
        scan = table.outside
        assert scan is not None
        definition = self._catalog.by_id(scan.stream_id)
        if definition is None:
            raise QueryFailed(
                f"External table {scan.stream_name} was dropped.", Code.UNKNOWN_STREAM
            )
        external = external_of(definition)
        columns = [(c.name, parse_type(c.type)) for c in table.columns]
        body = tc.TableRead(scan.columns, schema_bytes(columns), scan.where, scan.limit)
        for attempt in range(1, READS_MAX + 1):
            before = held.count
            try:
                return await self._pages(external, scan, body, held)
            except _Lost:
                held.back_to(before)
                if attempt == READS_MAX:
                    raise QueryFailed(
                        f"External table {scan.stream_name}: the connector process was replaced "
                        "while it read; run the query again.",
                        Code.RESOURCE_NOT_FOUND,
                    ) from None
        raise AssertionError("the last attempt returns or raises")

    async def _pages(
        self, external: External, scan: TableScan, body: tc.TableRead, held: _Held
    ) -> list[pa.RecordBatch]:
        found: list[pa.RecordBatch] = []
        asked = request(external, tc.READ, body, PAGE_MS_MAX)
        cursor = ""
        try:
            while True:
                page = msgspec.msgpack.decode(await self._asked(asked), type=tc.TablePage)
                cursor = page.cursor
                with pa.ipc.open_stream(pa.py_buffer(page.rows)) as reader:
                    batches = list(reader)
                found += batches
                held.take(sum(rows_bytes(batch) for batch in batches), scan.stream_name)
                if not cursor:
                    return found
                asked = request(external, tc.NEXT, tc.TableCursor(cursor), PAGE_MS_MAX)
        except BaseException:
            if cursor:  # it would keep a connection until its own deadline
                closing = request(external, tc.NEXT, tc.TableCursor(cursor, close=True), 1_000)
                task = asyncio.ensure_future(self._desk.call(closing))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            raise

    # -- INSERT -------------------------------------------------------------------------------

    async def insert(self, definition: Definition, rows: pa.Table, idempotency_id: str) -> None:
        """Add rows; they are committed there on return. UserError when they are not."""
        if idempotency_id:
            raise UserError(
                f"{definition.name} is an external table, whose database knows no idempotent_id: "
                "leave it out, or insert into a stream.",
                Code.NOT_IMPLEMENTED,
            )
        if not rows.num_rows:
            return
        encoded = await asyncio.to_thread(_encoded, definition, rows)
        if len(encoded) > tc.INSERT_BYTES_MAX:
            raise UserError(
                f"INSERT INTO {definition.name} has more than {tc.INSERT_BYTES_MAX >> 20} MiB, the "
                "most of one transaction; insert in parts.",
                Code.MEMORY_LIMIT,
            )
        body = tc.TableInsert(encoded)
        try:
            await self._asked(request(external_of(definition), tc.INSERT, body, PAGE_MS_MAX))
        except QueryFailed as error:
            raise UserError(error.message, error.code) from None

    async def _asked(self, asked: Request, timeout_ms: int = 0) -> bytes:
        """The body of the answer; QueryFailed. `timeout_ms`: give up soon after, whoever is there;
        else a connector process that starts is waited for."""
        try:
            patience = (timeout_ms + ANSWER_MS_MAX) / 1000
            async with asyncio.timeout(patience if timeout_ms else None):
                answer = await self._desk.call(asked)
        except TimeoutError:
            raise QueryFailed(
                f"External table {asked.function}: nobody answered within "
                f"{timeout_ms / 1000:g} s at its address.",
                Code.TIMEOUT,
            ) from None
        if answer.code == tc.CURSOR_LOST and asked.method == tc.NEXT:
            raise _Lost
        if answer.failure:
            raise QueryFailed(answer.failure, answer.code)
        return answer.body


class _Lost(TailraceError):
    """The connector process does not know the reader of a page."""

    def __init__(self) -> None:
        super().__init__("The connector process was replaced.")


class _Held:
    """Bytes of rows that one query holds."""

    def __init__(self, tables: OutsideTables) -> None:
        self._tables = tables
        self.count = 0

    def take(self, count: int, name: str) -> None:
        """Hold so many more; QueryFailed 241, Overloaded."""
        self.count += count
        self._tables.held += count
        if self.count > QUERY_BYTES_MAX:
            raise QueryFailed(
                f"The query reads more than {QUERY_BYTES_MAX >> 20} MiB of external table {name}; "
                "narrow it by WHERE (comparisons of a column with a constant are made by the "
                "database), by fewer columns or by a LIMIT, or read a view of that database.",
                Code.MEMORY_LIMIT,
            )
        if self._tables.held > ALL_BYTES_MAX:
            raise Overloaded(
                f"The queries that run hold {ALL_BYTES_MAX >> 20} MiB of external tables; try "
                "again when some have ended."
            )

    def back_to(self, count: int) -> None:
        """Only so many are held."""
        self._tables.held -= self.count - count
        self.count = count

    def release(self) -> None:
        """Nothing is held any more."""
        self.back_to(0)


def _encoded(definition: Definition, rows: pa.Table) -> bytes:
    """The rows in the types of the table's columns, as an Arrow stream; UserError for a number that
    is no value of its.

    An INSERT passes numbers on as they were computed (`engine.sql.narrowing`).
    """
    types = {c.name: parse_type(c.type) for c in definition.columns}
    columns: list[pa.ChunkedArray] = []
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        try:
            columns.append(column.cast(arrow_field(name, types[name]).type))
        except (pa.ArrowException, KeyError):
            raise UserError(
                f"Column {name} of external table {definition.name} takes {types.get(name)}: a "
                "value of the rows is none.",
                Code.ARGUMENT_OUT_OF_BOUND,
            ) from None
    sink = pa.BufferOutputStream()
    fitted = pa.table(columns, names=rows.schema.names)
    with pa.ipc.new_stream(sink, fitted.schema) as writer:
        writer.write_table(fitted)
    return sink.getvalue().to_pybytes()


def usable(columns: Sequence[ExternalColumn]) -> tuple[ColumnDef, ...]:
    """The columns that a query can name: without those whose names are this server's own, or
    differ from an earlier one in case alone."""
    found: dict[str, ColumnDef] = {}
    for column in columns:
        name = column.name
        own = name.lower().startswith(("__", "_tp_")) and name.lower() != TP_TIME
        odd = not name or len(name) > NAME_CHARS_MAX or "{" in name or not name.isprintable()
        if not own and not odd:
            found.setdefault(name.lower(), ColumnDef(name, str(parse_type(column.type))))
    return tuple(found.values())
