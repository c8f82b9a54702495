"""Outside calls of kept queries: an answer is asked for once, whatever happens afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

import engine.captures
from engine.calls import Answer, Request, refused
from engine.captures import REST_SECONDS_MAX
from engine.config import EngineSettings
from engine.errors import Code, TailraceError
from tests.engine.place import Place
from tests.journeys.waiting import Stopwatch
from tests.sql.virtual_engine import VirtualEngine

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Counter:
    """A remote function that never gives the same answer twice: the number of the value asked."""

    def __init__(self, place: Served) -> None:
        self._place = place
        self.asked = 0
        self.requests: list[Request] = []
        self.silent = False
        self.failing = False

    def attach(self) -> None:
        self._place.engine.calls.attach(self._begin)

    def _begin(self, number: int, request: Request) -> None:
        self.requests.append(request)
        if self.silent:
            return
        calls = self._place.engine.calls
        if self.failing:
            failure = refused(request, "it is closed")
            asyncio.get_running_loop().call_soon(calls.answered, number, failure)
            return
        [values] = msgspec.json.decode(request.body, type=dict[str, list[Any]]).values()
        found = range(self.asked + 1, self.asked + 1 + len(values))
        self.asked += len(values)
        answer = Answer(msgspec.json.encode({"result": list(found)}))
        asyncio.get_running_loop().call_soon(calls.answered, number, answer)


class Served(Place):
    """An engine whose calls are answered from its start on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.counter = Counter(self)

    async def start(self) -> None:
        found = await VirtualEngine.open(self.folder, EngineSettings(), self.clock)
        assert isinstance(found, VirtualEngine)
        self.engine = found
        self.counter.attach()
        await self.engine.settle()


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path, shared_workers: None) -> AsyncIterator[Served]:
    made = Served(tmp_path / "life0")
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def counter(place: Served) -> Counter:
    await place.run("create stream s (i int32)")
    await place.run("create remote function nth(i int32) returns int64 url 'https://example.org'")
    return place.counter


async def test_a_view_goes_on_after_a_kill_without_asking_again(
    place: Place, counter: Counter
) -> None:
    await place.run("create materialized view mv as select sum(nth(i)) as n from s emit on update")
    for value in range(3):
        await place.run(f"insert into s (i) values ({value})({value})")
        await place.engine.settle()
    assert counter.asked == 6
    await place.kill()
    await place.run("insert into s (i) values (9)")
    await place.engine.settle()
    assert counter.asked == 7
    assert await place.rows("select n from table(mv)") == [[3], [10], [21], [28]]


async def test_a_checkpoint_of_a_step_that_waits_is_none(place: Place, counter: Counter) -> None:
    await place.run("create materialized view mv as select nth(i) as n from s")
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    counter.silent = True
    await place.run("insert into s (i) values (2)")
    for _ in range(5):
        place.engine.step_flow()
        await asyncio.sleep(0)
    assert len(counter.requests) == 2
    counter.silent = False
    await place.kill()  # the call under way is lost with the engine, and asked for again
    await place.engine.settle()
    assert counter.asked == 2
    assert await place.rows("select n from table(mv)") == [[1], [2]]


async def test_a_subscription_gives_rows_that_are_recorded(place: Place, counter: Counter) -> None:
    reader = await place.engine.statement("subscribe to select i, nth(i) as n from s")
    query_id = reader.opened.id
    await place.run("insert into s (i) values (5)(6)")
    await place.engine.settle()
    assert reader.rows() == [[5, 1], [6, 2]]
    await place.kill()  # the reader had taken nothing for certain
    again = await place.engine.statement(f"recover from '{query_id}'")
    await place.run("insert into s (i) values (7)")
    await place.engine.settle()
    assert again.rows() == [[5, 1], [6, 2], [7, 3]]
    assert counter.asked == 3
    await again.close()


async def test_a_connector_that_comes_back_is_asked_again(place: Place, counter: Counter) -> None:
    reader = await place.engine.statement("select nth(i) as n from s")
    counter.silent = True
    await place.run("insert into s (i) values (5)")
    for _ in range(5):
        place.engine.step_flow()
        await asyncio.sleep(0)
    assert len(counter.requests) == 1
    counter.silent = False
    counter.attach()
    await place.engine.settle()
    assert reader.rows() == [[1]]
    await reader.close()


async def test_bounded_queries_and_inserts_ask_too(place: Place, counter: Counter) -> None:
    await place.run("insert into s (i) values (5)(6)")
    assert await place.rows("select nth(i) as n from table(s)") == [[1], [2]]
    await place.run("create stream t (n int64)")
    await place.run("insert into t (n) select nth(i) as n from table(s)")
    assert await place.rows("select n from table(t)") == [[3], [4]]


async def test_python_functions_are_refused_unless_allowed(place: Served) -> None:
    sql = "create function f(a int32) returns int32 language python as $$ def f(a): return a $$"
    with pytest.raises(TailraceError, match="TAILRACE_ALLOW_PYTHON_FUNCTIONS") as caught:
        await place.run(sql)
    assert caught.value.code == Code.ACCESS_DENIED


async def test_a_view_whose_call_fails_says_why_and_recovers(
    place: Served, counter: Counter
) -> None:
    await place.run("create materialized view mv as select nth(i) as n from s")
    counter.failing = True
    await place.run("insert into s (i) values (1)")
    await place.engine.settle()
    definitions = (await place.engine.definitions()).definitions
    [view] = [d for d in definitions if d.name == "mv"]
    assert view.options["status"] == "Error"
    assert view.options["status_message"] == "Function nth failed: it is closed."
    counter.failing = False
    await place.run("system recover materialized view mv")
    await place.engine.settle()
    assert await place.rows("select n from table(mv)") == [[1]]


async def test_views_whose_calls_hang_keep_no_checkpoint_of_others_waiting(
    place: Served, counter: Counter
) -> None:
    hang = ("a", "b", "c")
    for name in hang:
        await place.run(f"create materialized view {name} as select nth(i) as n from s")
    await place.run("create materialized view quick as select i from s")
    await place.engine.settle()
    made = place.engine
    ids = {name: made._catalog.require(name).id for name in (*hang, "quick")}
    counter.silent = True
    made._flow.run()
    await place.run("insert into s (i) values (1)")
    await _until(lambda: len(counter.requests) == len(hang) and _rows_steps(made, ids["quick"]))
    place.clock.advance(10_000)
    began = time.monotonic()
    await asyncio.to_thread(made._checkpoints.look)
    await asyncio.to_thread(made._checkpoints.look)
    assert time.monotonic() - began < REST_SECONDS_MAX
    store = made._checkpoints.store
    assert store.newest_manifest(ids["quick"]) is not None
    assert [store.newest_manifest(ids[name]) for name in hang] == [None] * len(hang)
    for number in range(1, len(hang) + 1):
        made.calls.answered(number, Answer(b'{"result": [7]}'))
    await _until(lambda: all(_rows_steps(made, ids[name]) for name in hang))
    await asyncio.to_thread(made._checkpoints.look)
    assert all(store.newest_manifest(ids[name]) is not None for name in hang)


async def test_views_whose_calls_hang_share_one_wait_at_the_end(
    place: Served, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.captures, "REST_SECONDS_MAX", 1.0)
    names = [f"v{number}" for number in range(8)]  # more than threads that stop them
    for name in names:
        await place.run(f"create materialized view {name} as select nth(i) as n from s")
    await place.engine.settle()
    counter.silent = True
    place.engine._flow.run()
    await place.run("insert into s (i) values (1)")
    await _until(lambda: len(counter.requests) == len(names))
    watch = Stopwatch()
    place.engine._flow.last_wait()
    for name in names:
        view_id = place.engine._catalog.require(name).id
        await asyncio.to_thread(place.engine._checkpoints.stop, view_id)
    watch.within(3.0, "one wait for all")


def _rows_steps(found: VirtualEngine, view_id: str) -> bool:
    """Whether a step that read rows is in the log."""
    kept = found._checkpoints.book.get(view_id)
    return kept is not None and any(step.kind == "rows" for step in kept.steps)


async def _until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)
