"""Updates of the TimeDB API: which version each is about, and the new versions."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pyarrow as pa

from engine.errors import NotFound, TooLarge, UserError
from engine.log.records import Record
from engine.timeseries.timedb_bodies import Update
from engine.timeseries.timedb_messages import Series, Updated, UpdatedValue, Writer, number_of
from engine.timeseries.timedb_reads import instant, text
from engine.timeseries.timedb_streams import RUNS, VALUES, keep_until
from engine.timeseries.timedb_times import column
from engine.timeseries.timedb_writes import Writes

# One request holds so many updates at most: their present versions are read before one is written.
UPDATES_MAX: Final = 10_000
# So many series or runs stand in a statement as a plain list, which costs more the longer it is.
_LISTED_MAX: Final = 100
# A condition is at most so long: the statement has to stay below the setting sql_bytes_max.
_CONDITION_BYTES_MAX: Final = 64 << 10
# Rows that are made of columns in one go: more would hold the interpreter.
_ROWS: Final = 2_000
UNSET: Final = msgspec.UNSET
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encode: Final = msgspec.json.Encoder().encode
_HELD_COLUMNS: Final = (
    "series_no, valid_time, known_time, value_id, run_id, batch_id, valid_time_end, value, "
    "annotation, tags, changed_by"
)

Table = Callable[[str], Awaitable[pa.Table]]
Pair = tuple[int, int]  # the number of a series, and a time in microseconds


@dataclass(slots=True)
class _Wanted:
    """One update with its series and its time. `run`, `batch`: see `_run_of`; `numbers`: whether
    the answer shows the series by its number."""

    at: int
    update: Update
    series: Series
    run: str
    batch: int | None
    numbers: bool
    valid_us: int = 0
    known_us: int | None = None

    @property
    def named(self) -> bool:
        """Whether it says which version it is about; else it is the current one."""
        return bool(self.run) or self.batch is not None or self.known_us is not None


@dataclass(slots=True)
class _Held:
    """The version that an update begins with; `value_id` 0 = there is none yet."""

    known_us: int
    value_id: int
    run_id: str
    batch_id: int
    end_us: int | None
    value: float | None
    annotation: str | None
    tags: list[str]
    changed_by: str | None


# By series and time: the newest version of each run, or the current one alone.
_Versions = dict[Pair, list[_Held]]


def _texts(values: Sequence[object]) -> str:
    """SQL of a set of texts that hold no comma: one literal, since many cost a second to plan."""
    return f"(SELECT array_join(split_by_char(',', '{','.join(map(str, values))}')))"


def _among(pairs: Sequence[Pair]) -> str:
    """SQL of the rows of these series at these times, and no others."""
    numbers = sorted({no for no, _ in pairs})
    times = sorted({us for _, us in pairs})
    first = times[0]
    # Times are mostly steps of a minute or an hour: their counts are short.
    step = math.gcd(*(us - first for us in times)) or 1
    found = [f"valid_time >= {instant(first)} AND valid_time <= {instant(times[-1])}"]
    if len(numbers) <= _LISTED_MAX:
        found.append(f"series_no IN ({', '.join(map(str, numbers))})")
    else:
        found.append(f"series_no >= {numbers[0]} AND series_no <= {numbers[-1]}")
    since = f"(to_unix_timestamp64_micro(valid_time) - to_int64({first}))"
    steps = f"to_string(int_div({since}, to_int64({step})))"
    if len(numbers) * len(times) > len(pairs) or len(numbers) > _LISTED_MAX:
        words = [f"{no} {(us - first) // step}" for no, us in pairs]
        found.append(f"concat(to_string(series_no), ' ', {steps}) IN {_texts(words)}")
    elif len(times) > 1:
        found.append(f"{steps} IN {_texts([(us - first) // step for us in times])}")
    if step > 1:
        found.append(f"{since} % to_int64({step}) = 0")
    return " AND ".join(found)


def _conditions(pairs: Sequence[Pair]) -> Iterator[str]:
    """`_among`, in so many parts that each is short enough."""
    found = _among(pairs)
    if len(found) > _CONDITION_BYTES_MAX and len(pairs) > 1:
        half = len(pairs) // 2
        yield from _conditions(pairs[:half])
        yield from _conditions(pairs[half:])
    else:
        yield found


def _where(wanted: Sequence[_Wanted]) -> list[str]:
    return list(_conditions(sorted({(one.series.no, one.valid_us) for one in wanted})))


class Asked:
    """The updates of a body, taken piece by piece, and the tenants that they name."""

    def __init__(self) -> None:
        self.all: list[Update] = []
        self.tenants: dict[str, None] = {}

    def clear(self) -> None:
        """See `Taker.clear`."""
        self.all.clear()
        self.tenants.clear()

    def take(self, rows: list[Update]) -> None:
        """See `Taker.take`; TooLarge for more than one request holds."""
        self.all += rows
        if len(self.all) > UPDATES_MAX:
            raise TooLarge(f"More than {UPDATES_MAX} updates in one request.")
        named = [update.tenant_id for update in rows]
        self.tenants.update(dict.fromkeys(tenant for tenant in named if tenant is not None))


class Updates:
    """Makes the new versions; the caller sees to it that one request works at a time."""

    def __init__(self, writes: Writes, table: Table) -> None:
        self._writes = writes
        self._table = table

    async def apply(self, updates: Sequence[Update], by: Writer) -> tuple[list[Record], Updated]:
        """The records of all updates, and the answer; nothing is stored yet."""
        if not updates:
            raise UserError("'updates' is empty.")
        wanted = await asyncio.to_thread(self._wanted, updates)
        current = await self._versions([one for one in wanted if not one.named], _CURRENT)
        named = await self._versions([one for one in wanted if one.named], _OF_EACH_RUN)
        pairs = await asyncio.to_thread(_pairs, wanted, current, named)
        runs = await self._runs([one for one, held in pairs if held is None])
        return await asyncio.to_thread(self._records, pairs, runs, by)

    def _wanted(self, updates: Sequence[Update]) -> list[_Wanted]:
        of = _Names(self._writes)
        found = [of.wanted(at, update) for at, update in enumerate(updates)]
        here = ("body", "updates")
        known = [u.knowledge_time if u.known_time is None else u.known_time for u in updates]
        times = zip(
            _micros(column([u.valid_time for u in updates], here, "valid_time")),
            _micros(column(known, here, "known_time")),
            strict=True,
        )
        for one, (valid_us, known_us) in zip(found, times, strict=True):
            one.valid_us, one.known_us = valid_us, known_us
        return found

    async def _versions(self, wanted: Sequence[_Wanted], which: str) -> _Versions:
        """The versions at the times of the updates."""
        found: _Versions = {}
        if not wanted:
            return found
        for condition in await asyncio.to_thread(_where, wanted):
            rows = await self._table(
                f"SELECT {_HELD_COLUMNS} FROM table({VALUES}) WHERE {condition} {which}"
            )
            await asyncio.to_thread(_hold, rows, found)
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
        names = sorted({(one.run, one.batch) for one in unborn}, key=str)
        for start in range(0, len(names), _LISTED_MAX):
            part = names[start : start + _LISTED_MAX]
            ids = ", ".join(text(run) for run, batch in part if batch is None)
            numbers = ", ".join(str(batch) for _, batch in part if batch is not None)
            rows = await self._table(
                f"SELECT run_id, batch_id, known_time FROM table({RUNS}) "
                f"WHERE run_id IN ({ids or text('')}) OR batch_id IN ({numbers or '-1'})"
            )
            for run, batch, known in _rows(rows):
                found[run] = found[str(batch)] = (run, batch, known)
        return found

    def _records(
        self,
        pairs: Sequence[tuple[_Wanted, _Held | None]],
        runs: dict[str, tuple[str, int, int]],
        by: Writer,
    ) -> tuple[list[Record], Updated]:
        """The new versions of those that change, and what became of each."""
        changed: list[tuple[_Wanted, _Held]] = []
        skipped: list[tuple[_Wanted, _Held]] = []
        for one, held in _chosen(pairs, runs):
            after = _after(one.update, held)
            if held.value_id and after == _now(held):
                skipped.append((one, held))
            else:
                held.value, held.annotation, held.tags, _ = after
                said = one.update.changed_by
                held.changed_by = (by.by or None) if said is UNSET else said
                changed.append((one, held))
        if not changed:
            return [], _answer([], range(0), skipped, by)
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
            "tags": [held.tags for _, held in changed],
            "changed_by": [held.changed_by for _, held in changed],
            "change_time": block.instant_us,
            "keep_until": [keep_until(one.series, block.instant_us) for one, _ in changed],
        }
        record = self._writes.shapes.values.append(len(changed), columns, block.instant_us)
        return [record], _answer(changed, numbers, skipped, by)


class _Names:
    """What updates name, each name looked up once."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._series: dict[object, Series] = {}
        self._run: dict[object, tuple[str, int | None]] = {}

    def wanted(self, at: int, update: Update) -> _Wanted:
        """The update with its series and run, still without its times."""
        given = (update.value, update.annotation, update.tags, update.changed_by)
        if given == (UNSET, UNSET, UNSET, UNSET):
            raise UserError(
                f"updates[{at}] changes nothing: give value, annotation, tags or changed_by."
            )
        names = (update.run_id, update.batch_id)
        run = self._run.get(names)
        if run is None:
            run = self._run[names] = _run_of(at, update)
        if update.series_id is None and update.name is None:
            raise UserError(f"updates[{at}]: say which series: series_id, or name with labels.")
        labels = None if update.labels is None else tuple(update.labels.items())
        key = (update.series_id, update.name, labels)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._one(at, update, run[0])
        if update.series_id is None:
            numbers = update.run_id is None
        else:
            numbers = str(update.series_id).strip().isdigit()
        return _Wanted(at, update, series, *run, numbers)

    def _one(self, at: int, update: Update, run: str) -> Series:
        try:
            _check_id(at, "series_id", update.series_id)
            return self._writes.one(update.series_id, update.name, update.labels)
        except NotFound as error:
            if run:
                raise
            raise UserError(f"updates[{at}]: {error.message}") from None


# Which of the versions at a time are read.
_CURRENT: Final = "ORDER BY known_time DESC, value_id DESC LIMIT 1 BY series_no, valid_time"
_OF_EACH_RUN: Final = "ORDER BY value_id DESC LIMIT 1 BY run_id, series_no, valid_time"


def _micros(times: pa.Array) -> list[Any]:
    return times.cast(pa.int64()).to_pylist()


def _hold(rows: pa.Table, found: _Versions) -> None:
    for start in range(0, rows.num_rows, _ROWS):
        for no, valid, *held in _rows(rows.slice(start, _ROWS)):
            found.setdefault((no, valid), []).append(_Held(*held))


def _pairs(
    wanted: Sequence[_Wanted], current: _Versions, named: _Versions
) -> list[tuple[_Wanted, _Held | None]]:
    """Each update with the version that it begins with, if there is one."""
    return [
        (
            one,
            _choose(one, (named if one.named else current).get((one.series.no, one.valid_us), [])),
        )
        for one in wanted
    ]


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
            run_id, batch_id, known_us = run
            held = _Held(known_us, 0, run_id, batch_id, None, None, None, [], None)
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
    return (
        held.value if update.value is UNSET else update.value,
        (note or "").strip() or None,
        held.tags if update.tags is UNSET else clean_tags(update.tags or []),
        held.changed_by if update.changed_by is UNSET else update.changed_by,
    )


def _now(held: _Held) -> tuple[Any, ...]:
    return held.value, held.annotation, held.tags, held.changed_by


def clean_tags(tags: Sequence[str]) -> list[str]:
    """Trimmed, in lower case, none blank, none twice, in order."""
    return sorted({tag.strip().lower() for tag in tags} - {""})


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


def _answer(
    changed: Sequence[tuple[_Wanted, _Held]],
    numbers: range,
    skipped: Sequence[tuple[_Wanted, _Held]],
    by: Writer,
) -> Updated:
    """What the client hears of each."""
    done = [
        _said(one, held, by.tenant, value_id)
        for (one, held), value_id in zip(changed, numbers, strict=True)
    ]
    left = [_said(one, held, by.tenant, UNSET) for one, held in skipped]
    return Updated(_encode({"updated": done, "skipped_no_ops": left}))


def _said(
    one: _Wanted, held: _Held, tenant: str, value_id: int | msgspec.UnsetType
) -> UpdatedValue:
    series = one.series.no if one.numbers else one.series.uuid
    time = (_EPOCH + timedelta(microseconds=one.valid_us)).isoformat()
    return UpdatedValue(held.run_id, held.batch_id, tenant, series, time, value_id)


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Rows with times as microseconds."""
    columns: list[list[Any]] = []
    for each in table.columns:
        if pa.types.is_timestamp(each.type):
            each = each.cast(pa.timestamp("us")).cast(pa.int64())
        columns.append(each.to_pylist())
    return zip(*columns, strict=True)
