"""Updates of the TimeDB API: which version each is about, and the new versions."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
import pyarrow as pa

from engine.errors import NotFound, TooLarge, UserError
from engine.log.records import Record
from engine.timeseries.timedb_bodies import Update
from engine.timeseries.timedb_messages import Series, Updated, Version, number_of
from engine.timeseries.timedb_reads import instant, text
from engine.timeseries.timedb_streams import RUNS, VALUES, keep_until
from engine.timeseries.timedb_times import micros
from engine.timeseries.timedb_writes import Writes

# One request holds so many updates at most: their present versions are read before one is written.
UPDATES_MAX: Final = 10_000
# A statement names so many versions at most; as plain numbers, which cost little to plan.
_PER_STATEMENT: Final = 2_000
UNSET: Final = msgspec.UNSET

Table = Callable[[str], Awaitable[pa.Table]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One update with its series and its time."""

    at: int
    update: Update
    series: Series
    valid_us: int
    known_us: int | None
    run: str
    batch: int | None

    @property
    def numbers(self) -> bool:
        """Whether the answer shows the series by its number."""
        if self.update.series_id is not None:
            return str(self.update.series_id).strip().isdigit()
        return self.update.run_id is None


@dataclass(slots=True)
class _Held:
    """The version that an update begins with; `value_id` 0 = there is none yet."""

    value_id: int
    run_id: str
    batch_id: int
    known_us: int
    end_us: int | None
    value: float | None
    annotation: str | None
    tags: tuple[str, ...]
    changed_by: str | None


# By number of the series and time: the newest version of each run.
_Versions = dict[tuple[int, int], list[_Held]]


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _PER_STATEMENT):
        yield items[start : start + _PER_STATEMENT]


def _among(pairs: Sequence[tuple[int, int]]) -> str:
    """SQL of the rows of these series at these times, and no others."""
    numbers = sorted({no for no, _ in pairs})
    times = sorted({us for _, us in pairs})
    us = "to_unix_timestamp64_micro(valid_time)"
    exact = f"{us} IN ({', '.join(map(str, times))})"
    if len(numbers) * len(times) > len(pairs):  # not each series at each time
        named = ", ".join(f"'{no} {us}'" for no, us in pairs)
        exact = f"concat(to_string(series_no), ' ', to_string({us})) IN ({named})"
    return (
        f"series_no IN ({', '.join(map(str, numbers))}) AND valid_time >= {instant(times[0])} "
        f"AND valid_time <= {instant(times[-1])} AND {exact}"
    )


class Updates:
    """Makes the new versions; the caller sees to it that one request works at a time."""

    def __init__(self, writes: Writes, table: Table) -> None:
        self._writes = writes
        self._table = table

    async def apply(self, updates: Sequence[Update], by: str) -> tuple[list[Record], Updated]:
        """The records of all updates, and the answer; nothing is stored yet."""
        if not updates:
            raise UserError("'updates' is empty.")
        if len(updates) > UPDATES_MAX:
            raise TooLarge(f"{len(updates)} updates in one request; at most {UPDATES_MAX} are.")
        wanted = await asyncio.to_thread(self._all_wanted, updates)
        versions = await self._versions(wanted)
        pairs = await asyncio.to_thread(_pairs, wanted, versions)
        runs = await self._runs([one for one, held in pairs if held is None])
        return await asyncio.to_thread(self._records, _chosen(pairs, runs), by)

    def _all_wanted(self, updates: Sequence[Update]) -> list[_Wanted]:
        return [self._wanted(at, update) for at, update in enumerate(updates)]

    def _wanted(self, at: int, update: Update) -> _Wanted:
        here = ("body", "updates", at)
        given = (update.value, update.annotation, update.tags, update.changed_by)
        if all(each is UNSET for each in given):
            raise UserError(
                f"updates[{at}] changes nothing: give value, annotation, tags or changed_by."
            )
        run, batch = _run_of(at, update)
        if update.series_id is None and update.name is None:
            raise UserError(f"updates[{at}]: say which series: series_id, or name with labels.")
        try:
            _check_id(at, "series_id", update.series_id)
            series = self._writes.one(update.series_id, update.name, update.labels)
        except NotFound as error:
            if run:
                raise
            raise UserError(f"updates[{at}]: {error.message}") from None
        known = update.known_time if update.known_time is not None else update.knowledge_time
        known_us = None if known is None else micros(known, (*here, "known_time"))
        valid_us = micros(update.valid_time, (*here, "valid_time"))
        return _Wanted(at, update, series, valid_us, known_us, run, batch)

    async def _versions(self, wanted: Sequence[_Wanted]) -> _Versions:
        """The newest version of each run at the times of the updates."""
        found: dict[tuple[int, int], list[_Held]] = defaultdict(list)
        for part in _parts(sorted({(one.series.no, one.valid_us) for one in wanted})):
            rows = await self._table(
                "SELECT series_no, valid_time, value_id, run_id, batch_id, known_time, "
                "valid_time_end, value, annotation, tags, changed_by "
                f"FROM table({VALUES}) WHERE {_among(part)} "
                "ORDER BY value_id DESC LIMIT 1 BY run_id, series_no, valid_time"
            )
            for no, valid, *more in await asyncio.to_thread(_rows, rows):
                value_id, run, batch, known, end, value, note, tags, who = more
                held = _Held(value_id, run, batch, known, end, value, note, tuple(tags), who)
                found[no, valid].append(held)
        return found

    async def _runs(self, unborn: Sequence[_Wanted]) -> dict[str, tuple[str, int, int]]:
        """The runs that get a first version: id, number of the batch, known_time."""
        for one in unborn:
            if not one.run or one.update.value is UNSET:
                raise UserError(
                    f"updates[{one.at}]: there is no value of series '{one.series.name[:80]}' at "
                    "this time to update; with run_id and value it becomes the run's first one."
                )
        found: dict[str, tuple[str, int, int]] = {}
        for part in _parts(unborn):
            ids = ", ".join(sorted({text(one.run) for one in part if one.batch is None}))
            numbers = ", ".join(sorted({str(one.batch) for one in part if one.batch is not None}))
            rows = await self._table(
                f"SELECT run_id, batch_id, known_time FROM table({RUNS}) "
                f"WHERE run_id IN ({ids or text('')}) OR batch_id IN ({numbers or '-1'})"
            )
            for run, batch, known in _rows(rows):
                found[run] = found[str(batch)] = (run, batch, known)
        return found

    def _records(
        self, chosen: list[tuple[_Wanted, _Held]], by: str
    ) -> tuple[list[Record], Updated]:
        """The new versions of those that change, and what became of each."""
        changed: list[tuple[_Wanted, _Held]] = []
        skipped: list[Version] = []
        for one, held in chosen:
            after = _after(one.update, held)
            if held.value_id and after == _without_author(held, one.update):
                skipped.append(_version(one, held, 0))
            else:
                held.value, held.annotation, held.tags, _ = after
                said = one.update.changed_by
                held.changed_by = (by or None) if said is UNSET else said
                changed.append((one, held))
        if not changed:
            return [], Updated((), tuple(skipped))
        block = self._writes.ids.take(len(changed), 0)
        numbers = range(block.value_id, block.value_id + len(changed))
        columns: dict[str, object] = {
            "value_id": list(numbers),
            "series_id": [one.series.uuid for one, _ in changed],
            "series_no": [one.series.no for one, _ in changed],
            "series_key": [one.series.name for one, _ in changed],
            "series_unit": [one.series.unit for one, _ in changed],
            "run_id": [held.run_id for _, held in changed],
            "batch_id": [held.batch_id for _, held in changed],
            "valid_time": [one.valid_us for one, _ in changed],
            "valid_time_end": [held.end_us for _, held in changed],
            "value": [held.value for _, held in changed],
            "known_time": [held.known_us for _, held in changed],
            "annotation": [held.annotation for _, held in changed],
            "tags": [list(held.tags) for _, held in changed],
            "changed_by": [held.changed_by for _, held in changed],
            "change_time": block.instant_us,
            "keep_until": [keep_until(one.series, block.instant_us) for one, _ in changed],
        }
        record = self._writes.shapes.values.append(len(changed), columns, block.instant_us)
        made = zip(changed, numbers, strict=True)
        written = tuple(_version(one, held, no) for (one, held), no in made)
        return [record], Updated(written, tuple(skipped))


def _pairs(wanted: Sequence[_Wanted], versions: _Versions) -> list[tuple[_Wanted, _Held | None]]:
    """Each update with the version that it begins with, if there is one."""
    return [(one, _choose(one, versions.get((one.series.no, one.valid_us), []))) for one in wanted]


def _chosen(
    pairs: Sequence[tuple[_Wanted, _Held | None]], runs: dict[str, tuple[str, int, int]]
) -> list[tuple[_Wanted, _Held]]:
    """The updates to do: of several of one version the last, in its own place."""
    chosen: dict[tuple[int, int, str], tuple[_Wanted, _Held]] = {}
    for one, found in pairs:
        held = found
        if held is None:
            run = runs.get(one.run) or runs.get(str(one.batch))
            if run is None:
                raise NotFound(f"updates[{one.at}]: there is no such run.")
            held = _Held(0, *run, None, None, None, (), None)
        key = (one.series.no, one.valid_us, held.run_id)
        chosen.pop(key, None)
        chosen[key] = (one, held)
    return list(chosen.values())


def _choose(one: _Wanted, held: list[_Held]) -> _Held | None:
    """The version that an update names; without a name the current one."""
    if one.run:
        held = [h for h in held if h.run_id == one.run or h.batch_id == one.batch]
    elif one.batch is not None:
        held = [h for h in held if h.batch_id == one.batch]
    elif one.known_us is not None:
        held = [h for h in held if h.known_us == one.known_us]
    return max(held, key=lambda h: (h.known_us, h.value_id), default=None)


def _after(update: Update, held: _Held) -> tuple[Any, ...]:
    """Value, annotation, tags and author when the update is done."""
    note = held.annotation if update.annotation is UNSET else update.annotation
    tags = held.tags if update.tags is UNSET else clean_tags(update.tags or [])
    return (
        held.value if update.value is UNSET else update.value,
        (note or "").strip() or None,
        tags,
        held.changed_by if update.changed_by is UNSET else update.changed_by,
    )


def _without_author(held: _Held, update: Update) -> tuple[Any, ...]:
    return held.value, held.annotation, held.tags, held.changed_by


def clean_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Trimmed, in lower case, none blank, none twice, in order."""
    return tuple(sorted({tag.strip().lower() for tag in tags} - {""}))


def _run_of(at: int, update: Update) -> tuple[str, int | None]:
    """The run by UUID or by number: ("", None) when none is named; a number of `run_id` makes the
    first not empty as well."""
    if update.run_id is not None:
        given = str(update.run_id).strip().lower()
        if (number := number_of(given)) is not None:
            return f"batch {number}", number
        return _check_id(at, "run_id", given), None
    if update.batch_id is not None:
        given = str(update.batch_id).strip().lower()
        if (number := number_of(given)) is not None:
            return "", number
        return _check_id(at, "batch_id", given), None
    return "", None


def _check_id(at: int, name: str, given: str | int | None) -> str:
    """The id as it is stored; UserError for a text that is no UUID."""
    words = str(given).strip().lower()
    if given is None or number_of(words) is not None:
        return words
    try:
        return str(uuid.UUID(words))
    except ValueError:
        raise UserError(f"updates[{at}]: {name} '{words[:64]}' is not a UUID.") from None


def _version(one: _Wanted, held: _Held, value_id: int) -> Version:
    return Version(value_id, held.run_id, held.batch_id, one.series, one.valid_us, one.numbers)


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    """Rows with times as microseconds."""
    columns: list[list[Any]] = []
    for column in table.columns:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us")).cast(pa.int64())
        columns.append(column.to_pylist())
    return list(zip(*columns, strict=True))
