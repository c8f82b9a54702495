"""Answers of the TimeDB API but for its rows: their form, and how they come of the engine's."""

from __future__ import annotations

from typing import Any, Literal, cast

import msgspec

from controlplane.compat.timedb.query_texts import iso
from engine.timeseries import timedb_messages as msg

Id = str | int


class CreatedSeries(msgspec.Struct, frozen=True, omit_defaults=True):
    """A series that was made, or was there; its other id stands beside it."""

    series_id: Id
    message: str
    series_no: int | None = None
    series_uuid: str | None = None


class CreatedRun(msgspec.Struct, frozen=True):
    """A run that was stored; `series_nos` has the series' other ids."""

    run_id: str
    message: str
    series_ids: dict[str, str]
    batch_id: int
    series_nos: dict[str, int]


class InsertedValues(msgspec.Struct, frozen=True):
    """A batch that was stored; `batch_id` is null for a flat series."""

    batch_id: int | None
    series_id: Id
    rows_inserted: int
    run_id: str


class ShownSeries(msgspec.Struct, frozen=True):
    """A series in a list."""

    series_id: Id
    name: str
    description: str | None
    unit: str
    labels: dict[str, str]
    overlapping: bool
    retention: Literal["short", "medium", "long"]
    series_uuid: str | msgspec.UnsetType = msgspec.UNSET
    series_no: int | msgspec.UnsetType = msgspec.UNSET


class ListedSeries(msgspec.Struct, frozen=True):
    """A series of /list_timeseries."""

    series_key: str
    description: str | None
    unit: str


class LabelValues(msgspec.Struct, frozen=True):
    """All values of a label."""

    label_key: str
    values: list[str]


class Count(msgspec.Struct, frozen=True):
    """How many series fit."""

    count: int


class UpdatedValue(msgspec.Struct, frozen=True):
    """The key of a value; `value_id` is that of its new version."""

    run_id: str
    batch_id: int
    tenant_id: str
    series_id: Id
    valid_time: str
    value_id: int | msgspec.UnsetType = msgspec.UNSET


class UpdatedValues(msgspec.Struct, frozen=True):
    """What became of updates."""

    updated: list[UpdatedValue]
    skipped_no_ops: list[UpdatedValue]


class Values(msgspec.Struct, frozen=True):
    """Rows of a reading; see docs/timedb.md for the columns of each mode."""

    count: int
    data: list[dict[str, Any]]


def created(answer: msg.SeriesMade) -> CreatedSeries:
    """POST /series."""
    series = answer.series
    if answer.numbers:
        return CreatedSeries(series.no, answer.message, series_uuid=series.uuid)
    return CreatedSeries(series.uuid, answer.message, series_no=series.no)


def created_run(answer: msg.RunMade) -> CreatedRun:
    """POST /runs and /upload."""
    return CreatedRun(
        answer.run_id,
        "Run created successfully",
        {key: series.uuid for key, series in answer.series.items()},
        answer.batch_id,
        {key: series.no for key, series in answer.series.items()},
    )


def inserted(answer: msg.ValuesMade) -> InsertedValues:
    """POST /values."""
    series = answer.series
    return InsertedValues(
        answer.batch_id if series.overlapping else None,
        series.no if answer.numbers else series.uuid,
        answer.rows,
        answer.run_id,
    )


def shown(series: msg.Series, *, numbers: bool) -> ShownSeries:
    """GET /series."""
    return ShownSeries(
        series.no if numbers else series.uuid,
        series.name,
        series.description,
        series.unit,
        series.labels,
        series.overlapping,
        cast("Literal['short', 'medium', 'long']", series.retention),
        series_uuid=series.uuid if numbers else msgspec.UNSET,
        series_no=msgspec.UNSET if numbers else series.no,
    )


def shown_json(page: list[msg.Series], *, numbers: bool) -> bytes:
    """A page of GET /series, without the brackets."""
    return msgspec.json.encode([shown(one, numbers=numbers) for one in page])[1:-1]


def listed_json(page: list[msg.Series]) -> bytes:
    """A page of GET /list_timeseries, without the braces."""
    found = {s.uuid: ListedSeries(s.name, s.description, s.unit) for s in page}
    return msgspec.json.encode(found)[1:-1]


def updated(answer: msg.Updated, tenant: str) -> UpdatedValues:
    """PUT /values."""
    return UpdatedValues(
        [_version(one, tenant) for one in answer.updated],
        [_version(one, tenant) for one in answer.skipped],
    )


def _version(one: msg.Version, tenant: str) -> UpdatedValue:
    return UpdatedValue(
        one.run_id,
        one.batch_id,
        tenant,
        one.series.no if one.numbers else one.series.uuid,
        iso(one.valid_us),
        one.value_id or msgspec.UNSET,
    )
