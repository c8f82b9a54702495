"""A query that hangs or takes all memory is ended and charged; the others and the API go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer
from tests.journeys.waiting import Stopwatch, wait_until

STEP_SECONDS = 2
# A hang is looked for once a second; then the engine is started again.
ENDED_SECONDS_MAX = STEP_SECONDS + 4
# About 10 ms of work for each row, and DuckDB looks up only after 2,048 of them.
HANGS = "select damerau_levenshtein_distance(repeat(text, 400), repeat('b', 2000)) from events"
HANG_ROWS = 2_000
# 2 million numbers for each row, of a hundred rows at once.
GROWS = (
    "select array_sum(array_map(x -> x * 2, range(n * 2000000))) from events "
    "where n > 0 and text = 'grow'"
)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose steps may take two seconds, and a stream."""
    running = Server(
        tmp_path_factory.mktemp("runaway") / "data",
        TAILRACE_STEP_MS_MAX=str(STEP_SECONDS * 1000),
        TAILRACE_ENGINE_MEMORY_BYTES=str(768 << 20),
    ).start()
    running.create("events", n="int64", text="string")
    yield running
    running.stop()


def engine(server: Server) -> int:
    """Process id of the engine."""
    return server.children("engine.host")[0].pid


@pytest.mark.timeout(240)
def test_hanging_step_is_killed_and_charged_to_its_query(events: Server) -> None:
    hanging = Answer(events, HANGS)
    neighbour = Answer(events, "select n from events")
    before = engine(events)
    watch = Stopwatch()
    events.ingest("events", ["n", "text"], [[n, f"a{n}"] for n in range(HANG_ROWS)])
    ended: list[dict[str, object]] = []
    waiting = threading.Thread(target=lambda: ended.append(hanging.rest()[1]))
    waiting.start()
    while waiting.is_alive():  # the API answers all the time
        assert events.ready("/healthz")
        assert events.call("GET", "/streams/events").status_code == 200
        waiting.join(0.2)
    watch.within(ENDED_SECONDS_MAX, "the end of a hanging query")
    assert (ended[0]["status"], ended[0]["code"]) == ("failed", 159)
    assert str(ended[0]["message"]).startswith("code 159: ")
    _, other = neighbour.rest()
    assert (other["status"], other["code"]) == ("failed", 503)
    listed = events.call("GET", f"/queries/{hanging.id}").json()
    assert listed["message"].startswith("code 159: ")

    # It is not started again: the engine stays, and what was acknowledged is there, once.
    wait_until(events.ready, 10, "readiness")
    after = engine(events)
    assert after != before
    again = Answer(events, "select n from events")
    events.ingest("events", ["n", "text"], [[-2, "a"]])
    assert again.rows(1) == [[-2]]
    stored = events.select("select count(), count_distinct(n) from table(events)")
    assert stored == [[HANG_ROWS + 1, HANG_ROWS + 1]]
    assert engine(events) == after
    again.close()


@pytest.mark.timeout(240)
def test_query_that_takes_all_memory_is_ended_and_others_go_on(events: Server) -> None:
    growing = Answer(events, GROWS)
    neighbour = Answer(events, "select n from events where n < 0")
    events.ingest("events", ["n", "text"], [[1, "grow"]] * 100)
    _, last = growing.rest()
    assert (last["status"], last["code"]) == ("failed", 241)
    assert last["message"].startswith("code 241: ")
    events.ingest("events", ["n"], [[-1]])
    assert neighbour.rows(1) == [[-1]]
    neighbour.close()
    assert events.select("select count() from table(events) where text = 'grow'") == [[100]]
