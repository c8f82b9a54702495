"""Calls of the Kronicle API into an engine, as the control plane makes them."""

from __future__ import annotations

import json
from typing import Any

from engine.owned_names import SeriesCall
from engine.timeseries.kronicle_messages import (
    Asked,
    Done,
    Listed,
    Reading,
    Refused,
    decode_answer,
    encode_asked,
)
from tests.engine.place import Place
from tests.sql.virtual_engine import ME

LAB = "0b1e1a5e-0000-4000-8000-00000000000a"
GREEN = "0b1e1a5e-0000-4000-8000-00000000000b"
STREAM = "channel_" + LAB.replace("-", "")


async def ask(place: Place, verb: str, body: Any = None, **asked: Any) -> Any:
    """The engine's answer; `body` is JSON, or bytes as they are."""
    if "parameters" in asked:
        asked["parameters"] = tuple(asked["parameters"].items())
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    call = SeriesCall("kronicle", verb, encode_asked(Asked(**asked)))
    return decode_answer(await place.engine.series(call, ME, raw))


async def done(place: Place, verb: str, body: Any = None, **asked: Any) -> Done:
    """An answer that refuses nothing."""
    found = await ask(place, verb, body, **asked)
    assert isinstance(found, Done), found
    return found


async def listed(place: Place, **asked: Any) -> Listed:
    """A page of channels."""
    found = await ask(place, "list", **asked)
    assert isinstance(found, Listed), found
    return found


async def refused(place: Place, verb: str, body: Any = None, **asked: Any) -> Refused:
    """An answer that refuses."""
    found = await ask(place, verb, body, **asked)
    assert isinstance(found, Refused), found
    return found


async def rows_of(place: Place, channel: str = LAB, **parameters: str) -> list[list[Any]]:
    """The rows that a reading request gets."""
    found = await ask(place, "read", id=channel, parameters=parameters)
    assert isinstance(found, Reading), found
    return await place.rows(found.sql)


async def make(place: Place, channel: str = LAB, **fields: Any) -> Done:
    """A channel with a temperature, unless the fields say otherwise."""
    body = {"channel_id": channel, "channel_schema": {"time": "datetime", "temp": "float"}}
    return await done(place, "create", {**body, **fields})


def row(second: int, temp: Any, **more: Any) -> dict[str, Any]:
    """A row of `make`."""
    return {"time": f"2025-01-10T00:00:{second:02}Z", "temp": temp, **more}
