"""Why there are no rows, over REST: who should fill a quiet stream, and who may ask."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.status import SourceStatus
from engine.activity import Activity, InputActivity, Work
from tests.controlplane.conftest import API, Plane

QUIET = Work("materialized_view:fast", inputs=(InputActivity("iot"),))


async def view(lite: Plane, name: str = "fast", reads: str = "iot") -> None:
    """A materialized view; its work is whatever the test says."""
    body = {"name": name, "query": f"select * from {reads}", "materialized": True}
    answer = await lite.client.post(f"{API}/views", json=body)
    assert answer.status_code == 201, answer.text


async def reasons(lite: Plane) -> list[dict[str, Any]]:
    """Of the view."""
    answer = await lite.client.get(f"{API}/materialized_views/fast/diagnosis")
    assert answer.status_code == 200, answer.text
    return answer.json()["reasons"]


@pytest.mark.parametrize("state", ["stopped", "failed"])
async def test_a_source_that_does_not_run_comes_first(lite: Plane, state: Any) -> None:
    await lite.stream("iot")
    await view(lite)
    lite.engine.active = Activity(20_000, (), (QUIET,))
    body = {"name": "gen", "type": "stream_generator", "stream": "iot",
            "properties": {"template": "iot"}}  # fmt: skip
    made = (await lite.client.post(f"{API}/sources", json=body)).json()
    assert [one["code"] for one in await reasons(lite)] == ["no_new_rows"]
    if state == "stopped":
        assert (await lite.client.post(f"{API}/sources/{made['id']}/stop")).status_code == 204
    else:
        lite.connectors.sources[made["id"]] = SourceStatus(made["id"], "failed", "no connection")
    first, second = await reasons(lite)
    assert first["code"] == f"source_{state}"
    assert first["facts"]["stream"] == "iot"
    assert "gen" in first["text"]
    assert second["code"] == "no_new_rows"


async def test_a_view_that_fills_the_stream_and_failed_comes_first(lite: Plane) -> None:
    await lite.stream("iot")
    await view(lite, "before")
    await view(lite, "fast", "before")
    quiet = Work("materialized_view:fast", inputs=(InputActivity("before"),))
    broken = Work("materialized_view:before", "Error", "code 69: too large")
    lite.engine.active = Activity(20_000, (), (quiet, broken))
    first, _ = await reasons(lite)
    assert first["code"] == "view_failed"
    assert first["text"] == ("The view before, which fills before, has failed: code 69: too large.")


async def test_unknown_ones_are_404_and_a_key_needs_the_permission(lite: Plane) -> None:
    for path in ("queries/none", "materialized_views/none"):
        assert (await lite.client.get(f"{API}/{path}/diagnosis")).status_code == 404
    body = {"name": "rows", "permissions": ["write:stream"]}
    key = (await lite.client.post(f"{API}/auth/api_keys", json=body)).json()["api_key"]
    async with lite.with_key(key) as narrow:
        for path in ("queries/x/diagnosis", "materialized_views/x/diagnosis", "topology/rates"):
            assert (await narrow.get(f"{API}/{path}")).status_code == 403, path


async def test_a_query_that_ended_says_so(lite: Plane) -> None:
    answer = await lite.client.post(
        f"{API}/queries/exec", json={"sql": "create view v as select 1"}
    )
    assert answer.status_code == 200, answer.text
    found = (await lite.client.get(f"{API}/queries/{answer.json()['id']}/diagnosis")).json()
    assert [one["code"] for one in found["reasons"]] == ["ended"]
