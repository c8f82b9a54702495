"""TRUNCATE over REST: rows are gone for good, numbers count on, tails go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.server import Server
from tests.journeys.strict_sse import Answer

WAYS = (
    ("/exec", {"sql": "truncate stream s", "type": "ddl"}, 204),
    ("/queries/exec", {"sql": "TRUNCATE STREAM s"}, 200),
)


def refused(server: Server, path: str, name: str) -> dict[str, object]:
    """The body of a TRUNCATE that must be refused."""
    answer = server.call("POST", path, {"sql": f"truncate stream {name}", "type": "ddl"})
    assert answer.status_code == 400, answer.text
    return answer.json()


@pytest.mark.timeout(240)
def test_truncate_through_both_operations(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    server.create("s", n="int64")
    server.create("other", n="int64")
    server.ingest("other", ["n"], [[7]])
    tail = Answer(server, "select n from s")
    for number, (path, body, status) in enumerate(WAYS):
        server.ingest("s", ["n"], [[1], [2]])
        assert len(tail.rows(2)) == 2
        answer = server.call("POST", path, body)
        assert answer.status_code == status, answer.text
        if status == 200:
            assert answer.json()["status"] == "finished"
        assert server.select("select count() from table(s)") == [[0]]
        server.ingest("s", ["n"], [[3]])
        assert tail.rows(1) == [[3]]
        assert server.select("select n, _tp_sn from table(s)") == [[3, 2 * number + 1]]
        past = Answer(server, "select n from s settings seek_to = 'earliest'")
        assert past.rows(1) == [[3]]
        past.close()
        assert refused(server, path, "nobody")["code"] == 60
    assert server.select("select n from table(other)") == [[7]]
    tail.close()

    server.kill()
    server.start()
    assert server.select("select n, _tp_sn from table(s)") == [[3, 3]]
    assert server.select("select n from table(other)") == [[7]]
    server.stop()
