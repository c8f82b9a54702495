"""The TimeDB API in the engine: series, runs, batches, updates and readings over its streams."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import pyarrow as pa

from engine.catalog import Catalog
from engine.errors import UserError
from engine.log.records import Commit, Record
from engine.owned_names import TIMEDB
from engine.protocol import Caller
from engine.timeseries import timedb_messages as msg
from engine.timeseries import timedb_streams as streams
from engine.timeseries.ground import Ground
from engine.timeseries.timedb_bodies import (
    BadBody,
    RunBody,
    SeriesBody,
    Update,
    UpdateBody,
    ValuesBody,
    decode,
)
from engine.timeseries.timedb_book import SeriesBook
from engine.timeseries.timedb_cutting import decode_rows
from engine.timeseries.timedb_ids import Block, Ids
from engine.timeseries.timedb_lists import SeriesLists
from engine.timeseries.timedb_reads import alone, statement
from engine.timeseries.timedb_rows import RunRows, ValueRows
from engine.timeseries.timedb_rule import FromSql
from engine.timeseries.timedb_updates import Asked, Updates
from engine.timeseries.timedb_writes import Shapes, Work, Writes, series_of

_encode = msgspec.msgpack.Encoder().encode
_LAST_SQL: Final = (
    f"SELECT to_unix_timestamp64_micro(max(change_time)), max(batch_id), max(value_id) "
    f"FROM table({streams.VALUES})",
    f"SELECT to_unix_timestamp64_micro(max(inserted_at)), max(batch_id), 0 "
    f"FROM table({streams.RUNS})",
)


class TimeDb:
    """See `engine.timeseries.ground.TimeSeriesApi`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._book = SeriesBook(ground.clock)
        self._lists = SeriesLists(self._book, ground.clock)
        self._ids = Ids(ground.clock)
        self._writes: Writes | None = None
        self._updating = asyncio.Lock()
        self._series_id = ""

    # -- life -----------------------------------------------------------------------------------

    async def open(self) -> None:
        """See TimeSeriesApi.open."""
        if self._all_there(self._ground.catalog):
            await self._begin()

    def _all_there(self, catalog: Catalog) -> bool:
        return all(catalog.get(each.name) is not None for each in streams.definitions())

    async def ensure(self) -> None:
        """See TimeSeriesApi.ensure."""
        if self._writes is None:
            await self._ground.ensure(TIMEDB, streams.definitions())
            await self._begin()

    async def _begin(self) -> None:
        """Take up what the streams hold, and follow them."""
        catalog, storage = self._ground.catalog, self._ground.storage
        shape = {
            name: streams.Shape(catalog.require(name))
            for name in (streams.SERIES, streams.RUNS, streams.VALUES, streams.IN)
        }
        self._series_id = shape[streams.SERIES].id
        storage.listen(self._heard)
        async for part in self._ground.fold(self._series_id):
            self._book.take(_series(part.rows))
        for sql in _LAST_SQL:
            for row in (await self._ground.table(sql)).to_pylist():
                instant, batch, value = (int(each or 0) for each in row.values())
                self._ids.begin(Block(instant, batch, value))
        shapes = Shapes(shape[streams.SERIES], shape[streams.RUNS], shape[streams.VALUES])
        writes = Writes(self._book, self._ids, shapes, self._ground.clock)
        rule = FromSql(writes, self._ground.clock)
        self._ground.derived.follow(shape[streams.IN].id, rule.follow)
        self._writes = writes

    def _heard(self, commit: Commit) -> None:
        """On the writer's thread: series that are durable now."""
        for part in commit.slices:
            if part.stream_id == self._series_id:
                self._book.take(_series(part.rows))

    # -- calls ----------------------------------------------------------------------------------

    async def call(self, verb: str, arguments: bytes, caller: Caller, body: bytes) -> bytes:
        """See TimeSeriesApi.call."""
        answer = self._asked(verb)
        if answer is not None:
            return _encode(await answer(arguments))
        written = {
            msg.CREATE_SERIES: self._create_series,
            msg.INSERT_RUN: self._insert_run,
            msg.INSERT_VALUES: self._insert_values,
            msg.UPDATE: self._update,
        }.get(verb)
        if written is None:
            raise UserError(f"The TimeDB API has no call '{verb[:40]}'.")
        try:
            return _encode(await written(_decode(arguments, msg.Writer), body))
        except BadBody as error:
            return _encode(msg.Invalid(error.faults))

    def _asked(self, verb: str) -> Any:
        return {
            msg.SERIES: self._list,
            msg.COUNT: self._count,
            msg.LABELS: self._labels,
            msg.READING: self._reading,
            msg.NAMED: self._named,
            msg.SHOWN: self._shown,
        }.get(verb)

    @property
    def _write(self) -> Writes:
        assert self._writes is not None, "ensure comes first"
        return self._writes

    async def _create_series(self, by: msg.Writer, body: bytes) -> msg.Answer:
        asked = decode(SeriesBody, body)
        instant = self._ids.take(0, 0).instant_us
        wanted = series_of(asked, instant)
        unset = msgspec.UNSET
        numbers = not all(f is unset for f in (asked.labels, asked.overlapping, asked.retention))
        work = Work()
        series = work.claim(self._book, wanted)
        await self._commit(work, instant)
        return msg.SeriesMade(series, _said(series, wanted), numbers)

    async def _insert_run(self, by: msg.Writer, body: bytes) -> msg.Answer:
        rows = RunRows()
        asked = await asyncio.to_thread(decode_rows, RunBody, body, "value_rows", rows)
        if (foreign := _foreign(asked.tenant_id, by.tenant)) is not None:
            return foreign
        work, run, series = await asyncio.to_thread(self._write.run, asked, rows, by.by)
        await self._commit(work, run.instant_us)
        return msg.RunMade(run.run_id, run.batch_id, series)

    async def _insert_values(self, by: msg.Writer, body: bytes) -> msg.Answer:
        rows = ValueRows("data")

        def made() -> tuple[Any, ...]:
            asked = decode_rows(ValuesBody, body, "data", rows)
            return asked, *self._write.batch(asked, rows, by.by)

        asked, work, run, series = await asyncio.to_thread(made)
        await self._commit(work, run.instant_us)
        sent = asked.series_id
        numbers = sent is None or str(sent).strip().isdigit()
        return msg.ValuesMade(run.run_id, run.batch_id, series, rows.count, numbers)

    async def _update(self, by: msg.Writer, body: bytes) -> msg.Answer:
        updates = Asked()
        await asyncio.to_thread(decode_rows, UpdateBody, body, "updates", updates)
        for tenant in updates.tenants:
            if (foreign := _foreign(tenant, by.tenant)) is not None:
                return foreign
        # A caller that leaves does not end it: the next update reads what this one wrote.
        return await asyncio.shield(self._updated(updates.all, by))

    async def _updated(self, asked: list[Update], by: msg.Writer) -> msg.Updated:
        updates = Updates(self._write, self._ground.table)
        async with self._updating:  # what it read is still so when it writes
            records, answer = await updates.apply(asked, by)
            if records:
                await self._ground.append(*records)
        return answer

    async def _commit(self, work: Work, instant_us: int) -> None:
        """Store it all; the series that it claimed are settled, whatever becomes of it."""
        # A caller that leaves does not end it: a series that is forgotten while its commit is under
        # way would be made twice.
        await asyncio.shield(self._stored(work, instant_us))

    async def _stored(self, work: Work, instant_us: int) -> None:
        try:
            records: Sequence[Record] = work.finish(self._write.shapes, instant_us)
            if records:
                await self._ground.append(*records)
        finally:
            self._book.settle(work.claims)

    # -- what is there --------------------------------------------------------------------------

    async def _list(self, arguments: bytes) -> msg.Found:
        return await self._lists.first(_decode(arguments, msg.ListOf))

    async def _shown(self, arguments: bytes) -> bytes:
        return self._lists.page(_decode(arguments, msg.Page))

    async def _count(self, arguments: bytes) -> int:
        return len(await self._lists.match(_decode(arguments, msg.SeriesFilter)))

    async def _labels(self, arguments: bytes) -> bytes:
        return await self._lists.label_values(_decode(arguments, msg.LabelsOf))

    async def _reading(self, arguments: bytes) -> msg.Reading:
        asked = _decode(arguments, msg.ReadFilter)
        if asked.among == msg.SeriesFilter():
            return msg.Reading(statement(asked, None))
        series = await self._lists.match(asked.among)
        if not series:
            return msg.Reading("")
        return msg.Reading(statement(asked, series), alone(asked, series))

    async def _named(self, arguments: bytes) -> list[msg.Series]:
        """The series of ids in either form; those that are not known are left out."""
        ids = _decode(arguments, list[str])
        return [found for each in ids if (found := self._book.by_id(each)) is not None]


def _decode(arguments: bytes, kind: Any) -> Any:
    return msgspec.msgpack.decode(arguments, type=kind)


def _foreign(tenant: str | None, mine: str) -> msg.ForeignTenant | None:
    """The answer to a body that names another tenant; UserError for what is no UUID."""
    if tenant is None:
        return None
    try:
        found = str(UUID(tenant.strip()))
    except ValueError:
        raise UserError(f"tenant_id '{tenant[:64]}' is not a UUID.") from None
    return None if found in (mine, msg.ZERO_TENANT) else msg.ForeignTenant(found)


def _said(series: msg.Series, wanted: msg.Series) -> str:
    """The message of a new series, with a warning where one that was there is another."""
    differs = [
        f"{name} is '{there}', not '{asked}'"
        for name, there, asked in (
            ("unit", series.unit, wanted.unit),
            ("overlapping", series.overlapping, wanted.overlapping),
        )
        if there != asked
    ]
    if not differs:
        return "Series created successfully"
    return f"Series exists already and stays as it is: its {' and its '.join(differs)}"


def _series(rows: pa.RecordBatch) -> list[msg.Series]:
    """Rows of the registry's stream."""
    wanted = (
        "series_id", "series_no", "name", "unit", "labels", "description", "overlapping",
        "retention", "inserted_at",
    )  # fmt: skip
    columns: list[Any] = [rows.column(name) for name in wanted]
    columns[-1] = columns[-1].cast(pa.int64())
    values = zip(*(column.to_pylist() for column in columns), strict=True)
    return [
        msg.Series(uuid, no, name, unit, dict(labels), text, overlapping, retention, inserted)
        for uuid, no, name, unit, labels, text, overlapping, retention, inserted in values
    ]
