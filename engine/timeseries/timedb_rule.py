"""The way in from SQL: rows of `timedb_in` become runs, series and values in the same commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from engine.clock import Clock
from engine.compute import pc
from engine.errors import UserError
from engine.log.records import Append, Outcome, Record
from engine.timeseries.timedb_book import DIMENSIONLESS
from engine.timeseries.timedb_ids import Block
from engine.timeseries.timedb_messages import Series
from engine.timeseries.timedb_times import MICROSECONDS, first_not_later
from engine.timeseries.timedb_units import convert
from engine.timeseries.timedb_writes import Run, Work, Writes, new_series, of_series

WORKFLOW: Final = "sql"
Hear = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class _Groups:
    """Which rows belong together: a code per row, and what stands for each code."""

    codes: pa.Array
    keys: list[tuple[Any, ...]]


class FromSql:
    """`follow` is the rule; it may be called from any thread."""

    def __init__(self, writes: Writes, clock: Clock) -> None:
        self._writes = writes
        self._clock = clock

    def follow(self, append: Append) -> tuple[list[Record], Hear | None]:
        """Each append is a run of its own; rows of one append that say other workflows or known
        times are several. UserError when a row cannot be a value: nothing is stored then."""
        rows = append.rows
        if not rows.num_rows:
            return [], None
        _check(rows)
        runs = _run_groups(append)
        block = self._writes.ids.take(rows.num_rows, len(runs.keys))
        work = Work()
        try:
            made = [self._run(key, at, block) for at, key in enumerate(runs.keys)]
            series, units = self._series(rows, work, block.instant_us)
            values = _in_units(rows, series, units)
            # A repeated id leaves out the runs and values of its append, as it does the append.
            of_append = np.bincount([key[0] for key in runs.keys], minlength=append.appends)
            run_borders = np.concatenate(((0,), np.cumsum(of_append)))
            run_rows = self._run_rows(made, block.instant_us)
            value_rows = self._value_rows(rows, made, runs.codes, (series, units, values), block)
            work.records = [
                replace(run_rows, borders=run_borders, idempotency=append.idempotency),
                replace(value_rows, borders=append.borders, idempotency=append.idempotency),
            ]
            records = work.finish(self._writes.shapes, block.instant_us)
        except BaseException:
            self._writes.book.settle(work.claims)
            raise

        def hear(_: Outcome) -> None:
            self._writes.book.settle(work.claims)

        return records, hear

    def _run(self, key: tuple[Any, ...], at: int, block: Block) -> Run:
        _, workflow, known = key
        return Run(
            run_id=self._clock.uuid4(),
            batch_id=block.batch_id + at,
            workflow_id=workflow or WORKFLOW,
            start_us=block.instant_us,
            finish_us=None,
            known_us=block.instant_us if known is None else known,
            params=None,
            changed_by=None,
            instant_us=block.instant_us,
        )

    def _run_rows(self, made: list[Run], instant_us: int) -> Append:
        rows = [run.columns() for run in made]
        columns: dict[str, object] = {name: [row[name] for row in rows] for name in rows[0]}
        return self._writes.shapes.runs.append(len(rows), columns, instant_us)

    def _series(
        self, rows: pa.RecordBatch, work: Work, instant_us: int
    ) -> tuple[list[Series], _Groups]:
        """The series of each distinct name, labels and unit."""
        labels: list[Any] = [()] * rows.num_rows
        column = rows.column("labels")
        if pc.sum(pc.list_value_length(column.cast(_pairs(column.type)))).as_py():
            labels = [tuple(sorted(pairs)) for pairs in column.to_pylist()]
        units = rows.column("unit").to_pylist()
        found = _grouped(zip(rows.column("name").to_pylist(), labels, units, strict=True))
        # A series that is new has the unit of the first row that says one.
        claimed: dict[tuple[Any, ...], Series] = {}
        for key in sorted(found.keys, key=lambda key: not key[2]):
            name, pairs, unit = key
            wanted = new_series(name, instant_us, unit or DIMENSIONLESS, labels=dict(pairs))
            claimed[key] = work.claim(self._writes.book, wanted)
        series = [claimed[key] for key in found.keys]
        return series, found

    def _value_rows(
        self,
        rows: pa.RecordBatch,
        made: list[Run],
        of_run: pa.Array,
        whose: tuple[list[Series], _Groups, pa.Array],
        block: Block,
    ) -> Append:
        series, groups, values = whose
        columns: dict[str, object] = {
            **of_series(series, groups.codes, block.instant_us),
            "value_id": pa.array(np.arange(block.value_id, block.value_id + rows.num_rows)),
            "run_id": pa.array([run.run_id for run in made]).take(of_run),
            "batch_id": pa.array([run.batch_id for run in made], pa.int64()).take(of_run),
            "known_time": pa.array([run.known_us for run in made], MICROSECONDS).take(of_run),
            "valid_time": rows.column("valid_time"),
            "valid_time_end": rows.column("valid_time_end"),
            "value": values,
            "change_time": block.instant_us,
        }
        return self._writes.shapes.values.append(rows.num_rows, columns, block.instant_us)


def _check(rows: pa.RecordBatch) -> None:
    """UserError for the first row that cannot be a value."""
    blank = pc.index(pc.equal(pc.utf8_trim_whitespace(rows.column("name")), ""), True).as_py()
    if blank >= 0:
        raise UserError(f"timedb_in: row {blank + 1} has no name, so it is of no series.")
    wrong = first_not_later(rows.column("valid_time"), rows.column("valid_time_end"))
    if wrong is not None:
        raise UserError(
            f"timedb_in: row {wrong + 1} has a valid_time_end that is not later than its "
            "valid_time."
        )


def _run_groups(append: Append) -> _Groups:
    counts = np.diff(append.borders)
    numbers = np.repeat(np.arange(len(counts)), counts).tolist()
    workflows = append.rows.column("workflow_id").to_pylist()
    known = append.rows.column("known_time").cast(pa.int64()).to_pylist()
    return _grouped(zip(numbers, workflows, known, strict=True))


def _grouped(keys: Any) -> _Groups:
    """Codes of equal keys, in order of their first row."""
    places: dict[tuple[Any, ...], int] = {}
    codes = [places.setdefault(key, len(places)) for key in keys]
    return _Groups(pa.array(codes, pa.int32()), list(places))


def _in_units(rows: pa.RecordBatch, series: list[Series], groups: _Groups) -> pa.Array:
    """The values, those that say another unit than their series' converted to that."""
    values = rows.column("value")
    for at, (one, (_, _, unit)) in enumerate(zip(series, groups.keys, strict=True)):
        if unit and unit != one.unit:
            mine = pc.equal(groups.codes, at)
            values = pc.replace_with_mask(
                values, mine, convert(values.filter(mine), unit, one.unit)
            )
    return values


def _pairs(labels: pa.MapType) -> pa.DataType:
    """A map as the list that it is stored as."""
    fields = [pa.field("key", labels.key_type), pa.field("value", labels.item_type)]
    return pa.list_(pa.struct(fields))
