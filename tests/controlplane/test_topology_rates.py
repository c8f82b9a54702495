"""Rates of the topology: from counters, with history and pressure; dashboards as nodes."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.metrics import ErrorRecord, SourceCounters, SourceSample
from controlplane.services.names_read import functions_called, names_read
from controlplane.services.rates import SAMPLES_MAX
from engine.activity import Activity, InputActivity, StreamActivity, Work
from tests.controlplane.conftest import API, Plane

RATES = f"{API}/topology/rates"


def counted(seconds: int, rows: int, *, waiting: bool = False) -> Activity:
    """What an engine counts when `rows` a second come and half of them pass."""
    total = seconds * rows
    read = InputActivity("iot", total, total // 2, behind=3, read_ms=1_000)
    work = Work("materialized_view:fast", "ExecutingPipeline", "", total, total // 2, 0, waiting,
                (read,))  # fmt: skip
    return Activity(seconds * 1000, (StreamActivity("iot", total, total * 8, 1),), (work,))


async def view(lite: Plane) -> None:
    """A stream and a materialized view that reads it."""
    await lite.stream("iot")
    body = {"name": "fast", "query": "select * from iot", "materialized": True}
    answer = await lite.client.post(f"{API}/views", json=body)
    assert answer.status_code == 201, answer.text


async def sampled(lite: Plane, *states: Activity) -> None:
    """One sample of each state, as if 5 s lay between them."""
    for state in states:
        lite.engine.active = state
        await lite.app.rates.sample()


async def nodes(lite: Plane, query: str = "") -> dict[str, Any]:
    """Nodes of the answer by id."""
    answer = await lite.client.get(RATES + query)
    assert answer.status_code == 200, answer.text
    return {node["id"]: node for node in answer.json()["nodes"]}


async def test_rates_of_the_last_minute_and_their_history(lite: Plane) -> None:
    await view(lite)
    await sampled(lite, *(counted(5 * at, 100) for at in range(20)))
    found = await nodes(lite, "?history=true")
    iot, fast = found["stream:iot"], found["materialized_view:fast"]
    assert (iot["rows_in"], iot["rows_out"]) == (100.0, 100.0)
    assert (fast["rows_in"], fast["rows_out"], fast["behind"]) == (100.0, 50.0, 3)
    assert fast["status"] == "ExecutingPipeline"
    assert fast["history"]["rows_out"][-19:] == [50.0] * 19
    assert (await nodes(lite))["stream:iot"]["history"] is None
    (edge,) = (await lite.client.get(RATES)).json()["edges"]
    assert (edge["source"], edge["target"]) == ("stream:iot", "materialized_view:fast")
    assert (edge["rows"], edge["pressure"]) == (100.0, 0.0)


async def test_history_is_bounded_and_counters_may_begin_anew(lite: Plane) -> None:
    await view(lite)
    await sampled(lite, *(counted(5 * at, 10) for at in range(SAMPLES_MAX + 20)))
    history = (await nodes(lite, "?history=true"))["stream:iot"]["history"]
    assert history["rows_in"] == [10.0] * SAMPLES_MAX
    await sampled(lite, counted(5, 10))  # the engine was started anew
    assert (await nodes(lite, "?history=true"))["stream:iot"]["history"]["rows_in"][-1] == 10.0


async def test_pressure_is_the_share_of_the_minute_that_a_node_waited(lite: Plane) -> None:
    await view(lite)
    states = [counted(5 * at, 10, waiting=at % 4 == 0) for at in range(24)]
    await sampled(lite, *states)
    (edge,) = (await lite.client.get(RATES)).json()["edges"]
    assert edge["pressure"] == pytest.approx(0.25)


async def test_what_failed_tells_why(lite: Plane) -> None:
    await view(lite)
    broken = Work("materialized_view:fast", "Error", "code 69: too large")
    await sampled(lite, Activity(1, (), (broken,)))
    fast = (await nodes(lite))["materialized_view:fast"]
    assert (fast["status"], fast["last_error"]) == ("Error", "code 69: too large")
    assert fast["rows_in"] == 0.0


async def test_a_source_counts_what_became_durable(lite: Plane) -> None:
    await lite.stream("iot")
    body = {"name": "gen", "type": "stream_generator", "stream": "iot",
            "properties": {"template": "iot"}}  # fmt: skip
    made = (await lite.client.post(f"{API}/sources", json=body)).json()
    error = ErrorRecord(1_700_000_000_000, "no connection")
    for at in range(13):
        counters = SourceCounters(sent=1_000 + at * 50, last_error=error)
        lite.connectors.counted[made["id"]] = SourceSample(made["id"], counters)
        await lite.app.rates.sample()
    source = (await nodes(lite))[f"source:{made['id']}"]
    assert (source["rows_in"], source["rows_out"]) == (10.0, 10.0)
    assert (source["last_error"], source["last_error_ms"]) == ("no connection", error.time_ms)


async def test_dashboards_and_saved_queries_are_nodes_when_asked_for(lite: Plane) -> None:
    await lite.stream("iot")
    panel = {"title": "t", "viz_type": "chart", "viz_content": "select * from iot where {{x}}",
             "viz_config": {}, "position": {"x": 0, "y": 0, "w": 6, "h": 2}}  # fmt: skip
    made = await lite.client.post(f"{API}/dashboards", json={"name": "d", "panels": [panel]})
    assert made.status_code == 201, made.text
    saved = {"name": "s", "sql": "select count() from tumble(iot, 5s) group by window_start"}
    assert (await lite.client.post(f"{API}/savedqueries", json=saved)).status_code == 201
    plain = (await lite.client.get(f"{API}/topology")).json()
    assert {node["type"] for node in plain["nodes"]} == {"stream"}
    both = {"extraResources": "dashboard,savedquery"}
    found = (await lite.client.get(f"{API}/topology", params=both)).json()
    names = {node["id"]: node["name"] for node in found["nodes"]}
    edges = {(names[e["source"]], names[e["target"]]) for e in found["edges"]}
    assert edges == {("iot", "d"), ("iot", "s")}


def test_names_are_read_without_a_parse() -> None:
    known = {"iot", "cars", "late"}
    sql = "select iot from tumble(cars, {{size}}) where x in (select 1 from table(`late`)) -- iot"
    assert names_read(sql, known) == ("cars", "late")
    assert names_read("select 'from iot'", known) == ()
    assert functions_called("select area (w), area from cars", {"area", "cars"}) == ("area",)
