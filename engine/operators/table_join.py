"""Joins of a stream with an external table: rows are looked up by key as stream rows arrive.

A look-up is an outside call, whose answer is recorded with the step; what it brought is cached by
key for a while of instants. The cache is state: a step that is run again asks for the same keys.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine import table_calls as tc
from engine.arrays import Int64s, column
from engine.batch import TP_DELTA, Batch
from engine.calls import Request, ask
from engine.checkpoint import StateDelta
from engine.errors import QueryFailed
from engine.external_objects import External
from engine.joinindex import NONE
from engine.operators.join_input import Pairs, appends_of, joined, some
from engine.operators.operator import Budget, Context, Plain
from engine.operators.project import Layer, Project
from engine.sql import logical
from engine.state import StateSize
from engine.types import arrow_field

# What is cached between batches; the keys that were looked up first go first.
CACHE_KEYS_MAX: Final = 10_000
CACHE_BYTES_MAX: Final = 8 << 20
# A look-up with its attempts: a database that restarts is waited for.
LOOK_UP_MS_MAX: Final = 60_000
_NANOSECONDS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
Key = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class _Found:
    """What one look-up brought. `places`: of each key that was asked, the first of its rows and how
    many there are."""

    instant_ms: int
    rows: pa.RecordBatch
    places: dict[Key, tuple[int, int]]


class TableJoin(Plain):
    """Each left row with the rows of the table that have its key when it arrives, or had it at most
    `ttl_ms` before; rows of a LEFT join for which there is none get NULLs."""

    def __init__(self, context: Context, source: pa.Schema, node: logical.Enrich) -> None:
        self.name = f"Look up {node.table.stream_name}"
        self.schema = pa.schema([arrow_field(c.name, c.type) for c in node.schema])
        self._node = node
        self._left = [name for name in source.names if name != TP_DELTA]
        self._keys = pa.schema([source.field(name) for name in node.keys[0]])
        wanted = pa.schema([arrow_field(c.name, c.type) for c in node.table.schema])
        self._wanted = wanted.serialize().to_pybytes()
        self._table = wanted
        layers = tuple(Layer(columns, where) for columns, where in node.layers)
        self._project = Project(context, wanted, layers, borders=False)
        self._budget = Budget(context)
        self._found: deque[_Found] = deque()  # in the order in which they were looked up
        self._cached: dict[Key, _Found] = {}
        self._changed = True

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Look up what is not cached, then join."""
        keys = _tuples(batch.rows, self._keys.names)
        wanted = dict.fromkeys(key for key in keys if None not in key)
        self._expire(batch.instant_ms)
        missing = [key for key in wanted if key not in self._cached]
        for start in range(0, len(missing), tc.LOOK_UP_KEYS_MAX):
            self._look_up(missing[start : start + tc.LOOK_UP_KEYS_MAX], batch.instant_ms)
            self._budget.check(self.held())
        pairs = self._joined(batch, keys, wanted)
        self._bound()
        return [joined(batch, self.schema, pairs)]

    # -- look-ups -------------------------------------------------------------------------------

    def _look_up(self, keys: Sequence[Key], instant_ms: int) -> None:
        table = self._node.table
        values = [_array(each, f.type) for each, f in zip(_turned(keys), self._keys, strict=True)]
        given = pa.schema(
            [f.with_name(n) for f, n in zip(self._keys, self._node.columns, strict=True)]
        )
        body = tc.TableLookUp(
            tuple(self._table.names),
            self._wanted,
            self._node.columns,
            _stream(pa.RecordBatch.from_arrays(values, schema=given)),
        )
        external = External(
            table.stream_id, table.stream_name, "external_table", table.type, dict(table.settings)
        )
        encoded = msgspec.msgpack.encode(body)
        answer = ask(
            Request(
                "table", table.stream_name, tc.LOOK_UP, encoded, LOOK_UP_MS_MAX, external=external
            )
        )
        if answer.failure:
            raise QueryFailed(answer.failure, answer.code)
        with pa.ipc.open_stream(pa.py_buffer(answer.body)) as reader:
            rows = reader.read_all().combine_chunks()
        batches = rows.to_batches()
        self._take(keys, batches[0] if batches else _empty(self._table), instant_ms)

    def _take(self, keys: Sequence[Key], rows: pa.RecordBatch, instant_ms: int) -> None:
        """Keep what a look-up brought, its rows by key; those of other keys are let go."""
        if rows.num_rows:
            [made] = self._project.push(0, Batch(rows, instant_ms, np.array([0, rows.num_rows])))
            rows = made.rows
        else:
            rows = _empty(self._project.schema)
        of_key: dict[Key, list[int]] = {key: [] for key in keys}
        for at, key in enumerate(_tuples(rows, self._node.keys[1])):
            if key in of_key:
                of_key[key].append(at)
        order = list(itertools.chain.from_iterable(of_key.values()))
        places: dict[Key, tuple[int, int]] = {}
        start = 0
        for key, each in of_key.items():
            places[key] = (start, len(each))
            start += len(each)
        found = _Found(instant_ms, rows.take(pa.array(order, pa.int64())), places)
        self._found.append(found)
        self._cached.update(dict.fromkeys(keys, found))
        self._changed = True

    def _expire(self, instant_ms: int) -> None:
        while self._found and self._found[0].instant_ms + self._node.ttl_ms <= instant_ms:
            self._drop_oldest()

    def _bound(self) -> None:
        while len(self._cached) > CACHE_KEYS_MAX or self.held().bytes > CACHE_BYTES_MAX:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        for key in self._found.popleft().places:
            del self._cached[key]
        self._changed = True

    # -- joined rows ------------------------------------------------------------------------------

    def _joined(self, batch: Batch, keys: Sequence[Key], wanted: Iterable[Key]) -> Pairs:
        starts: dict[int, int] = {}
        rows = 0
        for found in self._found:
            starts[id(found)] = rows
            rows += found.rows.num_rows
        places: dict[Key, tuple[int, int]] = {}
        for key in wanted:
            found = self._cached[key]
            first, count = found.places[key]
            places[key] = (starts[id(found)] + first, count)
        at = np.array([places.get(key, (0, 0)) for key in keys], np.int64).reshape(-1, 2)
        left, right = _pairs(at[:, 0], at[:, 1], left_join=self._node.kind == "left")
        batches = [found.rows for found in self._found]
        held = pa.Table.from_batches(batches, self._project.schema)
        own = [column(batch.rows, name) for name in self._left]
        return Pairs(appends_of(batch)[left], some(own, left), _picked(held, right))

    # -- state ----------------------------------------------------------------------------------

    def changes(self, *, full: bool) -> StateDelta | None:
        """The whole cache, which is small."""
        if not (self._changed or full):
            return None
        self._changed = False
        tables: dict[str, pa.RecordBatch] = {}
        for at, found in enumerate(self._found):
            tables[f"rows{at}"] = found.rows
            values = [
                _array(each, f.type)
                for each, f in zip(_turned(list(found.places)), self._keys, strict=True)
            ]
            counts = pa.array([count for _, count in found.places.values()], pa.int64())
            names = [f"key{n}" for n in range(len(values))]
            tables[f"keys{at}"] = pa.RecordBatch.from_arrays([*values, counts], [*names, "count"])
        return StateDelta(tables, {"instants": [found.instant_ms for found in self._found]})

    def restore(self, deltas: Sequence[StateDelta]) -> None:
        """Take the cache that the last of these describes."""
        self._changed = False
        for at, instant_ms in enumerate(deltas[-1].values["instants"] if deltas else ()):
            keys = deltas[-1].tables[f"keys{at}"]
            counts = keys.column(keys.num_columns - 1).to_pylist()
            places: dict[Key, tuple[int, int]] = {}
            start = 0
            for key, count in zip(_tuples(keys, keys.schema.names[:-1]), counts, strict=True):
                places[key] = (start, count)
                start += count
            found = _Found(int(instant_ms), deltas[-1].tables[f"rows{at}"], places)
            self._found.append(found)
            self._cached.update(dict.fromkeys(places, found))

    def held(self) -> StateSize:
        """The cache."""
        size = sum(found.rows.nbytes for found in self._found)
        return StateSize(len(self._cached), size + 64 * len(self._cached))

    def close(self) -> None:
        """Free the plan."""
        self._project.close()


def _tuples(rows: pa.RecordBatch, names: Sequence[str]) -> list[Key]:
    return list(zip(*(_values(column(rows, name)) for name in names), strict=True))


def _values(array: pa.Array) -> list[Any]:
    """Values that are equal to those of the other side: times in nanoseconds, of which Python has
    no type."""
    if not pa.types.is_timestamp(array.type):
        return list(array.to_pylist())
    factor = _NANOSECONDS[array.type.unit]
    values: list[int | None] = array.cast(pa.int64()).to_pylist()
    return [None if value is None else value * factor for value in values]


def _array(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """The other way round."""
    if not pa.types.is_timestamp(kind):
        return pa.array(values, type=kind)
    factor = _NANOSECONDS[kind.unit]
    return pa.array([value // factor for value in values], pa.int64()).cast(kind)


def _turned(keys: Sequence[Key]) -> list[tuple[Any, ...]]:
    return list(zip(*keys, strict=True))


def _stream(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return sink.getvalue().to_pybytes()


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


def _pairs(first: Int64s, count: Int64s, *, left_join: bool) -> tuple[Int64s, Int64s]:
    """Left rows with the right rows from `first` on, `count` of them: indices of both, -1 for a
    left row of a LEFT join that has none."""
    times = np.maximum(count, 1) if left_join else count
    left = np.repeat(np.arange(len(first)), times)
    ends = np.cumsum(times)
    within = np.arange(len(left)) - np.repeat(ends - times, times)
    right = np.repeat(first, times) + within
    return left, np.where(np.repeat(count, times) == 0, NONE, right)


def _picked(held: pa.Table, rows: Int64s) -> list[pa.Array]:
    """These rows; NULLs at -1."""
    index = pa.array(rows, mask=rows == NONE)
    found = held.take(index).combine_chunks()
    return [each.chunk(0) if each.num_chunks else pa.array([], each.type) for each in found.columns]
