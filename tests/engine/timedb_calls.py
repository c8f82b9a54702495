"""Calls of the TimeDB API into an engine, as the control plane makes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from engine.owned_names import SeriesCall
from engine.timeseries import timedb_messages as msg
from tests.engine.place import Place
from tests.sql.virtual_engine import ME

START = datetime(2025, 1, 1, tzinfo=UTC)
US = 1_000_000


def at(hours: float) -> str:
    """ISO text of so many hours after START."""
    return (START + timedelta(hours=hours)).isoformat()


def micros(hours: float) -> int:
    """The same as the engine's own number."""
    return int((START + timedelta(hours=hours)).timestamp()) * US


async def write(place: Place, verb: str, body: Any, by: str = "ann@example.com") -> Any:
    """The engine's answer to a body; `body` is JSON, or bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    arguments = msgspec.msgpack.encode(msg.Writer(msg.ZERO_TENANT, by))
    answer = await place.engine.series(SeriesCall("timedb", verb, arguments), ME, raw)
    return msgspec.msgpack.decode(answer, type=msg.Answer)


async def ask(place: Place, verb: str, arguments: Any, kind: Any) -> Any:
    """The engine's answer to a question."""
    call = SeriesCall("timedb", verb, msgspec.msgpack.encode(arguments))
    return msgspec.msgpack.decode(await place.engine.series(call, ME, b""), type=kind)


async def create(place: Place, name: str = "wind", **more: Any) -> msg.Series:
    """A series that is made, or there."""
    made = await write(place, msg.CREATE_SERIES, {"name": name, **more})
    assert isinstance(made, msg.SeriesMade), made
    return made.series


async def run(place: Place, *values: tuple[str, float, float | None], **more: Any) -> msg.RunMade:
    """A run of (key, hour, value)."""
    rows = [{"valid_time": at(t), "value_key": key, "value": v} for key, t, v in values]
    body = {"run_start_time": at(0), "value_rows": rows, **more}
    made = await write(place, msg.INSERT_RUN, body)
    assert isinstance(made, msg.RunMade), made
    return made


async def batch(
    place: Place, series: msg.Series, *values: tuple[float, float | None], **more: Any
) -> msg.ValuesMade:
    """A batch of (hour, value)."""
    data = [{"valid_time": at(t), "value": v} for t, v in values]
    made = await write(place, msg.INSERT_VALUES, {"series_id": series.no, "data": data, **more})
    assert isinstance(made, msg.ValuesMade), made
    return made


async def update(place: Place, *updates: dict[str, Any]) -> msg.UpdatedValues:
    """Updates that are done."""
    made = await write(place, msg.UPDATE, {"updates": list(updates)})
    assert isinstance(made, msg.Updated), made
    return msgspec.json.decode(made.json, type=msg.UpdatedValues)


async def listed(place: Place, form: msg.Form = "numbers", **among: Any) -> list[msg.ShownSeries]:
    """A list as the client sees it, all its pages together."""
    asked = msg.ListOf(among=msg.SeriesFilter(**among), form=form)
    found = await ask(place, msg.SERIES, asked, msg.Found)
    pages = [found.first]
    step = msg.PAGE * msg.NUMBER_BYTES
    for start in range(0, len(found.rest), step):
        page = msg.Page(numbers=found.rest[start : start + step], form=form)
        pages.append(await ask(place, msg.SHOWN, page, bytes))
    return msgspec.json.decode(b"[%b]" % b",".join(pages), type=list[msg.ShownSeries])


async def read(place: Place, **asked: Any) -> list[list[Any]]:
    """Rows of a reading."""
    among = msg.SeriesFilter(**asked.pop("among", {}))
    wanted = msg.ReadFilter(among=among, numbers=True, **asked)
    found = await ask(place, msg.READING, wanted, msg.Reading)
    rows = await place.rows(found.sql) if found.sql else []
    if found.alone is not None:  # they do not say whose they are
        return [[*row[:-1], found.alone.no, row[-1]] for row in rows]
    return rows


def hours(text: str) -> float:
    """An engine's time as hours after START."""
    found = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (found - START) / timedelta(hours=1)
