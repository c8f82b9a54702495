"""Rows that a stream's TTL lets go: counted and filtered by the predicate that keeps rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import sqlglot
from sqlglot import exp

from engine.batch import TP_SN
from engine.compute import pc
from engine.duck import InterruptException, Session, Step
from engine.failures import failure_of
from engine.operators.statement import quoted
from engine.parquet import read_columns, read_schema

_BATCH_ROWS = 65_536
_MEMORY_BYTES = 256 << 20
# A batch of this takes milliseconds; a hang would keep rows from being sealed.
BATCH_SECONDS_MAX = 10.0


def expiry_failure(error: Exception, seconds_max: float) -> str:
    """Why a TTL could not be applied, in one sentence for the owner of the stream."""
    if isinstance(error, InterruptException):
        return f"The TTL takes longer than {seconds_max:g} seconds for a batch of rows."
    return f"The TTL cannot be applied: {failure_of(error).message}".splitlines()[0]


class KeepFilter:
    """Evaluates `keep_sql`, DuckDB SQL over the stored columns, at one instant.

    `{now_ms}` in it stands for the instant in milliseconds. NULL keeps a row: nothing is removed
    without a reason. A batch that takes longer than `seconds_max` is interrupted. For one thread;
    close it.
    """

    def __init__(self, keep_sql: str, now_ms: int, seconds_max: float = BATCH_SECONDS_MAX) -> None:
        self._sql = keep_sql.replace("{now_ms}", str(now_ms))
        tree = sqlglot.parse_one(self._sql, dialect="duckdb")
        self._names = {column.parts[0].name for column in tree.find_all(exp.Column)}
        self._session = Session(memory_bytes=_MEMORY_BYTES, seconds_max=seconds_max)

    def count(self, path: Path) -> int:
        """How many rows of a file are kept; reads only the columns that the predicate names."""
        columns = self._columns(read_schema(path))
        return sum(
            pc.sum(mask).as_py() or 0
            for mask in self._masks(read_columns(path, columns, _BATCH_ROWS))
        )

    def kept(self, path: Path) -> Iterator[pa.RecordBatch]:
        """The rows that are kept, in order, whole as stored."""
        names = read_schema(path).names
        for batch in read_columns(path, names, _BATCH_ROWS):
            for mask in self._masks(iter([batch])):
                yield batch.filter(mask)

    def last_gone(self, path: Path) -> int:
        """The number of the last append of a file of which a row is not kept; -1 = none."""
        columns = list(dict.fromkeys([*self._columns(read_schema(path)), TP_SN]))
        last = -1
        for batch in read_columns(path, columns, _BATCH_ROWS):
            gone = batch.column(TP_SN).filter(pc.invert(self.mask(batch)))
            if len(gone):
                last = max(last, int(pc.max(gone).as_py()))
        return last

    def mask(self, batch: pa.RecordBatch) -> pa.Array:
        """Which rows are kept, by booleans; InterruptException when that takes too long."""
        return next(self._masks(iter([batch])))

    def _columns(self, schema: pa.Schema) -> list[str]:
        return [n for n in schema.names if n in self._names] or [TP_SN]

    def _prepared(self, schema: pa.Schema) -> Step:
        """The predicate over rows of a schema; columns that were added later are NULL."""
        present = {name.lower() for name in schema.names}
        lacking = sorted(name for name in self._names if name.lower() not in present)
        missing = "".join(f", NULL AS {quoted(name)}" for name in lacking)

        def sql(names: dict[str, str]) -> str:
            rows = f"(SELECT *{missing} FROM {names['rows']}) AS __r"
            return f"SELECT coalesce(({self._sql})::BOOLEAN, true) AS keep FROM {rows}"

        return self._session.prepare({"rows": schema}, sql)

    def _masks(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Array]:
        step = None
        try:
            for batch in batches:
                if step is None:
                    step = self._prepared(batch.schema)
                with self._session.limited():
                    mask = step.run(rows=batch).column("keep").combine_chunks()
                yield mask
        finally:
            if step is not None:
                step.close()

    def close(self) -> None:
        """Give the session back."""
        self._session.close()
