"""What a writer left out: defaults, zero values, materialized columns and `_tp_time`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from engine import duck
from engine.batch import ROW_NUMBER, TP_TIME
from engine.compute import pc
from engine.errors import Code, IngestError, UserError
from engine.failures import failure_of
from engine.ingest.cast import cast_column
from engine.ingest.rules import rules_of
from engine.ingest.shape import Given
from engine.ingest.unfit import Unfit
from engine.schema import StoredSchema
from engine.types import DATETIME64_3_UTC, arrow_type, duckdb_type, zero_sql

STEPS_MAX: Final = 32  # prepared statements kept, one per set of columns left out
_NOW: Final = "__now_ms"
_MISSING: Final = "__missing_"


@dataclass(frozen=True, slots=True)
class _Plan:
    """A prepared statement: what it reads, what it computes, in the order of the select list."""

    step: duck.Step
    schema: pa.Schema
    outputs: tuple[str, ...]


class Completer:
    """Makes whole rows of given columns, for one schema; for one thread.

    `session_factory` is called at most once, when the first expression is needed. `seed` is that
    of random defaults. The constructor raises UserError for defaults that refer to each other in
    a circle.
    """

    def __init__(
        self, schema: StoredSchema, session_factory: Callable[[], duck.Session], seed: int = 0
    ) -> None:
        self._columns = schema.columns
        self._seed = seed
        self._next_row = 0  # random defaults are drawn by it, so it never begins anew
        self._names = frozenset(column.name for column in schema.columns)
        self._session_factory = session_factory
        self._session: duck.Session | None = None
        self._plans: OrderedDict[tuple[frozenset[str], frozenset[str]], _Plan] = OrderedDict()
        self._rules = rules_of(schema, self._open)
        self.arrow_schema = pa.schema(
            [pa.field(c.stored or c.name, arrow_type(c.type)) for c in schema.columns]
        )

    def fill(self, given: dict[str, Given], count: int, instant_ms: int) -> pa.RecordBatch:
        """Rows with every stored column, `_tp_time` too, none null but nullable ones.

        `given` holds columns of exactly the stored types. Raises IngestError when an expression
        fails, naming its row and column.
        """
        done: dict[str, pa.Array] = {}
        pending: dict[str, Given | None] = {}
        for column in self._columns:
            name = column.name
            found = None if column.materialized else given.get(name)
            if found is not None and found.missing is None:
                done[name] = found.values
                continue
            filler = self._rules[name].values(count, instant_ms)
            if filler is None:
                pending[name] = found
            elif found is None:
                done[name] = filler
            else:
                done[name] = pc.if_else(found.missing, filler, found.values)
        if pending:
            self._resolve(done, pending, count, instant_ms)
        arrays = [done[column.name] for column in self._columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow_schema)

    def complete(self, table: pa.Table, instant_ms: int) -> pa.RecordBatch:
        """Rows of an INSERT: `table` has some of the columns, of whatever types a query computed.

        Raises IngestError 53 naming row and column, 16 for a column that the stream has not.
        """
        names = tuple(table.column_names)
        given: dict[str, Given] = {}
        for at, column in enumerate(self._given_columns(names)):
            chunks = table.column(at)
            array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
            if isinstance(array, pa.ChunkedArray):  # of no chunk at all
                array = pa.array([], chunks.type)
            try:
                values = cast_column(array, column.type)
            except Unfit as error:
                error.column = at
                error.code = Code.TYPE_MISMATCH
                raise error.error(names) from None
            holes = values.null_count and not column.type.is_nullable
            given[column.name] = Given(values, values.is_null() if holes else None)
        return self.fill(given, table.num_rows, instant_ms)

    def close(self) -> None:
        """Free the prepared statements; the session belongs to who made it."""
        while self._plans:
            self._plans.popitem()[1].step.close()

    def _given_columns(self, names: tuple[str, ...]):
        """The schema's columns of these names; raises IngestError for others."""
        by_name = {column.name: column for column in self._columns}
        for at, name in enumerate(names):
            column = by_name.get(name)
            if column is None:
                raise IngestError(f"no such column '{name}'", Code.NO_SUCH_COLUMN_IN_STREAM)
            if column.materialized:
                raise IngestError(
                    f"column '{name}' is computed and cannot be given",
                    Code.NO_SUCH_COLUMN_IN_STREAM,
                )
            if name in names[:at]:
                raise IngestError(f"column '{name}' is given twice", Code.DUPLICATE_COLUMN)
            yield column

    def _open(self) -> duck.Session:
        if self._session is None:
            self._session = self._session_factory()
        return self._session

    # -- columns that need more than a constant ------------------------------------------------

    def _resolve(
        self, done: dict[str, pa.Array], pending: dict[str, Given | None], count: int, instant: int
    ) -> None:
        """Fill `done` with the pending columns: expressions by DuckDB, a plain copy by Arrow."""
        needed = {n for name in pending for n in self._rules[name].needs}
        copies = [name for name in pending if self._rules[name].copies and name not in needed]
        computed = {name: part for name, part in pending.items() if name not in copies}
        if computed:
            done.update(self._compute(done, computed, count, instant))
        for name in copies:
            done[name] = self._copy(name, done, pending[name], count, instant)

    def _copy(
        self, name: str, done: dict[str, pa.Array], part: Given | None, count: int, instant: int
    ) -> pa.Array:
        """`_tp_time` from another column; where that is null, the instant."""
        source = self._rules[name].copies
        try:
            values = cast_column(done[source], DATETIME64_3_UTC)
        except Unfit as error:
            error.column = 0
            raise error.error((source,)) from None
        if values.null_count:
            now = pa.repeat(pa.scalar(instant, pa.timestamp("ms")), count)
            values = pc.if_else(values.is_valid(), values, now)
        return values if part is None else pc.if_else(part.missing, values, part.values)

    def _compute(
        self, done: dict[str, pa.Array], pending: dict[str, Given | None], count: int, instant: int
    ) -> dict[str, pa.Array]:
        """The pending columns by one prepared statement over what they need."""
        parts = {name: part for name, part in pending.items() if part is not None}
        plan = self._plan(frozenset(pending), frozenset(parts))
        arrays: list[pa.Array] = []
        for name in plan.schema.names:
            if name == _NOW:
                arrays.append(pa.repeat(pa.scalar(instant, pa.int64()), count))
            elif name == ROW_NUMBER:
                arrays.append(pa.array(range(self._next_row, self._next_row + count), pa.int64()))
                self._next_row += count
            elif name.startswith(_MISSING) and name not in self._names:
                missing = parts[name.removeprefix(_MISSING)].missing
                assert missing is not None
                arrays.append(missing)
            else:
                arrays.append(parts[name].values if name in parts else done[name])
        batch = pa.RecordBatch.from_arrays(arrays, schema=plan.schema)
        with self._open().limited():
            table = self._run(plan, batch)
        return {name: _whole(table, name) for name in plan.outputs}

    def _run(self, plan: _Plan, batch: pa.RecordBatch) -> pa.Table:
        columns = " or ".join(f"'{name}'" for name in plan.outputs)
        try:
            return plan.step.run(src=batch)
        except duck.InterruptException:
            raise IngestError(
                f"column {columns} took too long to compute for {batch.num_rows} rows; send fewer "
                "rows at a time or make its expression cheaper",
                Code.TIMEOUT,
            ) from None
        except duck.Error as error:
            row = self._bad_row(plan, batch)
            raise IngestError(
                f"row {row + 1}: cannot compute column {columns}: {_reason(error)}",
                Code.TYPE_MISMATCH,
            ) from None

    def _bad_row(self, plan: _Plan, batch: pa.RecordBatch) -> int:
        """The first row that fails, by halving: at most 17 runs more for an append of the limit."""
        start, size = 0, batch.num_rows
        while size > 1:
            half = size // 2
            try:
                plan.step.run(src=batch.slice(start, half))
            except duck.Error:
                size = half
            else:
                start, size = start + half, size - half
        return start

    def _plan(self, pending: frozenset[str], parts: frozenset[str]) -> _Plan:
        key = (pending, parts)
        plan = self._plans.get(key)
        if plan is not None:
            self._plans.move_to_end(key)
            return plan
        if len(self._plans) >= STEPS_MAX:
            self._plans.popitem(last=False)[1].step.close()
        plan = self._prepare(pending, parts)
        self._plans[key] = plan
        return plan

    def _prepare(self, pending: frozenset[str], parts: frozenset[str]) -> _Plan:
        """One SELECT per level: an expression stands above those that it needs."""
        rules = self._rules
        needed = {n for name in pending for n in rules[name].needs}
        read = [c for c in self._columns if c.name in needed - pending or c.name in parts]
        fields = [pa.field(c.name, arrow_type(c.type)) for c in read]
        fields += [pa.field(_MISSING + name, pa.bool_()) for name in sorted(parts)]
        fields.append(pa.field(_NOW, pa.int64()))
        if any("{seed}" in rules[name].sql for name in pending):
            fields.append(pa.field(ROW_NUMBER, pa.int64()))
        left = [c.name for c in self._columns if c.name in pending]
        schema = pa.schema(fields)

        def sql(sources: dict[str, str]) -> str:
            query = f"SELECT * FROM {sources['src']}"
            rest = list(left)
            while rest:
                level = [n for n in rest if not rules[n].needs & (set(rest) - {n})]
                made = [f"{self._expression(n, n in parts)} AS {_quoted(n)}" for n in level]
                hidden = [_quoted(n) for n in level if n in parts]
                star = f"* EXCLUDE ({', '.join(hidden)})" if hidden else "*"
                query = f"SELECT {star}, {', '.join(made)} FROM ({query})"
                rest = [n for n in rest if n not in level]
            return f"SELECT {', '.join(_quoted(n) for n in left)} FROM ({query})"

        try:
            step = self._open().prepare({"src": schema}, sql)
        except duck.Error as error:
            names = ", ".join(left)
            raise UserError(
                f"the default of column {names} is not valid: {_reason(error)}"
            ) from None
        return _Plan(step, schema, tuple(left))

    def _expression(self, name: str, partial: bool) -> str:
        rule = self._rules[name]
        now = f"make_timestamp_ms({_quoted(_NOW)})"
        fallback = now if name == TP_TIME else zero_sql(rule.type)
        sql = rule.sql.replace("{now_ms}", _quoted(_NOW)).replace("{seed}", str(self._seed))
        value = f"CAST(({sql}) AS {duckdb_type(rule.type)})"
        if not rule.type.is_nullable:
            value = f"COALESCE({value}, CAST({fallback} AS {duckdb_type(rule.type)}))"
        if partial:
            value = f"CASE WHEN {_quoted(_MISSING + name)} THEN {value} ELSE {_quoted(name)} END"
        return value


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reason(error: Exception) -> str:
    """What DuckDB says, as a clause without its prefixes."""
    return failure_of(error).message.rstrip(".")[:300]
