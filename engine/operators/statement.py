"""Prepared DuckDB statements of operators: hidden columns, step tokens, borders through filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, record_batch
from engine.batch import ROW_APPEND, ROW_NUMBER, Batch
from engine.duck import Session
from engine.sql.plan_parts import Named
from engine.stateparts import Fields, Saved
from engine.types import duckdb_type

NOW_COLUMN = "__now_ms"
SEED_COLUMN = "__seed"

# Tokens that the binder leaves in expressions, outside of quotes; the step fills them in.
_TOKENS = {"{now_ms}": NOW_COLUMN, "{seed}": SEED_COLUMN}
_ROW_WORD = ROW_NUMBER  # unquoted: the number of the row
_PIECES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\{now_ms\}|\{seed\}|\b__row\b")
_HIDDEN_TYPES = {
    NOW_COLUMN: pa.int64(),
    SEED_COLUMN: pa.uint64(),
    ROW_NUMBER: pa.int64(),
    ROW_APPEND: pa.int32(),
}


def quoted(name: str) -> str:
    """An identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def with_tokens(sql: str) -> str:
    """The expression with its step tokens as hidden columns."""

    def replace(found: re.Match[str]) -> str:
        token = _TOKENS.get(found.group())
        return quoted(token) if token else found.group()

    return _PIECES.sub(replace, sql)


def tokens_in(*fragments: str) -> tuple[str, ...]:
    """The hidden columns that these expressions need for their tokens."""
    found = {piece for sql in fragments for piece in _PIECES.findall(sql)}
    named = [_TOKENS[token] for token in _TOKENS if token in found]
    return (*named, ROW_NUMBER) if _ROW_WORD in found else tuple(named)


def cast_columns(columns: tuple[Named, ...]) -> str:
    """A select list of these columns, each of exactly its storage type."""
    return ", ".join(
        f"CAST({with_tokens(c.sql)} AS {duckdb_type(c.type)}) AS {quoted(c.name)}" for c in columns
    )


def append_numbers(borders: Int64s) -> pa.Array:
    """The append of every row."""
    return pa.array(np.repeat(np.arange(len(borders) - 1, dtype=np.int32), np.diff(borders)))


def borders_of(numbers: Int64s, appends: int) -> Int64s:
    """Borders of rows that carry ascending append numbers."""
    return np.searchsorted(numbers, np.arange(appends + 1), "left").astype(np.int64)


class _Numbers:
    """Slices of one ascending column, so that numbering the rows of a batch copies nothing."""

    def __init__(self) -> None:
        self._all = pa.nulls(0, pa.int64())

    def first(self, count: int) -> pa.Array:
        """0, 1, ... count - 1 as int64."""
        if len(self._all) < count:
            self._all = pa.array(np.arange(1 << max(14, count.bit_length())))
        return self._all.slice(0, count)


_numbers = _Numbers()


class Statement(Saved):
    """One statement over batches of one schema plus hidden columns; for the flow thread.

    `extra`: hidden columns that the caller gives at each run; `tokens`: those that the step fills
    in. `sql` is called with the source's table name. Planning it runs it once over no rows, so
    that what DuckDB refuses is refused at the start of the query.
    """

    def __init__(
        self,
        session: Session,
        source: pa.Schema,
        sql: Callable[[str], str],
        *,
        extra: Mapping[str, pa.DataType] | None = None,
        tokens: tuple[str, ...] = (),
        seed: int = 0,
    ) -> None:
        self._tokens = tuple(dict.fromkeys(tokens))
        self._seed = seed
        # Random values are drawn by row number, so it must not begin anew with each batch.
        self._numbered_on = SEED_COLUMN in tokens
        self.first_row = 0  # number of the first row of the last run
        self._next_row = 0
        self._state = Fields(self, "position")
        fields = list(source)
        for name, kind in (extra or {}).items():
            fields.append(pa.field(name, kind))
        fields += [pa.field(name, _HIDDEN_TYPES[name]) for name in self._tokens]
        self._source = pa.schema(fields)
        self._step = session.prepare({"rows": self._source}, lambda names: sql(names["rows"]))
        self.schema = self._step.run(
            rows=pa.RecordBatch.from_pylist([], schema=self._source)
        ).schema

    @property
    def position(self) -> int:
        """Number of the next row, where numbers go on from batch to batch; else 0."""
        return self._next_row if self._numbered_on else 0

    @position.setter
    def position(self, number: int) -> None:
        """Go on from there."""
        self._next_row = number

    def run(
        self, rows: pa.RecordBatch, instant_ms: int, extra: tuple[pa.Array, ...] = ()
    ) -> pa.Table:
        """Execute over these rows; raises `duck.Error`."""
        arrays = [*rows.columns, *extra]
        count = rows.num_rows
        self.first_row = self._next_row if self._numbered_on else 0
        for name in self._tokens:
            if name == NOW_COLUMN:
                arrays.append(pa.array(np.full(count, instant_ms, np.int64)))
            elif name == SEED_COLUMN:
                arrays.append(pa.array(np.full(count, self._seed, np.uint64)))
            elif self._numbered_on:
                arrays.append(pa.array(np.arange(self._next_row, self._next_row + count)))
            else:
                arrays.append(_numbers.first(count))
        self._next_row += count
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._source)
        return self._step.run(rows=batch)

    def close(self) -> None:
        """Free the plan."""
        self._step.close()


class BorderedStatement(Saved):
    """A statement that keeps row order and carries the borders of appends through.

    `sql` is called with the source's table name and the further columns (each begins with a
    comma) that every SELECT of it must pass on. Batches of one append need no such column.
    """

    def __init__(
        self,
        session: Session,
        source: pa.Schema,
        sql: Callable[[str, str], str],
        *,
        tokens: tuple[str, ...] = (),
        seed: int = 0,
    ) -> None:
        self._session = session
        self._source = source
        self._sql = sql
        self._tokens = tokens
        self._seed = seed
        self._plain = self._prepare("")
        self._numbered: Statement | None = None
        self._state = Fields(self, "positions")
        self.schema = self._plain.schema

    def _prepare(self, passed: str) -> Statement:
        extra = {ROW_APPEND: pa.int32()} if passed else None
        return Statement(
            self._session,
            self._source,
            lambda name: self._sql(name, passed),
            extra=extra,
            tokens=self._tokens,
            seed=self._seed,
        )

    @property
    def positions(self) -> list[int]:
        """The positions of the statement without borders, and of the one with them."""
        numbered = self._numbered
        return [self._plain.position, 0 if numbered is None else numbered.position]

    @positions.setter
    def positions(self, numbers: list[int]) -> None:
        """Go on from there."""
        self._plain.position = numbers[0]
        if numbers[1]:
            self._with_borders().position = numbers[1]

    def _with_borders(self) -> Statement:
        """The statement that carries borders, prepared when it is first wanted."""
        if self._numbered is None:
            self._numbered = self._prepare(f", {quoted(ROW_APPEND)}")
        return self._numbered

    def run(self, batch: Batch, *, borders: bool = True) -> Batch:
        """The statement's rows of each append. `borders` False: nobody asks for them."""
        appends = len(batch.borders) - 1
        if appends <= 1 or not borders:
            rows = record_batch(self._plain.run(batch.rows, batch.instant_ms))
            return rebatched(batch, rows, np.array([0, rows.num_rows]))
        extra = (append_numbers(batch.borders),)
        rows = record_batch(self._with_borders().run(batch.rows, batch.instant_ms, extra))
        numbers = rows.column(rows.num_columns - 1).to_numpy()
        kept = pa.RecordBatch.from_arrays(rows.columns[:-1], schema=self.schema)
        return rebatched(batch, kept, borders_of(numbers, appends))

    def close(self) -> None:
        """Free the plans."""
        self._plain.close()
        if self._numbered is not None:
            self._numbered.close()


def rebatched(batch: Batch, rows: pa.RecordBatch, borders: Int64s) -> Batch:
    """Other rows of the same step."""
    newest = batch.newest if len(borders) == len(batch.borders) else _all(batch.newest)
    return Batch(rows, batch.instant_ms, borders, batch.backfill, batch.continues, newest)


def _all(newest: Int64s | None) -> Int64s | None:
    """Of appends that became one."""
    return newest.max(keepdims=True) if newest is not None and len(newest) else None
