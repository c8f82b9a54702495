"""The only importer of duckdb: locked in-memory sessions, prepared steps over swap-in sources."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import duckdb
import pyarrow as pa

from engine.natives import NATIVES
from engine.watchdog import Watchdog

# The public way from a prepared statement to Arrow keeps the rows, then reads them back through a
# second statement (0.2 to 0.4 ms of each step, measured on 2.0.0); a relation would be planned anew
# each time. What relations themselves call does neither, but is not public: it may go.
try:
    from duckdb._seam import submit as _submit  # pyright: ignore
except ImportError:
    _submit = None
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")

Error = duckdb.Error
InterruptException = duckdb.InterruptException
OutOfMemoryException = duckdb.OutOfMemoryException
version = duckdb.__version__
_NATIVE_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT",
    pa.timestamp("us"): "TIMESTAMP",
    pa.list_(pa.int64()): "BIGINT[]",
    pa.list_(pa.uint64()): "UBIGINT[]",
    pa.list_(pa.float64()): "DOUBLE[]",
}


def arrow_table(connection: Any, sql: str) -> pa.Table:
    """Run one statement, whole, and give its rows as Arrow; raises `Error`."""
    if _submit is None:
        return connection.execute(sql).to_arrow_table()
    return _submit(connection, sql, None, "arrow").arrow_table()


class SwapSource:
    """A table whose rows are replaced between executions of a prepared statement."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._batches: list[pa.RecordBatch] = []

    def set(self, batches: list[pa.RecordBatch]) -> None:
        """The rows that the next execution reads; all of exactly the schema given at the start."""
        self._batches = batches

    def __arrow_c_schema__(self) -> Any:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        reader = pa.RecordBatchReader.from_batches(self._schema, self._batches)
        return reader.__arrow_c_stream__(requested_schema)


class Session:
    """One DuckDB instance in memory, closed to files, network and settings; for one thread.

    `directories`: folders that scans may read (query workers only); set before the lock.
    `seconds_max` bounds what runs under `limited`.
    """

    def __init__(
        self,
        *,
        memory_bytes: int = 1 << 30,
        threads: int = 1,
        directories: tuple[str, ...] = (),
        seconds_max: float = 0.0,
    ) -> None:
        self._instance = duckdb.connect(
            ":memory:",
            config={
                "threads": threads,
                "memory_limit": f"{memory_bytes // (1 << 20)}MB",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
                "allow_persistent_secrets": "false",
                "python_enable_replacements": "false",
                "temp_directory": "",
            },
        )
        self._connection = self._instance
        self._names = 0
        self._watchdog = Watchdog(self.interrupt, seconds_max) if seconds_max else None
        run = self._connection.execute
        run("SET GLOBAL TimeZone='UTC'")
        run("SET preserve_insertion_order=true")
        # Statements are rare and files many: what it would keep counts as the next one's memory.
        run("SET enable_external_file_cache=false")
        if directories:
            run("SET allowed_directories=$dirs", {"dirs": list(directories)})
        self._add_natives()
        run("SET enable_external_access=false")
        run("SET lock_configuration=true")

    def _add_natives(self) -> None:
        """What DuckDB lacks; 0.2 ms each."""
        create: Any = self._connection.create_function
        for name, native in NATIVES.items():
            takes = [_NATIVE_TYPES[t] for t in native.takes]
            gives = _NATIVE_TYPES[native.gives]
            create(name, native.call, takes, gives, type="arrow", null_handling="special")

    def prepare(self, sources: dict[str, pa.Schema], sql: Callable[[dict[str, str]], str]) -> Step:
        """Plan a statement once over swap-in sources.

        `sql` is called with the table name of each source and returns the statement.
        """
        self._names += 1
        number = self._names
        tables: dict[str, SwapSource] = {}
        aliases: dict[str, str] = {}
        for name, schema in sources.items():
            alias = f"__src{number}_{name}"
            tables[name] = SwapSource(schema)
            aliases[name] = alias
            self._connection.register(alias, tables[name])
        statement = f"__step{number}"
        try:
            self._connection.execute(f"PREPARE {statement} AS {sql(aliases)}")
        except duckdb.Error:
            for alias in aliases.values():
                self._connection.unregister(alias)
            raise
        return Step(self, statement, tables, aliases)

    def query(self, sql: str) -> pa.Table:
        """Run one statement and fetch everything as Arrow."""
        return arrow_table(self._connection, sql)

    def execute(self, sql: str) -> Any:
        """Run one statement; returns the connection as DuckDB does."""
        return self._connection.execute(sql)

    def stream(self, sql: str, rows: int) -> pa.RecordBatchReader:
        """Run one SELECT and read its result as it is made, at most `rows` rows a batch.

        Holds a few batches, never the whole result. Reading raises Arrow's errors with DuckDB's
        texts. `execute` would compute and keep the whole result first (measured on 2.0.0).
        """
        return self._connection.sql(sql).to_arrow_reader(rows)

    def kinds(self, sql: str) -> list[str]:
        """Parse only: the kind of each statement in the text (SELECT, COPY, ...)."""
        return [s.type.name for s in self._connection.extract_statements(sql)]

    def add_function(
        self, name: str, function: Callable[..., Any], arguments: list[str], result: str
    ) -> None:
        """Make a Python function over Arrow columns callable in statements of this session.

        It is called a vector at a time, from any of the session's threads; what it raises ends the
        statement with an `Error` that holds the text alone. Equal calls are not made one.
        """
        create: Callable[..., Any] = self._connection.create_function  # its stub wants enums
        how = {"type": "arrow", "null_handling": "special", "side_effects": True}
        create(name, function, arguments, result, **how)

    def register(self, name: str, table: Any) -> None:
        """Make an Arrow object readable under a name."""
        self._connection.register(name, table)

    def unregister(self, name: str) -> None:
        """Forget a registered object."""
        self._connection.unregister(name)

    def limited(self) -> AbstractContextManager[None]:
        """What runs inside is interrupted (InterruptException) after the session's limit."""
        return self._watchdog.guard() if self._watchdog else nullcontext()

    def interrupt(self) -> None:
        """Stop what runs, from another thread; polled by DuckDB between vectors."""
        self._connection.interrupt()

    def renew(self) -> None:
        """Go on as a new connection to the same instance; not while a statement runs.

        Views, registered objects, prepared statements and variables of the one before are gone.
        Functions that were added stay. Costs a small part of what a new instance does.
        """
        before, self._connection = self._connection, self._instance.cursor()
        if before is not self._instance:
            before.close()

    def close(self) -> None:
        """Close the instance."""
        if self._watchdog is not None:
            self._watchdog.close()
        self._connection.close()
        self._instance.close()


class Step:
    """A statement planned once, executed per batch. For the thread of its session."""

    def __init__(
        self,
        session: Session,
        statement: str,
        tables: dict[str, SwapSource],
        aliases: dict[str, str],
    ) -> None:
        self._session = session
        self._statement = statement
        self._tables = tables
        self._aliases = aliases

    def run(self, **batches: pa.RecordBatch) -> pa.Table:
        """Execute over these rows; raises `duckdb.Error` as is."""
        for name, batch in batches.items():
            self._tables[name].set([batch])
        try:
            return self._session.query(f"EXECUTE {self._statement}")
        finally:
            for name in batches:
                self._tables[name].set([])

    def close(self) -> None:
        """Free the plan and its sources."""
        self._session.execute(f"DEALLOCATE {self._statement}")
        for alias in self._aliases.values():
            self._session.unregister(alias)
