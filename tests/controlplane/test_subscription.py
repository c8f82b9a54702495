"""A subscription of a socket in virtual time: credit, pace, newest rows, every row counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.services import subscription as module
from controlplane.services.subscription import CREDIT_BATCHES, Mode, Pace, Subscription
from engine.clock import ManualClock
from engine.protocol import Rows
from tests.examples import examples

ALL_THAT_IS_LEFT = 500
ACTIONS = st.one_of(
    st.tuples(st.just("offer"), st.integers(1, 30)),
    st.tuples(st.just("wait"), st.integers(0, 400)),
    st.tuples(st.just("ack"), st.integers(0, 3)),
    st.tuples(st.just("read"), st.integers(1, 4)),
    st.tuples(st.just("rate"), st.sampled_from([0.5, 4, 50])),
)


class Client:
    """A client that checks each frame, and the clock that both go by."""

    def __init__(self, mode: Mode, max_hz: float, max_rows: int) -> None:
        self.clock = ManualClock()
        self.subscription = Subscription("a", Pace(max_hz, max_rows), self.clock)
        self.subscription.begin(b"{}", mode)
        self.mode, self.max_hz, self.max_rows = mode, max_hz, max_rows
        self.offered = 0
        self.rows: list[int] = []
        self.dropped = 0
        self.batches = 0
        self.acknowledged = 0
        self.at_s: list[float] = []
        self.ended = False

    def offer(self, count: int) -> None:
        """The query has `count` more rows; of a full subscription nobody takes any."""
        if self.subscription.full:
            return
        rows = [[self.offered + i, "]["] for i in range(count)]
        self.subscription.offer(Rows(count, json.dumps(rows, separators=(",", ":")).encode()))
        self.offered += count

    def wait(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)

    def ack(self, behind: int) -> None:
        """Say what was taken, all but the last `behind` batches."""
        self.acknowledged = max(self.acknowledged, self.batches - behind)
        assert self.subscription.acknowledge(self.acknowledged)

    def rate(self, max_hz: float) -> None:
        self.subscription.repace(max_hz)
        self.max_hz = max_hz
        self.at_s.clear()

    def read(self, frames: int) -> None:
        for _ in range(frames):
            due = self.subscription.due()
            frame = self.subscription.next()
            if due is None or due > self.clock.monotonic():
                assert frame is None
                return
            assert frame is not None
            self._take(json.loads(frame))

    def _take(self, message: dict[str, Any]) -> None:
        assert not self.ended
        assert message["id"] == "a"
        if message["ev"] == "data":
            self._take_rows(message)
        elif message["ev"] == "dropped":
            self.dropped += message["rows"]
            assert message["total"] == self.dropped
        elif message["ev"] == "end":
            self.ended = True

    def _take_rows(self, message: dict[str, Any]) -> None:
        self.batches += 1
        assert message["n"] == self.batches
        assert self.batches - self.acknowledged <= CREDIT_BATCHES
        assert 0 < len(message["rows"]) <= self.max_rows
        self.rows += [n for n, _ in message["rows"]]
        now = self.clock.monotonic()
        if self.at_s and not self.subscription.ending:
            assert now - self.at_s[-1] >= 1 / self.max_hz - 1e-6
        self.at_s.append(now)

    def finish(self) -> None:
        """The query ends; read all that is left, as a client that acknowledges."""
        self.subscription.end(b"{}")
        for _ in range(ALL_THAT_IS_LEFT):
            self.ack(0)
            self.read(1)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.sampled_from(["latest", "all"]),
    st.sampled_from([0.5, 4, 50]),
    st.integers(1, 40),
    st.lists(ACTIONS, max_size=60),
)
def test_received_and_dropped_are_what_was_produced(
    mode: Mode, max_hz: float, max_rows: int, actions: list[tuple[str, Any]]
) -> None:
    client = Client(mode, max_hz, max_rows)
    for action, value in actions:
        getattr(client, action)(value)
        assert mode == "latest" or client.subscription.dropped == 0
    client.finish()
    assert client.ended
    assert len(client.rows) + client.dropped == client.offered
    assert client.rows == sorted(set(client.rows))
    newest = min(max_rows, client.offered)
    assert client.rows[len(client.rows) - newest :] == list(
        range(client.offered - newest, client.offered)
    )


def test_out_of_credit_the_newest_rows_are_kept_and_the_rest_is_counted() -> None:
    client = Client("latest", 50, 10)
    client.read(1)
    for _ in range(CREDIT_BATCHES):
        client.offer(3)
        client.wait(20)
        client.read(1)
    assert client.batches == CREDIT_BATCHES
    client.offer(25)
    client.offer(4)
    client.wait(1_000)
    client.read(3)
    assert client.batches == CREDIT_BATCHES
    client.ack(0)
    client.read(2)
    assert client.rows[-10:] == list(range(43, 53))
    assert client.dropped == 19


def test_what_waits_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    for mode, kept in (("latest", 3), ("all", 4)):
        one = Subscription("a", Pace(10, 1_000), clock)
        one.bytes_max = 1_000
        one.begin(b"{}", mode)  # type: ignore[arg-type]
        taken = 0
        while not one.full and taken < 50:
            taken += 1
            one.offer(Rows(1, b'[["' + b"x" * 300 + b'"]]'))
        assert taken - one.dropped == kept, mode
    monkeypatch.setattr(module, "EVENT_BYTES_MAX", 700)
    one.next()
    sizes = []
    while (due := one.due()) is not None:
        clock.advance(int(due * 1000) - clock.now_ms() + 1 if due else 0)
        sizes.append(len(json.loads(one.next() or b"")["rows"]))
    assert sizes == [2, 2]


def test_a_batch_that_was_not_sent_cannot_be_acknowledged() -> None:
    client = Client("latest", 50, 10)
    client.offer(1)
    client.read(2)
    assert not client.subscription.acknowledge(2)
    assert client.subscription.acknowledge(1)
    assert client.subscription.acknowledge(0)


def test_a_stop_counts_what_waits_and_ends() -> None:
    client = Client("all", 1, 2)
    client.read(1)
    client.offer(7)
    client.read(1)
    client.subscription.end(b"{}")
    client.subscription.hurry()
    client.read(2)
    assert (client.rows, client.dropped, client.ended) == ([0, 1], 5, True)
