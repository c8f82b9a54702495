"""Objects of GET /values, made of the engine's rows without reading them."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from controlplane.compat.timedb.values import ValueRows
from engine.encode import JsonEncoder
from engine.protocol import Rows
from engine.timeseries.timedb_messages import ReadFilter, Series, SeriesFilter
from engine.types import FLOAT64, STRING, DataType, arrow_type

# What might be taken for the border of a row or of a value.
WORDS = st.lists(
    st.sampled_from(['],["', '","', '",', '"]', "nan", '"nan"]', "\0", "\\", '"', "[[", "é", "a"])
).map("".join)
ODD = [None, math.nan, math.inf, -math.inf, -0.0, 2.0, 1e16, 5e-324]
VALUES = st.one_of(st.sampled_from(ODD), st.floats())
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(
    lambda time: time.replace(tzinfo=UTC).isoformat()
)


async def nobody(ids: list[str]) -> list[Series]:
    raise AssertionError(f"{ids} is known")


def payload(*columns: tuple[DataType, list[Any]]) -> bytes:
    """What the engine makes of rows."""
    encoder = JsonEncoder([(str(at), kind) for at, (kind, _) in enumerate(columns)])
    arrays = {str(at): pa.array(v, arrow_type(kind)) for at, (kind, v) in enumerate(columns)}
    return encoder.encode(pa.table(arrays))


@given(
    name=WORDS,
    labels=st.dictionaries(WORDS, WORDS, max_size=2),
    rows=st.lists(st.tuples(TIMES, TIMES, VALUES), max_size=5),
    numbers=st.booleans(),
    overlapping=st.booleans(),
    filtered=st.booleans(),
)
def test_rows_of_one_series(
    name: str,
    labels: dict[str, str],
    rows: list[tuple[str, str, float | None]],
    numbers: bool,
    overlapping: bool,
    filtered: bool,
) -> None:
    series = Series("u-1", 7, name, "MW", labels, None, overlapping, "medium", 0)
    asked = ReadFilter(among=SeriesFilter(), overlapping=overlapping, numbers=numbers)
    made = ValueRows(asked, series, filtered=filtered, named=nobody)
    known = [(STRING, [known for known, *_ in rows])] if overlapping else []
    times, values = [valid for _, valid, _ in rows], [value for *_, value in rows]
    body = payload(*known, (STRING, times), (FLOAT64, values))
    found = asyncio.run(made.piece(Rows(len(rows), body)))
    more = {"name": name, "unit": "MW", "labels": labels} if filtered else {}
    said = {"series_key": name, "series_unit": "MW", **more}
    expected = [
        {
            **({"known_time": at} if overlapping else {}),
            "valid_time": valid,
            "series_id": 7 if numbers else "u-1",
            "value": value if value is not None and math.isfinite(value) else None,
            **said,
        }
        for at, valid, value in rows
    ]
    shown = json.loads(b"[%b]" % found)
    assert [list(each.items()) for each in shown] == [list(each.items()) for each in expected]
    assert all(each["value"].__class__ in (float, type(None)) for each in shown)
    assert made.count == len(rows)
