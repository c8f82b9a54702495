"""Replays of dead letters over a real engine: pieces, failures, lost answers, marks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from background import NoConfig, Target, fails, refuses

from connectors import letters, properties, registry
from connectors.contract import SinkDefinition, Sleep, SourceDefinition, SourceSpec
from connectors.formats.contract import Decoded
from connectors.replay_contract import REPLAY_SECONDS, Replayed, ReplayWanted
from connectors.sink_contract import Delivery
from connectors.sink_replay import replay_sink
from connectors.source_replay import replay_source
from connectors.source_writer import letter_of
from connectors.surroundings import Surroundings
from engine.dead_letter import RAW_BYTES_MAX, DeadLetter
from engine.errors import EngineUnavailable, SqlError, UserError
from engine.protocol import BackgroundQuery, Caller, Position
from engine.source_appends import SourceAck, SourceAppend
from tests.engine.place import Place
from tests.shared_workers import module_workers, shared_workers

__all__ = ["module_workers", "shared_workers"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "0c6e4a52-8f6d-4e6b-9a35-5d3f0a8c1b11"
ALL = ReplayWanted("", 1_000)
SOURCE = SourceDefinition(
    ID, "default", "n", "websocket", "s", {"url": "ws://h", "data_type": "json"}
)
SINK = SinkDefinition(ID, "default", "n", "target")


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path, shared_workers: None) -> AsyncIterator[Place]:
    made = Place(tmp_path / "life0")
    await made.start()
    await made.run("create stream s (i int32)")
    yield made
    await made.stop()


async def _nothing() -> None:
    pass


async def never(_seconds: float) -> None:
    await asyncio.Event().wait()


class Engine:
    """The engine of a place, with appends and advances that a test looks at, or loses."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.before: Callable[[], Awaitable[object]] = _nothing
        self.lose_answer = False
        self.commits: list[tuple[DeadLetter, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place.engine, name)

    async def append_source(self, request: SourceAppend, body: bytes) -> SourceAck:
        await self.before()
        ack = await self._place.engine.append_source(request, body)
        if not ack.refused:
            self.commits.append(request.letters)
        self._lose()
        return ack

    async def advance(self, *given: Any) -> None:
        await self.before()
        await self._place.engine.advance(*given)
        self.commits.append(given[3])
        self._lose()

    def _lose(self) -> None:
        if self.lose_answer:
            raise EngineUnavailable("lost")

    def around(self, sleep: Sleep = never) -> Surroundings:
        async def connect(_workspace: str) -> Any:
            return self

        return Surroundings(connect, self._place.clock, sleep)


async def give_up(place: Place, *messages: bytes, error: str = "why") -> None:
    """Dead letters of the source, the oldest first, each a commit."""
    for number, message in enumerate(messages):
        opened = await place.engine.open_source(f"source:{ID}")
        place.clock.advance(1)
        letter = letter_of(message, error, f"here it's \\ {number}")
        request = SourceAppend(
            f"source:{ID}", "n", opened.epoch, opened.number + 1, "s", letters=(letter,)
        )
        await place.engine.append_source(request, b"")


async def left(place: Place, what: str = "origin, error") -> list[list[Any]]:
    sql = f"select {what} from table(_dlq_n_0c6e4a52) where replayed_at is null order by time"
    return await place.rows(sql)


async def rows(place: Place) -> list[int]:
    return [row[0] for row in await place.rows("select i from table(s) order by _tp_sn, i")]


async def test_letters_are_read_in_pieces_the_oldest_first(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "PIECE_LETTERS_MAX", 2)
    engine = Engine(place)
    assert await replay_source(SOURCE, ALL, engine.around()) == Replayed()
    await give_up(place, *(b'{"i":%d}' % n for n in range(12)))
    wanted = ReplayWanted("length(raw) < 100", 5)
    assert await replay_source(SOURCE, wanted, engine.around()) == Replayed(5, 0)
    assert await rows(place) == [0, 1, 2, 3, 4]
    assert [len(each) for each in engine.commits] == [2, 2, 1]
    rest = ReplayWanted("", 7)
    assert await replay_source(SOURCE, rest, engine.around()) == Replayed(7, 0)
    assert await replay_source(SOURCE, ALL, engine.around()) == Replayed(0, 0)
    assert await rows(place) == list(range(12))


@pytest.mark.parametrize("data_type", ["json", "text"])
async def test_letters_of_kafka_are_what_its_data_type_says(place: Place, data_type: str) -> None:
    await place.run("create stream texts (raw string)")
    stream = "s" if data_type == "json" else "texts"
    given = {"brokers": "h:1", "topic": "t", "data_type": data_type, "offset": "earliest"}
    definition = SourceDefinition(ID, "default", "n", "kafka", stream, given)
    await give_up(place, b'{"i":1}', b"no\njson")
    done = await replay_source(definition, ALL, Engine(place).around())
    assert done == (Replayed(1, 1) if data_type == "json" else Replayed(2, 0))
    texts = await place.rows("select raw from table(texts) order by raw")
    assert texts == ([] if data_type == "json" else [["no\njson"], ['{"i":1}']])


async def test_what_fails_again_stays_with_its_new_error(place: Place) -> None:
    whole = b'{"i":1}' + b" " * RAW_BYTES_MAX
    await give_up(place, b"\xff", whole, b'{"i":2}', b'{"i":"x"}', b'[{"i":3},{"i":4}]')
    engine = Engine(place)
    assert await replay_source(SOURCE, ALL, engine.around()) == Replayed(2, 3)
    assert sorted(await rows(place)) == [2, 3, 4]
    errors = [error for _, error in await left(place)]
    assert errors[1] == "The letter holds the first 768 KiB of its message only."
    assert "why" not in errors
    # The same errors need no new rows.
    assert await replay_source(SOURCE, ALL, engine.around()) == Replayed(0, 3)
    assert len(engine.commits) == 1


async def test_an_answer_that_is_lost_stores_nothing_twice(place: Place) -> None:
    await give_up(place, b'{"i":1}', b'{"i":2}')
    engine = Engine(place)
    engine.lose_answer = True
    with pytest.raises(EngineUnavailable):
        await replay_source(SOURCE, ReplayWanted("", 1), engine.around())
    engine.lose_answer = False
    assert await replay_source(SOURCE, ALL, engine.around()) == Replayed(1, 0)
    assert await rows(place) == [1, 2]


async def test_two_replays_at_once_store_nothing_twice(place: Place) -> None:
    await give_up(place, b'{"i":1}', b'{"i":2}')
    younger, older = Engine(place), Engine(place)
    older.before = lambda: place.engine.open_replay(f"source:{ID}")
    with pytest.raises(EngineUnavailable, match="opened anew"):
        await replay_source(SOURCE, ALL, older.around())
    assert await replay_source(SOURCE, ALL, younger.around()) == Replayed(2, 0)
    assert await rows(place) == [1, 2]


async def test_time_that_is_over_leaves_the_rest(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "PIECE_LETTERS_MAX", 1)
    await give_up(place, b'{"i":1}', b'{"i":2}')
    engine = Engine(place)

    async def passes() -> None:
        place.clock.advance(round(REPLAY_SECONDS * 1000) + 1)

    engine.before = passes
    assert await replay_source(SOURCE, ALL, engine.around()) == Replayed(1, 0)
    assert await rows(place) == [1]


async def test_a_full_dead_letter_stream_keeps_the_old_errors(place: Place) -> None:
    await give_up(place, b'{"i":"x"}', b'{"i":2}')
    place.engine.sources._letterbox._bytes_max = 1
    assert await replay_source(SOURCE, ALL, Engine(place).around()) == Replayed(1, 1)
    assert await rows(place) == [2]
    assert [error for _, error in await left(place)] == ["why"]


async def test_a_source_decodes_its_letters_itself(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Halves:
        """Its messages are numbers as hexadecimal digits."""

        format = "streaming"

        async def decode(self, messages: Sequence[bytes]) -> Decoded:
            found, refused = [], {}
            for at, message in enumerate(messages):
                try:
                    found.append(b'{"i":%d}' % int(message, 16))
                except ValueError:
                    found.append(message)
                    refused[at] = "no hexadecimal"
            return Decoded(found, refused)

    @dataclass
    class Decoding:
        decoder: Halves
        closed: bool = False

        async def close(self) -> None:
            self.closed = True

    source = Decoding(Halves())
    spec = SourceSpec("d", "D", "d", "exactly once", "d", NoConfig, lambda *_: source)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(registry, "sources", lambda: {"d": spec})
    await give_up(place, b"ff", b"no", b'{"i":7}')
    definition = SourceDefinition(ID, "default", "n", "d", "s")
    assert await replay_source(definition, ALL, Engine(place).around()) == Replayed(2, 1)
    assert sorted(await rows(place)) == [7, 255]
    assert [error for _, error in await left(place)] == ["no hexadecimal"]
    assert source.closed


async def test_a_predicate_picks_and_cannot_do_more(place: Place) -> None:
    await give_up(place, b'{"i":1}', b'{"i":2}')
    engine = Engine(place)
    for where, kind in (
        ("nothing = 1", SqlError),
        ("origin in (select x from nowhere)", SqlError),
        ("1=1) union all select 'here', 1 from table(s) where (1=1", (SqlError, UserError)),
        ("1=1); drop stream s --", (SqlError, UserError)),
        ("sleep(", (SqlError, UserError)),
    ):
        with pytest.raises(kind):  # type: ignore[call-overload]
            await replay_source(SOURCE, ReplayWanted(where, 10), engine.around())
    with pytest.raises(UserError):  # a caller who may not run queries has no predicate
        await replay_source(SOURCE, ReplayWanted("1 = 1", 10, Caller(), ()), engine.around())
    commented = ReplayWanted("origin like '% 1' -- the second", 10, Caller(), ("read",))
    assert await replay_source(SOURCE, commented, engine.around()) == Replayed(1, 0)
    assert await replay_source(
        SOURCE, ReplayWanted(" ", 9, Caller(), ()), engine.around()
    ) == Replayed(1, 0)
    assert sorted(await rows(place)) == [1, 2]


# -- sinks


async def sink(place: Place, monkeypatch: pytest.MonkeyPatch, target: Target) -> SinkDefinition:
    """A sink of two columns, whose rows 0 to 4 were given up."""
    monkeypatch.setattr(registry, "sinks", lambda: {"target": target.spec()})
    monkeypatch.setattr(properties, "parse", lambda *_: NoConfig())
    query = BackgroundQuery(f"sink:{ID}", ("select i as n, to_string(i) as text from s",), "n")
    opened = await place.engine.start_background(query, Caller())
    given = tuple(
        DeadLetter(f'{{"n":{n},"text":"{n}"}}', "why", f"event-{n}", time_ms=1_000 + n)
        for n in range(5)
    )
    await place.engine.advance(f"sink:{ID}", Position(), None, given)
    return msgspec.structs.replace(SINK, header=opened.headers[0])


async def test_rows_are_delivered_again_with_their_event_ids(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(Delivery(rows=2, parallel=8, retries=5, interval=0.0))
    definition = await sink(place, monkeypatch, target)
    target.answers = [lambda _: None, fails("once"), refuses(1, message="no"), lambda _: None]
    engine = Engine(place)
    assert await replay_sink(definition, ALL, engine.around()) == Replayed(4, 1)
    assert [row.event_id for row in target.taken] == ["event-0", "event-1", "event-2", "event-4"]
    assert await left(place) == [["event-3", "no"]]
    assert await replay_sink(definition, ALL, engine.around()) == Replayed(1, 0)
    assert target.numbers() == [0, 1, 2, 4, 3]
    assert target.open == 0
    assert all(context.is_replay for context in target.contexts)


async def test_a_target_that_is_away_does_not_hold_the_caller(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(Delivery(rows=1, retries=None, interval=0.0))
    definition = await sink(place, monkeypatch, target)
    target.answers = [fails("away")] * 6  # three attempts each
    assert await replay_sink(definition, ReplayWanted("", 2), Engine(place).around()) == Replayed(
        0, 2
    )
    assert [error for _, error in await left(place)] == ["away", "away", "why", "why", "why"]


async def test_time_ends_a_delivery_that_hangs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(Delivery(rows=1))
    definition = await sink(place, monkeypatch, target)
    hangs = asyncio.Event()
    target.answers = [lambda _: None, lambda _: setattr(target, "gate", hangs)]

    async def soon(_seconds: float) -> None:
        while target.gate is None or not target.at_once:
            await asyncio.sleep(0.01)

    assert await replay_sink(definition, ALL, Engine(place).around(soon)) == Replayed(2, 0)
    assert len(await left(place)) == 3
    assert target.open == 0


async def test_a_batch_that_is_known_by_its_ends_is_one_row(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(Delivery(rows=100, exact=True))
    definition = await sink(place, monkeypatch, target)
    assert await replay_sink(definition, ALL, Engine(place).around()) == Replayed(5, 0)
    assert [len(batch) for batch in target.attempts] == [1] * 5


async def test_a_row_that_does_not_fit_the_query_stays(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target()
    definition = await sink(place, monkeypatch, target)
    cut = (DeadLetter('{"n":1,"te', "why", "event-0"), DeadLetter('{"n":1}', "why", "event-1"))
    await place.engine.advance(f"sink:{ID}", Position(), None, cut)
    assert await replay_sink(definition, ALL, Engine(place).around()) == Replayed(3, 2)
    found = dict(await left(place))
    assert found["event-0"].startswith("The letter is no whole row")
    assert found["event-1"] == "The row has no column 'text', which the query has now."
