"""Partial aggregation of a batch: one prepared GROUP BY, its keys with their hash and arrival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, column
from engine.batch import ROW_NUMBER
from engine.operators.operator import Context
from engine.operators.statement import Statement, quoted, tokens_in, with_tokens
from engine.slots import Hashes
from engine.sql.logical import Aggregate
from engine.types import duckdb_type

_ROW = quoted(ROW_NUMBER)


@dataclass(frozen=True, slots=True)
class PartialRows:
    """One row per group of a batch: hidden group columns by name, keys, arrival, partials."""

    by: dict[str, Int64s]
    hashes: Hashes
    keys: list[pa.Array]
    first: Int64s
    partials: list[pa.Array]

    @property
    def count(self) -> int:
        """Groups."""
        return len(self.first)


class PartialStatement:
    """Aggregates batches by hidden columns (`by`, given at each run) and the keys of the node."""

    def __init__(
        self,
        context: Context,
        source: pa.Schema,
        node: Aggregate,
        by: tuple[str, ...] = (),
        extra: Mapping[str, pa.DataType] | None = None,
    ) -> None:
        self._by = by
        self._keys = len(node.keys)
        fragments = (node.where, *(k.sql for k in node.keys), *(p.sql for p in node.partials))
        self._statement = Statement(
            context.session,
            source,
            lambda table: _sql(node, by, table),
            extra=extra,
            tokens=(*tokens_in(*fragments), ROW_NUMBER),
            seed=context.start.seed,
        )
        fields = list(self._statement.schema)
        self.key_types = [f.type for f in fields[len(by) : len(by) + self._keys]]

    def run(
        self, rows: pa.RecordBatch, instant_ms: int, extra: tuple[pa.Array, ...] = ()
    ) -> PartialRows:
        """The groups of these rows; raises `duck.Error`."""
        found = self._statement.run(rows, instant_ms, extra)
        by = {
            name: column(found, at).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
            for at, name in enumerate(self._by)
        }
        at = len(self._by)
        keys = [column(found, at + each) for each in range(self._keys)]
        at += self._keys
        return PartialRows(
            by,
            column(found, at).to_numpy(zero_copy_only=False),
            keys,
            column(found, at + 1).to_numpy(zero_copy_only=False) - self._statement.first_row,
            [column(found, each) for each in range(at + 2, found.num_columns)],
        )

    def close(self) -> None:
        """Free the plan."""
        self._statement.close()


def _sql(node: Aggregate, by: tuple[str, ...], table: str) -> str:
    names = [f'"__k{at}"' for at in range(len(node.keys))]
    computed = "".join(
        f", CAST({with_tokens(key.sql)} AS {duckdb_type(key.type)}) AS {name}"
        for key, name in zip(node.keys, names, strict=True)
    )
    where = f" WHERE {with_tokens(node.where)}" if node.where else ""
    groups = [*map(quoted, by), *names]
    hashed = f"hash({', '.join(names)})" if names else "0::UBIGINT"
    partials = "".join(
        f', CAST({with_tokens(p.sql)} AS {duckdb_type(p.type)}) AS "__p{at}"'
        for at, p in enumerate(node.partials)
    )
    selected = "".join(f"{name}, " for name in groups)
    # Without groups an aggregate of no rows gives a row; HAVING leaves it out.
    grouped = f" GROUP BY {', '.join(groups)}" if groups else " HAVING count(*) > 0"
    return (
        f"SELECT {selected}{hashed}, min({_ROW}){partials} "
        f"FROM (SELECT *{computed} FROM {table}{where}){grouped}"
    )
