"""Sinks in virtual time: nothing missing, in order, stable ids, whatever fails on either side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from background import (
    HEADER,
    BackgroundEngine,
    Target,
    arrives_unknown,
    breaks,
    fails,
    refuses,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from virtual import VirtualTime

from connectors import registry, sink_window
from connectors.contract import SinkDefinition
from connectors.sink_contract import Delivery
from connectors.sink_runner import SinkRunner
from engine.protocol import Position

ID = "0b2f9d7e-0000-4000-8000-000000000001"
OWNER = f"sink:{ID}"
SINK = SinkDefinition(ID, "default", "out", "target", {}, HEADER)


class World:
    """A sink, its engine and its target."""

    def __init__(self, delivery: Delivery | None = None) -> None:
        self.time = VirtualTime()
        self.engine = BackgroundEngine(OWNER)
        self.target = Target(delivery)
        registry.sinks()["target"] = self.target.spec()
        self.count = 0
        self.runner = self.started()

    def started(self) -> SinkRunner:
        """A runner as a new process would have it."""
        runner = SinkRunner(SINK, self.engine.around(self.time))
        runner.start()
        return runner

    def rows(self, count: int) -> None:
        """One append of so many rows."""
        numbers = range(self.count, self.count + count)
        self.count += count
        self.engine.append(OWNER, (0, [[n, f"t{n}"] for n in numbers]))

    @property
    def hidden(self) -> Any:
        """The hidden stream."""
        return self.engine.hidden[OWNER]

    def kill(self) -> None:
        """The connector process dies."""
        task = self.runner._task
        assert task is not None
        task.cancel()


@pytest.fixture(autouse=True)
def types() -> Iterator[None]:
    """The target's type is known during a test."""
    yield
    registry.sinks().pop("target", None)


async def test_rows_arrive_in_order_and_the_position_follows() -> None:
    world = World()
    world.rows(3)
    world.rows(2)
    await world.time.advance(500)
    assert world.target.numbers() == [0, 1, 2, 3, 4]
    assert world.hidden.position == Position(1, 1)
    epoch = world.hidden.records["epoch"].decode()
    ids = [row.event_id for row in world.target.taken]
    assert ids == [
        f"{ID}-{epoch}-{sn}-{row}" for sn, row in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))
    ]
    stats = world.runner.stats(600_000, 600_000)
    assert (stats.received, stats.sent, stats.dropped, stats.errors) == (5, 5, 0, 0)
    assert stats.sent_bytes > 0
    await world.runner.stop()
    assert (world.runner.status().status, world.target.open) == ("stopped", 0)


async def test_a_target_that_is_away_is_waited_for_and_said() -> None:
    world = World(Delivery(rows=10))
    world.target.refuse_connection = "Nobody at host:1."
    world.rows(3)
    await world.time.advance(60_000)
    status = world.runner.status()
    assert (status.status, status.message) == ("failed", "Nobody at host:1.")
    assert world.hidden.position == Position()
    world.target.refuse_connection = ""
    await world.time.advance(61_000)
    assert (world.runner.status().status, world.runner.status().message) == ("running", "")
    assert (world.target.numbers(), world.target.connects) == ([0, 1, 2], 1)
    await world.runner.stop()


async def test_a_connection_that_is_lost_is_made_anew() -> None:
    world = World(Delivery(rows=10))
    world.target.answers = [fails("no broker"), fails("cut", reconnect=True)]
    world.rows(3)
    await world.time.advance(5_000)
    assert (world.target.numbers(), world.target.connects) == ([0, 1, 2], 2)
    await world.runner.stop()
    assert world.target.open == 0


async def test_a_row_is_tried_as_often_as_the_sink_says_then_is_a_dead_letter() -> None:
    world = World(Delivery(retries=2, interval=10.0))
    world.target.answers = [fails("status 500.")] * 3
    world.rows(2)
    await world.time.advance(19_000)
    assert len(world.target.attempts) == 2
    assert (world.runner.status().status, world.hidden.letters) == ("failed", [])
    await world.time.advance(2_000)
    assert world.target.numbers() == [1]
    (letter,) = world.hidden.letters
    assert msgspec.json.decode(letter.raw) == {"n": 0, "text": "t0"}
    assert (letter.error, letter.origin) == ("status 500.", world.target.attempts[0][0].event_id)
    assert world.hidden.position == Position(0, 1)
    stats = world.runner.stats(600_000, 600_000)
    assert (stats.sent, stats.dropped) == (1, 1)
    # It goes on, and the row that was given up stays visible.
    assert (world.runner.status().status, world.runner.status().message) == (
        "running", "status 500.",
    )  # fmt: skip
    assert "gave up 1 rows: status 500." in str(world.runner.log.newest(9))
    await world.runner.stop()


async def test_a_target_is_left_alone_as_long_as_it_asks() -> None:
    world = World(Delivery(retries=0, interval=1.0))
    world.target.answers = [fails("status 429.", after=120.0)]
    world.rows(2)
    await world.time.advance(119_000)
    assert len(world.target.attempts) == 1
    await world.time.advance(2_000)
    assert world.target.numbers() == [1]
    assert len(world.hidden.letters) == 1
    await world.runner.stop()


async def test_a_poisonous_row_is_a_letter_and_the_others_arrive() -> None:
    world = World(Delivery(rows=4))
    poison = 2

    def answer(rows: Any) -> None:
        if any(bytes(row.values[0]) == b"%d" % poison for row in rows):
            breaks(rows)

    world.target.answers = [answer] * 9
    world.rows(4)
    await world.time.advance(1_000)
    assert world.target.numbers() == [0, 1, 3]
    (letter,) = world.hidden.letters
    assert msgspec.json.decode(letter.raw)["n"] == poison
    assert letter.error == "Internal error (KeyError)."
    await world.runner.stop()


async def test_a_failure_that_nobody_thought_of_when_connecting_costs_no_row() -> None:
    world = World()
    world.rows(2)
    world.target.connects = "no number"  # type: ignore[assignment]
    await world.time.advance(1_000)
    assert world.runner.status().message == "Internal error (TypeError)."
    assert world.hidden.letters == []
    world.target.connects = 0
    await world.time.advance(120_000)
    assert world.target.numbers() == [0, 1]
    await world.runner.stop()


async def test_rows_are_joined_into_batches_and_large_appends_are_cut() -> None:
    world = World(Delivery(rows=10))
    world.target.gate = asyncio.Event()
    world.rows(25)
    await world.time.settle()
    for _ in range(7):
        world.rows(1)
    await world.time.settle()
    world.target.gate.set()
    await world.time.advance(1_000)
    assert [len(batch) for batch in world.target.attempts] == [10, 10, 10, 2]
    assert world.target.numbers() == list(range(32))
    await world.runner.stop()


@pytest.mark.parametrize("rows_max", [10, 3])
async def test_an_exact_batch_comes_again_with_the_same_rows(rows_max: int) -> None:
    world = World(Delivery(rows=10, exact=True))
    world.target.gate = asyncio.Event()
    world.rows(4)
    await world.time.settle()
    assert [len(batch) for batch in world.target.attempts] == [4]
    world.rows(3)
    await world.time.settle()
    world.kill()  # nobody knows whether the four arrived
    await world.time.settle()
    world.target.delivery = Delivery(rows=rows_max, exact=True)  # as after a change
    world.runner = world.started()
    world.rows(2)
    world.target.gate.set()
    await world.time.advance(1_000)
    sizes = [len(batch) for batch in world.target.attempts]
    assert sizes == ([4, 4, 5] if rows_max == 10 else [4, 4, 3, 2])
    assert world.target.numbers() == list(range(9))
    assert world.hidden.position == Position(2, 1)
    await world.runner.stop()


async def test_an_exact_batch_begins_where_the_position_is() -> None:
    world = World(Delivery(rows=10, exact=True))
    world.target.known = set()
    for size in (4, 3, 2):  # the position of the second is not stored when the third begins
        world.rows(size)
        await world.time.settle()
    world.kill()
    await world.time.settle()
    world.runner = world.started()
    await world.time.advance(1_000)
    assert world.target.numbers() == list(range(9))
    await world.runner.stop()


async def test_as_many_at_a_time_as_the_sink_says_and_the_position_waits_for_the_slowest() -> None:
    world = World(Delivery(parallel=4, interval=1.0))
    gate = asyncio.Event()
    world.target.answers = [fails("slow")]
    world.target.gate = gate
    world.rows(50)
    await world.time.settle()
    assert world.target.most_at_once == 4
    gate.set()
    await world.time.advance(900)
    assert sorted(world.target.numbers()) == list(range(1, 50))
    assert world.hidden.position == Position()
    await world.time.advance(200)
    assert world.hidden.position == Position(0, 49)
    assert world.target.most_at_once == 4
    await world.runner.stop()


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_window, "WAITING_ROWS_MAX", 20)
    monkeypatch.setattr(sink_window, "OPEN_ROWS_MAX", 20)
    world = World(Delivery(parallel=2, interval=1000.0))
    world.target.answers = [fails("slow")]
    for _ in range(100):
        world.rows(10)
    await world.time.advance(5_000)
    # One row is in trouble: what is behind it stops after 20, and 20 more wait.
    assert len(world.target.taken) == 19
    assert world.runner.stats(1, 1).received <= 19 + 1 + 20 + 10
    await world.time.advance(1_000_000)
    assert sorted(world.target.numbers()) == list(range(1000))
    await world.runner.stop()


async def test_a_stop_finishes_what_was_begun_and_the_next_start_goes_on() -> None:
    world = World(Delivery(rows=2))
    world.target.gate = asyncio.Event()
    world.rows(6)
    await world.time.settle()
    stopping = asyncio.create_task(world.runner.stop())
    await world.time.settle()
    assert not stopping.done()
    world.target.gate.set()
    await stopping
    assert world.target.numbers() == [0, 1]
    assert world.hidden.position == Position(0, 1)
    world.runner = world.started()
    await world.time.advance(500)
    assert world.target.numbers() == list(range(6))
    await world.runner.stop()


async def test_a_stop_does_not_wait_for_the_next_attempt() -> None:
    world = World(Delivery(interval=3600.0))
    world.target.answers = [fails()] * 9
    world.rows(1)
    await world.time.advance(1_000)
    await asyncio.wait_for(world.runner.stop(), 1.0)
    assert (world.hidden.position, world.target.open) == (Position(), 0)


async def test_what_arrived_is_not_sent_again_when_the_engine_comes_back() -> None:
    world = World(Delivery())
    world.target.answers = [refuses(0)]
    world.rows(3)
    world.engine.lose_answers = 0
    await world.time.settle()
    world.engine.die()  # before the position was stored
    await world.time.advance(5_000)
    assert world.runner.status().status == "failed"
    sent = world.target.numbers()
    world.engine.restart()
    await world.time.advance(5_000)
    assert world.runner.status().status == "running"
    assert world.target.numbers() == [1, 2]
    assert sent == world.target.numbers()[: len(sent)]
    assert [msgspec.json.decode(letter.raw)["n"] for letter in world.hidden.letters] == [0]
    assert world.hidden.position == Position(0, 2)
    await world.runner.stop()


async def test_a_commit_whose_answer_was_lost_is_not_repeated() -> None:
    world = World(Delivery())
    await world.time.settle()
    world.engine.lose_answers = 1
    world.target.answers = [refuses(0)]
    world.rows(1)
    await world.time.advance(1_000)
    world.engine.restart()
    await world.time.advance(5_000)
    assert len(world.hidden.letters) == 1
    assert world.runner.status().status == "running"
    await world.runner.stop()


async def test_letters_of_a_commit_whose_answer_was_lost_are_not_in_the_next() -> None:
    world = World(Delivery())
    await world.time.settle()
    world.target.answers = [refuses(0), refuses(0)]
    world.engine.lose_answers = 1
    world.rows(2)
    await world.time.settle()
    world.engine.restart()
    await world.time.advance(5_000)
    assert [msgspec.json.decode(letter.raw)["n"] for letter in world.hidden.letters] == [0, 1]
    await world.runner.stop()


async def test_another_query_begins_anew_with_other_ids() -> None:
    world = World()
    world.rows(2)
    await world.time.advance(1_000)
    world.engine.begin_anew(OWNER)
    world.rows(1)
    await world.time.advance(70_000)
    assert world.target.numbers() == [0, 1, 2]
    assert world.hidden.position == Position(0, 0)
    assert len({row.event_id for row in world.target.taken}) == 3
    await world.runner.stop()


async def test_a_query_that_is_not_there_yet_is_waited_for() -> None:
    world = World()
    hidden = world.engine.hidden.pop(OWNER)
    await world.time.advance(1_000)
    assert "query of the sink 'out'" in world.runner.status().message
    world.engine.hidden[OWNER] = hidden
    world.rows(1)
    await world.time.advance(60_000)
    assert (world.runner.status().status, world.target.numbers()) == ("running", [0])
    await world.runner.stop()


EVENTS = st.one_of(
    st.tuples(st.just("rows"), st.integers(1, 30)),
    st.tuples(st.just("time"), st.integers(1, 3_000)),
    st.tuples(st.sampled_from(["fail", "reconnect", "unknown", "refuse", "break"]), st.just(0)),
    st.tuples(st.sampled_from(["die", "restart", "lose", "kill"]), st.just(0)),
)


# The batch breaks, its first row arrives alone, the process dies, and the batch would be taken.
BROKEN_ONCE = [("break", 0), ("unknown", 0), ("rows", 2), ("time", 1_500), ("kill", 0)]


# Two of its rows arrive alone, and the next process dies as it begins with the first of them.
BROKEN_TWICE = [
    ("break", 0), ("unknown", 0), ("unknown", 0), *[("fail", 0)] * 9,
    ("rows", 3), ("time", 3_000), ("lose", 0), ("kill", 0), ("time", 20),
]  # fmt: skip


# Its first row is given up alone, the second one arrives, and the process dies with the third.
BROKEN_AND_REFUSED = [
    ("break", 0), ("break", 0), ("unknown", 0), *[("fail", 0)] * 9,
    ("rows", 3), ("time", 3_000), ("kill", 0), ("time", 20),
]  # fmt: skip


@settings(max_examples=100, deadline=None)
@example(BROKEN_ONCE, Delivery(rows=7, exact=True))
@example(BROKEN_TWICE, Delivery(rows=7, exact=True))
@example(BROKEN_AND_REFUSED, Delivery(rows=7, exact=True))
@given(
    st.lists(EVENTS, max_size=25),
    st.sampled_from([
        Delivery(), Delivery(rows=7), Delivery(rows=7, exact=True),
        Delivery(parallel=3, interval=0.5), Delivery(retries=1, interval=0.2),
    ]),
)  # fmt: skip
def test_nothing_is_missing_whatever_fails(
    events: list[tuple[str, int]], delivery: Delivery
) -> None:
    asyncio.run(_play(events, delivery))


async def _play(events: list[tuple[str, int]], delivery: Delivery) -> None:
    world = World(delivery)
    target = world.target
    if delivery.exact:
        target.known = set()
    answers = {
        "fail": fails(), "reconnect": fails(reconnect=True), "unknown": arrives_unknown(target),
        "refuse": breaks if delivery.exact else refuses(0), "break": breaks,
    }  # fmt: skip
    for kind, number in events:
        if kind == "rows":
            world.rows(number)
        elif kind == "time":
            await world.time.advance(number)
        elif kind in answers:
            target.answers.append(answers[kind])
        elif kind == "die":
            world.engine.die()
        elif kind == "restart":
            world.engine.restart()
        elif kind == "lose":
            world.engine.lose_answers += world.engine.up
        elif kind == "kill":
            world.kill()
            await world.time.settle()
            world.runner = world.started()
    target.answers.clear()
    world.engine.lose_answers = 0
    world.engine.restart()
    world.rows(1)
    await world.time.advance(300_000)
    letters = [msgspec.json.decode(letter.raw)["n"] for letter in world.hidden.letters]
    arrived = target.numbers()
    assert set(arrived) | set(letters) == set(range(world.count))
    assert len(letters) == len(set(letters))
    ids: dict[int, str] = {}
    for row, number in zip(target.taken, arrived, strict=True):
        assert ids.setdefault(number, row.event_id) == row.event_id
    assert len(set(ids.values())) == len(ids)
    if delivery.exact:
        assert len(arrived) == len(set(arrived))
        assert not set(arrived) & set(letters)
    if delivery.parallel == 1:
        first = list(dict.fromkeys(arrived))
        assert first == sorted(first)
    assert world.hidden.position.sn == world.hidden.sn - 1
    assert world.runner.stats(1, 1).buffered == 0
    await world.runner.stop()
    assert target.open == 0
