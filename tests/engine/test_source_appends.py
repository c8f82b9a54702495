"""Appends of sources: rows, positions and dead letters in one commit, each once."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import msgspec
import pytest

from engine.dead_letter import DeadLetter
from engine.errors import EngineUnavailable, NotFound, StorageFull, UserError
from engine.protocol import IngestRequest
from engine.source_appends import SourceAck, SourceAppend
from tests.engine.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = "source:0c6e4a52-8f6d-4e6b-9a35-5d3f0a8c1b11"
OTHER = "source:1d7e4a52-8f6d-4e6b-9a35-5d3f0a8c1b22"
LETTERS = "_dlq_trucks_0c6e4a52"


async def append(
    place: Place,
    epoch: int,
    number: int,
    *messages: bytes,
    **more: Any,
) -> SourceAck:
    sizes = struct.pack(f"<{len(messages)}I", *map(len, messages))
    given: dict[str, Any] = {"owner": SOURCE, "stream": "s", **more}
    request = SourceAppend(name="trucks", epoch=epoch, number=number, sizes=sizes, **given)
    return await place.engine.append_source(request, b"\n".join(messages))


async def rows(place: Place, sql: str = "select i, k from table(s) order by i") -> Any:
    return await place.rows(sql)


async def test_rows_and_positions_are_one_commit(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    opened = await place.engine.open_source(SOURCE)
    assert (opened.number, opened.saved) == (0, {})
    messages = b'{"i":1,"k":"a"}', b'[{"i":2},{"i":3,"k":"c"}]', b'{\n"i":4\n}'
    ack = await append(place, opened.epoch, 1, *messages, saved={"at": b"4", "old": b"1"})
    assert ack == SourceAck(4)
    ack = await append(
        place, opened.epoch, 2, b'{"i":5}', b'{"i":6}', saved={"at": b"6", "old": b""}
    )
    assert ack == SourceAck(2)
    assert len(await place.rows("select _tp_sn from table(s) group by _tp_sn")) == 2  # one append
    await place.kill()
    opened = await place.engine.open_source(SOURCE)
    assert (opened.number, opened.saved) == (2, {"at": b"6"})
    assert await rows(place) == [[1, "a"], [2, ""], [3, "c"], [4, ""], [5, ""], [6, ""]]


async def test_an_append_that_comes_again_is_stored_once(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    opened = await place.engine.open_source(SOURCE)
    for _ in range(2):
        await append(place, opened.epoch, 1, b'{"i":1}')
    again = await place.engine.open_source(SOURCE)
    assert again.number == 1
    await append(place, again.epoch, 1, b'{"i":1}')
    assert await rows(place) == [[1, ""]]
    with pytest.raises(UserError, match=r"Append 3 of source:.* follows 1"):
        await append(place, again.epoch, 3, b'{"i":3}')


async def test_who_opened_before_stores_nothing_more(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    older = await place.engine.open_source(SOURCE)
    under_way = asyncio.ensure_future(append(place, older.epoch, 1, b'{"i":1}'))
    await asyncio.sleep(0)
    younger = await place.engine.open_source(SOURCE)
    assert younger.number == len(await rows(place))  # it is known what became of it
    with pytest.raises(EngineUnavailable, match="was opened anew"):
        await append(place, older.epoch, younger.number + 1, b'{"i":2}')
    with pytest.raises(EngineUnavailable):
        await append(place, 0, 1, b'{"i":2}', owner=OTHER)
    await asyncio.wait([under_way])


async def test_refused_messages_are_named_and_nothing_is_stored(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    opened = await place.engine.open_source(SOURCE)
    messages = b'{"i":1}', b'{"i":"no number"}', b"no object", b'{"i":2', b'{"i":4}'
    ack = await append(place, opened.epoch, 1, *messages, saved={"at": b"5"})
    assert ack.rows == 0
    assert [at for at, _ in ack.refused] == [1, 2, 3]
    assert "'i'" in dict(ack.refused)[1]
    assert await rows(place) == []
    assert (await place.engine.open_source(SOURCE)).saved == {}
    # Halves of objects that would be one together are not taken for one.
    opened = await place.engine.open_source(SOURCE)
    ack = await append(place, opened.epoch, 1, b'{"i":1,"k":', b'"x"}')
    assert [at for at, _ in ack.refused] == [0, 1]
    ack = await append(place, opened.epoch, 1, b'{"i":1,"k":{}', b"{}}")
    assert [at for at, _ in ack.refused] == [0, 1]


async def test_texts_are_rows_of_raw(place: Place) -> None:
    await place.run("create stream s (raw string)")
    opened = await place.engine.open_source(SOURCE)
    texts = b"a", b"two\nlines", b"", b"return\r"
    await append(place, opened.epoch, 1, *texts, format="lines")
    await append(place, opened.epoch, 2, b"b", b"c", format="lines")
    ack = await append(place, opened.epoch, 3, b"\xff", b"good", format="lines")
    assert [at for at, _ in ack.refused] == [0]
    found = await place.rows("select raw from table(s)")
    assert sorted(found) == sorted([["a"], ["two\nlines"], [""], ["return\r"], ["b"], ["c"]])


async def test_letters_are_in_the_commit_and_each_once(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    opened = await place.engine.open_source(SOURCE)
    assert await place.engine.source_letters((SOURCE, OTHER)) == {}
    bad = DeadLetter("no object", "it is none", "t/0@7")
    odd = DeadLetter("/w==", "no text", "t/0@8", "base64")
    await append(place, opened.epoch, 1, b'{"i":1}', letters=(bad, odd), saved={"at": b"9"})
    await append(place, opened.epoch, 2, letters=(DeadLetter("no object", "still", "t/0@7"),))
    await place.kill()
    assert await place.engine.source_letters((SOURCE, OTHER)) == {SOURCE: LETTERS}
    asked = (
        f"select origin, raw, error, encoding, replayed_at from table({LETTERS}) order by origin"
    )
    assert await place.rows(asked) == [
        ["t/0@7", "no object", "still", "text", None],
        ["t/0@8", "/w==", "no text", "base64", None],
    ]
    opened = await place.engine.open_source(SOURCE)
    assert (opened.number, opened.saved) == (2, {"at": b"9"})
    replayed = DeadLetter("no object", "still", "t/0@7", replayed=True)
    await append(place, opened.epoch, 3, b'{"i":2}', letters=(replayed,))
    assert await place.rows(
        f"select origin from table({LETTERS}) where replayed_at is not null"
    ) == [["t/0@7"]]
    assert await rows(place) == [[1, ""], [2, ""]]


@pytest.mark.parametrize("way_out", ["delete", "ttl", "bound"])
async def test_letters_are_bounded_and_replays_are_not(place: Place, way_out: str) -> None:
    await bounded(place, 1024)
    await place.run("create stream s (i int32, k string)")
    opened = await place.engine.open_source(SOURCE)
    letter = DeadLetter("x" * 2048, "why", "here")
    other = DeadLetter("y" * 2048, "why", "there")
    await append(place, opened.epoch, 1, letters=(letter,))
    full = rf"The dead-letter stream {LETTERS} is full: .* dead_letter_bytes_max allows \(1024\)"
    with pytest.raises(StorageFull, match=full):
        await append(place, opened.epoch, 2, b'{"i":2}', letters=(other,), saved={"at": b"1"})
    assert (await place.engine.open_source(SOURCE)).number == 1  # nothing of it
    epoch = await place.engine.open_replay(SOURCE)
    again = DeadLetter(letter.raw, letter.error, letter.origin, replayed=True)
    await append(place, epoch, 0, b'{"i":1}', letters=(again,), replay=True)
    assert await rows(place) == [[1, ""]]
    if way_out == "delete":
        await place.run(f"delete from {LETTERS} where origin = 'here'")
    elif way_out == "ttl":
        place.clock.advance(8 * 86_400_000)
        await asyncio.to_thread(place.expire)
    else:
        await bounded(place, 1 << 20)
    opened = await place.engine.open_source(SOURCE)
    await append(place, opened.epoch, 2, b'{"i":2}', letters=(other,))
    assert await rows(place) == [[1, ""], [2, ""]]
    found = await place.rows(f"select origin from table({LETTERS}) order by origin")
    assert found == ([["here"], ["there"]] if way_out == "bound" else [["there"]])


async def bounded(place: Place, bytes_max: int) -> None:
    """Start with another bound of dead-letter streams."""
    settings = msgspec.structs.replace(
        place.settings, dead_letter_bytes_max=bytes_max, dead_letter_days=3
    )
    place.settings = settings
    await place.restart()


async def test_the_ttl_of_dead_letters_is_a_setting(place: Place) -> None:
    await bounded(place, 1 << 20)
    await place.run("create stream s (i int32, k string)")
    opened = await place.engine.open_source(SOURCE)
    await append(place, opened.epoch, 1, letters=(DeadLetter("x", "why", "here"),))
    found = (await place.engine.definitions()).definitions
    (stream,) = [each for each in found if each.name == LETTERS]
    assert stream.ttl_expression == "to_datetime(_tp_time) + interval 3 day"


async def test_a_replay_stores_rows_and_marks_in_one_commit(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    opened = await place.engine.open_source(SOURCE)
    with pytest.raises(NotFound, match="has no dead letters"):
        await place.engine.open_replay(SOURCE)
    old = [DeadLetter("x", "why", f"t/0@{at}", time_ms=1_000 + at) for at in range(3)]
    await append(place, opened.epoch, 1, b'{"i":1}', letters=tuple(old), saved={"at": b"3"})
    older = await place.engine.open_replay(SOURCE)
    epoch = await place.engine.open_replay(SOURCE)
    marked = msgspec.structs.replace(old[0], replayed=True)
    with pytest.raises(EngineUnavailable, match="was opened anew"):
        await append(place, older, 0, b'{"i":7}', letters=(marked,), replay=True)
    with pytest.raises(EngineUnavailable):  # another kind of opening
        await append(place, opened.epoch, 0, b'{"i":7}', letters=(marked,), replay=True)
    still = msgspec.structs.replace(old[1], error="still")
    sent = b'{"i":7}', b'{"i":"no number"}'
    ack = await append(place, epoch, 0, *sent, letters=(marked, still), replay=True)
    assert [at for at, _ in ack.refused] == [1]
    ack = await append(place, epoch, 0, sent[0], letters=(marked, still), replay=True)
    assert ack == SourceAck(1)
    # The source goes on in its own order, as if nothing had been.
    await append(place, opened.epoch, 2, b'{"i":2}')
    await place.kill()
    asked = (
        "select origin, error, to_unix_timestamp64_milli(time), replayed_at is not null "
        f"from table({LETTERS}) order by origin"
    )
    assert await place.rows(asked) == [
        ["t/0@0", "why", 1_000, True],
        ["t/0@1", "still", 1_001, False],
        ["t/0@2", "why", 1_002, False],
    ]
    assert await rows(place) == [[1, ""], [2, ""], [7, ""]]
    opened = await place.engine.open_source(SOURCE)
    assert (opened.number, opened.saved) == (2, {"at": b"3"})


async def test_a_source_that_is_forgotten_leaves_nothing(place: Place) -> None:
    await place.run("create stream s (i int32, k string)")
    for owner in (SOURCE, OTHER):
        opened = await place.engine.open_source(owner)
        letter = DeadLetter("x", "why", "here")
        await append(
            place, opened.epoch, 1, b'{"i":1}', saved={"a": b"1"}, letters=(letter,), owner=owner
        )
    await place.engine.forget_source(SOURCE)
    assert await place.engine.source_letters((SOURCE, OTHER)) == {OTHER: "_dlq_trucks_1d7e4a52"}
    await place.engine.reconcile({})
    await place.restart()
    assert await place.engine.source_letters((SOURCE, OTHER)) == {}
    for owner in (SOURCE, OTHER):
        opened = await place.engine.open_source(owner)
        assert (opened.number, opened.saved) == (0, {})
    assert len(await rows(place)) == 2


async def test_what_cannot_be_stored_is_refused_whole(place: Place) -> None:
    opened = await place.engine.open_source(SOURCE)
    with pytest.raises(NotFound, match="A stream named 's' does not exist"):
        await append(place, opened.epoch, 1, b'{"i":1}', saved={"a": b"1"})
    await place.run("create stream s (i int32, k string)")
    request = SourceAppend(SOURCE, "trucks", opened.epoch, 1, "s", sizes=struct.pack("<2I", 3, 9))
    with pytest.raises(UserError, match="sizes of the messages are not those of the body"):
        await place.engine.append_source(request, b'{"i":1}')
    with pytest.raises(UserError, match="saved records would be"):
        await append(place, opened.epoch, 1, b'{"i":1}', saved={"a": b"1" * (2 << 20)})
    with pytest.raises(UserError, match="is no source"):
        await place.engine.open_source("sink:x")
    assert await rows(place) == []
    await append(place, opened.epoch, 1, b'{"i":1}')
    assert await rows(place) == [[1, ""]]


async def test_rows_that_nothing_may_follow_from_are_refused_messages(place: Place) -> None:
    """A source would send them again for ever otherwise."""
    await place.engine.hold(SOURCE, ("timedb_in",))
    opened = await place.engine.open_source(SOURCE)
    at = '"valid_time":"2026-01-01 00:00:00","value":1'
    messages = [f'{{"name":"wind",{at}}}', f'[{{"name":"sun",{at}}},{{"name":" ",{at}}}]']
    messages += [f'{{"name":"{name}",{at}}}' for name in ("rain", "", "fog")]
    given = [message.encode() for message in messages]
    ack = await append(place, opened.epoch, 1, *given, stream="timedb_in", saved={"at": b"5"})
    assert ack.rows == 0
    assert [index for index, _ in ack.refused] == [1, 3]
    assert "has no name" in dict(ack.refused)[3]
    assert await rows(place, "select name from table(timedb_in)") == []
    good = [given[0], given[2], given[4]]
    ack = await append(place, opened.epoch, 1, *good, stream="timedb_in", saved={"at": b"5"})
    assert ack == SourceAck(3)
    assert len(await rows(place, "select value from table(timedb_values)")) == 3


async def test_a_body_that_nothing_may_follow_from_does_not_harm_others(place: Place) -> None:
    await place.engine.hold(SOURCE, ("timedb_in",))
    await place.run("create stream s (i int32, k string)")
    bodies = [b'{"name":"%d"}' % number for number in range(5)]
    bodies[2] = b'{"name":" "}'
    asked = [(IngestRequest("timedb_in", "streaming", f"k{at}"), b) for at, b in enumerate(bodies)]
    asked.append((IngestRequest("s", "streaming"), b'{"i":1}'))
    # In one turn of the loop: they wait together.
    sent = [place.engine.ingest(request, body) for request, body in asked]
    answers = await asyncio.gather(*sent, return_exceptions=True)
    assert [isinstance(answer, UserError) for answer in answers] == [False] * 2 + [True] + [
        False
    ] * 3
    again = await place.engine.ingest(*asked[3])
    assert again.duplicate
    assert len(await rows(place, "select value from table(timedb_values)")) == 4
