"""Partial aggregation of a batch: one prepared GROUP BY, its keys with their hash and arrival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Int64s, column
from engine.batch import ROW_NUMBER, TP_DELTA
from engine.operators.operator import Context
from engine.operators.statement import Statement, quoted, tokens_in, with_tokens
from engine.slots import Hashes
from engine.sql.logical import Aggregate
from engine.sql.plan_parts import Partial
from engine.stateparts import Saved
from engine.types import duckdb_type

_ROW = quoted(ROW_NUMBER)


@dataclass(frozen=True, slots=True)
class PartialRows:
    """One row per group of a batch: hidden group columns by name, keys, arrival, partials.

    `parts`: hashes of the PARTITION BY keys of a global aggregate that has some.
    """

    by: dict[str, Int64s]
    hashes: Hashes
    keys: list[pa.Array]
    first: Int64s
    partials: list[pa.Array]
    parts: Hashes | None = None

    @property
    def count(self) -> int:
        """Groups."""
        return len(self.first)


class PartialStatement(Saved):
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
        self._delta = source.get_field_index(TP_DELTA) if node.alive else -1
        self._parted = bool(_parts(node))
        fragments = (node.where, *(k.sql for k in node.keys), *(p.sql for p in node.partials))
        self._statement = Statement(
            context.session,
            source,
            lambda table: _sql(node, by, table),
            extra=extra,
            tokens=(*tokens_in(*fragments), ROW_NUMBER),
            seed=context.start.seed,
        )
        self._state = self._statement
        fields = list(self._statement.schema)
        self.key_types = [f.type for f in fields[len(by) : len(by) + self._keys]]

    def run(
        self, rows: pa.RecordBatch, instant_ms: int, extra: tuple[pa.Array, ...] = ()
    ) -> PartialRows:
        """The groups of these rows; raises `duck.Error`."""
        copies: Int64s | None = None
        if self._delta >= 0:
            rows, extra, copies = unit_weights(rows, self._delta, extra)
        found = self._statement.run(rows, instant_ms, extra)
        by = {
            name: column(found, at).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
            for at, name in enumerate(self._by)
        }
        at = len(self._by)
        keys = [column(found, at + each) for each in range(self._keys)]
        at += self._keys
        first = column(found, at + 1).to_numpy(zero_copy_only=False) - self._statement.first_row
        last = found.num_columns - self._parted
        return PartialRows(
            by,
            column(found, at).to_numpy(zero_copy_only=False),
            keys,
            first if copies is None else copies[first],
            [column(found, each) for each in range(at + 2, last)],
            column(found, last).to_numpy(zero_copy_only=False) if self._parted else None,
        )

    def close(self) -> None:
        """Free the plan."""
        self._statement.close()


def unit_weights(
    rows: pa.RecordBatch, at: int, extra: tuple[pa.Array, ...]
) -> tuple[pa.RecordBatch, tuple[pa.Array, ...], Int64s | None]:
    """Rows of a changelog so often that each weighs +1 or -1, and which row each is a copy of."""
    weights = rows.column(at).to_numpy(zero_copy_only=False).astype(np.int64)
    if not len(weights) or (np.abs(weights) == 1).all():
        return rows, extra, None
    copies = np.repeat(np.arange(len(weights)), np.abs(weights))
    taken = pa.array(copies)
    signs = pa.array(np.sign(weights)[copies].astype(np.int8))
    whole = rows.take(taken)
    whole = whole.set_column(at, whole.schema.field(at), signs)
    return whole, tuple(each.take(taken) for each in extra), copies


def _parts(node: Aggregate) -> list[str]:
    """PARTITION BY keys of a global aggregate; windows find their substreams themselves."""
    if node.window is not None:
        return []
    return [f'"__k{at}"' for at, key in enumerate(node.keys) if key.name in node.partition]


def _partial(partial: Partial) -> str:
    """A partial of exactly its type; lists for multisets and user functions have their own."""
    sql = with_tokens(partial.sql)
    return (
        sql
        if partial.counted or partial.function or partial.items
        else f"CAST({sql} AS {duckdb_type(partial.type)})"
    )


def _sql(node: Aggregate, by: tuple[str, ...], table: str) -> str:
    names = [f'"__k{at}"' for at in range(len(node.keys))]
    computed = "".join(
        f", CAST({with_tokens(key.sql)} AS {duckdb_type(key.type)}) AS {name}"
        for key, name in zip(node.keys, names, strict=True)
    )
    where = f" WHERE {with_tokens(node.where)}" if node.where else ""
    groups = [*map(quoted, by), *names]
    hashed = f"hash({', '.join(names)})" if names else "0::UBIGINT"
    partials = "".join(f', {_partial(p)} AS "__p{at}"' for at, p in enumerate(node.partials))
    parts = _parts(node)
    if parts:
        partials += f", hash({', '.join(parts)})"
    selected = "".join(f"{name}, " for name in groups)
    # Without groups an aggregate of no rows gives a row; HAVING leaves it out.
    grouped = f" GROUP BY {', '.join(groups)}" if groups else " HAVING count(*) > 0"
    return (
        f"SELECT {selected}{hashed}, min({_ROW}){partials} "
        f"FROM (SELECT *{computed} FROM {table}{where}){grouped}"
    )
