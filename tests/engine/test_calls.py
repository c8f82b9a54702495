"""Outside calls in virtual time: a step stops for an answer, others go on, results are the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from engine.calls import Answer, Done, GiveUp, Request, refused
from engine.errors import Code
from engine.testing import Collected
from tests.engine.pipeline import Pipelines


class Remote:
    """Doubles numbers. `held`: answers wait for `answer`."""

    def __init__(self) -> None:
        self.held = False
        self.waiting: deque[tuple[Request, Done]] = deque()
        self.asked: list[dict[str, list[Any]]] = []
        self.failure = ""
        self.given_up: list[Request] = []

    def send(self, request: Request, done: Done) -> GiveUp:
        self.asked.append(msgspec.json.decode(request.body))
        self.waiting.append((request, done))
        if not self.held:
            self.answer()
        return lambda: self.given_up.append(request)

    def answer(self) -> None:
        request, done = self.waiting.popleft()
        if self.failure:
            done(refused(request, self.failure))
            return
        values = msgspec.json.decode(request.body)["v"]
        done(Answer(msgspec.json.encode({"result": [value * 2 for value in values]})))


@pytest.fixture
def remote() -> Remote:
    return Remote()


@pytest.fixture
def pipelines(remote: Remote) -> Iterator[Pipelines]:
    made = Pipelines()
    made.flow.call_with(remote)
    made.stream("s", "i int32, k string")
    made.stream("r", "i int32, w string")
    made.function(
        "create remote function doubled(v int64) returns int64 url 'http://example.org/double'"
    )
    yield made
    made.close()


def values(output: Collected) -> list[object]:
    return [row[0] for row in output.all()]


def test_results_stand_beside_their_rows(pipelines: Pipelines, remote: Remote) -> None:
    output = pipelines.query("select doubled(i) as d, k from s where i > 1")
    pipelines.insert("s", [(1, "a"), (2, "b")], [(3, "c")])
    assert output.all() == [(4, "b"), (6, "c")]
    assert remote.asked == [{"v": [2, 3]}]


def test_the_call_of_a_query_that_ends_is_given_up(pipelines: Pipelines, remote: Remote) -> None:
    pipelines.query("select doubled(i) as d from s")
    pipelines.insert("s", [(1, "a")])
    remote.held = True
    pipelines.insert("s", [(2, "a")])
    for query_id in list(pipelines.flow._lives.running):
        pipelines.flow.stop(query_id)
    pipelines.flow.step()
    assert [msgspec.json.decode(each.body) for each in remote.given_up] == [{"v": [2]}]


def test_nobody_else_waits_for_an_answer(pipelines: Pipelines, remote: Remote) -> None:
    remote.held = True
    slow = pipelines.query("select doubled(i) as d from s")
    quick = pipelines.query("select i from s")
    pipelines.insert("s", [(1, "a")])
    pipelines.insert("s", [(2, "a")])
    assert values(quick) == [1, 2]
    assert values(slow) == []
    assert len(remote.asked) == 1  # the second append waits in the log, not in a queue
    while remote.waiting:
        remote.answer()
        pipelines.virtual.settle()
    assert values(slow) == [2, 4]


def test_rows_that_wait_are_asked_for_together(pipelines: Pipelines, remote: Remote) -> None:
    remote.held = True
    output = pipelines.query("select doubled(i) as d from s")
    for value in range(5):
        pipelines.insert("s", [(value, "a")])
    while remote.waiting:
        remote.answer()
        pipelines.virtual.settle()
    assert remote.asked == [{"v": [0]}, {"v": [1, 2, 3, 4]}]
    assert values(output) == [0, 2, 4, 6, 8]


def test_an_append_of_many_slices_goes_through_whole(pipelines: Pipelines, remote: Remote) -> None:
    remote.held = True
    output = pipelines.query("select sum(doubled(i)) as d, count() as n from s emit on update")
    pipelines.insert("s", [(1, "a")] * 25_000)
    pipelines.insert("s", [(1, "a")])
    while remote.waiting:
        remote.answer()
        pipelines.virtual.settle()
    assert output.all() == [(50_000, 25_000), (50_002, 25_001)]


def test_timers_wait_for_the_answer(pipelines: Pipelines, remote: Remote) -> None:
    remote.held = True
    output = pipelines.query("select sum(doubled(i)) as d from s emit periodic 1s")
    pipelines.insert("s", [(2, "a")])
    pipelines.advance(3_000)
    assert values(output) == []
    remote.answer()
    pipelines.advance(0)
    assert values(output) == [4]


def test_calls_over_results_of_calls(pipelines: Pipelines, remote: Remote) -> None:
    output = pipelines.query(
        "select doubled(sum(x)) as d from (select doubled(i) as x from s) emit on update"
    )
    pipelines.insert("s", [(1, "a"), (2, "a")])
    assert values(output) == [12]


def test_a_failure_ends_the_query_alone(pipelines: Pipelines, remote: Remote) -> None:
    remote.failure = "example.org answered with status 500"
    failing, other = pipelines.query("select doubled(i) from s"), pipelines.query("select i from s")
    pipelines.insert("s", [(1, "a")])
    assert failing.error is not None
    assert failing.error.code == Code.FUNCTION_FAILED
    message = "Function doubled failed: example.org answered with status 500."
    assert failing.error.message == message
    assert values(other) == [1]


def test_a_query_is_stopped_while_it_waits(pipelines: Pipelines, remote: Remote) -> None:
    remote.held = True
    output = pipelines.query("select doubled(i) from s")
    pipelines.insert("s", [(1, "a")])
    pipelines.flow.stop("q1")
    pipelines.virtual.settle()
    assert pipelines.flow.running == 0
    remote.answer()
    pipelines.virtual.settle()
    assert output.all() == []


def test_a_limit_ends_the_query_after_an_answer(pipelines: Pipelines, remote: Remote) -> None:
    output = pipelines.query("select doubled(i) as d from s limit 2")
    pipelines.insert("s", [(1, "a"), (2, "b"), (3, "c")])
    assert values(output) == [2, 4]
    assert output.ended


def test_both_sides_of_a_join_may_call(pipelines: Pipelines, remote: Remote) -> None:
    remote.held = True
    output = pipelines.query(
        "select a.d, b.w from (select doubled(i) as d, i, _tp_time from s) as a "
        "join (select doubled(i) as e, i, w, _tp_time from r) as b "
        "on a.i = b.i and date_diff_within(1m)"
    )
    for value in range(3):
        pipelines.insert("s", [(value, "a")])
        pipelines.insert("r", [(value, f"w{value}")])
    while remote.waiting:
        remote.answer()
        pipelines.virtual.settle()
    assert sorted(output.all()) == [(0, "w0"), (2, "w1"), (4, "w2")]
