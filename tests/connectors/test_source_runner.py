"""The runner: durable first, acknowledge second; back-off, bounds, drops, stop, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual import ListEngine, VirtualTime

from connectors import registry
from connectors.backoff import Backoff
from connectors.buffer import BufferLimits
from connectors.contract import SourceBatch, SourceContext, SourceDefinition, SourceSpec
from connectors.runner import SourceRunner
from connectors.surroundings import Surroundings
from engine.dead_letter import DeadLetter
from engine.errors import EngineUnavailable, NotFound, Overloaded, StorageFull, TooLarge, UserError
from engine.source_appends import SourceAck, SourceAppend

DEFINITION = SourceDefinition("id1", "default", "n", "scripted", "s")


NO_TEXT = "'utf-8' codec can't decode byte 0xff in position 3: invalid start byte"


class NoProperties(msgspec.Struct, frozen=True):
    """None."""


class Script:
    """What the scripted source does; shared by its lives."""

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.queue: asyncio.Queue[SourceBatch | Exception] = asyncio.Queue()
        self.acknowledged: list[object] = []
        self.lives = 0
        self.closed = 0
        self.taken = 0
        self.connect_errors: list[BaseException] = []
        self.saved: dict[str, bytes] = {}  # what the newest life was given

    def give(self, body: bytes, **changes: Any) -> None:
        batch = SourceBatch((body,), self.time.clock.monotonic(), "lines", token=body)
        self.queue.put_nowait(replace(batch, **changes))


class ScriptedSource:
    """Hands over what the script says."""

    def __init__(self, script: Script) -> None:
        self.script = script
        script.lives += 1

    async def connect(self) -> None:
        if self.script.connect_errors:
            raise self.script.connect_errors.pop(0)

    async def batches(self) -> AsyncIterator[SourceBatch]:
        while True:
            item = await self.script.queue.get()
            if isinstance(item, Exception):
                raise item
            self.script.taken += 1
            yield item

    async def acknowledge(self, tokens: Sequence[object]) -> None:
        self.script.acknowledged += tokens

    async def close(self) -> None:
        self.script.closed += 1


class Bench:
    """A runner over a scripted source, an engine of lists and virtual time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limits: BufferLimits) -> None:
        self.time = VirtualTime()
        self.script = Script(self.time)
        self.engine = ListEngine()
        spec = SourceSpec(
            "scripted", "Scripted", "For tests.", "at least once", "x", NoProperties, self._create
        )
        monkeypatch.setattr(registry, "sources", lambda: {"scripted": spec})
        around = Surroundings(self._engine, self.time.clock, self.time.sleep, limits)
        self.runner = SourceRunner(DEFINITION, around)

    def _create(self, _config: Any, context: SourceContext) -> ScriptedSource:
        self.script.saved = dict(context.saved)
        return ScriptedSource(self.script)

    async def _engine(self, _workspace: str) -> ListEngine:
        return self.engine

    async def run(self, milliseconds: int = 0) -> None:
        await self.time.advance(milliseconds)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    made = Bench(monkeypatch, BufferLimits(waiting_batches_max=4))
    yield made
    if made.engine.gate is not None:
        made.engine.gate.set()
    made.engine.refuse = lambda _body: None
    stop = asyncio.create_task(made.runner.stop())
    await made.run(60_000)
    await stop


async def test_a_batch_is_acknowledged_only_after_it_is_durable(bench: Bench) -> None:
    bench.engine.gate = asyncio.Event()
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run()
    assert bench.script.acknowledged == []
    bench.engine.gate.set()
    await bench.run()
    assert bench.engine.appends == [b"a"]
    assert bench.script.acknowledged == [b"a"]


async def test_what_waits_becomes_one_append_in_order(bench: Bench) -> None:
    bench.engine.gate = asyncio.Event()
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run()
    for body in (b"b", b"c", b"d"):
        bench.script.give(body)
    await bench.run()
    bench.engine.gate.set()
    await bench.run()
    assert bench.engine.appends == [b"a", b"b\nc\nd"]
    assert bench.script.acknowledged == [b"a", b"b", b"c", b"d"]


async def test_a_busy_engine_holds_the_source_up(bench: Bench) -> None:
    bench.engine.gate = asyncio.Event()
    bench.runner.start()
    bench.script.give(b"0")
    await bench.run()
    for number in range(1, 50):
        bench.script.give(b"%d" % number)
    await bench.run()
    assert bench.script.taken == 6  # one on its way, four waiting, one in hand
    bench.engine.gate.set()
    await bench.run()
    assert b"\n".join(bench.engine.appends).split(b"\n") == [b"%d" % n for n in range(50)]


@pytest.mark.parametrize("error", [EngineUnavailable("away"), StorageFull("full")])
async def test_engine_failures_are_tried_again_with_the_same_batch(
    bench: Bench, error: Exception
) -> None:
    bench.engine.refuse = lambda _body: error  # type: ignore[assignment,return-value]
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run(5_000)
    assert bench.runner.status().status == "failed"
    assert bench.runner.status().message == str(error)
    bench.engine.refuse = lambda _body: None
    await bench.run(60_000)
    assert bench.engine.appends == [b"a"]
    assert bench.runner.status().status == "running"
    assert bench.runner.status().message == ""
    stats = bench.runner.stats(600_000, 600_000)
    assert (stats.received, stats.sent, stats.dropped) == (1, 1, 0)
    assert stats.errors >= 1
    assert stats.last_error is not None
    assert stats.last_error.message == str(error)


async def test_back_pressure_is_no_failure(bench: Bench) -> None:
    bench.engine.refuse = lambda _body: Overloaded("busy")
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run(3_000)
    assert bench.runner.status().status == "running"


async def test_only_the_messages_that_do_not_fit_become_dead_letters(bench: Bench) -> None:
    bench.engine.gate = asyncio.Event()
    bench.engine.unfit = lambda message: "row 1: bad" if b"bad" in message else ""
    bench.runner.start()
    bench.script.give(b"first")
    await bench.run()
    for body in (b"ok1", b"bad", b"ok2", b"bad\xff"):
        bench.script.give(body, origin=lambda at, body=body: f"{body!r}#{at}")
    await bench.run()
    bench.engine.gate.set()
    await bench.run()
    assert bench.engine.appends == [b"first", b"ok1\nok2"]
    assert bench.script.acknowledged == [b"first", b"ok1", b"bad", b"ok2", b"bad\xff"]
    assert bench.engine.letters == [
        DeadLetter("bad", "row 1: bad", "b'bad'#0"),
        DeadLetter("YmFk/w==", NO_TEXT, "b'bad\\xff'#0", "base64"),
    ]
    stats = bench.runner.stats(600_000, 600_000)
    assert (stats.sent, stats.dropped, stats.buffered) == (3, 2, 0)
    assert bench.runner.status().status == "running"
    assert bench.runner.status().message == NO_TEXT  # what is lost is not forgotten


async def test_the_status_says_why_every_event_is_refused(bench: Bench) -> None:
    bench.engine.unfit = lambda _message: "row 1, column 'v': cannot read it"
    bench.runner.start()
    await bench.run()
    assert bench.runner.status().message == ""
    bench.script.give(b"a")
    await bench.run()
    status = bench.runner.status()
    assert (status.status, status.message) == ("running", "row 1, column 'v': cannot read it")
    assert bench.engine.letters == [
        DeadLetter("a", "row 1, column 'v': cannot read it", "append 1, message 0")
    ]


async def test_positions_are_stored_with_the_rows_and_given_to_the_next_life(bench: Bench) -> None:
    bench.engine.gate = asyncio.Event()
    bench.runner.start()
    bench.script.give(b"a", saved={"p": b"1", "q": b"1"})
    await bench.run()
    assert bench.engine.records == {}
    bench.script.give(b"b", saved={"p": b"2"})
    bench.script.give(b"c", saved={"p": b"3", "q": b""})
    bench.engine.gate.set()
    await bench.run()
    assert {**bench.engine.records, "_append": b""} == {"p": b"3", "_append": b""}
    bench.script.queue.put_nowait(ConnectionResetError("reset"))
    await bench.run(60_000)
    assert bench.script.saved == {"p": b"3"}


async def test_batches_without_messages_are_acknowledged_behind_those_before(bench: Bench) -> None:
    bench.engine.gate = asyncio.Event()
    bench.runner.start()
    bench.script.give(b"a")
    bench.script.give(b"", messages=(), token="again")
    await bench.run()
    assert bench.script.acknowledged == []
    bench.engine.gate.set()
    await bench.run()
    assert bench.engine.appends == [b"a"]
    assert bench.script.acknowledged == [b"a", "again"]


@pytest.mark.parametrize("arrived", [False, True])
async def test_an_append_of_unknown_fate_is_stored_once(bench: Bench, arrived: bool) -> None:
    store = bench.engine.append_source
    lost = [True]

    async def break_off(request: SourceAppend, body: bytes) -> SourceAck:
        if lost.pop() if lost else False:
            if arrived:
                await store(request, body)
            raise EngineUnavailable("The engine restarted.")
        return await store(request, body)

    bench.engine.append_source = break_off  # type: ignore[method-assign]
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run(10_000)
    bench.script.give(b"b")
    await bench.run(10_000)
    assert bench.engine.appends == [b"a", b"b"]
    assert bench.script.acknowledged == [b"a", b"b"]
    assert bench.runner.stats(600_000, 600_000).sent == 2
    assert bench.script.lives == 1


async def test_what_another_stored_is_not_taken_for_its_own(bench: Bench) -> None:
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run()
    bench.engine.number += 1  # somebody else's
    bench.engine.epoch += 1
    bench.script.give(b"b")
    await bench.run(10_000)
    assert bench.script.acknowledged == [b"a"]
    assert bench.script.lives == 2
    bench.script.give(b"b")  # the remote system gives it again
    await bench.run(10_000)
    assert bench.engine.appends == [b"a", b"b"]
    assert bench.script.acknowledged == [b"a", b"b"]


async def test_a_source_whose_records_were_forgotten_goes_on(bench: Bench) -> None:
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run()
    bench.engine.number, bench.engine.records = 0, {}
    bench.engine.epoch += 1
    bench.script.give(b"b")
    await bench.run(10_000)
    bench.script.give(b"b")
    await bench.run(10_000)
    assert bench.engine.appends == [b"a", b"b"]
    assert bench.runner.status().status == "running"


@pytest.mark.parametrize("known", [False, True])
async def test_stop_does_not_wait_for_a_stream_that_is_gone(bench: Bench, known: bool) -> None:
    bench.engine.refuse = lambda _body: NotFound("A stream named 's' does not exist.")
    bench.runner.start()
    bench.script.give(b"a")
    if known:
        await bench.run(3_000)
        assert bench.runner.status().status == "failed"
    begun = bench.time.clock.monotonic()
    stop = asyncio.create_task(bench.runner.stop())
    await bench.run()
    assert stop.done()
    await stop
    assert bench.time.clock.monotonic() == begun
    assert bench.runner.status().status == "stopped"


async def test_rows_for_a_stream_that_comes_back_are_stored(bench: Bench) -> None:
    bench.engine.refuse = lambda _body: NotFound("A stream named 's' does not exist.")
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run(3_000)
    bench.engine.refuse = lambda _body: None
    await bench.run(3_000)
    assert bench.engine.appends == [b"a"]
    assert (bench.runner.status().status, bench.runner.status().message) == ("running", "")


async def test_failing_connections_back_off_with_full_jitter(bench: Bench) -> None:
    bench.script.connect_errors = [OSError("no route")] * 12
    bench.runner.start()
    await bench.run(600_000)
    assert bench.runner.status().status == "running"
    assert bench.script.lives == 13
    assert bench.script.closed == 12
    delays = bench.time.sleeps[:12]
    bounds = [min(60.0, 0.5 * 2**n) for n in range(12)]
    assert all(0 <= delay <= bound for delay, bound in zip(delays, bounds, strict=True))
    assert max(delays) > 5


async def test_a_cancellation_that_a_client_lets_out_is_a_failure(bench: Bench) -> None:
    bench.script.connect_errors = [asyncio.CancelledError()]
    bench.runner.start()
    await bench.run()
    status = bench.runner.status()
    assert (status.status, "cut off" in status.message) == ("failed", True)
    await bench.run(60_000)
    assert (bench.runner.status().status, bench.script.lives) == ("running", 2)


async def test_a_gap_begins_when_the_source_ends_not_when_its_rows_are_stored(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(registry.sources()["scripted"], guarantee="at most once")
    monkeypatch.setattr(registry, "sources", lambda: {"scripted": spec})
    bench.runner = SourceRunner(DEFINITION, Surroundings(
        bench._engine, bench.time.clock, bench.time.sleep, BufferLimits(waiting_batches_max=4)
    ))  # fmt: skip
    bench.engine.gate = asyncio.Event()
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run(10)
    ended = bench.time.clock.now_ms()
    bench.script.queue.put_nowait(UserError("cut", 400, "orbit"))
    await bench.run(5_000)
    bench.engine.gate.set()
    await bench.run(5_000)
    (gap,) = bench.runner.stats(86_400_000, 86_400_000).gaps
    assert gap.from_ms - ended < 1_000 and gap.to_ms - ended >= 4_000
    assert "cut" in gap.reason


async def test_positions_that_are_too_large_end_a_life(bench: Bench) -> None:
    bench.engine.refuse = lambda _body: TooLarge("too many positions")
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run(100)
    assert bench.script.closed == 1
    assert bench.runner.status().message == "too many positions"


async def test_an_engine_that_restarts_is_found_again_within_seconds(bench: Bench) -> None:
    bench.engine.refuse = lambda _body: EngineUnavailable("away")
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run(300_000)
    bench.engine.refuse = lambda _body: None
    await bench.run(2_000)
    assert bench.engine.appends == [b"a"]


async def test_failed_status_names_the_reason_while_it_reconnects(bench: Bench) -> None:
    bench.script.connect_errors = [OSError("no route")]
    bench.runner.start()
    await bench.run()
    status = bench.runner.status()
    assert (status.status, status.message) == ("failed", "no route")
    assert status.start_ms == bench.time.clock.now_ms()


async def test_a_defect_of_a_source_is_reported_without_internals(bench: Bench) -> None:
    bench.script.connect_errors = [ZeroDivisionError("secret detail")]
    bench.runner.start()
    await bench.run()
    assert bench.runner.status().message == "Internal error (ZeroDivisionError)."
    await bench.run(60_000)
    assert bench.runner.status().status == "running"


async def test_a_source_that_breaks_off_stores_what_it_gave_and_comes_back(bench: Bench) -> None:
    bench.runner.start()
    bench.script.give(b"a")
    bench.script.queue.put_nowait(ConnectionResetError("reset"))
    await bench.run()
    assert bench.runner.status().message == "reset"
    bench.script.give(b"b")
    await bench.run(60_000)
    assert bench.engine.appends == [b"a", b"b"]
    assert bench.script.closed == 1


async def test_stop_waits_for_the_last_batch(bench: Bench) -> None:
    bench.engine.gate = asyncio.Event()
    bench.runner.start()
    bench.script.give(b"a")
    await bench.run()
    bench.script.give(b"b")
    await bench.run()
    stopping = asyncio.create_task(bench.runner.stop())
    await bench.run()
    assert not stopping.done()
    bench.engine.gate.set()
    await stopping
    assert bench.engine.appends == [b"a", b"b"]
    assert bench.script.acknowledged == [b"a", b"b"]
    assert bench.script.closed == 1
    assert bench.runner.status().status == "stopped"


async def test_stop_during_back_off_is_immediate(bench: Bench) -> None:
    bench.script.connect_errors = [OSError("no route")] * 100
    bench.runner.start()
    await bench.run(1_000)
    await asyncio.wait_for(bench.runner.stop(), 1)
    assert bench.runner.status().status == "stopped"


async def test_missing_stream_is_named_and_picked_up_when_it_comes(bench: Bench) -> None:
    bench.engine.stream = "other"
    bench.runner.start()
    await bench.run()
    assert bench.runner.status().message == "The stream 's' does not exist."
    bench.engine.stream = "s"
    await bench.run(60_000)
    assert bench.runner.status().status == "running"


async def test_throughput_is_bytes_per_second_by_minute(bench: Bench) -> None:
    bench.runner.start()
    for _ in range(3):
        bench.script.give(b"x" * 600)
        await bench.run(60_000)
    stats = bench.runner.stats(600_000, 600_000)
    assert [point.value for point in stats.throughput[:3]] == [10.0, 10.0, 10.0]
    times = [point.time_ms for point in stats.throughput]
    assert times == sorted(times)
    assert all(time % 60_000 == 0 for time in times)
    assert len(bench.runner.stats(60_000, 600_000).throughput) == 2
    assert stats.uptime_ms == 180_000


async def test_old_errors_leave_the_stats(bench: Bench) -> None:
    bench.script.connect_errors = [OSError("no route")]
    bench.runner.start()
    await bench.run(120_000)
    assert bench.runner.stats(600_000, 600_000).last_error is not None
    assert bench.runner.stats(600_000, 60_000).last_error is None


@given(st.integers(0, 2**63 - 1), st.integers(1, 200))
def test_back_off_stays_within_its_bounds(seed: int, attempts: int) -> None:
    backoff = Backoff(seed)
    for attempt in range(attempts):
        assert 0 <= backoff.next() <= min(60.0, 0.5 * 2**attempt)
    backoff.reset()
    assert backoff.next() <= 0.5
