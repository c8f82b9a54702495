"""Lists of series as the TimeDB API shows them: in their order, as JSON, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
import numpy as np
import pyarrow as pa

from engine.clock import Clock
from engine.compute import pc
from engine.timeseries.timedb_book import SeriesBook
from engine.timeseries.timedb_messages import (
    PAGE,
    Form,
    Found,
    LabelsOf,
    ListedSeries,
    ListOf,
    Page,
    Series,
    SeriesFilter,
    ShownSeries,
)

# Looking through more series than this is for a thread.
QUICK_SERIES: Final = 2_000
# So many are made into an array, or into JSON, in one go: more would hold the interpreter.
_STEP: Final = 5_000
# Series whose JSON is kept once it was made: at most some 15 MB, a quarter of a kilobyte each.
PIECES_MAX: Final = 50_000
# Answers that are kept until there is a new series: 16 MiB at most.
ANSWERS_MAX: Final = 32
_ANSWER_BYTES_MAX: Final = 512 << 10
_NUMBERS: Final = np.dtype("<i8")
_ORDER: Final = [("name", "ascending"), ("unit", "ascending"), ("no", "ascending")]
_encode: Final = msgspec.json.Encoder().encode


class SeriesLists:
    """Reads the book; for the loop's thread."""

    def __init__(self, book: SeriesBook, clock: Clock) -> None:
        self._book = book
        # Versions of another life of this object, or of another one, are never taken for ours.
        self._life = clock.uuid4()
        # By number: what a series is never changes.
        self._pieces: dict[int, bytes] = {}
        # By what was asked.
        self._answers: dict[bytes, Found] = {}

    async def match(self, among: SeriesFilter) -> list[Series]:
        """Those that fit, in any order."""
        if len(self._book) <= QUICK_SERIES:
            return self._book.match(among)
        return await asyncio.to_thread(self._book.match, among)

    async def first(self, asked: ListOf) -> Found:
        """The list: by name, unit and number."""
        key = msgspec.msgpack.encode((asked.form, asked.among))
        known = self._answers.get(key)
        # Series only come, so that their count tells whether there are others now.
        version = f"{self._life}.{len(self._book)}"
        if known is not None and known.version == version:
            return Found(b"", b"", version) if asked.held == version else known
        found = await self.match(asked.among)
        if len(found) > QUICK_SERIES:
            numbers = await asyncio.to_thread(_in_order, found)
            first = self._book.by_number(numbers[:PAGE].tolist())
            return Found(self._json(first, asked.form), numbers[PAGE:].tobytes())
        found.sort(key=attrgetter("name", "unit", "no"))
        rest = np.array([series.no for series in found[PAGE:]], _NUMBERS)
        first = self._json(found[:PAGE], asked.form)
        if len(key) + len(first) + rest.nbytes > _ANSWER_BYTES_MAX:
            return Found(first, rest.tobytes())
        if len(self._answers) >= ANSWERS_MAX:
            self._answers.clear()
        answer = self._answers[key] = Found(first, rest.tobytes(), version)
        return answer

    def page(self, asked: Page) -> bytes:
        """The JSON of some of a list, with commas between them."""
        numbers = np.frombuffer(asked.numbers, _NUMBERS)
        return self._json(self._book.by_number(numbers[:PAGE].tolist()), asked.form)

    async def label_values(self, asked: LabelsOf) -> bytes:
        """The JSON of the values of one label among those that fit: sorted, each once."""
        found = await self.match(asked.among)
        if len(found) <= QUICK_SERIES:
            values = {s.labels[asked.key] for s in found if asked.key in s.labels}
            return _encode(sorted(values))[1:-1]
        return await asyncio.to_thread(_distinct, found, asked.key)

    def _json(self, series: Sequence[Series], form: Form) -> bytes:
        if form == "keys":
            named = {s.uuid: ListedSeries(s.name, s.description, s.unit) for s in series}
            return _encode(named)[1:-1]
        if form == "uuids":
            return _encode([_shown(s, s.uuid, series_no=s.no) for s in series])[1:-1]
        kept = self._pieces
        return b",".join([kept.get(s.no) or self._piece(s) for s in series])

    def _piece(self, series: Series) -> bytes:
        if len(self._pieces) >= PIECES_MAX:
            self._pieces.clear()
        piece = _encode(_shown(series, series.no, series_uuid=series.uuid))
        self._pieces[series.no] = piece
        return piece


def _shown(series: Series, series_id: str | int, **other: Any) -> ShownSeries:
    return ShownSeries(
        series_id,
        series.name,
        series.description,
        series.unit,
        series.labels,
        series.overlapping,
        cast("Any", series.retention),
        **other,
    )


def _steps(series: Sequence[Series]) -> Iterator[Sequence[Series]]:
    for start in range(0, len(series), _STEP):
        yield series[start : start + _STEP]


def _in_order(found: list[Series]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The numbers of many, sorted where no interpreter is held."""
    table = pa.table(
        {
            "name": pa.chunked_array([pa.array([s.name for s in p]) for p in _steps(found)]),
            "unit": pa.chunked_array([pa.array([s.unit for s in p]) for p in _steps(found)]),
            "no": pa.chunked_array([pa.array([s.no for s in p]) for p in _steps(found)]),
        }
    )
    order = pc.sort_indices(table, sort_keys=_ORDER)
    return pc.take(table.column("no"), order).to_numpy().astype(_NUMBERS, copy=False)


def _distinct(found: list[Series], key: str) -> bytes:
    parts = [
        pa.array([s.labels[key] for s in p if key in s.labels], pa.string()) for p in _steps(found)
    ]
    values = pc.unique(pa.chunked_array(parts, pa.string()))
    values = pc.take(values, pc.sort_indices(values))
    slices = (values.slice(at, _STEP) for at in range(0, len(values), _STEP))
    return b",".join([_encode(each.to_pylist())[1:-1] for each in slices])
