"""No room for writes: they are refused with 507, everything else goes on, and it ends by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer

# The limit that makes any disk too full.
FULL = {
    "TAILRACE_DISK_FREE_STOP_FRACTION": "1.0",
    "TAILRACE_DISK_FREE_STOP_BYTES": str(1 << 60),
}


@pytest.mark.timeout(240)
def test_writes_are_refused_and_reads_go_on(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    server.create("kept", n="int64")
    server.ingest("kept", ["n"], [[1], [2]])
    assert server.stop() == 0

    server.environment = FULL
    server.start(probe="/healthz")
    body = {"columns": ["n"], "data": [[3]]}
    for path, request in (
        ("/streams/kept/ingest", body),
        ("/streams", {"name": "more", "columns": [{"name": "a", "type": "int8"}]}),
        ("/queries", {"sql": "insert into kept (n) values (4)"}),
    ):
        refused = server.call("POST", path, request)
        assert refused.status_code == 507, refused.text
        assert int(refused.headers["Retry-After"]) >= 1
        assert set(refused.json()) == {"code", "message", "system"}
        assert refused.json()["code"] == 243
    assert server.select("select n from table(kept) order by n") == [[1], [2]]
    assert [s["name"] for s in server.call("GET", "/streams").json()] == ["kept"]
    tail = Answer(server, "select n from kept where _tp_time > now() - 1h")
    assert tail.rows(2) == [[1], [2]]
    tail.close()
    assert server.stop() == 0

    server.environment = {}
    server.start()
    assert server.call("POST", "/streams/kept/ingest", body).status_code == 200
    assert server.select("select n from table(kept) order by n") == [[1], [2], [3]]
    assert server.stop() == 0
