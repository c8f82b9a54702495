"""Rows of GET /values: batches of the engine's rows to objects, with what their series say."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec

from controlplane.compat.timedb.pieces import Body, whole_or_parts
from engine.protocol import Rows
from engine.timeseries.timedb_messages import PAGE, ReadFilter, Series

Id = str | int
Number = float | str | None  # a text is inf or nan, which JSON does not have
Named = Callable[[list[str]], Awaitable[list[Series]]]

_flat: Final = msgspec.json.Decoder(list[tuple[str, Id, Number]]).decode
_overlapping: Final = msgspec.json.Decoder(list[tuple[str, str, Id, Number]]).decode
_versions: Final = msgspec.json.Decoder(list[list[Any]]).decode
_encode: Final = msgspec.json.Encoder().encode


class ValueRows:
    """Makes the objects of one answer. `named` finds series by id; `alone` is the one of all rows
    when they do not say it."""

    def __init__(
        self, asked: ReadFilter, alone: Series | None, *, filtered: bool, named: Named
    ) -> None:
        self._asked = asked
        self._alone = alone
        self._filtered = filtered
        self._named = named
        # As many as series in the answer.
        self._of: dict[Id, tuple[dict[str, Any], dict[str, Any]]] = {}
        # The same as the text before a value and behind it.
        self._json_of: dict[Id, tuple[str, str]] = {}
        self.count = 0
        if alone is not None:
            self._know(alone)

    async def piece(self, rows: Rows) -> bytes:
        """The objects of a batch, with commas between them."""
        self.count += rows.count
        if self._asked.all_versions:
            return _encode(await self._all_versions(_versions(rows.payload)))[1:-1]
        if self._alone is not None:
            return self._of_one(rows.payload, *self._json_of[self._id(self._alone)])
        if self._asked.overlapping:
            return await self._of_runs(_overlapping(rows.payload))
        return await self._newest(_flat(rows.payload))

    # The JSON of these is written by hand: half of what an encoder takes with its objects.

    def _of_one(self, payload: bytes, head: str, tail: str) -> bytes:
        """Of `[["time",value],...]`, in a run `[["time","time",value],...]`, without reading it."""
        rows = payload[len(b'[["') : -len(b"]]")]
        if not rows:
            return b""
        if payload.find(b'"]') >= 0:
            for text in (b'"nan"', b'"inf"', b'"-inf"'):
                rows = (rows + b"]").replace(b",%b]" % text, b",null]")[:-1]
        first, end = b'{"valid_time":"', tail.encode()
        if self._asked.overlapping:
            first = b'{"known_time":"'
            # Where a series says something, no byte is 0: its text is JSON.
            rows = rows.replace(b'","', b"\0")
        rows = rows.replace(b'",', b'",' + head.encode())  # behind the time before the value
        rows = rows.replace(b'],["', end + b"," + first)
        return first + rows.replace(b"\0", b'","valid_time":"') + end

    async def _newest(self, rows: list[tuple[str, Id, Number]]) -> bytes:
        await self._learn(row[1] for row in rows)
        of = self._json_of
        made = [
            f'{{"valid_time":"{t}",{of[s][0]}{v if v.__class__ is float else "null"}{of[s][1]}'
            for t, s, v in rows
        ]
        return ",".join(made).encode()

    async def _of_runs(self, rows: list[tuple[str, str, Id, Number]]) -> bytes:
        await self._learn(row[2] for row in rows)
        of = self._json_of
        made = [
            f'{{"known_time":"{k}","valid_time":"{t}",{of[s][0]}'
            f"{v if v.__class__ is float else 'null'}{of[s][1]}"
            for k, t, s, v in rows
        ]
        return ",".join(made).encode()

    async def _all_versions(self, rows: list[list[Any]]) -> list[dict[str, Any]]:
        skip = 1 if self._asked.overlapping else 0
        await self._learn(row[skip + 1] for row in rows)
        return [self._version(row, skip) for row in rows]

    def _version(self, row: list[Any], skip: int) -> dict[str, Any]:
        valid, whose, value, known, value_id, note, tags, who, changed, current = row[skip:]
        known = _iso(known)
        names, more = self._of[whose]
        found: dict[str, Any] = {"known_time": known} if skip else {}
        found |= {
            "valid_time": _iso(valid), "series_id": whose, "value": _number(value), **names,
            "known_time": known, "value_id": value_id, "annotation": note, "tags": tags or None,
            "changed_by": who, "change_time": _iso(changed), "is_current": bool(current), **more,
        }  # fmt: skip
        return found

    async def _learn(self, ids: Iterable[Id]) -> None:
        """What is said of the series of a batch."""
        unknown = list(set(ids) - self._of.keys())
        for start in range(0, len(unknown), PAGE):
            part = unknown[start : start + PAGE]
            for series in await self._named([str(each) for each in part]):
                self._know(series)

    def _know(self, series: Series) -> None:
        whose = self._id(series)
        names, more = self._of[whose] = self._said(series)
        rest = _encode({**names, **more}).decode()
        head = _encode({"series_id": whose, "value": None}).decode()
        self._json_of[whose] = (head[1 : -len("null}")], f",{rest[1:]}")

    def _id(self, series: Series) -> Id:
        return series.no if self._asked.numbers else series.uuid

    def _said(self, series: Series) -> tuple[dict[str, Any], dict[str, Any]]:
        names = {"series_key": series.name, "series_unit": series.unit}
        more = {"name": series.name, "unit": series.unit, "labels": series.labels}
        return names, more if self._filtered else {}


async def body(rows: AsyncGenerator[Rows], made: ValueRows) -> Body:
    """The answer: whole if it is short, else in pieces as the rows come."""
    # The count comes last in a long one, since only the last row says it.
    pieces = (await made.piece(batch) async for batch in rows)
    return await whole_or_parts(
        pieces, lambda data: b'{"count":%d,"data":[%b]}' % (made.count, data),
        b'{"data":[', lambda: b'],"count":%d}' % made.count,
    )  # fmt: skip


def _iso(text: str) -> str:
    """A time of the engine as ISO text with the offset, as Python writes it."""
    end = 26 if text[19:26] != ".000000" else 19
    return f"{text[:10]}T{text[11:end]}+00:00"


def _number(value: Number) -> float | None:
    return None if isinstance(value, str) else value
