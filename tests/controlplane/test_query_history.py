"""The list of running and ended queries, narrowed by status, user and text."""

from __future__ import annotations

from tests.controlplane.conftest import API, Plane

QUERIES = f"{API}/queries"


async def ran(lite: Plane, params: dict[str, str]) -> list[str]:
    """The statements of the queries that fit."""
    answer = await lite.client.get(QUERIES, params=params)
    assert answer.status_code == 200, answer.text
    return [query["sql"] for query in answer.json()]


async def test_ended_queries_are_found_by_status_user_and_text(lite: Plane) -> None:
    await lite.stream("iot")
    views = [f"create view {name} as select cid from iot" for name in ("Fast", "slow")]
    for sql in views:
        assert (await lite.client.post(f"{QUERIES}/exec", json={"sql": sql})).status_code == 200
    assert await ran(lite, {}) == views
    assert await ran(lite, {"text": "FAST"}) == views[:1]
    assert await ran(lite, {"text": "nothing"}) == []
    assert await ran(lite, {"status": "finished"}) == views
    assert await ran(lite, {"status": "failed"}) == []
    assert await ran(lite, {"user": "admin", "text": "view slow"}) == views[1:]
    assert await ran(lite, {"user": "ann"}) == []
