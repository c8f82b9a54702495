"""Functions over the rows before, in order of arrival: lag, lags, neighbor, row_number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from engine.arrays import Bools, Int64s, column, enlarged, record_batch
from engine.batch import Batch
from engine.operators.history import Arrivals, History, arrivals
from engine.operators.keyed import RowKeys
from engine.operators.operator import Budget, Context, Plain
from engine.operators.statement import Statement, quoted, rebatched
from engine.slots import SlotTable
from engine.slotstate import Load, Save, Slotted
from engine.sql.logical import Stateful as Node
from engine.sql.plan_parts import Running
from engine.state import StateSize
from engine.stateparts import Saved
from engine.types import arrow_type


@dataclass(frozen=True, slots=True)
class _Looked:
    """A function that gives values of earlier rows: of which column, how far back each."""

    source: str
    offsets: tuple[int, ...]
    single: bool
    fill: pa.Array


class Stateful(Saved, Plain):
    """Adds a column per function; rows, their order and borders stay as they are."""

    def __init__(self, context: Context, source: pa.Schema, node: Node) -> None:
        self.name = "Stateful"
        beside = self._saved, self._load
        partition = tuple(quoted(name) for name in node.partition)
        self._keys = RowKeys(context, source, partition, beside) if partition else _OneSlot(*beside)
        fills = _fills(context, node.functions)
        self._functions = [
            _looked(f, fill, source) for f, fill in zip(node.functions, fills, strict=True)
        ]
        self.schema = source
        for each in node.functions:
            added = pa.field(each.output.name, arrow_type(each.output.type))
            self.schema = self.schema.append(added)
        looked = [f for f in self._functions if f is not None]
        names = tuple(dict.fromkeys(f.source for f in looked))
        depth = max((max(f.offsets) for f in looked), default=0)
        kept = pa.schema([source.field(name) for name in names])
        self._history = History(kept, depth) if depth else None
        self._kept = kept
        self._numbers = np.zeros(0, np.int64)  # rows so far of every slot
        self._fit()
        self._budget = Budget(context)
        self._state = self._keys

    def push(self, port: int, batch: Batch) -> list[Batch]:
        """Add the columns; remember the rows."""
        if not batch.num_rows:
            return [self._widened(batch, [pa.array([], f.type) for f in self._added()])]
        slots, _ = self._keys.assign(batch)
        self._fit()
        rows = arrivals(slots)
        found = [
            fitting(self._column(batch, rows, each), field.type)
            for each, field in zip(self._functions, self._added(), strict=True)
        ]
        tails = rows.tails
        self._numbers[slots[rows.order[tails]]] += rows.count[tails]
        if self._history is not None:
            columns = [column(batch.rows, name) for name in self._kept.names]
            self._history.add(rows, pa.RecordBatch.from_arrays(columns, schema=self._kept))
        self._keys.table.touch(slots)
        self._budget.check(self.held())
        return [self._widened(batch, found)]

    def _column(self, batch: Batch, rows: Arrivals, looked: _Looked | None) -> pa.Array:
        return self._numbered(rows) if looked is None else self._values(batch, rows, looked)

    def _added(self) -> list[pa.Field]:
        return list(self.schema)[len(self.schema) - len(self._functions) :]

    def _widened(self, batch: Batch, added: list[pa.Array]) -> Batch:
        arrays = [*batch.rows.columns, *added]
        whole = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return rebatched(batch, whole, batch.borders)

    def _fit(self) -> None:
        capacity = self._keys.table.capacity
        if len(self._numbers) < capacity:
            self._numbers = enlarged(self._numbers, capacity)
        if self._history is not None:
            self._history.grow(capacity)

    def _numbered(self, rows: Arrivals) -> pa.Array:
        numbers = np.empty(len(rows.order), np.int64)
        numbers[rows.order] = self._numbers[rows.slots[rows.order]] + rows.rank
        return pa.array(numbers)

    def _values(self, batch: Batch, rows: Arrivals, looked: _Looked) -> pa.Array:
        """Earlier values, those of a row side by side; the fill where there is no such row."""
        width = len(looked.offsets)
        index = np.zeros((batch.num_rows, width), np.int64)
        wanted: list[Int64s] = []
        count = 1
        first = 1  # 0 is the fill, then what comes out of the history, then the batch
        past: list[tuple[int, Int64s]] = []
        for at, offset in enumerate(looked.offsets):
            inside, place = self._before(rows, offset)
            known = np.flatnonzero(place >= 0)
            wanted.append(place[known])
            past.append((at, known))
            index[:, at] = inside
            count += len(known)
        inside = index >= 0
        index = np.where(inside, index + count, 0)
        for (at, known), places in zip(past, wanted, strict=True):
            index[known, at] = first + np.arange(len(places))
            first += len(places)
        values = [looked.fill]
        places = np.concatenate(wanted)
        if self._history is not None and len(places):
            values.append(self._history.take(looked.source, places))
        values.append(column(batch.rows, looked.source))
        found = pa.concat_arrays(values).take(pa.array(index.ravel()))
        if looked.single:
            return found
        offsets = np.arange(0, batch.num_rows * width + 1, width, dtype=np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), found)

    def _before(self, rows: Arrivals, offset: int) -> tuple[Int64s, Int64s]:
        if self._history is not None:
            return self._history.before(rows, offset)
        return np.arange(len(rows.slots)), np.full(len(rows.slots), -1, np.int64)

    # -- state ------------------------------------------------------------------------------

    def _saved(self, slots: Int64s) -> dict[str, pa.Array]:
        found = {"number": pa.array(self._numbers[slots])}
        if self._history is not None:
            found.update(self._history.saved(slots))
        return found

    def _load(self, slots: Int64s, rows: pa.RecordBatch) -> None:
        self._fit()
        self._numbers[slots] = rows.column("number").to_numpy()
        if self._history is not None:
            self._history.load(slots, rows)

    def held(self) -> StateSize:
        """The rows that are looked back at."""
        held = self._keys.table.nbytes + self._numbers.nbytes
        if self._history is not None:
            held += self._history.nbytes
        return StateSize(self._keys.table.live, held)

    def close(self) -> None:
        """Free the plan."""
        self._keys.close()


class _OneSlot(Saved):
    """The only substream: what `RowKeys` is for many."""

    def __init__(self, save: Save, load: Load) -> None:
        self.table = SlotTable()
        self._state = Slotted(self.table, save, load)

    def assign(self, batch: Batch) -> tuple[Int64s, Bools]:
        """Slot 0 for every row; none is told to be the first."""
        if not self.table.live:
            self.table.assign(np.zeros(1, np.uint64))
        return np.zeros(batch.num_rows, np.int64), np.zeros(batch.num_rows, np.bool_)

    def close(self) -> None:
        """Nothing to give back."""


def fitting(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The array in exactly this type."""
    return array if array.type.equals(kind) else array.cast(kind)


def _looked(function: Running, fill: pa.Array, rows: pa.Schema) -> _Looked | None:
    """How far back a function looks; None for row_number, which counts."""
    if function.name == "row_number":
        return None
    numbers = [int(each) for each in function.constants]
    source = function.args[0]
    fill = fitting(fill, rows.field(source).type)
    if function.name == "lags":
        return _Looked(source, tuple(range(numbers[0], numbers[1] + 1)), False, fill)
    return _Looked(source, (numbers[0],), True, fill)


def _fills(context: Context, functions: tuple[Running, ...]) -> list[pa.Array]:
    """What stands for a row that is not there, one value per function."""
    terms = ", ".join(f.fill or "NULL" for f in functions)
    one = pa.schema([pa.field("one", pa.int8())])
    statement = Statement(context.session, one, lambda table: f"SELECT {terms} FROM {table}")
    found = record_batch(statement.run(pa.record_batch([pa.array([1], pa.int8())], schema=one), 0))
    statement.close()
    return list(found.columns)
