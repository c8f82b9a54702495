"""Runs and batches of the TimeDB API: bodies to the records of one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from engine.clock import Clock
from engine.errors import NotFound, UserError
from engine.log.records import Append, Record
from engine.timeseries.timedb_bodies import RunBody, SeriesBody, Time, ValuesBody
from engine.timeseries.timedb_book import DIMENSIONLESS, SeriesBook
from engine.timeseries.timedb_ids import Block, Ids
from engine.timeseries.timedb_messages import Series, SeriesFilter
from engine.timeseries.timedb_rows import RunRows, ValueRows
from engine.timeseries.timedb_streams import TIERS, Shape, keep_until, series_columns
from engine.timeseries.timedb_times import micros
from engine.timeseries.timedb_units import convert

_encode = msgspec.json.Encoder().encode
MEDIUM = "medium"


@dataclass(frozen=True, slots=True)
class Shapes:
    """The stored forms of the streams that are written."""

    series: Shape
    runs: Shape
    values: Shape


@dataclass(slots=True)
class Work:
    """One commit in the making. `claimed`: the series whose rows it holds, to be settled."""

    records: list[Record] = field(default_factory=list[Record])
    claimed: dict[int, Series] = field(default_factory=dict[int, Series])
    claims: list[Series] = field(default_factory=list[Series])

    def claim(self, book: SeriesBook, wanted: Series) -> Series:
        """See `SeriesBook.claim`."""
        series, fresh = book.claim(wanted)
        if fresh:
            self.claims.append(series)
            self.claimed[series.no] = series
        return series

    def finish(self, shapes: Shapes, instant_us: int) -> list[Record]:
        """All records, the series first."""
        fresh = list(self.claimed.values())
        if not fresh:
            return self.records
        rows = shapes.series.append(len(fresh), series_columns(fresh), instant_us)
        return [rows, *self.records]


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what its row and its values have in common. Times are microseconds."""

    run_id: str
    batch_id: int
    workflow_id: str | None
    start_us: int
    finish_us: int | None
    known_us: int
    params: str | None
    changed_by: str | None
    instant_us: int

    def columns(self) -> dict[str, object]:
        """Its row."""
        return {
            "run_id": self.run_id,
            "batch_id": self.batch_id,
            "workflow_id": self.workflow_id,
            "run_start_time": self.start_us,
            "run_finish_time": self.finish_us,
            "known_time": self.known_us,
            "run_params": self.params,
            "changed_by": self.changed_by,
            "inserted_at": self.instant_us,
        }

    def of_values(self) -> dict[str, object]:
        """What each of its values repeats."""
        return {
            "run_id": self.run_id,
            "batch_id": self.batch_id,
            "known_time": self.known_us,
            "changed_by": self.changed_by,
            "change_time": self.instant_us,
        }


def new_series(name: str, instant_us: int, unit: str = DIMENSIONLESS, **more: object) -> Series:
    """A series to claim; its id and number are the book's."""
    plain = Series("", 0, name, unit, {}, None, False, MEDIUM, instant_us)
    return msgspec.structs.replace(plain, **more)


def series_of(body: SeriesBody, instant_us: int) -> Series:
    """The series that POST /series asks for; UserError for a blank name or an unknown tier."""
    retention = MEDIUM if body.retention is msgspec.UNSET else body.retention
    if not body.name.strip():
        raise UserError("The name of a series cannot be blank.")
    if retention not in TIERS:
        raise UserError(f"Unknown retention '{retention[:40]}': it is one of {', '.join(TIERS)}.")
    return new_series(
        body.name,
        instant_us,
        body.unit,
        labels={} if body.labels is msgspec.UNSET or body.labels is None else body.labels,
        description=body.description,
        overlapping=body.overlapping is True,
        retention=retention,
    )


def of_series(
    series: Sequence[Series], codes: pa.Array | None, change_us: int
) -> dict[str, object]:
    """The columns that say which series a value is of; without codes all are of the first."""
    held = [keep_until(s, change_us) for s in series]
    parts: dict[str, list[Any]] = {
        "series_id": [s.uuid for s in series],
        "series_no": [s.no for s in series],
        "series_key": [s.name for s in series],
        "series_unit": [s.unit for s in series],
        "keep_until": held,
    }
    if codes is None:
        return {name: values[0] for name, values in parts.items()}
    kinds = {"series_no": pa.int64(), "keep_until": pa.timestamp("us")}
    return {
        name: pa.array(values, kinds.get(name, pa.string())).take(codes)
        for name, values in parts.items()
    }


class Writes:
    """Makes records; nothing here waits. For any thread."""

    def __init__(self, book: SeriesBook, ids: Ids, shapes: Shapes, clock: Clock) -> None:
        self.book = book
        self.ids = ids
        self.shapes = shapes
        self._clock = clock

    def run(self, body: RunBody, rows: RunRows, by: str) -> tuple[Work, Run, dict[str, Series]]:
        """POST /runs: the commit, the run, the series of each key."""
        params = _encode(body.run_params).decode() if body.run_params is not None else None
        block = self.ids.take(rows.count)
        start = micros(body.run_start_time, ("body", "run_start_time"))
        run = Run(
            run_id=self._clock.uuid4(),
            batch_id=block.batch_id,
            workflow_id=body.workflow_id,
            start_us=start,
            finish_us=_maybe(body.run_finish_time, "run_finish_time"),
            known_us=block.instant_us if body.known_time is None else _known(body.known_time),
            params=params,
            changed_by=by or None,
            instant_us=block.instant_us,
        )
        work = Work()
        try:
            series, named = self._series_of_rows(rows, body, work, block.instant_us)
            work.records.append(self.shapes.runs.append(1, run.columns(), block.instant_us))
            if rows.count:
                whose = of_series(series, rows.codes, block.instant_us)
                work.records.append(self._values(run, whose, rows, rows.values, block))
        except BaseException:
            self.book.settle(work.claims)
            raise
        return work, run, named

    def _series_of_rows(
        self, rows: RunRows, body: RunBody, work: Work, instant_us: int
    ) -> tuple[list[Series], dict[str, Series]]:
        """The series that rows name, in the order of their codes, and those of each key."""
        texts = body.series_descriptions or {}
        series: list[Series] = []
        named: dict[str, Series] = {}
        for key, series_id in rows.whose:
            if series_id is None:
                wanted = new_series(key, instant_us, description=texts.get(key))
                found = work.claim(self.book, wanted)
            else:
                found = self.book.by_id(str(series_id))
                if found is None or found.name != key:
                    raise UserError(
                        f"There is no series with id {str(series_id)[:64]} that is called "
                        f"'{key[:80]}'."
                    )
            series.append(found)
            named[key] = found
        return series, named

    def batch(self, body: ValuesBody, rows: ValueRows, by: str) -> tuple[Work, Run, Series]:
        """POST /values: the commit, the batch, its series."""
        if not rows.count:
            raise UserError("'data' holds no values.")
        series = self._one_series(body)
        values = rows.values
        if body.unit is not None:
            values = convert(values, body.unit, series.unit)
        known = body.known_time if body.known_time is not None else body.knowledge_time
        given_us = None if known is None else _known(known)
        block = self.ids.take(rows.count)
        run = Run(
            run_id=self._clock.uuid4(),
            batch_id=block.batch_id,
            workflow_id=body.workflow_id,
            start_us=block.instant_us,
            finish_us=None,
            # Of a flat series the last write counts, whatever is said about its time.
            known_us=given_us if given_us is not None and series.overlapping else block.instant_us,
            params=_encode(body.batch_params).decode() if body.batch_params is not None else None,
            changed_by=by or None,
            instant_us=block.instant_us,
        )
        stored = self._values(run, of_series([series], None, block.instant_us), rows, values, block)
        runs = self.shapes.runs.append(1, run.columns(), block.instant_us)
        return Work([runs, stored]), run, series

    def _values(
        self, run: Run, whose: dict[str, object], rows: ValueRows, values: pa.Array, block: Block
    ) -> Append:
        columns: dict[str, object] = {
            **run.of_values(),
            **whose,
            "value_id": _numbers(block, rows.count),
            "valid_time": rows.valid,
            "valid_time_end": rows.ends,
            "value": values,
        }
        return self.shapes.values.append(rows.count, columns, block.instant_us)

    def _one_series(self, body: ValuesBody) -> Series:
        if body.series_id is None and body.name is None:
            raise UserError("Say which series: 'series_id', or 'name' with its 'labels'.")
        return self.one(body.series_id, body.name, body.labels)

    def one(
        self, series_id: str | int | None, name: str | None, labels: dict[str, str] | None
    ) -> Series:
        """The one series that is meant; NotFound for none, UserError for several."""
        if series_id is not None:
            found = self.book.by_id(str(series_id))
            if found is None or (name is not None and found.name != name):
                raise NotFound(f"There is no series with id {str(series_id)[:64]}.")
            return found
        exact = self.book.exact(name or "", labels or {})
        if exact is not None:
            return exact
        several = self.book.match(SeriesFilter(name=name, labels=labels))
        if not several:
            raise NotFound(
                f"There is no series called '{(name or '')[:80]}' with these labels; make it by "
                "POST /series."
            )
        if len(several) > 1:
            raise UserError(
                f"{len(several)} series are called '{(name or '')[:80]}' and have these labels; "
                "say more of their labels, or 'series_id'."
            )
        return several[0]


def _numbers(block: Block, count: int) -> pa.Array:
    return pa.array(np.arange(block.value_id, block.value_id + count))


def _maybe(given: Time | None, name: str) -> int | None:
    return None if given is None else micros(given, ("body", name))


def _known(given: Time) -> int:
    return micros(given, ("body", "known_time"))
