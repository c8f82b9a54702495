"""Gaps of sources that are read at most once: when, why and how many messages are lost."""

from __future__ import annotations

import asyncio
from typing import Any

import nats
from live import Live
from websockets.asyncio.server import serve

from connectors.buffer import BufferLimits
from connectors.gaps import AWAY, GAPS_MAX, TOGETHER_MS, Gap, Gaps, GapsKept
from connectors.runner import SourceRunner
from connectors.surroundings import Surroundings
from engine.clock import ManualClock, SystemClock
from tests.services.nats import Nats, nats_server

__all__ = ["nats_server"]

DAY_MS = 86_400_000


def of(live: Live) -> tuple[Gap, ...]:
    return live.runner.stats(DAY_MS, DAY_MS).gaps


def test_the_newest_gaps_are_kept_and_those_of_one_reason_are_one() -> None:
    clock = ManualClock()
    gaps = Gaps(clock, GapsKept())
    gaps.connected()
    assert gaps.kept().gaps == (), "nothing was missed before the first connection"
    begin = clock.now_ms()
    for _ in range(3):
        clock.advance(TOGETHER_MS)
        gaps.lost(2, "slow")
    assert gaps.kept().gaps == (Gap(begin + TOGETHER_MS, clock.now_ms(), "slow", 6),)
    clock.advance(TOGETHER_MS + 1)
    gaps.lost(1, "slow")
    gaps.lost(1, "other")
    assert [gap.count for gap in gaps.kept().gaps] == [6, 1, 1]
    for number in range(GAPS_MAX + 5):
        gaps.away(f"reason {number}")
        gaps.away("tried again")
        clock.advance(1_000)
        gaps.connected()
    found = gaps.since(0)
    assert len(found) == GAPS_MAX
    now = clock.now_ms()
    assert found[-1] == Gap(now - 1_000, now, f"reason {GAPS_MAX + 4}")
    assert len(gaps.since(now - 2_000)) == 3


def test_the_time_between_two_lives_is_a_gap() -> None:
    clock = ManualClock()
    gaps = Gaps(clock, GapsKept())
    gaps.connected()
    clock.advance(5_000)
    kept = gaps.kept()  # as it is stored now and then; a kill takes what comes later
    clock.advance(60_000)
    again = Gaps(clock, kept)
    again.away("cannot be reached")
    assert again.since(0) == (Gap(kept.connected_ms, 0, AWAY),), "it lasts"
    clock.advance(1_000)
    again.connected()
    assert again.since(0) == (Gap(kept.connected_ms, clock.now_ms(), AWAY),)


async def test_a_connection_that_is_cut_is_a_gap_until_the_next() -> None:
    cut, came = asyncio.Event(), asyncio.Event()

    async def handler(socket: Any) -> None:
        if came.is_set():
            await socket.wait_closed()
            return
        came.set()
        await cut.wait()
        socket.transport.abort()

    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with Live("websocket", {"url": f"ws://127.0.0.1:{port}", "data_type": "json"}) as one:
            await one.connected()
            assert of(one) == ()
            cut.set()
            await one.until(lambda: bool(of(one)), "a gap")
            await one.until(lambda: of(one)[0].to_ms > 0, "its end")
            (gap,) = of(one)
            assert "connection was lost" in gap.reason
            assert 0 < gap.from_ms <= gap.to_ms
            assert gap.count == -1, "nobody can say"
        # The next life goes on from what is kept of this one, and was away meanwhile.
        begin = one.runner.sample(0).counters
        runner = SourceRunner(one.runner.definition, one.runner._around, begin)
        runner.start()
        await one.until(lambda: len(runner.stats(DAY_MS, DAY_MS).gaps) == 2, "the stop")
        assert runner.stats(DAY_MS, DAY_MS).gaps[1].reason == AWAY
        await runner.stop()


async def test_messages_that_nats_drops_are_counted(nats_server: Nats) -> None:
    given = {
        "url": nats_server.url, "subject": "drops", "data_type": "text", "prefetch_count": 10,
    }  # fmt: skip
    live = Live("nats", given)
    limits = BufferLimits(waiting_batches_max=1)
    around = Surroundings(live._connect, SystemClock(), limits=limits, private=True)
    live.runner = SourceRunner(live.runner.definition, around)
    live.engine.gate = asyncio.Event()  # the engine takes nothing
    async with live:
        await live.connected()
        client = await nats.connect(nats_server.url)
        for number in range(20_000):
            await client.publish("drops", b"message %d" % number)
        await client.flush()
        await live.until(lambda: bool(of(live)), "a gap")
        live.engine.gate.set()
        await client.publish("drops", b"last")
        await client.close()
        await live.until(lambda: sum(gap.count for gap in of(live)) + len(live.texts()) == 20_001,
                         "all messages, stored or counted")  # fmt: skip
        assert all("slow consumer" in gap.reason for gap in of(live))


async def test_sources_that_lose_nothing_have_no_gaps() -> None:
    async with Live("stream_generator", {"template": "iot"}) as live:
        await live.refused()
        assert of(live) == ()
    away = {"url": "ws://127.0.0.1:1", "data_type": "json"}
    async with Live("websocket", away) as live:
        await live.refused()
        (gap,) = of(live)
        assert (gap.to_ms, "cannot be reached" in gap.reason) == (0, True)
