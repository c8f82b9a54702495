"""Answers of the TimeDB API but for its rows: their form, and how they come of the engine's."""

from __future__ import annotations

from typing import Any

import msgspec

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


class LabelValues(msgspec.Struct, frozen=True):
    """All values of a label."""

    label_key: str
    values: list[str]


class Count(msgspec.Struct, frozen=True):
    """How many series fit."""

    count: int


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
