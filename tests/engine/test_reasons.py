"""Why a query gives no rows, in virtual time: each reason from the counters of a real query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.activity import Diagnosis, Work
from engine.activity_book import ActivityBook, Known
from engine.errors import NotFound
from engine.reasons import Reason, reasons
from engine.testing import Collected
from tests.engine.pipeline import Pipelines, at


class Watched(Pipelines):
    """A workspace whose queries are asked why they give nothing."""

    def __init__(self) -> None:
        super().__init__()
        known = Known(
            lambda: {d.id: d.name for d in self.definitions.values()},
            lambda query_id: (f"query:{query_id}", "ExecutingPipeline", ""),
        )
        self.book = ActivityBook(self.storage, self.flow, self.clock, known)
        self.stream("cars", "cid string, speed float32, _tp_time datetime64(3)")

    def found(self, query: str = "q1") -> dict[str, Reason]:
        """The reasons by code, in order."""
        return {each.code: each for each in reasons(self.book.diagnosis(f"query:{query}"))}

    def drive(self, *rows: tuple[Any, ...]) -> None:
        self.insert("cars", list(rows))


@pytest.fixture
def world() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.close()


def test_a_stream_without_new_rows(world: Watched) -> None:
    world.query("select cid from cars")
    found = world.found()
    assert list(found) == ["no_new_rows"]
    assert found["no_new_rows"].facts["stream"] == "cars"
    assert found["no_new_rows"].facts["newest_append_ms"] is None
    world.drive(("a", 1.0, at("20:00:00")))
    came = world.clock.now_ms()
    assert world.found() == {}
    world.advance(10_000)
    assert world.found()["no_new_rows"].facts["newest_append_ms"] == came


def test_a_filter_that_lets_nothing_pass(world: Watched) -> None:
    world.query("select cid from cars where speed > 100")
    world.drive(("a", 1.0, at("20:00:00")), ("b", 2.0, at("20:00:01")))
    found = world.found()
    assert list(found) == ["filtered_out"]
    assert found["filtered_out"].text == "The filter let pass 0 of 2 rows of cars."
    world.drive(("c", 101.0, at("20:00:02")))
    assert world.found() == {}


def test_a_window_that_is_not_over(world: Watched) -> None:
    made = world.query("select count() from tumble(cars, 5s) group by window_start")
    world.drive(("a", 1.0, at("20:00:01")), ("b", 2.0, at("20:00:02")))
    found = world.found()
    assert list(found) == ["window_open"]
    facts = found["window_open"].facts
    assert facts["closes_at_ms"] - facts["watermark_ms"] == 5_000
    assert found["window_open"].text.endswith("in event time.")
    world.advance(60_000)
    found = world.found()
    assert list(found) == ["no_new_rows", "window_open"]
    assert "No row came for 60 s, and only a row moves the watermark." in found["window_open"].text
    world.drive(("a", 1.0, at("20:00:05")))
    assert [row for (row,) in made.all()] == [2]
    assert world.found()["window_open"].facts["closes_at_ms"] == facts["closes_at_ms"] + 5_000


def test_a_delay_is_part_of_when_a_window_closes(world: Watched) -> None:
    sql = "select count() from tumble(cars, 5s) group by window_start"
    made = world.query(sql + " emit after watermark with delay 2s")
    world.drive(("a", 1.0, at("20:00:01")))
    closes = world.found()["window_open"].facts["closes_at_ms"]
    world.drive(("a", 1.0, at("20:00:06.999")))
    assert made.all() == []
    world.drive(("a", 1.0, at("20:00:07")))
    assert made.all() == [(1,)]
    assert closes % 60_000 == 7_000


def test_a_session_that_is_not_over(world: Watched) -> None:
    world.query("select count() from session(cars, 5s) group by window_start, window_end")
    world.drive(("a", 1.0, at("20:00:01")), ("a", 2.0, at("20:00:03")))
    assert world.found()["window_open"].facts["closes_at_ms"] % 60_000 == 8_000


def test_results_that_come_at_intervals(world: Watched) -> None:
    world.query("select count() from cars group by cid emit periodic 1h")
    world.query("select count() from tumble(cars, 5s) group by window_start emit periodic 1h")
    world.drive(("a", 1.0, at("20:00:01")))
    assert world.found("q2")["not_due"].facts["due_ms"] > world.clock.now_ms()


def test_late_rows(world: Watched) -> None:
    world.query("select count() from tumble(cars, 5s) group by window_start")
    world.drive(("a", 1.0, at("20:01:00")))
    world.drive(("a", 1.0, at("20:00:00")), ("b", 1.0, at("20:00:01")))
    assert world.found()["late_rows"].facts == {"late_rows": 2}


def test_a_slow_reader(world: Watched) -> None:
    made: Collected = world.query("select cid from cars")
    made.open = False
    world.drive(("a", 1.0, at("20:00:01")))
    found = world.found()
    assert next(iter(found)) == "slow_reader"
    assert found["catching_up"].facts["behind"] == 1
    made.open = True
    world.flow.wake("q1")
    world.virtual.settle()
    assert world.found() == {}


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (Work("materialized_view:v", "Paused"), "paused"),
        (Work("materialized_view:v", "Error", "code 69: too large"), "failed"),
        (Work("materialized_view:v", message="the broker is away"), "waits"),
    ],
)
def test_what_does_not_run(work: Work, code: str) -> None:
    (found,) = reasons(Diagnosis(1, 0, work))
    assert found.code == code
    assert work.message in found.text


def test_activity_counts_rows_in_and_out(world: Watched) -> None:
    world.query("select cid from cars where speed > 1.5")
    world.drive(("a", 1.0, at("20:00:01")), ("b", 2.0, at("20:00:02")))
    now = world.book.activity()
    (cars,) = now.streams
    assert (cars.name, cars.written_rows, cars.newest_append_ms) == ("cars", 2, now.now_ms)
    (work,) = now.works
    assert (work.scanned_rows, work.result_rows, work.waiting) == (2, 1, False)
    (read,) = work.inputs
    assert (read.stream, read.scanned_rows, read.passed_rows, read.behind) == ("cars", 2, 1, 0)
    with pytest.raises(NotFound):
        world.book.diagnosis("query:other")
