"""Long bodies of the TimeDB API, cut between their rows: read as if they were in one piece."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from engine.errors import UserError
from engine.timeseries import timedb_cutting
from engine.timeseries import timedb_messages as msg
from engine.timeseries.timedb_bodies import BadBody, RunBody, ValuesBody
from tests.engine.place import Place
from tests.engine.timedb_calls import at, batch, create, hours, read, run, write

KINDS = ((RunBody, "value_rows"), (ValuesBody, "data"))
# What a client may write around and between rows.
SEPARATORS = ((",", ":"), (", ", ": "), (" ,\n ", ": "))


class Taken:
    """Keeps rows."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.sizes: list[int] = []

    def take(self, rows: list[Any]) -> None:
        self.rows += rows
        self.sizes.append(len(rows))

    def clear(self) -> None:
        self.rows.clear()


def decoded(kind: type[Any], body: bytes, name: str) -> tuple[Any, ...]:
    """The head and the rows, or what does not fit."""
    taken = Taken()
    try:
        return timedb_cutting.decode_rows(kind, body, name, taken), taken.rows
    except BadBody as error:
        return "bad", [(fault.type, fault.loc) for fault in error.faults]


def text(given: random.Random) -> str:
    return "".join(given.choice('ab"\\},{[]: \n\u00e9') for _ in range(given.randrange(12)))


def row(given: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {
        "valid_time": given.choice((at(1), 5)),
        "value": text(given) if given.random() < 0.01 else 1.25,
        "value_key": text(given),
    }
    if given.random() < 0.05:
        found["extra"] = [{"valid_time": 1, "value_key": "x"}] * given.randrange(5)
    if given.random() < 0.01:
        del found["valid_time"]
    items = list(found.items())
    given.shuffle(items)
    return dict(items)


def body(given: random.Random, name: str) -> bytes:
    """A body, as it should be or not."""
    fields: list[tuple[str, Any]] = [(name, [row(given) for _ in range(given.randrange(40))])]
    if given.random() < 0.9:
        fields.append(("run_start_time", 3))
    if given.random() < 0.3:
        inner = [{"b": text(given)} for _ in range(given.randrange(20))]
        fields.append(("run_params", {"a": inner}))
    if given.random() < 0.2:
        fields.append(("other", given.choice(([{"c": 1}, {"d": text(given)}] * 4, None))))
    given.shuffle(fields)
    comma, colon = separators = given.choice(SEPARATORS)
    parts = [
        json.dumps(key) + colon + json.dumps(value, separators=separators, ensure_ascii=False)
        for key, value in fields
    ]
    found = b"{%b}" % comma.join(parts).encode()
    if given.random() < 0.1:
        place = given.randrange(len(found))
        odd = given.choice((b"", b"}", b",", b'"', b"\xff", b"x"))
        found = found[:place] + odd + found[place + given.randrange(2) :]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_body_in_pieces_is_what_it_is_whole(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    given = random.Random(seed)
    good = 0
    for _ in range(400):
        kind, name = given.choice(KINDS)
        content = body(given, name)
        monkeypatch.setattr(timedb_cutting, "PIECE_BYTES", 1 << 20)
        whole = decoded(kind, content, name)
        monkeypatch.setattr(timedb_cutting, "PIECE_BYTES", given.choice((20, 50, 100, 300)))
        assert decoded(kind, content, name) == whole, content
        good += whole[0] != "bad"
    assert good > 100


@pytest.mark.parametrize(
    "content",
    [
        '{"data":[%s],"data":[%s],"series_id":1}',
        '{"other":[%s],"data":[%s]}',
        '{"data":[%s],"other":[%s]}',
        '{"data":[{"valid_time":1,"extra":[%s]}],"other":[%s]}',
    ],
)
def test_lists_that_are_not_the_rows(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [",".join(f'{{"valid_time":{n + k}}}' for n in range(20)) for k in (0, 100)]
    content = content % tuple(lists)
    whole = decoded(ValuesBody, content.encode(), "data")
    for size in range(10, 700, 7):
        monkeypatch.setattr(timedb_cutting, "PIECE_BYTES", size)
        assert decoded(ValuesBody, content.encode(), "data") == whole


@pytest.mark.parametrize("looks_like", ['a"},{"b', "\\\\", "},{", '\\"},{\\'])
def test_texts_that_look_like_borders_keep_no_body_whole(
    looks_like: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"valid_time": n, "value_key": looks_like} for n in range(400)]
    content = json.dumps({"run_start_time": 1, "value_rows": rows}, separators=(",", ":"))
    monkeypatch.setattr(timedb_cutting, "PIECE_BYTES", 1_000)
    taken = Taken()
    timedb_cutting.decode_rows(RunBody, content.encode(), "value_rows", taken)
    assert [(one.valid_time, one.value_key) for one in taken.rows] == [
        (n, looks_like) for n in range(400)
    ]
    assert max(taken.sizes) < 100


def test_what_is_no_json_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ",".join('{"valid_time":1}' for _ in range(50))
    content = b'{"data":[%b,{"valid_time"}]}' % rows.encode()
    found: list[str] = []
    for size in (1 << 20, 100):
        monkeypatch.setattr(timedb_cutting, "PIECE_BYTES", size)
        with pytest.raises(BadBody) as error:
            timedb_cutting.decode_rows(ValuesBody, content, "data", Taken())
        found += [fault.msg for fault in error.value.faults]
    assert found[0] == found[1]
    assert f"(byte {content.index(b'}]}')})" in found[0]


@pytest.mark.asyncio(loop_scope="module")
async def test_values_and_runs_in_pieces_are_stored(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timedb_cutting, "PIECE_BYTES", 200)
    made = await create(place, overlapping=True)
    values = [(float(n), None if n % 7 == 3 else n + 0.5) for n in range(100)]
    answer = await batch(place, made, *values)
    assert answer.rows == 100
    assert [(hours(t), v) for t, _, v in await read(place)] == values
    rows = [(("a", "b", "c")[n % 3], float(n), float(n)) for n in range(100)]
    stored = await run(place, *rows)
    of = {stored.series[key].no: key for key in ("a", "b", "c")}
    found = [(of[s], hours(t), v) for t, s, v in await read(place) if s in of]
    assert found == rows


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_wrong_in_a_late_piece_names_its_row(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timedb_cutting, "PIECE_BYTES", 200)
    made = await create(place)
    good = [{"valid_time": at(n), "value": 1.0} for n in range(60)]
    for wrong, where in (
        ({"valid_time": "soon"}, ("body", "data", 60, "valid_time")),
        ({"valid_time": at(1), "valid_time_end": "no"}, ("body", "data", 60, "valid_time_end")),
        ({"valid_time": at(1), "value": "x"}, ("body", "data", 60, "value")),
    ):
        answer = await write(
            place, msg.INSERT_VALUES, {"series_id": made.no, "data": [*good, wrong, *good]}
        )
        assert isinstance(answer, msg.Invalid)
        assert answer.faults[0].loc == where
    ends = {"valid_time": at(2), "valid_time_end": at(1)}
    with pytest.raises(UserError, match=r"data\[60\]: valid_time_end must be later"):
        await write(place, msg.INSERT_VALUES, {"series_id": made.no, "data": [*good, ends]})
    assert await read(place) == []
    ends["valid_time_end"] = at(3)
    await write(
        place, msg.INSERT_VALUES, {"series_id": made.no, "data": [*good[5:], ends, *good[:2]]}
    )
    [[end]] = await place.rows(
        "select valid_time from table(timedb_values) where valid_time_end is not null"
    )
    assert hours(end) == 2
